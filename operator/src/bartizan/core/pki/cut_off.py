"""Whose own certificate is of an authority that nobody accepts any more, or soon will not: those pods are replaced.

A Secret gets another certificate at once. A certificate that was made on the node is asked for again at half of its life, and
nothing makes the kubelet ask sooner (KEP-4317): only another pod gets one before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bartizan.core.conditions import Observation
from bartizan.core.model import TrustDomainView
from bartizan.core.observations import certificate as observed_as
from bartizan.core.pki.rotation import AuthorityPlan
from bartizan.core.reasons import Reason

_NAMED: Final = 3
_EMERGENCY: Final = "Emergency"
WHY: Final = "an authority that is not trusted any more signed its certificate"
"""Why such a pod is replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOff:
    """The pods that are concerned, by uid, and what is done about them."""

    uids: frozenset[str] = frozenset()
    asked: bool = False
    """Whether somebody distrusts authorities: only then anybody is replaced for it."""
    follows: bool = False
    """Whether another authority signs already; a pod that is made before that would get the same again."""

    @property
    def replaced(self) -> frozenset[str]:
        """Those that are to be replaced now."""
        return self.uids if self.asked and self.follows else frozenset()


def cut_off(view: TrustDomainView, plan: AuthorityPlan, own: Mapping[str, str]) -> CutOff:
    """Return whose certificate is of an authority that goes in an emergency, or is gone.

    `own` says by uid which authority (id) signed a pod's certificate, where that is known. While the key of an authority is
    lost, what is not at hand may be trusted all the same: then only those count that go.
    """
    if view.spec.external or not own:
        return CutOff()
    urgent = plan.record.cause == _EMERGENCY
    named = plan.record.from_ if urgent else ()
    going = frozenset({*named, *(one.id for one in plan.below(named))})
    accepted = frozenset(one.id for one in plan.issuing)
    uids = {uid for uid, one in own.items() if one in going or (one not in accepted and not plan.lost)}
    return CutOff(
        uids=frozenset(uids),
        asked=urgent or bool(view.spec.rotation.distrust),
        follows=plan.signer is not None and plan.signer.id not in going,
    )


def said_of(
    observation: Observation, found: CutOff, names: Sequence[str], *, total: int, steps: Sequence[str]
) -> Observation:
    """Return CertificateReady with the pods that are cut off, unless something else is wrong already.

    `names` are theirs, `total` is how many pods there are, and `steps` tell how far their replacement is.
    """
    if not names or observation.status != "True":
        return observation
    listed = ", ".join(names[:_NAMED]) + (f" and {more} more" if (more := len(names) - _NAMED) > 0 else "")
    message = (
        f"{len(names)} of {total} pods hold a certificate of an authority that is not trusted any more, and their nodes ask "
        f"for another one only at half of its life: {listed}; {_fix(found)}"
    )
    return observed_as("False", Reason.PODS_ON_DISTRUSTED_AUTHORITY, "; ".join((message, *steps)))


def _fix(found: CutOff) -> str:
    if not found.asked:
        return "delete them one after the other: the pods in their place get certificates of the present authority"
    if not found.follows:
        return "they are replaced as soon as the next authority signs"
    return "they are evicted one at a time, as their PodDisruptionBudget allows"
