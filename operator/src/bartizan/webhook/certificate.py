"""The serving certificate, reloaded while connections are open.

The files come from a Secret that the controller renews; the kubelet swaps them by turning the link `..data`. New handshakes get
the new pair from the same TLS context, open connections live on with the old one. A pair that doesn't fit together (caught in
the middle of a write) is never loaded: the old one stays until the next look.
"""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from bartizan.errors import BartizanError

CERTIFICATE_FILE: Final = "tls.crt"
KEY_FILE: Final = "tls.key"


class CertificateError(BartizanError):
    """The certificate files are missing, or don't fit together. The message never holds what is in them."""


class ServingCertificate:
    """A TLS context for a server, kept up to date with two files of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: tuple[bytes, bytes] | None = None
        self._seen: tuple[tuple[int, int, int], ...] | None = None
        self.context: Final = _server_context()
        self.not_after: datetime | None = None
        """When the pair in force ends, UTC; None while nothing is loaded."""

    @property
    def loaded(self) -> bool:
        """Whether a handshake can succeed."""
        return self._loaded is not None

    def refresh(self) -> bool:
        """Load the files if they changed; return whether a new pair is in force.

        Raises:
            CertificateError: the files are not there or don't fit together. What was loaded before stays in force.
        """
        stamp = self._stamp()
        if stamp == self._seen:
            return False
        pair = self._read()
        if pair == self._loaded:
            self._seen = stamp
            return False
        with _private_file(pair[0] + b"\n" + pair[1]) as path:
            try:
                _server_context().load_cert_chain(path)
                self.context.load_cert_chain(path)
            except ssl.SSLError as error:
                raise CertificateError(
                    f"{self._folder}/{CERTIFICATE_FILE} and {KEY_FILE} are not a certificate with its key "
                    f"({error.reason or 'unreadable'}); both must be PEM and belong together"
                ) from None
        self._loaded, self._seen = pair, stamp
        self.not_after = x509.load_pem_x509_certificate(pair[0]).not_valid_after_utc
        return True

    def _stamp(self) -> tuple[tuple[int, int, int], ...]:
        try:
            found = [(self._folder / name).stat() for name in (CERTIFICATE_FILE, KEY_FILE)]
        except OSError as error:
            raise CertificateError(_missing(self._folder, error)) from None
        return tuple((entry.st_ino, entry.st_mtime_ns, entry.st_size) for entry in found)

    def _read(self) -> tuple[bytes, bytes]:
        try:
            # The link `..data` may turn between two reads: one resolved folder holds one pair.
            certificate = (self._folder / CERTIFICATE_FILE).resolve(strict=True)
            key = (self._folder / KEY_FILE).resolve(strict=True)
            return certificate.read_bytes(), key.read_bytes()
        except OSError as error:
            raise CertificateError(_missing(self._folder, error)) from None


def _missing(folder: Path, error: OSError) -> str:
    return f"cannot read {CERTIFICATE_FILE} and {KEY_FILE} in {folder}: {error.strerror}"


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


@contextmanager
def _private_file(content: bytes) -> Iterator[str]:
    """Yield a path that only this process can open, in memory: OpenSSL reads by path, and the root may be read-only."""
    descriptor = os.memfd_create("tls", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
