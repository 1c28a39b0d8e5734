"""`bartizan requests`: who waits for whose consent."""

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Final

import orjson
import typer

from bartizan.api.kinds import POLICY
from bartizan.api.names import KubeObject
from bartizan.cli.answer import Kubeconfig
from bartizan.cli.epilog import epilog
from bartizan.cli.live import of_the_shell
from bartizan.core.decisions import DecisionError, read_key
from bartizan.core.model import ObjectRef
from bartizan.kube.api import KubeApi
from bartizan.kube.client import Client

EPILOG: Final = epilog(
    examples=(
        "bartizan requests",
        "bartizan requests finance/payments",
        "bartizan requests --namespace finance --output json",
    ),
    exit_codes={0: "printed", 2: "the cluster cannot be asked; one line on stderr says why"},
)
_HEAD: Final = ("POLICY", "FROM", "PORTS", "SINCE", "UNTIL", "REASON")


async def listed(api: KubeApi, policy: str, namespace: str) -> list[KubeObject]:
    """Return the requests of one policy, of a namespace's policies or of all, longest waiting first.

    Each is a request as it stands in the status, and `policy` (`namespace/name`). Raises DecisionError or KubeError.
    """
    if policy:
        place, name = read_key(policy, "the policy")
        items = [await api.get(ObjectRef(api_version=POLICY.api_version, kind=POLICY.kind, namespace=place, name=name))]
    else:
        items = list((await api.list(POLICY, namespace=namespace)).items)
    found = [
        {"policy": f"{item['metadata']['namespace']}/{item['metadata']['name']}", **request}
        for item in items
        for request in (item.get("status") or {}).get("requests") or ()
    ]
    return sorted(found, key=lambda one: (one["since"], one["policy"], one["from"]))


def table(requests: Iterable[KubeObject]) -> str:
    """Return requests in columns, or that there are none."""
    rows = [
        (
            one["policy"],
            one["from"],
            ",".join(one.get("ports") or ()) or "-",
            one["since"],
            one.get("until") or "-",
            one.get("reason") or "-",
        )
        for one in requests
    ]
    return _columns((_HEAD, *rows)) if rows else "nobody waits for consent"


def _columns(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def command(
    policy: Annotated[str, typer.Argument(help="One policy, as NAMESPACE/NAME; left out: all.")] = "",
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Only policies of this namespace.")] = "",
    output: Annotated[str, typer.Option("--output", "-o", help="text or json.")] = "text",
    kubeconfig: Kubeconfig = None,
) -> None:
    """List callers that declared a call and wait for the called side's consent."""
    if output not in {"text", "json"}:
        raise DecisionError(f"--output is {output!r}; allowed: text and json")
    found = asyncio.run(_asked(policy, namespace, kubeconfig))
    print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode() if output == "json" else table(found))


async def _asked(policy: str, namespace: str, kubeconfig: Path | None) -> list[KubeObject]:
    api = await Client.connect(kubeconfig or of_the_shell())
    try:
        return await listed(api, policy, namespace)
    finally:
        await api.close()
