"""What the controller itself refuses to do.

BartizanError
└── ControllerError
    ├── NotLeaderError          another replica writes; this one must not
    ├── LedgerBusyError         somebody else goes on changing the ledger of issued certificates
    ├── UnstableDecisionError   a certificate just issued would be issued again at once
    └── SourceDiedError         a source of events ended by itself; the process restarts
"""

from bartizan.errors import BartizanError


class ControllerError(BartizanError):
    """The controller can't go on with what it is doing."""


class NotLeaderError(ControllerError):
    """This replica does not hold the Lease (any more), so it writes nothing."""


class LedgerBusyError(ControllerError):
    """A row could not be added to the ledger of issued certificates, because it changed each time it was written."""


class UnstableDecisionError(ControllerError):
    """The decision about a certificate does not accept what was issued for it: going on would issue without end."""
