"""`bartizan approve`: say yes to a caller that asked."""

from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from bartizan.cli.answer import EXIT_CODES, Caller, Kubeconfig, Output, Provider, Why, run
from bartizan.cli.epilog import epilog
from bartizan.core.decisions import approval, read_key, read_until

EPILOG: Final = epilog(
    examples=(
        "bartizan approve finance/payments --from bi/analytics",
        "bartizan approve finance/payments --from bi/analytics --ports http --until 72h --reason 'quarterly report'",
        "bartizan approve finance/payments --from bi/analytics --output yaml",
    ),
    exit_codes=EXIT_CODES,
)


def command(  # noqa: PLR0917 -- typer passes options by name
    provider: Provider,
    caller: Caller,
    ports: Annotated[
        str, typer.Option(help="Exactly these ports of the called policy, by name: a,b. Left out: those asked for.")
    ] = "",
    until: Annotated[
        str, typer.Option(help="When it ends by itself: a time (2027-01-01T00:00:00Z) or a duration (72h).")
    ] = "",
    reason: Why = None,
    output: Output = "text",
    kubeconfig: Kubeconfig = None,
) -> None:
    """Admit a caller that asked. Takes the RBAC verb approve on the policy."""
    key, consumer = read_key(provider, "the policy"), read_key(caller, "--from")
    end = read_until(until, datetime.now(UTC)) if until else None
    names = [name.strip() for name in ports.split(",") if name.strip()]
    run(
        consumer,
        lambda policy, asked: approval(policy, consumer, asked=asked, ports=names, until=end, reason=reason),
        key=key,
        output=output,
        kubeconfig=kubeconfig,
    )
