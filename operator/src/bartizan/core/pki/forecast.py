"""A rotation walked through before it happens: the real rules of rotation, on stand-ins, under a clock that is made up.

Nothing here knows how authorities rotate. The same functions decide as in the controller (`plan_authorities`, `advance`,
`plan_trust_domain`), step by step; what is made up is the world they look at: each policy's certificate, ledger and pods as
they are observed now, renewed and issued anew when the rules say so. Bundles and certificates arrive at once, so each time is
the earliest possible.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import RotationRequest
from bartizan.core.model import TrustDomainView
from bartizan.core.network.expiry import spoken
from bartizan.core.pki.authority import Authority, Role, authority_secret
from bartizan.core.pki.consumers import Consumer
from bartizan.core.pki.evidence import LONGEST_CERTIFICATE, QUIET, Evidence, Target, bundle_id
from bartizan.core.pki.forecast_authorities import Cast, Maker, cast_for
from bartizan.core.pki.forecast_refusals import Refusal, Refusals
from bartizan.core.pki.forecast_running import InForce, begin
from bartizan.core.pki.remembered import known_authorities, rotation_of
from bartizan.core.pki.rotation import AuthorityPlan, plan_authorities
from bartizan.core.pki.rotation_phases import EMERGENCY_SETTLE, Step, advance
from bartizan.core.pki.status import plan_trust_domain

What: TypeAlias = Literal["Root", "Issuing", "Distrust", "Current"]
"""What is walked through: a rotation that is asked for, distrust, or the one under way."""
LONGEST: Final = timedelta(days=45)
"""How far it is looked: a root that carries no bridges, an unknown ledger and the longest settling take less together."""
_PLACE: Final = "release"
_REQUEST: Final = "forecast"
_FINEST: Final = timedelta(minutes=1)
_COARSENING: Final = 40
"""The further the clock is from the beginning, the longer its steps: a fortieth of the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is to be walked through, and what is known."""

    view: TrustDomainView
    status: KubeObject
    """The TrustDomain's, as observed."""
    consumers: tuple[Consumer, ...]
    what: What
    distrusted: tuple[str, ...] = ()
    """For Distrust: the authorities (ids)."""
    deadline: timedelta | None = None
    """For Distrust: how long the old root stays; None: as the specification says."""
    last_ends: Mapping[str, datetime] = field(default_factory=dict)
    """By the ledger: when the last certificate of each authority (id) ends."""
    complete_since: datetime | None = None
    """From when on the ledger is complete; None: it could not be read, and is taken to be complete."""
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One phase of the walk."""

    phase: str
    at: datetime
    """The earliest moment at which it begins."""
    waited_for: tuple[str, ...] = ()
    """What kept the next one waiting to the last; empty: nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """How a rotation would go."""

    stages: tuple[Stage, ...] = ()
    over: datetime | None = None
    """The earliest moment at which everything is stable again; None: not within `LONGEST`."""
    refusals: tuple[Refusal, ...] = ()
    deadline: datetime | None = None
    """In an emergency: when the old root goes at the latest."""
    blocked: str = ""
    """Why nothing would begin."""

    @property
    def breaks(self) -> tuple[Refusal, ...]:
        """Refusals that are known to happen because of the rotation."""
        return tuple(one for one in self.refusals if one.why == "Untrusted" and one.certain)


def forecast(question: Question, maker: Maker) -> Forecast:
    """Return how the rotation would go. The same question has the same answer."""
    if blocked := _blocked(question):
        return Forecast(blocked=blocked)
    cast = cast_for(question.view, question.status, question.now, maker)
    if {one.role for one in cast.authorities if one.stands_at(question.now)} != {*Role}:
        return Forecast(
            blocked=f"no root and issuing authority of {question.view.name} are valid at {spoken(question.now)}"
        )
    return _Walk(question, cast, maker).walked()


def _blocked(question: Question) -> str:
    view, record = question.view, rotation_of(question.status)
    if view.spec.external:
        return f"{view.spec.issuer.kind} signs for {view.name}: its authorities are not bartizan's to rotate"
    entries = known_authorities(question.status)
    lost = [f"{one.role.lower()} generation {one.generation}" for one in entries if one.state == "Lost"]
    if lost:
        return f"the key of {', '.join(lost)} is lost: nothing rotates until it is restored"
    if not entries:
        return f"TrustDomain {view.name} has no authorities yet"
    if record.phase != "Stable" and question.what in {"Root", "Issuing"}:
        return f"a rotation is under way ({record.phase}): another one begins when it has ended"
    if record.phase == "Stable" and question.what == "Current":
        return "nothing rotates now"
    unknown = sorted({*question.distrusted} - {one.id for one in entries if one.state != "Retired"})
    return f"no authority in use has the id {', '.join(unknown)}" if unknown else ""


