"""`bartizan probe`: what a probe pod runs."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from bartizan.cli.epilog import epilog
from bartizan.errors import BartizanError

EPILOG = epilog(
    examples=(
        "bartizan probe",
        """BARTIZAN_PROBE='[["10.0.0.7",8080,1],["10.0.0.8",8080,0]]' bartizan probe --answer /dev/stdout""",
        """BARTIZAN_PROBE='[["10.0.0.7",8443,1,1]]' bartizan probe --answer /dev/stdout""",
    ),
    exit_codes={
        0: "every target was tried; what became of each is in the answer",
        2: "the targets cannot be read or the answer cannot be written; one line on stderr says why",
    },
)


class ProbeOrdersError(BartizanError):
    """What is to be tried cannot be read, or what came of it cannot be written."""


def command(
    answer: Annotated[Path, typer.Option(help="Where the answer goes, as JSON.", show_default=True)] = Path(
        "/dev/termination-log"
    ),
) -> None:
    """Try TCP connections and write down what became of each; not a byte is sent, but for the hello below.

    The targets are JSON in BARTIZAN_PROBE: a list of [IP address, port, 1 if a connection is expected, else 0]. With a
    further 1 the port is asked for its certificate, by a TLS hello that is never finished. The prober runs it in pods that
    carry a service's labels; it needs no credentials and uses none.
    """
    from bartizan.core.network.probe_pod import ORDERS_VARIABLE
    from bartizan.core.network.probe_wire import UnreadableProbeError, read_orders
    from bartizan.core.network.probe_wire import answer as written
    from bartizan.prober.connect import dns_service, run

    try:
        targets = read_orders(os.environ.get(ORDERS_VARIABLE, ""))
    except UnreadableProbeError as error:
        raise ProbeOrdersError(f"{ORDERS_VARIABLE}: {error}") from None
    said = written(asyncio.run(run(targets, dns_service())))
    try:
        answer.write_text(said, encoding="utf-8")
    except OSError as error:
        raise ProbeOrdersError(f"cannot write {answer}: {error.strerror}; --answer must name a file") from error
