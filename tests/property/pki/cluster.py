"""The controller's own authorities, certificates, ledger and writer over the API server in memory, with pods that never reload.

`Process` is one run of the controller: made anew it remembers nothing. `Cluster` is what outlives it, and judges: it keeps every
certificate Secret that was ever published, because some pod may still go on with it, and every authority that was ever stored.
"""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509

from bartizan.api.kinds import NAMESPACE, POLICY, SECRET, TRUST_DOMAIN
from bartizan.controller.authorities import Authorities, Release
from bartizan.controller.certificates import Certificates
from bartizan.controller.evidence import EvidenceSource
from bartizan.controller.intake import Intake
from bartizan.controller.issuance import Turns
from bartizan.controller.ledger import Ledger
from bartizan.controller.meter import NoMeter
from bartizan.controller.world import World
from bartizan.controller.writer import Writer
from bartizan.core.model import ObjectRef
from bartizan.core.pki.authority import Authority, read_authority
from bartizan.core.pki.leaf import public_key_id
from bartizan.core.pki.pem import BUNDLE_KEY, CERTIFICATE_KEY, data_of, read_certificates
from bartizan.kube.errors import KubeError
from bartizan.signers.builtin import BuiltinSigner
from bartizan.testing import FakeKube, a_namespace, a_policy
from property.pki.verifying import verifies
from unit.pki.builders import nothing_else

RELEASE = "bartizan-system"
START = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
DOMAIN = "prod.example.com"


class CrashError(Exception):
    """The controller was killed."""


class Clock:
    """Time that a test moves, and that passes by itself where the code under test sleeps."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        """Return the time."""
        return self.at

    def monotonic(self) -> float:
        """Return the same in seconds."""
        return self.at.timestamp()

    async def sleep(self, duration: timedelta) -> None:
        """Let the time pass."""
        self.at += max(duration, timedelta(0))
        await asyncio.sleep(0)


class Kube(FakeKube):
    """An API server whose caller is killed at a write, and that answers when a test likes."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock=clock)
        self.writes_left: int | None = None
        self.takes_effect = False
        self.delays: list[int] = []

    async def _write(self, write):
        for _ in range(self.delays.pop() if self.delays else 0):
            await asyncio.sleep(0)
        if self.writes_left == 0:
            if self.takes_effect:
                await write
            else:
                write.close()
            raise CrashError
        if self.writes_left is not None:
            self.writes_left -= 1
        return await write

    async def apply(self, item, **how):
        """Apply, or be killed."""
        return await self._write(super().apply(item, **how))

    async def create(self, item, **how):
        """Create, or be killed."""
        return await self._write(super().create(item, **how))

    async def delete(self, ref, **how):
        """Delete, or be killed."""
        return await self._write(super().delete(ref, **how))


class Silent:
    """Takes events and forgets them."""

    async def record(self, event) -> None:
        """Forget it."""


@asynccontextmanager
async def in_place():
    """Stand for the queue."""
    yield


