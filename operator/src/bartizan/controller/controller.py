"""The controller's life: fill the picture, wait for the Lease, work while it is held, stop at once when it is not.

All replicas keep their picture hot and only the one that holds the Lease has workers, so that a take-over costs one pass over
keys and not a cold start.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Final

import structlog

from bartizan.api.kinds import CLUSTER_NETWORK_POLICY, NODE
from bartizan.controller.authorities import Authorities
from bartizan.controller.back_ends import BackEndSource
from bartizan.controller.certificates import Certificates
from bartizan.controller.discovery import Discovery
from bartizan.controller.errors import ControllerError, NotLeaderError
from bartizan.controller.evidence import EvidenceSource
from bartizan.controller.external import ExternalIssuance
from bartizan.controller.intake import Intake
from bartizan.controller.issuance import Turns
from bartizan.controller.issuers import signers
from bartizan.controller.keys import TIERS_KEY, Key, Subject, policy_key
from bartizan.controller.ledger import Ledger
from bartizan.controller.meter import Meter, NoMeter
from bartizan.controller.names import NameResolver, NameWatch
from bartizan.controller.order import by_urgency
from bartizan.controller.own_sources import own_sources
from bartizan.controller.place import Leadership, Place
from bartizan.controller.pod_certificates import PodCertificates
from bartizan.controller.queue import WorkQueue
from bartizan.controller.reconcile import Reconciler, RefusedError, least_wait
from bartizan.controller.sources import CertificateSecrets, EventSource
from bartizan.controller.standing import standing
from bartizan.controller.world import World
from bartizan.controller.writer import Recorder, Writer
from bartizan.core.capabilities import Capabilities
from bartizan.core.namespace import ServiceAccountRef
from bartizan.kube.api import KubeApi
from bartizan.kube.clock import Clock, SystemClock, within
from bartizan.kube.errors import KubeError
from bartizan.signers.builtin import BuiltinSigner
from bartizan.signers.errors import SignerError

_log: Final = structlog.get_logger("bartizan.controller")

FULL_PASS: Final = timedelta(minutes=10)
"""How often every key is looked at although nothing happened; it writes nothing unless something was missed."""
_FIRST_NAMES: Final = timedelta(seconds=20)
"""How long a start waits for DNS; what is not answered by then is open to nothing until it is."""
_SETTLED: Final = timedelta(seconds=1)
"""How long changes around a policy are gathered before its gaps are looked at."""


SourcesOf = Callable[[World, Intake], Sequence[EventSource]]
"""Makes the sources that bring in everything but Secrets and RoleBindings."""


class Controller:
    """Everything put together; `run` until cancelled."""

    def __init__(
        self,
        api: KubeApi,
        place: Place,
        *,
        leadership: Leadership,
        recorder: Recorder,
        sources: SourcesOf,
        clock: Clock | None = None,
        meter: Meter | None = None,
        resolver: NameResolver | None = None,
    ) -> None:
        """Build the parts; nothing is asked of the API server yet. Without `resolver` DNS names have no addresses."""
        self._clock = clock or SystemClock()
        self._meter = meter or NoMeter()
        self._leadership, self._place = leadership, place
        self.world = World(release_namespace=place.release.namespace)
        self.queue: WorkQueue[Key] = WorkQueue(self._clock)
        intake = Intake(self.world, self._enqueue)
        self._back_ends = BackEndSource(api, self.world, intake, clock=self._clock)
        around = Intake(self.world, self._enqueue_settled)
        release = place.release.namespace
        own = own_sources(api, self.world, intake, around=around, release_namespace=release, clock=self._clock)
        self._sources = (*sources(self.world, intake), *own, self._discovery(api), self._back_ends)
        self._names = self._name_watch(resolver) if resolver else None
        self._secrets = CertificateSecrets(api, self.world, intake, on_synced=self._secrets_synced, clock=self._clock)
        self._ledger = self._writing_down(api)
        writer = self._writing(api, intake, recorder)
        self._turns, self._external, self._certificates = self._certifying(api, writer)
        self._meter.stands(lambda: standing(self.world, self._ledger, self._turns, self._certificates))
        self._reconciler = self._reconciling(api, writer)
        self._synced = False
        self._work: asyncio.Task[None] | None = None
        self._ended: set[asyncio.Task[None]] = set()
        self._died: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def _discovery(self, api: KubeApi) -> Discovery:
        def tell(found: Capabilities) -> None:
            self._back_ends.tend(found)
            self._enqueue_all(self.world.capabilities_found(found))

        store, namespace = self.world.store, self._place.release.namespace
        return Discovery(api, namespace=namespace, nodes=lambda: store.list(NODE), tell=tell, clock=self._clock)

    def _name_watch(self, resolver: NameResolver) -> NameWatch:
        resolved = self.world.name_resolved
        return NameWatch(self.world, resolver, tell=lambda name: self._enqueue_all(resolved(name)), clock=self._clock)

    def _certifying(self, api: KubeApi, writer: Writer) -> tuple[Turns, ExternalIssuance, Certificates]:
        """Return who waits for a certificate, who has others sign, and who decides and signs."""
        rate, token = self._place.issuance_rate, self._place.vault_token
        turns = Turns(self._clock, lambda key: self.queue.add(policy_key(key), ahead=True), rate=rate)
        external = ExternalIssuance(signers(api, writer, self._clock, token), turns, self._meter)
        certificates = Certificates(
            self.world, BuiltinSigner(), turns=turns, ledger=self._ledger, meter=self._meter, external=external
        )
        return turns, external, certificates

    def _writing_down(self, api: KubeApi) -> Ledger:
        return Ledger(
            api,
            namespace=self._place.release.namespace,
            clock=self._clock,
            may_write=lambda: self._leadership.is_leader,
            aside=self.queue.aside,
            wrote=self._meter.wrote,
        )

    def _writing(self, api: KubeApi, intake: Intake, recorder: Recorder) -> Writer:
        leadership = self._leadership
        return Writer(
            api, recorder=recorder, may_write=lambda: leadership.is_leader, seen=intake.answered, meter=self._meter
        )

    def _reconciling(self, api: KubeApi, writer: Writer) -> Reconciler:
        release, meter = self._place.release, self._meter
        pods = PodCertificates(self.world, self._certificates, self._ledger, tell=self._enqueue_settled)
        known, own, quiet = self._secrets.known, self._place.prober, self._place.quiet
        evidence = EvidenceSource(
            self.world,
            self._ledger,
            secrets_known=known,
            more_targets=pods.targets,
            quiet=quiet,
            probed=bool(own),
        )
        return Reconciler(
            world=self.world,
            api=api,
            writer=writer,
            certificates=self._certificates,
            pods=pods,
            authorities=Authorities(api, writer, BuiltinSigner(), release, evidence=evidence, meter=meter),
            controller=ServiceAccountRef(namespace=release.namespace, name=self._place.account),
            prober=ServiceAccountRef(namespace=release.namespace, name=own) if own else None,
            proof_age=self._place.proof_age,
            secrets_known=known,
            clock=self._clock,
            meter=self._meter,
        )

    @property
    def synced(self) -> bool:
        """Whether everything there is has been brought in once."""
        return self._synced

    async def run(self) -> None:
        """Work until cancelled; the Lease is let go of at the end."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._end_with_work())
            for source in self._sources:
                group.create_task(source.run())
            for source in self._sources:
                await source.wait_synced()
            if self._names:
                # A first look before the first write: a policy must not lose addresses because nobody has asked yet.
                group.create_task(self._names.run())
                with contextlib.suppress(TimeoutError):
                    await within(self._clock, _FIRST_NAMES, self._names.wait_synced())
            self._synced = True
            self.world.floors.tell()
            _log.info("synced", keys=len(self.world.all_keys()))
            await self._lead()
            msg = "leadership ended although nobody stopped it"
            raise NotLeaderError(msg)

    async def _lead(self) -> None:
        try:
            await self._leadership.run(self._started, self._stopped)
        finally:
            self._stopped()
            await asyncio.gather(*self._ended, return_exceptions=True)
            await self._external.close()

    def _started(self) -> None:
        _log.info("leading: writing begins")
        self._meter.leads(leader=True)
        self.queue.clear()
        self.world.rollouts.press_nobody()
        self._ledger.forget()
        for key in by_urgency(self.world, self.world.all_keys()):
            self.queue.add(key)
        self._work = asyncio.create_task(self._serve())

    def _stopped(self) -> None:
        work, self._work = self._work, None
        if work is None:
            return
        _log.info("not leading: writing has ended")
        self._meter.leads(leader=False)
        work.cancel()
        self._ended.add(work)
        work.add_done_callback(self._ended.discard)
        self.queue.clear()
        self._certificates.forget()

    async def _serve(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._secrets.run())
                group.create_task(self._pass_over())
                group.create_task(self._turns.run())
                group.create_task(self.queue.serve(self.look, workers=self._place.workers))
        except Exception as error:  # noqa: BLE001 -- holding the Lease without working would be the worst of all states
            self._died.set_exception(error)

    async def _end_with_work(self) -> None:
        """End the process when the work ended by itself: whoever starts it again starts from a clean picture."""
        await self._died

    async def _pass_over(self) -> None:
        while True:
            await self._clock.sleep(FULL_PASS)
            for key in self.world.all_keys():
                self.queue.add(key)

    async def look(self, key: Key) -> None:
        """Reconcile one key; whatever goes wrong stays with it."""
        began = self._clock.monotonic()
        self._meter.queued(len(self.queue))
        try:
            again = await self._reconciler.reconcile(key)
        except NotLeaderError:
            _log.info("left to the leader", key=str(key))
            return
        except (RefusedError, ControllerError, KubeError, SignerError) as error:
            self._put_off(key, began, error=str(error), least=least_wait(error))
            return
        except Exception:  # noqa: BLE001 -- a bug with one key must not stop the others
            _log.exception("unforeseen", key=str(key))
            self._put_off(key, began, error="unforeseen, see the traceback")
            return
        self.queue.forget(key)
        if again is not None:
            self.queue.add_after(key, again, ahead=True)
        self._meter.reconciled(key.subject, "done", self._clock.monotonic() - began)

    def _put_off(self, key: Key, began: float, *, error: str, least: timedelta = timedelta(0)) -> None:
        delay = self.queue.retry(key, least=least)
        _log.warning("put off", key=str(key), error=error, wait_seconds=delay.total_seconds())
        self._meter.reconciled(key.subject, "failed", self._clock.monotonic() - began)

    def _enqueue_all(self, keys: Iterable[Key]) -> None:
        for key in by_urgency(self.world, keys):
            self._enqueue(key)

    def _enqueue(self, key: Key) -> None:
        if key.subject is Subject.NAMESPACE:
            self._secrets.tend()
        if key.subject in {Subject.NAMESPACE, Subject.POLICY} and self._names:
            self._names.tend()
        if key.subject in {Subject.NAMESPACE, Subject.POLICY} and self._back_ends.follows(CLUSTER_NETWORK_POLICY):
            self._enqueue(TIERS_KEY)
        if self._work is not None:
            self.queue.add(key, ahead=key.subject is Subject.POD_CERTIFICATE or self.world.rollouts.presses(key))
            self._meter.queued(len(self.queue))

    def _enqueue_settled(self, key: Key) -> None:
        """Queue what pods or Ingresses changed for, once for all that changes within the pause: rollouts come in bursts."""
        if self._work is not None:
            self.queue.add_after(key, _SETTLED)

    def _secrets_synced(self, namespace: str) -> None:
        mine = (policy_key(key) for key in self.world.snapshot().policies if key[0] == namespace)
        for key in by_urgency(self.world, mine):
            self.queue.add(key)
