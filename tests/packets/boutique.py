"""Who calls whom in Online Boutique, Google's published demo of twelve services, and in the shop of our own examples.

Only the facts are taken over (names, listening ports, calls); policies and pods are our own. The original speaks TCP only, so one
call over UDP is added: checkout reports to the mailer's counter port, as services do to a statsd.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Service:
    """One service: where it runs, whose policy it is under, and which of its ports are declared."""

    namespace: str
    name: str
    ports: tuple[tuple[int, str], ...] = ()

    @property
    def listens(self) -> tuple[int, ...]:
        """Three ports on which its pod answers, TCP and UDP: the declared ones first, the rest declared by nobody."""
        declared = dict.fromkeys(number for number, _ in self.ports)
        return (*declared, 9000, 9001, 9002)[:3]

    def __str__(self) -> str:
        """Namespace and name."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Edge:
    """One way to reach a service, declared or not."""

    source: str
    target: str
    port: int
    protocol: str

    def __str__(self) -> str:
        """The edge in a line."""
        return f"{self.source} -> {self.target}:{self.port}/{self.protocol}"


_PORTS = {
    "frontend": 8080,
    "productcatalogservice": 3550,
    "currencyservice": 7000,
    "cartservice": 7070,
    "recommendationservice": 8080,
    "shippingservice": 50051,
    "checkoutservice": 5050,
    "adservice": 9555,
    "paymentservice": 50051,
    "emailservice": 8080,
    "redis-cart": 6379,
}
_CALLS = {
    "loadgenerator": ["frontend"],
    "frontend": [
        "productcatalogservice", "currencyservice", "cartservice", "recommendationservice", "shippingservice",
        "checkoutservice", "adservice",
    ],
    "recommendationservice": ["productcatalogservice"],
    "checkoutservice": [
        "productcatalogservice", "shippingservice", "paymentservice", "emailservice", "currencyservice", "cartservice",
    ],
    "cartservice": ["redis-cart"],
}  # fmt: skip
NAMESPACE = "boutique"
COUNTER = (8125, "UDP")


def _boutique(name: str) -> Service:
    ports = ((_PORTS[name], "TCP"),) if name in _PORTS else ()
    return Service(NAMESPACE, name, (*ports, COUNTER) if name == "emailservice" else ports)


def _edge(caller: str, called: str) -> Edge:
    return Edge(f"{NAMESPACE}/{caller}", f"{NAMESPACE}/{called}", _PORTS[called], "TCP")


BOUTIQUE = tuple(_boutique(name) for name in sorted({*_PORTS, *_CALLS}))
SHOP = (
    Service("shop", "web", ((8080, "TCP"),)),
    Service("shop", "orders", ((8080, "TCP"),)),
    Service("finance", "payments", ((8443, "TCP"),)),
)
BEFORE = frozenset(
    {
        *(_edge(caller, called) for caller, all_called in _CALLS.items() for called in all_called),
        Edge(f"{NAMESPACE}/checkoutservice", f"{NAMESPACE}/emailservice", *COUNTER),
    }
)
SHOP_EDGES = frozenset(
    {Edge("shop/web", "shop/orders", 8080, "TCP"), Edge("shop/orders", "finance/payments", 8443, "TCP")}
)
REMOVED = _edge("recommendationservice", "productcatalogservice")
ADDED = _edge("adservice", "currencyservice")
AFTER = BEFORE - {REMOVED} | {ADDED}


def every_way(services: tuple[Service, ...]) -> frozenset[Edge]:
    """Every ordered pair of services, on each of the called one's three ports, TCP and UDP."""
    return frozenset(
        Edge(str(source), str(target), port, protocol)
        for source in services
        for target in services
        if source != target
        for port in target.listens
        for protocol in ("TCP", "UDP")
    )
