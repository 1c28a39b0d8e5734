"""J-01: a new pod must carry exactly the annotations by which its policy's secrets are injected.

bartizan writes them when they are missing and never overrides what is set. A pod with another role or path, or with one
annotation more, would read other secrets than its policy declares; a pod without them would start without any. Restricted
fields: all annotations of the Vault Agent Injector. Allowed: exactly the policy's values, and the one mark that the injector
sets beside its container before the gate looks (vault-k8s, agent-inject/agent/agent.go, `Patch`).
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from bartizan.api.names import VAULT
from bartizan.core.checks.annotated import annotation_finding, annotation_violation
from bartizan.core.checks.check import Check, Scope
from bartizan.core.checks.finding import Info, Violation, quoted, short, short_cel
from bartizan.core.checks.view import View

INFO: Final = Info(
    id="J-01",
    title="injected annotations",
    rationale="With another role, path or annotation the pod would read other secrets than its policy declares; without, none.",
    fields=(f"metadata.annotations[{VAULT}*]",),
    fix="leave it unset: bartizan writes it when the pod is created",
)
_EXTRA: Final = replace(INFO, fix="remove it: what a pod reads from Vault is declared in spec.secrets of its policy")
_STATUS: Final = f"{VAULT}agent-inject-status"
_INJECTED: Final = "injected"
_AGENTS: Final = ("vault-agent", "vault-agent-init")
_UNSET: Final = "unset"
_STATUS_ALLOWED: Final = f'unset, or "{_INJECTED}" from the Vault Agent Injector beside its container'


def find(view: View) -> Iterable[Violation]:
    """Yield one violation for each annotation that is missing, different, or more than the policy asks for."""
    if len(view.covering) != 1:
        return
    asked = view.covering[0].get("annotations") or {}
    for key, wanted in sorted(asked.items()):
        seen = view.annotations.get(key)
        if seen != wanted:
            yield _violation(INFO, view, key, None if seen is None else short(seen), short(wanted))
    injected = bool(asked) and any(c.item.get("name") in _AGENTS and not c.ephemeral for c in view.containers)
    for key, seen in sorted(view.annotations.items()):
        extra = key.startswith(VAULT) and key not in asked
        if extra and not (key == _STATUS and seen == _INJECTED and injected):
            yield _violation(_EXTRA, view, key, short(seen), _STATUS_ALLOWED if key == _STATUS else _UNSET)


def _violation(info: Info, view: View, key: str, seen: str | None, allowed: str) -> Violation:
    return annotation_violation(info, view, key, seen=seen, allowed=allowed, mark="")


def _told(info: Info, seen: str | None, allowed: str) -> str:
    return annotation_finding(info, seen=seen, allowed=allowed, mark="''")


_SEEN: Final = short_cel("v.annotations[k]")
_ASKED: Final = "e.?annotations.orValue({})"
_WANTED: Final = short_cel("e.annotations[k]")
_WRONG: Final = (
    f"{_ASKED}.map(k, k).sort().filter(k, !(k in v.annotations) || v.annotations[k] != e.annotations[k])"
    f".map(k, k in v.annotations ? {_told(INFO, _SEEN, _WANTED)} : {_told(INFO, None, _WANTED)})"
)
_BY_INJECTOR: Final = (
    f"k == '{_STATUS}' && v.annotations[k] == '{_INJECTED}' && {_ASKED}.size() > 0"
    f" && v.containers.exists(c, !c.ephemeral && c.item.name in {list(_AGENTS)})"
)
_MORE_ALLOWED: Final = f"(k == '{_STATUS}' ? {quoted(_STATUS_ALLOWED)} : '{_UNSET}')"
_MORE: Final = (
    f"v.annotations.map(k, k).filter(k, k.startsWith('{VAULT}') && !(k in {_ASKED}) && !({_BY_INJECTOR}))"
    f".sort().map(k, {_told(_EXTRA, _SEEN, _MORE_ALLOWED)})"
)

CHECK: Final = Check(
    info=INFO,
    scope=Scope.INJECTION,
    find=find,
    cel=f"v.covering.size() != 1 ? [] : v.covering.map(e, {_WRONG} + {_MORE}).flatten()",
)
