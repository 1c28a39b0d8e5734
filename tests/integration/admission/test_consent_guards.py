"""The guards of consent on a real API server: who may answer callers, and what widens a policy where that is reviewed."""

import json
from copy import deepcopy

import pytest

from waiting import eventually

pytestmark = pytest.mark.api

NAMESPACE = "adm-plain"
RBAC = """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: adm-edit-policies}
rules:
- {apiGroups: [bartizan.dev], resources: [servicesecuritypolicies], verbs: [get, create, update, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: adm-approve, namespace: adm-plain}
rules:
- {apiGroups: [bartizan.dev], resources: [servicesecuritypolicies], resourceNames: [payments], verbs: [approve]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: adm-edit-policies}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: adm-edit-policies}
subjects:
- {kind: User, apiGroup: rbac.authorization.k8s.io, name: adm-editor}
- {kind: User, apiGroup: rbac.authorization.k8s.io, name: adm-approver}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: adm-approve, namespace: adm-plain}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: adm-approve}
subjects:
- {kind: User, apiGroup: rbac.authorization.k8s.io, name: adm-approver}
"""
NEEDED = "the RBAC verb approve on servicesecuritypolicies.bartizan.dev"
WEB = {"from": {"service": "web"}, "ports": ["http"], "until": "2098-01-01T00:00:00Z"}
BANK = {"to": {"service": "ledger", "namespace": "bank"}, "ports": [{"name": "http"}, {"port": 9000}]}
APPROVED = {"service": "analytics", "namespace": "bi", "verdict": "Approved", "ports": ["http"]}
DENIED = {"service": "curious", "namespace": "bi", "verdict": "Denied"}
POLICY = {
    "apiVersion": "bartizan.dev/v1alpha1",
    "kind": "ServiceSecurityPolicy",
    "metadata": {"name": "payments"},
    "spec": {
        "workload": {"selector": {"matchLabels": {"app": "payments"}}},
        "network": {
            "ports": [{"name": "http", "port": 8080}, {"name": "grpc", "port": 9090}],
            "ingress": [WEB],
            "egress": [BANK],
            "decisions": [APPROVED, DENIED],
        },
    },
}


def with_network(**fields):
    """Return the policy with other lists in its network section."""
    item = deepcopy(POLICY)
    item["spec"]["network"].update(fields)
    return item


def set_widening(cluster, how):
    """Write the baseline as the platform team does."""
    item = {"apiVersion": "bartizan.dev/v1alpha1", "kind": "SecurityBaseline", "metadata": {"name": "default"}}
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps({**item, "spec": {"widening": how}}))


def put(api, item, user):
    """Try to replace the policy as somebody."""
    version = api.get("ServiceSecurityPolicy", NAMESPACE, "payments")["metadata"]["resourceVersion"]
    item = {**item, "metadata": {**item["metadata"], "resourceVersion": version}}
    return api.replace(item, NAMESPACE, user=user)


@pytest.fixture(scope="module")
def guarded(api, cluster):
    """The API server with a policy, somebody who may edit it, and somebody who may approve for it too."""
    cluster.kubectl("apply", "-f", "-", stdin=RBAC)
    assert api.create(POLICY, NAMESPACE, dry_run=False).code == 201
    approving = with_network(decisions=[{**APPROVED, "ports": []}, DENIED])
    eventually(lambda: put(api, approving, "adm-approver").code == 200)
    eventually(lambda: NEEDED in put(api, approving, "adm-editor").message)
    yield api
    cluster.kubectl("delete", "-f", "-", stdin=RBAC)
    cluster.kubectl("delete", "ssp", "payments", "-n", NAMESPACE)


@pytest.fixture(scope="module")
def reviewed(guarded, cluster):
    """The same where the baseline asks for review."""
    set_widening(cluster, "Review")
    eventually(lambda: put(guarded, with_network(ingress=[WEB, {"from": {"service": "x"}}]), "adm-editor").code == 403)
    yield guarded
    cluster.kubectl("delete", "securitybaseline", "default")


