"""What the prober saw: connections tried from inside the pods' network, kept at the policy whose pods tried them.

Only the prober writes this part of a status, and it writes nothing else. What the observations prove is decided elsewhere
(`bartizan.core.network.proof`), so that whoever holds the prober's token can lie about packets and about nothing more.
"""

from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, Field

from bartizan.api.v1alpha1.common import ApiModel

WITNESS: Final = "witness"
"""What a report calls the prober's own pod: no policy names it, it listens to everybody and may call everybody."""
MOST_FLOWS: Final = 192
"""So that a report stays below 32 KiB."""
MOST_SIGHTINGS: Final = 40
"""So that what is said of certificates stays below 16 KiB."""

Expected = Literal["Open", "Closed"]
Seen = Literal["Open", "Closed", "Refused", "Unclear"]


class ProbedFlow(ApiModel):
    """One connection that was tried: towards `to` from the policy's network, or `from` outside towards the policy's pods."""

    from_: Annotated[str | None, Field(alias="from", max_length=128)] = None
    """Who tried, if it was not a probe of this policy: `witness`."""
    to: Annotated[str | None, Field(max_length=128)] = None
    """Who was called, if not this policy: a policy as namespace/name, or `witness`."""
    port: str = Field(max_length=16)
    """Port and protocol, such as `8443/TCP`."""
    expected: Expected
    """What the policies say of it."""
    seen: Seen
    """Open: connected. Closed: no answer. Refused: something refused. Unclear: the try proves nothing."""


class ServedSighting(ApiModel):
    """What one port of one pod of a called policy showed when it was asked for its certificate."""

    of: str = Field(max_length=128)
    """The policy whose pod it is, as namespace/name."""
    pod: str = Field(max_length=253)
    """The pod's name."""
    uid: str = Field(max_length=64)
    """The pod's uid: a successor of the same name is another pod."""
    port: str = Field(max_length=16)
    """Port and protocol, such as `8443/TCP`."""
    at: AwareDatetime
    """When it was asked."""
    seen: Literal["Certificate", "NotTLS", "Unclear"]
    """Certificate: it showed one. NotTLS: it answered something else. Unclear: it showed none, and may speak TLS."""
    fingerprint: Annotated[str | None, Field(pattern=r"^[0-9a-f]{64}$")] = None
    """SHA-256 of the certificate, hex."""
    authority: Annotated[str | None, Field(pattern=r"^[0-9a-f]{2,64}$")] = None
    """The key identifier of the authority that the certificate names (AKI), hex."""
    serial: Annotated[str | None, Field(pattern=r"^[0-9a-f]{1,40}$")] = None
    """Its serial number, hex."""
    not_after: AwareDatetime | None = None
    """Its last moment."""


class ProbeReport(ApiModel):
    """One run of probes, of one state of the policy's NetworkPolicy."""

    network: str = Field(max_length=64)
    """The hash of the NetworkPolicy that was in force (its annotation `bartizan.dev/desired-hash`)."""
    at: datetime
    """When the run ended."""
    flows: tuple[ProbedFlow, ...] = Field(default=(), max_length=MOST_FLOWS)
    """What was tried."""
    served: tuple[ServedSighting, ...] = Field(default=(), max_length=MOST_SIGHTINGS)
    """Which certificates the pods of called policies served."""
    problem: str | None = Field(default=None, max_length=1024)
    """Why the run shows less than it should, for a person."""