class Process:
    """One run of the controller."""

    def __init__(self, kube: Kube, clock: Clock) -> None:
        self.kube, self.clock = kube, clock
        self.world = World(release_namespace=RELEASE)
        self.intake = Intake(self.world, lambda _key: None)
        self.writer = Writer(
            kube, recorder=Silent(), may_write=lambda: True, seen=self.intake.answered, meter=NoMeter()
        )
        self.ledger = Ledger(kube, namespace=RELEASE, clock=clock, may_write=lambda: True, aside=in_place)
        signer = BuiltinSigner()
        turns = Turns(clock, lambda _key: None, rate=1000)
        self.certificates = Certificates(self.world, signer, turns=turns, ledger=self.ledger, meter=NoMeter())
        self.authorities = Authorities(
            kube,
            self.writer,
            signer,
            Release(namespace=RELEASE),
            evidence=EvidenceSource(self.world, self.ledger, secrets_known=lambda _namespace: True),
            meter=NoMeter(),
        )
        self.due: list[timedelta] = []

    async def look(self) -> None:
        """Look at everything once, in the order of the queue."""
        self.due = []
        await self._see()
        domain = self.world.trust_domain("default")
        plan = await self.authorities.plan(domain, self.clock.now())
        for error in await self.writer.carry_out(plan):
            raise error
        self.due.append(plan.requeue_after or timedelta(minutes=1))
        await self._see()
        for key in sorted(self.world.snapshot().policies):
            await self._look_at(key)

    async def _look_at(self, key) -> None:
        snapshot = self.world.snapshot()
        policy = snapshot.policies[key]
        secret = self.world.item(SECRET, policy.namespace, policy.spec.secret_name(policy.name))
        outcome = await self.certificates.outcome(policy, secret, snapshot, self.clock.now(), find=nothing_else)
        self.due.append(outcome.look_after or timedelta(hours=1))
        for apply in outcome.applies:
            await self.writer.apply(apply)

    async def _see(self) -> None:
        for kind in (NAMESPACE, POLICY, TRUST_DOMAIN, SECRET):
            for ref in self.world.store.replace(kind, (await self.kube.list(kind)).items):
                self.intake.changed(ref)


@dataclass(frozen=True)
class Version:
    """A certificate Secret as it was published once: what a pod may go on with until its certificate ends."""

    policy: str
    leaf: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    bundle: tuple[x509.Certificate, ...]
    published: datetime