ANSWERS = {
    "an approval more": [APPROVED, DENIED, {**APPROVED, "service": "other"}],
    "an approval without end": [{**APPROVED, "ports": []}, DENIED],
    "another port": [{**APPROVED, "ports": ["grpc"]}, DENIED],
    "a denial taken back": [APPROVED],
    "a denial turned round": [APPROVED, {**DENIED, "verdict": "Approved"}],
}
CLOSINGS = {
    "nothing changed": [APPROVED, DENIED],
    "in another order": [DENIED, APPROVED],
    "an approval taken back": [DENIED],
    "a denial more": [APPROVED, DENIED, {**DENIED, "service": "other"}],
    "an approval turned into a denial": [{"service": "analytics", "namespace": "bi", "verdict": "Denied"}, DENIED],
}


@pytest.mark.parametrize("case", ANSWERS)
def test_answering_yes_takes_the_verb_approve(guarded, case):
    """Whatever tool writes it: whoever may only update the policy is refused, whoever holds the verb for it is not."""
    item = with_network(decisions=ANSWERS[case])
    refused = put(guarded, item, "adm-editor")
    assert refused.code == 403
    assert "bartizan: spec.network.decisions approves a caller, or takes a denial back" in refused.message
    assert NEEDED in refused.message
    assert put(guarded, item, "adm-approver").code == 200


@pytest.mark.parametrize("case", CLOSINGS)
def test_closing_takes_no_verb(guarded, case):
    """Whoever may update the policy may say no."""
    assert put(guarded, with_network(decisions=CLOSINGS[case]), "adm-editor").code == 200


def test_the_verb_is_asked_for_the_policy_s_own_name(guarded):
    """Holding the verb for one policy answers for that one only; a new policy with approvals needs it as well."""
    other = {**deepcopy(POLICY), "metadata": {"name": "other"}}
    answers = [guarded.create(item, NAMESPACE, user="adm-approver") for item in (other, with_no_decisions(other))]
    assert [(answer.code, NEEDED in answer.message) for answer in answers] == [(403, True), (201, False)]


def with_no_decisions(item):
    """Return a policy that has answered nobody."""
    copy = deepcopy(item)
    copy["spec"]["network"]["decisions"] = []
    return copy


def test_the_status_is_no_widening(guarded):
    """The controller writes requests and edges without the verb."""
    path = f"/apis/bartizan.dev/v1alpha1/namespaces/{NAMESPACE}/servicesecuritypolicies/payments/status?dryRun=All"
    patch = {"status": {"mode": "Enforce"}}
    assert guarded.ask("PATCH", path, patch, content="application/merge-patch+json").code == 200


def test_by_default_whoever_may_update_may_widen(guarded, cluster):
    """`widening: Own`, and no baseline at all: another caller in the team's own list needs no verb."""
    wider = with_network(ingress=[WEB, {"from": {"internet": {}}}])
    assert put(guarded, wider, "adm-editor").code == 200
    set_widening(cluster, "Own")
    assert put(guarded, wider, "adm-editor").code == 200


WIDER = {
    "a caller more": ({"ingress": [WEB, {"from": {"service": "admin"}}]}, "spec.network.ingress"),
    "another caller": ({"ingress": [{**WEB, "from": {"service": "admin"}}]}, "spec.network.ingress"),
    "a port more": ({"ingress": [{**WEB, "ports": ["http", "grpc"]}]}, "spec.network.ingress"),
    "all ports": ({"ingress": [{**WEB, "ports": []}]}, "spec.network.ingress"),
    "a later end": ({"ingress": [{**WEB, "until": "2099-01-01T00:00:00Z"}]}, "spec.network.ingress"),
    "an hour later in another zone": (
        {"ingress": [{**WEB, "until": "2098-01-01T02:00:00+01:00"}]},
        "spec.network.ingress",
    ),
    "no end": ({"ingress": [{"from": WEB["from"], "ports": ["http"]}]}, "spec.network.ingress"),
    "a destination more": ({"egress": [BANK, {"to": {"service": "mail"}}]}, "spec.network.egress"),
    "a destination's further port": (
        {"egress": [{**BANK, "ports": [*BANK["ports"], {"port": 1}]}]},
        "spec.network.egress",
    ),
    "a range": ({"egress": [{**BANK, "ports": [{"port": 9000, "endPort": 9001}]}]}, "spec.network.egress"),
    "a port that moves": (
        {"ports": [{"name": "http", "port": 22}, {"name": "grpc", "port": 9090}]},
        "spec.network.ports",
    ),
}
NARROWER = {
    "the same": {},
    "the same end in another zone": {"ingress": [{**WEB, "until": "2098-01-01T01:00:00+01:00"}]},
    "an earlier end": {"ingress": [{**WEB, "until": "2097-01-01T00:00:00Z"}]},
    "another reason": {"ingress": [{**WEB, "reason": "checkout"}]},
    "no callers": {"ingress": []},
    "a port less": {"egress": [{**BANK, "ports": [{"port": 9000}]}]},
    "an end": {"egress": [{**BANK, "until": "2098-01-01T00:00:00Z"}]},
    "the same rule twice": {"egress": [BANK, BANK]},
}


