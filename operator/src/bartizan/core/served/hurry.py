"""Whose probe is due sooner, because a service that it can see has a new certificate that nobody has seen served yet.

One caller of each such service is enough, and not for ever: a service that never shows what it should is not worth a pod a
minute after an hour.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from bartizan.api.names import KubeObject
from bartizan.core.conditions import read_conditions
from bartizan.core.model import PolicyKey
from bartizan.core.reasons import ConditionType, Reason

LONGEST: Final = timedelta(hours=1)
"""For how long after the condition changed its status it is looked more often."""
_OPEN: Final = frozenset({Reason.NOT_CONFIRMED, Reason.SERVED_STALE})


def hurried(policies: Iterable[KubeObject], now: datetime) -> frozenset[PolicyKey]:
    """Return the policies whose probes may show what is waited for; `policies` are the objects themselves.

    Of the callers of a service it is the first by name among those that have seen it before.
    """
    known = tuple(policies)
    wanted = {"/".join(_key(item)) for item in known if _awaited(item, now)}
    sees: dict[str, PolicyKey] = {}
    for item in known if wanted else ():
        for called in _called(item) & wanted:
            sees[called] = min(_key(item), sees.get(called, _key(item)))
    return frozenset(sees.values())


def _key(item: KubeObject) -> PolicyKey:
    return (str(item["metadata"]["namespace"]), str(item["metadata"]["name"]))


def _awaited(item: KubeObject, now: datetime) -> bool:
    found = next((one for one in read_conditions(item) if one.type == ConditionType.CERTIFICATE_SERVED), None)
    return found is not None and found.reason in _OPEN and now < found.last_transition_time + LONGEST


def _called(item: KubeObject) -> set[str]:
    """Return whose certificates the last report of a policy tells of; it is read as it stands, because this is asked often."""
    report = (item.get("status") or {}).get("probes") or {}
    return {str(one.get("of")) for one in report.get("served") or ()}