@dataclass
class Cluster:
    """What outlives the controller."""

    lifetime: str = "1h"
    settle: str = "2m"
    policies: tuple[str, ...] = ("orders", "stock")
    clock: Clock = field(default_factory=Clock)
    versions: list[Version] = field(default_factory=list)
    authorities: dict[str, set[str]] = field(default_factory=dict)
    """The ids of all that was ever stored in each Secret of an authority."""
    distrusted: bool = False
    """Whether an authority was ever distrusted: then trust is cut on purpose."""

    def __post_init__(self) -> None:
        self.kube = Kube(self.clock)
        self.process = Process(self.kube, self.clock)
        self.kube.put(a_namespace(RELEASE, None))
        self.kube.put(a_namespace())
        for name in self.policies:
            labels = {"matchLabels": {"app": name}}
            self.kube.put(a_policy(name=name, workload={"selector": labels}, mtls={"lifetime": self.lifetime}))
        self.wish()

    def wish(self, **rotation) -> None:
        """Say in the TrustDomain what is wanted of rotations."""
        old = self.kube.peek(TRUST_REF) or {}
        generation = (old.get("metadata") or {}).get("generation", 0) + 1
        lifetimes = {"root": "8760h", "issuing": "336h"}
        self.kube.put(
            {
                "apiVersion": TRUST_DOMAIN.api_version,
                "kind": TRUST_DOMAIN.kind,
                "metadata": {"name": "default", "generation": generation},
                "spec": {
                    "domain": DOMAIN,
                    "lifetimes": lifetimes,
                    "rotation": {"settle": self.settle, "emergencyDeadline": "15m", **rotation},
                },
                "status": old.get("status") or {},
            }
        )

    @property
    def status(self) -> dict:
        """The TrustDomain's status."""
        return self.kube.peek(TRUST_REF).get("status") or {}

    @property
    def phase(self) -> str:
        """The phase of the rotation."""
        return (self.status.get("rotation") or {}).get("phase", "Stable")

    def restart(self) -> None:
        """Let a process begin that remembers nothing."""
        self.process = Process(self.kube, self.clock)

    async def look(self) -> None:
        """Look once, judging before and after; a killed process is followed by another."""
        try:
            await self.process.look()
        except CrashError:
            self.kube.writes_left = None
            self.restart()
        except KubeError:
            pass  # a conflict with another controller: the queue tries again
        self.judge()

    async def settle_down(self, *, looks: int = 40) -> None:
        """Look until a look changes nothing, without time passing."""
        for _ in range(looks):
            before = len(self.kube.writes)
            await self.look()
            if not any(write.changed for write in self.kube.writes[before:]):
                return
        raise AssertionError(f"{looks} looks at one moment, and each wrote something: {self.status.get('rotation')}")

    async def until_stable(self, *, at_most: int = 400) -> None:
        """Look, letting time pass, until no rotation is under way."""
        for _ in range(at_most):
            await self.settle_down()
            if self.phase == "Stable" and not self.wanted():
                return
            self.clock.at += timedelta(minutes=20 if self.phase == "Draining" else 3)
        raise AssertionError(f"not stable in the end: {self.status.get('rotation')}")

    def wanted(self) -> bool:
        """Whether a request was not begun yet."""
        spec = self.kube.peek(TRUST_REF)["spec"]["rotation"]
        wish = (spec.get("request") or {}).get("id")
        return wish not in {None, (self.status.get("rotation") or {}).get("request"), spec.get("abort")}

    def stored(self) -> list[Authority]:
        """Return the authorities whose Secrets are there."""
        items = self.kube.objects(SECRET, RELEASE)
        read = [read_authority(item, trust_domain="default", domain=DOMAIN) for item in items]
        return [one for one in read if isinstance(one, Authority)]

    def judge(self) -> None:
        """Hold what is there against the invariants."""
        self._take_note()
        now = self.clock.at
        alive = [one for one in self.versions if one.leaf.not_valid_after_utc >= now]
        kept = {one.id for one in self.stored()}
        for one in alive:
            issuing = one.chain[0]
            assert one.leaf.not_valid_before_utc >= issuing.not_valid_before_utc, "I3: begins before its authority"
            assert one.leaf.not_valid_after_utc <= issuing.not_valid_after_utc, "I3: outlives its authority"
            if not self.distrusted:
                assert public_key_id(issuing) in kept, "I2: its authority was dropped"
        for one in alive if not self.distrusted else ():
            for other in alive:
                assert verifies(one.leaf, one.chain, other.bundle, now), (
                    f"I1: at {now} the certificate of {one.policy}, published {one.published}, does not verify under the "
                    f"bundle of {other.policy}, published {other.published}: {self.status.get('rotation')}"
                )
        assert all(len(ids) == 1 for ids in self.authorities.values()), f"I5: {self.authorities}"

    def _take_note(self) -> None:
        for one in self.stored():
            self.authorities.setdefault(one.secret_name, set()).add(one.id)
        for item in self.kube.objects(SECRET, "shop"):
            chain = read_certificates(data_of(item, CERTIFICATE_KEY))
            bundle = read_certificates(data_of(item, BUNDLE_KEY))
            name = item["metadata"]["name"]
            last = next((one for one in reversed(self.versions) if one.policy == name), None)
            if last is None or (last.leaf, *last.chain) != chain or last.bundle != bundle:
                self.versions.append(Version(name, chain[0], chain[1:], bundle, self.clock.at))

    def summary(self) -> dict:
        """Return the end of a story without what differs from telling to telling: keys, serials, moments."""
        by_id = {one.id: f"{one.role}-{one.generation}" for one in self.stored()}
        last = {one.policy: one for one in self.versions}
        rotation = self.status.get("rotation") or {}
        return {
            "authorities": [
                (one["role"], one["generation"], one.get("state")) for one in self.status.get("authorities", ())
            ],
            "secrets": sorted(by_id.values()),
            "phase": rotation.get("phase"),
            "request": rotation.get("request"),
            "certificates": {
                name: (
                    [by_id.get(public_key_id(link)) for link in one.chain],
                    [by_id.get(public_key_id(r)) for r in one.bundle],
                )
                for name, one in last.items()
            },
        }


TRUST_REF = ObjectRef(api_version=TRUST_DOMAIN.api_version, kind=TRUST_DOMAIN.kind, namespace="", name="default")
