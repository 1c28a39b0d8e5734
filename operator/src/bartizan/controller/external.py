"""Certificates that somebody else signs: asked for here, looked at again later, published when they are right.

Nothing here waits. A look at a policy asks, or looks at what was asked before, and says when to look again; what is to be done
is decided in `bartizan.core.pki.external`. Keys of open requests are in this object's memory and nowhere else: after a restart,
or a change of who writes, the new writer removes the old request and makes its own.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import Issuer
from bartizan.controller.contests import Contests
from bartizan.controller.issuance import Turns
from bartizan.controller.issued import tell_issued
from bartizan.controller.meter import External, Meter
from bartizan.controller.outcomes import kept, waiting
from bartizan.controller.upholding import MANAGER, put_back, upheld
from bartizan.core.emit import fingerprint
from bartizan.core.model import PolicyKey, PolicyView, Snapshot, TrustDomainView
from bartizan.core.observations import certificate as observed_as
from bartizan.core.pki.decide import CertificateInput, Issue, Keep, Refuse, usable_until
from bartizan.core.pki.external.accept import Broken, Rule, accept
from bartizan.core.pki.external.asking import Failed, Signed, SigningRequest
from bartizan.core.pki.external.roots import read_roots
from bartizan.core.pki.external.said import spoken_of
from bartizan.core.pki.external.standing import Standing, decide_external
from bartizan.core.pki.external.step import (
    Ask,
    Attempt,
    GiveUp,
    Publish,
    Step,
    Wait,
    after_polling,
    before_polling,
    failed,
)
from bartizan.core.pki.pem import to_pem
from bartizan.core.pki.profile import leaf_profile
from bartizan.core.pki.secret import certificate_secret
from bartizan.core.plan import LOOK_AGAIN, SOON, Apply
from bartizan.core.posture import CertificateOutcome
from bartizan.core.reasons import Reason
from bartizan.kube.errors import KubeError
from bartizan.signers.errors import RemoteSignerError
from bartizan.signers.protocol import RemoteSigner
from bartizan.signers.requests import signing_request

_log: Final = structlog.get_logger("bartizan.external")
_RESULTS: Final[dict[Reason, External]] = {
    Reason.ISSUER_DENIED: "denied",
    Reason.ISSUED_CERTIFICATE_REFUSED: "refused",
}
_NEEDS_A_PERSON: Final = frozenset(_RESULTS)
"""What makes CertificateReady False even while the present certificate is good: time alone does not mend it."""


class ExternalIssuance:
    """One open request per policy at most."""

    def __init__(self, signer_of: Callable[[Issuer], RemoteSigner], turns: Turns, meter: Meter) -> None:
        """`signer_of` makes who is asked, once for each issuer as written; `turns` says when there is budget to ask."""
        self._signer_of = signer_of
        self._turns = turns
        self._meter = meter
        self.contests = Contests()
        self._signers: dict[str, RemoteSigner] = {}
        self._attempts: dict[PolicyKey, Attempt] = {}

    async def outcome(
        self, policy: PolicyView, domain: TrustDomainView, secret: KubeObject | None, snapshot: Snapshot, now: datetime
    ) -> CertificateOutcome:
        """Return what becomes of the certificate of a policy whose trust `domain` is an external one.

        Raises:
            NotLeaderError: the Lease is lost.
        """
        roots = read_roots(domain.spec.bundle, now)
        if not roots.certificates:
            problem = roots.problem or "spec.bundle is missing"
            return waiting(Reason.AUTHORITY_NOT_READY, f"TrustDomain {domain.name}: {problem}")
        profile = leaf_profile(policy, domain, snapshot.services, snapshot.baseline)
        standing = Standing(policy=policy, profile=profile, secret=secret, roots=roots, now=now)
        decision = decide_external(standing)
        if isinstance(decision, Refuse):
            wait = SOON if decision.reason is Reason.PENDING else LOOK_AGAIN
            return waiting(decision.reason, decision.message, look_after=wait)
        if isinstance(decision, Keep):
            self.dropped(policy.key)
            return upheld(self.contests, _request(standing), decision)
        back = put_back(
            self.contests,
            _request(standing),
            decision,
            lambda spoilt: decide_external(replace(standing, secret=spoilt)),
        )
        return back or await self._renewed(standing, domain, decision)

    async def _renewed(self, standing: Standing, domain: TrustDomainView, decision: Issue) -> CertificateOutcome:
        step = await self._pursue(standing, domain, decision)
        if not isinstance(step, Publish):
            return self._told(standing, step)
        secret = _secret(standing, step)
        published = decide_external(replace(standing, secret=secret))
        assert isinstance(published, Keep)  # noqa: S101 -- looked at before it was to be published
        self._meter.external(domain.spec.issuer.kind, "issued")
        self._meter.issued(decision.reason)
        tell_issued(standing.policy, published.leaf, decision.reason)
        apply = Apply(item=secret, manager=MANAGER, force=decision.force)
        outcome = kept(_request(standing), published, (apply,))
        return self.contests.repaired(standing.policy, secret, outcome, standing.now)

    def dropped(self, policy: PolicyKey) -> None:
        """Forget a policy that is gone or has what it needs, and the key of its open request with it."""
        self._attempts.pop(policy, None)
        self._turns.drop(policy)

    def forget(self) -> None:
        """Forget every open request: another replica has written meanwhile, and removed them."""
        self._attempts.clear()

    async def close(self) -> None:
        """Forget everything and let go of connections."""
        signers = list(self._signers.values())
        self.forget()
        self._signers.clear()
        for signer in signers:
            await signer.close()

    async def _pursue(self, standing: Standing, domain: TrustDomainView, decision: Issue) -> Step:
        """Ask, or look at what was asked, and return what is to be told or done then."""
        policy, now = standing.policy, standing.now
        issuer = domain.spec.issuer
        asked_for = _asked_for(standing, domain)
        attempt = self._attempts.get(policy.key)
        if attempt and attempt.request and _published(standing, attempt.request):
            del self._attempts[policy.key]
            attempt = None
        step = before_polling(attempt, asked_for, now)
        if step is None and attempt is not None:
            step = await self._looked_at(standing, issuer, attempt)
        if isinstance(step, Ask) and not self._turns.take(policy.key, usable_until(decision)):
            step = Wait(
                "it waits for its turn: BARTIZAN_ISSUANCE_RATE limits how many are asked for a second", LOOK_AGAIN
            )
        if isinstance(step, Ask):
            step = await self._ask(standing, issuer, asked_for, step.failures)
        if isinstance(step, GiveUp):
            self._remember(standing, issuer, step)
        assert step is not None  # noqa: S101 -- without an attempt there is always something to do
        return step

    def _told(self, standing: Standing, step: Step) -> CertificateOutcome:
        """Return the outcome while nothing is published; a certificate that is only due stays in use and is kept in order."""
        reason, message, look_after = _words(step)
        present = decide_external(standing, due=False)
        if not isinstance(present, Keep):
            return waiting(reason, message, look_after=look_after)
        outcome = upheld(self.contests, _request(standing), present)
        ends = f"the present certificate ends {present.leaf.not_after:%Y-%m-%dT%H:%M:%SZ}"
        if reason in _NEEDS_A_PERSON:
            observation = observed_as("False", reason, f"{message}; {ends}")
        else:
            observation = observed_as(
                "True", Reason.ISSUED, f"{outcome.observation.message}; {ends}, renewal: {message}"
            )
        return replace(outcome, observation=observation, look_after=look_after)

    async def _ask(self, standing: Standing, issuer: Issuer, asked_for: str, failures: int) -> Step:
        policy = standing.policy
        request = signing_request(policy, standing.profile)
        attempt = Attempt(asked_for=asked_for, asked_at=standing.now, request=request, failures=failures)
        self._attempts[policy.key] = attempt
        try:
            await self._signer(issuer).ask(policy, request)
        except RemoteSignerError as error:
            return failed(attempt, Failed(Reason.ISSUER_FAILED, str(error)), standing.now)
        self._meter.external(issuer.kind, "asked")
        return Wait(f"{spoken_of(issuer)} was asked just now", SOON)

    async def _looked_at(self, standing: Standing, issuer: Issuer, attempt: Attempt) -> Step:
        """Look at the open request; what was signed is judged before anything else is done with it."""
        request = attempt.request
        assert request is not None  # noqa: S101 -- only an open request is looked at
        try:
            answer = await self._signer(issuer).poll(request)
        except KubeError as error:
            return Wait(f"the request cannot be looked at: {error}", LOOK_AGAIN)
        if not isinstance(answer, Signed):
            return after_polling(attempt, answer, standing.now)
        step = after_polling(attempt, accept(answer.chain_pem, request.key_pem.encode(), standing.wanted), standing.now)
        if not isinstance(step, Publish):
            return step
        verdict = decide_external(replace(standing, secret=_secret(standing, step)))
        if isinstance(verdict, Keep):
            return step
        # It breaks no rule and would be renewed at once all the same, such as one that began long ago.
        return after_polling(attempt, Broken(Rule.VALIDITY, verdict.message), standing.now)

    def _remember(self, standing: Standing, issuer: Issuer, step: GiveUp) -> None:
        self._attempts[standing.policy.key] = step.attempt
        failure = step.attempt.failed
        if not step.news or failure is None:
            return
        self._meter.external(issuer.kind, _RESULTS.get(failure.reason, "failed"))
        where = f"{standing.policy.namespace}/{standing.policy.name}"
        _log.warning("not issued", policy=where, issuer=issuer.kind, reason=failure.reason.value, error=failure.message)

    def _signer(self, issuer: Issuer) -> RemoteSigner:
        key = fingerprint(issuer.model_dump(mode="json", by_alias=True, exclude_none=True))
        if key not in self._signers:
            self._signers[key] = self._signer_of(issuer)
        return self._signers[key]


def _asked_for(standing: Standing, domain: TrustDomainView) -> str:
    """Return a fingerprint of what is asked and of whom: when it changes, a request that is open is of no use any more."""
    profile = standing.profile
    return fingerprint(
        [
            standing.policy.uid,
            profile.spiffe_id,
            list(profile.dns_names),
            profile.common_name,
            profile.key_algorithm,
            profile.lifetime.total_seconds(),
            domain.uid,
            domain.generation,
        ]
    )


def _request(standing: Standing) -> CertificateInput:
    """Return the question as the built-in issuer's decisions have it, for what is said of the answer."""
    bundle_pem, secret = standing.roots.pem, standing.secret
    return CertificateInput(
        policy=standing.policy,
        profile=standing.profile,
        secret=secret,
        chains=(),
        bundle_pem=bundle_pem,
        now=standing.now,
    )


def _published(standing: Standing, request: SigningRequest) -> bool:
    """Whether the certificate of that request is in the Secret already, so that another one is due."""
    present = decide_external(standing, due=False)
    return isinstance(present, Keep) and present.leaf.key_pem == request.key_pem.encode()


def _secret(standing: Standing, step: Publish) -> KubeObject:
    chain_pem = to_pem(step.accepted.chain)
    return certificate_secret(standing.policy, chain_pem, step.key_pem, standing.roots.pem)


def _words(step: Step) -> tuple[Reason, str, timedelta]:
    if isinstance(step, Wait):
        return Reason.PENDING, step.message, step.look_after
    assert isinstance(step, GiveUp)  # noqa: S101 -- the other steps were carried out
    failure, again = step.attempt.failed, step.attempt.again_at
    assert failure is not None  # noqa: S101 -- giving up has a reason
    assert again is not None  # noqa: S101 -- and an end
    return failure.reason, f"{failure.message}; asked again {again:%Y-%m-%dT%H:%M:%SZ}", step.look_after
