"""Conditions: how what is observed now is laid over what was said before.

`lastTransitionTime` moves only when `status` does, otherwise every reconcile would be a write and every write an event that
triggers the next reconcile.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import ValidationError

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import ApiModel, Condition
from bartizan.core.reasons import ConditionType, Reason

Status = Literal["True", "False", "Unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A condition without its history."""

    type: ConditionType
    status: Status
    reason: Reason
    message: str


def read_conditions(item: KubeObject) -> tuple[Condition, ...]:
    """Return the conditions an object carries; unreadable ones (somebody's edit) count as absent."""
    found = []
    for entry in (item.get("status") or {}).get("conditions") or ():
        try:
            found.append(Condition.model_validate(entry))
        except ValidationError:
            continue
    return tuple(found)


def laid_over(
    previous: Iterable[Condition], observed: Sequence[Observation], *, generation: int, now: datetime
) -> tuple[Condition, ...]:
    """Return the conditions to write, in the order observed; types no longer observed fall away."""
    before = {condition.type: condition for condition in previous}
    return tuple(_condition(before.get(one.type), one, generation=generation, now=now) for one in observed)


def changed(previous: Iterable[Condition], current: Iterable[Condition]) -> tuple[Condition, ...]:
    """Return those of `current` whose status or reason differs from before: what is worth an event."""
    before = {condition.type: (condition.status, condition.reason) for condition in previous}
    return tuple(one for one in current if before.get(one.type) != (one.status, one.reason))


def dumped(model: ApiModel) -> dict[str, Any]:
    """Return a status model as the JSON that is applied: camelCase, without empty fields."""
    lean_value = lean(model.model_dump(mode="json", by_alias=True, exclude_none=True))
    return dict(lean_value)


def lean(value: Any) -> Any:
    """Return a JSON value without its null and empty members, at any depth: the API server keeps or drops them at will."""
    # By far most members are text, and every look goes through thousands of them: asking what they are not costs most.
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        found = {}
        for key, member in value.items():
            small = member if isinstance(member, str) else lean(member)
            if small is not None and small not in ({}, []):
                found[key] = small
        return found
    if isinstance(value, list | tuple):
        return [lean(member) for member in value]
    return value


def _condition(before: Condition | None, one: Observation, *, generation: int, now: datetime) -> Condition:
    kept = before is not None and before.status == one.status
    return Condition(
        type=one.type.value,
        status=one.status,
        observed_generation=generation,
        last_transition_time=before.last_transition_time if kept and before else now.replace(microsecond=0),
        reason=one.reason.value,
        message=one.message[:4096],
    )
