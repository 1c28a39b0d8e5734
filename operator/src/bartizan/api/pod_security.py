"""The Pod Security Standards' levels and versions, as the API, the checks and the API server's policies spell them.

The standards are versioned with Kubernetes: a policy names the version whose rules hold its pods, so that an upgrade of the
cluster or of bartizan never changes by itself what is refused (Kubernetes documentation, "Pod Security Standards").
"""

from enum import StrEnum
from typing import Final

NEWEST: Final = 37
"""The minor version of Kubernetes whose rules are the newest that are known here."""
NEWEST_VERSION: Final = f"v1.{NEWEST}"
VERSION_PATTERN: Final = r"^v1\.(0|[1-9]|[12][0-9]|3[0-7])$"
"""`v1.0` to `NEWEST_VERSION`."""
LONGEST_VERSION: Final = len(NEWEST_VERSION)


class Level(StrEnum):
    """How much of the standards holds. There is no `privileged`: a governed pod is held to something."""

    BASELINE = "baseline"
    """Nothing that is known to lead out of the container."""
    RESTRICTED = "restricted"
    """And the hardening that services need no exception from."""


def minor(version: str) -> int:
    """Return the number that versions are compared by: 37 of `v1.37`."""
    return int(version.removeprefix("v1."))
