"""What Pod Security Admission's fixtures ask of us: which of our checks must find what, and how a pod is shaped to be asked."""

import copy
import re
from dataclasses import dataclass

from bartizan.api.v1alpha1 import BaselinePodSecurity
from bartizan.core.checks.registry import ALL
from bartizan.core.index import compile_index
from bartizan.testing.builders import HARDENED_CONTAINER, HARDENED_POD, a_policy_view
from integration.admission.live import PLURALS
from judges.pod_security import Fixture
from workload_kinds import around

NAME = "fixture"
KINDS = tuple(kind for kind in PLURALS if kind in {
    "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "ReplicationController", "PodTemplate",
})  # fmt: skip
OURS = {check.info.standard.name.lower(): check.info.id for check in ALL if check.info.standard}
"""Our check for each of theirs, by its name in lower case."""
REPLACED = {"capabilities_baseline": (22, "P-21"), "procmount": (35, "P-22"), "seccompprofile_baseline": (19, "P-26")}
"""From which version on level restricted has another check in the place of theirs, and our name of that."""
COMPANIONS = {
    "windowshostprocess": (0, "P-02"),  # a HostProcess pod must be in the node's network
    "hostpathvolumes": (0, "P-23"),  # and restricted lists the volumes that may be, where hostPath is not
    "privileged": (8, "P-20"),  # a privileged container cannot give up privilege escalation
    "allowprivilegeescalation": (22, "P-21"),  # one of its pods has a container without any securityContext
    "restrictedvolumes": (0, "P-03"),  # one of its volumes is a hostPath, which is ours to refuse at every level
}
"""What else is wrong with some fixtures by the rules of Pod Security Admission itself, since which version, and our name of it."""
_RESTRICTED_ONLY = {"hostpathvolumes", "privileged", "allowprivilegeescalation", "restrictedvolumes"}
_NO_FLOOR = BaselinePodSecurity(level="baseline", version="v1.0")
_FOUND = re.compile(r"(?:: |; )([A-Z]-[0-9]{2}) ")


@dataclass(frozen=True)
class Expected:
    """The checks that must find something, and those that may."""

    must: str
    may: frozenset[str]

    @property
    def all(self) -> frozenset[str]:
        """The checks that must and those that may."""
        return self.may | ({self.must} if self.must else set())

    def fits(self, found: set[str]) -> bool:
        """Whether exactly the right checks spoke."""
        return found <= self.all and (not self.must or self.must in found)


def expected(fixture: Fixture) -> Expected:
    """Return which of our checks must refuse a fixture; none if it passes."""
    if fixture.passes:
        return Expected("", frozenset())
    must, may = OURS[fixture.check], frozenset[str]()
    restricted = fixture.level == "restricted"
    since, other = REPLACED.get(fixture.check, (99, ""))
    if restricted and fixture.minor >= since:
        must = other
    since, other = COMPANIONS.get(fixture.check, (99, ""))
    if fixture.minor >= since and (restricted or fixture.check not in _RESTRICTED_ONLY):
        may = frozenset({other})
    return Expected(must, may)


def told_ids(message: str) -> set[str]:
    """Return the ids of the checks that speak in one of our lines."""
    return set(_FOUND.findall(message))


def index(level: str, minor: int, namespace: str = "shop") -> dict:
    """Return the index of a namespace with the one policy that all fixtures belong to."""
    selector = {"matchLabels": {"app": NAME}}
    wanted = {"level": level, "version": f"v1.{minor}"}
    policy = a_policy_view(NAME, namespace, workload={"selector": selector, "podSecurity": wanted})
    return compile_index(namespace, [policy], floor=_NO_FLOOR)


def covered(pod: dict, *, name: str = "p") -> dict:
    """Return the pod under the policy of `index`."""
    meta = {**pod["metadata"], "name": name, "labels": {"app": NAME}}
    return {**pod, "metadata": meta, "spec": {**pod["spec"], "serviceAccountName": NAME}}


def moved(pod: dict, field: str) -> dict:
    """Return the pod with all its containers among `initContainers` or `ephemeralContainers`, beside a hardened one.

    Only an init container that stays (restartPolicy Always) may have probes and hooks.
    """
    spec = copy.deepcopy(pod["spec"])
    items = [*spec.pop("initContainers", ()), *spec.pop("containers")]
    for item in items:
        if field == "initContainers" and {"livenessProbe", "readinessProbe", "startupProbe", "lifecycle"} & set(item):
            item["restartPolicy"] = "Always"
    linux = (spec.get("os") or {}).get("name") != "windows"
    hardened = {**HARDENED_CONTAINER["securityContext"], **HARDENED_POD["securityContext"]} if linux else {}
    return {
        **pod,
        "spec": {**spec, "containers": [{"name": "main", "image": "x", "securityContext": hardened}], field: items},
    }


def wrapped(kind: str, pod: dict) -> dict:
    """Return a workload of a kind whose pods are `pod`."""
    meta = {"labels": pod["metadata"]["labels"], "annotations": pod["metadata"].get("annotations") or {}}
    return around(kind, {"metadata": meta, "spec": pod["spec"]})
