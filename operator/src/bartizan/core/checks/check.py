"""A check: constant words, a pure function, and the same decision as a CEL term.

`scope` says what the decision depends on, and with that where it may refuse: a check that reads the index must not refuse a
workload's template, because a policy and its Deployment are often applied together, the Deployment first.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from bartizan.core.checks.finding import Info, Violation
from bartizan.core.checks.view import View


class Scope(StrEnum):
    """What a check depends on."""

    FLOOR = "floor"
    """Only the pod: refused in pods and in templates."""
    COVERAGE = "coverage"
    """The namespace's policies too: refused in pods, warned about in templates."""
    INJECTION = "injection"
    """What admission itself adds to a new pod: refused when a pod is created, meaningless elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check."""

    info: Info
    scope: Scope
    find: Callable[[View], Iterable[Violation]]
    cel: str
    """A CEL expression over `v`, the view of a pod, of type list of `{'key', 'text'}`."""

    @property
    def variable(self) -> str:
        """The check's name among the variables of an admission policy."""
        return self.info.id.lower().replace("-", "_")
