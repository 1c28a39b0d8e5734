"""A trust domain whose rotation is told step by step: what the controller does at a look, without controller or cluster."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cryptography import x509

from bartizan.core.model import TrustDomainView
from bartizan.core.pki.authority import Authority, Role, authority_secret
from bartizan.core.pki.evidence import Evidence, Target, bundle_id
from bartizan.core.pki.rotation import AuthorityPlan, plan_authorities
from bartizan.core.pki.rotation_phases import advance
from bartizan.core.pki.status import plan_trust_domain
from unit.pki.builders import NOW, RELEASE, SIGNER, a_trust_domain, stored


@dataclass
class Told:
    """Secrets and status of one trust domain, and the time."""

    domain: TrustDomainView = field(default_factory=a_trust_domain)
    secrets: dict = field(default_factory=dict)
    status: dict = field(default_factory=dict)
    now: datetime = NOW
    seen: Evidence = field(default_factory=lambda: Evidence(complete_since=NOW - timedelta(days=300)))

    def wish(self, **rotation) -> None:
        """Say in the specification what is wanted of rotations."""
        self.domain = a_trust_domain(rotation=rotation, **self.more)

    more: dict = field(default_factory=dict)
    events: list = field(default_factory=list)

    def plan(self) -> AuthorityPlan:
        """Return what is in force."""
        return plan_authorities(self.domain, list(self.secrets.values()), self.status, self.now)

    def look(self, after=timedelta(0), **seen):
        """Let time pass, see something, look once, and return phase and what is waited for."""
        self.now += after
        self.seen = replace(self.seen, **seen)
        plan = self.plan()
        while plan.create:
            new = plan.create
            if new.role is Role.ISSUING:
                self.store(SIGNER.make_issuing(self.domain, new.root, generation=new.generation, now=self.now))
            else:
                self.store(SIGNER.make_root(self.domain, generation=new.generation, now=self.now, old=new.root))
            plan = self.plan()
        step = advance(self.domain, plan, self.seen, self.now)
        writes = plan_trust_domain(self.domain, plan, self.status, self.now, namespace=RELEASE, step=step)
        self.events += [(one.reason, one.message) for one in writes.events]
        for delete in writes.deletes:
            del self.secrets[delete.ref.name]
        self.status = writes.status.item["status"]
        return self.phase, self.waiting

    def store(self, authority: Authority) -> None:
        """Put an authority's Secret there."""
        self.secrets[authority.secret_name] = stored(
            authority_secret(authority, namespace=RELEASE), uid=f"uid-{authority.secret_name}"
        )

    def until(self, phase: str) -> "Told":
        """Look until the phase is reached, with time passing and everybody holding what they should."""
        for _ in range(20):
            if self.phase == phase:
                return self
            self.look(timedelta(hours=1), targets=(self.target(),))
        raise AssertionError(self.status["rotation"])

    def target(self, bundle=None, authority="") -> Target:
        """Return a Secret with the bundle in force, or with another one."""
        return Target(
            name="Secret shop/orders-tls", bundle=bundle_id(bundle or self.plan().bundle_pem), authority=authority
        )

    @property
    def phase(self) -> str:
        """The phase written down."""
        return (self.status.get("rotation") or {}).get("phase", "")

    @property
    def waiting(self) -> list:
        """What is waited for, as written down."""
        return (self.status.get("rotation") or {}).get("waitingFor", [])

    @property
    def states(self) -> list:
        """The authorities as the status lists them, such as `Root 1 Active`."""
        return [f"{one['role']} {one['generation']} {one['state']}" for one in self.status["authorities"]]

    def id(self, role: str, generation: int) -> str:
        """Return the id of a listed authority."""
        listed = self.status["authorities"]
        return next(one["id"] for one in listed if (one["role"], one["generation"]) == (role, generation))


def told(now=NOW, **spec) -> Told:
    """Return a trust domain at rest, with one root and one issuing authority."""
    story = Told(domain=a_trust_domain(**spec), now=now, more=spec)
    story.look()
    return story


def legacy(story: Told) -> Told:
    """Exchange the root of a trust domain for one as earlier versions made it: no bridge verifies under it."""
    old = Told(domain=story.domain, now=story.now)
    root = SIGNER.make_root(story.domain, generation=1, now=story.now)
    old.store(replace(root, certificate=bounded(root)))
    old.look()
    return old


def bounded(root: Authority) -> x509.Certificate:
    """Return a root's certificate with the path length that earlier versions gave it."""
    from cryptography.hazmat.primitives import hashes, serialization

    key = serialization.load_pem_private_key(root.key_pem, password=None)
    old = root.certificate
    builder = (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(old.subject)
        .public_key(old.public_key())
        .serial_number(old.serial_number)
        .not_valid_before(old.not_valid_before_utc)
        .not_valid_after(old.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
    )
    for one in old.extensions:
        if not isinstance(one.value, x509.BasicConstraints):
            builder = builder.add_extension(one.value, critical=one.critical)
    return builder.sign(key, hashes.SHA256())
