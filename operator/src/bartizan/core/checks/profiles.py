"""Profiles that a pod asks its containers to be confined by: AppArmor and seccomp are given in fields and annotations alike.

Both are a `type` in the securityContext of the pod and of every container, of the same values, and both were annotations before
whose values were names or `localhost/` with the name of a profile of the host.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from bartizan.core.checks.annotated import annotation_finding, annotation_violation
from bartizan.core.checks.finding import Info, Violation, finding, short, short_cel
from bartizan.core.checks.view import View

PROFILES: Final = ("RuntimeDefault", "Localhost")
UNSET_OR_PROFILE: Final = 'unset, "RuntimeDefault" or "Localhost"'
LOCAL: Final = "localhost/"
"""How an annotation begins that names a profile of the host."""
_VALUE: Final = "v.annotations[k]"


def leaf_of(profile: str) -> str:
    """Return the field of a profile, below the pod or container."""
    return f"securityContext.{profile}.type"


def fields_of(profile: str) -> tuple[str, ...]:
    """Return the fields of a profile as a person would write them."""
    leaf = leaf_of(profile)
    return (f"spec.{leaf}", f"spec.{{containers,initContainers,ephemeralContainers}}[*].{leaf}")


def unconfined(info: Info, view: View, profile: str) -> Iterator[Violation]:
    """Yield one violation for each field that names a profile which confines nothing."""
    for holder in view.holders:
        found = holder.security.get(profile)
        seen = None if found is None else found.get("type", "")
        if seen is not None and seen not in PROFILES:
            yield Violation(
                info=info,
                subject=holder.subject,
                at=holder.at,
                leaf=leaf_of(profile),
                seen=short(seen),
                allowed=UNSET_OR_PROFILE,
            )


def unconfined_cel(info: Info, profile: str, *, allowed: str = UNSET_OR_PROFILE) -> str:
    """Return the CEL twin of `unconfined`, saying that `allowed` is allowed."""
    seen = f"h.security.{profile}.?type.orValue('')"
    leaf = f"'{leaf_of(profile)}'"
    return (
        f"v.holders.filter(h, has(h.security.{profile}) && !({seen} in {list(PROFILES)})).map(h, "
        + finding(info, subject="h.subject", at="h.at", leaf=leaf, seen=short_cel(seen), allowed=f"'{allowed}'")
        + ")"
    )


def unconfined_by_annotation(
    info: Info, view: View, keys: Iterable[str], *, names: Collection[str], allowed: str
) -> Iterator[Violation]:
    """Yield one violation for each annotation among `keys` whose value is none of `names` and no profile of the host."""
    for key in keys:
        seen = view.annotations.get(key)
        if seen is not None and seen not in names and not seen.startswith(LOCAL):
            yield annotation_violation(info, view, key, seen=short(seen), allowed=allowed)


def unconfined_by_annotation_cel(
    info: Info, keys: str, where: str, *, names: Collection[str], allowed: str, order: str = ""
) -> str:
    """Return the CEL twin; CEL are `keys`, `where` (which `k` of them to look at) and `order` (what is called on the rest)."""
    return (
        f"{keys}.filter(k, {where} && !({_VALUE} in {list(names)} || {_VALUE}.startsWith('{LOCAL}'))){order}.map(k, "
        + annotation_finding(info, seen=short_cel(_VALUE), allowed=f"'{allowed}'")
        + ")"
    )
