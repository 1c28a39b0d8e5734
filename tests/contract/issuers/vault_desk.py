"""The Vault at a desk: a server that speaks the two calls over TLS and answers when a test lets it.

It checks what Vault checks (path, method, token, role) and nothing else; tests/integration/controller has a real Vault.
"""

import asyncio
import ipaddress
import shutil
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bartizan.signers.protocol import RemoteSigner
from bartizan.signers.vault_client import VaultClient
from bartizan.signers.vault_pki import VaultSigner
from contract.issuers.corporate import Corporate, Signature, key, named, pem
from contract.issuers.desks import Desk

OWN_TOKEN, LOGIN = "jwt-of-the-controller-CANARY", "hvs.login-CANARY"


class VaultServer:
    """A Vault with one auth mount and one PKI role."""

    def __init__(self, corp: Corporate) -> None:
        self.corp = corp
        self.logins: list[dict] = []
        self.signed: list[dict] = []
        self.waiting: list[tuple[dict, asyncio.Future]] = []
        self.lease = 3600
        self.fault: tuple[int, list[str]] | None = None
        self.login_fault: tuple[int, list[str]] | None = None
        self.valid = LOGIN
        self.hold = True
        self.ca, self._files = _tls()
        self.runner: web.AppRunner | None = None
        self.url = ""

    async def start(self) -> None:
        """Listen on a free port of the loopback."""
        app = web.Application()
        app.add_routes(
            [web.post("/v1/auth/kubernetes/login", self._login), web.post("/v1/pki/sign/workloads", self._sign)]
        )
        self.runner = web.AppRunner(app, access_log=None)
        await self.runner.setup()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self._files)
        site = web.TCPSite(self.runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        self.url = f"https://127.0.0.1:{self.runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop listening, and remove the files of the certificate."""
        if self.runner:
            await self.runner.cleanup()
        shutil.rmtree(self._files[0].parent, ignore_errors=True)

    async def _login(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.logins.append(body)
        if self.login_fault:
            return _errors(*self.login_fault)
        if body != {"role": "bartizan", "jwt": OWN_TOKEN}:
            return _errors(400, [f"invalid role or token {body['jwt']}"])
        return web.json_response({"auth": {"client_token": self.valid, "lease_duration": self.lease}})

    async def _sign(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.signed.append(body)
        if self.fault:
            return _errors(*self.fault)
        if request.headers.get("X-Vault-Token") != self.valid:
            return _errors(403, ["permission denied", f"token {request.headers.get('X-Vault-Token')}"])
        if not self.hold:
            return self.answer(body, datetime.now(UTC), None)
        answer = asyncio.get_running_loop().create_future()
        self.waiting.append((body, answer))
        return await answer

    def answer(self, body: dict, now: datetime, said: Signature | None) -> web.Response:
        """Return what Vault answers with a certificate."""
        lifetime = timedelta(seconds=int(body["ttl"].removesuffix("s")))
        leaf = pem(self.corp.sign(body["csr"], lifetime, now, said or Signature(ca=None)))
        chain = [pem(self.corp.issuing).strip(), pem(self.corp.root).strip()]
        return web.json_response({"data": {"certificate": leaf.strip(), "issuing_ca": chain[0], "ca_chain": chain}})


class VaultDesk(Desk):
    """Vault's PKI secrets engine."""

    def __init__(self) -> None:
        self.server: VaultServer | None = None
        super().__init__()

    @property
    def issuer(self):
        """Return the issuer at the server's address."""
        url = self.server.url if self.server else "https://127.0.0.1:1"
        ca = {"caBundle": self.server.ca} if self.server else {}
        return {"vaultPKI": {"server": url, "role": "workloads", "auth": {"role": "bartizan"}, **ca}}

    async def start(self) -> None:
        """Begin to listen."""
        self.server = VaultServer(self.corp)
        await self.server.start()
        self.restart()

    def signer(self) -> RemoteSigner:
        """Ask by HTTPS."""
        issuer = self.world.trust_domain("default").spec.issuer.vault_pki
        return VaultSigner(VaultClient(issuer, lambda: OWN_TOKEN, lambda: self.now), self.writer.check)

    async def sign(self, said: Signature | None = None) -> None:
        """Answer every call."""
        await self._answer(lambda body: self.server.answer(body, self.now, said))

    async def deny(self) -> None:
        """Answer every call with no."""
        await self._answer(lambda _: _errors(403, ["1 error occurred:\n\t* permission denied\n\n"]), repeated=2)

    def asked(self) -> int:
        """Return how often bartizan asked."""
        return sum(result == "asked" for _, result in self.meter.results)

    def open(self) -> int:
        """Return how many calls wait for an answer."""
        return sum(not call.done() for signer in self.external._signers.values() for _, call in signer._calls.values())

    async def close(self) -> None:
        """Stop both ends."""
        await super().close()
        await self.server.stop()

    async def _answer(self, made, *, repeated: int = 1) -> None:
        """Answer what waits, and what is asked again at once after a refusal."""
        for _ in range(repeated):
            if not self.open():
                return
            await until(lambda: self.server.waiting)
            for body, answer in self.server.waiting:
                answer.set_result(made(body))
            self.server.waiting.clear()
        await until(lambda: not self.open())


async def until(holds, seconds: float = 10) -> None:
    """Return once something holds; real time, because real sockets are in it."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 -- what is waited for happens in a server's handler
            await asyncio.sleep(0.005)


def _errors(code: int, errors: list[str]) -> web.Response:
    return web.json_response({"errors": errors}, status=code)


def _tls() -> tuple[str, tuple[Path, Path]]:
    """Return an authority and the files of a certificate of 127.0.0.1 under it."""
    own, now = key(), datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(named("vault"))
        .issuer_name(named("vault"))
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(own, hashes.SHA256())
    )
    folder = Path(tempfile.mkdtemp(prefix="bartizan-vault-"))
    (folder / "tls.crt").write_text(pem(certificate))
    (folder / "tls.key").write_bytes(own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return pem(certificate), (folder / "tls.crt", folder / "tls.key")
