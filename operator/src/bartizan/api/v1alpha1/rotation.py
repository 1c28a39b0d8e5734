"""How authorities follow one another: what the platform team may ask for, and how far the rotation is.

The wishes are idempotent. A forced rotation bears an id and is done once for it, so that a manifest which still says it after a
year does not rotate again at every apply.
"""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from bartizan.api.duration import Duration
from bartizan.api.v1alpha1.common import ApiModel, cel, cel_rules, spelled

AuthorityId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$", max_length=16)]
"""An authority's `id` in the status: 16 hex digits."""


class RotationRequest(ApiModel):
    """A rotation that is wanted now."""

    id: str = Field(pattern=r"^[A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9])?$", max_length=63)
    """Any name, such as a ticket's. The rotation is done once for it; another id asks for another rotation."""
    role: Literal["Root", "Issuing"]
    """Which authority follows: the root (all bundles change) or the issuing one (only chains do)."""


class Rotation(ApiModel):
    """How authorities follow one another."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel(
                spelled(
                    "duration(self.settle) >= duration('2m') && duration(self.settle) <= duration('168h')", "settle"
                ),
                "settle must be between 2m (a kubelet needs as long to update what is mounted) and 168h",
                fieldPath=".settle",
            ),
            cel(
                spelled(
                    "duration(self.emergencyDeadline) >= duration('1m') "
                    "&& duration(self.emergencyDeadline) <= duration('168h')",
                    "emergencyDeadline",
                ),
                "emergencyDeadline must be between 1m and 168h",
                fieldPath=".emergencyDeadline",
            ),
        )
    )

    settle: Duration = timedelta(hours=1)
    """How long a new root is published, at least, after every workload has got it and before it signs."""
    request: RotationRequest | None = None
    """A rotation that is wanted now."""
    abort: str | None = Field(default=None, min_length=1, max_length=63)
    """The id of the request whose rotation is given up, or `current`; possible until the new authority signs. While it says
    `current`, no rotation begins because an authority is past half of its life, until three quarters."""
    distrust: tuple[AuthorityId, ...] = Field(default=(), max_length=16)
    """Authorities (ids of the status) that must not be trusted any more: their certificates are issued anew at once, and their
    root goes at `emergencyDeadline`, whoever still uses it. An issuing authority is trusted through its root: that goes too."""
    emergency_deadline: Duration = timedelta(minutes=15)
    """How long a distrusted root stays in bundles, at most."""


class RotationStatus(ApiModel):
    """How far the rotation is."""

    phase: Literal["Stable", "Prepared", "Publishing", "Activated", "Draining", "Retirable", "Retired"] = "Stable"
    """Stable, Prepared (the next authority is made), Publishing (the new root is brought into bundles), Activated (the next
    authority begins to sign), Draining (certificates of the old one are issued anew), Retirable (nothing uses the old one any
    more), Retired (the old one is removed)."""
    role: Literal["Root", "Issuing"] | None = None
    """What rotates."""
    from_: tuple[str, ...] = Field(default=(), alias="from")
    """The ids of the authorities that go."""
    to: str | None = None
    """The id of the authority that comes."""
    since: datetime | None = None
    """When the phase began."""
    cause: Literal["HalfLife", "Requested", "Emergency"] | None = None
    """Why it rotates."""
    request: str | None = None
    """The id of the last request that was begun; it is not begun again."""
    request_role: Literal["Root", "Issuing"] | None = None
    """What the last request rotated; the same id asks for nothing else later."""
    distrusted: tuple[str, ...] = ()
    """Which ids of `distrust` were an authority's when they were looked up; one that is not here was never found."""
    aborted: str | None = None
    """The `abort` that was carried out last; it is not carried out again."""
    published_at: datetime | None = None
    """When every workload was first seen with the new bundle."""
    deadline: datetime | None = None
    """In an emergency: when the old root goes even if it is still used."""
    waiting_for: tuple[str, ...] = ()
    """What the next phase waits for."""


class Generations(ApiModel):
    """The highest generation numbers ever used; none is used twice."""

    root: int = 0
    """Of roots."""
    issuing: int = 0
    """Of issuing authorities."""
