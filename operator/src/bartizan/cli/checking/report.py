"""What a run of `bartizan check` found, with the places, before it takes a form."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from bartizan.cli.manifests import Place, Problem
from bartizan.core.findings.finding import Finding, Severity


@dataclass(frozen=True, slots=True)
class Located:
    """A finding and where it stands; a line of 0 means that no line is known, as in what a program rendered."""

    finding: Finding
    place: Place
    waived: bool = False
    """Accepted by the baseline file: told where the form can tell it, and never a failure."""
    nth: int = 0
    """How many findings of the same identity stand before it."""

    @property
    def fingerprint(self) -> str:
        """The same in the next run, wherever the lines have moved."""
        text = "\0".join((*self.finding.identity, str(self.nth)))
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything there is to tell."""

    findings: tuple[Located, ...] = ()
    """By file, line and check."""
    problems: tuple[Problem, ...] = ()
    """What could not be read."""
    objects: tuple[tuple[str, str], ...] = ()
    """File and title of everything that was judged."""
    files: int = 0
    notes: tuple[str, ...] = ()
    """What had to be assumed, or was left out."""

    @property
    def counted(self) -> tuple[Located, ...]:
        """The findings that nobody has accepted."""
        return tuple(one for one in self.findings if not one.waived)

    def fails(self, least: Severity | None) -> bool:
        """Whether a finding is at least so bad; None: no finding is."""
        return least is not None and any(one.finding.severity.rank >= least.rank for one in self.counted)


def ordered(found: Iterable[tuple[Finding, Place]], accepted: Counter[tuple[str, ...]]) -> tuple[Located, ...]:
    """Return the findings sorted, numbered among their like, and those accepted marked."""
    left = Counter(accepted)
    seen: Counter[tuple[str, ...]] = Counter()
    result = []
    for finding, place in sorted(found, key=_order):
        identity = finding.identity
        waived = left[identity] > 0
        left[identity] -= waived
        result.append(replace(Located(finding, place), waived=waived, nth=seen[identity]))
        seen[identity] += 1
    return tuple(result)


def _order(pair: tuple[Finding, Place]) -> tuple[object, ...]:
    finding, place = pair
    return (place.file, finding.kind, finding.namespace, finding.name, place.line, place.column, *finding.identity)
