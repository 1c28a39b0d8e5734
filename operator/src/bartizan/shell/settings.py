"""The controller's settings: every environment variable, with its unit, default and reason, read once at the start.

Only the chart and a developer's shell set them; they are no API for users of policies. What is wrong is refused at the start
with the variable's name, because a controller that runs with half of its settings is worse than none.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal, cast

from bartizan.api.duration import parse_duration
from bartizan.controller.issuance import DEFAULT_RATE
from bartizan.core.network.proof import PROOF_AGE
from bartizan.errors import BartizanError

LogLevel = Literal["debug", "info", "warning", "error"]
_LEVELS: Final = ("debug", "info", "warning", "error")
_MOST_WORKERS: Final = 64
_MOST_ISSUED: Final = 1000
_SHORTEST: Final = timedelta(minutes=1)


class SettingsError(BartizanError):
    """An environment variable has a value that can't be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a server listens."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerSettings:
    """What can be set, and why the defaults are what they are."""

    namespace: str
    """BARTIZAN_NAMESPACE, required: the release's namespace. It holds the Lease and the authorities' Secrets, and is never
    governed."""
    service_account: str = "bartizan-controller"
    """BARTIZAN_SERVICE_ACCOUNT: the controller's own ServiceAccount, to whom access to certificate Secrets is given. The
    default is the chart's."""
    kubeconfig: Path | None = None
    """BARTIZAN_KUBECONFIG: a kubeconfig's path, for running outside a cluster. Left out: the pod's own credentials."""
    log_level: LogLevel = "info"
    """BARTIZAN_LOG_LEVEL: debug, info, warning or error. At info a change of who leads and every trouble is a line."""
    metrics: Address = Address(host="0.0.0.0", port=9090)
    """BARTIZAN_METRICS_ADDRESS: host:port of /metrics, /healthz and /readyz; port 0 takes a free one. Plain HTTP, because it
    tells no secrets; the chart's NetworkPolicy narrows who may read it."""
    lease_name: str = "bartizan-controller"
    """BARTIZAN_LEASE_NAME: the Lease that lets one replica write. Releases in different namespaces do not meet."""
    identity: str = ""
    """BARTIZAN_IDENTITY: this replica's name in the Lease. Left out: the host's name, which in a pod is the pod's."""
    webhook_service: str = "bartizan-webhook"
    """BARTIZAN_WEBHOOK_SERVICE: the Service the API server calls the webhook by; its names stand in the serving certificate.
    The default is the chart's."""
    prober: str = ""
    """BARTIZAN_PROBER: the prober's ServiceAccount in the release's namespace, which is given access to enforced namespaces.
    Left out: there is no prober, and what it was given is taken back."""
    proof_max_age: timedelta = PROOF_AGE
    """BARTIZAN_PROOF_MAX_AGE: how long a probe proves an edge, as a duration such as 30m; at least 1m. The default is three of
    the prober's own intervals, so that one lost run does not cost the proof."""
    vault_token_file: Path | None = None
    """BARTIZAN_VAULT_TOKEN_FILE: the file of the ServiceAccount token that bartizan logs in to Vault with, read anew at each
    login. Left out: no Vault can be asked. The chart sets it with issuers.vaultPKI.enabled."""
    workers: int = 4
    """BARTIZAN_WORKERS: keys looked at at once, 1 to 64. Four hide the API server's answer times; more only crowd it."""
    issuance_rate: int = int(DEFAULT_RATE)
    """BARTIZAN_ISSUANCE_RATE: certificates issued a second at most, 1 to 1000; a tenth of a second's worth at once. Who has
    none comes first, then whose certificate ends first. The default is more than one processor signs and writes: it bounds a
    loop, and whoever must spare the API server sets less."""


def controller_settings(environ: Mapping[str, str]) -> ControllerSettings:
    """Return the settings in `environ`.

    Raises:
        SettingsError: a required variable is missing, or a value can't be used.
    """
    given = {name.removeprefix("BARTIZAN_").lower(): value for name, value in environ.items() if value}
    namespace = given.get("namespace", "")
    if not namespace:
        raise SettingsError("BARTIZAN_NAMESPACE is not set: it must name the namespace that bartizan is installed in")
    defaults = ControllerSettings(namespace=namespace)
    return ControllerSettings(
        namespace=namespace,
        service_account=given.get("service_account", defaults.service_account),
        kubeconfig=_kubeconfig(given.get("kubeconfig", "")),
        log_level=_level(given.get("log_level", defaults.log_level)),
        metrics=read_address("BARTIZAN_METRICS_ADDRESS", given["metrics_address"])
        if "metrics_address" in given
        else defaults.metrics,
        lease_name=given.get("lease_name", defaults.lease_name),
        identity=given.get("identity", "") or socket.gethostname(),
        webhook_service=given.get("webhook_service", defaults.webhook_service),
        prober=given.get("prober", ""),
        proof_max_age=read_span("BARTIZAN_PROOF_MAX_AGE", given["proof_max_age"])
        if "proof_max_age" in given
        else defaults.proof_max_age,
        workers=_number("BARTIZAN_WORKERS", given.get("workers", str(defaults.workers)), _MOST_WORKERS),
        vault_token_file=Path(given["vault_token_file"]) if "vault_token_file" in given else None,
        issuance_rate=_number(
            "BARTIZAN_ISSUANCE_RATE", given.get("issuance_rate", str(defaults.issuance_rate)), _MOST_ISSUED
        ),
    )


def read_address(name: str, text: str) -> Address:
    """Return the address in `host:port` (`[::1]:9090` for IPv6).

    Raises:
        SettingsError: it has another form, or the port is not 0 to 65535.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise SettingsError(f"{name} is {text!r}: it must be host:port with a port from 0 to 65535, as in 0.0.0.0:9090")
    return Address(host=host.strip("[]") or "0.0.0.0", port=int(port))


def read_span(name: str, text: str) -> timedelta:
    """Return the duration in `text`.

    Raises:
        SettingsError: it has another form, or is shorter than a minute.
    """
    try:
        span = parse_duration(text)
    except ValueError as error:
        raise SettingsError(f"{name}: {error}") from None
    if span < _SHORTEST:
        raise SettingsError(f"{name} is {text!r}: it must be at least 1m")
    return span


def _kubeconfig(text: str) -> Path | None:
    if not text:
        return None
    path = Path(text)
    if not path.is_file():
        raise SettingsError(f"BARTIZAN_KUBECONFIG is {text!r}: there is no such file; leave it out inside a cluster")
    return path


def _level(text: str) -> LogLevel:
    level = text.lower()
    if level not in _LEVELS:
        raise SettingsError(f"BARTIZAN_LOG_LEVEL is {text!r}: it must be one of {', '.join(_LEVELS)}")
    return cast("LogLevel", level)


def _number(name: str, text: str, most: int) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise SettingsError(f"{name} is {text!r}: it must be a number from 1 to {most}")
    return int(text)
