"""Every field has its place, however the text is written: blocks, flow, aliases, merges, lists, JSON."""

import json

import pytest

from bartizan.cli.manifests import load, read
from bartizan.cli.manifests_folders import Source
from bartizan.cli.manifests_marks import count, json_marks, locate, no_marks
from bartizan.cli.manifests_yaml import documents

YAML = {
    "a block": ("a:\n  b: 1\n  c:\n  - x\n  - y: 2\n    z: 3\n", ("a", "c", 1, "z"), (6, 5)),
    "the second field of a list's item": ("a:\n- b: 1\n  c: 2\n", ("a", 0, "c"), (3, 3)),
    "an item": ("a:\n- b\n-   c\n", ("a", 1), (3, 5)),
    "flow": ("a: {b: [1, {c: 2}], d: 3}\n", ("a", "d"), (1, 21)),
    "within flow": ("a: {b: [1, {c: 2}], d: 3}\n", ("a", "b", 1, "c"), (1, 13)),
    "after a block of text": ("a: |\n  b: 1\n  c: 2\nd: 1\n", ("d",), (4, 1)),
    "a quoted key": ('"a.b/c":\n  "d": 1\n', ("a.b/c", "d"), (2, 3)),
    "what an alias stands for is where its anchor is": ("a: &x {b: 1}\nc: *x\nd: 2\n", ("c", "b"), (1, 8)),
    "after an alias": ("a: &x {b: 1}\nc: *x\nd: 2\n", ("d",), (3, 1)),
    "an alias in a list": ("a: &x {b: {c: 1}}\nd: [*x, 2, {e: 3}]\n", ("d", 2, "e"), (2, 13)),
    "a field that was merged": ("a: &x {b: 1, c: {d: 2}}\ne:\n  <<: *x\n  b: 3\n  f: 4\n", ("e", "c", "d"), (1, 18)),
    "a field that stands above the merge": (
        "a: &x {b: 1, c: {d: 2}}\ne:\n  <<: *x\n  b: 3\n  f: 4\n",
        ("e", "b"),
        (4, 3),
    ),
    "after a merge": ("a: &x {b: 1, c: 2}\ne:\n  <<: *x\n  b: 3\nf: 4\n", ("f",), (5, 1)),
    "two merges": ("a: &x {b: 1}\nc: &y {d: 2}\ne: {<<: [*x, *y], g: 1}\nf: 4\n", ("e", "d"), (2, 8)),
    "after two merges": ("a: &x {b: 1}\nc: &y {d: 2}\ne: {<<: [*x, *y], g: 1}\nf: 4\n", ("f",), (4, 1)),
    "a merge within what is merged": ("a: &x {b: 1}\nc: &y\n  <<: *x\n  d: 1\ne:\n  <<: *y\n", ("e", "b"), (1, 8)),
    "what is missing is where it would stand": ("a:\n  b: 1\n", ("a", "x", "y"), (1, 1)),
    "an item that is missing": ("a: [1]\n", ("a", 3), (1, 1)),
    "nothing of it is there": ("a: 1\n", ("b",), None),
    "CRLF": ("a: 1\r\nb:\r\n  c: 2\r\n", ("b", "c"), (3, 3)),
}


@pytest.mark.parametrize(("text", "path", "place"), YAML.values(), ids=YAML)
def test_yaml(text, path, place):
    """A field is where its key begins; line and column are counted from 1."""
    (document,) = documents(text)
    assert locate(document.value, document.marks, path) == place
    assert len(document.marks) == count(document.value)


JSON = json.dumps({"a": [{"b": 'x"]}'}, {"c": {}, "d": []}], "e": {"f": None, "g": [[1, 2], -1.5e3]}}, indent=2)


def test_json():
    """JSON's fields stand where YAML would find them."""
    (document,) = documents(JSON)
    marks = json_marks(JSON, 0, len(JSON))
    assert marks == document.marks
    assert locate(json.loads(JSON), marks, ("e", "g", 1)) == (18, 7)


def test_a_very_wide_line_keeps_its_line():
    """A column beyond what a mark holds is the last one; the line is right."""
    (document,) = documents("a: {b: " + "x" * 70_000 + ", c: 1}\n")
    assert locate(document.value, document.marks, ("a", "c")) == (1, 65535)


def test_items_of_lists_have_places_of_their_own(tmp_path):
    """Each object of a List is looked into by its own path, in YAML and in JSON, typed lists among them."""
    listing = {"apiVersion": "v1", "kind": "PodList", "items": [{"metadata": {"name": name}} for name in "pq"]}
    (tmp_path / "a.json").write_text(json.dumps(listing, indent=1))
    (tmp_path / "b.yaml").write_text(
        "kind: List\napiVersion: v1\nitems:\n- {kind: Pod, apiVersion: v1}\n- apiVersion: v1\n  kind: Pod\n  spec:\n    x: 1\n"
    )
    found = [one for name in ("a.json", "b.yaml") for one in read(Source(str(tmp_path / name)), print, marks=True)]
    assert [locate(one.item, one.marks, ("metadata", "name")) for one in found[:2]] == [(7, 5), (12, 5)]
    assert locate(found[0].item, found[0].marks, ("kind",)) is None
    assert [locate(one.item, one.marks, ("spec", "x")) for one in found[2:]] == [None, (8, 5)]


def test_nobody_pays_for_places_in_json_unasked(tmp_path):
    """The network's verbs read JSON without them."""
    (tmp_path / "a.json").write_text('{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}')
    assert [one.marks for one in load([str(tmp_path)]).found] == [no_marks()]
