"""A reconcile loop over core/pki and the built-in signer with a clock that the test moves, and peers that remember bundles.

It does what the controller does, in the same order of writes, against a dictionary that treats immutable Secrets as the API
server does. `CrashError` ends a pass after a number of writes.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bartizan.controller.evidence import read_target
from bartizan.core.pki.authority import Role, authority_secret
from bartizan.core.pki.decide import CertificateInput, Issue, Keep, decide
from bartizan.core.pki.evidence import Evidence
from bartizan.core.pki.pem import read_certificates, signed_by
from bartizan.core.pki.profile import leaf_profile
from bartizan.core.pki.rotation import plan_authorities
from bartizan.core.pki.rotation_phases import advance
from bartizan.core.pki.secret import certificate_secret, read_certificate
from bartizan.core.pki.status import plan_trust_domain
from property.pki.verifying import verifies
from unit.pki.builders import BASELINE, NOW, RELEASE, SIGNER, a_policy_view, a_service, a_trust_domain


class CrashError(Exception):
    """The controller was killed."""


@dataclass
class World:
    """One trust domain, one policy, and everything ever published."""

    now: datetime
    lifetime: timedelta
    issuing_lifetime: timedelta
    authorities: dict = field(default_factory=dict)
    status: dict = field(default_factory=dict)
    secret: dict | None = None
    bundles: list = field(default_factory=list)
    """What the Secret held, each time it was written: the bundle, and the last moment of the certificate beside it."""
    issues: list = field(default_factory=list)
    """Reason and share of the life of the certificate replaced."""
    minted: list = field(default_factory=list)
    last_ends: dict = field(default_factory=dict)
    """The ledger: when the last certificate of each authority ends."""
    writes_left: int | None = None

    def __post_init__(self):
        hours = {
            name: f"{span // timedelta(hours=1)}h"
            for name, span in (("root", timedelta(hours=8760)), ("issuing", self.issuing_lifetime))
        }
        self.domain = a_trust_domain(lifetimes=hours)
        self.policy = a_policy_view(mtls={"lifetime": f"{self.lifetime // timedelta(hours=1)}h"})
        self.profile = leaf_profile(self.policy, self.domain, [a_service(app="orders")], BASELINE)

    def write(self, action):
        """Carry out one write, or be killed before it."""
        if self.writes_left is not None:
            if self.writes_left == 0:
                raise CrashError
            self.writes_left -= 1
        action()

    def reconcile(self) -> datetime:
        """Run passes until the rotation waits for something, and return when the next one is due."""
        for _ in range(12):
            before = self.status
            due = self.look()
            if self.status == before:
                return due
        raise AssertionError(f"one step follows the other without end: {self.status['rotation']}")

    def look(self) -> datetime:
        """Run one pass and return when the next one is due."""
        plan = self.authority_plan()
        while plan.create:
            view, new = self.domain, plan.create
            made = (
                SIGNER.make_issuing(view, new.root, generation=new.generation, now=self.now)
                if new.role is Role.ISSUING
                else SIGNER.make_root(view, generation=new.generation, now=self.now, old=new.root)
            )
            self.write(lambda made=made: self.store(authority_secret(made, namespace=RELEASE)))
            self.minted.append(made.secret_name)
            plan = self.authority_plan()
        step = advance(self.domain, plan, self.evidence(), self.now)
        writes = plan_trust_domain(self.domain, plan, self.status, self.now, namespace=RELEASE, step=step)
        for delete in writes.deletes:
            self.write(lambda name=delete.ref.name: self.authorities.pop(name))
        self.write(lambda: setattr(self, "status", writes.status.item["status"]))
        again = self.now + writes.requeue_after
        if writes.status.item["status"]["rotation"]["waitingFor"]:
            # What is waited for here comes with a certificate's end: looking every minute would only take longer.
            again = max(again, self.now + self.lifetime / 6)
        return min(again, self.certificate(self.authority_plan()))

    def evidence(self) -> Evidence:
        """Return what is seen: the ledger, and the one Secret there is."""
        return Evidence(
            targets=(read_target(self.secret),) if self.secret else (),
            last_ends=dict(self.last_ends),
            complete_since=NOW,
        )

    def authority_plan(self):
        """Return what core says about the authorities now."""
        return plan_authorities(self.domain, list(self.authorities.values()), self.status, self.now)

    def store(self, item):
        """Write an immutable Secret as the API server does: the first one stays."""
        name = item["metadata"]["name"]
        self.authorities.setdefault(name, {**item, "metadata": {**item["metadata"], "uid": f"uid-{name}"}})

    def certificate(self, plan) -> datetime:
        """Bring the policy's Secret up to date and return its next renewal."""
        request = CertificateInput(
            policy=self.policy,
            profile=self.profile,
            secret=self.secret,
            chains=plan.chains,
            bundle_pem=plan.bundle_pem,
            now=self.now,
            draining=plan.draining,
        )
        match decide(request):
            case Issue(reason=reason):
                old = read_certificate(self.secret) if self.secret else None
                self.issues.append((reason.value, (self.now - old.not_before) / old.span if old else None))
                chain = plan.chain_of(plan.signer)
                issued = SIGNER.sign_leaf(self.profile, plan.signer, now=self.now, chain=chain)
                end = read_certificates(issued.chain_pem)[0].not_valid_after_utc
                self.last_ends[plan.signer.id] = max(end, self.last_ends.get(plan.signer.id, end))
                item = certificate_secret(self.policy, issued.chain_pem, issued.key_pem, plan.bundle_pem)
                self.write(lambda: self.publish(item, plan.bundle_pem))
                return self.certificate(plan)
            case Keep(desired=desired, next_renewal=due):
                if desired != self.secret:
                    self.write(lambda: self.publish(desired, plan.bundle_pem))
                return due
            case refused:
                raise AssertionError(refused)

    def publish(self, item, bundle):
        """Put the policy's Secret in place."""
        self.secret = item
        self.bundles.append((bundle, read_certificate(item).not_after))

    def check(self):
        """Assert what must hold at every moment: valid, inside its authority, trusted by every peer's bundle."""
        leaf = read_certificate(self.secret)
        assert leaf.not_before <= self.now <= leaf.not_after, (leaf.not_before, self.now, leaf.not_after)
        assert signed_by(leaf.certificate, leaf.chain[0])
        for bundle in self.bundles_in_use():
            assert verifies(leaf.certificate, leaf.chain, read_certificates(bundle), self.now), (
                f"a peer does not trust the certificate at {self.now}"
            )

    def bundles_in_use(self):
        """Return every bundle that a peer may hold which read it with its own certificate, and never again until that ends."""
        return {text for text, end in self.bundles if end >= self.now}
