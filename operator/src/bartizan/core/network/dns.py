"""The one thing every service may do: ask the cluster's DNS.

The rule names the DNS pods by namespace and labels together, on the ports where they listen, and the addresses of the DNS
Service and of a node-local cache for plugins that judge a packet before its Service address is rewritten. An open port 53
would be a tunnel out of the cluster, and on some clouds a metadata address answers DNS too: it is closed here like anywhere
else.
"""

from typing import Final

from bartizan.core.model import Snapshot
from bartizan.core.network.peers import pods_peer
from bartizan.core.network.ports import PortRange
from bartizan.core.network.ranges import METADATA, block_peer, cut, read_block
from bartizan.core.network.verdicts import Grant
from bartizan.core.select import is_empty

DNS_PORTS: Final = frozenset({PortRange(53, 53, "UDP"), PortRange(53, 53, "TCP")})
"""RFC 7766: TCP is as much part of DNS as UDP."""


def dns_pod_ports(snapshot: Snapshot) -> frozenset[PortRange]:
    """Return the ports on which the DNS pods listen, as their Service leads to them; 53 if nothing tells."""
    told = frozenset(PortRange(number, number, protocol) for number, protocol in snapshot.ranges.dns_ports)
    return told or DNS_PORTS


def dns_grants(snapshot: Snapshot) -> tuple[Grant, ...]:
    """Return what every policy's pods may ask for names."""
    dns = snapshot.baseline.network.dns
    pods = [] if is_empty(dns.selector) else [Grant(pods_peer(dns.namespace, dns.selector), dns_pod_ports(snapshot))]
    peers = []
    for text in (*snapshot.ranges.dns_addresses, *dns.addresses):
        block = read_block(text)
        excepts = None if block is None else cut(block, METADATA)
        if block is not None and excepts is not None:
            peers.append(block_peer(block, excepts))
    return (*pods, *(Grant(peer, DNS_PORTS) for peer in peers))
