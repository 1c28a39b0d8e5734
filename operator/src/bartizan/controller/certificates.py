"""Certificates of policies: decide, sign where the decision says so, and hand the outcome to the plan.

Signing makes a key, so it is no pure decision; it stands between two of them. What was signed is held against the same decision
once more before it is written: a rule that does not accept its own result would otherwise issue without end.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bartizan.api.kinds import SECRET, TRUST_DOMAIN
from bartizan.api.names import DEFAULT_NAME, TRUST_DOMAIN_LABEL, KubeObject
from bartizan.controller.errors import UnstableDecisionError
from bartizan.controller.ledger import Ledger
from bartizan.controller.world import World
from bartizan.core.model import PolicyView, Snapshot, TrustDomainView
from bartizan.core.observations import certificate as observed_as
from bartizan.core.ownership import upkeep, without_intruders
from bartizan.core.pki.authority import authority_label
from bartizan.core.pki.decide import CertificateInput, Issue, Keep, Refuse, decide
from bartizan.core.pki.ledger import LedgerRow
from bartizan.core.pki.profile import LeafProfile, leaf_profile
from bartizan.core.pki.rotation import AuthorityPlan, plan_authorities
from bartizan.core.pki.secret import certificate_secret
from bartizan.core.pki.status import certificate_status
from bartizan.core.plan import LOOK_AGAIN, SOON, Apply
from bartizan.core.posture import CertificateOutcome, emitted_object
from bartizan.core.reasons import Reason
from bartizan.signers.errors import SignerError
from bartizan.signers.protocol import Signer

_CACHED_FOR: Final = timedelta(seconds=60)
"""How long the plan of a trust domain's authorities is reused while its objects stay the same: it verifies signatures."""


@dataclass(frozen=True, slots=True)
class _Cached:
    versions: tuple[str, ...]
    until: datetime
    plan: AuthorityPlan


class Certificates:
    """Decides and signs, for one policy at a time."""

    def __init__(self, world: World, signer: Signer, ledger: Ledger) -> None:
        """Read authorities from `world`, sign with `signer`, and write down in `ledger` what was signed."""
        self._world = world
        self._signer = signer
        self._ledger = ledger
        self._cache: dict[str, _Cached] = {}

    async def outcome(
        self, policy: PolicyView, secret: KubeObject | None, snapshot: Snapshot, now: datetime
    ) -> CertificateOutcome:
        """Return what becomes of the policy's certificate. `secret` is whatever bears the Secret's name.

        Raises:
            UnstableDecisionError: the decision does not accept what was signed for it.
            KubeError, NotLeaderError, LedgerBusyError: what was signed could not be written down; it is thrown away.
        """
        domain = self._world.trust_domain(policy.spec.identity.trust_domain)
        if domain is None:
            return _waiting(Reason.TRUST_DOMAIN_NOT_FOUND, _no_such(policy.spec.identity.trust_domain))
        if not isinstance(domain, TrustDomainView):
            return _waiting(Reason.AUTHORITY_NOT_READY, f"TrustDomain {domain.name}: {domain.problem}")
        authorities = self.authorities(domain, now)
        profile = leaf_profile(policy, domain, snapshot.services, snapshot.baseline)
        request = CertificateInput(
            policy=policy,
            profile=profile,
            secret=secret,
            chains=authorities.chains,
            bundle_pem=authorities.bundle_pem,
            now=now,
        )
        decision = decide(request)
        if isinstance(decision, Refuse):
            wait = SOON if decision.reason is Reason.PENDING else LOOK_AGAIN
            return _waiting(decision.reason, decision.message, look_after=wait)
        if isinstance(decision, Keep):
            observed = secret or {}
            applies = without_intruders(decision.desired, observed, manager="bartizan/certificates") or upkeep(
                decision.desired, secret, manager="bartizan/certificates"
            )
            return _kept(policy, decision, applies, profile, now)
        if authorities.signer is None:
            return _no_signer(domain, authorities)
        return await self._issued(request, decision, authorities, now)

    def authorities(self, domain: TrustDomainView, now: datetime) -> AuthorityPlan:
        """Return the authorities of a trust domain as last seen; what there is to make is not made here."""
        item = self._world.item(TRUST_DOMAIN, "", domain.name) or {"metadata": {}}
        label = authority_label(domain.name)
        secrets = [
            secret
            for secret in self._world.store.list(SECRET, namespace=self._world.release_namespace)
            if (secret["metadata"].get("labels") or {}).get(TRUST_DOMAIN_LABEL) == label
        ]
        versions = tuple(one["metadata"].get("resourceVersion", "") for one in (item, *secrets))
        cached = self._cache.get(domain.name)
        if cached and cached.versions == versions and now < cached.until:
            return cached.plan
        plan = plan_authorities(domain, secrets, item.get("status") or {}, now)
        self._cache[domain.name] = _Cached(versions, now + _CACHED_FOR, plan)
        return plan

    async def _issued(
        self, request: CertificateInput, decision: Issue, authorities: AuthorityPlan, now: datetime
    ) -> CertificateOutcome:
        policy = request.policy
        assert authorities.signer is not None  # noqa: S101 -- the caller has looked
        try:
            leaf = self._signer.sign_leaf(
                request.profile, authorities.signer, chain=authorities.chain_of(authorities.signer), now=now
            )
        except SignerError as error:
            return _waiting(Reason.AUTHORITY_NOT_READY, f"{decision.message}, but {error}")
        secret = certificate_secret(policy, leaf.chain_pem, leaf.key_pem, request.bundle_pem)
        verdict = decide(
            CertificateInput(
                policy=policy,
                profile=request.profile,
                secret=secret,
                chains=request.chains,
                bundle_pem=request.bundle_pem,
                now=now,
            )
        )
        if not isinstance(verdict, Keep):
            raise UnstableDecisionError(
                f"the certificate just issued for {policy.namespace}/{policy.name} would not be kept: {verdict.message}"
            )
        await self._ledger.record(
            LedgerRow(
                trust_domain=policy.spec.identity.trust_domain,
                serial=verdict.leaf.serial,
                authority=authorities.signer.id,
                subject=f"{policy.namespace}/{policy.account}",
                holder=policy.uid,
                not_after=verdict.leaf.not_after,
            )
        )
        apply = Apply(item=secret, manager="bartizan/certificates", force=decision.force)
        return _kept(policy, verdict, (apply,), request.profile, now)


