"""P-09: no pod may switch off AppArmor.

Hosts with AppArmor confine every container by their runtime's profile; `Unconfined` takes that away. Restricted fields:
`appArmorProfile.type` in the securityContext of the pod and of every container, and the annotations that stood for it. Allowed:
unset, the runtime's profile, a profile of the host. Source: Pod Security Standards, level baseline.
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
from bartizan.core.checks.standard import standard_check
from bartizan.core.checks.view import View

_PROFILE: Final = "appArmorProfile"
_PREFIX: Final = "container.apparmor.security.beta.kubernetes.io/"
_ANNOTATED: Final = ("", "runtime/default")

INFO: Final = Info(
    id="P-09",
    title="AppArmor switched off",
    rationale="Hosts with AppArmor confine every container by a profile; without one it has all the access of its user.",
    fields=(*fields_of(_PROFILE), f"metadata.annotations[{_PREFIX}*]"),
    fix="use RuntimeDefault, or a profile of the host with Localhost",
    standard=Standard(
        name="appArmorProfile",
        level=Level.BASELINE,
        revisions=(
            Revision(
                minor=0,
                says=f"the fields are unset, {' or '.join(PROFILES)}; the annotations are unset, empty, "
                f"{_ANNOTATED[1]} or {LOCAL}*",
            ),
        ),
    ),
)
_ALLOWED_ANNOTATION: Final = f'unset, "{_ANNOTATED[1]}" or "{LOCAL}*"'


def find(view: View) -> Iterable[Violation]:
    """Yield one violation for each profile that confines nothing, in fields and then in annotations."""
    yield from unconfined(INFO, view, _PROFILE)
    keys = sorted(key for key in view.annotations if key.startswith(_PREFIX))
    yield from unconfined_by_annotation(INFO, view, keys, names=_ANNOTATED, allowed=_ALLOWED_ANNOTATION)


_ANNOTATIONS_CEL: Final = unconfined_by_annotation_cel(
    INFO,
    "v.annotations",
    f"k.startsWith('{_PREFIX}')",
    names=_ANNOTATED,
    allowed=_ALLOWED_ANNOTATION,
    order=".sort()",
)

CHECK: Final = standard_check(INFO, find=find, cel=f"({unconfined_cel(INFO, _PROFILE)} + {_ANNOTATIONS_CEL})")
