"""What the webhook knows of the cluster: reflectors fill a store, and a snapshot is read from it for each review.

Only what edges and certificates depend on is watched. Reading an object into a view costs far more than looking it up, so views
are kept per object version.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from bartizan.api.kinds import ENDPOINT_SLICE, NAMESPACE, NODE, POLICY, SECURITY_BASELINE, TRUST_DOMAIN, Kind
from bartizan.api.names import DEFAULT_NAME, SYSTEM_NAMESPACES, KubeObject
from bartizan.api.v1alpha1 import SecurityBaselineSpec
from bartizan.core.endpoints import API_SERVICE, SERVICE_NAME_LABEL
from bartizan.core.model import InvalidPolicy, ObjectRef, PolicyView, Snapshot, TrustDomainView
from bartizan.core.views import (
    STRICT_BASELINE,
    read_baseline,
    read_namespace,
    read_policy,
    read_ranges,
    read_trust_domain,
    without_baseline,
)
from bartizan.kube.api import KubeApi
from bartizan.kube.reflector import Reflector
from bartizan.kube.store import Store

WATCHED: Final = (POLICY, NAMESPACE, SECURITY_BASELINE, TRUST_DOMAIN, NODE, ENDPOINT_SLICE)
"""Nodes tell the pods' range, without which the peer `internet` is denied; of slices only the API server's are watched."""
_SELECTED: Final = {ENDPOINT_SLICE: f"{SERVICE_NAME_LABEL}={API_SERVICE[1]}"}

View = TypeVar("View")


@dataclass(slots=True)
class _Reader:
    """Reads objects into views, each version of an object once."""

    known: dict[ObjectRef, tuple[str, object]] = field(default_factory=dict)

    def read(self, items: Iterable[KubeObject], reader: Callable[[KubeObject], View]) -> list[View]:
        """Return the views of `items`."""
        return [self._one(item, reader) for item in items]

    def _one(self, item: KubeObject, reader: Callable[[KubeObject], View]) -> View:
        ref, version = ObjectRef.of(item), item["metadata"].get("resourceVersion", "")
        found = self.known.get(ref)
        if found and version and found[0] == version:
            return found[1]  # type: ignore[return-value] # one kind of object has one reader
        view = reader(item)
        self.known[ref] = (version, view)
        return view

    def forget(self, ref: ObjectRef) -> None:
        """Let go of an object's view."""
        self.known.pop(ref, None)


class ClusterMemory:
    """The watched kinds, kept up to date while `run` runs."""

    def __init__(self, api: KubeApi, *, release_namespace: str) -> None:
        self._store = Store()
        self._system = frozenset((*SYSTEM_NAMESPACES, release_namespace))
        self._reader = _Reader()
        self._floors = STRICT_BASELINE
        self._reflectors = {
            kind: Reflector(api, kind, self._store, self._reader.forget, label_selector=_SELECTED.get(kind, ""))
            for kind in WATCHED
        }

    @property
    def synced(self) -> bool:
        """Whether every kind has been listed at least once."""
        return all(reflector.synced for reflector in self._reflectors.values())

    def waiting_for(self) -> tuple[Kind, ...]:
        """Return the kinds not listed yet."""
        return tuple(kind for kind, reflector in self._reflectors.items() if not reflector.synced)

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for reflector in self._reflectors.values():
                tasks.create_task(reflector.run())

    def snapshot(self) -> Snapshot:
        """Return the cluster as it is known now."""
        policies = self._reader.read(self._store.list(POLICY), read_policy)
        namespaces = self._reader.read(
            self._store.list(NAMESPACE), lambda item: read_namespace(item, system=self._system)
        )
        domains = self._reader.read(self._store.list(TRUST_DOMAIN), read_trust_domain)
        baseline = self._baseline()
        return Snapshot(
            policies={policy.key: policy for policy in policies if isinstance(policy, PolicyView)},
            invalid={(item.namespace, item.name): item for item in policies if isinstance(item, InvalidPolicy)},
            namespaces={namespace.name: namespace for namespace in namespaces},
            ranges=read_ranges(
                nodes=self._store.list(NODE),
                service_cidrs=(),
                services=(),
                baseline=baseline,
                slices=self._store.list(ENDPOINT_SLICE),
            ),
            baseline=baseline,
            baseline_missing=not self._baseline_items(),
            trust_domains={domain.name: domain for domain in domains if isinstance(domain, TrustDomainView)},
        )

    def _baseline_items(self) -> list[KubeObject]:
        return [item for item in self._store.list(SECURITY_BASELINE) if item["metadata"]["name"] == DEFAULT_NAME]

    def _baseline(self) -> SecurityBaselineSpec:
        found = self._baseline_items()
        read = read_baseline(found[0]) if found else without_baseline(self._floors)
        if isinstance(read, SecurityBaselineSpec):
            self._floors = read
        return self._floors
