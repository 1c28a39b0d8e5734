"""What the controller itself refuses to do.

BartizanError
└── ControllerError
    ├── NotLeaderError          another replica writes; this one must not
    ├── UnstableDecisionError   a certificate just issued would be issued again at once
    └── SourceDiedError         a source of events ended by itself; the process restarts
"""

from bartizan.errors import BartizanError


class ControllerError(BartizanError):
    """The controller can't go on with what it is doing."""


class NotLeaderError(ControllerError):
    """This replica does not hold the Lease (any more), so it writes nothing."""


class UnstableDecisionError(ControllerError):
    """The decision about a certificate does not accept what was issued for it: going on would issue without end."""
