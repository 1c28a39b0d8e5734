"""The judgement over the probers' lines: if it could not find a fault, the packets would prove nothing."""

import json

import pytest

from packets.boutique import AFTER, BEFORE, BOUTIQUE, Edge, every_way
from packets.manifests import policies
from packets.reading import Attempt, during, lost, passed, read, seldom, switched_once

WAY = Edge("a/x", "a/y", 80, "TCP")


def attempts(*outcomes: str) -> list[Attempt]:
    """One attempt a second."""
    return [Attempt("pod", WAY, float(number), outcome) for number, outcome in enumerate(outcomes)]


def test_a_pods_lines_are_read_whole() -> None:
    """Attempts, the number announced at the end, and what is no attempt are kept apart."""
    lines = [json.dumps([1, 5.0, "a/y", 80, "TCP", "ok"]), "Traceback", json.dumps({"end": 1})]
    record = read("pod", "a/x", lines)
    assert record.attempts == (Attempt("pod", WAY, 5.0, "ok"),)
    assert (record.announced, record.complaints) == (1, ("Traceback",))


@pytest.mark.parametrize("outcome", ["timeout", "ConnectionRefusedError: x", "answered by b'a/z'"])
def test_whatever_is_not_the_right_answer_is_lost(outcome) -> None:
    """A timeout, a refusal and another service's answer are each a lost connection; another way's are not."""
    seen = attempts("ok", outcome)
    assert lost(seen, frozenset({WAY})) == seen[1:]
    assert lost(seen, frozenset()) == []


@pytest.mark.parametrize("outcome", ["ok", "ConnectionRefusedError: x", "answered by b'a/z'"])
def test_whatever_comes_back_has_passed(outcome) -> None:
    """An answer and a refusal both show that a packet went through where nothing may."""
    seen = attempts("timeout", outcome)
    assert passed(seen, frozenset({WAY})) == seen[1:]


def test_what_was_seldom_tried_is_named() -> None:
    """A way without enough attempts is listed with its number, also if there was none."""
    other = Edge("a/y", "a/x", 80, "UDP")
    assert seldom(attempts("ok", "ok"), frozenset({WAY, other}), 2) == {str(other): 0}


@pytest.mark.parametrize(
    ("outcomes", "once"),
    [(("ok", "ok"), True), (("ok", "timeout"), True), (("timeout", "ok", "timeout"), False), ((), True)],
)
def test_flicker_is_seen(outcomes, once) -> None:
    """One change of outcome is a change; two are a flicker."""
    assert switched_once(attempts(*outcomes)) is once


def test_a_time_window_is_half_open() -> None:
    """An attempt belongs to the window in which it began."""
    assert [attempt.began for attempt in during(attempts("ok", "ok", "ok"), 1, 2)] == [1.0]


def test_the_boutique_is_a_published_application_with_one_edge_over_udp() -> None:
    """Twelve services, seventeen edges of which one is UDP, each on a port its called side declares."""
    ports = {str(service): set(service.ports) for service in BOUTIQUE}
    assert (len(BOUTIQUE), len(BEFORE), len(AFTER)) == (12, 17, 17)
    assert [edge.protocol for edge in BEFORE].count("UDP") == 1
    assert all((edge.port, edge.protocol) in ports[edge.target] for edge in BEFORE | AFTER)
    assert every_way(BOUTIQUE) >= BEFORE | AFTER


def test_policies_declare_each_edge_on_both_sides() -> None:
    """As many entries in as out, one for each edge."""
    specs = [item["spec"]["network"] for item in policies(BOUTIQUE, BEFORE)]
    assert sum(len(spec["ingress"]) for spec in specs) == sum(len(spec["egress"]) for spec in specs) == 17
