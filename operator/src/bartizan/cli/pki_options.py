"""The options that the commands of `bartizan pki` have in common, and the question that a forecast is asked."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from bartizan.cli.pki_reading import Observed
from bartizan.core.pki.asking import AskingError, readable
from bartizan.core.pki.consumers import Consumer, consumers_of
from bartizan.core.pki.forecast import Question, What

TrustDomain: TypeAlias = Annotated[str, typer.Option("--trust-domain", help="The TrustDomain.")]
Release: TypeAlias = Annotated[
    str,
    typer.Option(
        "--release-namespace",
        envvar="BARTIZAN_NAMESPACE",
        help="Where bartizan runs: the ledger of certificates is there.",
    ),
]
Kubeconfig: TypeAlias = Annotated[
    Path | None,
    typer.Option(envvar="BARTIZAN_KUBECONFIG", help="How to reach the cluster; left out: as kubectl does."),
]
Yes: TypeAlias = Annotated[bool, typer.Option("--yes", help="Do not ask; needed where there is no terminal.")]
Wait: TypeAlias = Annotated[
    bool, typer.Option("--wait", help="Follow the phases to the end. Whoever stops watching stops nothing.")
]
Lines: TypeAlias = Annotated[
    str, typer.Option("--output", "-o", help="yaml: write nothing, print the lines to commit.")
]
RELEASE = "bartizan-system"


def allowed(output: str, *forms: str) -> None:
    """Refuse a form that a command does not have; raises AskingError."""
    if output not in forms:
        raise AskingError(f"--output is {output!r}; allowed: {' and '.join(forms)}")


def moment(text: str) -> datetime:
    """Return the moment that `--at` names, or now; raises AskingError."""
    if not text:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise AskingError(f"--at is {text!r}; write a time as in 2027-01-01T00:00:00Z") from None
    if found.tzinfo is None:
        raise AskingError(f"--at is {text!r}, which has no zone; write it as in 2027-01-01T00:00:00Z")
    return found.astimezone(UTC).replace(microsecond=0)


def consumers(observed: Observed, now: datetime) -> tuple[Consumer, ...]:
    """Return the policies of the trust domain that hold certificates."""
    return consumers_of(observed.policies, observed.item["metadata"]["name"], observed.pods, now)


def question(
    observed: Observed,
    what: What,
    now: datetime,
    *,
    distrusted: tuple[str, ...] = (),
    deadline: timedelta | None = None,
) -> Question:
    """Return what a forecast is asked; raises AskingError where the TrustDomain cannot be read."""
    return Question(
        view=readable(observed.item),
        status=observed.item.get("status") or {},
        consumers=consumers(observed, now),
        what=what,
        distrusted=distrusted,
        deadline=deadline,
        last_ends=observed.book.last_ends() if observed.book else {},
        complete_since=observed.book.since if observed.book else None,
        now=now,
    )
