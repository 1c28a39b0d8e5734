"""`bartizan run`: the operator's two processes."""

import os

import typer

from bartizan.cli.epilog import epilog

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)

_EXIT_CODES = {
    0: "asked to end (SIGTERM or SIGINT), and ended in order",
    1: "a bug: the traceback says where",
    2: "settings, credentials or the cluster do not let it run; one line on stderr says why",
}


@app.callback()
def run() -> None:
    """Run one of the operator's processes. Settings come from BARTIZAN_* variables: docs/reference/settings.md."""


@app.command(
    epilog=epilog(
        examples=(
            "BARTIZAN_NAMESPACE=bartizan-system bartizan run controller",
            "BARTIZAN_NAMESPACE=bartizan-system BARTIZAN_KUBECONFIG=~/.kube/config bartizan run controller",
        ),
        exit_codes=_EXIT_CODES,
    )
)
def controller() -> None:
    """Turn policies into NetworkPolicies, certificates and the index that admission judges by.

    Replicas share the work of watching; the one that holds the Lease writes.
    """
    from bartizan.shell.wiring import run_controller

    run_controller(os.environ)


@app.command(
    epilog=epilog(
        examples=("BARTIZAN_NAMESPACE=bartizan-system bartizan run webhook",),
        exit_codes=_EXIT_CODES,
    )
)
def webhook() -> None:
    """Answer the API server about policies: what a change would open or close, and what CEL can't judge."""
    from bartizan.shell.webhook import run_webhook

    run_webhook(os.environ)
