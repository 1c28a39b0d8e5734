"""P-08: no pod may switch off the filter of system calls.

Without seccomp a process may try every system call of the node's kernel. Restricted fields: `seccompProfile.type` in the
securityContext of the pod and of every container; up to v1.18 the annotations that stood for it. Allowed: unset,
`RuntimeDefault`, `Localhost`. Source: Pod Security Standards, level baseline.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from bartizan.api.pod_security import Level
from bartizan.core.checks.finding import Info, Revision, Standard, Violation, finding, short, short_cel
from bartizan.core.checks.standard import choice_cel, standard_check
from bartizan.core.checks.view import View

FIELDS_SINCE: Final = 19
"""From this minor version on profiles are fields, and P-26 says of restricted pods what they must be."""
PROFILES: Final = ("RuntimeDefault", "Localhost")
LEAF: Final = "securityContext.seccompProfile.type"
FIELDS: Final = (
    f"spec.{LEAF}",
    f"spec.{{containers,initContainers,ephemeralContainers}}[*].{LEAF}",
)
_POD_KEY: Final = "seccomp.security.alpha.kubernetes.io/pod"
_CONTAINER_KEY: Final = "container.seccomp.security.alpha.kubernetes.io/"
_ANNOTATED: Final = ("runtime/default", "docker/default")
_LOCAL: Final = "localhost/"

INFO: Final = Info(
    id="P-08",
    title="seccomp switched off",
    rationale="Without a seccomp profile a process may try every system call of the node's kernel.",
    fields=(*FIELDS, f"metadata.annotations[{_POD_KEY}]", f"metadata.annotations[{_CONTAINER_KEY}*]"),
    fix="use RuntimeDefault, or a profile of your own with Localhost",
    standard=Standard(
        name="seccompProfile_baseline",
        level=Level.BASELINE,
        revisions=(
            Revision(minor=0, says=f"the annotations are unset, {', '.join(_ANNOTATED)} or {_LOCAL}*"),
            Revision(minor=FIELDS_SINCE, says=f"the fields are unset, {' or '.join(PROFILES)}"),
        ),
        replaced_since=FIELDS_SINCE,
        replaced_by="P-26",
    ),
)
_ALLOWED: Final = 'unset, "RuntimeDefault" or "Localhost"'
_ALLOWED_ANNOTATION: Final = f'unset, "{_ANNOTATED[0]}", "{_ANNOTATED[1]}" or "{_LOCAL}*"'


def find(view: View) -> Iterable[Violation]:
    """Yield one violation for each profile that filters nothing."""
    return _fields(view) if view.version >= FIELDS_SINCE else _annotations(view)


def _fields(view: View) -> Iterator[Violation]:
    for holder in view.holders:
        profile = holder.security.get("seccompProfile")
        seen = None if profile is None else profile.get("type", "")
        if seen is not None and seen not in PROFILES:
            yield Violation(
                info=INFO, subject=holder.subject, at=holder.at, leaf=LEAF, seen=short(seen), allowed=_ALLOWED
            )


def _annotations(view: View) -> Iterator[Violation]:
    keys = [_POD_KEY, *(_CONTAINER_KEY + container.item.get("name", "") for container in view.containers)]
    for key in keys:
        seen = view.annotations.get(key)
        if seen is not None and seen not in _ANNOTATED and not seen.startswith(_LOCAL):
            yield Violation(
                info=INFO,
                subject="pod",
                at=f"{view.at}metadata",
                leaf=f'annotations["{key}"]',
                seen=short(seen),
                allowed=_ALLOWED_ANNOTATION,
            )


def unfiltered_cel(info: Info, holders: str, allowed: str) -> str:
    """Return the CEL findings of the `holders` whose profile filters nothing."""
    seen = "h.security.seccompProfile.?type.orValue('')"
    return (
        f"{holders}.filter(h, has(h.security.seccompProfile) && !({seen} in {list(PROFILES)})).map(h, "
        + finding(info, subject="h.subject", at="h.at", leaf=f"'{LEAF}'", seen=short_cel(seen), allowed=f"'{allowed}'")
        + ")"
    )


_VALUE: Final = "v.annotations[k]"
_KEYS: Final = f"(['{_POD_KEY}'] + v.containers.map(c, '{_CONTAINER_KEY}' + c.item.name))"
_ANNOTATIONS_CEL: Final = (
    f"{_KEYS}.filter(k, k in v.annotations && !({_VALUE} in {list(_ANNOTATED)} || {_VALUE}.startsWith('{_LOCAL}')))"
    ".map(k, "
    + finding(
        INFO,
        subject="'pod'",
        at="v.at + 'metadata'",
        leaf="'annotations[\"' + k + '\"]'",
        seen=short_cel(_VALUE),
        allowed=f"'{_ALLOWED_ANNOTATION}'",
    )
    + ")"
)

CHECK: Final = standard_check(
    INFO,
    find=find,
    cel=choice_cel(f"v.version >= {FIELDS_SINCE}", unfiltered_cel(INFO, "v.holders", _ALLOWED), _ANNOTATIONS_CEL),
)
