"""What checks look at: the pod inside a Pod or a workload's template, with the paths its parts have there.

Plain dicts are read as they come from the API server. The webhook judges thousands of them a second, so nothing is validated
or copied here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bartizan.api.names import KubeObject
from bartizan.api.pod_security import NEWEST, Level

_TEMPLATES: Final[Mapping[str, tuple[str, ...]]] = {
    "Pod": (),
    "PodTemplate": ("template",),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
_WORKLOAD: Final = ("spec", "template")
_LISTS: Final = (
    ("containers", "container"),
    ("initContainers", "init container"),
    ("ephemeralContainers", "ephemeral container"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerView:
    """One container of any kind, or the pod itself where both hold the same setting."""

    subject: str
    at: str
    item: KubeObject
    security: KubeObject
    """Its securityContext; empty where it has none."""
    ephemeral: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A pod, or the pod that a template describes, and the policies that select it."""

    at: str
    """Path of the pod within the object: empty, or such as `spec.template.`."""
    spec: KubeObject
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    account: str
    containers: tuple[ContainerView, ...]
    holders: tuple[ContainerView, ...]
    """Whatever can hold a securityContext: the pod itself, then its containers."""
    restricted: bool
    """Whether the level restricted of the Pod Security Standards holds the pod, and not only baseline."""
    version: int
    """The minor version of Kubernetes whose Pod Security Standards hold the pod."""
    covering: tuple[KubeObject, ...]
    """Entries of the index, by name."""
    owners: str
    """The policies that name the pod's ServiceAccount, joined by commas; empty: none."""
    identities: Mapping[str, str]
    """Every certificate Secret of the namespace, and the policies whose pods mount it."""

    @property
    def windows(self) -> bool:
        """Whether the pod says that it runs on Windows."""
        return bool((self.spec.get("os") or {}).get("name") == "windows")

    @property
    def own_users(self) -> bool:
        """Whether the pod has a user namespace of its own (`hostUsers: false`)."""
        return self.spec.get("hostUsers") is False


def template_of(item: KubeObject) -> KubeObject:
    """Return the pod or the pod template in `item`; an empty one where there is none."""
    found: Any = item
    for step in _TEMPLATES.get(item.get("kind", "Pod"), _WORKLOAD):
        found = found.get(step) or {}
    return found  # type: ignore[no-any-return]  # JSON


def view_of(item: KubeObject, index: KubeObject) -> View:
    """Return what checks look at in `item`, judged against `index` (the `spec` of a PolicyIndex)."""
    pod = template_of(item)
    at = "".join(f"{step}." for step in _TEMPLATES.get(item.get("kind", "Pod"), _WORKLOAD))
    spec: KubeObject = pod.get("spec") or {}
    meta: KubeObject = pod.get("metadata") or {}
    labels: Mapping[str, str] = meta.get("labels") or {}
    account = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    found = covering(index, labels)
    demand = found[0] if len(found) == 1 else index
    containers = tuple(_containers(spec, at))
    itself = ContainerView(
        subject="pod", at=f"{at}spec", item=spec, security=spec.get("securityContext") or {}, ephemeral=False
    )
    return View(
        at=at,
        spec=spec,
        labels=labels,
        annotations=meta.get("annotations") or {},
        account=account,
        containers=containers,
        holders=(itself, *containers),
        restricted=demand.get("level") == Level.RESTRICTED,
        version=demand.get("version", NEWEST),
        covering=found,
        owners=(index.get("accounts") or {}).get(account, ""),
        identities=index.get("identities") or {},
    )


def covering(index: KubeObject, labels: Mapping[str, str]) -> tuple[KubeObject, ...]:
    """Return the entries of the index whose selectors match `labels`, by name."""
    buckets: Mapping[str, list[KubeObject]] = index.get("buckets") or {}
    near = [entry for key, value in labels.items() for entry in buckets.get(f"{key}={value}", ())]
    near += index.get("rest") or []
    return tuple(sorted((entry for entry in near if _selects(entry, labels)), key=lambda entry: entry["name"]))


def _containers(spec: KubeObject, at: str) -> Iterable[ContainerView]:
    for field, kind in _LISTS:
        for position, item in enumerate(spec.get(field) or ()):
            yield ContainerView(
                subject=f'{kind} "{item.get("name", "")}"',
                at=f"{at}spec.{field}[{position}]",
                item=item,
                security=item.get("securityContext") or {},
                ephemeral=field == "ephemeralContainers",
            )


def _selects(entry: KubeObject, labels: Mapping[str, str]) -> bool:
    wanted: Mapping[str, str] = entry.get("labels") or {}
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _holds(requirement, labels) for requirement in entry.get("expressions") or ()
    )


def _holds(requirement: KubeObject, labels: Mapping[str, str]) -> bool:
    """Whether one expression of a selector holds, with the meaning Kubernetes gives it: an absent label is NotIn anything."""
    key, operator = requirement["key"], requirement["operator"]
    if operator == "Exists":
        return key in labels
    if operator == "DoesNotExist":
        return key not in labels
    among = labels.get(key) in (requirement.get("values") or ())
    return among if operator == "In" else not among
