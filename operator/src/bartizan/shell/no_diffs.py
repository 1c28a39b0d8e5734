"""What kopf is given as its memory of handled objects: nothing.

Kopf compares each event with what it wrote about the object before, for handlers of changes, of which bartizan has none. Left
to itself it copies every object it sees for that, which costs more than everything else kopf does.
"""

from typing import Any


class NoDiffs:
    """A `kopf.DiffBaseStorage` in which everything looks the same, and nothing is ever kept."""

    def build(self, **_: Any) -> dict[str, Any]:
        """Return what of an object matters: nothing."""
        return {}

    def fetch(self, **_: Any) -> dict[str, Any] | None:
        """Return what was kept of an object: it is as it looks now."""
        return {}

    def store(self, **_: Any) -> None:
        """Keep nothing."""
