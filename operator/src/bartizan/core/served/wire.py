"""Served certificates in the few bytes that a termination message has: each distinct certificate once, and who showed it.

Pods of one policy mostly serve the same certificate. What does not fit is left out and counts as not seen: an answer that the
kubelet cuts off would lose everything else that the probe has to say.
Source: `terminationMessagePath` of `k8s.io/api/core/v1` Container; the kubelet keeps 4096 bytes.
"""

import base64
import binascii
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias

from bartizan.core.served.leaf import ServedLeaf

Shown: TypeAlias = ServedLeaf | Literal["plain", "unclear"]
"""The certificate that a port showed; something that is not TLS; nothing that tells."""
_WORDS: Final = ("plain", "unclear")
_FIELDS: Final = 4
_FINGERPRINT: Final = 32
_MOST_ID: Final = 32


def compact(shown: Iterable[Shown]) -> dict[str, list[Any]]:
    """Return what was shown as JSON: `served` has one entry for each look, a word or a place in `leaves`."""
    leaves: list[ServedLeaf] = []
    served: list[int | str] = []
    for one in shown:
        if isinstance(one, ServedLeaf):
            if one not in leaves:
                leaves.append(one)
            served.append(leaves.index(one))
        else:
            served.append(one)
    return {"served": served, "leaves": [_packed(leaf) for leaf in leaves]}


def expanded(served: object, leaves: object) -> tuple[Shown, ...]:
    """Return what `compact` was given.

    Raises:
        ValueError, TypeError, IndexError: it is something else.
    """
    if not isinstance(served, list) or not isinstance(leaves, list):
        raise TypeError(served)
    known = [_unpacked(leaf) for leaf in leaves]
    return tuple(_shown(one, known) for one in served)


def _shown(one: object, known: list[ServedLeaf]) -> Shown:
    if one == "plain":
        return "plain"
    if one == "unclear":
        return "unclear"
    if isinstance(one, bool) or not isinstance(one, int) or one < 0:
        raise ValueError(one)
    return known[one]


def _packed(leaf: ServedLeaf) -> list[str | int]:
    serial = f"0{leaf.serial}" if len(leaf.serial) % 2 else leaf.serial
    return [_short(leaf.fingerprint), _short(leaf.authority), _short(serial), int(leaf.not_after.timestamp())]


def _unpacked(parts: object) -> ServedLeaf:
    if not isinstance(parts, list) or len(parts) != _FIELDS or not isinstance(parts[3], int):
        raise TypeError(parts)
    fingerprint, authority, serial = (_long(text) for text in parts[:3])
    if len(fingerprint) != _FINGERPRINT or len(authority) > _MOST_ID or len(serial) > _MOST_ID:
        raise ValueError(parts)
    try:
        not_after = datetime.fromtimestamp(parts[3], UTC)
    except (OverflowError, OSError):
        raise ValueError(parts) from None
    return ServedLeaf(
        fingerprint=fingerprint.hex(),
        authority=authority.hex(),
        serial=serial.hex().lstrip("0"),
        not_after=not_after,
    )


def _short(digits: str) -> str:
    return base64.urlsafe_b64encode(bytes.fromhex(digits)).decode().rstrip("=")


def _long(text: object) -> bytes:
    if not isinstance(text, str):
        raise TypeError(text)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise ValueError(text) from None
