"""What the probes prove, contradict and leave open."""

from datetime import UTC, datetime, timedelta

import pytest

from bartizan.api.v1alpha1 import EdgeStatus, ProbedFlow, ProbeReport
from bartizan.core.model import PolicyKey
from bartizan.core.network.proof import Proof, fold, peer_of, read_report, speaks_of
from bartizan.core.observations import network
from bartizan.core.reasons import Mode
from bartizan.testing import a_policy

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
EARLIER = NOW - timedelta(minutes=5)
MAX_AGE = timedelta(minutes=30)
WEB, ORDERS = ("shop", "web"), ("shop", "orders")
TO_ORDERS = EdgeStatus(to="shop/orders", ports=("8080/TCP",), state="Applied")
FROM_WEB = EdgeStatus(from_="shop/web", ports=("8080/TCP",), state="Applied")


def calls(seen="Open", expected="Open", to="shop/orders", port="8080/TCP") -> ProbedFlow:
    """A connection from the policy's own probe."""
    return ProbedFlow(to=to, port=port, expected=expected, seen=seen)


def escapes(seen="Closed") -> ProbedFlow:
    """The call that nobody declares, to the witness."""
    return calls(seen, "Closed", "witness", "9097/TCP")


def enters(seen="Closed", port="8080/TCP", expected="Closed") -> ProbedFlow:
    """A call of the witness."""
    return ProbedFlow(from_="witness", port=port, expected=expected, seen=seen)


def report(*flows: ProbedFlow, at: datetime = NOW, problem: str | None = None) -> ProbeReport:
    """A run."""
    return ProbeReport(network="abc", at=at, flows=flows, problem=problem)


GOOD = {WEB: report(calls(), escapes(), enters()), ORDERS: report(escapes(), enters(), at=EARLIER)}


def folded(policy: PolicyKey = WEB, edge: EdgeStatus = TO_ORDERS, **reports: ProbeReport | None) -> Proof:
    """The proof of one edge, with the reports of web or orders replaced or left out."""
    all_reports = {key: reports.get(key[1], GOOD[key]) for key in GOOD}
    known = {key: found for key, found in all_reports.items() if found}
    return fold(policy, (edge,), known, now=NOW, max_age=MAX_AGE)


@pytest.mark.parametrize(("policy", "edge"), [(WEB, TO_ORDERS), (ORDERS, FROM_WEB)], ids=["caller", "called side"])
def test_both_ends_call_the_same_edge_enforced(policy, edge):
    """Proven at both ends by the same three observations; the age is that of the older run."""
    proof = folded(policy, edge)
    assert proof.edges == (edge.model_copy(update={"state": "Enforced", "proven": EARLIER}),)
    assert (proof.contradictions, proof.doubts, proof.lapses) == ((), (), EARLIER + MAX_AGE)


