"""From a question to its answer: what is observed is gathered once, the preview decides, the answer says it.

Nothing here blocks a write that it cannot judge: other kinds and verbs are allowed without a word, and when the pods of the
namespace can't be listed the preview says so instead of guessing.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from bartizan.api.kinds import POD, POLICY
from bartizan.api.names import KubeObject
from bartizan.core.model import InvalidPolicy, PolicyView, Snapshot
from bartizan.core.preview import PREFIX, Preview, preview
from bartizan.core.views import read_policy
from bartizan.kube.api import KubeApi
from bartizan.kube.clock import Clock, SystemClock
from bartizan.kube.errors import KubeError
from bartizan.webhook.codec import Answer, Review

_JUDGED: Final = ("CREATE", "UPDATE")
_UNNAMED: Final = "(unnamed)"


class Reviewer:
    """Answers reviews of policies from what its reflectors hold, and a list of the namespace's pods taken for each review."""

    def __init__(self, api: KubeApi, snapshot: Callable[[], Snapshot], *, clock: Clock | None = None) -> None:
        self._api = api
        self._snapshot = snapshot
        self._clock = clock or SystemClock()

    async def answer(self, review: Review) -> Answer:
        """Return the answer. Never raises for anything that is in the review."""
        if review.kind != POLICY.kind or review.operation not in _JUDGED:
            return Answer(allowed=True)
        new = read_policy(_canonical(review, review.new))
        if isinstance(new, InvalidPolicy):
            return Answer(allowed=False, message=f"{PREFIX}{new.problem}")
        before = read_policy(_canonical(review, review.old)) if review.old else None
        old = before if isinstance(before, PolicyView) else None
        pods = await self._pods(review.namespace)
        snapshot = replace(self._snapshot(), now=self._clock.now())
        # A preview of a large namespace takes tens of milliseconds: readiness and other reviews go on meanwhile.
        return _told(await asyncio.to_thread(preview, old, new, snapshot, pods))

    async def _pods(self, namespace: str) -> list[KubeObject] | None:
        try:
            return list((await self._api.list(POD, namespace=namespace)).items)
        except KubeError:
            return None


def _told(seen: Preview) -> Answer:
    if seen.errors:
        return Answer(allowed=False, message=PREFIX + "; ".join(seen.errors), warnings=seen.warnings)
    return Answer(allowed=True, warnings=seen.warnings)


def _canonical(review: Review, item: KubeObject | None) -> KubeObject:
    """Return the policy with a name and namespace that are strings, whatever was sent.

    The namespace is the request's: the API server has checked that one, and an object may leave it out.
    """
    given = item or {}
    meta: Any = given.get("metadata")
    meta = meta if isinstance(meta, dict) else {}
    generation = meta.get("generation")
    return {
        "metadata": {
            "namespace": review.namespace,
            "name": review.name or _string(meta.get("name")) or _string(meta.get("generateName")) or _UNNAMED,
            "uid": _string(meta.get("uid")),
            "generation": generation if isinstance(generation, int) else 0,
        },
        "spec": given.get("spec"),
    }


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""
