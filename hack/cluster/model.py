"""The running cluster as tests and the demo hold it: one value with the few things they do to it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

from cluster import build, cache, commands, kind, state
from cluster.errors import ClusterError
from cluster.state import State


@dataclass(frozen=True)
class Cluster:
    """A cluster that answers; `host_ip` is the host as seen from it (empty where nobody can know)."""

    name: str
    provider: str
    kubeconfig: Path
    lane: str
    node: bool
    host_ip: str
    api_url: str
    run_dir: Path
    audit_log: Path | None

    def kubectl(self, *args: str, stdin: str | None = None, check: bool = True) -> CompletedProcess[str]:
        """Run kubectl as administrator.

        Raises:
            CommandFailed: it returned non-zero and `check` is set.
        """
        return commands.run([self._program("kubectl"), *args], stdin=stdin, check=check, env=self._env)

    def helm(self, *args: str, stdin: str | None = None, check: bool = True) -> CompletedProcess[str]:
        """Run helm as administrator, its caches in the run's folder.

        Raises:
            CommandFailed: it returned non-zero and `check` is set.
        """
        folders = {f"HELM_{use}_HOME": str(self.run_dir / "helm" / use.lower()) for use in ("CACHE", "CONFIG", "DATA")}
        return commands.run([self._program("helm"), *args], stdin=stdin, check=check, env={**self._env, **folders})

    def load_image(self, archive: Path) -> None:
        """Put the image of an OCI archive on the node, so that pods run it without pulling.

        Raises:
            ClusterError: the cluster has no node, or is one whose nodes the harness cannot reach.
        """
        maker = self._maker()
        if maker is None:
            raise ClusterError(
                f"cluster {self.name} is an existing one: push {archive.name} to a registry it can pull from, "
                "or run with --provider local"
            )
        if maker.provider == "kind":
            commands.run(kind.load_command(maker.name, archive))
            return
        if not maker.node:
            raise ClusterError(f"cluster {maker.name} has no node to load {archive.name} on: start it with a node")
        from cluster import worker

        worker.import_image(maker.name, archive)

    def restart_apiserver(self) -> None:
        """Stop the API server, start it again and return when it is ready.

        Raises:
            ClusterError: the provider cannot do that.
        """
        maker = self._maker()
        if maker is None:
            raise ClusterError(f"cluster {self.name} is an existing one: its API server is not ours to restart")
        if maker.provider == "kind":
            commands.run(kind.restart_apiserver_command(maker.name))
            self.kubectl("wait", "--for=condition=Ready", "node", "--all", "--timeout=120s")
            return
        from cluster import local

        local.restart_apiserver(maker.name)

    def down(self) -> None:
        """Take the cluster away; an existing one is left as it is."""
        if self.provider == "existing":
            return
        from cluster import providers

        providers.down(self.name)

    def _maker(self) -> State | None:
        """Return the record of the cluster behind the kubeconfig if this harness made it, also under another name."""
        return state.made(self.kubeconfig)

    @property
    def _env(self) -> dict[str, str]:
        return {"KUBECONFIG": str(self.kubeconfig)}

    def _program(self, name: str) -> str:
        found = None if self.provider == "local" else shutil.which(name)
        return found or str(build.tool(name))


def from_state(found: State) -> Cluster:
    """Return the cluster a state file describes."""
    return Cluster(
        name=found.name,
        provider=found.provider,
        kubeconfig=Path(found.kubeconfig),
        lane=found.lane,
        node=found.node,
        host_ip=found.host_ip,
        api_url=found.api_url,
        run_dir=cache.run_dir(found.name),
        audit_log=Path(found.audit_log) if found.audit_log else None,
    )
