"""Cuts a watch's byte stream into lines, whatever the network's chunks look like.

aiohttp's own `readline` refuses lines longer than its buffer, and a Secret or a CRD's object may well be longer.
"""

from typing import Final

_END: Final = b"\n"


class LineSplitter:
    """Keeps the unfinished end of what it was fed; linear in the bytes, also for one long line in many chunks."""

    def __init__(self) -> None:
        self._open: list[bytes] = []

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the non-empty lines that `chunk` completes, without their line ends."""
        first, *rest = chunk.split(_END)
        self._open.append(first)
        if not rest:
            return []
        lines = [b"".join(self._open), *rest[:-1]]
        self._open = [rest[-1]]
        return [line for line in lines if line.strip()]
