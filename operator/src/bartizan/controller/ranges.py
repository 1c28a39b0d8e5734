"""Gathers from the store what tells where the cluster's own addresses and servers are."""

from bartizan.api.kinds import DAEMON_SET, ENDPOINT_SLICE, NODE, SERVICE, SERVICE_CIDR
from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import SecurityBaselineSpec
from bartizan.core.endpoints import API_SERVICE
from bartizan.core.model import ClusterRanges
from bartizan.core.views import read_ranges
from bartizan.kube.store import Store


def stored_ranges(store: Store, baseline: SecurityBaselineSpec) -> ClusterRanges:
    """Return the cluster's ranges as the objects in `store` tell them."""
    servers = {baseline.network.dns.namespace, API_SERVICE[0]}
    return read_ranges(
        nodes=store.list(NODE),
        service_cidrs=store.list(SERVICE_CIDR),
        services=[item for place in sorted(servers) for item in store.list(SERVICE, namespace=place)],
        baseline=baseline,
        slices=store.list(ENDPOINT_SLICE),
        daemon_sets=store.list(DAEMON_SET),
    )


class NodeRanges:
    """What each Node adds. Its heartbeat changes the object every few minutes and its addresses never."""

    def __init__(self) -> None:
        """Know no Node."""
        self._known: dict[str, ClusterRanges] = {}

    def changed(self, name: str, item: KubeObject | None, baseline: SecurityBaselineSpec) -> bool:
        """Take in that a Node came, changed or went; return whether its addresses did."""
        after = read_ranges(nodes=[item] if item else [], service_cidrs=(), services=(), baseline=baseline)
        before = self._known.get(name, ClusterRanges())
        self._known[name] = after
        return before != after
