"""What can be set about the webhook process: each field with its unit, its default and the reason for the default.

The command line fills it from flags and `BARTIZAN_*` variables; nothing here reads the environment.
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """The settings of one webhook process."""

    namespace: str
    """The release's namespace: never governed."""
    kubeconfig: Path | None = None
    """How to reach the API server from outside a cluster. None: the pod's own ServiceAccount."""
    address: str = "0.0.0.0:9443"
    """`host:port` of HTTPS. Port 0 takes a free one."""
    metrics_address: str = "0.0.0.0:9090"
    """`host:port` of plain HTTP for /healthz, /readyz and /metrics."""
    cert_dir: Path = Path("/var/run/secrets/bartizan.dev/webhook")
    """The folder with tls.crt and tls.key: the mounted Secret."""
    poll: timedelta = timedelta(seconds=1)
    """How often the certificate's files are looked at. Renewal is hours ahead of the expiry, so seconds don't matter."""
    max_in_flight: int = 32
    """How many reviews may be worked on at once; more are answered 429 at once. A preview of a large namespace takes some
    10 ms, so that the last of 32 is done well within the API server's timeout."""
    max_body: int = 8 * 1024 * 1024
    """Bytes of a body. etcd holds 1.5 MiB per object, and a review carries the old and the new one, escaped."""
    default_timeout: timedelta = timedelta(seconds=10)
    """The deadline of a review that doesn't bring its own (`?timeout=`); the API server's own default."""
    drain: timedelta = timedelta(seconds=5)
    """How long requests are still taken after SIGTERM, unready: endpoints take that long to leave every API server."""
    drain_deadline: timedelta = timedelta(seconds=10)
    """How long requests in flight may still take after that; with `drain` below the pod's grace period of 30 s."""
