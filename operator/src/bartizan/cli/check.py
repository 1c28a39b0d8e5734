"""`bartizan check`: what the cluster would say of manifests, said before any cluster sees them."""

import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from bartizan.api.names import SYSTEM_NAMESPACES
from bartizan.api.pod_security import NEWEST_VERSION, VERSION_PATTERN, Level
from bartizan.cli.checking import document, forges, junit, sarif
from bartizan.cli.checking.accepted import read_accepted
from bartizan.cli.checking.judging import Asked, Judging
from bartizan.cli.checking.progress import watched
from bartizan.cli.checking.report import Report
from bartizan.cli.checking.text import Text
from bartizan.cli.colours import paint
from bartizan.cli.epilog import epilog
from bartizan.cli.graph import check_form, say_notes
from bartizan.cli.manifests_network import DefaultNamespace
from bartizan.core.findings.catalogue import INFOS
from bartizan.core.findings.finding import Severity
from bartizan.errors import BartizanError

EPILOG: Final = epilog(
    examples=(
        "bartizan check examples/shop",
        "helm template my-release ./chart | bartizan check - --policy policies/ --default-namespace shop",
        "bartizan check deploy/ --output sarif > findings.sarif",
        "bartizan check deploy/ --output json > accepted.json",
        "bartizan check deploy/ --baseline-file accepted.json --fail-on high",
    ),
    exit_codes={
        0: "nothing found that --fail-on counts",
        1: "findings",
        2: "a wrong option, or something could not be read (the rest was judged all the same)",
    },
)
_FORMS: Final[dict[str, Callable[[Report], str]]] = {
    "json": document.text,
    "sarif": sarif.text,
    "junit": junit.text,
    "github": forges.github,
    "gitlab": forges.gitlab,
}
_FINDINGS, _UNREADABLE = 1, 2


class CheckOptionError(BartizanError):
    """An option names something that does not exist; the message lists what does."""


Inputs: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        help="Files, folders, Helm charts and Kustomize folders with policies and what runs under them; - reads standard "
        "input."
    ),
]
Policies: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(help="A file or folder with policies and namespaces to judge by, not judged itself. Repeatable."),
]
Baseline: TypeAlias = Annotated[
    str, typer.Option(help="A file with the SecurityBaseline to judge by, whatever else is among the files.")
]
LevelOption: TypeAlias = Annotated[
    str,
    typer.Option(
        help="The least level of the Pod Security Standards that pods are held to, covered or not: baseline or "
        "restricted. Left out: the SecurityBaseline's."
    ),
]
VersionOption: TypeAlias = Annotated[
    str, typer.Option(help="Whose rules of that level, as in v1.37. Left out: the SecurityBaseline's.")
]
Select: TypeAlias = Annotated[
    list[str] | None, typer.Option(help="Only these checks: ids or their beginnings, as in P-01,N. Repeatable.")
]
Ignore: TypeAlias = Annotated[
    list[str] | None, typer.Option(help="None of these checks: ids or their beginnings. Repeatable.")
]
Least: TypeAlias = Annotated[str, typer.Option(help="The least to be told: low, medium, high or critical.")]
FailOn: TypeAlias = Annotated[
    str, typer.Option(help="The least that makes the exit code 1: none, low, medium, high or critical.")
]
Output: TypeAlias = Annotated[str, typer.Option(help="text, json, sarif, junit, github or gitlab.")]
BaselineFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="What --output json printed on another day: its findings are accepted, new ones fail."),
]


def command(
    *,
    paths: Inputs,
    policy: Policies = None,
    baseline: Baseline = "",
    level: LevelOption = "",
    pss_version: VersionOption = "",
    default_namespace: DefaultNamespace = "",
    select: Select = None,
    ignore: Ignore = None,
    severity: Least = "low",
    fail_on: FailOn = "low",
    output: Output = "text",
    baseline_file: BaselineFile = None,
) -> None:
    """Judge manifests by the rules that the cluster would judge them by, without a cluster.

    A namespace whose object is not given, or bears no label, is judged as if it were enforced. Rules about namespaces of which
    nothing is given are left out, and so is coverage (C-01) where no policy is given at all; both are said.
    """
    check_form(output, ("text", *_FORMS))
    texts: dict[str, str] = {}
    asked = Asked(
        paths=tuple(paths),
        policies=tuple(policy or ()),
        baselines=(baseline,) if baseline else (),
        floor=_floor(level, pss_version),
        default_namespace=default_namespace,
        left_out=_left_out(select, ignore),
        least=_severity("--severity", severity),
        system=frozenset((*SYSTEM_NAMESPACES, os.environ.get("BARTIZAN_NAMESPACE", "bartizan-system"))),
        now=datetime.now(UTC),
        accepted=read_accepted(baseline_file) if baseline_file else Counter(),
    )
    least = None if fail_on == "none" else _severity("--fail-on", fail_on, "none")
    report = Judging(asked, texts=texts).run(watched)
    _tell(report, output, texts)
    if code := _UNREADABLE if report.problems else _FINDINGS if report.fails(least) else 0:
        raise typer.Exit(code)


def _tell(report: Report, output: str, texts: dict[str, str]) -> None:
    """Print the findings on standard output, and on standard error what was assumed and what could not be read."""
    sys.stdout.write(_FORMS[output](report) if output != "text" else Text(paint(), texts).render(report))
    say_notes(report.notes)
    for problem in report.problems:
        print(f"bartizan: {problem}", file=sys.stderr)


def _floor(level: str, version: str) -> dict[str, str]:
    levels = [one.value for one in Level]
    if level and level not in levels:
        raise CheckOptionError(f"--level is {level!r}; allowed are {', '.join(levels)}")
    if version and not re.fullmatch(VERSION_PATTERN, version):
        raise CheckOptionError(f"--pss-version is {version!r}; allowed are v1.0 to {NEWEST_VERSION}")
    return {key: value for key, value in (("level", level), ("version", version)) if value}


def _severity(option: str, word: str, *more: str) -> Severity:
    allowed = [*more, *(one.value for one in reversed(Severity))]
    if word not in allowed or word in more:
        raise CheckOptionError(f"{option} is {word!r}; allowed are {', '.join(allowed)}")
    return Severity(word)


def _left_out(select: Iterable[str] | None, ignore: Iterable[str] | None) -> frozenset[str]:
    chosen = _named("--select", select) if select else frozenset(INFOS)
    return (frozenset(INFOS) - chosen) | _named("--ignore", ignore or ())


def _named(option: str, words: Iterable[str]) -> frozenset[str]:
    """Return the checks whose ids begin as one of the words does."""
    found: set[str] = set()
    for word in (part.strip() for text in words for part in text.split(",")):
        matching = {name for name in INFOS if word and name.lower().startswith(word.lower())}
        if not matching:
            raise CheckOptionError(
                f"{option} names {word!r}, and no check begins so; there is {', '.join(sorted(INFOS))}"
            )
        found |= matching
    return frozenset(found)
