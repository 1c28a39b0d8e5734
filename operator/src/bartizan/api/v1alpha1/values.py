"""Values that more than one section uses and that a type alone cannot say: blocks of addresses, and moments."""

import re
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, Field, WithJsonSchema

BLOCK: Final = "an IPv4 or IPv6 block without bits below its prefix, such as 203.0.113.0/24 or 2001:db8::/32"


def is_block(expression: str) -> str:
    """Return the CEL expression that says whether a string is such a block."""
    return f"(isCIDR({expression}) && cidr({expression}) == cidr({expression}).masked())"


def _block(text: str) -> str:
    """Refuse what is not an address block, so that no decision meets one even where the API server's rules were bypassed."""
    if not re.fullmatch(r"[0-9a-fA-F.:]+/[0-9]{1,3}", text):
        raise ValueError(f"not an address block: {text!r}; write {BLOCK}")
    ip_network(text)
    return text


Cidr = Annotated[str, Field(min_length=3, max_length=43), AfterValidator(_block)]
"""A block of addresses in CIDR notation (RFC 4632, RFC 4291), without bits below the prefix."""


def _in_utc(moment: datetime) -> datetime:
    """Return the same moment in UTC; refuse one that no calendar of ours reaches."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"not a moment that can be reckoned with: {moment.isoformat()}") from None


Moment = Annotated[
    AwareDatetime,
    AfterValidator(_in_utc),
    WithJsonSchema({"type": "string", "format": "date-time", "maxLength": 64}),
]
"""A moment as RFC 3339 spells it, with its zone; read as UTC."""
