"""What verbs that draw or ask about the network read, and where from: files, or a cluster.

Files may hold anything. What decides about packets is looked at closely before it is believed, and refused with its position;
everything else is passed over.
"""

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import typer

from bartizan.api.kinds import NAMESPACE, NETWORK_POLICY, POLICY
from bartizan.api.names import SYSTEM_NAMESPACES, KubeObject
from bartizan.cli.manifests import Manifest, ManifestError, Problem, load
from bartizan.cli.manifests_shape import shape_problem
from bartizan.core.network.graph import Network
from bartizan.core.network.graph_landscape import Assumptions, read_landscape
from bartizan.core.network.graph_workloads import is_workload
from bartizan.errors import BartizanError

Paths: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        help="Files and folders with policies and what runs under them, as YAML or JSON; - reads standard input."
    ),
]
Live: TypeAlias = Annotated[bool, typer.Option("--live", help="Read a cluster instead of files. Nothing is written.")]
Kubeconfig: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        envvar="BARTIZAN_KUBECONFIG",
        help="How to reach the cluster; left out: $KUBECONFIG, ~/.kube/config, or the pod's own.",
    ),
]
AssumeEnforced: TypeAlias = Annotated[
    bool,
    typer.Option("--assume-enforced", help="Namespaces whose object is not given count as enforced; else as open."),
]
ClusterCidr: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(help="A block of addresses inside the cluster, never part of `internet`. May be given several times."),
]
DefaultNamespace: TypeAlias = Annotated[
    str, typer.Option(help="The namespace of objects that name none, as `kubectl apply --namespace` would use it.")
]
_SYSTEM: Final = frozenset(SYSTEM_NAMESPACES)


class NothingToReadError(BartizanError):
    """Neither files nor a cluster are named, or the words do not go together; the message says what to add."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where objects come from and what is taken for granted about them: the options that the network's verbs share."""

    paths: Sequence[str] | None = None
    live: bool = False
    kubeconfig: Path | None = None
    assume_enforced: bool = False
    cluster_cidrs: Sequence[str] | None = None
    default_namespace: str = ""

    def network(self) -> Network:
        """Return the network of what is named.

        Raises:
            ManifestError: a file cannot be read, or what it holds cannot be used.
            NothingToReadError: the options name nothing to read.
            KubeError: the cluster cannot be asked.
        """
        items = self._from_cluster() if self.live else self._from_files()
        for text in self.cluster_cidrs or ():
            _check_block(text)
        release = os.environ.get("BARTIZAN_NAMESPACE", "bartizan-system")
        assumptions = Assumptions(
            live=self.live,
            enforced=self.assume_enforced,
            cluster_cidrs=tuple(self.cluster_cidrs or ()),
            system=_SYSTEM | {release},
            now=datetime.now(UTC),
        )
        return Network(read_landscape(items, assumptions))

    def _from_files(self) -> list[KubeObject]:
        if not self.paths:
            raise NothingToReadError("name files or folders to read, - for standard input, or --live for a cluster")
        manifests = load(self.paths)
        if manifests.problems:
            raise ManifestError.of(manifests.problems)
        return usable(manifests.found, self.default_namespace)

    def _from_cluster(self) -> list[KubeObject]:
        if self.paths:
            raise NothingToReadError("files and --live are two answers to one question: leave one out")
        from bartizan.cli.live import cluster_objects

        return asyncio.run(cluster_objects(self.kubeconfig))


def usable(found: Iterable[Manifest], default_namespace: str) -> list[KubeObject]:
    """Return the objects that say something about the network, each with its namespace.

    Raises:
        ManifestError: one lacks name or namespace, stands there twice, or cannot be what it says it is.
    """
    problems: list[Problem] = []
    seen: dict[tuple[str, ...], Manifest] = {}
    for manifest in found:
        problem = shape_problem(manifest.item)
        item = _placed(manifest.item, default_namespace) if not problem else manifest.item
        if problem is None and _matters(item) and not item["metadata"].get("namespace"):
            problem = "has no metadata.namespace: write it, or give --default-namespace"
        if problem is None:
            meta = item["metadata"]
            group = item["apiVersion"].rpartition("/")[0]
            key = (group, item["kind"], meta.get("namespace") or "", meta["name"])
            if key in seen and _matters(item):
                problem = f"is there already, in {seen[key].place}: keep one of them"
            seen.setdefault(key, Manifest(item, manifest.place))
        if problem:
            problems.append(Problem(manifest.place, f"{manifest.title} {problem}"))
    if problems:
        raise ManifestError.of(problems)
    return [manifest.item for manifest in seen.values()]


def _matters(item: KubeObject) -> bool:
    """Whether the object is one of those in namespaces that decide about packets."""
    names = {(POLICY.api_version, POLICY.kind), (NETWORK_POLICY.api_version, NETWORK_POLICY.kind)}
    return (item["apiVersion"], item["kind"]) in names or is_workload(item)


def _placed(item: KubeObject, default_namespace: str) -> KubeObject:
    """Return the object with a name and a namespace, as far as they can be known."""
    meta: Mapping[str, Any] = item["metadata"]
    name = meta.get("name") or f"{meta.get('generateName', '')}*"
    namespaced = item["kind"] != NAMESPACE.kind and default_namespace and not meta.get("namespace") and _matters(item)
    return {**item, "metadata": {**meta, "name": name} | ({"namespace": default_namespace} if namespaced else {})}


def _check_block(text: str) -> None:
    try:
        ip_network(text)
    except ValueError as error:
        raise NothingToReadError(f"--cluster-cidr {text!r} is not a block such as 10.244.0.0/16: {error}") from None
