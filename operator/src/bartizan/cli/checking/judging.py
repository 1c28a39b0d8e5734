"""Reads what is named, one file after another, and judges it when all policies are known.

Whether a pod is covered depends on policies that may stand in the last file, so the objects have to wait. They wait packed:
ten thousand Deployments as Python's mappings take a quarter of a gigabyte, as bytes a tenth of that.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from bartizan.api.kinds import POLICY, SECURITY_BASELINE
from bartizan.api.names import KubeObject
from bartizan.cli.checking.report import Report, ordered
from bartizan.cli.manifests import Manifest, Place, Problem, read
from bartizan.cli.manifests_folders import Source, sources
from bartizan.cli.manifests_marks import Marks, locate
from bartizan.core.checks.view import covering
from bartizan.core.findings.catalogue import TWICE, severity
from bartizan.core.findings.finding import Finding, Severity, about, steps
from bartizan.core.findings.network import idle_finding, network_findings, peers_elsewhere
from bartizan.core.findings.pods import pod_findings
from bartizan.core.findings.schema import is_ours, schema_findings
from bartizan.core.findings.workloads import pod_trail
from bartizan.core.findings.world import World, build_world, is_context

UNCOVERED = "C-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a run is asked for."""

    paths: tuple[str, ...]
    policies: tuple[str, ...] = ()
    """Files and folders that others are judged by, and that are not judged themselves."""
    baselines: tuple[str, ...] = ()
    """Files with the SecurityBaseline that counts, whatever else is found."""
    floor: Mapping[str, str] = field(default_factory=dict)
    """What the Pod Security Standards ask at least: `level` and `version`, where they are given."""
    default_namespace: str = ""
    left_out: frozenset[str] = frozenset()
    """Ids of checks that are not asked."""
    least: Severity = Severity.LOW
    """Findings that are less bad are not told."""
    system: frozenset[str] = frozenset()
    now: datetime
    accepted: Counter[tuple[str, ...]] = field(default_factory=Counter)
    """Identities of findings that somebody has accepted."""


@dataclass(slots=True)
class _Held:
    """One object that waits."""

    packed: bytes
    place: Place
    marks: Marks
    unit: str


Watch = Callable[[list[Source]], Iterable[Source]]
"""Yields the sources, and may tell somebody how far it is."""


