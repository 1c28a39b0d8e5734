"""`bartizan uninstall`: opens what bartizan closed, in the order in which it is safe, without needing anything of it alive.

The gate goes first: as long as its bindings stand, every pod of an enforced namespace is refused once the index is gone. Then
the controller, which would put back what is removed. Then the isolation, and at last what only the gate read. The chart runs
this before Helm removes anything; a person can run it by hand.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal, cast, get_args

import typer

from bartizan.api.kinds import (
    CILIUM_NETWORK_POLICY,
    CLUSTER_NETWORK_POLICY,
    DEPLOYMENT,
    MUTATING_BINDING,
    NETWORK_POLICY,
    POD,
    POLICY_INDEX,
    ROLE_BINDING,
    VALIDATING_BINDING,
    Kind,
)
from bartizan.api.names import (
    BASELINE_NETWORK_POLICY,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    METADATA_NETWORK_POLICY,
    KubeObject,
)
from bartizan.cli.epilog import epilog
from bartizan.cli.live import of_the_shell
from bartizan.core.checks.render import admission_objects
from bartizan.core.checks.settings import AdmissionSettings
from bartizan.core.model import ObjectRef
from bartizan.core.namespace import ACCESS_NAME, PROBES_NAME
from bartizan.errors import BartizanError
from bartizan.kube.api import KubeApi
from bartizan.kube.client import Client
from bartizan.kube.clock import Clock, SystemClock
from bartizan.kube.errors import ForbiddenError, KubeError, NotFoundError

CONTROLLER: Final = "bartizan-controller"
"""The chart's Deployment, and the component label of its pods."""
EPILOG: Final = epilog(
    examples=("bartizan uninstall --dry-run", "bartizan uninstall && helm uninstall bartizan --no-hooks"),
    exit_codes={0: "everything is open", 2: "something could not be removed; one line on stderr says what"},
)
_OURS: Final = f"{MANAGED_BY_LABEL}={MANAGED_BY}"
_PODS: Final = "app.kubernetes.io/name=bartizan,app.kubernetes.io/component=controller"
_PAUSE: Final = timedelta(milliseconds=500)
_CONTROLLER_LEAVES: Final = timedelta(seconds=60)
"""How long the controller's pods are waited for: longer than their grace period. One on a dead node never goes, nor writes."""

Network = Literal["Open", "Keep"]


class UninstallError(BartizanError):
    """Something of bartizan's is still there; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One kind of objects to remove, and how they are told from other people's."""

    says: str
    kind: Kind
    ours: Callable[[KubeObject], bool]
    label_selector: str = ""


def steps(network: Network) -> tuple[Step, ...]:
    """Return what is removed after the controller has gone, in order."""
    isolation = Step(
        says="isolation of namespaces",
        kind=NETWORK_POLICY,
        ours=lambda item: item["metadata"]["name"] == BASELINE_NETWORK_POLICY,
        label_selector=_OURS,
    )
    edges = Step(says="isolation of services", kind=NETWORK_POLICY, ours=_every, label_selector=_OURS)
    # What denies where no NetworkPolicy decides goes before them, what only adds to them after.
    tiers = Step(
        says="tiers around services",
        kind=CLUSTER_NETWORK_POLICY,
        ours=lambda item: item["metadata"]["name"] in {BASELINE_NETWORK_POLICY, METADATA_NETWORK_POLICY},
        label_selector=_OURS,
    )
    names = Step(says="names that services call", kind=CILIUM_NETWORK_POLICY, ours=_every, label_selector=_OURS)
    return (
        *((tiers, isolation, edges, names) if network == "Open" else ()),
        Step(
            says="access to Secrets",
            kind=ROLE_BINDING,
            # Services keep their own rights at the API server, as they keep their certificates.
            ours=lambda item: item["metadata"]["name"] == ACCESS_NAME,
            label_selector=_OURS,
        ),
        Step(
            says="access of the prober",
            kind=ROLE_BINDING,
            ours=lambda item: item["metadata"]["name"] == PROBES_NAME,
            label_selector=_OURS,
        ),
        Step(says="index", kind=POLICY_INDEX, ours=_every, label_selector=_OURS),
    )


def gate_steps() -> tuple[Step, ...]:
    """Return what opens the gate: bindings of bartizan's admission policies, whoever made them and under whatever name."""
    placeholder = AdmissionSettings(release_namespace="", controller_account="", prober=True)
    policies = frozenset(item["metadata"]["name"] for item in admission_objects(placeholder))

    def ours(item: KubeObject) -> bool:
        return (item.get("spec") or {}).get("policyName") in policies

    return tuple(Step(says="gate", kind=kind, ours=ours) for kind in (VALIDATING_BINDING, MUTATING_BINDING))


