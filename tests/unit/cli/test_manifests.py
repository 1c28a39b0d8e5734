"""Files in, objects with their places out; whatever a file holds ends in a position and a sentence, never in a traceback."""

import io
import json
import os
import sys

import pytest

from bartizan.cli.manifests import MAX_BYTES, Manifests, load
from bartizan.cli.manifests_yaml import MAX_ALIASED, documents

OBJECT = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
SCALARS = {
    "text stays text": ("abc", "abc"),
    "quoted numbers are text": ('"8080"', "8080"),
    "numbers": ("8080", 8080),
    "octal as kubectl reads it": ("0644", 420),
    "new octal": ("0o644", 420),
    "hex": ("0x1F", 31),
    "negative": ("-3", -3),
    "underscores": ("1_000", 1000),
    "floats with an exponent": ("1e3", 1000.0),
    "floats": ("-1.5", -1.5),
    "a float beyond all is text": ("12e4567", "12e4567"),
    "an integer beyond all floats is text": ("9" * 400, "9" * 400),
    "an integer that Python does not take is text": ("9" * 5000, "9" * 5000),
    "a prefix without digits is text": ("0x_", "0x_"),
    "dates stay text": ("2027-01-01", "2027-01-01"),
    "base 60 stays text": ("22:22", "22:22"),
    "versions stay text": ("1.2.3", "1.2.3"),
    "yes is a boolean": ("yes", True),
    "off is a boolean": ("off", False),
    "nothing is null": ("", None),
    "tilde is null": ("~", None),
    "a tag makes text": ("!!str 12", "12"),
    "an unknown tag is passed over": ("!Ref thing", "thing"),
}


def read(tmp_path, text, name="a.yaml"):
    """Return what one file gives."""
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return load([str(tmp_path / name)])


def problems(found: Manifests, tmp_path) -> list[str]:
    """Return the problems without the folder."""
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in found.problems]


def places(found: Manifests, tmp_path) -> list[tuple[str, str]]:
    """Return titles and places without the folder."""
    return [(one.title, str(one.place).removeprefix(f"{tmp_path}/")) for one in found.found]


@pytest.mark.parametrize(("text", "value"), SCALARS.values(), ids=SCALARS)
def test_scalars_mean_what_kubectl_takes_them_for(text, value):
    """A scalar has the value and the type that go-yaml gives it."""
    (document,) = documents(f"a: {text}\n")
    assert (document.value, type(document.value["a"])) == ({"a": value}, type(value))


def test_documents_and_lists_keep_their_lines(tmp_path):
    """Each object of a file, and each of a List, has the line on which it begins."""
    text = f"# first\n{OBJECT}---\n---\nkind: List\napiVersion: v1\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {{name: p, namespace: shop}}\n- {{apiVersion: v1, kind: Pod, metadata: {{name: q}}}}\n"
    assert places(read(tmp_path, text), tmp_path) == [
        ("ConfigMap a", "a.yaml:2"), ("Pod shop/p", "a.yaml:10"), ("Pod q", "a.yaml:13"),
    ]  # fmt: skip


def test_json_and_typed_lists_are_read(tmp_path):
    """What `kubectl get pods -o json` prints is read as pods, whatever the file is called."""
    listing = {"apiVersion": "v1", "kind": "PodList", "items": [{"metadata": {"name": "p"}}]}
    for name in ("a.json", "a.txt", "a.yaml"):
        assert [one.title for one in read(tmp_path, json.dumps(listing), name).found] == ["Pod p"]


NO_LISTS = {
    "items is a number": (
        "kind: List\napiVersion: v1\nitems: 7\n",
        "a.yaml:3:1: items of the List is 7; allowed: a list of objects",
    ),
    "items is an object": (
        "kind: PodList\napiVersion: v1\nitems: {metadata: {name: a-name-that-is-longer-than-a-line-takes}}\n",
        'a.yaml:3:1: items of the PodList is {"metadata": {"name": "a-name-that-is-lo…; allowed: a list of objects',
    ),
    "an item is a number": (
        f"{OBJECT}---\nkind: List\napiVersion: v1\nitems:\n- {{}}\n- 7\n",
        "a.yaml:9:3: items[1] of the List is 7; allowed: an object",
    ),
    "an item is nothing": (
        "kind: NetworkPolicyList\napiVersion: networking.k8s.io/v1\nitems: [~]\n",
        "a.yaml:3:9: items[0] of the NetworkPolicyList is null; allowed: an object",
    ),
    "one of ours": (
        "kind: ServiceSecurityPolicyList\napiVersion: bartizan.dev/v1alpha1\nitems: web\n",
        'a.yaml:3:1: items of the ServiceSecurityPolicyList is "web"; allowed: a list of objects',
    ),
    "JSON": (
        '{"kind": "List", "apiVersion": "v1",\n "items": 7}',
        "a.yaml:1: items of the List is 7; allowed: a list of objects",
    ),
}


@pytest.mark.parametrize(("text", "said"), NO_LISTS.values(), ids=NO_LISTS)
def test_a_list_of_something_else_than_objects_is_a_problem_with_its_place(tmp_path, text, said):
    """What the API server could not read is not passed over as if nothing were in it."""
    assert problems(read(tmp_path, text), tmp_path) == [said]


@pytest.mark.parametrize("items", ["", "items:\n", "items: []\n"], ids=["none", "null", "empty"])
def test_a_list_may_be_empty(tmp_path, items):
    """No items are no mistake."""
    assert problems(read(tmp_path, f"kind: List\napiVersion: v1\n{items}"), tmp_path) == []


