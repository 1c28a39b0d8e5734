"""Durations are spelled the Go way and survive being written and read."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartizan.api.duration import format_duration, parse_duration

SPELLINGS = {
    "hours": ("24h", timedelta(hours=24)),
    "mixed units": ("1h30m", timedelta(minutes=90)),
    "milliseconds are not minutes": ("5ms", timedelta(milliseconds=5)),
    "any order": ("10s1h", timedelta(hours=1, seconds=10)),
    "nothing": ("0s", timedelta()),
}
REFUSED = {
    "empty": "",
    "no unit": "24",
    "unknown unit": "2d",
    "sign": "-1h",
    "fraction": "1.5h",
    "space": "1h 30m",
    "line break": "1h\n",
    "digits of another script": "\u0661h",
    "ISO 8601": "PT24H",
    "longer than a timedelta": "9" * 20 + "h",
    "longer than the schema allows": "1s" * 17,
    "a number": 24,
    "nothing at all": None,
}


@pytest.mark.parametrize(("text", "span"), SPELLINGS.values(), ids=SPELLINGS)
def test_reads_what_go_reads(text, span):
    """A spelling that Go's ParseDuration takes means the same span."""
    assert parse_duration(text) == span


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_refuses_the_rest(text):
    """Anything else is refused with the value and a spelling that would do; never with another exception."""
    with pytest.raises(ValueError, match="not a duration") as refusal:
        parse_duration(text)
    assert repr(text) in str(refusal.value)


@given(st.integers(min_value=0, max_value=10**12))
def test_round_trip(milliseconds):
    """Every span of whole milliseconds is read back from its spelling."""
    span = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(span)) == span


@given(st.integers(min_value=0, max_value=10**12))
def test_spelling_is_canonical(milliseconds):
    """A spelling that was read is written the same way again, so that server-side apply sees no difference."""
    text = format_duration(timedelta(milliseconds=milliseconds))
    assert format_duration(parse_duration(text)) == text
