"""Decides which provider makes the cluster and says why, apart from making it, so that the order can be tested."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from cluster.commands import quietly
from cluster.errors import ProviderUnavailable

Provider = Literal["existing", "kind", "local"]
PROVIDERS: tuple[str, ...] = get_args(Provider)
_KUBECONFIG_VARIABLES = ("BARTIZAN_KUBECONFIG", "KUBECONFIG")


@dataclass(frozen=True)
class Choice:
    """The provider taken, the sentence that says why, and for `existing` its kubeconfig."""

    provider: Provider
    why: str
    kubeconfig: str = ""


@dataclass(frozen=True)
class Machine:
    """What the choice looks at."""

    env: Mapping[str, str]
    has_kind: bool
    docker_answers: Callable[[], bool]


def this_machine() -> Machine:
    """Return what this machine offers; Docker is asked only if the choice comes to it."""
    return Machine(
        env=os.environ,
        has_kind=shutil.which("kind") is not None,
        docker_answers=lambda: quietly(["docker", "version", "--format", "{{.Server.Version}}"]),
    )


def choose(machine: Machine, wanted: str | None = None) -> Choice:
    """Return the provider: `wanted` if given, else existing, kind, local in this order.

    Raises:
        ProviderUnavailable: the wanted provider is unknown or cannot work on this machine.
    """
    if wanted is not None and wanted not in PROVIDERS:
        raise ProviderUnavailable(f"provider {wanted!r} is unknown; allowed are {', '.join(PROVIDERS)}")
    found = next((name for name in _KUBECONFIG_VARIABLES if machine.env.get(name)), None)
    if wanted == "existing" or (wanted is None and found is not None):
        if found is None:
            raise ProviderUnavailable("provider existing: set BARTIZAN_KUBECONFIG or KUBECONFIG to a cluster of yours")
        return Choice("existing", f"{found} is set", machine.env[found])
    if wanted == "local":
        return Choice("local", "it was asked for")
    lacking = _kind_lacks(machine)
    if lacking is None:
        return Choice("kind", "it was asked for" if wanted else "a Docker daemon answers and kind is on the PATH")
    if wanted == "kind":
        raise ProviderUnavailable(f"provider kind: {lacking}; install or start it, or use --provider local")
    return Choice("local", f"no kubeconfig is set and {lacking}")


def _kind_lacks(machine: Machine) -> str | None:
    if not machine.has_kind:
        return "kind is not on the PATH"
    return None if machine.docker_answers() else "no Docker daemon answers"
