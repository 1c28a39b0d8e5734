"""Puts bartizan into a cluster the way a person would: an image, the chart, helm.

The demo and the end-to-end tests share it, so that what is shown is what is tested.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import cluster as harness
from cluster.progress import Reporter

ROOT = Path(__file__).parent.parent.parent
CHART = ROOT / "charts" / "bartizan"
NAMESPACE = "bartizan-system"
RELEASE = "bartizan"
IMAGE_VARIABLE = "BARTIZAN_IMAGE"


def load_images(target: harness.Cluster, report: Reporter) -> str:
    """Put the operator's and the example's images on the cluster; return the operator's reference.

    On an existing cluster nothing can be loaded: the variable BARTIZAN_IMAGE must name an image it can pull.
    """
    if target.provider == "existing":
        if reference := os.environ.get(IMAGE_VARIABLE):
            return reference
        raise harness.ClusterError(
            f"cluster {target.name} is an existing one and bartizan cannot load images into it: build operator/Dockerfile, "
            f"push it to a registry the cluster pulls from, and set {IMAGE_VARIABLE} to its reference"
        )
    operator = harness.images.operator_image(ROOT, f"dev-{secrets.token_hex(4)}", report)
    with report.step("loading images onto the node"):
        target.load_image(operator.archive)
        target.load_image(harness.images.agnhost_image(report).archive)
    return operator.ref


def install(target: harness.Cluster, image: str, report: Reporter, *values: str) -> None:
    """Install or upgrade the chart and return when its pods are ready.

    Args:
        target: the cluster.
        image: the operator's image, `repository:tag`.
        report: told what goes on.
        values: further `key=value` for the chart.
    """
    repository, _, tag = image.rpartition(":")
    sets = [f"image.repository={repository}", f"image.tag={tag}", *values]
    with report.step("helm upgrade --install bartizan"):
        target.helm(
            "upgrade", "--install", RELEASE, str(CHART), "--namespace", NAMESPACE, "--create-namespace",
            *(word for value in sets for word in ("--set", value)), "--wait", "--timeout", "180s",
        )  # fmt: skip
