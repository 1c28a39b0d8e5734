"""One cluster, one network namespace: its commands as values, and the choice of a subnet nobody uses.

The veth pair is the only way in or out. The host end answers for webhooks that run on the host; nothing is
routed beyond it.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable
from pathlib import Path

from cluster.commands import quietly, run
from cluster.errors import ClusterError
from cluster.layout import Layout

NETNS_FOLDER = Path("/run/netns")
QUEUE = "100"
_INDEXES = range(1, 255)


def inside(netns: str, argv: Iterable[str]) -> list[str]:
    """Prefix a command so that it runs in the namespace.

    `nsenter`, not `ip netns exec`: the latter mounts a fresh /sys, which hides the cgroup mounts from the kubelet.
    """
    return ["nsenter", f"--net={NETNS_FOLDER / netns}", "--", *argv]


def create_commands(layout: Layout) -> list[list[str]]:
    """Return the commands that make the namespace and the veth pair."""
    host, cluster, netns = layout.host_link, layout.cluster_link, layout.netns
    return [
        ["ip", "netns", "add", netns],
        ["ip", "link", "add", host, "type", "veth", "peer", "name", cluster, "netns", netns],
        ["ip", "addr", "add", f"{layout.host_ip}/24", "dev", host],
        ["ip", "link", "set", host, "up"],
        ["ip", "-n", netns, "addr", "add", f"{layout.cluster_ip}/24", "dev", cluster],
        ["ip", "-n", netns, "link", "set", cluster, "up"],
        ["ip", "-n", netns, "link", "set", "lo", "up"],
        ["ip", "-n", netns, "route", "add", "default", "via", layout.host_ip],
    ]


def delete_commands(netns: str, host_link: str) -> list[list[str]]:
    """Return the commands that remove what `create_commands` made; each may find nothing."""
    return [["ip", "link", "del", host_link], ["ip", "netns", "del", netns]]


def forwarding_command(netns: str) -> list[str]:
    """Return the command that lets the node route, and lets iptables see packets between pods of one bridge."""
    script = (
        "echo 1 > /proc/sys/net/ipv4/ip_forward; "
        "if [ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]; then "
        "echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables; fi"
    )
    return inside(netns, ["sh", "-c", script])


def enforcement_commands(layout: Layout) -> list[list[str]]:
    """Return the rules that hand every new connection of a pod to the NetworkPolicy enforcer.

    The enforcer would write nftables rules itself, but not every kernel has nftables' `queue` expression. The INPUT
    rule covers connections of pods to the API server, which lives on the node's own address here and on another
    machine elsewhere: a policy that forgets it must fail here too.
    """
    new = ["-m", "conntrack", "--ctstate", "NEW", "-j", "NFQUEUE", "--queue-num", QUEUE]
    return [
        inside(layout.netns, ["iptables", "-w", "-I", "FORWARD", *new]),
        inside(layout.netns, ["iptables", "-w", "-I", "INPUT", "-i", "cni0", *new]),
    ]


def free_index(used: Iterable[int], addresses: Iterable[str]) -> int:
    """Return the lowest third byte whose subnet neither a known cluster nor any address or route covers.

    Raises:
        ClusterError: all 254 are taken.
    """
    taken = set(used)
    networks = [ipaddress.IPv4Network(address, strict=False) for address in addresses]
    for index in _INDEXES:
        subnet = ipaddress.IPv4Network(f"10.78.{index}.0/24")
        if index not in taken and not any(subnet.overlaps(network) for network in networks):
            return index
    raise ClusterError("no subnet 10.78.N.0/24 is free: stop a cluster with `python -m cluster down --all`")


def host_networks() -> list[str]:
    """Return every IPv4 network the host has a route to, other than the default route."""
    routes = json.loads(run(["ip", "-j", "-4", "route", "show", "table", "all"]).stdout)
    return [r["dst"] for r in routes if r["dst"][:1].isdigit() and r["dst"] != "0.0.0.0/0"]


def create(layout: Layout) -> None:
    """Make the namespace and the veth pair."""
    for command in create_commands(layout):
        run(command)
    run(forwarding_command(layout.netns))


def delete(netns: str, host_link: str) -> None:
    """Remove namespace and veth pair; nothing happens where there are none."""
    for command in delete_commands(netns, host_link):
        quietly(command)


def pids(netns: str) -> list[int]:
    """Return the processes that live in the namespace, whoever started them."""
    done = run(["ip", "netns", "pids", netns], check=False)
    return [int(line) for line in done.stdout.split()] if done.returncode == 0 else []
