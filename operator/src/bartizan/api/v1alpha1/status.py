"""What bartizan says back: conditions, edges, certificate, emitted objects. Never a secret value."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from bartizan.api.v1alpha1.common import ApiModel
from bartizan.api.v1alpha1.probes import ProbeReport


class Condition(ApiModel):
    """One observation, as in `metav1.Condition`."""

    type: str = Field(max_length=316)
    """What is observed."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    observed_generation: int = 0
    """The generation it was observed at."""
    last_transition_time: datetime
    """When `status` last changed."""
    reason: str = Field(pattern=r"^[A-Z][A-Za-z0-9]*$", max_length=128)
    """Why, from a closed and documented set."""
    message: str = Field(max_length=4096)
    """Why, in a sentence for a person, with the fix."""


Conditions = Annotated[
    tuple[Condition, ...],
    Field(max_length=32, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
]
"""Conditions, at most one of each type."""


class EdgeStatus(ApiModel):
    """One declared edge and how far it has come."""

    from_: str | None = Field(default=None, alias="from")
    """The caller, for an ingress edge."""
    to: str | None = None
    """The called side, for an egress edge."""
    ports: tuple[str, ...] = ()
    """Port and protocol, such as `8443/TCP`."""
    state: Literal["Applied", "Enforced", "PendingConsent", "Degraded", "Denied", "Expired"]
    """Applied: written. Enforced: written, and probes have shown that packets obey it. PendingConsent: the other side has not
    declared it. Expired: it ended. Degraded, Denied: see reason."""
    reason: str | None = None
    """Why it is not simply applied, from a closed set."""
    message: str | None = None
    """The same for a person; or the reason the policy gives for the edge."""
    proven: datetime | None = None
    """When the probes were made that prove an enforced edge; the older of both ends' runs."""
    until: datetime | None = None
    """When the edge closes by itself, or a port of it does, whichever side says so; for an expired one when it closed."""


class RequestStatus(ApiModel):
    """A caller that asks for this service and waits for consent."""

    from_: str = Field(alias="from")
    """The caller, as `namespace/name` of its policy."""
    ports: tuple[str, ...] = ()
    """The ports it waits for, by this policy's own names."""
    reason: str | None = None
    """Why, in the caller's words."""
    since: datetime
    """When the request was first seen."""
    until: datetime | None = None
    """When the caller's own rule ends."""


class GapStatus(ApiModel):
    """A hole in the posture that bartizan sees and the policy alone cannot close."""

    type: str = Field(max_length=64)
    """Which hole, from a closed set."""
    object: str = Field(max_length=384)
    """What makes it, as `Kind namespace/name`."""
    message: str = Field(max_length=1024)
    """What it means for this service."""
    fix: str = Field(max_length=1024)
    """What closes it."""


class CertificatePods(ApiModel):
    """How far the certificate has come in the policy's pods."""

    total: int = 0
    """The policy's pods that run; where each has a certificate of its own, those that ask for one."""
    on_current_authority: int = 0
    """Those that were seen to serve a certificate of the authority that signed the present one; where each has a certificate of
    its own, those for which the present issuing authority has signed, by the ledger."""
    serving: int = 0
    """Those that were seen to serve the present certificate."""
    stale: int = 0
    """Those that were seen to serve an older one."""
    seen: datetime | None = None
    """When a pod was asked last."""


class Restarted(ApiModel):
    """The pod that was last asked to leave, so that its successor loads the present certificate."""

    pod: str
    """Its name."""
    uid: str
    """Its uid."""
    at: AwareDatetime
    """When it was chosen."""
    of: int
    """How many pods the policy had then: the next one leaves when as many are ready again."""


class CertificateStatus(ApiModel):
    """The certificate in force; of certificates that each pod has for itself, what they have in common."""

    delivery: Literal["PodCertificate", "Secret"] = "Secret"
    """How new pods get it."""
    key_exposure: Literal["etcd", "none"] = "etcd"
    """Where a private key lies outside of the pods' nodes: etcd, as long as there is a Secret; or none."""
    secret_name: str | None = None
    """The Secret that holds it; left out where there is none."""
    spiffe_id: str = Field(alias="spiffeID")
    """Whom it names."""
    dns_names: tuple[str, ...] = ()
    """DNS names in it."""
    serial: str | None = None
    """The serial number of the one in the Secret, hex."""
    authority: str
    """The id of the issuing authority; without a Secret, of the one that signs now."""
    not_before: datetime | None = None
    """From when the one in the Secret is valid."""
    not_after: datetime | None = None
    """Until when the one in the Secret is valid."""
    next_renewal: datetime | None = None
    """When the next one will be issued into the Secret."""
    pods: CertificatePods | None = None
    """How far it has come in the pods."""
    restarted: Restarted | None = None
    """Which pod was last evicted for it."""


class EmittedObject(ApiModel):
    """One object that bartizan keeps for the policy."""

    kind: str
    """Its kind."""
    name: str
    """Its name, in the policy's namespace."""
    hash: str
    """SHA-256 of what it is meant to be, the first 16 hex digits."""


class CapabilitiesStatus(ApiModel):
    """Which further kinds the cluster serves, as last asked."""

    cilium: bool = False
    """CiliumNetworkPolicy, cilium.io/v2."""
    cluster_network_policy: bool = False
    """ClusterNetworkPolicy, policy.networking.k8s.io/v1alpha2."""
    gateway_api: bool = Field(default=False, alias="gatewayAPI")
    """Gateways, gateway.networking.k8s.io/v1."""
    mutating_admission_policy: bool = False
    """MutatingAdmissionPolicy, admissionregistration.k8s.io/v1."""
    pod_certificates: bool = False
    """Whether pods can get certificates whose keys are made on their node: PodCertificateRequest and ClusterTrustBundle of
    certificates.k8s.io are served, the API server keeps such volumes, and every node is new enough."""
    pod_certificates_lack: str | None = None
    """What is missing for that."""


class PolicySummary(ApiModel):
    """Counts for the printer columns."""

    edges: int = 0
    """All declared edges."""
    applied: int = 0
    """Edges written on both sides, enforced ones included."""
    enforced: int = 0
    """Edges that probes have proven."""
    pending: int = 0
    """Edges that wait for the other side."""
    degraded: int = 0
    """Edges that are narrower than declared."""
    expired: int = 0
    """Edges that have ended by themselves."""
    requests: int = 0
    """Callers that wait for this policy's consent."""
    gaps: int = 0
    """Holes found."""


class PolicyStatus(ApiModel):
    """The status of a ServiceSecurityPolicy."""

    observed_generation: int = 0
    """The generation this status speaks of."""
    mode: str = "NotGoverned"
    """Enforce, Warn, Audit, or NotGoverned: the namespace's."""
    conditions: Conditions = ()
    """Ready, NetworkEnforced, IdentityReady, CertificateReady, CertificateServed, SecretsInjected, ConsentComplete."""
    summary: PolicySummary = PolicySummary()
    """Counts."""
    edges: tuple[EdgeStatus, ...] = Field(default=(), max_length=50)
    """The edges, at most 50; the summary counts all."""
    requests: tuple[RequestStatus, ...] = Field(default=(), max_length=50)
    """Callers that wait for this policy's consent, longest waiting first, at most 50; the summary counts all."""
    gaps: tuple[GapStatus, ...] = Field(default=(), max_length=50)
    """Named holes, at most 50; the summary counts all."""
    certificate: CertificateStatus | None = None
    """The certificate in force."""
    capabilities: CapabilitiesStatus | None = None
    """What the cluster can do; left out for a policy of which nothing is made."""
    emitted: tuple[EmittedObject, ...] = ()
    """What bartizan keeps for this policy."""
    probes: ProbeReport | None = None
    """What the prober saw last, if it is installed. The prober writes it, the controller reads it."""
    held_until: AwareDatetime | None = None
    """Until when the first isolation of running pods waits for declared edges, at most; absent: it does not wait."""
