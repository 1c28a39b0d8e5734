"""The reference of conditions and the code say the same."""

import re
from pathlib import Path

from bartizan.core.reasons import ConditionType, Reason

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "conditions.md"


def test_every_condition_and_reason_is_in_the_reference():
    """docs/reference/conditions.md names every type and every reason, and none that does not exist."""
    words = set(re.findall(r"`([A-Z][A-Za-z]+)`", PAGE.read_text()))
    states = {"Applied", "Enforced", "PendingConsent", "Degraded", "Denied", "Expired"}
    assert words - states == {*ConditionType, *Reason} - states
