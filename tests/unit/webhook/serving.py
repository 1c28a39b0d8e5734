"""What the server's tests need: an authority, certificates by it, a running webhook, and a client that trusts the authority."""

import datetime as dt
import io
import ipaddress
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "bartizan-webhook.bartizan-system.svc"


class Authority:
    """A certificate authority of the test's own."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        self.certificate = self._signed(
            self.name, self.key.public_key(), x509.BasicConstraints(ca=True, path_length=None)
        )

    @property
    def pem(self) -> bytes:
        """The authority's certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def leaf(self, host: str = HOST) -> tuple[bytes, bytes]:
        """Return a fresh serving certificate for a name or address, and its key, PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "webhook")])
        certificate = self._signed(subject, key.public_key(), x509.SubjectAlternativeName([_name(host)]))
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return certificate.public_bytes(serialization.Encoding.PEM), pem

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, extension: x509.ExtensionType
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key)
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(minutes=1))
        builder = builder.not_valid_after(now + dt.timedelta(hours=1)).add_extension(extension, critical=True)
        return builder.sign(self.key, hashes.SHA256())

    def client(self) -> ssl.SSLContext:
        """Return a client's context that trusts this authority only."""
        return ssl.create_default_context(cadata=self.pem.decode())


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


class SecretMount:
    """A folder that changes as a kubelet changes a mounted Secret: a new timestamped folder, then the link `..data` turns."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._count = 0

    def put(self, certificate: bytes, key: bytes) -> None:
        """Write the pair; readers see all of the old one or all of the new one."""
        self._count += 1
        fresh = self.folder / f"..2026_{self._count}"
        fresh.mkdir()
        (fresh / "tls.crt").write_bytes(certificate)
        (fresh / "tls.key").write_bytes(key)
        turning = self.folder / "..data_tmp"
        turning.symlink_to(fresh.name)
        turning.replace(self.folder / "..data")
        for name in ("tls.crt", "tls.key"):
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")


@dataclass
class Caller:
    """The API server's side of the conversation."""

    session: aiohttp.ClientSession
    port: int
    trust: ssl.SSLContext

    async def post(self, body: bytes, query: str = "?timeout=3s", path: str = "/preview") -> tuple[int, bytes]:
        """Post a body and return status and answer."""
        url = f"https://127.0.0.1:{self.port}{path}{query}"
        async with self.session.post(url, data=io.BytesIO(body), ssl=self.trust, server_hostname=HOST) as response:
            return response.status, await response.read()

    async def review(self, policy: dict[str, Any], *, old: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask about a policy as the API server would, and return the response."""
        status, body = await self.post(review_of(policy, old))
        assert status == 200, body
        response: dict[str, Any] = json.loads(body)["response"]
        return response


def review_of(policy: dict[str, Any], old: dict[str, Any] | None = None) -> bytes:
    """Return the AdmissionReview of a policy."""
    request = {
        "uid": "7f0b",
        "operation": "UPDATE" if old else "CREATE",
        "kind": {"group": "bartizan.dev", "version": "v1alpha1", "kind": policy.get("kind", "")},
        "namespace": policy["metadata"].get("namespace", ""),
        "name": policy["metadata"].get("name", ""),
        "object": policy,
        "oldObject": old,
    }
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()


@asynccontextmanager
async def calling(port: int, trust: ssl.SSLContext, connections: int = 16) -> AsyncIterator[Caller]:
    """Yield a caller with keep-alive connections."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as session:
        yield Caller(session, port, trust)
