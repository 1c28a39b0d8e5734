"""What the cluster can do beyond plain Kubernetes, found by asking its discovery which kinds it serves.

It is shown in each policy's status, so that a person sees what could carry more than NetworkPolicy does. A kind that is served
is no proof that anybody obeys it: it decides what is written beside the NetworkPolicies, and takes nothing out of them alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


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
    pod_certificates: bool = False
    """PodCertificateRequest."""


SERVED_BY: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "cilium": (("cilium.io/v2", "ciliumnetworkpolicies"),),
    "cluster_network_policy": (("policy.networking.k8s.io/v1alpha2", "clusternetworkpolicies"),),
    "gateway_api": (("gateway.networking.k8s.io/v1", "gateways"),),
    "mutating_admission_policy": (("admissionregistration.k8s.io/v1", "mutatingadmissionpolicies"),),
    "pod_certificates": (
        ("certificates.k8s.io/v1", "podcertificaterequests"),
        ("certificates.k8s.io/v1beta1", "podcertificaterequests"),
    ),
}
"""For each capability, the API versions and plurals of which one must be served."""


def capabilities(served: Mapping[str, frozenset[str]]) -> Capabilities:
    """Return the capabilities of a cluster that serves these plurals, by API version."""
    return Capabilities(
        **{
            name: any(plural in served.get(version, frozenset()) for version, plural in ways)
            for name, ways in SERVED_BY.items()
        }
    )
