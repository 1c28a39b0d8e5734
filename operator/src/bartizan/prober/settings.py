"""The prober's settings, each with its unit, default and reason."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class ProberSettings:
    """What can be set, and why the defaults are what they are."""

    namespace: str
    """The release's namespace, which is never governed."""
    image: str
    """BARTIZAN_PROBER_IMAGE, required: the image of probe pods, which is bartizan's own. The gate accepts no other."""
    address: str
    """BARTIZAN_PROBER_ADDRESS, required: this pod's own address, which probes must not reach."""
    pull_policy: str = "IfNotPresent"
    """BARTIZAN_PROBER_PULL_POLICY: as in the chart."""
    release: str = "bartizan"
    """BARTIZAN_PROBER_RELEASE: the Helm release, a label of this pod that a policy might name."""
    port: int = 9097
    """BARTIZAN_PROBER_PORT: where the witness listens. The chart's NetworkPolicy opens it to everybody."""
    interval: timedelta = timedelta(minutes=10)
    """BARTIZAN_PROBER_INTERVAL: how often each policy is probed; at least 1m, because each run is a pod."""
    concurrency: int = 4
    """BARTIZAN_PROBER_CONCURRENCY: probe pods at once, 1 to 32."""
    webhook_service: str = "bartizan-webhook"
    """BARTIZAN_WEBHOOK_SERVICE: what the witness calls to know that its own connections leave."""

    @property
    def control(self) -> tuple[str, int]:
        """The address by which the witness knows that its own connections leave."""
        return (f"{self.webhook_service}.{self.namespace}.svc", 443)
