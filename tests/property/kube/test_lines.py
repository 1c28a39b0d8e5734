"""Lines do not depend on how the network cuts the stream."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bartizan.kube.lines import LineSplitter


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=20))
def test_chunks_do_not_matter(text, cuts):
    """Any chunking of a stream yields the same complete lines, in order."""
    places = sorted({0, len(text), *(cut for cut in cuts if cut <= len(text))})
    splitter = LineSplitter()
    found = [line for start, end in pairwise(places) for line in splitter.feed(text[start:end])]
    assert found == [line for line in text.split(b"\n")[:-1] if line.strip()]
