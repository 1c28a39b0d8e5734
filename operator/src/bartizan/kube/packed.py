"""Objects as few bytes, for what is held by the ten thousand and looked at one at a time.

A policy is some ten kilobytes as Python's dictionaries and a tenth of a kilobyte more than its neighbour as text: objects of a
kind say nearly the same. So each is kept as JSON deflated against another one of its kind (RFC 1950, a preset dictionary).
Packing takes some fifty microseconds, unpacking half of that: nothing beside what a look or a write costs.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, overload

import orjson

from bartizan.api.names import KubeObject

_LEVEL: Final = 1
_MUCH_LONGER: Final = 1.25


@dataclass(frozen=True, slots=True)
class Packed:
    """One object."""

    data: bytes
    sample: bytes
    """The text it was deflated against; shared."""

    def unpack(self) -> KubeObject:
        """Return the object, made anew."""
        found: KubeObject = orjson.loads(zlib.decompressobj(zdict=self.sample).decompress(self.data))
        return found


class Packer:
    """Packs objects against one of their kind: the first, until one comes that is much longer and so says more."""

    def __init__(self) -> None:
        """Have seen nothing."""
        self._samples: dict[str, bytes] = {}

    def pack(self, item: KubeObject) -> Packed:
        """Return the object packed."""
        text, kind = orjson.dumps(item), item["kind"]
        sample = self._samples.get(kind, b"")
        if len(text) > _MUCH_LONGER * len(sample):
            sample = self._samples[kind] = text
        deflate = zlib.compressobj(_LEVEL, zdict=sample)
        return Packed(deflate.compress(text) + deflate.flush(), sample)


class PackedItems(Sequence[KubeObject]):
    """A collection that is gone through once or twice: each object is made when it is asked for."""

    def __init__(self) -> None:
        """Hold nothing."""
        self._packer = Packer()
        self._items: list[Packed] = []

    def add(self, item: KubeObject) -> None:
        """Take one more object in."""
        self._items.append(self._packer.pack(item))

    def __len__(self) -> int:
        """How many there are."""
        return len(self._items)

    def __iter__(self) -> Iterator[KubeObject]:
        """Yield each object, made anew."""
        return (item.unpack() for item in self._items)

    @overload
    def __getitem__(self, index: int) -> KubeObject: ...
    @overload
    def __getitem__(self, index: slice) -> list[KubeObject]: ...
    def __getitem__(self, index: int | slice) -> Any:
        """Return one object, or some."""
        chosen = self._items[index]
        return [item.unpack() for item in chosen] if isinstance(chosen, list) else chosen.unpack()
