"""What the cluster can do beyond plain Kubernetes, found by asking its discovery which kinds it serves.

It is shown in each policy's status, so that a person sees what could carry more than NetworkPolicy does. A kind that is served
is no proof that anybody obeys it: it decides what is written beside the NetworkPolicies, and takes nothing out of them alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bartizan.api.kinds import CERTIFICATES
from bartizan.api.v1alpha1 import CapabilitiesStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """Which further kinds the API server serves."""

    cilium: bool = False
    """CiliumNetworkPolicy."""
    cluster_network_policy: bool = False
    """ClusterNetworkPolicy of the network-policy API."""
    gateway_api: bool = False
    """Gateways."""
    mutating_admission_policy: bool = False
    """MutatingAdmissionPolicy, by which pods are injected."""
    certificates_version: str = ""
    """The API version that serves PodCertificateRequest and ClusterTrustBundle; empty: none does."""
    pod_certificates_lack: str = "the cluster has not been asked yet"
    """Why pods can't get certificates whose keys are made on their node; empty: they can."""

    @property
    def pod_certificates(self) -> bool:
        """Whether pods can get certificates whose keys are made on their node."""
        return not self.pod_certificates_lack

    @property
    def status(self) -> CapabilitiesStatus:
        """What a policy's status says of it."""
        return CapabilitiesStatus(
            cilium=self.cilium,
            cluster_network_policy=self.cluster_network_policy,
            gateway_api=self.gateway_api,
            mutating_admission_policy=self.mutating_admission_policy,
            pod_certificates=self.pod_certificates,
            pod_certificates_lack=self.pod_certificates_lack or None,
        )


SERVED_BY: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "cilium": (("cilium.io/v2", "ciliumnetworkpolicies"),),
    "cluster_network_policy": (("policy.networking.k8s.io/v1alpha2", "clusternetworkpolicies"),),
    "gateway_api": (("gateway.networking.k8s.io/v1", "gateways"),),
    "mutating_admission_policy": (("admissionregistration.k8s.io/v1", "mutatingadmissionpolicies"),),
}
"""For each capability, the API versions and plurals of which one must be served."""
_POD_CERTIFICATES: Final = frozenset({"podcertificaterequests", "clustertrustbundles"})
ASKED: Final = tuple(sorted({version for ways in SERVED_BY.values() for version, _ in ways} | {*CERTIFICATES}))
"""The API versions whose kinds tell."""


def capabilities(served: Mapping[str, frozenset[str]], *, pod_certificates_lack: str) -> Capabilities:
    """Return the capabilities of a cluster that serves these plurals, by API version."""
    return Capabilities(
        **{
            name: any(plural in served.get(version, frozenset()) for version, plural in ways)
            for name, ways in SERVED_BY.items()
        },
        certificates_version=certificates_version(served),
        pod_certificates_lack=pod_certificates_lack,
    )


def certificates_version(served: Mapping[str, frozenset[str]]) -> str:
    """Return the best API version that serves both kinds that pod certificates need; empty if none does."""
    return next((one for one in CERTIFICATES if served.get(one, frozenset()) >= _POD_CERTIFICATES), "")
