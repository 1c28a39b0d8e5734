"""Compiles the policies of a namespace into the one object that the API server's own admission policies read.

The API server pays for this object on every pod it admits, so an entry holds only what is judged, empty parts are left out,
and entries lie in buckets: a pod is compared with the few policies that share a label with it, not with all.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from bartizan.api.kinds import POLICY_INDEX
from bartizan.api.names import INDEX_NAME, MANAGED_BY, MANAGED_BY_LABEL, KubeObject
from bartizan.api.pod_security import Level, minor
from bartizan.api.v1alpha1 import BaselinePodSecurity, PodSecurity
from bartizan.core.emit import sealed
from bartizan.core.injection.plan import annotations
from bartizan.core.model import PolicyView

_LEAST: Final = BaselinePodSecurity()
_NONE: Final[Mapping[str, KubeObject]] = {}
_PREFERRED_KEYS: Final = ("app.kubernetes.io/name", "app")


def compile_index(
    namespace: str,
    policies: Iterable[PolicyView],
    *,
    floor: BaselinePodSecurity = _LEAST,
    pod_certificates: Mapping[str, KubeObject] = _NONE,
) -> KubeObject:
    """Return the sealed PolicyIndex of `namespace`, the same for the same policies in any order.

    Policies of other namespaces are left out, so that a caller may hand over all it has. `floor` is the SecurityBaseline's,
    `pod_certificates` holds what the pods of a policy ask for where each gets a certificate of its own, by the policy's name.
    """
    mine = sorted((policy for policy in policies if policy.namespace == namespace), key=lambda policy: policy.name)
    buckets: dict[str, list[KubeObject]] = {}
    rest: list[KubeObject] = []
    accounts: dict[str, list[str]] = {}
    identities: dict[str, list[str]] = {}
    for policy in mine:
        key = bucket_key(policy.spec.workload.selector.match_labels)
        entry = _entry(policy, floor, pod_certificates.get(policy.name), without=key)
        where = rest if key is None else buckets.setdefault(_bucket(policy, key), [])
        where.append(entry)
        accounts.setdefault(policy.account, []).append(policy.name)
        identities.setdefault(policy.spec.secret_name(policy.name), []).append(policy.name)
    spec: KubeObject = {"level": floor.level, "version": minor(floor.version)}
    if buckets:
        spec["buckets"] = {key: buckets[key] for key in sorted(buckets)}
    if rest:
        spec["rest"] = rest
    if mine:
        spec |= {"accounts": _joined(accounts), "identities": _joined(identities)}
    return sealed(
        {
            "apiVersion": POLICY_INDEX.api_version,
            "kind": POLICY_INDEX.kind,
            "metadata": {"name": INDEX_NAME, "namespace": namespace, "labels": {MANAGED_BY_LABEL: MANAGED_BY}},
            "spec": spec,
        }
    )


def entries_of(index: KubeObject | None) -> Iterator[KubeObject]:
    """Return the entries of a PolicyIndex, in no order; none where there is no index."""
    spec = (index or {}).get("spec") or {}
    for entries in (spec.get("buckets") or {}).values():
        yield from entries
    yield from spec.get("rest") or ()


def bucket_key(labels: Mapping[str, str]) -> str | None:
    """Return the label that a policy is filed under: the one most likely to differ between services."""
    return next((key for key in _PREFERRED_KEYS if key in labels), min(labels, default=None))


def _bucket(policy: PolicyView, key: str) -> str:
    return f"{key}={policy.spec.workload.selector.match_labels[key]}"


def _joined(found: Mapping[str, list[str]]) -> dict[str, str]:
    return {key: ",".join(names) for key, names in sorted(found.items())}


def demanded(policy: PodSecurity, floor: BaselinePodSecurity) -> tuple[Level, int]:
    """Return the level and minor version that hold a policy's pods: its own, raised to the floor's where that asks for more."""
    restricted = Level.RESTRICTED in {policy.level, floor.level}
    return Level.RESTRICTED if restricted else Level.BASELINE, max(minor(policy.version), minor(floor.version))


def _entry(
    policy: PolicyView, floor: BaselinePodSecurity, demand: KubeObject | None, *, without: str | None
) -> KubeObject:
    """Return what one policy selects and demands; the label of its bucket is not repeated."""
    level, version = demanded(policy.spec.workload.pod_security, floor)
    selector = policy.spec.workload.selector
    whole: dict[str, Any] = {
        "name": policy.name,
        "account": policy.account,
        "level": level.value,
        "version": version,
        "labels": {key: value for key, value in sorted(selector.match_labels.items()) if key != without},
        "expressions": [
            {"key": item.key, "operator": item.operator, **({"values": list(item.values)} if item.values else {})}
            for item in selector.match_expressions
        ],
        "annotations": annotations(policy),
        "identity": "" if demand else policy.spec.secret_name(policy.name),
        "podCertificate": demand or {},
    }
    # A version may be 0 and is still one.
    return {key: value for key, value in whole.items() if value or key == "version"}