@pytest.mark.parametrize("case", WIDER)
def test_where_it_is_reviewed_widening_takes_the_verb(reviewed, case):
    """Anything new or wider is refused to the editor, naming the field, and granted to the approver."""
    fields, field = WIDER[case]
    refused = put(reviewed, with_network(**fields), "adm-editor")
    assert (refused.code, NEEDED in refused.message) == (403, True)
    assert f"reviews what widens a policy, and {field} has a" in refused.message
    assert put(reviewed, with_network(**fields), "adm-approver").code == 200


@pytest.mark.parametrize("case", NARROWER)
def test_where_it_is_reviewed_narrowing_takes_no_verb(reviewed, case):
    """What is not wider is the team's own."""
    answer = put(reviewed, with_network(**NARROWER[case]), "adm-editor")
    assert (answer.code, answer.message) == (200, "")


def test_other_pods_are_wider_too(reviewed):
    """A selector that selects other pods gives them every edge of the policy."""
    item = deepcopy(POLICY)
    item["spec"]["workload"]["selector"] = {"matchLabels": {"app": "other"}}
    refused = put(reviewed, item, "adm-editor")
    assert (refused.code, "spec.workload.selector selects other pods" in refused.message) == (403, True)
    assert put(reviewed, item, "adm-approver").code == 200


@pytest.mark.parametrize(
    "less", [{"level": "baseline"}, {"version": "v1.36"}, {"level": "baseline", "version": "v1.9"}]
)
def test_asking_less_of_the_pods_is_wider_too(reviewed, less):
    """A lower level or older rules, in a policy that is there or in a new one, take the verb."""
    item = deepcopy(POLICY)
    item["spec"]["workload"]["podSecurity"] = less
    born = {**with_no_decisions(item), "metadata": {"name": "newborn"}}
    born["spec"]["network"].update(ingress=[], egress=[])
    refused = put(reviewed, item, "adm-editor"), reviewed.create(born, NAMESPACE, user="adm-editor")
    assert [
        (answer.code, "spec.workload.podSecurity asks less of the pods" in answer.message) for answer in refused
    ] == [(403, True)] * 2
    assert put(reviewed, item, "adm-approver").code == 200


def test_a_new_policy_is_wider_than_none(reviewed):
    """Made anew with rules a policy takes the verb, without rules it does not."""
    born = {**with_no_decisions(POLICY), "metadata": {"name": "newborn"}}
    closed = deepcopy(born)
    closed["spec"]["network"].update(ingress=[], egress=[])
    assert [reviewed.create(item, NAMESPACE, user="adm-editor").code for item in (born, closed)] == [403, 201]


def test_a_policy_at_all_bounds_can_be_judged(reviewed):
    """The largest policy the schema takes is compared within the API server's budget when half of it changes."""
    names = [f"p{number}" for number in range(32)]
    ports = [{"name": name, "port": number + 1} for number, name in enumerate(names)]
    callers = [{"from": {"service": f"caller-{n}"}, "ports": names} for n in range(128)]
    calls = [{"to": {"service": f"called-{n}"}, "ports": [{"name": name} for name in names]} for n in range(128)]
    large = {**with_network(ports=ports, ingress=callers, egress=calls, decisions=[]), "metadata": {"name": "large"}}
    assert reviewed.create(large, NAMESPACE, dry_run=False).code == 201
    try:
        found = reviewed.get("ServiceSecurityPolicy", NAMESPACE, "large")
        for rule in (*found["spec"]["network"]["ingress"], *found["spec"]["network"]["egress"]):
            rule["reason"] = "all of them change a little"
        answer = reviewed.replace(found, NAMESPACE, user="adm-editor")
        assert (answer.code, answer.message) == (200, "")
    finally:
        reviewed.delete("ServiceSecurityPolicy", NAMESPACE, "large", dry_run=False)
