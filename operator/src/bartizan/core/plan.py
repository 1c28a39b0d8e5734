"""The value a decision returns: which objects to apply, which to prune, what to say.

A plan carries no behaviour. It can be printed, compared and applied twice with the same result, and everything in it is
server-side apply under a named field manager.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from bartizan.api.names import KubeObject
from bartizan.core.model import ObjectRef, PolicyKey

FieldManager = Literal[
    "bartizan/networkpolicy",
    "bartizan/certificates",
    "bartizan/index",
    "bartizan/access",
    "bartizan/authority",
    "bartizan/serving",
    "bartizan/status",
    "bartizan/probes",
    "bartizan/ledger",
    "bartizan/pod-certificates",
    "bartizan/trust-bundle",
]
"""One writer and purpose each, so that `kubectl get --show-managed-fields` tells who wrote what."""


LOOK_AGAIN: Final = timedelta(seconds=60)
"""After how long an object in our way is looked at again: nothing tells us when somebody else's object goes."""
SOON: Final = timedelta(seconds=1)
"""After how long a step that waits for another key's step is tried again, should its event be missed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Apply:
    """Server-side apply of `item` by `manager`; `status` applies its status subresource."""

    item: KubeObject
    manager: FieldManager
    status: bool = False
    force: bool = False
    """Take fields over from another manager; only ever on objects that are bartizan's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Delete an object bartizan made and no longer needs, if it is still the one observed (`uid`)."""

    ref: ObjectRef
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One sentence for `kubectl describe`; repeated ones are aggregated by the recorder."""

    about: ObjectRef
    uid: str
    type: Literal["Normal", "Warning"]
    reason: str
    message: str
    action: str = "Reconcile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done, in order: applies, then deletes, then the status, then events."""

    applies: tuple[Apply, ...] = ()
    deletes: tuple[Delete, ...] = ()
    status: Apply | None = None
    events: tuple[Event, ...] = ()
    requeue_after: timedelta | None = None
    """Look again after this long (a renewal, a deadline); None: only when something changes."""
    waits_for: frozenset[PolicyKey] = frozenset()
    """The policies whose next NetworkPolicy this plan's key waits for: it looks again when one is written."""
