"""The webhook's own numbers, in a registry of their own so that two servers in one test never share a counter."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class WebhookMetrics:
    """What is counted about reviews and the serving certificate."""

    def __init__(self) -> None:
        self.registry: Final = CollectorRegistry()
        self.reviews: Final = Counter(
            "bartizan_webhook_reviews_total",
            "Reviews answered, by result: allowed, refused, bad_request, busy, late, not_ready or failed.",
            ["result"],
            registry=self.registry,
        )
        self.seconds: Final = Histogram(
            "bartizan_webhook_review_seconds",
            "Time from the first byte of a review to its answer, seconds.",
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.in_flight: Final = Gauge(
            "bartizan_webhook_reviews_in_flight", "Reviews being worked on.", registry=self.registry
        )
        self.certificate_loads: Final = Counter(
            "bartizan_webhook_certificate_loads_total",
            "Serving certificates loaded since the start.",
            registry=self.registry,
        )
        self.certificate_not_after: Final = Gauge(
            "bartizan_webhook_certificate_not_after_timestamp_seconds",
            "When the serving certificate in force ends, seconds since 1970.",
            registry=self.registry,
        )
