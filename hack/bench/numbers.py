"""Percentiles and units, once, so that every table means the same by p99."""

from __future__ import annotations

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` (0 to 1) of the values do not exceed (nearest rank).

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values: nothing was measured, so there is no percentile")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def milliseconds(seconds: float) -> str:
    """Render seconds as milliseconds, with a decimal below ten."""
    value = seconds * 1000
    return f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms"


def spread(values: Sequence[float]) -> tuple[str, str, str, str]:
    """Return n, p50, p99 and max of durations in seconds, as a table's cells."""
    ranks = (percentile(values, 0.5), percentile(values, 0.99), max(values))
    return (str(len(values)), *(milliseconds(one) for one in ranks))  # type: ignore[return-value]
