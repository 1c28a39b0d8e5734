"""Whose an object is that bartizan made: the key to look at when it changes or goes.

Labels tell, and where somebody took them off, the name does.
"""

from typing import Final

from bartizan.api.kinds import (
    CERTIFICATES,
    CILIUM_NETWORK_POLICY,
    CLUSTER_NETWORK_POLICY,
    NETWORK_POLICY,
    POLICY_INDEX,
    ROLE,
    ROLE_BINDING,
)
from bartizan.api.names import (
    BASELINE_NETWORK_POLICY,
    GROUP,
    POLICY_LABEL,
    KubeObject,
    api_access_name,
    network_policy_name,
)
from bartizan.controller.keys import TIERS_KEY, Key, namespace_key, pod_certificate_key, policy_key, trust_domain_key
from bartizan.core.model import ObjectRef
from bartizan.core.namespace import ACCESS_NAME, PROBES_NAME

_NETWORK_POLICY_PREFIX: Final = network_policy_name("")
_OF_CERTIFICATES: Final = frozenset({"PodCertificateRequest", "ClusterTrustBundle"})
_ACCESS_PREFIX, _ACCESS_SUFFIX = api_access_name("/").split("/")


def owner_of(ref: ObjectRef, item: KubeObject | None) -> Key | None:
    """Return the key of whoever keeps the object at `ref`, or None if nobody does."""
    labels = (item or {}).get("metadata", {}).get("labels") or {}
    if ref.kind == CLUSTER_NETWORK_POLICY.kind:
        return TIERS_KEY
    if ref.api_version in CERTIFICATES and ref.kind in _OF_CERTIFICATES:
        return _of_certificates(ref)
    if ref.kind == POLICY_INDEX.kind or ref.name in {BASELINE_NETWORK_POLICY, ACCESS_NAME, PROBES_NAME}:
        return namespace_key(ref.namespace)
    if POLICY_LABEL in labels:
        return policy_key((ref.namespace, labels[POLICY_LABEL]))
    if ref.kind in {NETWORK_POLICY.kind, CILIUM_NETWORK_POLICY.kind} and ref.name.startswith(_NETWORK_POLICY_PREFIX):
        return policy_key((ref.namespace, ref.name.removeprefix(_NETWORK_POLICY_PREFIX).partition(".")[0]))
    if ref.kind in {ROLE.kind, ROLE_BINDING.kind} and ref.name.endswith(_ACCESS_SUFFIX):
        return policy_key((ref.namespace, ref.name.removeprefix(_ACCESS_PREFIX).removesuffix(_ACCESS_SUFFIX)))
    return None


def _of_certificates(ref: ObjectRef) -> Key | None:
    """Return who looks at a request or a trust bundle; a bundle that is not of our signers is nobody's."""
    if ref.namespace:
        return pod_certificate_key(ref.namespace, ref.name)
    group, _, rest = ref.name.partition(":")
    return trust_domain_key(rest.partition(":")[0]) if group == GROUP else None
