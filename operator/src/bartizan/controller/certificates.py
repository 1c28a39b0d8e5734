"""Certificates of policies: decide, sign where the decision says so, and hand the outcome to the plan.

Signing makes a key, so it is no pure decision; it stands between two of them. What was signed is held against the same decision
once more before it is written: a rule that does not accept its own result would otherwise issue without end.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from bartizan.api.kinds import SECRET, TRUST_DOMAIN
from bartizan.api.names import DEFAULT_NAME, TRUST_DOMAIN_LABEL, KubeObject
from bartizan.controller.contests import Contests
from bartizan.controller.errors import UnstableDecisionError
from bartizan.controller.external import ExternalIssuance
from bartizan.controller.issuance import Turns
from bartizan.controller.issued import tell_issued
from bartizan.controller.ledger import Ledger
from bartizan.controller.meter import Meter
from bartizan.controller.outcomes import held, kept, waiting
from bartizan.controller.upholding import MANAGER, put_back, upheld
from bartizan.controller.world import World
from bartizan.core.model import ObjectRef, PolicyKey, PolicyView, Snapshot, TrustDomainView
from bartizan.core.observations import certificate as observed_as
from bartizan.core.pki.authority import Authority, authority_label
from bartizan.core.pki.decide import CertificateInput, Issue, Keep, Refuse, decide, usable_until
from bartizan.core.pki.examine import IssueReason
from bartizan.core.pki.leaf import LeafView
from bartizan.core.pki.ledger import LedgerRow
from bartizan.core.pki.profile import leaf_profile
from bartizan.core.pki.rotation import AuthorityPlan, plan_authorities
from bartizan.core.pki.secret import certificate_secret
from bartizan.core.plan import LOOK_AGAIN, SOON, Apply, Plan
from bartizan.core.posture import CertificateOutcome
from bartizan.core.reasons import Reason
from bartizan.signers.errors import SignerError
from bartizan.signers.protocol import Signer

Find: TypeAlias = Callable[[], Awaitable[KubeObject | None]]  # asks for whatever bears the name of a policy's Secret
ACCESS_PATIENCE: Final = timedelta(seconds=10)
"""How long access to a namespace's Secrets may take before it is a condition: a RoleBinding needs under a second to count."""
_PATIENCE: Final = timedelta(seconds=10)
"""How long a policy waits for its turn at the signer before that is said: at a cold start most wait for less."""
_STILL_GOOD: Final = frozenset(
    {
        IssueReason.RENEWAL_DUE,
        IssueReason.LIFETIME_CHANGED,
        IssueReason.KEY_ALGORITHM_CHANGED,
        IssueReason.AUTHORITY_DRAINING,
    }
)
"""Why a certificate is replaced of which nothing is to be said while it waits: peers accept it as before."""
_CACHED_FOR: Final = timedelta(seconds=60)
"""How long the plan of a trust domain's authorities is reused while its objects stay the same: it verifies signatures."""


@dataclass(frozen=True, slots=True)
class _Cached:
    versions: tuple[str, dict[ObjectRef, tuple[str, str]]]
    """Of the TrustDomain, and of every Secret in the release's namespace, where those of its authorities are."""
    until: datetime
    plan: AuthorityPlan


