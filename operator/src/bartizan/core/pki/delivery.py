"""How certificate and key reach the pods of a policy: made for each pod on its node, or in a Secret for all of them.

The first is better (no key ever lies in etcd) and needs a cluster that can do it everywhere, because a pod must not depend on
which node it lands on. So the choice is one for the whole cluster, and says why where it is not the better one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from bartizan.api.names import KubeObject, signer_name
from bartizan.core.model import PolicyView, Snapshot, TrustDomainView

SHORTEST: Final = timedelta(hours=1)
"""The shortest lifetime that Kubernetes accepts of a pod certificate (k8s.io/api certificates/v1)."""
_SECOND: Final = timedelta(seconds=1)


class Delivery(StrEnum):
    """How a pod that is created now gets its certificate."""

    POD_CERTIFICATE = "PodCertificate"
    SECRET = "Secret"  # noqa: S105 -- a way of delivery, not a password


@dataclass(frozen=True, slots=True)
class Chosen:
    """The delivery of a policy."""

    delivery: Delivery
    lack: str = ""
    """What keeps pod certificates from being delivered. With `Delivery.POD_CERTIFICATE` nothing can be issued until that is
    mended: the policy insists on it."""


def delivery_of(policy: PolicyView, snapshot: Snapshot) -> Chosen:
    """Return how the policy's new pods get their certificate."""
    asked = policy.spec.mtls.delivery
    if asked == "Secret":
        return Chosen(Delivery.SECRET)
    domain = snapshot.trust_domains.get(policy.spec.identity.trust_domain)
    lack = snapshot.capabilities.pod_certificates_lack or _of_issuer(domain)
    if asked == "PodCertificate" or not lack:
        return Chosen(Delivery.POD_CERTIFICATE, lack)
    return Chosen(Delivery.SECRET, lack)


def pod_certificates(policies: Iterable[PolicyView], snapshot: Snapshot) -> Mapping[str, KubeObject]:
    """Return what the pods of the policies ask for, by the policy's name, where each gets a certificate of its own."""
    return {
        policy.name: demand(policy, snapshot.baseline.mtls.max_lifetime)
        for policy in policies
        if delivery_of(policy, snapshot).delivery is Delivery.POD_CERTIFICATE
    }


def demand(policy: PolicyView, longest: timedelta) -> KubeObject:
    """Return what a pod of the policy asks its node for, as it stands in the index."""
    lifetime = max(SHORTEST, min(policy.spec.mtls.lifetime, longest))
    return {
        "signer": signer_name(policy.spec.identity.trust_domain),
        "keyType": key_type(policy),
        "seconds": lifetime // _SECOND,
    }


def key_type(policy: PolicyView) -> str:
    """Return the kind of the pods' keys, as Kubernetes calls it."""
    return policy.spec.mtls.key.algorithm.upper()


def _of_issuer(domain: TrustDomainView | None) -> str:
    """Return what keeps the domain's issuer from answering nodes; a domain that does not exist yet keeps from nothing."""
    if domain is None or not domain.spec.external:
        return ""
    return f"TrustDomain {domain.name} has another issuer than bartizan itself"
