"""From a container port's name to its numbers, looked up in the pods and pod templates of the policy.

While a workload rolls from one number to another, its template says the new one and its old pods still listen on the old one:
both are open until the last old pod is gone, so that nothing is cut and nothing stays open. Nobody has to remember the former
number for that. Where two templates disagree it may be such a change too (blue and green), so both stay open, and it is said.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bartizan.api.v1alpha1 import Port
from bartizan.core.model import PolicyView, PortProblem, Snapshot, WorkloadShape
from bartizan.core.network.peers import selectors_of
from bartizan.core.reasons import Reason
from bartizan.core.select import matches

_SHOWN = 3


def numbered(policy: PolicyView, snapshot: Snapshot) -> PolicyView:
    """Return the policy with every port given by name as one port per number it stands for, and what is wrong with names.

    A name that stands for nothing stays as it is: it opens nothing. Applied twice it changes nothing.
    """
    if not any(isinstance(port.port, str) for port in policy.spec.network.ports):
        return policy
    shapes = shapes_of(policy, snapshot)
    ports: list[Port] = []
    problems: list[PortProblem] = []
    for port in policy.spec.network.ports:
        if isinstance(port.port, int):
            ports.append(port)
            continue
        numbers = sorted({number for shape in shapes for number in _numbers(port, shape)})
        ports += [port.model_copy(update={"port": number}) for number in numbers] or [port]
        problem = _ambiguous(port, shapes) if numbers else _absent(port, shapes)
        problems += [problem] if problem else []
    network = policy.spec.network.model_copy(update={"ports": tuple(ports)})
    spec = policy.spec.model_copy(update={"network": network})
    return replace(policy, spec=spec, port_problems=tuple(problems))


def shapes_of(policy: PolicyView, snapshot: Snapshot, *, running: bool = False) -> tuple[WorkloadShape, ...]:
    """Return the pods and templates that are the policy's; with `running` pods only."""
    selectors = selectors_of(policy, snapshot)
    return tuple(
        shape
        for shape in snapshot.shapes.get(policy.namespace, ())
        if (shape.running or not running) and any(matches(selector, dict(shape.labels)) for selector in selectors)
    )


def _numbers(port: Port, shape: WorkloadShape) -> set[int]:
    return {own.number for own in shape.ports if own.name == port.port and own.protocol == port.protocol}


def _ambiguous(port: Port, shapes: Sequence[WorkloadShape]) -> PortProblem | None:
    """Return the problem of a name that templates, or the containers of one pod, read differently."""
    templates = [shape for shape in shapes if not shape.running and _numbers(port, shape)]
    distinct = {number for shape in templates for number in _numbers(port, shape)}
    torn = [shape for shape in shapes if len(_numbers(port, shape)) > 1]
    if len(distinct) < 2 and not torn:
        return None
    seen = _listed(
        f"{'/'.join(map(str, sorted(_numbers(port, shape))))} in {shape.origin}" for shape in (*templates, *torn)
    )
    message = (
        f"container port {port.port} stands for different {port.protocol} numbers: {seen}; all of them are open on every "
        f"pod of the policy: give them one number, or declare one port per number"
    )
    return PortProblem(name=port.name, reason=Reason.PORT_AMBIGUOUS, message=message)


def _absent(port: Port, shapes: Sequence[WorkloadShape]) -> PortProblem:
    elsewhere = _listed(
        f"{own.number}/{own.protocol} in {shape.origin}"
        for shape in shapes
        for own in shape.ports
        if own.name == port.port
    )
    if not shapes:
        message = (
            f"port {port.name}: no pod or pod template of the policy exists yet that tells the number of {port.port}"
        )
    elif elsewhere:
        message = (
            f"port {port.name}: container port {port.port} is {elsewhere}, the policy says {port.protocol}: "
            f"correct protocol"
        )
    else:
        origins = _listed(shape.origin for shape in shapes)
        message = (
            f"port {port.name}: no container of {origins} has a port named {port.port}: name it there, or give a number"
        )
    return PortProblem(name=port.name, reason=Reason.PORT_NOT_FOUND, message=message)


def _listed(words: Iterable[str]) -> str:
    known = sorted(set(words))
    return ", ".join(known[:_SHOWN]) + (f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else "")
