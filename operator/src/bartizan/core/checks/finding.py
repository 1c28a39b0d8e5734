"""What a check says when it finds something, worded once for Python and once for CEL.

Both wordings are built here and nowhere else, so that the sentence the API server returns and the one the command line prints
cannot drift apart. A violation also has a key without list positions: an update is refused only for keys that are new.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from bartizan.api.pod_security import Level

_LONGEST_VALUE: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """What a rule of the Pod Security Standards says from a minor version of Kubernetes on."""

    minor: int
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """The rule of the Pod Security Standards that a check stands for."""

    name: str
    """As Kubernetes' Pod Security Admission calls it."""
    level: Level
    revisions: tuple[Revision, ...]
    """Oldest first; the first one's version is where the rule begins."""
    replaced_since: int | None = None
    """From this minor version on the level restricted has a stricter rule in its place; None: never."""
    replaced_by: str = ""
    """The check that is that rule."""

    @property
    def since(self) -> int:
        """The minor version that the rule begins with."""
        return self.revisions[0].minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """What is constant about a check."""

    id: str
    title: str
    rationale: str
    fields: tuple[str, ...]
    """The fields looked at, as a person would write them."""
    fix: str
    standard: Standard | None = None
    """The rule of the Pod Security Standards that it is; None: it is bartizan's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One finding: which check, where, the value seen, the values allowed, the fix."""

    info: Info
    subject: str
    """What is at fault: `pod`, `container "app"`, `volume "data"`."""
    at: str
    """The path of the pod, container or volume, with list positions."""
    leaf: str
    """The field below `at`."""
    seen: str | None
    """The value, shortened; None: the field is missing."""
    allowed: str
    mark: str | None = None
    """What tells this finding from a later, worse one at the same place; None: the value seen."""

    @property
    def id(self) -> str:
        """The check's id."""
        return self.info.id

    @property
    def path(self) -> str:
        """The whole path of the field, as `kubectl explain` and editors show it."""
        return f"{self.at}.{self.leaf}"

    @property
    def key(self) -> str:
        """Identity of the finding across an update."""
        mark = (self.seen or "") if self.mark is None else self.mark
        return f"{self.info.id} {self.subject} {self.leaf}={mark}"

    @property
    def text(self) -> str:
        """The sentence."""
        says = f"lacks {self.path}" if self.seen is None else f"sets {self.path}={self.seen}"
        return f"{self.info.id} {self.info.title}: {self.subject} {says}; allowed: {self.allowed}; fix: {self.info.fix}"


def finding(
    info: Info,
    *,
    subject: str,
    at: str,
    leaf: str,
    allowed: str,
    seen: str | None = None,
    present: str = "",
    mark: str | None = None,
) -> str:
    """Return the CEL map `{'key', 'text'}` of one finding; every argument but `info` is a CEL expression of type string.

    `present` is the CEL condition that the field is there, for findings that may be about a value or about its absence.
    """
    path = f"{at} + '.' + {leaf}"
    says = f"' lacks ' + {path}" if seen is None else f"' sets ' + {path} + '=' + {seen}"
    told = mark or seen
    if present:
        says, told = f"({present} ? {says} : ' lacks ' + {path})", f"({present} ? {told} : '')"
    key = f"{quoted(info.id + ' ')} + {subject} + ' ' + {leaf} + '='" + (f" + {told}" if told else "")
    text = (
        f"{quoted(f'{info.id} {info.title}: ')} + {subject} + {says}"
        f" + '; allowed: ' + {allowed} + {quoted(f'; fix: {info.fix}')}"
    )
    return f"{{'key': {key}, 'text': {text}}}"


def quoted(text: str) -> str:
    """Return `text` as a CEL string."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


def named(kind: str, expression: str) -> str:
    """Return the CEL expression of a subject such as `container "app"`."""
    return f"{quoted(kind + ' ')} + '\"' + {expression} + '\"'"


def short(value: str) -> str:
    """Return a value as messages show it: at most 80 characters, in double quotes."""
    return f'"{value[:_LONGEST_VALUE]}…"' if len(value) > _LONGEST_VALUE else f'"{value}"'


def short_cel(expression: str) -> str:
    """Return the CEL twin of `short`."""
    cut = f"{expression}.substring(0, {_LONGEST_VALUE}) + '…'"
    return f"'\"' + (size({expression}) > {_LONGEST_VALUE} ? {cut} : {expression}) + '\"'"


def listed(values: Iterable[str]) -> str:
    """Return several values as messages show them: `[a,b]`, of at most 80 characters between the brackets."""
    joined = ",".join(values)
    return f"[{joined[:_LONGEST_VALUE]}…]" if len(joined) > _LONGEST_VALUE else f"[{joined}]"


def listed_cel(expression: str) -> str:
    """Return the CEL twin of `listed`; `expression` is a list of strings."""
    joined = f"{expression}.join(',')"
    cut = f"{joined}.substring(0, {_LONGEST_VALUE}) + '…'"
    return f"'[' + (size({joined}) > {_LONGEST_VALUE} ? {cut} : {joined}) + ']'"
