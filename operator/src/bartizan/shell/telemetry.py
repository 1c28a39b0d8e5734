"""What the controller tells about itself: Prometheus metrics, and whether it is alive and ready.

Names are API (`docs/reference/metrics.md` lists them, a test compares). No label holds a value that a user could make without
bound, other than policies' own names, whose number the cluster limits.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge, Histogram, disable_created_metrics
from prometheus_client import Counter as Count
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from bartizan.controller.meter import External, IssueFailure, Result
from bartizan.core.model import PolicyKey
from bartizan.core.pki.standing import Standing
from bartizan.shell.pki_telemetry import CertificateMetrics
from bartizan.shell.settings import Address

EXTERNAL_ISSUERS: Final = ("certManager", "vaultPKI", "csrSigner")
_SECONDS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class PrometheusMeter:
    """The controller's `Meter` that Prometheus can read."""

    def __init__(self) -> None:
        """Register every metric in a registry of its own."""
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        made = self.registry
        self._reconciles = Count("bartizan_reconcile", "Keys looked at.", ["kind", "result"], registry=made)
        self._durations = Histogram(
            "bartizan_reconcile_duration_seconds", "How long one look takes.", ["kind"], buckets=_SECONDS, registry=made
        )
        self._depth = Gauge("bartizan_queue_depth", "Keys that wait to be looked at.", registry=made)
        self._writes = Count("bartizan_writes", "Writes the API server took.", ["kind", "manager"], registry=made)
        self._policies = Gauge("bartizan_policies", "Policies by mode and readiness.", ["mode", "ready"], registry=made)
        self._false = Gauge(
            "bartizan_policy_conditions_false",
            "Policies of which a condition is False, by its reason.",
            ["condition", "reason"],
            registry=made,
        )
        self._certificates = CertificateMetrics(made)
        self._external = Count(
            "bartizan_issuer_requests", "Requests to external issuers.", ["issuer", "result"], registry=made
        )
        for issuer in EXTERNAL_ISSUERS:  # an alert on an increase does not see a series that begins at one
            self._external.labels(issuer, "refused")
        self._leader = Gauge("bartizan_leader", "1 if this replica writes, else 0.", registry=made)
        self._webhook_authority = Gauge(
            "bartizan_webhook_authority_present",
            "1 if the webhook's authority can be read, else 0; from the replica that writes.",
            registry=made,
        )
        self._states: dict[PolicyKey, tuple[str, str]] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._failing: dict[PolicyKey, frozenset[tuple[str, str]]] = {}
        self._failures: Counter[tuple[str, str]] = Counter()

    def reconciled(self, subject: str, result: Result, seconds: float) -> None:
        """Count one look at a key."""
        self._reconciles.labels(subject, result).inc()
        self._durations.labels(subject).observe(seconds)

    def wrote(self, kind: str, manager: str) -> None:
        """Count one write."""
        self._writes.labels(kind, manager).inc()

    def queued(self, depth: int) -> None:
        """Note the queue's depth."""
        self._depth.set(depth)

    def leads(self, *, leader: bool) -> None:
        """Note who writes; a replica that does not has nothing to say about policies."""
        self._leader.set(leader)
        self._certificates.standing.leading = leader
        if not leader:
            self._webhook_authority.set(0)
            for key in list(self._states):
                self.policy(key, None)

    def webhook_authority(self, *, present: bool) -> None:
        """Note whether the webhook's authority is there."""
        self._webhook_authority.set(present)

    def policy(self, key: PolicyKey, state: Mapping[str, str] | None) -> None:
        """Move a policy to its new state, or forget it."""
        before = self._states.pop(key, None)
        if before:
            self._counts[before] -= 1
            self._policies.labels(*before).set(self._counts[before])
        if state is None:
            self.certificate(key, None)
            self.conditions(key, ())
            return
        after = (state["mode"], state["ready"])
        self._states[key] = after
        self._counts[after] += 1
        self._policies.labels(*after).set(self._counts[after])

    def certificate(self, key: PolicyKey, not_after: datetime | None, renewal: datetime | None = None) -> None:
        """Note when a certificate ends and is due, or forget it."""
        self._certificates.certificate(key, not_after, renewal)

    def conditions(self, key: PolicyKey, false: Collection[tuple[str, str]]) -> None:
        """Count a policy among those whose condition is False for a reason, and no longer among others."""
        before, after = self._failing.pop(key, frozenset()), frozenset(false)
        if after:
            self._failing[key] = after
        self._failures.subtract(before)
        self._failures.update(after)
        for pair in before ^ after:
            self._false.labels(*pair).set(self._failures[pair])

    def issued(self, reason: str, delivery: str = "Secret") -> None:
        """Count one certificate."""
        self._certificates.issued(reason, delivery)

    def not_issued(self, reason: IssueFailure) -> None:
        """Count one that came to nothing."""
        self._certificates.failed(reason)

    def stands(self, ask: Callable[[], Standing]) -> None:
        """Ask `ask` at each scrape, while this replica writes."""
        self._certificates.standing.ask = ask

    def external(self, issuer: str, result: External) -> None:
        """Count what became of a request to an external issuer."""
        self._external.labels(issuer, result).inc()


async def serve_telemetry(address: Address, registry: CollectorRegistry, *, ready: Callable[[], bool]) -> web.AppRunner:
    """Serve /metrics, /healthz (the event loop answers) and /readyz (everything has been listed once).

    Return the runner, whose `cleanup()` ends it.
    """

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n") if ready() else web.Response(status=503, text="not synced yet\n")

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", healthz), web.get("/readyz", readyz)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, address.host, address.port).start()
    return runner
