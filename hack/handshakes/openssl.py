"""`openssl s_server` and `openssl s_client`: programs that read key, chain and bundle when they start and never again.

A server of this kind is frozen by nature. A client of this kind is new for every handshake, so there are two: one that is
started with what the volume holds then, and one that is always started with the first files.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from handshakes.calling import PATIENCE, WORD, HandshakeError, Target
from handshakes.snapshot import Snapshot, take
from handshakes.volume import generation

_FLAGS = {"1.2": "-tls1_2", "1.3": "-tls1_3"}


def program() -> str | None:
    """Return the path of `openssl`; None where there is none."""
    return shutil.which("openssl")


def _identity(files: Snapshot) -> list[str]:
    return [
        "-cert", str(files.certificate), "-cert_chain", str(files.chain),
        "-key", str(files.key), "-CAfile", str(files.bundle), "-no_ign_eof",
    ]  # fmt: skip


def server(port: int, volume: Path, folder: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start a server that asks for a client certificate and turns each line round.

    Raises:
        FileNotFoundError: there is no openssl, or nothing in the volume.
    """
    files = [argument for argument in _identity(take(volume, folder)) if argument != "-no_ign_eof"]
    with log.open("ab") as out:
        return subprocess.Popen(
            [
                program() or "openssl", "s_server", "-accept", f"127.0.0.1:{port}", *files,
                "-Verify", "4", "-verify_return_error", "-rev", "-num_tickets", "0",
            ],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        )  # fmt: skip


@dataclass
class OpensslClient:
    """Starts `s_client` for every handshake."""

    name: str
    volume: Path
    folder: Path
    frozen: bool
    _files: dict[str, Snapshot] = field(default_factory=dict)

    def call(self, target: Target, version: str) -> None:
        """Shake hands and exchange the word."""
        command = [
            program() or "openssl", "s_client", "-connect", f"127.0.0.1:{target.port}", "-servername", target.host,
            "-verify_hostname", target.host, "-verify_return_error", "-quiet", _FLAGS[version], *_identity(self._read()),
        ]  # fmt: skip
        running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert running.stdin  # noqa: S101 -- asked for above
        assert running.stdout  # noqa: S101
        with running:
            with contextlib.suppress(BrokenPipeError):
                running.stdin.write(WORD)
                running.stdin.flush()
            heard = running.stdout.read(len(WORD))
            try:
                _, remarks = running.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                running.kill()
                raise HandshakeError(f"s_client did not end within {PATIENCE:g} s") from None
        if heard != WORD:
            raise HandshakeError(_gist(remarks.decode(errors="replace")) or f"{heard!r} came back")

    def _read(self) -> Snapshot:
        now = next(iter(self._files), "") if self.frozen else ""
        now = now or generation(self.volume)
        if now not in self._files:
            for old in list(self._files)[:-1]:
                shutil.rmtree(self._files.pop(old).key.parent)
            self._files[now] = take(self.volume, self.folder / now.strip("."))
        return self._files[now]


def _gist(remarks: str) -> str:
    """Return the lines of OpenSSL's remarks that say what went wrong."""
    telling = [line for line in remarks.splitlines() if "error" in line.lower() or "alert" in line.lower()]
    return "; ".join(telling[:3])[:300]
