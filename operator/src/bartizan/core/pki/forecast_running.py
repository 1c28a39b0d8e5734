"""One policy in a forecast: what lies in its Secret, and what its pods show and trust."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

from bartizan.core.pki.authority import Authority
from bartizan.core.pki.consumers import Consumer, Loads
from bartizan.core.pki.profile import BACKDATE
from bartizan.core.pki.rotation import AuthorityPlan
from bartizan.core.pki.waves import Wave


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A certificate that was issued, as far as a rotation depends on it."""

    authority: str
    """Its stand-in's id; empty: an authority that is not accepted, or is not known."""
    not_before: datetime
    not_after: datetime
    renewal: datetime

    @property
    def span(self) -> timedelta:
        """From its first to its last moment."""
        return self.not_after - self.not_before


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """What follows from a plan for every policy, worked out once for all of them."""

    signer: Authority | None
    bundle: tuple[x509.Certificate, ...]
    bundle_pem: str
    chains: Mapping[str, tuple[x509.Certificate, ...]]
    """By id, what follows the certificates of each accepted issuing authority."""
    waves: Mapping[str, Wave]

    @classmethod
    def of(cls, plan: AuthorityPlan) -> "InForce":
        """Return what the plan means."""
        return cls(
            signer=plan.signer,
            bundle=plan.bundle,
            bundle_pem=plan.bundle_pem,
            chains={one.id: plan.chain_of(one) for one in plan.issuing},
            waves=plan.draining,
        )


@dataclass(slots=True, kw_only=True)
class Running:
    """What a policy has, at the moment of the clock that is made up."""

    consumer: Consumer
    disk: Held
    """In its Secret, or on the nodes of its pods."""
    bundle_pem: str
    """In its Secret; empty where somebody keeps it from getting what it should."""
    served: Held
    """What its pods show."""
    chain: tuple[x509.Certificate, ...]
    """What follows that."""
    trusts: tuple[x509.Certificate, ...]
    """What its pods verify with."""

    @property
    def stays(self) -> bool:
        """Whether its pods go on with what they have, as far as is known."""
        return not self.consumer.changes or bool(self.consumer.held_up)

    @property
    def certain(self) -> bool:
        """Whether that is known, and not only possible."""
        return self.consumer.loads is not Loads.UNKNOWN or bool(self.consumer.held_up)

    @property
    def shown(self) -> str:
        """The id of the authority that probes go on to see, because the pods are known not to change; empty: of none."""
        seen = self.consumer.probed and self.stays and self.certain
        return self.served.authority if seen else ""

    def due(self, force: InForce, now: datetime) -> datetime:
        """Return when it gets its next certificate."""
        if self.consumer.on_node:
            return self.disk.renewal
        if self.disk.authority not in force.chains:
            return now
        wave = force.waves.get(self.disk.authority)
        return min(self.disk.renewal, wave.due(self.disk)) if wave else self.disk.renewal

    def bring(self, force: InForce, now: datetime) -> bool:
        """Put into the Secret what belongs there now; return whether that was a new certificate."""
        if self.consumer.held_up:
            return False
        self.bundle_pem = force.bundle_pem
        fresh = force.signer is not None and self.due(force, now) <= now
        if force.signer and fresh:
            self.disk = issued(force.signer, self.consumer.lifetime, now)
        if not self.stays:
            self.served, self.trusts = self.disk, force.bundle
            self.chain = force.chains.get(self.disk.authority, ())
        return fresh


def issued(signer: Authority, lifetime: timedelta, now: datetime) -> Held:
    """Return a certificate as it is issued now, renewed in the middle of its life."""
    start, end = now - BACKDATE, min(now + lifetime, signer.not_after)
    return Held(authority=signer.id, not_before=start, not_after=end, renewal=start + (end - start) / 2)


def begin(consumer: Consumer, ids: Mapping[str, str], force: InForce) -> Running:
    """Return a policy as it is observed; its pods are taken to show and trust what its Secret holds."""
    stand_in = ids.get(consumer.authority, "")
    held = Held(
        authority=stand_in if stand_in in force.chains else "",
        not_before=consumer.not_before,
        not_after=consumer.not_after,
        renewal=consumer.renewal,
    )
    return Running(
        consumer=consumer,
        disk=held,
        bundle_pem="" if consumer.held_up else force.bundle_pem,
        served=held,
        chain=force.chains.get(held.authority, ()),
        trusts=force.bundle,
    )
