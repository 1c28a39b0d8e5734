"""`bartizan graph`: who may talk to whom, as a tree, a diagram, a picture or JSON."""

import json
import sys
from collections.abc import Callable, Iterable
from typing import Annotated, Final

import typer

from bartizan.cli.colours import paint
from bartizan.cli.epilog import epilog
from bartizan.cli.manifests_network import (
    AssumeEnforced,
    ClusterCidr,
    DefaultNamespace,
    Kubeconfig,
    Live,
    Origin,
    Paths,
)
from bartizan.core.network.graph import Graph, focused
from bartizan.core.network.graph_json import graph_document
from bartizan.core.network.graph_markup import dot, mermaid
from bartizan.core.network.graph_text import text
from bartizan.core.network.picture import svg
from bartizan.errors import BartizanError

EPILOG: Final = epilog(
    examples=(
        "bartizan graph examples/shop",
        "bartizan graph examples/shop --output svg > shop.svg",
        "bartizan graph --live --namespace shop --output mermaid",
    ),
    exit_codes={0: "drawn", 2: "something could not be read; one line on stderr says what and where"},
)
_FORMS: Final[dict[str, Callable[[Graph], str]]] = {
    "text": lambda graph: text(graph, paint()),
    "dot": dot,
    "mermaid": mermaid,
    "json": lambda graph: json.dumps(graph_document(graph), indent=2, ensure_ascii=False) + "\n",
    "svg": svg,
}


class UnknownFormError(BartizanError):
    """`--output` names no form; the message lists them."""


def command(
    *,
    paths: Paths = None,
    output: Annotated[str, typer.Option(help="text, dot, mermaid, json or svg.")] = "text",
    namespace: Annotated[str, typer.Option(help="Only what concerns this namespace.")] = "",
    dns: Annotated[
        bool, typer.Option("--dns", help="Show the edges to the cluster's DNS, which every policy has.")
    ] = False,
    live: Live = False,
    kubeconfig: Kubeconfig = None,
    assume_enforced: AssumeEnforced = False,
    cluster_cidr: ClusterCidr = None,
    default_namespace: DefaultNamespace = "",
) -> None:
    """Draw who may talk to whom: what policies declare, and what NetworkPolicies let pass besides.

    From files it is what bartizan would make of them; with --live it is what the cluster holds. An edge is applied, waits for
    the other side's consent, is degraded or denied, or is open although no policy declares it. Two ends that are both marked
    `open` can always talk; no line is drawn for that.
    """
    check_form(output, _FORMS)
    origin = Origin(paths, live, kubeconfig, assume_enforced, cluster_cidr, default_namespace)
    graph = focused(origin.network().graph(), namespace=namespace, dns=dns)
    say_notes(graph.notes)
    sys.stdout.write(_FORMS[output](graph))


def check_form(output: str, allowed: Iterable[str]) -> None:
    """Refuse a form that a verb does not have; raises UnknownFormError."""
    if output not in allowed:
        raise UnknownFormError(f"--output is {output!r}; allowed are {', '.join(allowed)}")


def say_notes(notes: tuple[str, ...]) -> None:
    """Say on standard error what had to be assumed."""
    for note in notes:
        print(f"bartizan: {note}", file=sys.stderr)
