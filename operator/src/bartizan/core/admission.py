"""What the gate decides, in Python over plain dicts: the same verdict that the API server's policy reaches in CEL.

The webhook's previews, the command line and the parity tests call this. Nothing here grants anything: the API server is the
judge, this is how bartizan knows beforehand what it will say.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal

from bartizan.api.names import KubeObject
from bartizan.core.checks.check import Scope
from bartizan.core.checks.finding import Violation
from bartizan.core.checks.message import REFUSED, WOULD_BE_REFUSED, line
from bartizan.core.checks.registry import ALL
from bartizan.core.checks.view import View, template_of, view_of

Operation = Literal["CREATE", "UPDATE"]

NODES_GROUP: Final = "system:nodes"
"""Kubelets create mirror pods of what already runs: refusing those would only hide it."""
_FLOOR: Final = frozenset({Scope.FLOOR})
_EVERYWHERE: Final = frozenset({Scope.FLOOR, Scope.COVERAGE})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What is asked of the API server, besides the object."""

    operation: Operation
    old: KubeObject | None
    subresource: str
    groups: Collection[str]


def judge(
    item: KubeObject,
    index: KubeObject,
    *,
    operation: Operation,
    old: KubeObject | None = None,
    subresource: str = "",
    groups: Collection[str] = (),
) -> tuple[Violation, ...]:
    """Return why the gate refuses a Pod or workload; nothing: it is let through.

    `index` is the `spec` of the namespace's PolicyIndex. On UPDATE only violations that `old` does not have are returned; an
    UPDATE without `old` asks what is wrong with an object that is already there. Injection is judged on a Pod's CREATE only,
    so `item` must be the Pod as mutation left it.
    """
    asked = _Request(operation=operation, old=old, subresource=subresource, groups=groups)
    return _judge(item, index, asked, _FLOOR)


def review(
    item: KubeObject,
    index: KubeObject,
    *,
    operation: Operation,
    old: KubeObject | None = None,
    subresource: str = "",
    groups: Collection[str] = (),
) -> tuple[Violation, ...]:
    """Return all there is to say, as in a namespace that warns or audits: also what a template is not refused for."""
    asked = _Request(operation=operation, old=old, subresource=subresource, groups=groups)
    return _judge(item, index, asked, _EVERYWHERE)


def refusal(item: KubeObject, index: KubeObject, violations: Collection[Violation]) -> str:
    """Return the line with which the API server refuses `item` for the violations that `judge` found."""
    kind = item.get("kind", "Pod")
    return line(kind, REFUSED, _covering(item, index) if kind == "Pod" else None, tuple(violations))


def warning(item: KubeObject, index: KubeObject, violations: Collection[Violation]) -> str:
    """Return the line with which the API server warns about the violations that `review` found."""
    return line(item.get("kind", "Pod"), WOULD_BE_REFUSED, _covering(item, index), tuple(violations))


def _covering(item: KubeObject, index: KubeObject) -> list[str]:
    return [entry["name"] for entry in view_of(item, index).covering]


def _judge(item: KubeObject, index: KubeObject, asked: _Request, templates: frozenset[Scope]) -> tuple[Violation, ...]:
    pod = item.get("kind", "Pod") == "Pod"
    updated = asked.operation == "UPDATE"
    # A terminating object may lose finalizers and labels whatever it looks like. Its subresources stay judged.
    terminating = updated and not asked.subresource and "deletionTimestamp" in (item.get("metadata") or {})
    if NODES_GROUP in asked.groups or terminating:
        return ()
    old = asked.old if updated else None
    if old is not None and not pod and template_of(item) == template_of(old):
        return ()
    of_pod = _EVERYWHERE if updated else frozenset(Scope)
    scopes = of_pod if pod else templates
    found = _found(item, index, scopes)
    if not found or old is None:
        return found
    before = {violation.key for violation in _found(old, index, scopes)}
    return tuple(violation for violation in found if violation.key not in before)


def _found(item: KubeObject, index: KubeObject, scopes: frozenset[Scope]) -> tuple[Violation, ...]:
    view = view_of(item, index)
    return tuple(violation for scope in Scope if scope in scopes for violation in _of_scope(scope, view))


def _of_scope(scope: Scope, view: View) -> tuple[Violation, ...]:
    return tuple(violation for check in ALL if check.scope is scope for violation in check.find(view))
