"""The closed set of condition types, reasons and modes, so that users can match on them and the docs can list them all.

A reason is API: it is never renamed, and a new one is added here together with its sentence in the reference.
"""

from enum import StrEnum


class Mode(StrEnum):
    """How a namespace is governed (label `bartizan.dev/enforcement`)."""

    ENFORCE = "Enforce"
    WARN = "Warn"
    AUDIT = "Audit"
    NOT_GOVERNED = "NotGoverned"


class ConditionType(StrEnum):
    """What is observed of a policy or trust domain."""

    READY = "Ready"
    NETWORK_ENFORCED = "NetworkEnforced"
    CERTIFICATE_READY = "CertificateReady"
    CERTIFICATE_SERVED = "CertificateServed"
    SECRETS_INJECTED = "SecretsInjected"
    CONSENT_COMPLETE = "ConsentComplete"
    IDENTITY_READY = "IdentityReady"


class Reason(StrEnum):
    """Why a condition has its status, or an edge its state."""

    # Ready
    APPLIED = "Applied"
    """Everything the policy declares is written."""
    NAMESPACE_NOT_GOVERNED = "NamespaceNotGoverned"
    """The namespace lacks the label that puts it under bartizan."""
    INVALID_SPEC = "InvalidSpec"
    """The object cannot be read as a policy; the message names the field."""
    NOT_READY = "NotReady"
    """Another condition of this object is not met; the message names it."""
    RECONCILE_FAILED = "ReconcileFailed"
    """The API server refused or could not take a write; it is tried again."""
    FIELD_CONFLICT = "FieldConflict"
    """An object of the same name belongs to somebody else and is left alone."""
    # NetworkEnforced
    NOT_PROVEN = "NotProven"
    """The NetworkPolicy is written; no probe has shown that packets obey it."""
    PROVEN = "Proven"
    """Probes have shown that what is declared passes and what is not declared does not."""
    PROBE_FAILED = "ProbeFailed"
    """A probe contradicts: an undeclared connection was made, or a declared one was not."""
    NOT_PROVABLE = "NotProvable"
    """No connection can show it: the edge is UDP, a range of ports or with a peer without a policy; or no probe may reach the
    port that serves the certificate."""
    HELD_IN_AUDIT = "HeldInAudit"
    """Pods ran before they were governed; they are not isolated yet because a declared edge would be cut."""
    ROLLING_OUT = "RollingOut"
    """Old and new hold side by side until nothing needs the old; the message says what is waited for."""
    REPORT_ONLY = "ReportOnly"
    """The namespace is in warn or audit mode: nothing is cut."""
    # CertificateReady
    ISSUED = "Issued"
    """The Secret holds a certificate that meets the policy."""
    PENDING = "Pending"
    """Not issued yet; the message says what is waited for."""
    TRUST_DOMAIN_NOT_FOUND = "TrustDomainNotFound"
    """The policy names a TrustDomain that does not exist."""
    AUTHORITY_NOT_READY = "AuthorityNotReady"
    """The TrustDomain has no authority that can sign."""
    CA_KEY_LOST = "CAKeyLost"
    """An authority's Secret is gone or unreadable; it is never made again silently."""
    SECRET_NOT_OURS = "SecretNotOurs"  # noqa: S105 -- a reason, not a password
    """A Secret of that name exists and belongs to somebody else."""
    SECRET_CONTESTED = "SecretContested"  # noqa: S105 -- a reason, not a password
    """Somebody else keeps changing the Secret; the message names the field manager. It is put right less and less often."""
    ISSUER_DENIED = "IssuerDenied"
    """The TrustDomain's external issuer, or whoever approves for it, said no; it is asked again later."""
    ISSUER_FAILED = "IssuerFailed"
    """The external issuer cannot be asked or could not sign; it is asked again later."""
    ISSUED_CERTIFICATE_REFUSED = "IssuedCertificateRefused"
    """What the external issuer signed is not what was asked for and is not published; the message names the rule."""
    # CertificateServed (and NotProvable, where nothing can see it)
    SERVED = "Served"
    """Every pod was seen to serve the present certificate."""
    SERVED_STALE = "ServedStale"
    """Pods were seen to serve an older certificate after the time they had to load the present one."""
    SERVED_FOREIGN = "ServedForeign"
    """Pods were seen to serve a certificate that bartizan did not issue for them."""
    NOT_TLS = "NotTLS"
    """The port that is to serve the certificate answers without TLS."""
    NOT_CONFIRMED = "NotConfirmed"
    """Not every pod was seen to serve the present certificate yet; the message says what is waited for."""
    # IdentityReady
    EXCLUSIVE = "Exclusive"
    """No other policy selects the same pods or writes the same Secret."""
    OVERLAPPING_POLICIES = "OverlappingPolicies"
    """Another policy selects the same pods or writes the same Secret; the message names it."""
    # SecretsInjected
    GATE_HOLDS = "GateHolds"
    """Pods get the annotations, and a pod without them is refused."""
    NONE_DECLARED = "NoneDeclared"
    """The policy declares none."""
    # ConsentComplete and edges
    MUTUAL = "Mutual"
    """Every edge between policies is declared on both sides."""
    PENDING_CONSENT = "PendingConsent"
    """The other policy does not declare its side."""
    CONSENT_DENIED = "ConsentDenied"
    """The other policy was asked and denied it."""
    CONSENT_EXPIRED = "ConsentExpired"
    """The other policy declared its side until a time that has passed."""
    EXPIRED = "Expired"
    """The rule's own `until` has passed."""
    PEER_NOT_FOUND = "PeerNotFound"
    """No policy of that name exists."""
    PORT_NOT_FOUND = "PortNotFound"
    """The policy has no port of that name, or no container does."""
    PORT_AMBIGUOUS = "PortAmbiguous"
    """A container port's name stands for different numbers in workloads of one policy; all of them are open."""
    FORBIDDEN_BY_BASELINE = "ForbiddenByBaseline"
    """The SecurityBaseline does not allow such a peer."""
    METADATA_CLOSED = "MetadataClosed"
    """The block holds the cloud's metadata addresses; they stay closed."""
    IP_SNAPSHOT = "IPSnapshot"
    """NetworkPolicy knows no names: the addresses that the name has now are open."""
    NAME_NOT_RESOLVED = "NameNotResolved"
    """The name has no public address, or DNS does not answer: nothing is open."""
    BACK_END_NOT_READY = "BackEndNotReady"
    """The network plugin's own object that is to carry the edge is not in force: nothing is known to be open."""
    UNSUPPORTED = "Unsupported"
    """NetworkPolicy cannot say such a peer."""
    RANGES_UNKNOWN = "RangesUnknown"
    """The addresses inside the cluster are not known, so what lies outside cannot be said."""


