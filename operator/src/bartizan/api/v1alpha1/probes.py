"""What the prober saw: connections tried from inside the pods' network, kept at the policy whose pods tried them.

Only the prober writes this part of a status, and it writes nothing else. What the observations prove is decided elsewhere
(`bartizan.core.network.proof`), so that whoever holds the prober's token can lie about packets and about nothing more.
"""

from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from bartizan.api.v1alpha1.common import ApiModel

WITNESS: Final = "witness"
"""What a report calls the prober's own pod: no policy names it, it listens to everybody and may call everybody."""
MOST_FLOWS: Final = 192
"""So that a report stays below 32 KiB."""

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


class ProbeReport(ApiModel):
    """One run of probes, of one state of the policy's NetworkPolicy."""

    network: str = Field(max_length=64)
    """The hash of the NetworkPolicy that was in force (its annotation `bartizan.dev/desired-hash`)."""
    at: datetime
    """When the run ended."""
    flows: tuple[ProbedFlow, ...] = Field(default=(), max_length=MOST_FLOWS)
    """What was tried."""
    problem: str | None = Field(default=None, max_length=1024)
    """Why the run shows less than it should, for a person."""
