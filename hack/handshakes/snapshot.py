"""A volume as a program that reads it once sees it: certificate, chain, key and bundle of one moment, in files that stay.

OpenSSL's commands want the certificate and what follows it in two files, and read them only when they start.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from handshakes.volume import BUNDLE, CERTIFICATE, KEY, generation

_END = b"-----END CERTIFICATE-----\n"
_TRIES = 20


@dataclass(frozen=True)
class Snapshot:
    """Files that nobody changes any more."""

    certificate: Path
    chain: Path
    """What follows the certificate."""
    key: Path
    bundle: Path


def take(volume: Path, folder: Path) -> Snapshot:
    """Copy what `volume` holds now into `folder`, all of one publication.

    Raises:
        FileNotFoundError: nothing has been published there, or it changed faster than it could be read.
    """
    content = _read(volume)
    folder.mkdir(parents=True, exist_ok=True)
    first, _, rest = content[CERTIFICATE].partition(_END)
    found = Snapshot(folder / "leaf.pem", folder / "chain.pem", folder / KEY, folder / BUNDLE)
    found.certificate.write_bytes(first + _END)
    found.chain.write_bytes(rest)
    found.key.write_bytes(content[KEY])
    found.bundle.write_bytes(content[BUNDLE])
    return found


def _read(volume: Path) -> dict[str, bytes]:
    for _ in range(_TRIES):
        source = volume / generation(volume)
        try:
            return {name: (source / name).read_bytes() for name in (CERTIFICATE, KEY, BUNDLE)}
        except FileNotFoundError:
            continue
    raise FileNotFoundError(f"{volume} holds no {CERTIFICATE}, {KEY} and {BUNDLE} of one publication")
