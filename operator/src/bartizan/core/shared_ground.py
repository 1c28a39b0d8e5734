"""What two policies of a namespace have in common that each should have alone: pods, a Secret, a ServiceAccount.

The webhook refuses an overlap where it is written. It may still come about: two writes at one moment, or the webhook away. Then
both policies say it, because each of their owners can mend it.
"""

from collections.abc import Iterable
from typing import Final

from bartizan.api.v1alpha1 import GapStatus
from bartizan.core.gaps.words import a_gap
from bartizan.core.model import PolicyView, Snapshot, WorkloadShape
from bartizan.core.overlap import Conflict, conflicts
from bartizan.core.reasons import GapType

_NAMED: Final = 5


def siblings(policy: PolicyView, snapshot: Snapshot) -> tuple[PolicyView, ...]:
    """Return the other policies of the policy's namespace, by name."""
    return tuple(other for other in snapshot.in_namespace(policy.namespace) if other.name != policy.name)


def overlaps(
    policy: PolicyView, others: Iterable[PolicyView], shapes: Iterable[WorkloadShape] = ()
) -> tuple[Conflict, ...]:
    """Return how the policy gets in the way of `others`: by what is written, or by pods and templates that both select."""
    return conflicts(policy, others, [{"metadata": {"name": one.origin, "labels": dict(one.labels)}} for one in shapes])


def shared_identity(policy: PolicyView, snapshot: Snapshot) -> tuple[GapStatus, ...]:
    """Return the gap of an account that several policies name: whoever trusts the certificate of one trusts them all."""
    sharing = [name for name in snapshot.naming(policy.namespace, policy.account) if name != policy.name]
    if not sharing:
        return ()
    named = ", ".join(sharing[:_NAMED]) + (f" and {len(sharing) - _NAMED} more" if len(sharing) > _NAMED else "")
    message = f"policy {named} names it too: their pods bear the same SPIFFE ID and cannot be told apart by it"
    return (a_gap(GapType.SHARED_IDENTITY, f"ServiceAccount {policy.namespace}/{policy.account}", message),)
