"""`bartizan can`: may one service call another, what decides it, and which lines are missing if not."""

import json
from collections.abc import Iterator
from typing import Annotated, Any, Final

import typer
import yaml

from bartizan.cli.colours import paint
from bartizan.cli.epilog import epilog
from bartizan.cli.graph import check_form, say_notes
from bartizan.cli.manifests_network import (
    AssumeEnforced,
    ClusterCidr,
    DefaultNamespace,
    Kubeconfig,
    Live,
    Origin,
    Paths,
)
from bartizan.cli.targets import read_target
from bartizan.core.network.graph_json import answer_document
from bartizan.core.network.graph_text import Paint
from bartizan.core.network.graph_words import port_words
from bartizan.core.network.reach_verdict import Answer, judge

EPILOG: Final = epilog(
    examples=(
        "bartizan can shop/web shop/orders:8080 examples/shop",
        "bartizan can finance/payments 203.0.113.7:443/TCP examples/shop",
        "bartizan can internet shop/web:http --live",
    ),
    exit_codes={
        0: "allowed",
        1: "denied",
        2: "a name, port or file that does not exist or cannot be read, or an address in the cluster that is no known pod's",
    },
)
_DENIED: Final = 1


class _Indented(yaml.SafeDumper):
    """Writes one entry in a line, as policies are written by hand."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 -- the base class decides the signature
        """Never use an anchor."""
        return True


def command(
    *,
    source: Annotated[
        str,
        typer.Argument(metavar="FROM", help="Who calls: NS/NAME of a policy or workload, an IP address, or internet."),
    ],
    target: Annotated[
        str,
        typer.Argument(
            metavar="TO[:PORT[/PROTOCOL]]", help="Who is called, and on which port: a number or the port's name."
        ),
    ],
    paths: Paths = None,
    output: Annotated[str, typer.Option(help="text or json.")] = "text",
    live: Live = False,
    kubeconfig: Kubeconfig = None,
    assume_enforced: AssumeEnforced = False,
    cluster_cidr: ClusterCidr = None,
    default_namespace: DefaultNamespace = "",
) -> None:
    """Say whether one end may call another, which rule decides on each side, and what to add if it may not.

    Without a port: whether any port is open. It is judged by the packet's own address and port, after a Service has been
    resolved to a pod.
    """
    check_form(output, ("text", "json"))
    network = Origin(paths, live, kubeconfig, assume_enforced, cluster_cidr, default_namespace).network()
    caller = read_target(network, source, port=False)
    called = read_target(network, target, port=True)
    answer = judge(network, caller.node, called.node, called.port, address=caller.address or called.address)
    say_notes(network.landscape.notes)
    if output == "json":
        print(json.dumps(answer_document(answer), indent=2, ensure_ascii=False))
    else:
        print("\n".join(lines(answer, paint())))
    if not answer.allowed:
        raise typer.Exit(_DENIED)


def lines(answer: Answer, painted: Paint) -> Iterator[str]:
    """Yield the verdict as people read it."""
    ends = f"{_end(answer.source)} → {_end(answer.target)}" + (f" on {answer.port}" if answer.port else "")
    word = painted("good", "allowed") if answer.allowed else painted("bad", "denied")
    yield f"{word}: {ends}" + (f" ({port_words(answer.open)})" if answer.allowed and not answer.port else "")
    for name, side in (("egress", answer.egress), ("ingress", answer.ingress)):
        yield f"  {name + ':':8} {painted('good', '✓') if side.allowed else painted('bad', '✗')} {side.why}"
    if answer.partly:
        yield "  not every replica: their labels differ, and so does what holds for them"
    if not answer.allowed and answer.open:
        yield f"  open between the two: {port_words(answer.open)}"
    yield from _additions(answer)


def _end(node_id: str) -> str:
    return node_id.removeprefix("cidr/")


def _additions(answer: Answer) -> Iterator[str]:
    if answer.advice.obstacle:
        yield f"  no line would help: {answer.advice.obstacle}" if answer.port else f"  {answer.advice.obstacle}"
    if answer.advice.add:
        yield ""
        yield "To allow it, add:"
    for one in answer.advice.add:
        yield f"  # ServiceSecurityPolicy {one.policy}, under spec.{one.field}"
        entry = yaml.dump(one.entry, Dumper=_Indented, default_flow_style=True, sort_keys=False, width=4096).strip()
        yield f"  - {entry}"
