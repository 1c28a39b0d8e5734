"""`bartizan deny`: say no to a caller, whether it asked, was approved, or is listed."""

from typing import Final

from bartizan.cli.answer import EXIT_CODES, Caller, Kubeconfig, Output, Provider, Why, run
from bartizan.cli.epilog import epilog
from bartizan.core.decisions import read_key, refusal

EPILOG: Final = epilog(
    examples=(
        "bartizan deny finance/payments --from bi/analytics --reason 'use the reporting replica'",
        "bartizan deny finance/payments --from bi/analytics --output yaml",
    ),
    exit_codes=EXIT_CODES,
)


def command(
    provider: Provider,
    caller: Caller,
    reason: Why = None,
    output: Output = "text",
    kubeconfig: Kubeconfig = None,
) -> None:
    """Deny a caller, and close its edge if it has one. Whoever may update the policy may do that."""
    key, consumer = read_key(provider, "the policy"), read_key(caller, "--from")
    run(
        consumer,
        lambda policy, _asked: refusal(policy, consumer, reason),
        key=key,
        output=output,
        kubeconfig=kubeconfig,
    )