def unreachable(namespace: str, *, settled: bool) -> CertificateOutcome:
    """Return the outcome while the Secrets of a namespace can't be read; `settled` once that is no passing state."""
    message = f"waiting for access to the Secrets of namespace {namespace}, which a RoleBinding there grants"
    return CertificateOutcome(
        observation=observed_as("False", Reason.PENDING, message), look_after=SOON, settled=settled
    )


def _kept(
    policy: PolicyView, decision: Keep, applies: tuple[Apply, ...], profile: LeafProfile, now: datetime
) -> CertificateOutcome:
    name = policy.spec.secret_name(policy.name)
    message = f"Secret {name} holds a certificate for {profile.spiffe_id}{profile.left_out}"
    return CertificateOutcome(
        observation=observed_as("True", Reason.ISSUED, message),
        applies=applies,
        status=certificate_status(decision.leaf, namespace=policy.namespace, secret_name=name),
        emitted=emitted_object(decision.desired),
        look_after=max(decision.next_renewal - now, SOON),
    )


def _waiting(reason: Reason, message: str, *, look_after: timedelta | None = LOOK_AGAIN) -> CertificateOutcome:
    return CertificateOutcome(observation=observed_as("False", reason, message), look_after=look_after)


def _no_such(name: str) -> str:
    fix = (
        "install the chart with trustDomain.create=true"
        if name == DEFAULT_NAME
        else "correct spec.identity.trustDomain"
    )
    return f"there is no TrustDomain {name}: create it, or {fix}"


def _no_signer(domain: TrustDomainView, authorities: AuthorityPlan) -> CertificateOutcome:
    if authorities.lost:
        message = f"TrustDomain {domain.name} lost an authority's key; its condition Ready says which and what to do"
        return _waiting(Reason.CA_KEY_LOST, message)
    return _waiting(Reason.AUTHORITY_NOT_READY, f"TrustDomain {domain.name} has no authority that can sign yet")
