"""Which rule of the Pod Security Standards a check is, from which version on, and when it holds.

Kubernetes' own Pod Security Admission is the reference: every check that stands for one of its rules bears that rule's name,
and is judged against that project's fixtures of every version. A check says only what is wrong; whether a pod is held to it, by
the level and version of its policy, is decided here, once for Python and once for CEL.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from bartizan.api.pod_security import Level
from bartizan.core.checks.check import Check, Scope
from bartizan.core.checks.finding import Info, Standard, Violation
from bartizan.core.checks.view import View

WINDOWS_EXEMPT: Final = 25
"""From this minor version on pods of Windows are spared what only Linux has (`spec.os.name` decides)."""
USER_NAMESPACES: Final = 35
"""From this minor version on a pod in a user namespace (`hostUsers: false`) may look like root (KEP-127)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Versioned:
    """Something that holds from a minor version on."""

    minor: int
    values: tuple[str, ...]


def standard_check(info: Info, *, find: Callable[[View], Iterable[Violation]], cel: str) -> Check:
    """Return the check that finds only in pods which their level and version hold to it."""
    standard = info.standard
    if standard is None:
        raise ValueError(f"{info.id} stands for no rule of the Pod Security Standards")

    def held(view: View) -> Iterable[Violation]:
        return find(view) if holds(standard, restricted=view.restricted, version=view.version) else ()

    condition = _holds_cel(standard)
    return Check(info=info, scope=Scope.COVERAGE, find=held, cel=f"{condition} ? {cel} : []" if condition else cel)


def holds(standard: Standard, *, restricted: bool, version: int) -> bool:
    """Whether a pod of that level and minor version is held to a rule."""
    if version < standard.since:
        return False
    if standard.level is Level.RESTRICTED:
        return restricted
    return not (restricted and standard.replaced_since is not None and version >= standard.replaced_since)


def _holds_cel(standard: Standard) -> str:
    parts = [f"v.version >= {standard.since}"] if standard.since else []
    if standard.level is Level.RESTRICTED:
        parts.append("v.restricted")
    elif standard.replaced_since is not None:
        parts.append(f"!(v.restricted && v.version >= {standard.replaced_since})")
    return " && ".join(parts)


def allowed_at(steps: tuple[Versioned, ...], version: int) -> tuple[str, ...]:
    """Return all values that are allowed at a version: each step adds to those before."""
    return tuple(value for step in steps if version >= step.minor for value in step.values)


def is_allowed_cel(steps: tuple[Versioned, ...], expression: str) -> str:
    """Return the CEL condition that `expression` is a value which the version of `v` allows."""
    parts = [
        f"{expression} in {list(step.values)}"
        if step.minor == 0
        else f"(v.version >= {step.minor} && {expression} in {list(step.values)})"
        for step in steps
    ]
    return " || ".join(parts)


def by_version_cel(steps: tuple[Versioned, ...], text: Callable[[tuple[str, ...]], str]) -> str:
    """Return the CEL string that `text` makes of the values which the version of `v` allows."""
    said = f"'{text(allowed_at(steps, 0))}'"
    for step in steps:
        if step.minor:
            said = f"v.version >= {step.minor} ? '{text(allowed_at(steps, step.minor))}' : {said}"
    return f"({said})"


def choice_cel(condition: str, then: str, otherwise: str) -> str:
    """Return the CEL expression that is `then` where `condition` holds."""
    return f"({condition} ? {then} : {otherwise})"
