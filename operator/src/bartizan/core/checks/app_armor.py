"""P-09: no pod may switch off AppArmor.

Hosts with AppArmor confine every container by their runtime's profile; `Unconfined` takes that away. Restricted fields:
`appArmorProfile.type` in the securityContext of the pod and of every container, and the annotations that stood for it. Allowed:
unset, the runtime's profile, a profile of the host. Source: Pod Security Standards, level baseline.
"""

from collections.abc import Iterable
from typing import Final

from bartizan.api.pod_security import Level
from bartizan.core.checks.finding import Info, Revision, Standard, Violation, finding, short, short_cel
from bartizan.core.checks.standard import standard_check
from bartizan.core.checks.view import View

_PREFIX: Final = "container.apparmor.security.beta.kubernetes.io/"
_PROFILES: Final = ("RuntimeDefault", "Localhost")
_ANNOTATED: Final = ("", "runtime/default")
_LOCAL: Final = "localhost/"
_LEAF: Final = "securityContext.appArmorProfile.type"

INFO: Final = Info(
    id="P-09",
    title="AppArmor switched off",
    rationale="Hosts with AppArmor confine every container by a profile; without one it has all the access of its user.",
    fields=(
        f"spec.{_LEAF}",
        f"spec.{{containers,initContainers,ephemeralContainers}}[*].{_LEAF}",
        f"metadata.annotations[{_PREFIX}*]",
    ),
    fix="use RuntimeDefault, or a profile of the host with Localhost",
    standard=Standard(
        name="appArmorProfile",
        level=Level.BASELINE,
        revisions=(
            Revision(
                minor=0,
                says=f"the fields are unset, {' or '.join(_PROFILES)}; the annotations are unset, empty, "
                f"{_ANNOTATED[1]} or {_LOCAL}*",
            ),
        ),
    ),
)
_ALLOWED: Final = 'unset, "RuntimeDefault" or "Localhost"'
_ALLOWED_ANNOTATION: Final = f'unset, "{_ANNOTATED[1]}" or "{_LOCAL}*"'


def find(view: View) -> Iterable[Violation]:
    """Yield one violation for each profile that confines nothing, in fields and then in annotations."""
    for holder in view.holders:
        profile = holder.security.get("appArmorProfile")
        seen = None if profile is None else profile.get("type", "")
        if seen is not None and seen not in _PROFILES:
            yield Violation(
                info=INFO, subject=holder.subject, at=holder.at, leaf=_LEAF, seen=short(seen), allowed=_ALLOWED
            )
    for key in sorted(key for key in view.annotations if key.startswith(_PREFIX)):
        seen = view.annotations[key]
        if seen not in _ANNOTATED and not seen.startswith(_LOCAL):
            yield Violation(
                info=INFO,
                subject="pod",
                at=f"{view.at}metadata",
                leaf=f'annotations["{key}"]',
                seen=short(seen),
                allowed=_ALLOWED_ANNOTATION,
            )


_TYPE: Final = "h.security.appArmorProfile.?type.orValue('')"
_VALUE: Final = "v.annotations[k]"
_FIELDS_CEL: Final = (
    f"v.holders.filter(h, has(h.security.appArmorProfile) && !({_TYPE} in {list(_PROFILES)})).map(h, "
    + finding(INFO, subject="h.subject", at="h.at", leaf=f"'{_LEAF}'", seen=short_cel(_TYPE), allowed=f"'{_ALLOWED}'")
    + ")"
)
_ANNOTATIONS_CEL: Final = (
    f"v.annotations.filter(k, k.startsWith('{_PREFIX}') && "
    f"!({_VALUE} in {list(_ANNOTATED)} || {_VALUE}.startsWith('{_LOCAL}'))).sort().map(k, "
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

CHECK: Final = standard_check(INFO, find=find, cel=f"({_FIELDS_CEL} + {_ANNOTATIONS_CEL})")
