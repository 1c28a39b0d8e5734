"""The kinds of `bartizan.dev/v1alpha1`; `bartizan crd` renders the CRDs from these models and nothing else."""

from bartizan.api.v1alpha1.baseline import BaselineNetwork, BaselinePodSecurity, DnsService, SecurityBaselineSpec
from bartizan.api.v1alpha1.common import ApiModel, LabelSelector, Requirement
from bartizan.api.v1alpha1.identity import Identity, Mtls, SecretRef
from bartizan.api.v1alpha1.index import IndexEntry, PolicyIndexSpec
from bartizan.api.v1alpha1.network import (
    Decision,
    EgressPort,
    EgressRule,
    IngressRule,
    Network,
    Peer,
    Port,
    Protocol,
    WorkloadPeer,
)
from bartizan.api.v1alpha1.policy import PodSecurity, ServiceSecurityPolicySpec, Workload
from bartizan.api.v1alpha1.probes import ProbedFlow, ProbeReport
from bartizan.api.v1alpha1.secrets import SecretFile, SecretItem, Secrets, VaultSource
from bartizan.api.v1alpha1.status import (
    CapabilitiesStatus,
    CertificateStatus,
    Condition,
    EdgeStatus,
    EmittedObject,
    GapStatus,
    PolicyStatus,
    PolicySummary,
    RequestStatus,
)
from bartizan.api.v1alpha1.trust_domain import AuthorityStatus, TrustDomainSpec, TrustDomainStatus

__all__ = [
    "ApiModel",
    "AuthorityStatus",
    "BaselineNetwork",
    "BaselinePodSecurity",
    "CapabilitiesStatus",
    "CertificateStatus",
    "Condition",
    "Decision",
    "DnsService",
    "EdgeStatus",
    "EgressPort",
    "EgressRule",
    "EmittedObject",
    "GapStatus",
    "Identity",
    "IndexEntry",
    "IngressRule",
    "LabelSelector",
    "Mtls",
    "Network",
    "Peer",
    "PodSecurity",
    "PolicyIndexSpec",
    "PolicyStatus",
    "PolicySummary",
    "Port",
    "ProbeReport",
    "ProbedFlow",
    "Protocol",
    "RequestStatus",
    "Requirement",
    "SecretFile",
    "SecretItem",
    "SecretRef",
    "Secrets",
    "SecurityBaselineSpec",
    "ServiceSecurityPolicySpec",
    "TrustDomainSpec",
    "TrustDomainStatus",
    "VaultSource",
    "Workload",
    "WorkloadPeer",
]
