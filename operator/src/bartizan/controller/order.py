"""Who looks first when many have to: what others wait for, then who has no certificate, then whose certificate ends first.

The order costs nothing while there is time for all of them. It counts after a rotation, or after a controller was away for
long: then the ones with the least time left are also the first to ask for their turn at the signer.
"""

from collections.abc import Iterable

from bartizan.api.kinds import POLICY
from bartizan.controller.keys import Key, Subject, rank
from bartizan.controller.world import World


def by_urgency(world: World, keys: Iterable[Key]) -> list[Key]:
    """Return `keys` in the order in which they are looked at, by what `world` knows now."""

    def urgency(key: Key) -> tuple[int, str, Key]:
        item = world.item(POLICY, key.namespace, key.name) if key.subject is Subject.POLICY else None
        certificate = ((item or {}).get("status") or {}).get("certificate") or {}
        # Times of one form sort as text; none at all sorts first.
        return (rank(key), str(certificate.get("notAfter") or ""), key)

    asked = list(keys)
    return sorted(asked, key=urgency) if len(asked) > 1 else asked
