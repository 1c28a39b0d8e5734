"""What the pods of each policy serve, gathered for the one decision about it; and the evictions that follow from it.

An eviction is not part of a plan's writes: it may be refused for as long as a PodDisruptionBudget wants, and nothing else of
the policy may wait for that. It is done after the status has said which pod was chosen, by the leader only, and over the whole
cluster no faster than one in a second: a rotation makes every policy want restarts at once.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import structlog
from pydantic import ValidationError

from bartizan.api.kinds import POD, SECRET
from bartizan.api.names import KubeObject, signer_name
from bartizan.api.v1alpha1 import EdgeStatus, Restarted
from bartizan.controller.certificates import Certificates
from bartizan.controller.mounted import SignedFor
from bartizan.controller.world import World
from bartizan.controller.writer import Writer
from bartizan.core.model import PolicyKey, PolicyView, TrustDomainView
from bartizan.core.pki.cut_off import CutOff, cut_off, said_of
from bartizan.core.posture import CertificateOutcome
from bartizan.core.reasons import Mode
from bartizan.core.restarts import Evict
from bartizan.core.served.issued import Issued, IssuedLeaf, issued_in
from bartizan.core.served.judge import ServedInput, judge_served, observers
from bartizan.core.served.leaf import own_key_id
from bartizan.core.served.pods import pods_of, with_own
from bartizan.kube.clock import Clock
from bartizan.kube.errors import KubeError, TooManyRequestsError

_log: Final = structlog.get_logger("bartizan.served")
_PACE: Final = timedelta(seconds=1)
"""Between two evictions, whichever policies they are for."""
_BUDGET: Final = "DisruptionBudget"
"""The cause that the API server names when a PodDisruptionBudget refuses (k8s.io/api policy/v1)."""


class Served:
    """Judges what is served, one policy at a time, and evicts."""

    def __init__(
        self,
        world: World,
        certificates: Certificates,
        writer: Writer,
        clock: Clock,
        *,
        probed: bool,
    ) -> None:
        """Gather from `world` and `certificates`, write through `writer`; `probed` says whether there is a prober."""
        self._world = world
        self._certificates = certificates
        self._writer = writer
        self._clock = clock
        self._probed = probed
        self._chosen: dict[PolicyKey, Evict] = {}
        self._refused: dict[PolicyKey, tuple[str, str]] = {}
        self._next = 0.0

    def judged(
        self, policy: PolicyView, item: KubeObject, certificate: CertificateOutcome, mode: Mode, now: datetime
    ) -> CertificateOutcome:
        """Return the outcome with what is said of serving it; `act` evicts what is chosen with it."""
        self._chosen.pop(policy.key, None)
        if not certificate.settled:
            return certificate
        seen = self._seen(policy, item, certificate, mode, now)
        found, status = judge_served(seen), certificate.status
        held = [pod.name for pod in seen.pods if pod.uid in seen.cut_off.uids]
        if status is not None:
            if found.step.evict and not certificate.applies:
                self._chosen[policy.key] = found.step.evict
            pods = with_own(found.pods, status.pods)
            status = status.model_copy(update={"pods": pods, "restarted": found.step.restarted})
        waits = [wait for wait in (certificate.look_after, found.look_after) if wait is not None]
        return replace(
            certificate,
            observation=said_of(
                certificate.observation, seen.cut_off, held, total=len(seen.pods), steps=found.step.words
            ),
            status=status,
            beside=(found.observation,),
            look_after=min(waits, default=None),
        )

    def _seen(
        self, policy: PolicyView, item: KubeObject, certificate: CertificateOutcome, mode: Mode, now: datetime
    ) -> ServedInput:
        said = item.get("status") or {}
        edges = _edges(said)
        gone = self._cut_off(policy, now)
        # Where nothing can be seen and nothing is replaced, pods and certificates need not be read either.
        idle = not self._follows(policy) and not gone.uids
        pods = () if idle else pods_of(policy, self._world.store.list(POD, namespace=policy.namespace))
        last = _restarted(said)
        uid, words = self._refused.get(policy.key, ("", ""))
        by = observers(policy, edges)
        return ServedInput(
            policy=policy,
            mode=mode,
            probed=self._probed,
            edges=edges,
            issued=Issued() if idle else self._issued(policy, certificate, now),
            pods=pods,
            sightings=self._world.probed.sightings(policy.key, by=by, uids={pod.uid for pod in pods}, now=now),
            last=last,
            refused=words if last and last.uid == uid else "",
            cut_off=gone,
            now=now,
        )

    def indifferent(self, key: PolicyKey) -> bool:
        """Whether nothing is to be done about the policy's pods once a new certificate is in its Secret."""
        policy = self._world.policy(key)
        if not isinstance(policy, PolicyView) or self._follows(policy):
            return False
        return not self._world.mounted.certificates(key, signer_name(policy.spec.identity.trust_domain))

    def _follows(self, policy: PolicyView) -> bool:
        """Whether what its pods do with a new certificate is looked at, or they are replaced for it."""
        return self._probed or policy.spec.mtls.on_rotation.strategy == "Restart"

    def _cut_off(self, policy: PolicyView, now: datetime) -> CutOff:
        """Return whose own certificate nobody accepts any more; one that has ended does not count."""
        domain = self._world.trust_domain(policy.spec.identity.trust_domain)
        own = self._world.mounted.certificates(policy.key, signer_name(policy.spec.identity.trust_domain))
        known = {uid: one.authority for uid, one in own.items() if one and one.ends > now}
        if not known or not isinstance(domain, TrustDomainView):
            return CutOff()
        return cut_off(domain, self._certificates.authorities(domain, now), known)

    def _issued(self, policy: PolicyView, certificate: CertificateOutcome, now: datetime) -> Issued:
        """Return what is there to be loaded, as it was read back: what is being written now counts the next time."""
        secret = self._world.item(SECRET, policy.namespace, policy.spec.secret_name(policy.name))
        shared = issued_in(secret, now=now) if certificate.status else None
        domain = self._world.trust_domain(policy.spec.identity.trust_domain)
        known = self._certificates.authorities(domain, now).issuing if isinstance(domain, TrustDomainView) else ()
        keys = {one.id: own_key_id(one.certificate) for one in known}
        own = self._world.mounted.certificates(policy.key, signer_name(policy.spec.identity.trust_domain))
        longest = self._world.snapshot().baseline.mtls.max_lifetime
        leaves = own_leaves(own, keys, lifetime=min(policy.spec.mtls.lifetime, longest), now=now)
        return Issued(shared=shared, own=leaves, authorities=frozenset(keys.values()))

    async def act(self, key: PolicyKey) -> None:
        """Evict what was chosen with what has been said now, if it is not too soon after the last eviction of all.

        What the API server says against it is told in the policy's condition the next time, which comes soon anyway.

        Raises:
            NotLeaderError: the Lease is lost.
        """
        evict, moment = self._chosen.pop(key, None), self._clock.monotonic()
        if evict is None or moment < self._next:
            return
        self._next = moment + _PACE.total_seconds()
        try:
            await self._writer.evict(evict)
        except KubeError as error:
            self._refused[key] = (evict.uid, _why(error))
            _log.info("not evicted", policy="/".join(key), pod=evict.ref.name, error=str(error))
        else:
            self._refused.pop(key, None)
            _log.info("evicted", policy="/".join(key), pod=evict.ref.name)


