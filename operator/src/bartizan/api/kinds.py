"""The kinds bartizan reads or writes, with the words their paths need.

A closed table instead of discovery: the operator's RBAC lists the same kinds, and a kind that is not here cannot be touched.
"""

from dataclasses import dataclass
from typing import Final

from bartizan.api.names import API_VERSION


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: what it is called in objects and in paths."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    def path(self, namespace: str = "", name: str = "") -> str:
        """Return the URL path of the collection or, with `name`, of the object."""
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{scope}/{self.plural}" + (f"/{name}" if name else "")


POLICY: Final = Kind(API_VERSION, "ServiceSecurityPolicy", "servicesecuritypolicies")
SECURITY_BASELINE: Final = Kind(API_VERSION, "SecurityBaseline", "securitybaselines", namespaced=False)
TRUST_DOMAIN: Final = Kind(API_VERSION, "TrustDomain", "trustdomains", namespaced=False)
POLICY_INDEX: Final = Kind(API_VERSION, "PolicyIndex", "policyindices")
NETWORK_POLICY: Final = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
SERVICE_CIDR: Final = Kind("networking.k8s.io/v1", "ServiceCIDR", "servicecidrs", namespaced=False)
INGRESS: Final = Kind("networking.k8s.io/v1", "Ingress", "ingresses")
NAMESPACE: Final = Kind("v1", "Namespace", "namespaces", namespaced=False)
NODE: Final = Kind("v1", "Node", "nodes", namespaced=False)
POD: Final = Kind("v1", "Pod", "pods")
SECRET: Final = Kind("v1", "Secret", "secrets")
CONFIG_MAP: Final = Kind("v1", "ConfigMap", "configmaps")
SERVICE: Final = Kind("v1", "Service", "services")
LEASE: Final = Kind("coordination.k8s.io/v1", "Lease", "leases")
ENDPOINT_SLICE: Final = Kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices")
DAEMON_SET: Final = Kind("apps/v1", "DaemonSet", "daemonsets")
ROLE: Final = Kind("rbac.authorization.k8s.io/v1", "Role", "roles")
EVENT: Final = Kind("events.k8s.io/v1", "Event", "events")
ROLE_BINDING: Final = Kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings")
DEPLOYMENT: Final = Kind("apps/v1", "Deployment", "deployments")
STATEFUL_SET: Final = Kind("apps/v1", "StatefulSet", "statefulsets")
JOB: Final = Kind("batch/v1", "Job", "jobs")
CRON_JOB: Final = Kind("batch/v1", "CronJob", "cronjobs")
CILIUM_NETWORK_POLICY: Final = Kind("cilium.io/v2", "CiliumNetworkPolicy", "ciliumnetworkpolicies")
CLUSTER_NETWORK_POLICY: Final = Kind(
    "policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy", "clusternetworkpolicies", namespaced=False
)
CERTIFICATE_REQUEST: Final = Kind("cert-manager.io/v1", "CertificateRequest", "certificaterequests")
SIGNING_REQUEST: Final = Kind(
    "certificates.k8s.io/v1", "CertificateSigningRequest", "certificatesigningrequests", namespaced=False
)
POD_TEMPLATE: Final = Kind("v1", "PodTemplate", "podtemplates")
CERTIFICATES: Final = ("certificates.k8s.io/v1", "certificates.k8s.io/v1beta1")
"""API versions of the kinds by which pods get certificates made on their node, the best first."""
POD_CERTIFICATE_REQUESTS: Final = {
    version: Kind(version, "PodCertificateRequest", "podcertificaterequests") for version in CERTIFICATES
}
CLUSTER_TRUST_BUNDLES: Final = {
    version: Kind(version, "ClusterTrustBundle", "clustertrustbundles", namespaced=False) for version in CERTIFICATES
}
VALIDATING_POLICY: Final = Kind(
    "admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", namespaced=False
)
VALIDATING_BINDING: Final = Kind(
    "admissionregistration.k8s.io/v1",
    "ValidatingAdmissionPolicyBinding",
    "validatingadmissionpolicybindings",
    namespaced=False,
)
MUTATING_POLICY: Final = Kind(
    "admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy", "mutatingadmissionpolicies", namespaced=False
)
MUTATING_BINDING: Final = Kind(
    "admissionregistration.k8s.io/v1",
    "MutatingAdmissionPolicyBinding",
    "mutatingadmissionpolicybindings",
    namespaced=False,
)

ALL: Final = (
    POLICY,
    SECURITY_BASELINE,
    TRUST_DOMAIN,
    POLICY_INDEX,
    NETWORK_POLICY,
    SERVICE_CIDR,
    INGRESS,
    NAMESPACE,
    NODE,
    POD,
    SECRET,
    CONFIG_MAP,
    SERVICE,
    LEASE,
    EVENT,
    ENDPOINT_SLICE,
    DAEMON_SET,
    ROLE,
    ROLE_BINDING,
    DEPLOYMENT,
    STATEFUL_SET,
    JOB,
    CRON_JOB,
    VALIDATING_POLICY,
    VALIDATING_BINDING,
    MUTATING_POLICY,
    MUTATING_BINDING,
    CILIUM_NETWORK_POLICY,
    CLUSTER_NETWORK_POLICY,
    CERTIFICATE_REQUEST,
    SIGNING_REQUEST,
    POD_TEMPLATE,
    *POD_CERTIFICATE_REQUESTS.values(),
    *CLUSTER_TRUST_BUNDLES.values(),
)
BACK_ENDS: Final = (
    CILIUM_NETWORK_POLICY,
    CLUSTER_NETWORK_POLICY,
    *POD_CERTIFICATE_REQUESTS.values(),
    *CLUSTER_TRUST_BUNDLES.values(),
)
"""Kinds that a cluster may lack: network plugins, newer versions and feature gates bring them, before bartizan or after it."""
BY_NAME: Final = {(kind.api_version, kind.kind): kind for kind in ALL}
