"""J-03: a pod must not reach the certificate of another policy.

Whoever reads another policy's key passes for its workload, whatever labels and ServiceAccount he runs with; RBAC does not stop
it, because the kubelet fetches what a pod names. Restricted fields: every way in which a pod's files and environment are made
of a Secret. Allowed: any Secret that is no policy's certificate; where the certificate of the pod's own policy may be is J-04.
Secrets that only a storage driver receives (CSI, flexVolume) are not looked at: they do not reach the pod's containers.
"""

from collections.abc import Iterable
from typing import Final

from bartizan.api.names import KubeObject
from bartizan.core.checks.check import Check, Scope
from bartizan.core.checks.finding import Info, Violation, finding, named, quoted, short, short_cel
from bartizan.core.checks.view import View

INFO: Final = Info(
    id="J-03",
    title="foreign identity",
    rationale="Whoever reads another policy's key passes for its workload, whatever labels and ServiceAccount he runs with.",
    fields=(
        "spec.volumes[*].secret.secretName",
        "spec.volumes[*].projected.sources[*].secret.name",
        "spec.{containers,initContainers,ephemeralContainers}[*].env[*].valueFrom.secretKeyRef.name",
        "spec.{containers,initContainers,ephemeralContainers}[*].envFrom[*].secretRef.name",
    ),
    fix="remove the reference: a certificate is for the pods of its own policy only",
)
_ALLOWED: Final = "a Secret that is no other policy's certificate; this one belongs to policy "

_Reference = tuple[str, str, str, str]
"""Subject, path, field below it, name of the Secret."""


def find(view: View) -> Iterable[Violation]:
    """Yield a violation for each reference to a certificate that is not that of a policy which selects the pod."""
    own = {entry["name"] for entry in view.covering}
    for subject, at, leaf, name in (*_of_volumes(view), *_of_environment(view)):
        if name in view.identities and own.isdisjoint(view.identities[name].split(",")):
            allowed = _ALLOWED + view.identities[name]
            yield Violation(info=INFO, subject=subject, at=at, leaf=leaf, seen=short(name), allowed=allowed)


def _of_volumes(view: View) -> Iterable[_Reference]:
    volumes: list[KubeObject] = view.spec.get("volumes") or []
    for position, volume in enumerate(volumes):
        subject, at = f'volume "{volume.get("name", "")}"', f"{view.at}spec.volumes[{position}]"
        if name := (volume.get("secret") or {}).get("secretName"):
            yield subject, at, "secret.secretName", name
        for number, source in enumerate((volume.get("projected") or {}).get("sources") or ()):
            if name := (source.get("secret") or {}).get("name"):
                yield subject, f"{at}.projected.sources[{number}]", "secret.name", name


def _of_environment(view: View) -> Iterable[_Reference]:
    for container in view.containers:
        for number, variable in enumerate(container.item.get("env") or ()):
            if name := ((variable.get("valueFrom") or {}).get("secretKeyRef") or {}).get("name"):
                yield container.subject, f"{container.at}.env[{number}]", "valueFrom.secretKeyRef.name", name
        for number, source in enumerate(container.item.get("envFrom") or ()):
            if name := (source.get("secretRef") or {}).get("name"):
                yield container.subject, f"{container.at}.envFrom[{number}]", "secretRef.name", name


def _reference(subject: str, at: str, leaf: str, item: str) -> str:
    """Return one reference as a CEL map, of open types so that lists of them can be joined."""
    name = f"{item}{_if_any(leaf)}.orValue('')"
    return f"{{'subject': dyn({subject}), 'at': dyn({at}), 'leaf': dyn('{leaf}'), 'name': dyn({name})}}"


def _listed(subject: str, each: str, items: str, leaf: str) -> str:
    """Return the CEL list of the references at `leaf` in the list `items` that `each` may have."""
    at = f"{each}.at + '.{items}[' + string(i) + ']'"
    count = f"{each}.item{_if_any(items)}.orValue([]).size()"
    return f"lists.range({count}).map(i, {_reference(subject, at, leaf, f'{each}.item.{items}[i]')})"


def _if_any(path: str) -> str:
    return "".join(f".?{step}" for step in path.split("."))


_VOLUME: Final = named("volume", "d.item.name")
_IN_VOLUME: Final = (
    f"[{_reference(_VOLUME, 'd.at', 'secret.secretName', 'd.item')}]"
    f" + {_listed(_VOLUME, 'd', 'projected.sources', 'secret.name')}"
)
_IN_CONTAINER: Final = (
    f"{_listed('c.subject', 'c', 'env', 'valueFrom.secretKeyRef.name')}"
    f" + {_listed('c.subject', 'c', 'envFrom', 'secretRef.name')}"
)

CHECK: Final = Check(
    info=INFO,
    scope=Scope.COVERAGE,
    find=find,
    cel=f"v.identities.size() == 0 ? [] : (v.volumes.map(d, {_IN_VOLUME}).flatten()"
    f" + v.containers.map(c, {_IN_CONTAINER}).flatten())"
    ".filter(r, r.name in v.identities && !v.identities[r.name].split(',')"
    ".exists(n, v.covering.exists(e, e.name == n))).map(r, "
    + finding(
        INFO,
        subject="r.subject",
        at="r.at",
        leaf="r.leaf",
        seen=short_cel("r.name"),
        allowed=f"{quoted(_ALLOWED)} + v.identities[r.name]",
    )
    + ")",
)