class GapType(StrEnum):
    """Which hole a gap is."""

    SHARED_IDENTITY = "SharedIdentity"
    """Several policies name one ServiceAccount, so their certificates cannot be told apart."""
    FOREIGN_ALLOW = "ForeignAllow"
    """A NetworkPolicy that is not bartizan's opens more than the policy declares."""
    BYPASS_BY_NODE_PORT = "BypassByNodePort"
    """A Service opens a port of every node to the pods."""
    BYPASS_BY_LOAD_BALANCER = "BypassByLoadBalancer"
    """A Service has a load balancer of its own in front of the pods."""
    BYPASS_BY_EXTERNAL_IPS = "BypassByExternalIPs"
    """A Service takes addresses from outside the cluster for the pods."""
    BYPASS_BY_HOST_PORT = "BypassByHostPort"
    """Pods of the service open a port of the node they run on."""
    BYPASS_BY_INGRESS = "BypassByIngress"
    """An Ingress leads clients to the service."""
    HOST_NETWORK_PEER = "HostNetworkPeer"
    """Pods on the network of their node, where no NetworkPolicy tells them from the node."""
    UNVERIFIED_PEER = "UnverifiedPeer"
    """A peer is named by labels that nobody vouches for."""
    PORT_FILTER_VOID_BY_MESH = "PortFilterVoidByMesh"
    """A mesh carries all ports through one, so that a NetworkPolicy cannot tell them apart."""