class Certificates:
    """Decides and signs, for one policy at a time."""

    def __init__(
        self,
        world: World,
        signer: Signer,
        *,
        turns: Turns,
        ledger: Ledger,
        meter: Meter,
        external: ExternalIssuance | None = None,
    ) -> None:
        """Read authorities from `world`, sign with `signer` each in its turn, write down in `ledger` what was signed.

        `external` has those certificates signed for which somebody else signs; None: there are none.
        """
        self._world = world
        self._signer = signer
        self._turns = turns
        self._meter = meter
        self._external = external
        self._contests = external.contests if external else Contests()
        self._waiting_since: dict[PolicyKey, datetime] = {}
        self._ledger = ledger
        self._cache: dict[str, _Cached] = {}

    async def outcome(
        self, policy: PolicyView, secret: KubeObject | None, snapshot: Snapshot, now: datetime, *, find: Find
    ) -> CertificateOutcome:
        """Return what becomes of the policy's certificate.

        `secret` is what the picture holds under the Secret's name: one with our labels. Whatever else bears the name, `find`
        asks the API server for, which is done once, before something is written.

        Raises:
            UnstableDecisionError: the decision does not accept what was signed for it.
            KubeError, NotLeaderError, LedgerBusyError: what was signed could not be written down; it is thrown away.
        """
        domain = self.domain(policy)
        if not isinstance(domain, TrustDomainView):
            return domain
        if domain.spec.external and self._external:
            return await self._external.outcome(policy, domain, secret or await find(), snapshot, now)
        if secret is None and self._contests.known(policy):
            secret = await find()
        authorities = self.authorities(domain, now)
        profile = leaf_profile(policy, domain, snapshot.services, snapshot.baseline)
        request = CertificateInput(
            policy=policy,
            profile=profile,
            secret=secret,
            chains=authorities.chains,
            bundle_pem=authorities.bundle_pem,
            now=now,
            draining=authorities.draining,
        )
        decision = decide(request)
        if not isinstance(decision, Issue):
            return self._stands(request, decision)
        if authorities.signer is None:
            self._meter.not_issued("NoAuthority")
            return self.no_signer(domain, authorities)
        return await self._renewed(request, decision, authorities, find)

    def _stands(self, request: CertificateInput, decision: Keep | Refuse) -> CertificateOutcome:
        """Return the outcome where nothing is to be signed."""
        self._turns.drop(request.policy.key)
        if isinstance(decision, Refuse):
            wait = SOON if decision.reason is Reason.PENDING else LOOK_AGAIN
            return waiting(decision.reason, decision.message, look_after=wait)
        self._waiting_since.pop(request.policy.key, None)
        return upheld(self._contests, request, decision)

    @property
    def contested(self) -> tuple[tuple[str, str], ...]:
        """Namespace and name of the Secrets that somebody else keeps writing."""
        return self._contests.places

    def may_sign(self) -> bool:
        """Spend one certificate of the budget on a pod, which stands in no line; False: there is none to spend now."""
        return self._turns.spend()

    def forget(self) -> None:
        """Another replica writes now: nobody waits for a turn here any more, and no contest is remembered."""
        self._turns.clear()
        if self._external:
            self._external.forget()
        self._contests.clear()
        self._waiting_since.clear()

    def dropped(self, policy: PolicyKey) -> None:
        """Forget a policy that is gone."""
        self._turns.drop(policy)
        if self._external:
            self._external.dropped(policy)

    def written(self, plan: Plan) -> None:
        """Note that a policy's plan was carried out: a Secret in it that is missing at the next look was deleted since."""
        self._contests.written(one.item for one in plan.applies if one.item["kind"] == SECRET.kind)

    def domain(self, policy: PolicyView) -> TrustDomainView | CertificateOutcome:
        """Return the policy's trust domain, or the outcome where it cannot be used."""
        name = policy.spec.identity.trust_domain
        domain = self._world.trust_domain(name)
        if domain is None:
            return waiting(Reason.TRUST_DOMAIN_NOT_FOUND, _no_such(name))
        if not isinstance(domain, TrustDomainView):
            return waiting(Reason.AUTHORITY_NOT_READY, f"TrustDomain {domain.name}: {domain.problem}")
        return domain

    @staticmethod
    def no_signer(domain: TrustDomainView, authorities: AuthorityPlan) -> CertificateOutcome:
        """Return the outcome while no authority of the trust domain can sign."""
        if authorities.lost:
            message = (
                f"TrustDomain {domain.name} lost an authority's key; its condition Ready says which and what to do"
            )
            return waiting(Reason.CA_KEY_LOST, message)
        return waiting(Reason.AUTHORITY_NOT_READY, f"TrustDomain {domain.name} has no authority that can sign yet")

    def authorities(self, domain: TrustDomainView, now: datetime) -> AuthorityPlan:
        """Return the authorities of a trust domain as last seen; what there is to make is not made here."""
        item = self._world.item(TRUST_DOMAIN, "", domain.name) or {"metadata": {}}
        held = self._world.store.versions(SECRET, self._world.release_namespace)
        versions = (item["metadata"].get("resourceVersion", ""), held)
        cached = self._cache.get(domain.name)
        if cached and cached.versions == versions and now < cached.until:
            return cached.plan
        label = authority_label(domain.name)
        secrets = [
            secret
            for secret in self._world.store.list(SECRET, namespace=self._world.release_namespace)
            if (secret["metadata"].get("labels") or {}).get(TRUST_DOMAIN_LABEL) == label
        ]
        plan = plan_authorities(domain, secrets, item.get("status") or {}, now)
        self._cache[domain.name] = _Cached(versions, now + _CACHED_FOR, plan)
        return plan

    async def _renewed(
        self, request: CertificateInput, decision: Issue, authorities: AuthorityPlan, find: Find
    ) -> CertificateOutcome:
        """Return the outcome where another certificate is needed: put back, signed, or waiting for its turn."""
        back = put_back(self._contests, request, decision, lambda secret: decide(replace(request, secret=secret)))
        if back:
            return back
        if not self._turns.take(request.policy.key, usable_until(decision)):
            return self._in_line(request, decision)
        if request.secret is None and (found := await find()):
            request = replace(request, secret=found)
            again = decide(request)
            if not isinstance(again, Issue):
                return self._stands(request, again)
            decision = again
        return await self._issued(request, decision, authorities)

    def _in_line(self, request: CertificateInput, decision: Issue) -> CertificateOutcome:
        """Return what to say while the budget is spent on others: nothing new of a certificate that is still good."""
        policy, secret = request.policy, request.secret
        if secret and decision.replaced and decision.reason in _STILL_GOOD:
            return held(request, decision.replaced, look_after=LOOK_AGAIN)
        since = self._waiting_since.setdefault(policy.key, request.now)
        message = f"{decision.message}; it waits for its turn to be issued: BARTIZAN_ISSUANCE_RATE limits how many are a second"
        outcome = waiting(Reason.PENDING, message)
        return replace(outcome, settled=request.now - since >= _PATIENCE)

    async def _issued(
        self, request: CertificateInput, decision: Issue, authorities: AuthorityPlan
    ) -> CertificateOutcome:
        policy, now, signer = request.policy, request.now, authorities.signer
        assert signer is not None  # noqa: S101 -- the caller has looked
        try:
            leaf = self._signer.sign_leaf(request.profile, signer, chain=authorities.chain_of(signer), now=now)
        except SignerError as error:
            self._meter.not_issued("SignerFailed")
            return waiting(Reason.AUTHORITY_NOT_READY, f"{decision.message}, but {error}")
        secret = certificate_secret(policy, leaf.chain_pem, leaf.key_pem, request.bundle_pem)
        verdict = decide(replace(request, secret=secret))
        if not isinstance(verdict, Keep):
            self._meter.not_issued("ResultRefused")
            raise UnstableDecisionError(
                f"the certificate just issued for {policy.namespace}/{policy.name} would not be kept: {verdict.message}"
            )
        await self.record(_row(policy, verdict.leaf, signer))
        self._meter.issued(decision.reason)
        tell_issued(policy, verdict.leaf, decision.reason)
        self._waiting_since.pop(policy.key, None)
        apply = Apply(item=secret, manager=MANAGER, force=decision.force)
        return self._contests.repaired(policy, secret, kept(request, verdict, (apply,)), now)

    async def record(self, row: LedgerRow) -> None:
        """Write down in the ledger what was signed, before it is published.

        Raises:
            KubeError, NotLeaderError, LedgerBusyError: it could not be written down; it is to be thrown away.
        """
        try:
            await self._ledger.record(row)
        except Exception:
            self._meter.not_issued("NotRecorded")
            raise

    def issued_to_pod(self) -> None:
        """Count a certificate that a node asked for."""
        self._meter.issued("PodRequest", "PodCertificate")


def _row(policy: PolicyView, leaf: LeafView, signer: Authority) -> LedgerRow:
    return LedgerRow(
        trust_domain=policy.spec.identity.trust_domain,
        serial=leaf.serial,
        authority=signer.id,
        subject=f"{policy.namespace}/{policy.account}",
        holder=policy.uid,
        not_after=leaf.not_after,
    )


def unreachable(namespace: str, *, settled: bool) -> CertificateOutcome:
    """Return the outcome while the Secrets of a namespace can't be read; `settled` once that is no passing state."""
    message = f"waiting for access to the Secrets of namespace {namespace}, which a RoleBinding there grants"
    # Whoever waits is called when the Secrets are known. To look again and again would keep out the write that gives access.
    look_after = LOOK_AGAIN if settled else ACCESS_PATIENCE
    return CertificateOutcome(
        observation=observed_as("False", Reason.PENDING, message), look_after=look_after, settled=settled
    )


def _no_such(name: str) -> str:
    fix = (
        "install the chart with trustDomain.create=true"
        if name == DEFAULT_NAME
        else "correct spec.identity.trustDomain"
    )
    return f"there is no TrustDomain {name}: create it, or {fix}"
