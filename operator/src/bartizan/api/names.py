"""The API's fixed words: group, labels, annotations and object names.

They are part of the contract with users (a label typed into a manifest must never change its spelling), so they live once,
below every other layer.
"""

from typing import Any, Final, TypeAlias

KubeObject: TypeAlias = dict[str, Any]
"""A Kubernetes object as the API server speaks it: JSON, nothing validated, nothing dropped."""

GROUP: Final = "bartizan.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

ENFORCEMENT_LABEL: Final = f"{GROUP}/enforcement"
"""On a namespace: `enforce`, `warn` or `audit` makes it governed."""
POLICY_LABEL: Final = f"{GROUP}/policy"
"""On an emitted object: the name of the policy that owns it."""
POLICY_NAMESPACE_LABEL: Final = f"{GROUP}/policy-namespace"
"""On an object without a namespace: the namespace of the policy it was made for."""
MANAGED_BY_LABEL: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "bartizan"
HASH_ANNOTATION: Final = f"{GROUP}/desired-hash"
"""On an emitted object: SHA-256 of what bartizan meant it to be."""

PROBE_LABEL: Final = f"{GROUP}/probe"
"""On a probe pod: the name of the policy whose network it tries. By itself the label grants nothing."""

TRUST_DOMAIN_LABEL: Final = f"{GROUP}/trust-domain"
"""On an authority's Secret: the TrustDomain object it belongs to."""
AUTHORITY_ROLE_LABEL: Final = f"{GROUP}/authority-role"
"""On an authority's Secret: `root` or `issuing`."""
AUTHORITY_GENERATION_LABEL: Final = f"{GROUP}/authority-generation"
"""On an authority's Secret: counts up from 1 within its role."""
LEDGER_LABEL: Final = f"{GROUP}/ledger"
"""On the ConfigMaps that say which certificates were issued: `issued`."""
STAGE_LABEL: Final = f"{GROUP}/stage"
"""On a ClusterTrustBundle: `live` is what pods verify their peers by."""
LIVE_STAGE: Final = "live"

BASELINE_NETWORK_POLICY: Final = "bartizan-baseline"
METADATA_NETWORK_POLICY: Final = "bartizan-metadata"
"""The ClusterNetworkPolicy that closes the cloud's metadata addresses; the one below everything is `bartizan-baseline`, too."""
INDEX_NAME: Final = "index"
DEFAULT_NAME: Final = "default"
"""The name of the one SecurityBaseline and of the TrustDomain the chart makes."""

IDENTITY_VOLUME: Final = "bartizan-identity"
IDENTITY_MOUNT_PATH: Final = "/var/run/secrets/bartizan.dev/tls"
VAULT: Final = "vault.hashicorp.com/"
"""Prefix of the annotations that the Vault Agent Injector reads from a pod."""

SYSTEM_NAMESPACES: Final = ("kube-system", "kube-public", "kube-node-lease")
"""Never governed, by their immutable `kubernetes.io/metadata.name`; the release's own namespace joins them at run time."""


def api_access_name(policy: str) -> str:
    """Return the name of the Role and RoleBinding that hold `policy`'s rights at the API server."""
    return f"ssp-{policy}-api"


def signer_name(trust_domain: str) -> str:
    """Return the name under which nodes ask for certificates of the TrustDomain of that name (KEP-4317)."""
    return f"{GROUP}/{trust_domain}"


def trust_domain_of(signer: str) -> str:
    """Return the TrustDomain that `signer` stands for; empty for a signer that is not ours."""
    group, slash, name = signer.partition("/")
    return name if slash and group == GROUP else ""


def trust_bundle_name(trust_domain: str) -> str:
    """Return the name of the ClusterTrustBundle that pods read, in the form the signer's name asks for (KEP-3257)."""
    return f"{GROUP}:{trust_domain}:{LIVE_STAGE}"


def network_policy_name(policy: str) -> str:
    """Return the name of the NetworkPolicy that holds `policy`'s isolation and allows."""
    return f"ssp-{policy}"
