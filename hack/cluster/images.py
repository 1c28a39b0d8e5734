"""The images a cluster without a registry needs, made from compiled programs and cached under what they are made of."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from cluster import build, cache, oci
from cluster.config import PAUSE_IMAGE
from cluster.oci import Image, Runtime
from cluster.operator_image import operator_image
from cluster.progress import Reporter

__all__ = ["AGNHOST", "COREDNS", "Image", "agnhost_image", "coredns_image", "every", "operator_image", "pause_image"]

AGNHOST = "bartizan.local/agnhost:2"
COREDNS = "bartizan.local/coredns:1"


def _static(ref: str, program: Path, inside: str, runtime: Runtime) -> Image:
    """Return the image of one static program; the program's cached path names its content."""
    key = cache.digest(ref, program.parent.name, inside, repr(runtime))
    target = cache.root() / "image" / f"{program.name}-{key}.tar"
    if not target.exists():
        with tempfile.TemporaryDirectory() as folder, cache.replacing(target) as temporary:
            layer = Path(folder) / "layer.tar"
            oci.layer(layer, [(inside, program)])
            oci.archive(temporary, ref, [layer], runtime)
    return Image(ref, target)


def agnhost_image(report: Reporter | None = None) -> Image:
    """Return Kubernetes' own test image: `netexec`, `connect`, `pause` … in one static program."""
    program = build.tool("agnhost", report)
    return _static(AGNHOST, program, "/agnhost", Runtime(["/agnhost"], ["pause"]))


def pause_image(report: Reporter | None = None) -> Image:
    """Return the image every pod's sandbox runs."""
    program = build.pause(report or Reporter(print))
    return _static(PAUSE_IMAGE, program, "/pause", Runtime(["/pause"], user="65535:65535"))


def coredns_image(report: Reporter | None = None) -> Image:
    """Return the cluster's DNS server."""
    program = build.tool("coredns", report)
    return _static(COREDNS, program, "/coredns", Runtime(["/coredns"]))


def every() -> tuple[Callable[[Reporter | None], Image], ...]:
    """Return the makers of the images a node starts with."""
    return (pause_image, coredns_image, agnhost_image)
