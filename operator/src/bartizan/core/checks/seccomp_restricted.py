"""P-26: every container must have its system calls filtered.

Unset means unfiltered on most nodes. Restricted field: `seccompProfile.type` in the securityContext of the pod and of every
container. Allowed: `RuntimeDefault` or `Localhost`, in each container or in the pod for all that leave it unset; from v1.25 on
pods of Windows are spared it. Source: Pod Security Standards, level restricted, from v1.19 on.
"""

from collections.abc import Iterable
from typing import Final

from bartizan.api.pod_security import Level
from bartizan.core.checks.finding import Info, Revision, Standard, Violation, finding, short, short_cel
from bartizan.core.checks.profiles import PROFILES, fields_of, leaf_of, unconfined_cel
from bartizan.core.checks.seccomp_baseline import FIELDS_SINCE, PROFILE
from bartizan.core.checks.standard import WINDOWS_EXEMPT, choice_cel, standard_check
from bartizan.core.checks.view import View

INFO: Final = Info(
    id="P-26",
    title="seccomp profile",
    rationale="Where it is unset most nodes filter nothing: a process may try every system call of the kernel.",
    fields=fields_of(PROFILE),
    fix="set RuntimeDefault in the pod's securityContext",
    standard=Standard(
        name="seccompProfile_restricted",
        level=Level.RESTRICTED,
        revisions=(
            Revision(
                minor=FIELDS_SINCE,
                says=f"{' or '.join(PROFILES)} in every container, or in the pod for those that leave it unset",
            ),
            Revision(minor=WINDOWS_EXEMPT, says="not asked of pods whose `os.name` is windows"),
        ),
    ),
)
_ALLOWED: Final = '"RuntimeDefault" or "Localhost"'


def find(view: View) -> Iterable[Violation]:
    """Yield one violation for each profile that filters nothing, or for each container without one of its own or its pod's."""
    if view.windows and view.version >= WINDOWS_EXEMPT:
        return
    unset = view.holders[0].security.get("seccompProfile") is None
    for number, holder in enumerate(view.holders):
        profile = holder.security.get("seccompProfile")
        seen = None if profile is None else profile.get("type", "")
        if seen not in PROFILES and (seen is not None or (unset and number > 0)):
            yield Violation(
                info=INFO,
                subject=holder.subject,
                at=holder.at,
                leaf=leaf_of(PROFILE),
                seen=None if seen is None else short(seen),
                allowed=_ALLOWED,
            )


# Findings keep the order of the containers, whether it is a value or its absence that is found.
_SEEN: Final = "h.security.seccompProfile.?type.orValue('')"
_EITHER: Final = (
    f"v.containers.filter(h, !(h.security.?seccompProfile.?type.orValue('') in {list(PROFILES)})).map(h, "
    + finding(
        INFO,
        subject="h.subject",
        at="h.at",
        leaf=f"'{leaf_of(PROFILE)}'",
        seen=short_cel(_SEEN),
        present="has(h.security.seccompProfile)",
        allowed=f"'{_ALLOWED}'",
    )
    + ")"
)

CHECK: Final = standard_check(
    INFO,
    find=find,
    cel=choice_cel(
        f"v.windows && v.version >= {WINDOWS_EXEMPT}",
        "[]",
        choice_cel(
            "!has(v.holders[0].security.seccompProfile)", _EITHER, unconfined_cel(INFO, PROFILE, allowed=_ALLOWED)
        ),
    ),
)
