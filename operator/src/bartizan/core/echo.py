"""Whether the API server's answer to a write says nothing that its writer did not know: then nobody has to look for it.

Every write comes back, in the answer and in the watch. Looking again for each is what makes a controller sure of itself, and
half of its work. It is left out only where the object is to the letter what was meant: what anybody else wrote in between,
defaulted or mutated shows as a difference and is looked at.
"""

from typing import Any, Final

from bartizan.api.kinds import SECRET
from bartizan.api.names import KubeObject
from bartizan.core.plan import Apply, Plan

_MOVES: Final = frozenset({"resourceVersion", "managedFields"})
"""What every write changes."""
_MEANT: Final = ("labels", "annotations", "ownerReferences")


def final(plan: Plan) -> bool:
    """Whether carrying out the plan ends the matter: a certificate and what is said of it.

    A plan that writes NetworkPolicies or deletes is a step, and the next one depends on how the cluster stands after it.
    """
    return not plan.deletes and all(apply.item["kind"] == SECRET.kind for apply in plan.applies)


def as_meant(apply: Apply, before: KubeObject | None, answer: KubeObject) -> bool:
    """Whether `answer` is what `apply` meant and nothing else; `before` is the object as it was known until then."""
    if apply.status:
        same = before is not None and _rest(before) == _rest(answer)
        return same and bool(answer.get("status") == apply.item["status"])
    meta, meant = answer["metadata"], apply.item["metadata"]
    writers = {entry.get("manager") for entry in meta.get("managedFields") or ()}
    return (
        writers == {apply.manager}
        and all((meta.get(key) or None) == (meant.get(key) or None) for key in _MEANT)
        and "deletionTimestamp" not in meta
        and _body(answer) == _body(apply.item)
    )


def _rest(item: KubeObject) -> KubeObject:
    """Return the metadata that a write of the status leaves alone; the generation stands for the specification."""
    return {key: value for key, value in item["metadata"].items() if key not in _MOVES}


def _body(item: KubeObject) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key != "metadata"}
