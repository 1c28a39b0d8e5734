"""Who names whom: the reverse of what policies declare, kept up to date so that nobody has to look through all of them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from bartizan.core.model import InvalidPolicy, PolicyKey, PolicyView
from bartizan.core.network.peers import neighbours


class Callers:
    """The policies that name a policy, as caller or called side."""

    def __init__(self, policies: Mapping[PolicyKey, PolicyView | InvalidPolicy]) -> None:
        """Follow `policies`, which is the picture's own mapping and changes with it."""
        self._policies = policies
        self._naming: defaultdict[PolicyKey, set[PolicyKey]] = defaultdict(set)

    def changed(
        self, key: PolicyKey, before: PolicyView | InvalidPolicy | None, after: PolicyView | InvalidPolicy | None
    ) -> set[PolicyKey]:
        """Take in that a policy changed; return it and all that are or were around it."""
        was, now = _named(before), _named(after)
        for other in was - now:
            self._naming[other].discard(key)
        for other in now - was:
            self._naming[other].add(key)
        return {key, *was, *now, *self._naming.get(key, ())}

    def around(self, keys: Iterable[PolicyKey]) -> set[PolicyKey]:
        """Return the policies that these name or that name them."""
        return {other for key in keys for other in self._naming.get(key, set()) | _named(self._policies.get(key))}

    def by_policy(self) -> Mapping[PolicyKey, frozenset[PolicyKey]]:
        """Return who names each policy; the value is the caller's."""
        return {key: frozenset(who) for key, who in self._naming.items()}


def _named(view: PolicyView | InvalidPolicy | None) -> frozenset[PolicyKey]:
    return neighbours(view) if isinstance(view, PolicyView) else frozenset()
