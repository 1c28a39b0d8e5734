"""What Prometheus reads about certificates and authorities.

What happens is counted as it happens; how things stand is asked for at each scrape, so that an authority or a contest that is
gone leaves no number behind. A replica that does not write is not asked: two must not tell of the same cluster.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final, get_args

from prometheus_client import CollectorRegistry
from prometheus_client import Counter as Count
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from bartizan.controller.meter import IssueFailure
from bartizan.core.model import PolicyKey
from bartizan.core.pki.standing import Standing

_PREFIX: Final = "bartizan"


class StandingCollector(Collector):
    """Asks how things stand at each scrape."""

    def __init__(self) -> None:
        """Have nobody to ask yet."""
        self.ask: Callable[[], Standing] | None = None
        self.leading = False

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return every family, empty where there is nothing to say."""
        now = self.ask() if self.ask and self.leading else None
        yield from _queue(now)
        yield from _authorities(now or Standing())
        yield from _domains(now or Standing())
        contested = _family(
            "secret_contested", "1 for a certificate Secret that somebody else keeps writing.", "namespace", "secret"
        )
        for place in now.contested if now else ():
            contested.add_metric(list(place), 1)
        yield contested


class MomentCollector(Collector):
    """Tells of each policy's certificate when it ends and is due; a gauge for each would be the largest thing in memory."""

    def __init__(self) -> None:
        """Know of no certificate."""
        self._moments: dict[PolicyKey, tuple[datetime | None, datetime | None]] = {}

    def take(self, key: PolicyKey, not_after: datetime | None, renewal: datetime | None) -> None:
        """Note when a certificate ends and is due, or forget it."""
        if not_after or renewal:
            self._moments[key] = (not_after, renewal)
        else:
            self._moments.pop(key, None)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return both families."""
        expiry = _family(
            "certificate_expiry_timestamp_seconds",
            "When the certificate of a policy ends, in Unix time.",
            "namespace",
            "policy",
        )
        renewal = _family(
            "certificate_renewal_timestamp_seconds",
            "When the certificate of a policy is due to be renewed, in Unix time.",
            "namespace",
            "policy",
        )
        for key, moments in self._moments.items():
            for family, moment in zip((expiry, renewal), moments, strict=True):
                if moment:
                    family.add_metric(list(key), moment.timestamp())
        return (expiry, renewal)


class CertificateMetrics:
    """Counts issuance and notes when certificates end."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register everything in `registry`."""
        self._issued = Count(
            f"{_PREFIX}_certificates_issued",
            "Certificates signed and written down, by why and by how they are delivered.",
            ["reason", "delivery"],
            registry=registry,
        )
        self._failed = Count(
            f"{_PREFIX}_certificate_issuance_failures",
            "Certificates that were due and not signed or not published, by what went wrong.",
            ["reason"],
            registry=registry,
        )
        for reason in get_args(IssueFailure):  # an alert on an increase does not see a series that begins at one
            self._failed.labels(reason)
        self._moments = MomentCollector()
        registry.register(self._moments)
        self.standing = StandingCollector()
        registry.register(self.standing)

    def issued(self, reason: str, delivery: str) -> None:
        """Count one certificate."""
        self._issued.labels(reason, delivery).inc()

    def failed(self, reason: str) -> None:
        """Count one that came to nothing."""
        self._failed.labels(reason).inc()

    def certificate(self, key: PolicyKey, not_after: datetime | None, renewal: datetime | None) -> None:
        """Note when a certificate ends and is due, or forget it."""
        self._moments.take(key, not_after, renewal)


def _queue(now: Standing | None) -> Iterable[GaugeMetricFamily]:
    waiting = _family("issuance_queue_depth", "Policies that wait for their turn to be signed for.")
    age = _family("issuance_queue_age_seconds", "How long the one that has waited longest has waited.")
    if now:
        waiting.add_metric([], now.waiting)
        age.add_metric([], now.longest_wait.total_seconds())
    return (waiting, age)


def _authorities(now: Standing) -> Iterable[GaugeMetricFamily]:
    labels = ("trust_domain", "role", "generation", "authority")
    expiry = _family("authority_expiry_timestamp_seconds", "When an authority ends, in Unix time.", *labels)
    leaves = _family("authority_leaves", "Certificates of an authority that have not expired, by the ledger.", *labels)
    for one in now.authorities:
        values = [one.trust_domain, one.role, str(one.generation), one.id]
        expiry.add_metric(values, one.not_after.timestamp())
        leaves.add_metric(values, one.leaves)
    return (expiry, leaves)


def _domains(now: Standing) -> Iterable[GaugeMetricFamily]:
    ready = _family("trust_domain_ready", "1 if a trust domain is ready, else 0.", "trust_domain", "reason")
    phase = _family("rotation_phase", "1 for the phase that a rotation is in.", "trust_domain", "phase")
    since = _family(
        "rotation_phase_since_timestamp_seconds", "When that phase began, in Unix time.", "trust_domain", "phase"
    )
    for one in now.domains:
        ready.add_metric([one.name, one.reason], one.ready)
        phase.add_metric([one.name, one.phase], 1)
        if one.since:
            since.add_metric([one.name, one.phase], one.since.timestamp())
    return (ready, phase, since)


def _family(name: str, says: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{_PREFIX}_{name}", says, labels=labels)
