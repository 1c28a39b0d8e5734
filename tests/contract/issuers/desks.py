"""One desk per issuer: a policy, its trust domain, and somebody who signs when a test lets them.

Everything up to the issuer is bartizan's own code over the API server in memory; what stands in is the issuer: controllers of
cert-manager and of a CertificateSigningRequest's signer, played by the test through the same API, and a Vault that answers over
TLS. (tests/integration/controller has the real ones.)
"""

import base64
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, ClassVar

from bartizan.api.kinds import CERTIFICATE_REQUEST, SECRET, SIGNING_REQUEST, TRUST_DOMAIN, Kind
from bartizan.api.names import KubeObject
from bartizan.controller.certificates import Certificates
from bartizan.controller.errors import UnstableDecisionError
from bartizan.controller.external import ExternalIssuance
from bartizan.controller.issuance import Turns
from bartizan.controller.ledger import Ledger
from bartizan.controller.meter import NoMeter
from bartizan.controller.requests import CertManagerSigner, CSRObjectSigner
from bartizan.controller.world import World
from bartizan.controller.writer import Writer
from bartizan.core.model import ObjectRef
from bartizan.core.pki.authority import authority_secret
from bartizan.core.pki.leaf import LeafView
from bartizan.core.pki.secret import read_certificate
from bartizan.core.plan import Plan
from bartizan.core.posture import CertificateOutcome
from bartizan.core.reasons import Reason
from bartizan.kube.clock import SystemClock
from bartizan.signers.builtin import BuiltinSigner
from bartizan.signers.protocol import RemoteSigner
from bartizan.testing import FakeKube, a_policy_view, a_snapshot
from contract.issuers.corporate import NOW, Corporate, Signature
from unit.pki.builders import nothing_else

RELEASE = "bartizan-system"
DOMAIN = ObjectRef(api_version=TRUST_DOMAIN.api_version, kind=TRUST_DOMAIN.kind, namespace="", name="default")
CERTIFICATE = ObjectRef(api_version="v1", kind="Secret", namespace="shop", name="orders-tls")


@dataclass
class Counted(NoMeter):
    """What was counted of requests to issuers."""

    results: list[tuple[str, str]] = field(default_factory=list)

    def external(self, issuer: str, result: str) -> None:
        """Remember it."""
        self.results.append((issuer, result))


@asynccontextmanager
async def in_place():
    """Wait without giving up one's place."""
    yield


class Recorder:
    """Takes events."""

    async def record(self, event) -> None:
        """Forget it."""


