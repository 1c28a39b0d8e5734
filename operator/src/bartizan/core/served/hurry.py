"""Whose probe is due sooner, because a service that it can see has a new certificate that nobody has seen served yet.

One caller of each such service is enough, and not for ever: a service that never shows what it should is not worth a pod a
minute after an hour.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from pydantic import ValidationError

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import CertificateStatus
from bartizan.core.conditions import read_conditions
from bartizan.core.model import PolicyKey
from bartizan.core.network.proof import read_report
from bartizan.core.pki.profile import BACKDATE
from bartizan.core.reasons import ConditionType, Reason

LONGEST: Final = timedelta(hours=1)
"""For how long after a certificate was issued it is looked for more often."""
_OPEN: Final = frozenset({Reason.NOT_CONFIRMED, Reason.SERVED_STALE})


def hurried(policies: Iterable[KubeObject], now: datetime) -> frozenset[PolicyKey]:
    """Return the policies whose probes show the most of what is waited for; `policies` are the objects themselves."""
    sees: dict[PolicyKey, PolicyKey] = {}
    wanted = set()
    for item in policies:
        key = (str(item["metadata"]["namespace"]), str(item["metadata"]["name"]))
        if _awaited(item, now):
            wanted.add(key)
        for called in _seen_by(item):
            sees[called] = min(key, sees.get(called, key))
    return frozenset(sees[called] for called in wanted & sees.keys())


def _awaited(item: KubeObject, now: datetime) -> bool:
    found = next((one for one in read_conditions(item) if one.type == ConditionType.CERTIFICATE_SERVED), None)
    if found is None or found.status == "True" or found.reason not in _OPEN:
        return False
    issued = _issued(item.get("status") or {})
    return issued is not None and now < issued + LONGEST


def _issued(status: Mapping[str, object]) -> datetime | None:
    try:
        begins = CertificateStatus.model_validate(status.get("certificate")).not_before
        return begins + BACKDATE if begins else None
    except (ValidationError, OverflowError):
        return None


def _seen_by(item: KubeObject) -> frozenset[PolicyKey]:
    report = read_report(item)
    names = {one.of for one in report.served} if report else set()
    return frozenset((space, name) for space, _, name in (text.partition("/") for text in names))
