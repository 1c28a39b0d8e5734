"""`bartizan pki` as a person runs it, on saved objects and where no cluster is: streams and exit codes."""

import json
from pathlib import Path

import pytest
import yaml

from commands.test_network_verbs import run
from unit.pki.builders import NOW
from unit.pki.telling import told
from unit.pki.test_asking import an_item
from unit.pki.test_consumers import CERTIFICATE, a_holder

AT = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def saved(tmp_path):
    """The path of a trust domain at rest with a policy, as `kubectl get -o yaml` saves them; and the root's id."""
    story = told()
    certificate = {**CERTIFICATE, "authority": story.id("Issuing", 1)}
    edges = [{"to": "shop/orders", "state": "Applied"}]
    caller = a_holder(certificate={**certificate, "secretName": "web-tls"}, edges=edges)
    caller["metadata"] = {"namespace": "shop", "name": "web", "uid": "web"}
    path = tmp_path / "saved.yaml"
    items = [an_item(story), a_holder(certificate=certificate), caller]
    path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": items}))
    return str(path), story.id("Root", 1)


def test_a_walk_in_which_nobody_is_known_to_be_refused_exits_with_0(saved):
    """The timeline, who might be refused, and what was not in the files, on standard output."""
    path, _ = saved
    done = run("pki", "simulate", "-f", path, "--at", AT)
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert lines[:3] == [
        f"If the root of trust domain default rotated now ({AT}), at the earliest:",
        "  Prepared    at once      the next authority is made",
        "  Publishing  at once      the new root joins every bundle; the old one signs",
    ]
    assert "0 of 2 policies with a certificate are known to take up a new one." in lines
    assert "not seen: pods (none are in the files)" in lines


def test_the_same_objects_have_the_same_answer(saved):
    """Byte for byte, although every walk makes keys of its own."""
    path, _ = saved
    first, again = (run("pki", "simulate", "-f", path, "--at", AT, "--output", "json").stdout for _ in range(2))
    assert first == again
    assert json.loads(first)["over"] == "2026-03-02T10:00:02Z"


def test_a_walk_that_breaks_something_exits_with_1(saved, tmp_path):
    """A policy that was seen to go on with its old certificate is cut off when the root is distrusted."""
    path, root = saved
    items = yaml.safe_load(Path(path).read_text())["items"]
    stale = {
        "type": "CertificateServed",
        "status": "False",
        "reason": "ServedStale",
        "message": "old",
        "lastTransitionTime": AT,
    }
    items[1]["status"]["conditions"] = [stale]
    items[2]["spec"]["mtls"] = {"onRotation": {"strategy": "Restart"}}
    worse = tmp_path / "worse.yaml"
    worse.write_text(yaml.safe_dump_all(items))
    done = run("pki", "simulate", "distrust", root, "-f", str(worse), "--at", AT, "--output", "json")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert found["deadline"] == "2026-03-01T12:15:00Z"
    assert [one["loads"] for one in found["policies"]] == ["Never", "Restarted"]


def test_a_walk_that_cannot_begin_exits_with_1(saved):
    """And says why."""
    path, _ = saved
    done = run("pki", "simulate", "current", "-f", path, "--at", AT)
    assert (done.returncode, done.stdout.splitlines()[1]) == (1, "  nothing begins: nothing rotates now")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("rotate",), "name what rotates (root or issuing), or --abort alone"),
        (("rotate", "root", "--abort"), "name what rotates"),
        (("rotate", "--abort", "--id", "a"), "name what rotates"),
        (("rotate", "root", "--output", "xml"), "--output is 'xml'; allowed: text and yaml"),
        (("status", "--output", "yaml"), "--output is 'yaml'; allowed: text and json"),
        (("distrust", "1f0c9a6e52b7d384", "--deadline", "now"), "--deadline is 'now'; allowed: a duration such as 15m"),
        (("simulate", "distrust", "-f", "-"), "an AUTHORITY-ID goes with distrust"),
        (("simulate", "leaf", "-f", "-"), "'leaf' does not rotate; allowed: root and issuing"),
        (("simulate", "--live", "-f", "-"), "give one of them"),
        (("simulate", "-f", "-", "--at", "noon"), "--at is 'noon'"),
        (("simulate", "-f", "-", "--at", "2027-01-01"), "which has no zone"),
        (("simulate", "-f", "-", "--trust-domain", "prod"), "the files hold no TrustDomain prod"),
        (("simulate", "distrust", "0" * 16, "-f", "-"), "uses no authority '0000000000000000'; it uses:"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_command_lines_exit_with_2(saved, args, words):
    """One line on standard error: the value, and what is allowed."""
    done = run("pki", *args, given=Path(saved[0]).read_text())
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert words in done.stderr


def test_without_a_cluster_the_way_to_one_is_said(tmp_path):
    """Exit code 2 and one line, for each command that needs a cluster."""
    nowhere = str(tmp_path / "kubeconfig")
    for args in (["status"], ["rotate", "root", "--yes"], ["distrust", "0" * 16, "--yes"], ["simulate"]):
        done = run("pki", *args, "--kubeconfig", nowhere)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert nowhere in done.stderr
