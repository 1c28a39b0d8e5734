"""Policies in numbers: namespaces full of services that call each other, every edge declared on both sides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bartizan.api.kinds import NETWORK_POLICY, POLICY, SECRET
from bartizan.api.names import KubeObject, network_policy_name
from bartizan.core.model import ObjectRef, PolicyKey
from bench.pods import compliant

EDGES = 5


def _owned() -> dict[PolicyKey, set[PolicyKey]]:
    return {}


@dataclass
class Landscape:
    """Services and whom each calls; `calls` may be changed, and `policy` renders what then holds."""

    prefix: str
    namespaces: int
    per_namespace: int
    calls: dict[PolicyKey, set[PolicyKey]] = field(default_factory=_owned)

    def __post_init__(self) -> None:
        """Have every service call five others: three of its namespace and two of the next one."""
        for key in self.keys:
            place, number = self._names.index(key[0]), int(key[1].rpartition("-")[2])
            near = [(key[0], self._service(number + step)) for step in (1, 2, 3)]
            following = self._names[(place + 1) % self.namespaces]
            far = [(following, self._service(number + step)) for step in (0, 1)]
            self.calls[key] = {*near, *far} - {key}

    @property
    def _names(self) -> list[str]:
        return [f"{self.prefix}-{number:02d}" for number in range(self.namespaces)]

    def _service(self, number: int) -> str:
        return f"svc-{number % self.per_namespace:02d}"

    @property
    def keys(self) -> list[PolicyKey]:
        """Every policy, in order."""
        return [(name, self._service(number)) for name in self._names for number in range(self.per_namespace)]

    def spaces(self) -> list[KubeObject]:
        """The governed namespaces."""
        labels = {"bartizan.dev/enforcement": "enforce"}
        return [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
            for name in self._names
        ]

    def policies(self) -> list[KubeObject]:
        """Every policy."""
        callers: dict[PolicyKey, set[PolicyKey]] = {key: set() for key in self.keys}
        for caller, called in self.calls.items():
            for key in called:
                callers[key].add(caller)
        return [self._policy(key, callers[key]) for key in self.keys]

    def accounts(self) -> list[KubeObject]:
        """The ServiceAccount of every service."""
        return [
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": place}}
            for place, name in self.keys
        ]

    def pods(self) -> list[KubeObject]:
        """One pod of every service, which stays Pending where there is no node."""
        return [
            compliant({"name": name, "namespace": place, "labels": {"app": name}}, name) for place, name in self.keys
        ]

    def policy(self, key: PolicyKey) -> KubeObject:
        """One policy as it now is."""
        return self._policy(key, {caller for caller, called in self.calls.items() if key in called})

    def _policy(self, key: PolicyKey, callers: set[PolicyKey]) -> KubeObject:
        network = {
            "ports": [{"name": "http", "port": 8080}],
            "ingress": [{"from": {"service": name, "namespace": place}} for place, name in sorted(callers)],
            "egress": [{"to": {"service": name, "namespace": place}} for place, name in sorted(self.calls[key])],
        }
        return {
            "apiVersion": POLICY.api_version,
            "kind": POLICY.kind,
            "metadata": {"name": key[1], "namespace": key[0]},
            # In a Secret, which is what is measured: a certificate of a pod's own costs one status and no object.
            "spec": {
                "workload": {"selector": {"matchLabels": {"app": key[1]}}},
                "network": network,
                "mtls": {"delivery": "Secret"},
            },
        }


def policy_ref(key: PolicyKey) -> ObjectRef:
    """Where a policy is."""
    return ObjectRef(api_version=POLICY.api_version, kind=POLICY.kind, namespace=key[0], name=key[1])


def network_policy_ref(key: PolicyKey) -> ObjectRef:
    """Where its NetworkPolicy is."""
    name = network_policy_name(key[1])
    return ObjectRef(api_version=NETWORK_POLICY.api_version, kind=NETWORK_POLICY.kind, namespace=key[0], name=name)


def secret_ref(key: PolicyKey) -> ObjectRef:
    """Where its certificate is."""
    return ObjectRef(api_version=SECRET.api_version, kind=SECRET.kind, namespace=key[0], name=f"{key[1]}-tls")


def is_ready(item: KubeObject) -> bool:
    """Whether a policy is Ready as it is written now."""
    return any(
        one["type"] == "Ready"
        and one["status"] == "True"
        and one.get("observedGeneration") == item["metadata"]["generation"]
        for one in item.get("status", {}).get("conditions", [])
    )


def names(item: KubeObject, peer: PolicyKey) -> bool:
    """Whether a NetworkPolicy has a rule, in whichever direction, for the pods of a service."""
    element = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": peer[0]}},
        "podSelector": {"matchLabels": {"app": peer[1]}},
    }
    spec = item["spec"]
    rules = [rule.get("from", []) for rule in spec.get("ingress", [])]
    rules += [rule.get("to", []) for rule in spec.get("egress", [])]
    return any(element in peers for peers in rules)


def newer_than(item: KubeObject) -> Callable[[KubeObject], bool]:
    """Return the condition that an object's spec has been changed since it was like `item`."""
    generation: int = item["metadata"]["generation"]
    return lambda now: bool(now["metadata"]["generation"] > generation)
