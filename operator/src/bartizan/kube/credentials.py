"""Where the API server is and who we are there: a kubeconfig, or the ServiceAccount of our own pod.

The official client's loaders do the reading, because they know every form a kubeconfig may take; its generated API is not
used. In a pod the token file is read again every minute (projected tokens rotate), and any credentials are loaded anew after
the API server refused them.
"""

import ssl
from pathlib import Path
from typing import Any, Final

from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

from bartizan.kube.clock import Clock
from bartizan.kube.errors import ClientConfigError

_from_pod: Any = load_incluster_config
_from_file: Any = load_kube_config
_RENEW_EVERY: Final = 10.0
"""Seconds between two reloads after a 401, so that a revoked identity doesn't hammer its exec plugin."""


class Credentials:
    """The connection's settings; `load` makes one."""

    def __init__(self, configuration: Any, kubeconfig: Path | None, clock: Clock) -> None:
        self._configuration = configuration
        self._kubeconfig = kubeconfig
        self._clock = clock
        self._loaded_at = clock.monotonic()

    @classmethod
    async def load(cls, kubeconfig: Path | None, clock: Clock) -> "Credentials":
        """Read `kubeconfig`, or the pod's ServiceAccount if None; raises ClientConfigError."""
        configuration = Configuration()
        await _fill(configuration, kubeconfig)
        return cls(configuration, kubeconfig, clock)

    @property
    def server(self) -> str:
        """The API server's URL without a slash at its end."""
        return str(self._configuration.host).rstrip("/")

    @property
    def proxy(self) -> str | None:
        """The proxy's URL, if the kubeconfig names one."""
        proxy: str | None = self._configuration.proxy
        return proxy

    @property
    def server_name(self) -> str | None:
        """The name the server's certificate must bear, if it is not the URL's."""
        name: str | None = self._configuration.tls_server_name
        return name

    def tls(self) -> ssl.SSLContext:
        """Return the context with the cluster's authority and, if there is one, the client's certificate."""
        config = self._configuration
        context = ssl.create_default_context(cafile=config.ssl_ca_cert, cadata=config.ca_cert_data)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if config.cert_file:
            context.load_cert_chain(config.cert_file, keyfile=config.key_file)
        if not config.verify_ssl:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    async def headers(self) -> dict[str, str]:
        """Return the Authorization header; empty when a client certificate speaks for us."""
        token = await self._configuration.get_api_key_with_prefix("BearerToken")
        return {"Authorization": token.strip()} if token else {}

    async def renew(self) -> bool:
        """Load everything again after a refusal; False when that was done just now and cannot help."""
        now = self._clock.monotonic()
        if now - self._loaded_at < _RENEW_EVERY:
            return False
        self._loaded_at = now
        await _fill(self._configuration, self._kubeconfig)
        return True


async def _fill(configuration: Any, kubeconfig: Path | None) -> None:
    try:
        if kubeconfig is None:
            _from_pod(client_configuration=configuration)
        else:
            await _from_file(str(kubeconfig), client_configuration=configuration, persist_config=False)
    except (ConfigException, OSError, TypeError) as error:  # TypeError: how the loader says that there is no such file
        source = kubeconfig or "the pod's ServiceAccount"
        msg = f"cannot connect with {source}: {error}; outside a pod, set BARTIZAN_KUBECONFIG to a kubeconfig's path"
        raise ClientConfigError(msg) from error
