"""Trust domains and the webhook's serving certificate: what needs the release namespace's Secrets.

Authorities are decided on a fresh list instead of the picture: a picture that lags by one write would ask for a root that is
there already. (The API server would refuse it, because authority Secrets are immutable; nothing is lost but a scare.)
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from bartizan.api.kinds import SECRET, TRUST_DOMAIN
from bartizan.api.names import KubeObject
from bartizan.controller.errors import UnstableDecisionError
from bartizan.controller.evidence import EvidenceSource
from bartizan.controller.meter import Meter
from bartizan.controller.writer import Writer
from bartizan.core.conditions import Observation, dumped, laid_over, lean, read_conditions
from bartizan.core.model import ObjectRef, TrustDomainView
from bartizan.core.ownership import upkeep
from bartizan.core.pki.authority import Role, authority_secret, authority_selector
from bartizan.core.pki.decide import Issue, Keep, Refuse
from bartizan.core.pki.evidence import Evidence
from bartizan.core.pki.losing import with_unlabelled
from bartizan.core.pki.rotation import AuthorityPlan, NewAuthority, plan_authorities
from bartizan.core.pki.rotation_phases import advance
from bartizan.core.pki.serving import ServingAuthority, decide_serving, read_serving_authority, serving_secret
from bartizan.core.pki.status import plan_trust_domain
from bartizan.core.plan import LOOK_AGAIN, SOON, Apply, Plan
from bartizan.core.posture import status_apply
from bartizan.core.reasons import ConditionType, Reason
from bartizan.core.views import Unreadable
from bartizan.kube.api import KubeApi
from bartizan.kube.errors import NotFoundError
from bartizan.signers.builtin import BuiltinSigner

_log: Final = structlog.get_logger("bartizan.authorities")
SERVING_SECRET: Final = "bartizan-webhook-tls"  # noqa: S105 -- the name of a Secret
SERVING_AUTHORITY: Final = "bartizan-webhook-ca"
_AUTHORITY_LOOK: Final = timedelta(seconds=10)
"""How often the webhook's authority is looked at: it is the chart's and bears no label of ours, so no watch tells of it."""
_MOST_GENERATIONS: Final = 4
"""How many generations one look makes at most; two are enough to begin (a root and an issuing authority)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Where bartizan itself runs, and under which names its webhook is called."""

    namespace: str
    webhook_service: str = "bartizan-webhook"

    @property
    def webhook_names(self) -> tuple[str, ...]:
        """The DNS names the API server may call the webhook by."""
        short = f"{self.webhook_service}.{self.namespace}.svc"
        return (short, f"{short}.cluster.local")


class Authorities:
    """Looks at one trust domain, or at the serving certificate."""

    def __init__(
        self,
        api: KubeApi,
        writer: Writer,
        signer: BuiltinSigner,
        release: Release,
        *,
        evidence: EvidenceSource,
        meter: Meter,
    ) -> None:
        """Read through `api`, write through `writer`, make keys with `signer`, tell `meter` of the webhook's authority.

        Authorities are dropped on `evidence` alone.
        """
        self._evidence = evidence
        self._api = api
        self._writer = writer
        self._signer = signer
        self._release = release
        self._meter = meter
        self._authority_present = True

    async def plan(self, view: TrustDomainView, now: datetime) -> Plan:
        """Make the generations that are due and return what else is to be done: at most one step of a rotation.

        The status is read afresh and written on exactly the version read: it is what the next step rests on.

        Raises:
            KubeError, NotLeaderError, SignerError: as it comes; the next look goes on where this one stopped.
        """
        ref = ObjectRef(api_version=TRUST_DOMAIN.api_version, kind=TRUST_DOMAIN.kind, namespace="", name=view.name)
        item = await self._api.get(ref)
        if item["metadata"].get("uid", "") != view.uid:
            return Plan(requeue_after=SOON)
        status = item.get("status") or {}
        await self._evidence.begin(view)
        authorities = await self._observed(view, status, now)
        for _ in range(_MOST_GENERATIONS):
            if authorities.create is None:
                break
            await self._make(view, authorities.create, now)
            authorities = await self._observed(view, status, now)
        evidence = await self._gathered(view, authorities)
        plan = plan_trust_domain(
            view,
            authorities,
            status,
            now,
            namespace=self._release.namespace,
            step=advance(view, authorities, evidence, now),
            resource_version=item["metadata"].get("resourceVersion", ""),
        )
        return _unless_said(plan, status)

    async def _gathered(self, view: TrustDomainView, authorities: AuthorityPlan) -> Evidence:
        """Return what is seen, where the phase asks for it; what decides that an authority goes is read afresh."""
        phase = authorities.record.phase
        if phase not in {"Publishing", "Draining", "Retirable"}:
            return Evidence()
        return await self._evidence.of(view, authorities, afresh=phase == "Retirable")

    async def plan_serving(self, now: datetime) -> Plan:
        """Return what is to be done about the webhook's certificate; nothing while the chart's authority is not there."""
        authority = await self._serving_authority()
        if authority is None:
            return Plan(requeue_after=_AUTHORITY_LOOK)
        place = {"namespace": self._release.namespace, "name": SERVING_SECRET}
        names = self._release.webhook_names
        secret = await self._secret(SERVING_SECRET)
        decision = decide_serving(secret, authority, dns_names=names, now=now, **place)
        if isinstance(decision, Refuse):
            return Plan(requeue_after=LOOK_AGAIN)
        if isinstance(decision, Issue):
            leaf = self._signer.sign_serving(names, authority, now=now)
            item = serving_secret(leaf.chain_pem, leaf.key_pem, authority, **place)
            verdict = decide_serving(item, authority, dns_names=names, now=now, **place)
            if not isinstance(verdict, Keep):
                raise UnstableDecisionError(f"the serving certificate just issued would not be kept: {verdict.message}")
            return Plan(
                applies=(Apply(item=item, manager="bartizan/serving", force=decision.force),),
                requeue_after=_AUTHORITY_LOOK,
            )
        applies = upkeep(decision.desired, secret, manager="bartizan/serving")
        return Plan(applies=applies, requeue_after=min(_AUTHORITY_LOOK, max(decision.next_renewal - now, SOON)))

    async def _serving_authority(self) -> ServingAuthority | None:
        item = await self._secret(SERVING_AUTHORITY)
        authority = read_serving_authority(item) if item else None
        present = authority is not None
        if not present and self._authority_present:
            wrong = "cannot be read" if item else "is missing"
            _log.error(
                "no webhook authority",
                error=f"Secret {self._release.namespace}/{SERVING_AUTHORITY} {wrong}, so the webhook's certificate "
                "is not renewed and ends within a day: "
                "helm upgrade makes a new one, unless you bring your own (webhook.ca.create=false)",
            )
        if present and not self._authority_present:
            _log.info("webhook authority is there", secret=SERVING_AUTHORITY)
        self._authority_present = present
        self._meter.webhook_authority(present=present)
        return authority

    async def _observed(self, view: TrustDomainView, status: KubeObject, now: datetime) -> AuthorityPlan:
        listing = await self._api.list(
            SECRET, namespace=self._release.namespace, label_selector=authority_selector(view.name)
        )
        plan = plan_authorities(view, listing.items, status, now)
        if not plan.lost:
            return plan
        every = [await self._secret(one.secret_name) for one in plan.lost]
        return with_unlabelled(plan, view.name, [item for item in every if item])

    async def _make(self, view: TrustDomainView, new: NewAuthority, now: datetime) -> None:
        if new.role is Role.ROOT:
            authority = self._signer.make_root(view, generation=new.generation, now=now, old=new.root)
        else:
            assert new.root is not None  # noqa: S101 -- an issuing authority is only asked for under a root
            authority = self._signer.make_issuing(view, new.root, generation=new.generation, now=now)
        item = authority_secret(authority, namespace=self._release.namespace)
        await self._writer.apply(Apply(item=item, manager="bartizan/authority"))
        _log.info(
            "authority made",
            trust_domain=view.name,
            role=authority.role.value,
            generation=authority.generation,
            authority=authority.id,
            not_after=authority.not_after.isoformat(),
            reason=new.message,
        )

    async def _secret(self, name: str) -> KubeObject | None:
        ref = ObjectRef(api_version=SECRET.api_version, kind=SECRET.kind, namespace=self._release.namespace, name=name)
        try:
            return await self._api.get(ref)
        except NotFoundError:
            return None


def plan_unreadable(domain: Unreadable, item: KubeObject, now: datetime) -> Plan:
    """Return the plan that only says what is wrong with a TrustDomain."""
    observation = Observation(
        type=ConditionType.READY, status="False", reason=Reason.INVALID_SPEC, message=domain.problem
    )
    conditions = laid_over(read_conditions(item), (observation,), generation=domain.generation, now=now)
    status = {**(item.get("status") or {}), "conditions": [dumped(one) for one in conditions]}
    return _unless_said(Plan(status=status_apply(item, status)), item.get("status") or {})


def _unless_said(plan: Plan, status: KubeObject) -> Plan:
    """Leave out a status that is already said, so that it does not trigger itself."""
    if plan.status is None:
        return plan
    said = lean(plan.status.item["status"])
    if said == lean(status):
        return Plan(applies=plan.applies, deletes=plan.deletes, events=plan.events, requeue_after=plan.requeue_after)
    item = {"apiVersion": TRUST_DOMAIN.api_version, "kind": TRUST_DOMAIN.kind, "metadata": plan.status.item["metadata"]}
    write = status_apply(item, said)
    return Plan(
        applies=plan.applies,
        deletes=plan.deletes,
        status=write,
        events=plan.events,
        requeue_after=plan.requeue_after,
    )