class Judging:
    """One run."""

    def __init__(self, asked: Asked, *, texts: dict[str, str] | None = None) -> None:
        self._asked = asked
        self._texts = texts
        self._problems: list[Problem] = []
        self._notes: list[str] = []
        self._found: list[tuple[Finding, Place]] = []
        self._objects: list[tuple[str, str]] = []
        self._workloads: list[_Held] = []
        self._ours: list[_Held] = []
        self._context: list[tuple[str, KubeObject]] = []
        self._floors: list[KubeObject] = []
        self._worlds: dict[str, World] = {}
        self._covered: set[tuple[str, str]] = set()
        self._populated: set[str] = set()

    def run(self, watch: Watch = iter) -> Report:
        """Read, judge, and return everything there is to tell."""
        asked = self._asked
        named = list(self._sources(asked.paths))
        for source in watch(named):
            for manifest in read(source, self._problems.append, marks=True, texts=self._texts):
                self._take(manifest)
        self._context += self._read_context(asked.policies)
        self._floors = [
            item for _, item in self._read_context(asked.baselines) if item["kind"] == SECURITY_BASELINE.kind
        ]
        self._judge_workloads()
        self._judge_ours()
        return Report(
            findings=ordered(self._wanted(), asked.accepted),
            problems=tuple(sorted(self._problems)),
            objects=tuple(self._objects),
            files=len(named),
            notes=tuple(dict.fromkeys(self._notes)),
        )

    def _sources(self, paths: Iterable[str]) -> Iterator[Source]:
        yield from sources(paths, lambda path, said: self._problems.append(Problem(Place(path), said)), rendering=True)

    def _read_context(self, paths: Iterable[str]) -> Iterator[tuple[str, KubeObject]]:
        """Yield what others are judged by, with its unit."""
        for source in self._sources(paths):
            for manifest in read(source, self._problems.append):
                item = self._placed(manifest.item)
                if is_context(item) and _is_named(item):
                    yield manifest.unit, item

    def _wanted(self) -> Iterator[tuple[Finding, Place]]:
        for finding, place in self._found:
            if finding.check not in self._asked.left_out and finding.severity.rank >= self._asked.least.rank:
                yield finding, place

    def _take(self, manifest: Manifest) -> None:
        """Keep what will be judged or judged by; anything else is gone at once."""
        item = manifest.item
        if is_context(item) and _is_named(item):
            self._context.append((manifest.unit, self._placed(item)))
        ours = is_ours(item)
        if ours or pod_trail(item) is not None:
            held = _Held(_packed(item), manifest.place, manifest.marks, manifest.unit)
            (self._ours if ours else self._workloads).append(held)

    def _unpacked(self, held: _Held) -> KubeObject:
        return self._placed(orjson.loads(held.packed))

    def _placed(self, item: KubeObject) -> KubeObject:
        """Return the object in the namespace in which `kubectl apply --namespace` would put it."""
        meta, default = item.get("metadata"), self._asked.default_namespace
        lacks = default and isinstance(meta, dict) and not meta.get("namespace")
        namespaced = pod_trail(item) is not None or item["kind"] == POLICY.kind
        return {**item, "metadata": {**meta, "namespace": default}} if lacks and namespaced and meta else item

    def _world(self, unit: str) -> World:
        """Return what objects of a unit are judged against: its own objects first, then the others."""
        if unit not in self._worlds:
            own = [item for of, item in self._context if of == unit]
            rest = [item for of, item in self._context if of != unit]
            self._worlds[unit] = build_world(
                (*self._floors, *own, *rest), system=self._asked.system, now=self._asked.now, floor=self._asked.floor
            )
        return self._worlds[unit]

    def _judge_workloads(self) -> None:
        controllers = {_name(self._unpacked(held)) for held in self._workloads} if self._has_owned() else set()
        for held in self._workloads:
            item = self._unpacked(held)
            if _owner(item) in controllers:
                continue
            namespace = _namespace(item)
            if namespace in self._asked.system:
                self._notes.append(f"namespace {namespace} is never governed: what is in it was not judged")
                continue
            world = self._world(held.unit)
            left_out = self._asked.left_out
            if not world.has_policies and UNCOVERED not in left_out:
                left_out |= {UNCOVERED}
                self._notes.append(
                    "no policy is given, so nobody asks whether pods are covered (C-01): --policy names files with policies"
                )
            self._judged(item, held, pod_findings(item, world.index(namespace), left_out=left_out))
            self._note_cover(item, namespace, world)

    def _has_owned(self) -> bool:
        """Whether anything names an owner: manifests as people write them never do."""
        return any(b'"ownerReferences"' in held.packed for held in self._workloads)

    def _note_cover(self, item: KubeObject, namespace: str, world: World) -> None:
        self._populated.add(namespace)
        pod: Any = item
        for step in pod_trail(item) or ():
            pod = pod.get(step) if isinstance(pod, dict) else None
        meta = pod.get("metadata") if isinstance(pod, dict) else None
        labels = meta.get("labels") if isinstance(meta, dict) else None
        if isinstance(labels, dict):
            self._covered.update((namespace, one["name"]) for one in covering(world.index(namespace), labels))

    def _judge_ours(self) -> None:
        first: dict[tuple[str, ...], Place] = {}
        for held in self._ours:
            item = self._unpacked(held)
            found = list(schema_findings(item))
            if item["kind"] == POLICY.kind and _is_named(item):
                key = (held.unit, _namespace(item), item["metadata"]["name"])
                if key in first:
                    found.append(_twice(item, first[key]))
                elif not found:
                    found += self._of_policy(item, held)
                first.setdefault(key, held.place)
            self._judged(item, held, found)

    def _of_policy(self, item: KubeObject, held: _Held) -> Iterator[Finding]:
        world = self._world(held.unit)
        namespace = _namespace(item)
        policy = world.snapshot.policies.get((namespace, item["metadata"]["name"]))
        if policy is None:
            return
        yield from network_findings(item, policy, world)
        if namespace in self._populated and (namespace, policy.name) not in self._covered:
            yield idle_finding(item)
        for other in sorted(peers_elsewhere(policy, world)):
            self._notes.append(
                f"nothing of namespace {other} is given, so rules about it were not judged: --policy names files with it"
            )

    def _judged(self, item: KubeObject, held: _Held, found: Iterable[Finding]) -> None:
        self._objects.append((held.place.file, _title(item)))
        written = None
        for finding in found:
            written = written or orjson.loads(held.packed)
            at = locate(written, held.marks, steps(finding.path, written)) if held.marks else None
            self._found.append((finding, Place(held.place.file, *at) if at else held.place))


def _packed(item: KubeObject) -> bytes:
    try:
        return orjson.dumps(item)
    except orjson.JSONEncodeError:
        # A number beyond 64 bits: no field of Kubernetes takes it, and as text it is refused as what it is not.
        return json.dumps(item, default=str).encode()


def _twice(item: KubeObject, place: Place) -> Finding:
    return about(
        item,
        TWICE,
        severity=severity(TWICE.id),
        path="metadata.name",
        message=f"is there already, in {place}; that one was judged",
    )


def _is_named(item: KubeObject) -> bool:
    meta = item.get("metadata")
    return (
        isinstance(meta, dict)
        and isinstance(meta.get("name"), str)
        and isinstance(meta.get("namespace") or "", str)
        and isinstance(meta.get("labels") or {}, dict)
    )


def _namespace(item: KubeObject) -> str:
    meta = item.get("metadata")
    namespace = meta.get("namespace") if isinstance(meta, dict) else None
    return namespace if isinstance(namespace, str) else ""


def _name(item: KubeObject) -> tuple[str, str, str]:
    meta = item.get("metadata")
    name = meta.get("name") if isinstance(meta, dict) else None
    return _namespace(item), item["kind"], name if isinstance(name, str) else ""


def _owner(item: KubeObject) -> tuple[str, str, str] | None:
    """Return what controls the object, as `_name` would."""
    meta = item.get("metadata")
    owners = meta.get("ownerReferences") if isinstance(meta, dict) else None
    for owner in owners if isinstance(owners, list) else ():
        if isinstance(owner, dict) and owner.get("controller") is True:
            return _namespace(item), str(owner.get("kind")), str(owner.get("name"))
    return None


def _title(item: KubeObject) -> str:
    return Manifest(item, Place("")).title
