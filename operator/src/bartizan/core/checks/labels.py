"""A pod's labels as messages show them: sorted, because neither JSON nor CEL keeps an order, and cut to a readable length."""

from collections.abc import Mapping
from typing import Final

_LONGEST: Final = 160
_JOINED: Final = "v.labels.map(k, k + '=' + v.labels[k]).sort().join(',')"

LABELS_CEL: Final = (
    f"'{{' + (size({_JOINED}) > {_LONGEST} ? {_JOINED}.substring(0, {_LONGEST}) + '…' : {_JOINED}) + '}}'"
)
"""The CEL twin of `labels_text` over `v`."""


def labels_text(labels: Mapping[str, str]) -> str:
    """Return such as `{app=orders,tier=web}`."""
    joined = ",".join(sorted(f"{key}={value}" for key, value in labels.items()))
    return "{" + (f"{joined[:_LONGEST]}…" if len(joined) > _LONGEST else joined) + "}"
