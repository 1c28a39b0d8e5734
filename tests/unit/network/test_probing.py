"""Which connections are tried, by a pod of which labels, and what their outcomes show."""

import pytest

from bartizan.api.v1alpha1 import ProbedFlow
from bartizan.core.model import PolicyView
from bartizan.core.network.compile import compile_network
from bartizan.core.network.probe_pod import probe_pod
from bartizan.core.network.probe_wire import (
    Answer,
    Target,
    UnreadableProbeError,
    answer,
    orders,
    read_answer,
    read_orders,
)
from bartizan.core.network.probing import MOST_CLOSED, Landscape, inward, outward, probe_labels, ready_pods, seen
from bartizan.core.network.semantics import Endpoint
from bartizan.core.select import matches
from bartizan.testing import a_pod, a_policy_view, a_snapshot

HTTP = {"name": "http", "port": 8080}
METRICS = {"name": "metrics", "port": 9090}


def a_service(name, *, ingress=(), egress=(), ports=(HTTP,), **parts) -> PolicyView:
    """A policy with ports, callers and called sides by name."""
    return a_policy_view(
        name,
        network={
            "ports": list(ports),
            "ingress": [{"from": {"service": one}, "ports": ["http"]} for one in ingress],
            "egress": [{"to": {"service": one}} for one in egress],
        },
        **parts,
    )


def running(name, number, **more):
    """A ready pod of the policy of that name."""
    pod = a_pod(f"{name}-{number}", labels={"app": name, "pod-template-hash": "x", "tier": "back"}, **more)
    return {**pod, "status": {"podIP": f"10.0.0.{number}", "conditions": [{"type": "Ready", "status": "True"}]}}


def a_landscape(*policies, pods=None) -> Landscape:
    """The policies with their own NetworkPolicies in force and one ready pod each."""
    around = {"shop": {"kubernetes.io/metadata.name": "shop"}}
    snapshot = a_snapshot(*policies)
    items = [running(policy.name, n) for n, policy in enumerate(policies, 1)] if pods is None else pods
    return Landscape(
        policies={policy.key: policy for policy in policies},
        network_policies={"shop": tuple(compile_network(policy, snapshot).network_policy for policy in policies)},
        namespace_labels=around,
        pods=ready_pods(policies, items, around),
        witness=Endpoint(namespace="bartizan-system", name="prober", ip="10.9.9.9", labels={"app": "prober"}),
        witness_port=9097,
    )


WEB = a_service("web", egress=["orders"])
ORDERS = a_service("orders", ingress=["web"], ports=(HTTP, METRICS, {"name": "udp", "port": 53, "protocol": "UDP"}))
OTHER = a_service("other")


def told(planned):
    """Who is called, on which port, and what is expected."""
    return [(one.flow.to, one.flow.port, one.flow.expected, one.target.awaited) for one in planned]


def test_a_probe_tries_what_is_declared_and_what_is_not():
    """The declared port first, then the witness, the allowed peer's other port, its own pods, and strangers; UDP never."""
    landscape = a_landscape(WEB, ORDERS, OTHER)
    assert told(outward(WEB, {"app": "web"}, landscape, turn=1)) == [
        ("shop/orders", "8080/TCP", "Open", True),
        ("witness", "9097/TCP", "Closed", False),
        ("shop/orders", "9090/TCP", "Closed", False),
        ("shop/web", "8080/TCP", "Closed", False),
        ("shop/other", "8080/TCP", "Closed", False),
    ]


def test_the_witness_tries_every_port_of_a_ready_pod():
    """From outside everything is undeclared, and each port is tried."""
    assert [
        (one.flow.from_, one.flow.to, one.flow.port, one.flow.expected)
        for one in inward(ORDERS, a_landscape(WEB, ORDERS))
    ] == [
        ("witness", None, "8080/TCP", "Closed"),
        ("witness", None, "9090/TCP", "Closed"),
    ]


def test_somebody_elses_network_policy_changes_no_expectation():
    """What is expected comes from bartizan's own objects; the declared side alone decides."""
    one_sided = a_service("orders", ports=(HTTP,))
    landscape = a_landscape(WEB, one_sided)
    assert told(outward(WEB, {"app": "web"}, landscape, turn=1))[0] == ("witness", "9097/TCP", "Closed", False)


def test_nobody_is_called_who_does_not_run():
    """A policy without ready pods is neither expected open nor closed: its silence would prove nothing."""
    asleep = {
        **running("orders", 2),
        "status": {"podIP": "10.0.0.2", "conditions": [{"type": "Ready", "status": "False"}]},
    }
    landscape = a_landscape(WEB, ORDERS, pods=[asleep])
    assert [flow for flow, *_ in told(outward(WEB, {"app": "web"}, landscape, turn=1))] == ["witness"]


def test_only_pods_that_serve_are_called():
    """Leaving pods, probes, pods on the host's network and pods of other labels are nobody's ready pods."""
    leaving, probe, host, stranger = (running("web", n) for n in range(1, 5))
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    probe["metadata"]["labels"]["bartizan.dev/probe"] = "web"
    host["spec"]["hostNetwork"] = True
    stranger["metadata"]["labels"]["app"] = "stranger"
    found = ready_pods([WEB], [leaving, probe, host, stranger, running("web", 9)], {})
    assert {key: [pod.name for pod in pods] for key, pods in found.items()} == {("shop", "web"): ["web-9"]}


def test_strangers_are_a_sample_that_changes():
    """Many strangers are not all called at once, and another run calls others."""
    crowd = [a_service(f"other-{n}") for n in range(60)]
    landscape = a_landscape(WEB, *crowd)
    first, second = ({one.flow.to for one in outward(WEB, {"app": "web"}, landscape, turn=turn)} for turn in (1, 2))
    assert (len(first), len(second)) == (MOST_CLOSED + 1, MOST_CLOSED + 1)
    assert first != second


