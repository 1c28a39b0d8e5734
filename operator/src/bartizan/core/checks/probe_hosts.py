"""P-12: no probe and no lifecycle hook may name a host.

The kubelet makes these connections, from the node and outside every NetworkPolicy: with a host of its choice a pod has the node
look into networks that the pod itself may not reach. Restricted field: `host` of every `httpGet` and `tcpSocket` of probes and
hooks. Allowed: unset, empty (the pod itself). Source: Pod Security Standards, level baseline, from v1.34 on.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from bartizan.api.names import KubeObject
from bartizan.api.pod_security import Level
from bartizan.core.checks.finding import Info, Revision, Standard, Violation, finding, short, short_cel
from bartizan.core.checks.standard import standard_check
from bartizan.core.checks.view import View

_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")
_HOOKS: Final = ("postStart", "preStop")
_ACTIONS: Final = ("httpGet", "tcpSocket")
_CONTAINERS: Final = "spec.{containers,initContainers}[*]"
INFO: Final = Info(
    id="P-12",
    title="host of a probe",
    rationale="The kubelet connects from the node, outside every NetworkPolicy: a pod could have it look where it may not.",
    fields=(
        f"{_CONTAINERS}.{{{','.join(_PROBES)}}}.{{{','.join(_ACTIONS)}}}.host",
        f"{_CONTAINERS}.lifecycle.{{{','.join(_HOOKS)}}}.{{{','.join(_ACTIONS)}}}.host",
    ),
    fix="remove it: without it the pod itself is asked",
    standard=Standard(
        name="hostProbesAndHostLifecycle",
        level=Level.BASELINE,
        revisions=(Revision(minor=34, says="probes and hooks ask the pod itself"),),
    ),
)
_ALLOWED: Final = "unset or empty"


def find(view: View) -> Iterable[Violation]:
    """Yield one violation for each probe or hook that names a host."""
    for container in view.containers:
        for place, handler in _handlers(container.item):
            for action in _ACTIONS:
                host = (handler.get(action) or {}).get("host")
                if host:
                    yield Violation(
                        info=INFO,
                        subject=container.subject,
                        at=container.at,
                        leaf=f"{place}.{action}.host",
                        seen=short(host),
                        allowed=_ALLOWED,
                    )


def _handlers(container: KubeObject) -> Iterator[tuple[str, KubeObject]]:
    """Yield the probes and hooks of a container with their places."""
    for probe in _PROBES:
        if probe in container:
            yield probe, container[probe] or {}
    lifecycle = container.get("lifecycle") or {}
    for hook in _HOOKS:
        if hook in lifecycle:
            yield f"lifecycle.{hook}", lifecycle[hook] or {}


_ANY: Final = " || ".join(f"has(c.item.{field})" for field in (*_PROBES, "lifecycle"))
_HANDLERS: Final = (
    f"({list(_PROBES)}.filter(n, n in c.item).map(n, {{'place': dyn(n), 'handler': c.item[n]}})"
    f" + {list(_HOOKS)}.filter(n, has(c.item.lifecycle) && n in c.item.lifecycle)"
    ".map(n, {'place': dyn('lifecycle.' + n), 'handler': c.item.lifecycle[n]}))"
)

CHECK: Final = standard_check(
    INFO,
    find=find,
    cel=f"v.containers.filter(c, {_ANY}).map(c, {_HANDLERS}.map(p, "
    f"{list(_ACTIONS)}.filter(a, p.handler[?a].?host.orValue('') != '').map(a, "
    + finding(
        INFO,
        subject="c.subject",
        at="c.at",
        leaf="p.place + '.' + a + '.host'",
        seen=short_cel("p.handler[a].host"),
        allowed=f"'{_ALLOWED}'",
    )
    + ")).flatten()).flatten()",
)
