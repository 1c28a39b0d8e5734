"""Finds labels that one selector takes and others don't: the pod that a foreign NetworkPolicy admits and the policy does not.

Every requirement of a label selector limits the values of one key, so that two requirements on a key can be cut with each other
and a requirement can be turned round. Leaving a selector out means that one of its requirements fails; which one is tried in
turn. In the worst case that takes exponential time, so there is a limit for all questions about one foreign policy together,
and reaching it is an answer of its own: whoever writes one must not be able to keep the controller busy with it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from bartizan.api.names import KubeObject
from bartizan.core.network.peers import NAMESPACE_LABEL

Key: TypeAlias = tuple[Literal["namespace", "pod"], str]
"""A label of the namespace or of the pod."""
Labels: TypeAlias = Mapping[Key, str]

TRIES: Final = 20_000
"""How many ways of failing are tried before the search is given up: some hundred milliseconds."""
_FRESH: Final = "any"


class UndecidedError(Exception):
    """The selectors are too entangled to tell within the limit."""


class Tries:
    """What is left of the limit; searches that share it share the limit."""

    def __init__(self, left: int = TRIES) -> None:
        """Begin with `left` tries."""
        self._left = left

    def spend(self) -> None:
        """Take one away; raises UndecidedError if there is none."""
        if not self._left:
            raise UndecidedError
        self._left -= 1


@dataclass(frozen=True, slots=True)
class Choice:
    """What a label may be, None meaning absent: one of `listed`, or with `others` anything but those."""

    listed: frozenset[str | None]
    others: bool = False

    @property
    def none_left(self) -> bool:
        """Whether nothing is allowed."""
        return not self.listed and not self.others

    def cut(self, more: "Choice") -> "Choice":
        """Return what both allow."""
        if self.others and more.others:
            return Choice(self.listed | more.listed, others=True)
        if not self.others and not more.others:
            return Choice(self.listed & more.listed)
        few, rest = (more, self) if self.others else (self, more)
        return Choice(few.listed - rest.listed)

    def turned(self) -> "Choice":
        """Return what this does not allow."""
        return Choice(self.listed, others=not self.others)

    def pick(self) -> str | None:
        """Return one of what is allowed: absent if it may be, else the first value, else one that nobody mentions."""
        if self.others:
            fresh = (f"{_FRESH}{n or ''}" for n in range(len(self.listed) + 1))
            return next(word for word in fresh if word not in self.listed) if None in self.listed else None
        return None if None in self.listed else min(value for value in self.listed if value is not None)


_ANYTHING: Final = Choice(frozenset(), others=True)
_PRESENT: Final = Choice(frozenset({None}), others=True)
Limits: TypeAlias = tuple[tuple[Key, Choice], ...]


def peer_limits(peer: KubeObject, policy_namespace: str) -> Limits:
    """Return what a peer element with selectors demands of a pod and its namespace."""
    own: tuple[Key, Choice] = (("namespace", NAMESPACE_LABEL), Choice(frozenset({policy_namespace})))
    place = list(_limits("namespace", peer["namespaceSelector"])) if "namespaceSelector" in peer else [own]
    return (*place, *_limits("pod", peer.get("podSelector") or {}))


def pod_limits(selector: KubeObject) -> Limits:
    """Return what a pod selector demands."""
    return tuple(_limits("pod", selector))


def labels_between(wanted: Limits, avoided: Sequence[Limits], tries: Tries | None = None) -> Labels | None:
    """Return labels that meet `wanted` and none of `avoided`; None if there are none. `tries` is the whole limit if left out.

    Raises:
        UndecidedError: not found, and not ruled out, within the limit.
    """
    start: dict[Key, Choice] = {("namespace", NAMESPACE_LABEL): _PRESENT}
    for key, choice in wanted:
        start[key] = start.get(key, _ANYTHING).cut(choice)
    if any(choice.none_left for choice in start.values()):
        return None
    search = _Search([limits for limits in avoided if _meets(start, limits)], tries or Tries())
    found = search.run(start, 0)
    if found is None:
        return None
    picked = {key: choice.pick() for key, choice in found.items()}
    return {key: value for key, value in picked.items() if value is not None}


class _Search:
    """Tries, for each selector to be avoided, every way of failing it; those with the fewest ways first."""

    def __init__(self, avoided: Sequence[Limits], tries: Tries) -> None:
        self._avoided = sorted(avoided, key=len)
        self._tries = tries

    def run(self, known: Mapping[Key, Choice], place: int) -> Mapping[Key, Choice] | None:
        """Return what is left of `known` when all selectors from `place` on are avoided."""
        while place < len(self._avoided) and not _meets(known, self._avoided[place]):
            place += 1
        if place == len(self._avoided):
            return known
        for key, choice in self._avoided[place]:
            self._tries.spend()
            rest = known.get(key, _ANYTHING).cut(choice.turned())
            found = None if rest.none_left else self.run({**known, key: rest}, place + 1)
            if found is not None:
                return found
        return None


def _meets(known: Mapping[Key, Choice], limits: Limits) -> bool:
    """Whether something that is allowed may meet the limits."""
    met = dict(known)
    for key, choice in limits:
        met[key] = met.get(key, _ANYTHING).cut(choice)
        if met[key].none_left:
            return False
    return True


def _limits(side: Literal["namespace", "pod"], selector: KubeObject) -> Iterator[tuple[Key, Choice]]:
    for key, value in (selector.get("matchLabels") or {}).items():
        yield (side, key), Choice(frozenset({value}))
    for expression in selector.get("matchExpressions") or ():
        values: frozenset[str | None] = frozenset(expression.get("values") or ())
        choices = {
            "In": Choice(values),
            "NotIn": Choice(values, others=True),
            "Exists": _PRESENT,
            "DoesNotExist": _PRESENT.turned(),
        }
        yield (side, expression["key"]), choices[expression["operator"]]