LABELS = {
    "exact labels": ({"matchLabels": {"app": "a"}}, {"app": "a"}),
    "one of several, but not a barred one": (
        {"matchExpressions": [{"key": "t", "operator": "In", "values": ["a", "b"]}, {"key": "t", "operator": "NotIn", "values": ["a"]}]},
        {"t": "b"},
    ),
    "any value": ({"matchExpressions": [{"key": "t", "operator": "Exists"}]}, {"t": ""}),
    "absent": ({"matchLabels": {"app": "a"}, "matchExpressions": [{"key": "old", "operator": "DoesNotExist"}]}, {"app": "a"}),
    "no probe wanted": ({"matchLabels": {"app": "a"}, "matchExpressions": [{"key": "bartizan.dev/probe", "operator": "DoesNotExist"}]}, None),
}  # fmt: skip


@pytest.mark.parametrize("case", LABELS)
def test_labels_are_made_from_the_selector(case):
    """Without a pod to copy from, a probe carries labels that the selector selects, or there is no probe."""
    selector, expected = LABELS[case]
    policy = a_policy_view("a", workload={"selector": selector})
    found = probe_labels(policy, ())
    assert found == (expected and {**expected, "bartizan.dev/probe": "a"})
    assert found is None or matches(policy.spec.workload.selector, found)


def test_labels_are_copied_from_a_running_pod():
    """A probe carries what a real pod carries, so that whatever selects that selects it too; but is nobody's replica."""
    (pod,) = a_landscape(WEB).pods["shop", "web"]
    assert probe_labels(WEB, (pod,)) == {"app": "web", "tier": "back", "bartizan.dev/probe": "web"}


@pytest.mark.parametrize(
    ("outcome", "alive", "shown"),
    [
        ("open", True, "Open"),
        ("open", False, "Open"),
        ("timeout", True, "Closed"),
        ("timeout", False, "Unclear"),
        ("refused", True, "Refused"),
        ("refused", False, "Unclear"),
        ("failed", True, "Unclear"),
    ],
)
def test_silence_shows_nothing_where_nothing_was_heard(outcome, alive, shown):
    """A timeout counts as closed only in a run that reached something."""
    assert seen(outcome, alive=alive) == shown


def test_the_pod_is_restricted_and_never_ready():
    """The whole pod: no token, no volume, a gate that nobody opens, the prober's access as owner and controller."""
    pod = probe_pod(
        WEB,
        name="p",
        access_uid="uid-1",
        labels={"app": "web"},
        image="bartizan:1",
        pull_policy="Never",
        targets=[Target("10.0.0.1", 80, awaited=True)],
    )
    assert pod["metadata"] == {
        "name": "p",
        "namespace": "shop",
        "labels": {"app": "web", "bartizan.dev/probe": "web"},
        "annotations": {"sidecar.istio.io/inject": "false", "linkerd.io/inject": "disabled"},
        "ownerReferences": [
            {
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "name": "bartizan-probes", "uid": "uid-1",
                "controller": True, "blockOwnerDeletion": False,
            }
        ],
    }  # fmt: skip
    spec = pod["spec"]
    assert (spec["automountServiceAccountToken"], spec["serviceAccountName"], spec["restartPolicy"]) == (
        False,
        "web",
        "Never",
    )
    assert (spec["readinessGates"], "volumes" in spec) == ([{"conditionType": "bartizan.dev/never"}], False)
    (container,) = spec["containers"]
    assert (container["image"], container["args"]) == ("bartizan:1", ["probe"])
    assert container["env"] == [{"name": "BARTIZAN_PROBE", "value": '[["10.0.0.1",80,1]]'}]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_orders_and_answers_come_back_as_they_went():
    """Both texts read back as what was written, and the longest answer fits into a termination message."""
    targets = (Target("10.0.0.1", 80, awaited=True), Target("fd00::1", 443, awaited=False))
    assert read_orders(orders(targets)) == targets
    said = Answer(alive=True, outcomes=("refused",) * 192)
    assert read_answer(answer(said), targets=192) == said
    assert len(answer(said)) < 4096


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", '{"alive":true,"outcomes":["open"]}', '{"alive":true,"outcomes":["so","so"]}',
        '{"alive":[],"outcomes":["open","open"]}', '{"alive":true,"outcomes":[[],[]]}',
    ],
)  # fmt: skip
def test_an_answer_that_is_none_is_refused(text):
    """Whatever a pod says that is no answer about the targets counts as nothing said."""
    with pytest.raises(UnreadableProbeError):
        read_answer(text, targets=2)


@pytest.mark.parametrize(
    "text", ["hunter2", '[["hunter2.example",443,1]]', '[["10.0.0.1",0,1]]', '[["10.0.0.1",65536,1]]', '[["10.0.0.1",80]]', "[80]"]
)  # fmt: skip
def test_orders_that_are_none_are_refused_without_being_repeated(text):
    """Names, which looking up would send somewhere, and whatever is no port are no targets; the error does not repeat them."""
    with pytest.raises(UnreadableProbeError) as error:
        read_orders(text)
    assert "hunter2" not in str(error.value)


def test_flows_are_spelled_as_in_the_api():
    """The caller's field is `from`, as everywhere in the API."""
    flow = ProbedFlow(from_="witness", port="80/TCP", expected="Closed", seen="Closed")
    assert flow.model_dump(by_alias=True, exclude_none=True)["from"] == "witness"
