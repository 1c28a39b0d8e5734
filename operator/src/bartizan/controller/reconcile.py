"""Reconcile: observe, plan, apply, for one key at a time.

Nothing that goes wrong with one key reaches another: what the API server refuses becomes a condition and a later try, and what
nobody foresaw is logged with its traceback and tried later as well.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog

from bartizan.api.kinds import NETWORK_POLICY, POLICY, POLICY_INDEX, ROLE, ROLE_BINDING, SECRET, TRUST_DOMAIN, Kind
from bartizan.api.names import INDEX_NAME, KubeObject, api_access_name, network_policy_name
from bartizan.controller.authorities import Authorities, plan_unreadable
from bartizan.controller.beside import Beside
from bartizan.controller.certificates import ACCESS_PATIENCE, Certificates, unreachable
from bartizan.controller.gathered import around, isolation, isolation_taken, reports, strays, surroundings
from bartizan.controller.keys import Key, Subject
from bartizan.controller.meter import Meter
from bartizan.controller.pod_certificates import PodCertificates
from bartizan.controller.served import Served
from bartizan.controller.world import World
from bartizan.controller.writer import Writer
from bartizan.core.access import AccessObserved
from bartizan.core.echo import final
from bartizan.core.isolation import PolicyObserved
from bartizan.core.model import InvalidPolicy, ObjectRef, PolicyKey, PolicyView, Snapshot
from bartizan.core.namespace import ACCESS_NAME, PROBES_NAME, NamespaceObserved, ServiceAccountRef, plan_namespace
from bartizan.core.network.api_server import granted
from bartizan.core.network.rollout import PATIENCE
from bartizan.core.ownership import is_ours
from bartizan.core.pki.delivery import Delivery, delivery_of
from bartizan.core.pki.external.said import plan_external_domain
from bartizan.core.plan import Plan
from bartizan.core.posture import CertificateOutcome, plan_failure, plan_policy
from bartizan.core.reasons import Mode, Reason
from bartizan.core.views import Unreadable
from bartizan.kube.api import KubeApi
from bartizan.kube.clock import Clock
from bartizan.kube.errors import ConflictError, ForbiddenError, InvalidError, KubeError, NotFoundError

_log: Final = structlog.get_logger("bartizan.reconcile")
_IN_VAIN: Final = timedelta(seconds=1)
"""Where the back-off begins after a refusal that the next try meets as well unless somebody changes something."""
_TERMINATING: Final = "NamespaceTerminating"


class RefusedError(Exception):
    """The API server refused part of a plan; the key is tried again."""

    def __init__(self, errors: tuple[KubeError, ...]) -> None:
        """Say all of it in one sentence."""
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = errors

    @property
    def final(self) -> bool:
        """Whether asking again the same way is in vain: something else has to change first."""
        return any(isinstance(error, ForbiddenError | InvalidError) for error in self.errors)


def least_wait(error: Exception) -> timedelta:
    """Return how long the next try waits at least: what the API server asked for, and longer where it would be in vain."""
    refusals = error.errors if isinstance(error, RefusedError) else (error,)
    asked = [one.retry_after for one in refusals if isinstance(one, KubeError) and one.retry_after]
    final = isinstance(error, RefusedError) and error.final
    return max([*asked, _IN_VAIN if final else timedelta(0)])


class Reconciler:
    """Knows how to look at each kind of key."""

    def __init__(
        self,
        *,
        world: World,
        api: KubeApi,
        writer: Writer,
        certificates: Certificates,
        pods: PodCertificates,
        authorities: Authorities,
        controller: ServiceAccountRef,
        prober: ServiceAccountRef | None,
        proof_age: timedelta,
        secrets_known: Callable[[str], bool],
        clock: Clock,
        meter: Meter,
    ) -> None:
        """`secrets_known(namespace)` says whether the Secrets of a namespace can be read and have been."""
        self._world = world
        self._api = api
        self._writer = writer
        self._certificates = certificates
        self._pods = pods
        self._authorities = authorities
        self._controller = controller
        self._prober = prober
        self._proof_age = proof_age
        self._secrets_known = secrets_known
        self._clock = clock
        self._meter = meter
        self._beside = Beside(world, self._found)
        self._served = Served(world, certificates, writer, clock, probed=prober is not None)
        self._waiting_since: dict[str, datetime] = {}
        self._patient_since: dict[PolicyKey, datetime] = {}

    async def reconcile(self, key: Key) -> timedelta | None:
        """Look at `key` and do what is to be done; return when to look again if nothing happens before.

        Raises:
            RefusedError: the API server refused a write.
            NotLeaderError: the Lease is lost.
            KubeError: the API server could not be asked.
        """
        now = self._clock.now()
        plan = await self._plan(key, now)
        errors = tuple(error for error in await self._carry_out(key, plan, now) if not _moot(error))
        if not errors:
            await self._served.act((key.namespace, key.name))
            return plan.requeue_after
        await self._say_refused(key, errors, now)
        raise RefusedError(errors)

    async def _carry_out(self, key: Key, plan: Plan, now: datetime) -> tuple[KubeError, ...]:
        """Carry the plan out; while it is under way, others count with both what it writes and what stood before."""
        if key.subject is not Subject.POLICY:
            return await self._writer.carry_out(plan)
        where = (key.namespace, key.name)
        rollouts = self._world.rollouts
        rollouts.waits(where, plan.waits_for)
        if plan.waits_for:
            self._patient_since.setdefault(where, now)
        else:
            self._patient_since.pop(where, None)
        rollouts.begins(where, plan)
        try:
            errors = await self._writer.carry_out(
                plan, by=key if final(plan) and self._served.indifferent(where) else None
            )
        finally:
            rollouts.ends(where)
        if not errors:
            self._certificates.written(plan)
        if not errors and not plan.waits_for:
            rollouts.settled(where)
        return errors

    async def _plan(self, key: Key, now: datetime) -> Plan:
        match key.subject:
            case Subject.POLICY:
                return await self._plan_policy(key, now)
            case Subject.NAMESPACE:
                return self._plan_namespace(key)
            case Subject.TRUST_DOMAIN:
                return await self._plan_trust_domain(key, now)
            case Subject.SERVING:
                return await self._authorities.plan_serving(now)
            case Subject.TIERS:
                return await self._beside.plan_tiers(now)
            case Subject.POD_CERTIFICATE:
                return await self._pods.plan(key, now)

    async def _plan_policy(self, key: Key, now: datetime) -> Plan:
        policy = self._world.policy((key.namespace, key.name))
        item = self._world.item(POLICY, key.namespace, key.name)
        if policy is None or item is None:
            self._meter.policy((key.namespace, key.name), None)
            self._certificates.dropped((key.namespace, key.name))
            return Plan()
        snapshot = self._world.snapshot()
        governed = snapshot.mode(key.namespace) is not Mode.NOT_GOVERNED
        certificate = None
        if isinstance(policy, PolicyView) and governed:
            certificate = await self._certificate(policy, snapshot, now)
            if self._world.policy(policy.key) is not policy:
                return Plan()  # it changed while its certificate was written down, and is queued again for that
            certificate = self._served.judged(policy, item, certificate, snapshot.mode(key.namespace), now)
        # The picture holds every NetworkPolicy of the cluster, whoever made it.
        network_policy = self._world.item(NETWORK_POLICY, key.namespace, network_policy_name(key.name))
        observed = PolicyObserved(
            item=item,
            network_policy=network_policy,
            isolation=isolation(self._world, key.namespace),
            isolation_taken=isolation_taken(self._world, key.namespace),
            index=self._world.item(POLICY_INDEX, key.namespace, INDEX_NAME),
            access=await self._access(policy, look=governed),
            strays=strays(self._world, policy),
            surroundings=surroundings(self._world, policy),
            reports=reports(self._world, policy),
            proof_age=self._proof_age,
            cilium=await self._beside.cilium(policy, snapshot, look=governed),
            around=around(self._world, policy, network_policy),
            in_flight=self._world.rollouts.in_flight((key.namespace, key.name)),
            patient=now - self._patient_since.get((key.namespace, key.name), now) < PATIENCE,
        )
        plan = plan_policy(policy, snapshot=self._world.snapshot(), observed=observed, certificate=certificate, now=now)
        self._measure(key, plan.status.item["status"] if plan.status else item.get("status") or {}, certificate)
        return plan

    async def _certificate(self, policy: PolicyView, snapshot: Snapshot, now: datetime) -> CertificateOutcome:
        if not self._secrets_known(policy.namespace):
            since = self._waiting_since.setdefault(policy.namespace, now)
            return unreachable(policy.namespace, settled=now - since >= ACCESS_PATIENCE)
        self._waiting_since.pop(policy.namespace, None)
        chosen, name = delivery_of(policy, snapshot), policy.spec.secret_name(policy.name)
        in_secret = chosen.delivery is Delivery.SECRET
        outcome = None
        if in_secret or self._world.mounted.refers(policy.namespace, name):
            find = partial(self._found, SECRET, policy.namespace, name)
            secret = self._world.item(SECRET, policy.namespace, name)
            outcome = await self._certificates.outcome(policy, secret, snapshot, now, find=find)
        return outcome if in_secret and outcome else await self._pods.outcome(policy, chosen, outcome, snapshot, now)

    def _plan_namespace(self, key: Key) -> Plan:
        snapshot = self._world.snapshot()
        namespace = snapshot.namespaces.get(key.name)
        if namespace is None:
            return Plan()
        observed = NamespaceObserved(
            index=self._world.item(POLICY_INDEX, key.name, INDEX_NAME),
            isolation=isolation(self._world, key.name),
            access=self._world.item(ROLE_BINDING, key.name, ACCESS_NAME),
            probes=self._world.item(ROLE_BINDING, key.name, PROBES_NAME),
            network_policies=frozenset(
                item["metadata"]["name"]
                for item in self._world.store.list(NETWORK_POLICY, namespace=key.name)
                if is_ours(item)
            ),
        )
        return plan_namespace(
            namespace, snapshot=snapshot, observed=observed, controller=self._controller, prober=self._prober
        )

    async def _plan_trust_domain(self, key: Key, now: datetime) -> Plan:
        domain = self._world.trust_domain(key.name)
        item = self._world.item(TRUST_DOMAIN, "", key.name)
        if domain is None or item is None or "deletionTimestamp" in item["metadata"]:
            return Plan()
        if isinstance(domain, Unreadable):
            return plan_unreadable(domain, item, now)
        if domain.spec.external:
            return plan_external_domain(domain, item, now)
        return self._pods.with_bundle(await self._authorities.plan(domain, now), domain, now)

    async def _found(self, kind: Kind, namespace: str, name: str, *, look: bool = True) -> KubeObject | None:
        """Return the object of that name, asking the API server where the picture has none.

        Of most kinds the picture holds what bears our label; somebody else's object under our name is only found by asking.
        """
        known = self._world.item(kind, namespace, name)
        if known or not look:
            return known
        try:
            return await self._api.get(
                ObjectRef(api_version=kind.api_version, kind=kind.kind, namespace=namespace, name=name)
            )
        except NotFoundError:
            return None

    async def _access(self, policy: PolicyView | InvalidPolicy, *, look: bool) -> AccessObserved:
        """Return the Role and RoleBinding of the policy's name; the API server is asked only where some are to be written."""
        name = api_access_name(policy.name)
        look = look and isinstance(policy, PolicyView) and bool(granted(policy, self._clock.now()))
        return AccessObserved(
            role=await self._found(ROLE, policy.namespace, name, look=look),
            binding=await self._found(ROLE_BINDING, policy.namespace, name, look=look),
        )

    async def _say_refused(self, key: Key, errors: tuple[KubeError, ...], now: datetime) -> None:
        """Tell the policy's owner what was refused, unless it is only the API server being away."""
        final = [error for error in errors if isinstance(error, ForbiddenError | InvalidError | ConflictError)]
        policy = self._world.policy((key.namespace, key.name))
        item = self._world.item(POLICY, key.namespace, key.name)
        if key.subject is not Subject.POLICY or not final or policy is None or item is None:
            return
        reason = Reason.FIELD_CONFLICT if isinstance(final[0], ConflictError) else Reason.RECONCILE_FAILED
        message = f"{final[0]}; tried again later"
        refused = await self._writer.carry_out(plan_failure(policy, item, message, reason=reason, now=now))
        for error in refused:
            _log.warning("status not written", key=str(key), error=str(error))

    def _measure(self, key: Key, status: KubeObject, certificate: CertificateOutcome | None) -> None:
        ready = next((one["status"] for one in status.get("conditions") or () if one["type"] == "Ready"), "Unknown")
        where = (key.namespace, key.name)
        self._meter.policy(where, {"mode": status.get("mode", ""), "ready": ready})
        self._meter.conditions(
            where, [(one["type"], one["reason"]) for one in status.get("conditions") or () if one["status"] == "False"]
        )
        held = certificate.status if certificate else None
        self._meter.certificate(where, held.not_after if held else None, held.next_renewal if held else None)


def _moot(error: KubeError) -> bool:
    """Whether the refusal needs no second try: what was to be written to is going or gone."""
    terminating = any(cause.reason == _TERMINATING for cause in error.causes)
    return terminating or isinstance(error, NotFoundError)
