"""What the prober knows of the cluster: reflectors for what it chooses by, and the ready pods of enforced namespaces.

Pods are listed and not watched: they are needed once an interval, and only where the controller gave access.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from bartizan.api.kinds import NAMESPACE, NETWORK_POLICY, POD, POLICY
from bartizan.api.names import MANAGED_BY, MANAGED_BY_LABEL, SYSTEM_NAMESPACES, KubeObject, network_policy_name
from bartizan.api.v1alpha1 import ProbeReport, ServedSighting
from bartizan.core.model import ObjectRef, PolicyKey, PolicyView
from bartizan.core.network.probing import Landscape, ready_pods
from bartizan.core.network.proof import is_past, read_report, speaks_of
from bartizan.core.network.semantics import Endpoint
from bartizan.core.reasons import Mode
from bartizan.core.served.hurry import hurried
from bartizan.core.views import read_namespace, read_policy
from bartizan.kube.api import KubeApi
from bartizan.kube.errors import ForbiddenError, NotFoundError
from bartizan.kube.reflector import Reflector
from bartizan.kube.store import Store

_log: Final = structlog.get_logger("bartizan.prober")
_WATCHED: Final = ((NAMESPACE, ""), (POLICY, ""), (NETWORK_POLICY, f"{MANAGED_BY_LABEL}={MANAGED_BY}"))
RETRY: Final = timedelta(minutes=1)
"""After how long a run is repeated that showed less than it should, or something that should not be."""
_ALSO: Final = {"Closed": "Refused"}
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Terrain:
    """The watched kinds, kept up to date while `run` runs."""

    def __init__(self, api: KubeApi, *, release_namespace: str, witness: Endpoint, witness_port: int) -> None:
        self._api = api
        self._store = Store()
        self._system = frozenset((*SYSTEM_NAMESPACES, release_namespace))
        self._witness = witness
        self._witness_port = witness_port
        self._reflectors = [
            Reflector(api, kind, self._store, lambda _: None, label_selector=selector) for kind, selector in _WATCHED
        ]

    @property
    def synced(self) -> bool:
        """Whether every kind has been listed at least once."""
        return all(reflector.synced for reflector in self._reflectors)

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for reflector in self._reflectors:
                tasks.create_task(reflector.run())

    def due(self, now: datetime, interval: timedelta) -> list[PolicyKey]:
        """Return the policies of which a probe is due: new or changed ones first, then those that have waited longest."""
        soon = hurried(self._store.list(POLICY), now)
        waits = {key: min(interval, RETRY) if key in soon else interval for key in self._policies()}
        found = [(self._due_since(key, now, wait), key) for key, wait in waits.items()]
        return [key for _, key in sorted((since, key) for since, key in found if since is not None)]

    def served_before(self, key: PolicyKey) -> tuple[ServedSighting, ...]:
        """Return what the last run of a policy saw of certificates."""
        report = self._report(key)
        return report.served if report else ()

    @property
    def namespaces(self) -> list[str]:
        """The namespaces in which there is something to probe."""
        return sorted({namespace for namespace, _ in self._policies()})

    def network_policy(self, key: PolicyKey) -> KubeObject | None:
        """Return the NetworkPolicy that is in force for a policy."""
        kind, (namespace, name) = NETWORK_POLICY, key
        ref = ObjectRef(
            api_version=kind.api_version, kind=kind.kind, namespace=namespace, name=network_policy_name(name)
        )
        return self._store.get(ref)

    async def look(self) -> Landscape:
        """Return everything that targets are chosen from, with the pods that are ready now."""
        policies = self._policies()
        around = {
            item["metadata"]["name"]: item["metadata"].get("labels") or {} for item in self._store.list(NAMESPACE)
        }
        spaces = sorted({namespace for namespace, _ in policies})
        pods: dict[PolicyKey, tuple[Endpoint, ...]] = {}
        for space in spaces:
            mine = [policy for policy in policies.values() if policy.namespace == space]
            pods |= ready_pods(mine, await self._pods(space), around)
        return Landscape(
            policies=policies,
            network_policies={space: tuple(self._store.list(NETWORK_POLICY, namespace=space)) for space in spaces},
            namespace_labels=around,
            pods=pods,
            witness=self._witness,
            witness_port=self._witness_port,
        )

    def _policies(self) -> dict[PolicyKey, PolicyView]:
        """Return the policies of enforced namespaces that have their NetworkPolicy."""
        views = [read_namespace(item, system=self._system) for item in self._store.list(NAMESPACE)]
        enforced = {view.name for view in views if view.mode is Mode.ENFORCE and not view.deleting}
        found = [
            read_policy(item)
            for item in self._store.list(POLICY)
            if item["metadata"]["namespace"] in enforced and "deletionTimestamp" not in item["metadata"]
        ]
        return {
            policy.key: policy
            for policy in found
            if isinstance(policy, PolicyView) and self.network_policy(policy.key) is not None
        }

    def _report(self, key: PolicyKey) -> ProbeReport | None:
        ref = ObjectRef(api_version=POLICY.api_version, kind=POLICY.kind, namespace=key[0], name=key[1])
        return read_report(self._store.get(ref) or {})

    def _due_since(self, key: PolicyKey, now: datetime, interval: timedelta) -> datetime | None:
        """Return when the last run was that no longer suffices; None: it does."""
        report = self._report(key)
        if report is None or not is_past(report, now) or not speaks_of(report, self.network_policy(key)):
            return _NEVER
        # Some networks refuse what they do not let through.
        as_expected = all(flow.seen in {flow.expected, _ALSO.get(flow.expected)} for flow in report.flows)
        wait = interval if as_expected and not report.problem else min(interval, RETRY)
        return report.at if now >= report.at + wait else None

    async def _pods(self, namespace: str) -> list[KubeObject]:
        try:
            return list((await self._api.list(POD, namespace=namespace)).items)
        except (ForbiddenError, NotFoundError) as error:
            _log.info("not probed yet: no access to its pods", namespace=namespace, error=str(error))
            return []