def test_another_groups_kind_may_end_like_a_list(tmp_path):
    """What an operator calls an IPList need not hold objects."""
    text = "kind: IPList\napiVersion: net.example.com/v1\nitems: {a: 1}\nmetadata: {name: x}\n"
    assert places(read(tmp_path, text), tmp_path) == [("IPList x", "a.yaml:1")]


def test_merge_keys_and_aliases_are_followed(tmp_path):
    """An alias is the value itself; `<<` fills in what is not there."""
    (document,) = documents("base: &b {c: 1, d: 2}\nmore: {<<: *b, d: 3}\nagain: *b\n")
    assert document.value == {"base": {"c": 1, "d": 2}, "more": {"c": 1, "d": 3}, "again": {"c": 1, "d": 2}}


def test_folders_are_walked_in_order_and_links_end(tmp_path):
    """Files by name, hidden ones and other kinds passed over; a folder linked into itself is read once."""
    for name in ("b.yml", "a.yaml", "sub/c.json", ".hidden/d.yaml", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}}')
    (tmp_path / "sub/loop").symlink_to(tmp_path)
    (tmp_path / "again.yaml").symlink_to(tmp_path / "a.yaml")
    found = load([str(tmp_path), str(tmp_path / "a.yaml")])
    assert [place for _, place in places(found, tmp_path)] == ["a.yaml:1", "b.yml:1", "sub/c.json:1"]


def test_what_is_no_kubernetes_object_is_passed_over(tmp_path):
    """A chart's values, a list, a text and an empty file give nothing and are no mistake."""
    for text in ("replicas: 3\n", "- a\n", "text\n", "", "---\n---\n"):
        assert read(tmp_path, text) == Manifests()


def test_standard_input_is_a_dash(monkeypatch):
    """`-` reads what is piped in."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(OBJECT.encode())))
    assert [str(one.place) for one in load(["-"]).found] == ["-:1"]


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdef", "bcdefg", strict=True)
)
BROKEN = {
    "a broken flow": ("a: [1\nb: 2\n", "a.yaml:2:2: not YAML: did not find expected ',' or ']'"),
    "a tab": ("a:\n\tb: 1\n", "a.yaml:2:1: not YAML: found character that cannot start any token; indent with spaces, not with a tab"),
    "a repeated key": ("a: 1\nb: 2\na: 3\n", "a.yaml:3:4: key 'a' stands here twice"),
    "an alias bomb": (BOMB, f"a.yaml:5:29: aliases stand for more than {MAX_ALIASED} values"),
    "an alias to nothing": ("a: *b\n", "a.yaml:1:4: alias *b has no anchor before it, or lies within it"),
    "an alias within itself": ("a: &a [*a]\n", "a.yaml:1:8: alias *a has no anchor before it, or lies within it"),
    "a deep one": ("a: " + "[" * 500 + "]" * 500, "a.yaml:1:203: collections lie deeper than 200 in each other"),
    "a template": ("a: {{ .Values.x }}\n", "a.yaml:1:5: a key must be text; quote what begins with { or [; it looks like a template: render it first, as with helm template"),
    "a control character": ("a: b\x01\n", "a.yaml:1:1: not YAML: control characters are not allowed"),
    "a binary": (b"\x7fELF\n\x00\x01", "a.yaml:2: is binary: it holds a NUL byte"),
    "another encoding": ("a: b\nc: é\n".encode("latin-1"), "a.yaml:2: is not UTF-8: byte 0xe9"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "problem"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_named_with_its_position(tmp_path, text, problem):
    """What cannot be read is one sentence that begins with file, line and column."""
    assert problems(read(tmp_path, text), tmp_path) == [problem]


def test_broken_json_is_named_with_its_position(tmp_path):
    """JSON has positions too, and repeats no key."""
    found = [
        problems(read(tmp_path, text, "a.json"), tmp_path)
        for text in ('{"a": 1,\n}', '{"a": 1, "a": 2}', "[" * 100_000)
    ]
    assert found[0][0].startswith("a.json:2:1: not JSON: ") or found[0][0].startswith("a.json:1:8: not JSON: ")
    assert found[1:] == [
        ["a.json:1:1: key 'a' stands twice in one object"],
        ["a.json:1:1: collections lie too deep in each other"],
    ]


def test_one_broken_file_hides_no_other(tmp_path):
    """The others are read, and everything that is wrong is listed."""
    (tmp_path / "a.yaml").write_text("a: [\n")
    (tmp_path / "b.yaml").write_text(OBJECT)
    (tmp_path / "c.yaml").write_text("a: b: c\n")
    found = load([str(tmp_path), str(tmp_path / "missing.yaml")])
    assert [one.title for one in found.found] == ["ConfigMap a"]
    assert [line.partition(":")[0] for line in problems(found, tmp_path)] == ["a.yaml", "c.yaml", "missing.yaml"]
    assert problems(found, tmp_path)[-1] == "missing.yaml: cannot be read: No such file or directory"


def test_windows_line_ends_and_a_byte_order_mark_are_read(tmp_path):
    """CRLF and a UTF-8 mark change nothing."""
    text = b"\xef\xbb\xbf" + OBJECT.replace("\n", "\r\n").encode()
    assert [one.item for one in read(tmp_path, text).found] == [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    ]


def test_a_huge_file_is_not_read(tmp_path):
    """A file beyond the bound is refused by its size; what is no file at all by what it is."""
    with (tmp_path / "a.yaml").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    os.mkfifo(tmp_path / "b.yaml")
    assert problems(load([str(tmp_path)]), tmp_path) == [
        "a.yaml: is larger than 64 MiB: split it",
        "b.yaml: is neither a file nor a folder",
    ]
