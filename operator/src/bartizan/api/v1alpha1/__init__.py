"""The kinds of `bartizan.dev/v1alpha1`; `bartizan crd` renders the CRDs from these models and nothing else."""

from bartizan.api.v1alpha1.baseline import BaselineNetwork, BaselinePodSecurity, DnsService, SecurityBaselineSpec
from bartizan.api.v1alpha1.common import ApiModel, LabelSelector, Requirement
from bartizan.api.v1alpha1.identity import Confirm, Identity, Mtls, OnRotation, SecretRef
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
from bartizan.api.v1alpha1.probes import ProbedFlow, ProbeReport, ServedSighting
from bartizan.api.v1alpha1.secrets import SecretFile, SecretItem, Secrets, VaultSource
from bartizan.api.v1alpha1.status import (
    CapabilitiesStatus,
    CertificatePods,
    CertificateStatus,
    Condition,
    EdgeStatus,
    EmittedObject,
    GapStatus,
    PolicyStatus,
    PolicySummary,
    RequestStatus,
    Restarted,
)
from bartizan.api.v1alpha1.trust_domain import AuthorityStatus, TrustDomainSpec, TrustDomainStatus

__all__ = [
    "ApiModel",
    "AuthorityStatus",
    "BaselineNetwork",
    "BaselinePodSecurity",
    "CapabilitiesStatus",
    "CertificatePods",
    "CertificateStatus",
    "Condition",
    "Confirm",
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
    "OnRotation",
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
    "Restarted",
    "SecretFile",
    "SecretItem",
    "SecretRef",
    "Secrets",
    "SecurityBaselineSpec",
    "ServedSighting",
    "ServiceSecurityPolicySpec",
    "TrustDomainSpec",
    "TrustDomainStatus",
    "VaultSource",
    "Workload",
    "WorkloadPeer",
]
