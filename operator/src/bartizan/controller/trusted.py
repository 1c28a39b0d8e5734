"""When a rotation goes on, everybody under the trust domain has to look: bundle and chains follow from its status."""

from typing import Final

from bartizan.api.names import KubeObject

_OF_NO_MATTER: Final = frozenset({"waitingFor", "publishedAt", "requestRole", "distrusted"})


class RotationNews:
    """Remembers how far the rotation of each trust domain was."""

    def __init__(self) -> None:
        """Know of none."""
        self._seen: dict[str, str] = {}

    def news(self, name: str, item: KubeObject) -> bool:
        """Whether what peers are to trust, or who signs, may differ from when this was last asked."""
        status = item.get("status") or {}
        rotation = status.get("rotation") or {}
        # What is only waited for changes nothing for anybody.
        said = {key: value for key, value in rotation.items() if key not in _OF_NO_MATTER}
        states = [(one.get("id"), one.get("state")) for one in status.get("authorities") or ()]
        now = f"{said} {states} {status.get('bundle')}"
        before, self._seen[name] = self._seen.get(name), now
        return before != now