class Uninstall:
    """Removes step by step and waits until each is gone."""

    def __init__(
        self, api: KubeApi, *, release_namespace: str, say: Callable[[str], None] = print, clock: Clock | None = None
    ) -> None:
        self._api = api
        self._namespace = release_namespace
        self._say = say
        self._clock = clock or SystemClock()

    async def preview(self, network: Network) -> None:
        """Say what would be removed."""
        for step in (*gate_steps(), *steps(network)):
            for ref in await self._found(step):
                self._say(f"would remove {_named(ref)} ({step.says})")

    async def run(self, network: Network, *, timeout: timedelta) -> None:  # noqa: ASYNC109 -- the user's, and it names what is left
        """Remove everything.

        Raises:
            UninstallError: something is still there after `timeout`.
        """
        deadline = self._clock.monotonic() + timeout.total_seconds()
        for step in gate_steps():
            await self._removed(step, deadline)
        await self._stop_controller()
        for step in steps(network):
            await self._removed(step, deadline)
        self._say("everything is open" if network == "Open" else "the gate is open; services stay isolated as they are")

    async def _removed(self, step: Step, deadline: float) -> None:
        problem = ""
        while found := await self._found(step):
            for ref in found:
                try:
                    await self._api.delete(ref)
                    self._say(f"removed {_named(ref)} ({step.says})")
                except ForbiddenError as error:
                    # The API server's admission remembers a deleted guard for about a second.
                    problem = f": {error}"
            if self._clock.monotonic() > deadline:
                left = ", ".join(_named(ref) for ref in found)
                raise UninstallError(f"still there: {left}{problem}; remove it by hand, then try again")
            await self._clock.sleep(_PAUSE)

    async def _found(self, step: Step) -> list[ObjectRef]:
        try:
            listing = await self._api.list(step.kind, label_selector=step.label_selector)
        except NotFoundError:
            return []
        return [ObjectRef.of(item) for item in listing.items if step.ours(item)]

    async def _stop_controller(self) -> None:
        ref = ObjectRef(
            api_version=DEPLOYMENT.api_version, kind=DEPLOYMENT.kind, namespace=self._namespace, name=CONTROLLER
        )
        try:
            await self._api.delete(ref)
        except KubeError as error:
            self._say(f"the controller could not be stopped: {error}")
            return
        deadline = self._clock.monotonic() + _CONTROLLER_LEAVES.total_seconds()
        while (await self._api.list(POD, namespace=self._namespace, label_selector=_PODS)).items:
            if self._clock.monotonic() > deadline:
                self._say("the controller's pods are still listed; going on, they may be on a dead node")
                return
            await self._clock.sleep(_PAUSE)
        self._say("the controller has stopped")


def _every(_: KubeObject) -> bool:
    return True


def _named(ref: ObjectRef) -> str:
    return f"{ref.kind} {'/'.join(part for part in (ref.namespace, ref.name) if part)}"


def command(
    network: Annotated[
        str, typer.Option(help="Open removes the NetworkPolicies; Keep leaves every service isolated as it is.")
    ] = "Open",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,  # noqa: FBT002 -- a flag of the command line
    namespace: Annotated[
        str, typer.Option(envvar="BARTIZAN_NAMESPACE", help="The namespace bartizan is installed in.")
    ] = "bartizan-system",
    kubeconfig: Annotated[
        Path | None,
        typer.Option(
            envvar="BARTIZAN_KUBECONFIG", help="How to reach the cluster; left out: $KUBECONFIG, or the pod's own."
        ),
    ] = None,
    seconds: Annotated[int, typer.Option(help="How long to wait until everything is gone.")] = 120,
) -> None:
    """Open the gate and the network, so that removing bartizan leaves nothing closed. Policies and CRDs stay."""
    chosen = _network(network)

    async def act() -> None:
        """Connect, open everything or tell what would be opened, and disconnect whatever happened."""
        api = await Client.connect(kubeconfig or of_the_shell())
        try:
            uninstall = Uninstall(api, release_namespace=namespace)
            if dry_run:
                await uninstall.preview(chosen)
            else:
                await uninstall.run(chosen, timeout=timedelta(seconds=seconds))
        finally:
            await api.close()

    asyncio.run(act())


def _network(text: str) -> Network:
    if text not in get_args(Network):
        raise UninstallError(f"--network is {text!r}; allowed are {' and '.join(get_args(Network))}")
    return cast("Network", text)
