"""What `approve` and `deny` have in common: read the policy, decide, write the one decision, say what came of it.

The read and the write are tied by the object's version: if the policy changed in between, everything is decided anew.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer
import yaml

from bartizan.api.kinds import POLICY
from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import Decision
from bartizan.cli.live import of_the_shell
from bartizan.core.decisions import MANAGER, DecisionError, decision_write, lines_to_commit
from bartizan.core.model import ObjectRef, PolicyKey, PolicyView
from bartizan.core.views import read_policy
from bartizan.kube.api import KubeApi
from bartizan.kube.client import Client
from bartizan.kube.errors import ConflictError, NotFoundError

Kubeconfig: TypeAlias = Annotated[
    Path | None,
    typer.Option(envvar="BARTIZAN_KUBECONFIG", help="How to reach the cluster; left out: as kubectl does."),
]
Output: TypeAlias = Annotated[
    str, typer.Option("--output", "-o", help="yaml: write nothing, print the lines to commit instead.")
]
Caller: TypeAlias = Annotated[str, typer.Option("--from", help="The caller's policy, as NAMESPACE/NAME.")]
Provider: TypeAlias = Annotated[str, typer.Argument(help="The called policy, as NAMESPACE/NAME.")]
Why: TypeAlias = Annotated[str | None, typer.Option(help="Why, in a sentence; the caller sees it.")]
Decide: TypeAlias = Callable[[PolicyView, Sequence[str] | None], Decision]
"""From the policy, and the ports that the caller waits for (None: it does not wait), to the decision."""

EXIT_CODES: Final = {
    0: "written, or printed",
    2: "refused or impossible; one line on stderr says why",
}
_TRIES: Final = 5


async def answer(api: KubeApi, key: PolicyKey, consumer: PolicyKey, decide: Decide, *, write: bool) -> str:
    """Decide about `consumer` and write it; return what to print.

    Raises:
        DecisionError: the policy does not exist or cannot be read, or another field manager keeps this decision.
        KubeError: the API server refused the write.
    """
    tries = 0
    while True:
        item = await _policy(api, key)
        policy = read_policy(item)
        if not isinstance(policy, PolicyView):
            raise DecisionError(f"{'/'.join(key)} cannot be read: {policy.problem}")
        asked = waiting_ports(item, consumer)
        decision = decide(policy, asked)
        if not write:
            return yaml.safe_dump(lines_to_commit(policy, decision), sort_keys=False)
        try:
            await api.apply(decision_write(item, decision), manager=MANAGER)
        except ConflictError as error:
            tries += 1
            if error.fields:
                raise DecisionError(
                    f"somebody else keeps the decision about {'/'.join(consumer)} ({error.message}); change it there: "
                    "--output yaml prints the lines"
                ) from None
            if tries == _TRIES:
                raise
            continue
        return _told(key, decision, asked=asked is not None)


def waiting_ports(item: KubeObject, consumer: PolicyKey) -> tuple[str, ...] | None:
    """Return the ports that `consumer` waits for, as the policy's status tells; None if it does not wait."""
    for request in (item.get("status") or {}).get("requests") or ():
        if request.get("from") == "/".join(consumer):
            return tuple(request.get("ports") or ())
    return None


def run(consumer: PolicyKey, decide: Decide, *, key: PolicyKey, output: str, kubeconfig: Path | None) -> None:
    """Connect, answer, print."""
    if output not in {"text", "yaml"}:
        raise DecisionError(f"--output is {output!r}; allowed: text (write the decision) and yaml (print it)")

    async def act() -> str:
        api = await Client.connect(kubeconfig or of_the_shell())
        try:
            return await answer(api, key, consumer, decide, write=output == "text")
        finally:
            await api.close()

    print(asyncio.run(act()).rstrip())


async def _policy(api: KubeApi, key: PolicyKey) -> KubeObject:
    ref = ObjectRef(api_version=POLICY.api_version, kind=POLICY.kind, namespace=key[0], name=key[1])
    try:
        return await api.get(ref)
    except NotFoundError:
        raise DecisionError(f"no ServiceSecurityPolicy {'/'.join(key)} exists; correct namespace or name") from None


def _told(key: PolicyKey, decision: Decision, *, asked: bool) -> str:
    provider, caller = "/".join(key), f"{decision.namespace}/{decision.service}"
    if decision.verdict == "Denied":
        return f"{provider} denies {caller}"
    ports = f" on {', '.join(decision.ports)}" if decision.ports else " on all ports"
    until = f" until {decision.until.isoformat().replace('+00:00', 'Z')}" if decision.until else ""
    hint = "" if asked else f"\n{caller} does not ask for it yet: nothing opens until its egress lists {provider}"
    return f"{provider} admits {caller}{ports}{until}{hint}"