class _Walk:
    """The made-up world and its clock."""

    def __init__(self, question: Question, cast: Cast, maker: Maker) -> None:
        self._view = _wishing(question, cast.ids)
        self._maker = maker
        self._now = self._start = question.now.replace(microsecond=0)
        self._status = cast.status
        self._secrets = dict(map(_stored, cast.authorities))
        self._since = question.complete_since or self._start - 2 * LONGEST
        self._ends = {cast.ids[key]: end for key, end in question.last_ends.items() if key in cast.ids}
        self._sightings: dict[str, datetime] = {}
        force = InForce.of(self._plan())
        self._running = [begin(one, cast.ids, force) for one in question.consumers]
        self._refusals = Refusals(self._running)

    def walked(self) -> Forecast:
        """Walk until it is over, or for as long as it is looked."""
        stages: list[Stage] = []
        over, deadline = None, None
        while self._now - self._start <= LONGEST:
            phase = rotation_of(self._status).phase
            force, step = self._look()
            self._refusals.look(phase, self._now)
            deadline = step.record.deadline or deadline
            if step.record.phase != phase:
                if step.record.phase == "Stable":
                    over = self._now
                    break
                stages.append(Stage(phase=step.record.phase, at=self._now))
                continue
            if phase == "Stable":
                return Forecast(blocked="a wish in spec.rotation stands against it", refusals=self._refusals.found)
            if step.record.waiting_for and phase != "Retired":
                last = stages.pop() if stages else Stage(phase=phase, at=self._start)
                stages.append(replace(last, waited_for=step.record.waiting_for))
            self._now = self._next(force, step)
        return Forecast(stages=tuple(stages), over=over, refusals=self._refusals.found, deadline=deadline)

    def _plan(self) -> AuthorityPlan:
        return plan_authorities(self._view, list(self._secrets.values()), self._status, self._now)

    def _look(self) -> tuple[InForce, Step]:
        """Do what the controller does at a look."""
        plan = self._plan()
        while new := plan.create:
            if new.role is Role.ISSUING and new.root:
                made = self._maker.make_issuing(self._view, new.root, generation=new.generation, now=self._now)
            else:
                made = self._maker.make_root(self._view, generation=new.generation, now=self._now, old=new.root)
            self._secrets |= dict([_stored(made)])
            plan = self._plan()
        force = InForce.of(plan)
        self._bring(force)
        step = advance(self._view, plan, self._evidence(), self._now)
        writes = plan_trust_domain(self._view, plan, self._status, self._now, namespace=_PLACE, step=step)
        for delete in writes.deletes:
            self._secrets.pop(delete.ref.name, None)
        if writes.status:
            self._status = writes.status.item["status"]
        return force, step

    def _bring(self, force: InForce) -> None:
        """Give every policy what it is due, write down what is issued, and see what is served."""
        for one in self._running:
            former = one.served.authority
            if one.bring(force, self._now) and one.consumer.probed:
                self._sightings[former] = self._now
            if one.shown:
                self._sightings[one.shown] = self._now
            end = one.disk.not_after
            self._ends[one.disk.authority] = max(end, self._ends.get(one.disk.authority, end))

    def _evidence(self) -> Evidence:
        targets = tuple(
            Target(
                name=f"Secret {one.consumer.key[0]}/{one.consumer.secret_name}",
                bundle=bundle_id(one.bundle_pem),
                authority=one.disk.authority,
            )
            for one in self._running
            if not one.consumer.on_node
        )
        return Evidence(targets=targets, last_ends=self._ends, complete_since=self._since, sightings=self._sightings)

    def _next(self, force: InForce, step: Step) -> datetime:
        """Return when to look again: at a moment that a rule names, or when a certificate is due, in steps that grow."""
        soon = self._now + timedelta(seconds=1)
        if step.record.phase == "Retired":
            return soon
        named = min((one for one in self._moments(step) if one >= soon), default=self._start + 2 * LONGEST)
        pace = self._now + max(_FINEST, (self._now - self._start) / _COARSENING)
        due = min((one.due(force, soon) for one in self._running if not one.consumer.held_up), default=named)
        return min(named, max(due, pace)).replace(microsecond=0)

    def _moments(self, step: Step) -> Iterator[datetime]:
        """Yield the moments at which a rule of `rotation_phases` may answer differently."""
        record, rotation = step.record, self._view.spec.rotation
        if record.deadline:
            yield from (record.deadline, record.deadline - rotation.emergency_deadline / 2)
        if record.published_at:
            yield from (record.published_at + one for one in (EMERGENCY_SETTLE, rotation.settle, LONGEST_CERTIFICATE))
        if record.since:
            yield record.since + QUIET
        yield from (end + timedelta(seconds=1) for end in self._ends.values())
        # What is seen at this very look may be seen at every look: it is no reason to look again.
        yield from (seen + QUIET for seen in self._sightings.values() if seen < self._now)
        yield self._since + LONGEST_CERTIFICATE


def _stored(authority: Authority) -> tuple[str, KubeObject]:
    """Return the authority's Secret as if it were in a cluster, by name."""
    item = authority_secret(authority, namespace=_PLACE)
    return authority.secret_name, {**item, "metadata": {**item["metadata"], "uid": authority.secret_name}}


def _wishing(question: Question, ids: Mapping[str, str]) -> TrustDomainView:
    """Return the trust domain with the wish in its specification, and stand-ins in the place of authorities."""
    rotation = question.view.spec.rotation
    wished: dict[str, object] = {
        "distrust": tuple(ids[one] for one in (*rotation.distrust, *question.distrusted) if one in ids)
    }
    if question.what in {"Root", "Issuing"}:
        wished |= {"request": RotationRequest.model_validate({"id": _REQUEST, "role": question.what}), "abort": None}
    if question.deadline:
        wished["emergency_deadline"] = question.deadline
    spec = question.view.spec.model_copy(update={"rotation": rotation.model_copy(update=wished)})
    return replace(question.view, spec=spec)
