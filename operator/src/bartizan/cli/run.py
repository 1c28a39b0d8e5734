"""`bartizan run`: the operator's processes."""

import os
from typing import Annotated

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
            "bartizan run controller",
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
        examples=(
            "bartizan run webhook",
            "BARTIZAN_NAMESPACE=bartizan-system bartizan run webhook --address 127.0.0.1:9443 --cert-dir ./certificate",
        ),
        exit_codes=_EXIT_CODES,
    )
)
def webhook(
    address: Annotated[
        str, typer.Option(help="host:port of HTTPS; wins over BARTIZAN_WEBHOOK_ADDRESS.", show_default=False)
    ] = "",
    cert_dir: Annotated[
        str,
        typer.Option(help="Folder with tls.crt and tls.key; wins over BARTIZAN_WEBHOOK_CERT_DIR.", show_default=False),
    ] = "",
) -> None:
    """Answer the API server about policies: what a change would open or close, and what CEL can't judge."""
    from bartizan.shell.webhook import run_webhook

    flags = {"BARTIZAN_WEBHOOK_ADDRESS": address, "BARTIZAN_WEBHOOK_CERT_DIR": cert_dir}
    run_webhook({**os.environ, **{name: value for name, value in flags.items() if value}})


@app.command(
    epilog=epilog(
        examples=(
            "bartizan run prober",
            "BARTIZAN_PROBER_IMAGE=bartizan:dev BARTIZAN_PROBER_ADDRESS=10.0.0.5 bartizan run prober",
        ),
        exit_codes=_EXIT_CODES,
    )
)
def prober() -> None:
    """Show that packets obey: try declared and undeclared connections from short-lived pods in the services' own network."""
    from bartizan.shell.prober import run_prober

    run_prober(os.environ)
