"""The other end of an edge: what it is called, whether it can be read, and which pods it stands for.

Pods are always named by namespace AND labels in the same list element; as two elements they would mean either. The namespace
label `kubernetes.io/metadata.name` is the API server's own and cannot be forged.
"""

from typing import Final

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import LabelSelector, Peer
from bartizan.api.v1alpha1.network import PEER_KINDS
from bartizan.core.model import PolicyKey, PolicyView, Snapshot
from bartizan.core.select import is_empty, to_kube

NAMESPACE_LABEL: Final = "kubernetes.io/metadata.name"


def pods_peer(namespace: str, selector: LabelSelector) -> KubeObject:
    """Return the NetworkPolicy peer of the pods of one namespace that `selector` selects."""
    return {
        "namespaceSelector": {"matchLabels": {NAMESPACE_LABEL: namespace}},
        "podSelector": to_kube(selector),
    }


def selectors_of(policy: PolicyView, snapshot: Snapshot) -> tuple[LabelSelector, ...]:
    """Return what selects the policy's pods: its selector, and former ones while pods run that only those select."""
    return (policy.spec.workload.selector, *snapshot.former.get(policy.key, ()))


def policy_peers(policy: PolicyView, snapshot: Snapshot) -> tuple[KubeObject, ...]:
    """Return the NetworkPolicy peers that stand for a policy's pods."""
    return tuple(pods_peer(policy.namespace, selector) for selector in selectors_of(policy, snapshot))


def policy_key(peer: Peer, policy: PolicyView) -> PolicyKey | None:
    """Return which policy the peer of a rule in `policy` names; `self` is the policy itself; None for anything else."""
    if peer.self_ is not None:
        return policy.key
    if peer.service is not None:
        return (peer.namespace or policy.namespace, peer.service)
    return None


def gateway_key(peer: Peer, policy: PolicyView) -> tuple[str, str]:
    """Return namespace and name of the Gateway that a rule in `policy` names."""
    return (peer.namespace or policy.namespace, peer.gateway or "")


def peer_name(peer: Peer, policy: PolicyView) -> str:
    """Return what the status calls the peer."""
    key = policy_key(peer, policy)
    if key is not None:
        return "self" if key == policy.key else "/".join(key)
    if peer.workload is not None:
        return f"workload/{peer.workload.namespace}"
    if peer.cidr is not None:
        return f"cidr/{peer.cidr}"
    if peer.gateway is not None:
        return f"gateway/{'/'.join(gateway_key(peer, policy))}"
    if peer.fqdn is not None:
        return f"fqdn/{peer.fqdn}"
    plain = {"internet": peer.internet, "kubernetesAPI": peer.kubernetes_api, "cloudMetadata": peer.cloud_metadata}
    return next((kind for kind, value in plain.items() if value is not None), "unknown")


def peer_problem(peer: Peer) -> str | None:
    """Return why the peer cannot be read, with the fix, or None. The CRD's rules refuse the same at apply time."""
    kinds = dict(
        zip(
            PEER_KINDS,
            (
                peer.service,
                peer.workload,
                peer.self_,
                peer.gateway,
                peer.internet,
                peer.cidr,
                peer.fqdn,
                peer.kubernetes_api,
                peer.cloud_metadata,
            ),
            strict=True,
        )
    )
    given = [kind for kind, value in kinds.items() if value is not None]
    if len(given) != 1:
        return f"a peer names exactly one of {', '.join(kinds)}; this one names {', '.join(given) or 'none'}"
    if peer.workload is not None and is_empty(peer.workload.selector):
        return "workload.selector is empty and would mean every pod of the namespace: name at least one label"
    return None


def neighbours(policy: PolicyView) -> frozenset[PolicyKey]:
    """Return the other policies that `policy` names: a change of one of them may change what it may do."""
    network = policy.spec.network
    named = [policy_key(rule.from_, policy) for rule in network.ingress]
    named += [policy_key(rule.to, policy) for rule in network.egress]
    named += [(decision.namespace, decision.service) for decision in network.decisions]
    return frozenset(key for key in named if key is not None and key != policy.key)
