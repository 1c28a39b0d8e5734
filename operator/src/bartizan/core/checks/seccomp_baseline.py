"""P-08: no pod may switch off the filter of system calls.

Without seccomp a process may try every system call of the node's kernel. Restricted fields: `seccompProfile.type` in the
securityContext of the pod and of every container; up to v1.18 the annotations that stood for it. Allowed: unset,
`RuntimeDefault`, `Localhost`. Source: Pod Security Standards, level baseline.
"""

from collections.abc import Iterable
from typing import Final

from bartizan.api.pod_security import Level
from bartizan.core.checks.finding import Info, Revision, Standard, Violation
from bartizan.core.checks.profiles import (
    LOCAL,
    PROFILES,
    fields_of,
    unconfined,
    unconfined_by_annotation,
    unconfined_by_annotation_cel,
    unconfined_cel,
)
from bartizan.core.checks.standard import choice_cel, standard_check
from bartizan.core.checks.view import View

FIELDS_SINCE: Final = 19
"""From this minor version on profiles are fields, and P-26 says of restricted pods what they must be."""
PROFILE: Final = "seccompProfile"
_POD_KEY: Final = "seccomp.security.alpha.kubernetes.io/pod"
_CONTAINER_KEY: Final = "container.seccomp.security.alpha.kubernetes.io/"
_ANNOTATED: Final = ("runtime/default", "docker/default")

INFO: Final = Info(
    id="P-08",
    title="seccomp switched off",
    rationale="Without a seccomp profile a process may try every system call of the node's kernel.",
    fields=(*fields_of(PROFILE), f"metadata.annotations[{_POD_KEY}]", f"metadata.annotations[{_CONTAINER_KEY}*]"),
    fix="use RuntimeDefault, or a profile of your own with Localhost",
    standard=Standard(
        name="seccompProfile_baseline",
        level=Level.BASELINE,
        revisions=(
            Revision(minor=0, says=f"the annotations are unset, {', '.join(_ANNOTATED)} or {LOCAL}*"),
            Revision(minor=FIELDS_SINCE, says=f"the fields are unset, {' or '.join(PROFILES)}"),
        ),
        replaced_since=FIELDS_SINCE,
        replaced_by="P-26",
    ),
)
_ALLOWED_ANNOTATION: Final = f'unset, "{_ANNOTATED[0]}", "{_ANNOTATED[1]}" or "{LOCAL}*"'


def find(view: View) -> Iterable[Violation]:
    """Yield one violation for each profile that filters nothing."""
    if view.version >= FIELDS_SINCE:
        return unconfined(INFO, view, PROFILE)
    keys = [_POD_KEY, *(_CONTAINER_KEY + container.item.get("name", "") for container in view.containers)]
    return unconfined_by_annotation(INFO, view, keys, names=_ANNOTATED, allowed=_ALLOWED_ANNOTATION)


_ANNOTATIONS_CEL: Final = unconfined_by_annotation_cel(
    INFO,
    f"(['{_POD_KEY}'] + v.containers.map(c, '{_CONTAINER_KEY}' + c.item.name))",
    "k in v.annotations",
    names=_ANNOTATED,
    allowed=_ALLOWED_ANNOTATION,
)

CHECK: Final = standard_check(
    INFO,
    find=find,
    cel=choice_cel(f"v.version >= {FIELDS_SINCE}", unconfined_cel(INFO, PROFILE), _ANNOTATIONS_CEL),
)
