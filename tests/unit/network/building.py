"""Policies and snapshots in one line, written as users write them: the rules are the YAML of the API, as Python values."""

from typing import Any

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import LabelSelector, SecurityBaselineSpec
from bartizan.core.model import ClusterRanges, InvalidPolicy, PolicyView, Snapshot
from bartizan.core.network.compile import CompiledNetwork, compile_network
from bartizan.core.reasons import Mode
from bartizan.testing.builders import a_policy_view, a_snapshot

RANGES = ClusterRanges(pods=("10.244.0.0/16",), services=("10.96.0.0/16",), nodes=("192.168.7.4/32",))
HTTP = {"name": "http", "port": 8080}
GRPC = {"name": "grpc", "port": 9090}
GOSSIP = {"name": "gossip", "port": 7946, "protocol": "UDP"}


def a_policy(key: str, *, ports: Any = (), ingress: Any = (), egress: Any = (), selector: Any = None) -> PolicyView:
    """Return the policy `namespace/name` whose pods are labelled `app: <name>`."""
    namespace, name = key.split("/")
    network = {"ports": ports, "ingress": ingress, "egress": egress}
    chosen = {"workload": {"selector": selector}} if selector is not None else {}
    return a_policy_view(name, namespace, network=network, **chosen)


def a_world(
    *policies: PolicyView,
    ranges: ClusterRanges = RANGES,
    baseline: Any = None,
    modes: dict[str, Mode] | None = None,
    invalid: dict[tuple[str, str], InvalidPolicy] | None = None,
) -> Snapshot:
    """Return a snapshot with the policies; every namespace is enforced unless `modes` says otherwise."""
    floors = SecurityBaselineSpec.model_validate({"network": baseline or {}})
    return a_snapshot(*policies, namespaces=modes or {}, ranges=ranges, baseline=floors, invalid=invalid or {})


def compiled(policy: PolicyView, *others: PolicyView, **world: Any) -> CompiledNetwork:
    """Return what the first policy comes to among the others."""
    return compile_network(policy, a_world(policy, *others, **world))


def ingress_of(result: CompiledNetwork) -> list[KubeObject]:
    """Return the ingress rules written."""
    rules: list[KubeObject] = result.network_policy["spec"].get("ingress", [])
    return rules


def egress_of(result: CompiledNetwork) -> list[KubeObject]:
    """Return the egress rules written, less the one for the cluster's DNS."""
    rules: list[KubeObject] = result.network_policy["spec"]["egress"]
    return [rule for rule in rules if DNS_PODS not in rule["to"]]


def edges_of(result: CompiledNetwork) -> list[dict[str, Any]]:
    """Return the edges as they stand in a status."""
    return [edge.model_dump(by_alias=True, exclude_none=True, mode="json") for edge in result.edges]


def pods(key: str, selector: KubeObject | None = None) -> KubeObject:
    """Return the peer element of the pods of `namespace/app`."""
    namespace, app = key.split("/")
    return {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "podSelector": selector or {"matchLabels": {"app": app}},
    }


def tcp(port: int, end: int | None = None) -> KubeObject:
    """Return a TCP port entry."""
    return {"protocol": "TCP", "port": port} | ({"endPort": end} if end else {})


def udp(port: int, end: int | None = None) -> KubeObject:
    """Return a UDP port entry."""
    return {"protocol": "UDP", "port": port} | ({"endPort": end} if end else {})


def a_selector(**fields: Any) -> LabelSelector:
    """Return a label selector; `labels` are exact, `expressions` are (key, operator, values...)."""
    return LabelSelector.model_validate(
        {
            "matchLabels": fields.get("labels", {}),
            "matchExpressions": [
                {"key": key, "operator": operator, "values": values}
                for key, operator, *values in fields.get("expressions", [])
            ],
        }
    )


DNS_PODS = pods("kube-system/-", {"matchLabels": {"k8s-app": "kube-dns"}})
DNS_RULE = {"to": [DNS_PODS], "ports": [tcp(53), udp(53)]}