def own_leaves(
    found: Mapping[str, SignedFor | None], keys: Mapping[str, str], *, lifetime: timedelta, now: datetime
) -> Mapping[str, IssuedLeaf | None]:
    """Return by uid the certificates that pods got for themselves; None: it got one, and nobody remembers which.

    `keys` says what certificates call an authority. Where only the ledger tells of a certificate, it was there a lifetime
    before its end.
    """
    return {uid: _own_leaf(one, keys, lifetime, now) if one else None for uid, one in found.items()}


def _own_leaf(found: SignedFor, keys: Mapping[str, str], lifetime: timedelta, now: datetime) -> IssuedLeaf:
    since = min(found.since or found.ends - lifetime, now)
    return IssuedLeaf(authority=keys.get(found.authority, ""), not_after=found.ends, since=since)


def _why(error: KubeError) -> str:
    """Return why a pod was not evicted, in words that stay the same while the reason does."""
    if isinstance(error, TooManyRequestsError):
        if any(cause.reason == _BUDGET for cause in error.causes):
            return "its PodDisruptionBudget allows no eviction now"
        return "the API server asks for patience"
    return f"{error.code} {error.reason}"


def _edges(status: KubeObject) -> tuple[EdgeStatus, ...]:
    found = []
    for entry in status.get("edges") or ():
        try:
            found.append(EdgeStatus.model_validate(entry))
        except ValidationError:
            continue
    return tuple(found)


def _restarted(status: KubeObject) -> Restarted | None:
    try:
        return Restarted.model_validate((status.get("certificate") or {}).get("restarted"))
    except ValidationError:
        return None