class Desk:
    """A policy's certificate, from request to Secret."""

    issuer: ClassVar[Any] = {"builtIn": {}}
    waits = True
    """Whether the issuer has to be waited for."""
    denied = Reason.ISSUER_DENIED
    """What a denial is called."""

    def __init__(self) -> None:
        self.kube, self.corp, self.now = FakeKube(), Corporate(), NOW
        self.meter, self.policy, self.services = Counted(), a_policy_view(), ()
        self.leads, self.seen = True, 1000
        self.restart()

    def domain(self) -> KubeObject:
        """Return the TrustDomain."""
        external = {} if "builtIn" in self.issuer else {"bundle": self.corp.bundle}
        meta = {"name": "default", "uid": "uid-default", "generation": 1}
        spec = {"domain": "test.example", "issuer": self.issuer, **external}
        return {"apiVersion": TRUST_DOMAIN.api_version, "kind": TRUST_DOMAIN.kind, "metadata": meta, "spec": spec}

    def restart(self) -> None:
        """Begin anew, with nothing in memory, as another process over the same cluster."""
        self.world = World(release_namespace=RELEASE)
        self.see(self.domain())
        self.writer = Writer(
            self.kube,
            recorder=Recorder(),
            may_write=lambda: self.leads,
            seen=lambda item, *_: self.see(item),
            meter=self.meter,
        )
        turns = Turns(SystemClock(), lambda _: None, rate=100_000)
        ledger = Ledger(self.kube, namespace=RELEASE, clock=SystemClock(), may_write=lambda: self.leads, aside=in_place)
        self.external = ExternalIssuance(lambda _: self.signer(), turns, self.meter)
        self.certificates = Certificates(
            self.world, self.builtin(), turns=turns, ledger=ledger, meter=NoMeter(), external=self.external
        )

    def see(self, item: KubeObject) -> None:
        """Take an object into the picture."""
        self.seen += 1
        self.world.store.apply({**item, "metadata": {"resourceVersion": str(self.seen), **item["metadata"]}})
        self.world.changed(ObjectRef.of(item))

    def signer(self) -> RemoteSigner:
        """Return who is asked."""
        raise NotImplementedError

    def builtin(self) -> BuiltinSigner:
        """Return the built-in signer, used only where nobody is asked."""
        return BuiltinSigner()

    async def look(self, later: timedelta = timedelta(0)) -> CertificateOutcome | None:
        """Look at the policy once, so much later, and write what follows; None: a rule of our own stopped it."""
        self.now += later
        snapshot = a_snapshot(self.policy, services=self.services)
        secret = self.kube.peek(CERTIFICATE)
        try:
            outcome = await self.certificates.outcome(self.policy, secret, snapshot, self.now, find=nothing_else)
        except UnstableDecisionError:
            return None
        for apply in outcome.applies:
            await self.writer.apply(apply)
        self.certificates.written(Plan(applies=outcome.applies))
        return outcome

    async def issue(self, later: timedelta = timedelta(0)) -> CertificateOutcome | None:
        """Look, let the issuer sign, and look again until it is published."""
        outcome = await self.look(later)
        if not self.waits:
            return outcome
        await self.sign()
        return await self.look(timedelta(seconds=1))

    def leaf(self) -> LeafView | None:
        """Return the certificate that is published."""
        secret = self.kube.peek(CERTIFICATE)
        return read_certificate(secret) if secret else None

    async def sign(self, said: Signature | None = None) -> None:
        """Let the issuer sign every open request, rightly or as `said`."""

    async def deny(self) -> None:
        """Let the issuer, or whoever approves, say no to every open request, and to those to come."""

    def asked(self) -> int:
        """Return how many requests were ever made."""
        raise NotImplementedError

    def open(self) -> int:
        """Return how many requests there are."""
        return 0

    async def close(self) -> None:
        """Let go of connections."""
        await self.external.close()


class WrongSigner(BuiltinSigner):
    """A built-in signer with a bug: it adds a name."""

    def sign_leaf(self, profile, authority, *, chain, now):
        """Sign for one name more."""
        more = replace(profile, dns_names=(*profile.dns_names, "admin.example.com"))
        return super().sign_leaf(more, authority, chain=chain, now=now)


class BuiltIn(Desk):
    """bartizan's own authority."""

    waits = False
    denied = Reason.CA_KEY_LOST

    def __init__(self) -> None:
        self.signatures = 0
        self.wrong = False
        super().__init__()

    def restart(self) -> None:
        """Begin anew, over the same authorities."""
        super().restart()
        if not self.kube.objects(SECRET, RELEASE):
            view, signer = self.world.trust_domain("default"), BuiltinSigner()
            root = signer.make_root(view, generation=1, now=NOW - timedelta(hours=1))
            for authority in (root, signer.make_issuing(view, root, generation=1, now=NOW)):
                self.kube.put(authority_secret(authority, namespace=RELEASE))
        for secret in self.kube.objects(SECRET, RELEASE):
            self.see(secret)

    def builtin(self) -> BuiltinSigner:
        """Return a signer that is counted, and wrong if the test says so."""
        desk, signer = self, WrongSigner() if self.wrong else BuiltinSigner()
        real = signer.sign_leaf

        def counted(*arguments, **more):
            desk.signatures += 1
            return real(*arguments, **more)

        signer.sign_leaf = counted
        return signer

    async def sign(self, said: Signature | None = None) -> None:
        """Be wrong from now on, if anything is to be."""
        if said:
            self.wrong = True
            self.restart()

    async def deny(self) -> None:
        """Lose the authorities' keys, which the status remembers."""
        plan = self.certificates.authorities(self.world.trust_domain("default"), self.now)
        known = [
            {"id": one.id, "role": one.role.value, "generation": one.generation, "secretName": one.secret_name, "notAfter": one.not_after.isoformat()}
            for one in (*plan.roots, *plan.issuing)
        ]  # fmt: skip
        for secret in self.kube.objects(SECRET, RELEASE):
            self.kube.remove(ObjectRef.of(secret))
            self.world.store.delete(ObjectRef.of(secret))
        self.see({**self.domain(), "status": {"authorities": known}})

    def asked(self) -> int:
        """Return how often it signed."""
        return self.signatures


