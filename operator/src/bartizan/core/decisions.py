"""How a request is answered: the decision that is written, and the write itself.

Only the decisions list is written, and of it only the entries that this field manager made: whoever applies the rest of the
policy (a person, a repository) keeps owning the rest, and neither takes the other's lines back.

    BartizanError
    └── DecisionError    the answer makes no sense for this policy; the message says why and what would
"""

import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from bartizan.api.duration import parse_duration
from bartizan.api.kinds import POLICY
from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import Decision
from bartizan.core.conditions import dumped, lean
from bartizan.core.model import PolicyKey, PolicyView
from bartizan.core.network.expiry import spoken
from bartizan.errors import BartizanError

MANAGER: Final = "bartizan/approve"
"""The field manager of decisions."""
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


class DecisionError(BartizanError):
    """The answer makes no sense for this policy."""


def read_key(text: str, what: str) -> PolicyKey:
    """Return namespace and name of `NS/NAME`; raises DecisionError."""
    namespace, slash, name = text.partition("/")
    if not slash or not _NAME.fullmatch(namespace) or not _NAME.fullmatch(name):
        raise DecisionError(f"{what} is {text!r}; write a policy as NAMESPACE/NAME, such as finance/payments")
    return namespace, name


def read_until(text: str, now: datetime) -> datetime:
    """Return the moment that `2027-01-01T00:00:00Z` or, counted from `now`, `72h` names; raises DecisionError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = now + _duration(text)
    if moment.tzinfo is None:
        raise DecisionError(f"--until is {text!r}, which has no zone; write it as in 2027-01-01T00:00:00Z, or as 72h")
    if moment <= now:
        raise DecisionError(f"--until is {text!r}, which has passed (it is {spoken(now)}); give a later time")
    return moment.replace(microsecond=0)


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise DecisionError(
            f"--until is {text!r}; allowed: a time as in 2027-01-01T00:00:00Z, or a duration as in 72h ({error})"
        ) from None


def approval(
    policy: PolicyView,
    consumer: PolicyKey,
    *,
    asked: Sequence[str] | None,
    ports: Sequence[str] = (),
    until: datetime | None = None,
    reason: str | None = None,
) -> Decision:
    """Return the approval of `consumer`.

    Args:
        policy: the policy that answers.
        consumer: the caller.
        asked: the ports the caller waits for; None if it does not wait.
        ports: exactly these, by name; none: those approved before and those the caller waits for.
        until: when the approval ends.
        reason: why, for the caller.

    Raises:
        DecisionError: the policy has no such port, calls itself, or nobody asked and no ports are given.
    """
    _not_itself(policy, consumer)
    if not ports and asked is None:
        raise DecisionError(
            f"{_joined(consumer)} does not wait for {_joined(policy.key)}; to approve it in advance, name the ports: --ports"
        )
    chosen = _existing(policy, ports) or (*(asked or ()), *_approved(policy, consumer))
    return Decision(
        service=consumer[1],
        namespace=consumer[0],
        verdict="Approved",
        ports=tuple(sorted(set(chosen))),
        until=until,
        reason=reason,
    )


def _existing(policy: PolicyView, ports: Sequence[str]) -> Sequence[str]:
    known = {port.name for port in policy.spec.network.ports}
    if strange := sorted(set(ports) - known):
        has = ", ".join(sorted(known)) or "none: list them in spec.network.ports"
        raise DecisionError(f"{_joined(policy.key)} has no port {', '.join(strange)}; it has {has}")
    return ports


def refusal(policy: PolicyView, consumer: PolicyKey, reason: str | None) -> Decision:
    """Return the denial of `consumer`; raises DecisionError if it is the policy itself."""
    _not_itself(policy, consumer)
    return Decision(service=consumer[1], namespace=consumer[0], verdict="Denied", reason=reason)


def decision_write(item: KubeObject, decision: Decision) -> KubeObject:
    """Return what is applied to `item`, and to no other version of it, so that it holds `decision`."""
    meta = item["metadata"]
    key = (decision.namespace, decision.service)
    mine = _owned(item)
    before = ((item.get("spec") or {}).get("network") or {}).get("decisions") or ()
    kept = [one for one in before if (where := (one["namespace"], one["service"])) in mine and where != key]
    return {
        "apiVersion": POLICY.api_version,
        "kind": POLICY.kind,
        "metadata": {name: meta[name] for name in ("name", "namespace", "resourceVersion")},
        "spec": {"network": {"decisions": [lean(one) for one in kept] + [dumped(decision)]}},
    }


def lines_to_commit(policy: PolicyView, decision: Decision) -> KubeObject:
    """Return the same answer as the part of a manifest that says it: an ingress rule, or for a denial the decision."""
    if decision.verdict == "Denied":
        return {"spec": {"network": {"decisions": [dumped(decision)]}}}
    said = dumped(decision)
    caller = {"service": decision.service}
    if decision.namespace != policy.namespace:
        caller["namespace"] = decision.namespace
    rule: KubeObject = {"from": caller, **{name: said[name] for name in ("ports", "until", "reason") if name in said}}
    return {"spec": {"network": {"ingress": [rule]}}}


def _owned(item: KubeObject) -> set[PolicyKey]:
    """Return which decisions our field manager owns, from the API server's own record (KEP-555, FieldsV1)."""
    return {key for entry in item["metadata"].get("managedFields") or () for key in _keys(entry)}


def _keys(entry: KubeObject) -> Iterator[PolicyKey]:
    if entry.get("manager") != MANAGER or entry.get("operation") != "Apply":
        return
    fields = entry.get("fieldsV1") or {}
    for step in ("f:spec", "f:network", "f:decisions"):
        fields = fields.get(step) or {}
    for name in fields:
        if name.startswith("k:"):
            key = json.loads(name.removeprefix("k:"))
            yield key["namespace"], key["service"]


def _approved(policy: PolicyView, consumer: PolicyKey) -> tuple[str, ...]:
    """Return the ports that were approved for the caller before."""
    return next(
        (
            one.ports or tuple(port.name for port in policy.spec.network.ports)
            for one in policy.spec.network.decisions
            if (one.namespace, one.service) == consumer and one.verdict == "Approved"
        ),
        (),
    )


def _not_itself(policy: PolicyView, consumer: PolicyKey) -> None:
    if policy.key == consumer:
        raise DecisionError(f"{_joined(consumer)} is the policy itself: list it in its ingress as from: {{self: {{}}}}")


def _joined(key: PolicyKey) -> str:
    return "/".join(key)
