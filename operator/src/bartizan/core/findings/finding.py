"""One finding about an object in a file, before anybody knows where in the file.

It names the field by its path, so that who reads files can look up the line, and it stays the same when lines move: accepting
today's findings must not depend on where they stand.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from bartizan.api.names import KubeObject
from bartizan.core.checks.finding import Info, Violation

Steps: TypeAlias = tuple[str | int, ...]
"""A path as keys and list positions."""

_STEP: Final = re.compile(r'\["([^"]*)"\]|\[(\d+)\]|\[name=([^\]]+)\]|([^.\[\]]+)')
_CONTAINER: Final = re.compile(r'(?:init |ephemeral )?container "(.*)"')
_POSITION: Final = re.compile(r"\[\d+\]")


class Severity(StrEnum):
    """How bad a finding is."""

    CRITICAL = "critical"
    """Whoever enters the pod owns the node, or another service's identity."""
    HIGH = "high"
    """The API server refuses the object or its pods, or a boundary is open."""
    MEDIUM = "medium"
    """Something declared does not come about."""
    LOW = "low"
    """Something is left over or unclear, and nothing is open for it."""

    @property
    def rank(self) -> int:
        """The higher, the worse."""
        return 4 - list(Severity).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding."""

    check: str
    """The check's id."""
    title: str
    severity: Severity
    kind: str
    namespace: str
    name: str
    path: str
    """The field, as `kubectl explain` and editors show it."""
    message: str
    """What is wrong: the value seen and the values allowed."""
    fix: str
    pss: str = ""
    """The check's id in Pod Security Admission; empty if it has none."""
    container: str = ""
    """The container at fault; empty if it is the whole pod or another object."""
    value: str | None = None
    """The value seen; None if there is none."""
    snippet: str = ""
    """Lines that would fix it, ready to paste; empty if there is no one way."""

    @property
    def title_of_object(self) -> str:
        """Kind, namespace and name, as far as it has them."""
        return f"{self.kind} {'/'.join(part for part in (self.namespace, self.name) if part)}".rstrip()

    @property
    def identity(self) -> tuple[str, ...]:
        """What stays the same while lines, list positions and files move."""
        path = _POSITION.sub("[]", self.path)
        return (self.check, self.kind, self.namespace, self.name, self.container, path, self.value or "")


def steps(path: str, item: KubeObject) -> Steps:
    """Return a path as keys and positions; `[name=x]` is looked up in `item` and ends the path where it is not found."""
    found: list[str | int] = []
    here: object = item
    for quoted, position, name, key in _STEP.findall(path):
        step: str | int = quoted or key
        if position:
            step = int(position)
        elif name:
            items = here if isinstance(here, list) else []
            known = [at for at, one in enumerate(items) if isinstance(one, dict) and one.get("name") == name]
            if not known:
                break
            step = known[0]
        found.append(step)
        if isinstance(here, dict):
            here = here.get(str(step))
        elif isinstance(here, list) and isinstance(step, int) and step < len(here):
            here = here[step]
        else:
            here = None
    return tuple(found)


def path_of(trail: Steps) -> str:
    """Return keys and positions as a path; a key that is no plain word stands in quotes."""
    text = ""
    for step in trail:
        if isinstance(step, int):
            text += f"[{step}]"
        elif re.fullmatch(r"[^.\[\]\"]+", step):
            text += f".{step}" if text else step
        else:
            text += f'["{step}"]'
    return text


def of_violation(violation: Violation, item: KubeObject, *, severity: Severity, pss: str) -> Finding:
    """Return what a check of the registry says of an object."""
    info: Info = violation.info
    says = f"lacks {violation.path}" if violation.seen is None else f"sets {violation.path}={violation.seen}"
    container = _CONTAINER.fullmatch(violation.subject)
    return about(
        item,
        info,
        severity=severity,
        path=violation.path,
        message=f"{violation.subject} {says}; allowed: {violation.allowed}",
        pss=pss,
        container=container[1] if container else "",
        value=violation.seen,
    )


def about(
    item: KubeObject,
    info: Info,
    *,
    severity: Severity,
    path: str,
    message: str,
    fix: str = "",
    pss: str = "",
    container: str = "",
    value: str | None = None,
    snippet: str = "",
) -> Finding:
    """Return a finding of a check about an object, named as far as it has names; `fix` is a better one than the check's."""
    meta = item.get("metadata")
    meta = meta if isinstance(meta, dict) else {}
    name = meta.get("name") or (f"{meta['generateName']}*" if meta.get("generateName") else "")
    return Finding(
        check=info.id,
        title=info.title,
        severity=severity,
        kind=str(item.get("kind", "")),
        namespace=str(meta.get("namespace") or ""),
        name=str(name),
        path=path,
        message=message,
        fix=fix or info.fix,
        pss=pss,
        container=container,
        value=value,
        snippet=snippet,
    )