UNPROVEN = {
    "the caller was never probed": ({"web": None}, None, None),
    "the called side was never probed": ({"orders": None}, "NotProven", "no recent probe of shop/orders"),
    "the called side's run is too old": (
        {"orders": report(escapes(), enters(), at=NOW - MAX_AGE)}, "NotProven", "no recent probe of shop/orders",
    ),
    "the called side's run is in the future": (
        {"orders": report(escapes(), enters(), at=NOW + timedelta(minutes=2))}, "NotProven", "no recent probe of shop/orders",
    ),
    "no pod to call": (
        {"web": report(escapes())}, "NotProven", "the last probe found no ready pod of shop/orders to call on 8080/TCP",
    ),
    "the call was not answered": (
        {"web": report(calls("Closed"), escapes())}, "ProbeFailed", "the last probe could not reach shop/orders on 8080/TCP",
    ),
    "the call was refused": (
        {"web": report(calls("Refused"), escapes())}, "NotProven",
        "shop/orders refused the probe on 8080/TCP: nothing listens, or something rejects",
    ),
    "the run showed nothing": (
        {"web": report(calls("Unclear"), escapes("Unclear"))}, "NotProven", "the last probe of shop/orders on 8080/TCP proves nothing",
    ),
    "the caller may call anybody": (
        {"web": report(calls(), escapes("Open"))}, "NotProven", "it was not shown that undeclared calls of shop/web are stopped",
    ),
    "the called side may be called by anybody": (
        {"orders": report(escapes(), enters("Open"))}, "NotProven",
        "it was not shown that undeclared callers of shop/orders 8080/TCP are stopped",
    ),
    "another port is shut": (
        {"orders": report(escapes(), enters(port="9090/TCP"))}, "NotProven",
        "it was not shown that undeclared callers of shop/orders 8080/TCP are stopped",
    ),
    "everybody may call": (
        {"orders": report(escapes(), enters("Open", expected="Open"))}, "NotProven",
        "it was not shown that undeclared callers of shop/orders 8080/TCP are stopped",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNPROVEN)
def test_without_all_three_observations_an_edge_stays_applied(case):
    """Whatever half is missing, the edge is no more than applied, and says which half."""
    reports, reason, message = UNPROVEN[case]
    (edge,) = folded(**reports).edges
    assert (edge.state, edge.proven, edge.reason, edge.message) == ("Applied", None, reason, message)


def test_a_rejecting_network_proves_as_much_as_a_dropping_one():
    """Where undeclared calls are refused instead of dropped, a port that answers declared calls counts as shut."""
    proof = folded(web=report(calls(), escapes("Refused")), orders=report(escapes("Refused"), enters("Refused")))
    assert [edge.state for edge in proof.edges] == ["Enforced"]


@pytest.mark.parametrize(
    ("edge", "said"),
    [
        ({"to": "cidr/203.0.113.0/24", "ports": ("443/TCP",)}, "only edges between policies are probed"),
        ({"to": "internet", "ports": ("443/TCP",)}, "only edges between policies are probed"),
        ({"to": "workload/tools", "ports": ("443/TCP",)}, "only edges between policies are probed"),
        ({"to": "shop/orders", "ports": ("53/UDP",)}, "53/UDP: only single TCP ports answer a probe"),
        ({"to": "shop/orders", "ports": ("6000-6010/TCP",)}, "6000-6010/TCP: only single TCP ports answer a probe"),
    ],
)
def test_what_no_connection_can_prove_says_so(edge, said):
    """UDP, ranges and peers without a policy stay applied, keep the purpose they were given, and are never called enforced."""
    (found,) = folded(edge=EdgeStatus(**edge, state="Applied", message="because")).edges
    assert (found.state, found.reason, found.message) == ("Applied", "NotProvable", f"because; {said}")


def test_closed_edges_are_left_alone():
    """An edge that is not open is neither proven nor doubted."""
    pending = EdgeStatus(to="shop/orders", ports=("8080/TCP",), state="PendingConsent", reason="PendingConsent")
    proof = folded(edge=pending)
    assert (proof.edges, proof.doubts) == ((pending,), ())


def test_a_narrowed_edge_keeps_its_reason_and_is_doubted_like_any_open_one():
    """A degraded edge is never called enforced, and the whole is not proven while its open part isn't."""
    narrowed = EdgeStatus(
        to="shop/orders", ports=("9090/TCP",), state="Degraded", reason="PortNotFound", message="narrow"
    )
    proof = folded(edge=narrowed)
    assert proof.edges == (narrowed,)
    assert proof.doubts == ("to shop/orders: the last probe found no ready pod of shop/orders to call on 9090/TCP",)


def test_replicas_of_one_service_are_proven_by_its_own_run():
    """An edge to self needs the policy's own report only."""
    edge = EdgeStatus(to="self", ports=("7000/TCP",), state="Applied")
    own = report(calls(to="shop/web", port="7000/TCP"), escapes(), enters(port="7000/TCP"))
    assert [one.state for one in fold(WEB, (edge,), {WEB: own}, now=NOW, max_age=MAX_AGE).edges] == ["Enforced"]
    assert peer_of(edge, WEB) == WEB


CONDITIONS = {
    "no prober": (None, ("Unknown", "NotProven", "NetworkPolicy ssp-web is written; no probe has shown that packets obey it")),
    "all proven": (
        folded(),
        ("True", "Proven", "what is declared passes and what is not declared does not; oldest probe 2026-01-01T11:55:00Z"),
    ),
    "one edge not": (folded(orders=None), ("Unknown", "NotProven", "not proven: to shop/orders: no recent probe of shop/orders")),
    "an undeclared call passed": (
        folded(web=report(calls(), escapes("Open"))),
        ("False", "ProbeFailed",
         ("NetworkPolicy ssp-web is not obeyed: shop/web reached witness on 9097/TCP, which no policy declares; "
         "look for NetworkPolicies or network settings that are not bartizan's")),
    ),
    "a declared call did not": (
        folded(web=report(calls("Closed"), escapes())),
        ("False", "ProbeFailed",
         ("NetworkPolicy ssp-web is not obeyed: shop/web could not reach shop/orders on 8080/TCP, which the policies declare; "
         "look for NetworkPolicies or network settings that are not bartizan's")),
    ),
    "the probe pod failed": (
        folded(web=report(problem="the probe pod told nothing: ErrImagePull")),
        ("Unknown", "NotProven",
         ("not proven: the probe pod told nothing: ErrImagePull; it was not shown that undeclared calls of its pods are stopped; "
         "to shop/orders: the last probe found no ready pod of shop/orders to call on 8080/TCP")),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CONDITIONS)
def test_the_condition_says_what_the_probes_come_to(case):
    """Proven, contradicted by a named connection, or open with the reason."""
    proof, expected = CONDITIONS[case]
    found = network(Mode.ENFORCE, "ssp-web", proof=proof)
    assert (found.status, found.reason, found.message) == expected


def test_a_policy_without_edges_is_proven_by_its_isolation():
    """Nothing declared and nothing passing is enforcement too; without the isolation shown it is not."""
    shown, not_shown = (fold(WEB, (), {WEB: report(*flows)}, now=NOW, max_age=MAX_AGE) for flows in ((escapes(),), ()))
    assert (shown.doubts, not_shown.doubts) == ((), ("it was not shown that undeclared calls of its pods are stopped",))


def test_a_report_is_read_from_the_status_and_tied_to_one_network_policy():
    """What cannot be read is no report, and a report of another state of the NetworkPolicy does not speak of this one."""
    item = {**a_policy(), "status": {"probes": {"network": "abc", "at": "2026-01-01T12:00:00Z"}}}
    found = read_report(item)
    assert found == report()
    assert [read_report({**item, "status": status}) for status in ({}, {"probes": {"network": 1}})] == [None, None]
    held = {"metadata": {"annotations": {"bartizan.dev/desired-hash": "abc"}}}
    assert [speaks_of(found, one) for one in (held, {"metadata": {}}, None)] == [True, False, False]
