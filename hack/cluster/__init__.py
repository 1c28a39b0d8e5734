"""A Kubernetes cluster for anybody who works on bartizan: `make cluster`, the demo and the tests all come here.

`up(name, node=…)` returns a `Cluster`; which provider made it (`existing`, `kind`, `local`) is chosen
automatically and said. The local provider compiles pinned Go modules once into a cache and then starts in seconds,
without Docker and without a registry.

    import cluster

    dev = cluster.up("dev", node=True)
    dev.load_image(cluster.images.agnhost_image().archive)
    dev.kubectl("apply", "-f", "-", stdin=manifest)
    dev.down()

- `up(name, *, lane="1.37", node, provider=None, progress=print) -> Cluster` starts or finds one of this shape;
- `find(name) -> Cluster | None` finds a running one; `running()` lists all;
- `tool(name) -> Path` gives a compiled program (kubectl, helm, agnhost, …), compiling it if need be;
- `images` makes OCI archives: agnhost, pause, CoreDNS, and the operator's own from its wheel;
- every failure is a `ClusterError` that says what to do.
"""

from __future__ import annotations

from cluster import images
from cluster.build import tool
from cluster.errors import ClusterError
from cluster.model import Cluster
from cluster.providers import down, find, running, up

__all__ = ["Cluster", "ClusterError", "down", "find", "images", "running", "tool", "up"]
