"""How people name the ends of a call on the command line: `shop/web`, `shop/web:8080/TCP`, `203.0.113.7:443`, `internet`."""

import difflib
import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from bartizan.api.v1alpha1 import Protocol
from bartizan.core.network.graph import Network
from bartizan.core.network.graph_addresses import Holder
from bartizan.core.network.graph_nodes import DNS, INTERNET, Node, NodeKind
from bartizan.core.network.graph_pairs import End
from bartizan.core.network.ports import PortRange
from bartizan.core.network.semantics import Endpoint
from bartizan.errors import BartizanError

_PROTOCOLS: Final[dict[str, Protocol]] = {"TCP": "TCP", "UDP": "UDP", "SCTP": "SCTP"}
_FORM: Final = "NS/NAME, an IP address, internet or dns"
_BRACKETED: Final = re.compile(r"\[(?P<address>[^\]]*)\](?::(?P<port>.*))?")


class TargetError(BartizanError):
    """An end or a port that does not exist, or cannot be read; the message says what was meant to stand there."""


@dataclass(frozen=True, slots=True)
class Target:
    """One end and, where one was named, the port."""

    node: Node
    port: PortRange | None = None
    address: str = ""
    """The block of one address, where the end is an address."""


def read_target(network: Network, text: str, *, port: bool) -> Target:
    """Return the end that `text` names; with `port` off, none may follow.

    Raises:
        TargetError: there is no such end or port.
    """
    name, asked = _split(text)
    if asked is not None and not port:
        raise TargetError(f"{text!r}: a port goes with the called side; write {name!r}")
    address = _address(name)
    node = _at(network, address) if address else _node(network, name)
    address = address if node.outside else ""
    network.add(node)
    if not node.ends:
        raise TargetError(f"{name} has no pods that could be judged: {node.note or 'nothing is left of the block'}")
    return Target(node, None if asked is None else _port(node, asked), address)


def _split(text: str) -> tuple[str, str | None]:
    """Return the name and the port; an IPv6 address takes brackets if a port follows."""
    if bracketed := _BRACKETED.fullmatch(text):
        return bracketed["address"], bracketed["port"]
    if text.count(":") > 1:
        return text, None
    name, colon, asked = text.partition(":")
    return name, asked if colon else None


def _address(name: str) -> str:
    try:
        address = ip_address(name)
    except ValueError:
        return ""
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        return f"{mapped}/32" if mapped else f"{address}/128"
    return f"{address}/32"


def _at(network: Network, address: str) -> Node:
    """Return the node of an address: the pod's that has it, or one outside the cluster.

    Raises:
        TargetError: it is inside the cluster, and who has it is not known for sure.
    """
    block, name = ip_network(address), address.partition("/")[0]
    holder = network.landscape.holders.get(name)
    if holder is None:
        inner = network.landscape.cluster_block(block)
        if inner:
            raise TargetError(
                f"{name} is inside the cluster ({inner} counts as its addresses; --cluster-cidr names them where they are "
                "not known), and who has it is not known, so it cannot be judged by address: name the service (NS/NAME)"
            )
        return network.address(block)
    found = _pods_like(network, holder) if holder.kind == "Pod" else []
    if len(found) == 1 and all(_is_like(holder, end) for end in found[0].ends):
        return found[0]
    instead = " or ".join(node.id for node in found) or "the service (NS/NAME)"
    raise TargetError(
        f"{name} is the address of {holder.kind} {holder.namespace}/{holder.name} inside the cluster and cannot be judged "
        f"by address: name {instead}"
    )


def _pods_like(network: Network, holder: Holder) -> list[Node]:
    """Return the nodes of which pods like this one are a part."""
    return [node for node in network.nodes.values() if any(_is_like(holder, end) for end in node.ends)]


def _is_like(holder: Holder, end: End) -> bool:
    """Whether NetworkPolicies cannot tell the pod from this end."""
    return isinstance(end, Endpoint) and (end.namespace, end.labels) == (holder.namespace, holder.labels)


def _node(network: Network, name: str) -> Node:
    nodes = network.nodes
    if name in {INTERNET, DNS}:
        return nodes[name]
    if name in nodes and nodes[name].kind is not NodeKind.CIDR:
        return nodes[name]
    namespace, _, rest = name.partition("/")
    found = [
        node
        for node in nodes.values()
        if node.kind is NodeKind.WORKLOAD and node.namespace == namespace and node.name.partition("/")[2] == rest
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise TargetError(f"{name} may be {' or '.join(node.id for node in found)}: write one of them")
    known = sorted(node.id for node in nodes.values() if not node.outside)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5) or known[:5]
    listed = f"; there is {', '.join(near)}" if near else ""
    raise TargetError(f"no policy and no workload {name!r} is given ({_FORM}){listed}")


def _port(node: Node, text: str) -> PortRange:
    number, slash, spelled = text.partition("/")
    protocol = _PROTOCOLS.get(spelled.upper()) if slash else None
    if slash and protocol is None:
        raise TargetError(f"protocol {spelled!r} of port {text!r} is none of {', '.join(_PROTOCOLS)}")
    if number.isascii() and number.isdecimal():
        if not 1 <= int(number) <= 65535:
            raise TargetError(f"port {number} is not between 1 and 65535")
        return PortRange(int(number), int(number), protocol or "TCP")
    named = {name: port for end in node.ends if isinstance(end, Endpoint) for name, port in end.named_ports.items()}
    if number not in named:
        known = ", ".join(f"{name} ({port}/{kind})" for name, (port, kind) in sorted(named.items()))
        raise TargetError(f"{node.id} has no port {number!r}; it has {known or 'none with a name: give the number'}")
    found, kind = named[number]
    if protocol and protocol != kind:
        raise TargetError(f"port {number} of {node.id} is {found}/{kind}, not {protocol}")
    return PortRange(found, found, _PROTOCOLS[kind])
