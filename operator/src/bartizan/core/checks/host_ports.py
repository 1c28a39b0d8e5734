"""P-04: no container may take a port of the node.

Whoever reaches the node reaches the container then, past Services and their rules, and two pods with one port cannot share a
node. Restricted field: `ports[*].hostPort` of every container. Allowed: unset, 0. In the node's network every `containerPort`
is one of the node's ports, as the API server itself writes into such pods. Source: Pod Security Standards, level baseline.
"""

from collections.abc import Iterable
from typing import Final

from bartizan.api.names import KubeObject
from bartizan.api.pod_security import Level
from bartizan.core.checks.finding import Info, Revision, Standard, Violation, finding, listed, listed_cel
from bartizan.core.checks.standard import standard_check
from bartizan.core.checks.view import View

INFO: Final = Info(
    id="P-04",
    title="host ports",
    rationale="Whoever reaches the node reaches the container, past Services and their rules.",
    fields=("spec.{containers,initContainers}[*].ports[*].hostPort",),
    fix="remove it, and reach the pods through a Service",
    standard=Standard(
        name="hostPorts",
        level=Level.BASELINE,
        revisions=(Revision(minor=0, says="no container port takes a port of the node"),),
    ),
)
_LEAF: Final = "ports[*].hostPort"
_ALLOWED: Final = "unset or 0"


def find(view: View) -> Iterable[Violation]:
    """Yield one violation for each container that takes ports of the node."""
    shared = bool(view.spec.get("hostNetwork"))
    for container in view.containers:
        ports = [number for port in container.item.get("ports") or () if (number := _host_port(port, shared=shared))]
        if ports:
            yield Violation(
                info=INFO,
                subject=container.subject,
                at=container.at,
                leaf=_LEAF,
                seen=listed(str(number) for number in ports),
                allowed=_ALLOWED,
            )


def _host_port(port: KubeObject, *, shared: bool) -> int:
    """Return the node's port that a container port takes, 0 if none; `shared` is the node's network."""
    return port.get("hostPort") or (port.get("containerPort", 0) if shared else 0)


_SHARED: Final = "v.spec.?hostNetwork.orValue(false)"
_TAKEN: Final = f"(p.?hostPort.orValue(0) != 0 ? p.hostPort : {_SHARED} ? p.?containerPort.orValue(0) : 0)"
_PORTS: Final = f"c.item.ports.filter(p, {_TAKEN} != 0).map(p, string({_TAKEN}))"

CHECK: Final = standard_check(
    INFO,
    find=find,
    cel=f"v.containers.filter(c, c.item.?ports.orValue([]).exists(p, {_TAKEN} != 0)).map(c, "
    + finding(INFO, subject="c.subject", at="c.at", leaf=f"'{_LEAF}'", seen=listed_cel(_PORTS), allowed=f"'{_ALLOWED}'")
    + ")",
)
