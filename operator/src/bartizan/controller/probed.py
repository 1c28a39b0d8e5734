"""When a policy was probed matters to those around it: a new probe of one policy proves edges of its neighbours too."""

from bartizan.api.names import KubeObject
from bartizan.core.model import PolicyKey


class ProbedTimes:
    """Remembers when each policy was probed last."""

    def __init__(self) -> None:
        """Know of no probe."""
        self._seen: dict[PolicyKey, str] = {}

    def news(self, key: PolicyKey, item: KubeObject) -> bool:
        """Whether the policy was probed since this was last asked."""
        at = str(((item.get("status") or {}).get("probes") or {}).get("at", ""))
        before = self._seen.get(key, "")
        self._seen[key] = at
        return at != before
