"""Networks in a line, from objects as they stand in files."""

from typing import Any

from bartizan.api.names import KubeObject
from bartizan.core.network.graph import Network
from bartizan.core.network.graph_landscape import Assumptions, read_landscape
from bartizan.core.network.ports import PortRange
from bartizan.testing.builders import a_namespace, a_policy

HTTP = {"name": "http", "port": 8080}
TCP_8080 = PortRange(8080, 8080, "TCP")
EVERY_PORT = tuple(PortRange(1, 65535, protocol) for protocol in ("SCTP", "TCP", "UDP"))


def a_service_policy(key: str, *, ports: Any = (HTTP,), ingress: Any = (), egress: Any = ()) -> KubeObject:
    """Return the policy `namespace/name` of pods labelled `app: <name>`."""
    namespace, name = key.split("/")
    return a_policy(name, namespace, network={"ports": list(ports), "ingress": list(ingress), "egress": list(egress)})


def a_deployment(key: str, labels: dict[str, str] | None = None, **spec: Any) -> KubeObject:
    """Return a Deployment whose pods are labelled `app: <name>`."""
    namespace, name = key.split("/")
    template = {"metadata": {"labels": labels or {"app": name}}, "spec": {"containers": [], **spec}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"template": template},
    }


def a_network_policy(key: str, **spec: Any) -> KubeObject:
    """Return a NetworkPolicy that somebody else wrote."""
    namespace, name = key.split("/")
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"podSelector": {}, **spec},
    }


def a_network(*items: KubeObject, modes: dict[str, str | None] | None = None, **assumptions: Any) -> Network:
    """Return the network of `items`; their namespaces are enforced unless `modes` says otherwise."""
    names = {item["metadata"]["namespace"] for item in items if "namespace" in item["metadata"]}
    known = {**dict.fromkeys(sorted(names), "enforce"), **(modes or {})}
    namespaces = [a_namespace(name, mode) for name, mode in known.items()]
    return Network(read_landscape([*namespaces, *items], Assumptions(**assumptions)))


def the_shop(**changes: Any) -> Network:
    """Return web, which the internet calls and which calls orders, and payments, which nobody has agreed with yet."""
    return a_network(
        a_service_policy("shop/web", ingress=[{"from": {"internet": {}}}], egress=[{"to": {"service": "orders"}}]),
        a_service_policy(
            "shop/orders",
            ingress=[{"from": {"service": "web"}}],
            egress=[{"to": {"service": "payments", "namespace": "bank"}, "reason": "charge cards"}],
        ),
        a_service_policy("bank/payments"),
        **changes,
    )
