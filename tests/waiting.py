"""Waiting for a cluster to come to a state, with the last state seen in the failure."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(seen: Callable[[], T], *, within: float = 30, every: float = 0.25) -> T:
    """Return the first truthy value of `seen()`.

    Raises:
        AssertionError: there was none in time; the last value is in the message.
    """
    deadline = time.monotonic() + within
    while True:
        value = seen()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s; last seen: {value!r}")
        time.sleep(every)
