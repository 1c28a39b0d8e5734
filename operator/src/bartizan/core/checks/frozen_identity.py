"""J-04: a container must not take its certificate from where it is never renewed.

The kubelet replaces the files of a volume when the certificate in it changes, but a file mounted by `subPath` and a variable of
the environment keep what they held when the container began: the service works until its first certificate ends, and fails then
although bartizan renewed it in time. Restricted fields: `subPath` and `subPathExpr` of mounts whose volume, whatever its name,
holds the certificate of the pod's own policy, and references to that Secret in the environment. Allowed: mounting the volume as
a folder. Certificates of other policies are the business of J-03.
"""

from collections.abc import Iterable
from typing import Final

from bartizan.api.names import IDENTITY_MOUNT_PATH, IDENTITY_VOLUME, KubeObject
from bartizan.core.checks.check import Check, Scope
from bartizan.core.checks.finding import Info, Violation, finding, short, short_cel
from bartizan.core.checks.view import View

_LISTS: Final = "spec.{containers,initContainers,ephemeralContainers}[*]"
INFO: Final = Info(
    id="J-04",
    title="frozen identity",
    rationale="A file mounted by subPath and a variable keep the first certificate: the service fails when that one ends.",
    fields=(
        f"{_LISTS}.volumeMounts[*].subPath",
        f"{_LISTS}.volumeMounts[*].subPathExpr",
        f"{_LISTS}.env[*].valueFrom.secretKeyRef.name",
        f"{_LISTS}.envFrom[*].secretRef.name",
    ),
    fix=f"read the files in {IDENTITY_MOUNT_PATH}, which bartizan mounts, and read them again when they change",
)
_ALLOWED: Final = "unset where it is the certificate of the pod's own policy, which is renewed in place"
_SUB_PATHS: Final = ("subPath", "subPathExpr")
_ENVIRONMENT: Final = (("env", "valueFrom.secretKeyRef.name"), ("envFrom", "secretRef.name"))


def find(view: View) -> Iterable[Violation]:
    """Yield a violation for each mount of a part, and each variable, of the certificate of a policy that selects the pod."""
    own = {entry["identity"] for entry in view.covering if entry.get("identity")}
    signers = {entry["podCertificate"]["signer"] for entry in view.covering if entry.get("podCertificate")}
    if not own and not signers:
        return
    listed = view.spec.get("volumes") or ()
    volumes = {item["name"] for item in listed if own & _secrets_of(item) or signers & _signers_of(item)}
    volumes.add(IDENTITY_VOLUME)
    for container in view.containers:
        found = (*_parts(container.item, volumes), *_variables(container.item, own))
        for at, leaf, seen in found:
            yield Violation(
                info=INFO,
                subject=container.subject,
                at=f"{container.at}.{at}",
                leaf=leaf,
                seen=short(seen),
                allowed=_ALLOWED,
            )


def _secrets_of(volume: KubeObject) -> set[str]:
    """Return the names of the Secrets that a volume shows as files."""
    sources = (volume.get("projected") or {}).get("sources") or ()
    projected = {(source.get("secret") or {}).get("name", "") for source in sources}
    return {(volume.get("secret") or {}).get("secretName", ""), *projected}


def _signers_of(volume: KubeObject) -> set[str]:
    """Return the signers of the certificates that a volume asks the node for."""
    sources = (volume.get("projected") or {}).get("sources") or ()
    return {(source.get("podCertificate") or {}).get("signerName", "") for source in sources}


def _parts(container: KubeObject, volumes: set[str]) -> Iterable[tuple[str, str, str]]:
    for number, mount in enumerate(container.get("volumeMounts") or ()):
        for leaf in _SUB_PATHS:
            if mount.get("name") in volumes and mount.get(leaf):
                yield f"volumeMounts[{number}]", leaf, mount[leaf]


def _variables(container: KubeObject, own: set[str]) -> Iterable[tuple[str, str, str]]:
    for items, leaf in _ENVIRONMENT:
        for number, item in enumerate(container.get(items) or ()):
            name = item
            for step in leaf.split("."):
                name = (name or {}).get(step)
            if name in own:
                yield f"{items}[{number}]", leaf, name


def _own(name: str) -> str:
    return f"v.covering.exists(e, has(e.identity) && e.identity != '' && e.identity == {name})"


_OWN_SECRET: Final = _own("d.item.?secret.?secretName.orValue('')")
_OWN_SOURCE: Final = (
    _own("s.?secret.?name.orValue('')") + " || v.covering.exists(e, has(e.podCertificate)"
    " && e.podCertificate.signer == s.?podCertificate.?signerName.orValue(''))"
)
_OWN_VOLUME: Final = (
    f"m.name == '{IDENTITY_VOLUME}' || v.volumes.exists(d, d.item.name == m.name && ({_OWN_SECRET}"
    f" || d.item.?projected.?sources.orValue([]).exists(s, {_OWN_SOURCE})))"
)


def _reference(items: str, leaf: str, seen: str) -> str:
    at = f"c.at + '.{items}[' + string(i) + ']'"
    return f"{{'at': dyn({at}), 'leaf': dyn('{leaf}'), 'seen': dyn({seen})}}"


def _mounts() -> str:
    """Return the CEL list of the mounts of `c` that show a part of an own volume, by each of the two fields."""
    each = "c.item.volumeMounts[i]"
    listed = "lists.range(c.item.?volumeMounts.orValue([]).size())"
    parts = [
        f"(size({each}.?{leaf}.orValue('')) > 0 ? [{_reference('volumeMounts', leaf, f'{each}.{leaf}')}] : [])"
        for leaf in _SUB_PATHS
    ]
    some = " || ".join(f"has({each}.{leaf})" for leaf in _SUB_PATHS)
    return f"{listed}.filter(i, ({some}) && [{each}].exists(m, {_OWN_VOLUME})).map(i, {' + '.join(parts)}).flatten()"


def _environment(items: str, leaf: str) -> str:
    name = f"c.item.{items}[i]" + "".join(f".?{step}" for step in leaf.split(".")) + ".orValue('')"
    listed = f"lists.range(c.item.?{items}.orValue([]).size())"
    return f"{listed}.filter(i, {_own(name)}).map(i, {_reference(items, leaf, name)})"


CHECK: Final = Check(
    info=INFO,
    scope=Scope.COVERAGE,
    find=find,
    cel="!v.covering.exists(e, has(e.identity) || has(e.podCertificate)) ? [] : v.containers.map(c, ("
    + " + ".join([_mounts(), *(_environment(items, leaf) for items, leaf in _ENVIRONMENT)])
    + ").map(r, "
    + finding(INFO, subject="c.subject", at="r.at", leaf="r.leaf", seen=short_cel("r.seen"), allowed=f'"{_ALLOWED}"')
    + ")).flatten()",
)
