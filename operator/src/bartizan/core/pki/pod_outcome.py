"""What is said and done about a policy whose pods have certificates of their own.

Its Secret, from the time before, stays until nothing refers to it and new pods surely don't get it any more; then it goes, and
with it the last private key in etcd.
"""

from dataclasses import dataclass, replace
from typing import Final

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import CertificateStatus
from bartizan.api.v1alpha1.status import CertificatePods
from bartizan.core.conditions import Observation
from bartizan.core.observations import certificate as observed_as
from bartizan.core.ownership import removal
from bartizan.core.pki.delivery import Chosen, Delivery
from bartizan.core.pki.profile import LeafProfile
from bartizan.core.plan import LOOK_AGAIN
from bartizan.core.posture import CertificateOutcome, soonest
from bartizan.core.reasons import Reason

_FIX: Final = "mend that, or set spec.mtls.delivery to Auto or Secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodsObserved:
    """What there is of a policy's certificates."""

    total: int
    """Pods that ask for a certificate of their own."""
    on_current_authority: int
    """Those whose certificate the present authority is known to have signed."""
    secrets: tuple[KubeObject, ...]
    """The policy's certificate Secrets."""
    referred: frozenset[str]
    """The names of those that a pod refers to."""
    injected: bool
    """Whether new pods get certificates of their own already."""


def not_possible(chosen: Chosen, secret: CertificateOutcome | None) -> CertificateOutcome:
    """Return the outcome where the policy insists on certificates made on the node and the cluster cannot do that.

    `secret` is the outcome of the Secret that pods from before still refer to: it is kept up all the same.
    """
    said = observed_as("False", Reason.DELIVERY_NOT_POSSIBLE, f"{chosen.lack}; {_FIX}")
    return replace(secret, observation=said) if secret else CertificateOutcome(observation=said)


def pod_outcome(
    profile: LeafProfile, authority: str, observed: PodsObserved, secret: CertificateOutcome | None
) -> CertificateOutcome:
    """Return the outcome; `secret` is that of the Secret, where it is still kept."""
    before = secret.status if secret else None
    unknown = observed.on_current_authority < observed.total
    status = CertificateStatus(
        delivery=Delivery.POD_CERTIFICATE.value,
        key_exposure="etcd" if secret or observed.secrets else "none",
        spiffe_id=profile.spiffe_id,
        dns_names=profile.dns_names,
        authority=authority,
        pods=CertificatePods(total=observed.total, on_current_authority=observed.on_current_authority),
        **({name: getattr(before, name) for name in _OF_SECRET} if before else {}),
    )
    spent = (item for item in observed.secrets if item["metadata"]["name"] not in observed.referred)
    return CertificateOutcome(
        observation=_observation(profile, secret),
        applies=secret.applies if secret else (),
        deletes=tuple(delete for item in spent for delete in removal(item)) if observed.injected else (),
        status=status,
        emitted=secret.emitted if secret else None,
        look_after=soonest((secret.look_after if secret else None, LOOK_AGAIN if unknown else None)),
    )


_OF_SECRET: Final = ("secret_name", "serial", "not_before", "not_after", "next_renewal")


def _observation(profile: LeafProfile, secret: CertificateOutcome | None) -> Observation:
    if secret and secret.observation.status != "True":
        return secret.observation
    message = f"each pod gets a certificate of its own for {profile.spiffe_id}, whose key is made on its node"
    if secret:
        message += "; pods from before still use the Secret, which is kept for them"
    return observed_as("True", Reason.ISSUED_TO_PODS, f"{message}{profile.left_out}")