class Objects(Desk):
    """An issuer that is asked by an object."""

    kind: Kind

    def requests(self) -> list[KubeObject]:
        """Return the requests there are."""
        return self.kube.objects(self.kind)

    def asked(self) -> int:
        """Return how many were created."""
        return sum(write.verb == "create" and write.ref.kind == self.kind.kind for write in self.kube.writes)

    def open(self) -> int:
        """Return how many there are."""
        return len(self.requests())

    def answered(self, item: KubeObject, **status: Any) -> None:
        """Write the status of a request, as its controller does."""
        self.kube.put({**item, "status": {**item.get("status", {}), **status}}, manager="issuer")

    def chain(self, item: KubeObject, lifetime: timedelta, said: Signature | None) -> str:
        """Return a signed chain as the API carries it."""
        csr = base64.b64decode(item["spec"]["request"]).decode()
        return base64.b64encode(self.corp.chain(csr, lifetime, self.now, said).encode()).decode()


class CertManager(Objects):
    """cert-manager and one of its issuers."""

    issuer: ClassVar[Any] = {"certManager": {"name": "corp"}}
    kind = CERTIFICATE_REQUEST

    def signer(self) -> RemoteSigner:
        """Ask by CertificateRequest."""
        return CertManagerSigner(self.kube, self.writer, self.world.trust_domain("default").spec.issuer.cert_manager)

    async def sign(self, said: Signature | None = None) -> None:
        """Approve and sign."""
        for item in self.requests():
            hours = int(item["spec"]["duration"].removesuffix("h"))
            approved = {"type": "Approved", "status": "True", "reason": "cert-manager.io"}
            ready = {"type": "Ready", "status": "True", "reason": "Issued", "message": "Certificate fetched from issuer successfully"}  # fmt: skip
            self.answered(
                item, conditions=[approved, ready], certificate=self.chain(item, timedelta(hours=hours), said)
            )

    async def deny(self) -> None:
        """Say no, as an approver does."""
        for item in self.requests():
            denied = {"type": "Denied", "status": "True", "reason": "policy.cert-manager.io", "message": "No policy approved this request"}  # fmt: skip
            ready = {"type": "Ready", "status": "False", "reason": "Denied", "message": "The CertificateRequest was denied"}  # fmt: skip
            self.answered(item, conditions=[denied, ready])


class CSR(Objects):
    """A third party's signer of CertificateSigningRequests."""

    issuer: ClassVar[Any] = {"csrSigner": {"signerName": "example.com/workloads"}}
    kind = SIGNING_REQUEST

    def signer(self) -> RemoteSigner:
        """Ask by CertificateSigningRequest."""
        return CSRObjectSigner(self.kube, self.writer, self.world.trust_domain("default").spec.issuer.csr_signer)

    async def sign(self, said: Signature | None = None) -> None:
        """Approve and sign."""
        for item in self.requests():
            lifetime = timedelta(seconds=item["spec"]["expirationSeconds"])
            approved = {"type": "Approved", "status": "True", "reason": "Reviewed"}
            self.answered(item, conditions=[approved], certificate=self.chain(item, lifetime, said))

    async def deny(self) -> None:
        """Say no, as an approver does."""
        for item in self.requests():
            self.answered(item, conditions=[{"type": "Denied", "status": "True", "reason": "Reviewed", "message": "not on my watch"}])  # fmt: skip


DESKS: dict[str, Callable[[], Desk]] = {"builtIn": BuiltIn, "certManager": CertManager, "csrSigner": CSR}
