"""`bartizan reach`: how far somebody gets who has taken over one service."""

import json
from collections.abc import Iterator
from typing import Annotated, Final

import typer

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
from bartizan.core.network.graph_json import reach_document
from bartizan.core.network.graph_text import Paint
from bartizan.core.network.graph_words import port_words
from bartizan.core.network.reach import Reach, reach

EPILOG: Final = epilog(
    examples=("bartizan reach shop/web examples/shop", "bartizan reach shop/web --hops 1 --live"),
    exit_codes={
        0: "answered, whatever is reached",
        2: "a name or a file that does not exist or cannot be read, or an address in the cluster that is no known pod's",
    },
)


def command(
    *,
    source: Annotated[
        str, typer.Argument(metavar="FROM", help="NS/NAME of a policy or workload, an IP address, or internet.")
    ],
    paths: Paths = None,
    hops: Annotated[
        int | None, typer.Option(min=1, help="How many hops to follow; left out: as many as there are.")
    ] = None,
    dns: Annotated[bool, typer.Option("--dns", help="Pass through the cluster's DNS servers too.")] = False,
    output: Annotated[str, typer.Option(help="text or json.")] = "text",
    live: Live = False,
    kubeconfig: Kubeconfig = None,
    assume_enforced: AssumeEnforced = False,
    cluster_cidr: ClusterCidr = None,
    default_namespace: DefaultNamespace = "",
) -> None:
    """List everything that can be reached from one end, hop by hop, and the longest way.

    Every open port counts as a way in, whatever listens there: it is the most that can happen.
    """
    check_form(output, ("text", "json"))
    network = Origin(paths, live, kubeconfig, assume_enforced, cluster_cidr, default_namespace).network()
    start = read_target(network, source, port=False).node
    found = reach(network, start.id, hops=hops, dns=dns)
    say_notes(network.landscape.notes)
    if output == "json":
        print(json.dumps(reach_document(found), indent=2, ensure_ascii=False))
    else:
        print("\n".join(lines(found, paint())))


def lines(found: Reach, painted: Paint) -> Iterator[str]:
    """Yield what is reached as people read it."""
    start = _end(found.source)
    if not found.steps:
        yield f"{painted('title', start)} reaches nothing"
        return
    counts = ", ".join(f"{count} in {hops} {'hop' if hops == 1 else 'hops'}" for hops, count in found.by_hops.items())
    yield f"{painted('title', start)} reaches {len(found.steps)}: {counts}"
    wide = max(len(_end(step.target)) for step in found.steps)
    for step in found.steps:
        via = "" if step.via == found.source else f"  via {_end(step.via)}"
        yield f"  {step.hops}  {_end(step.target):{wide}}  {port_words(step.ports)}{painted('quiet', via)}"
    way = "".join(f" → {_end(step.target)} ({port_words(step.ports)})" for step in found.worst)
    yield f"worst path, {len(found.worst)} {'hop' if len(found.worst) == 1 else 'hops'}: {start}{way}"


def _end(node_id: str) -> str:
    return node_id.removeprefix("cidr/")
