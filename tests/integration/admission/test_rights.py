"""Rights at the API server, from a policy's line to the authorizer's answer, and everything that must not come of it."""

import pytest

from bartizan.core.network.api_server import access_objects
from bartizan.testing.builders import a_policy_view
from integration.admission.live import PLURALS
from waiting import eventually

pytestmark = pytest.mark.api

NAMESPACE = "adm-enforce"
CONTROLLER = "system:serviceaccount:adm-system:bartizan-controller"
RBAC = """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: adm-rights-controller}
rules:
- {apiGroups: [rbac.authorization.k8s.io], resources: [roles], verbs: [get, create, update, patch, delete, escalate, bind]}
- {apiGroups: [rbac.authorization.k8s.io], resources: [rolebindings], verbs: [get, create, update, patch, delete]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: adm-rights-controller}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: adm-rights-controller}
subjects: [{kind: ServiceAccount, name: bartizan-controller, namespace: adm-system}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: adm-rights-team}
rules:
- {apiGroups: [bartizan.dev], resources: [servicesecuritypolicies], verbs: [create, update, patch]}
- {apiGroups: [""], resources: [configmaps], verbs: [get, list, watch]}
- {apiGroups: [""], resources: [pods, pods/log], verbs: [get]}
- {apiGroups: [apps], resources: [deployments/scale], resourceNames: [orders], verbs: [get, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: adm-rights-team, namespace: adm-enforce}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: adm-rights-team}
subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: adm-team}]
"""
CONFIG = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}
LOGS = {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get"]}
SCALE = {
    "apiGroups": ["apps"],
    "resources": ["deployments/scale"],
    "resourceNames": ["orders"],
    "verbs": ["get", "patch"],
}


def calling(*rules):
    """The network section of a policy with these rights."""
    return {"egress": [{"to": {"kubernetesAPI": {"rules": list(rules)}}}]}


def a_policy(*rules, **workload):
    """A policy as its author writes it."""
    return {
        "apiVersion": "bartizan.dev/v1alpha1",
        "kind": "ServiceSecurityPolicy",
        "metadata": {"name": "rights"},
        "spec": {
            "workload": {"selector": {"matchLabels": {"app": "rights"}}, **workload},
            "network": calling(*rules),
        },
    }


@pytest.fixture(scope="module")
def rights(api, cluster):
    """The API server, with a team that may read ConfigMaps and the controller's rights as the chart gives them."""
    PLURALS["ServiceSecurityPolicy"] = ("apis/bartizan.dev/v1alpha1", "servicesecuritypolicies")
    PLURALS["Role"] = ("apis/rbac.authorization.k8s.io/v1", "roles")
    cluster.kubectl("apply", "-f", "-", stdin=RBAC)
    eventually(lambda: api.create(a_policy(CONFIG), NAMESPACE, user="adm-team").code == 201)
    eventually(
        lambda: (
            "may not grant" in api.create(a_policy({**CONFIG, "verbs": ["delete"]}), NAMESPACE, user="adm-team").message
        )
    )
    eventually(lambda: "may only write" in api.create(_role([]), NAMESPACE, user=CONTROLLER).message)
    eventually(lambda: api.create(_mine()[0], NAMESPACE, user=CONTROLLER).code == 201)
    yield api
    cluster.kubectl("delete", "-f", "-", stdin=RBAC)


def _role(rules, name="free"):
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": name}, "rules": rules}


def _mine(*rules):
    view = a_policy_view("rights", NAMESPACE, network=calling(*(rules or (CONFIG, LOGS, SCALE))))
    return access_objects(view)


GRANTS = {
    "what the author holds": ((CONFIG, LOGS, SCALE), None),
    "one verb more": (({**CONFIG, "verbs": ["get", "delete"]},), "may not grant delete configmaps in adm-enforce"),
    "a subresource more": (({**LOGS, "resources": ["pods/status"]},), "may not grant get pods/status in adm-enforce"),
    "another name": (({**SCALE, "resourceNames": ["web"]},), "may not grant get deployments/scale.apps web"),
    "every name": (({**SCALE, "resourceNames": []},), "may not grant get deployments/scale.apps in"),
    "a rule behind a good one": ((CONFIG, {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create"]}), "may not grant create jobs.batch"),
    "more than can be asked": (({"apiGroups": [""], "resources": [f"r{i}" for i in range(7)], "verbs": ["get", "list", "watch"]},), "at most 20 rights"),
}  # fmt: skip


@pytest.mark.parametrize("case", GRANTS)
def test_an_author_grants_what_they_hold_and_nothing_else(rights, case):
    """Each right of a new policy is asked of the authorizer for its author; the refusal names the right."""
    rules, refusal = GRANTS[case]
    answer = rights.create(a_policy(*rules), NAMESPACE, user="adm-team")
    assert (answer.code, refusal or "" if refusal is None or refusal in answer.message else answer.message) == (
        (201, "") if refusal is None else (403, refusal)
    )


def test_twenty_rights_can_be_asked_about(rights):
    """The most rights that a write may add stay within what CEL may cost."""
    resources = [f"r{i}" for i in range(5)]
    rule = {"apiGroups": [""], "resources": resources, "verbs": ["get", "list", "watch", "delete"]}
    assert "may not grant get r0" in rights.create(a_policy(rule), NAMESPACE, user="adm-team").message
    held = [
        {
            "apiGroups": [""],
            "resources": ["configmaps"],
            "resourceNames": [f"c{i}" for i in range(6)],
            "verbs": ["get", "list", "watch"],
        }
    ]
    held.append({**LOGS, "resourceNames": ["a"]})
    assert rights.create(a_policy(*held), NAMESPACE, user="adm-team").code == 201


def test_an_update_asks_only_for_what_is_added(rights):
    """Who lacks a right may keep a policy that has it, may not add one, and may not hand the rights to another account."""
    strong = {**CONFIG, "verbs": ["delete"]}
    made = rights.create(a_policy(strong), NAMESPACE, dry_run=False)
    assert made.code == 201
    meta = {"name": "rights", "resourceVersion": made.body["metadata"]["resourceVersion"]}

    def replaced(policy):
        return rights.replace({**policy, "metadata": meta}, NAMESPACE, user="adm-team")

    assert replaced(a_policy(strong, CONFIG)).code == 200
    ending = a_policy(strong)
    ending["spec"]["network"]["egress"][0]["until"] = "2099-01-01T00:00:00Z"
    assert "may not grant delete configmaps" in replaced(ending).message
    assert (
        "may not grant delete pods"
        in replaced(a_policy(strong, {**LOGS, "resources": ["pods"], "verbs": ["delete"]})).message
    )
    assert "may not grant delete configmaps" in replaced(a_policy(strong, serviceAccountName="other")).message
    assert rights.delete("ServiceSecurityPolicy", NAMESPACE, "rights", dry_run=False).code == 200


def review(api, user, verb, group, resource, *, namespace=NAMESPACE, name="", subresource=""):
    """Ask the authorizer whether somebody may."""
    attributes = {
        "verb": verb,
        "group": group,
        "resource": resource,
        "namespace": namespace,
        "name": name,
        "subresource": subresource,
    }
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "resourceAttributes": attributes},
    }
    return api.ask("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body).body["status"]["allowed"]


def test_the_role_gives_the_account_what_is_listed_and_nothing_else(rights):
    """For the policy's ServiceAccount every listed right holds in its namespace; others, elsewhere and for others, do not."""
    # The owner must be there, or the garbage collector takes what it owns away.
    policy = rights.create(a_policy(CONFIG, LOGS, SCALE), NAMESPACE, dry_run=False)
    for item in _mine():
        item["metadata"]["ownerReferences"][0]["uid"] = policy.body["metadata"]["uid"]
        assert rights.create(item, NAMESPACE, dry_run=False, user=CONTROLLER).code == 201
    account = f"system:serviceaccount:{NAMESPACE}:rights"
    eventually(lambda: review(rights, account, "get", "", "configmaps"))
    allowed = [
        (verb, group, resource, name, sub)
        for verb in ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
        for group, resource, name, sub in (
            ("", "configmaps", "", ""), ("", "secrets", "", ""), ("", "pods", "", ""), ("", "pods", "a", "log"), ("", "pods", "a", "exec"),
            ("apps", "deployments", "orders", "scale"), ("apps", "deployments", "web", "scale"), ("apps", "deployments", "orders", ""),
        )
        if review(rights, account, verb, group, resource, name=name, subresource=sub)
    ]  # fmt: skip
    assert allowed == [
        ("get", "", "configmaps", "", ""),
        ("get", "", "pods", "", ""),
        ("get", "", "pods", "a", "log"),
        ("get", "apps", "deployments", "orders", "scale"),
        ("list", "", "configmaps", "", ""),
        ("watch", "", "configmaps", "", ""),
        ("patch", "apps", "deployments", "orders", "scale"),
    ]
    assert not review(rights, account, "get", "", "configmaps", namespace="adm-warn")
    assert not review(rights, f"system:serviceaccount:{NAMESPACE}:web", "get", "", "configmaps")
    for kind in ("RoleBinding", "Role"):
        assert rights.delete(kind, NAMESPACE, "ssp-rights-api", dry_run=False, user=CONTROLLER).code == 200
    eventually(lambda: not review(rights, account, "get", "", "configmaps"))
    assert rights.delete("ServiceSecurityPolicy", NAMESPACE, "rights", dry_run=False).code == 200


def with_rule(**rule):
    """The controller's Role with one other rule."""
    role, _ = _mine()
    return {**role, "rules": [{**CONFIG, **rule}]}


def bound(**change):
    """The controller's RoleBinding with a change."""
    _, binding = _mine()
    return {**binding, **change}


def renamed(item, name):
    """The object under another name."""
    return {**item, "metadata": {**item["metadata"], "name": name}}


SUBJECT = {"kind": "ServiceAccount", "name": "rights", "namespace": NAMESPACE}
STOLEN = {
    "a Role of another name": (renamed(_mine()[0], "admin"), NAMESPACE),
    "a Role of another policy than its owner": (renamed(_mine()[0], "ssp-other-api"), NAMESPACE),
    "a Role without an owner": (_role([CONFIG], "ssp-rights-api"), NAMESPACE),
    "a Role in a namespace that is not governed": ({**_mine()[0], "metadata": {**_mine()[0]["metadata"], "namespace": "adm-plain"}}, "adm-plain"),
    "a Role in the release's namespace": ({**_mine()[0], "metadata": {**_mine()[0]["metadata"], "namespace": "adm-system"}}, "adm-system"),
    "every verb": (with_rule(verbs=["*"]), NAMESPACE),
    "every group": (with_rule(apiGroups=["*"]), NAMESPACE),
    "every resource": (with_rule(resources=["*"]), NAMESPACE),
    "every subresource": (with_rule(resources=["*/log"]), NAMESPACE),
    "Secrets": (with_rule(resources=["secrets"]), NAMESPACE),
    "shells": (with_rule(resources=["pods/exec"], verbs=["create"]), NAMESPACE),
    "tokens": (with_rule(resources=["serviceaccounts/token"], verbs=["create"]), NAMESPACE),
    "impersonation": (with_rule(resources=["serviceaccounts"], verbs=["impersonate"]), NAMESPACE),
    "escalation": (with_rule(apiGroups=["rbac.authorization.k8s.io"], resources=["roles"], verbs=["create"]), NAMESPACE),
    "a policy": (with_rule(apiGroups=["bartizan.dev"], resources=["servicesecuritypolicies"], verbs=["update"]), NAMESPACE),
    "a ClusterRole bound": (bound(roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}), NAMESPACE),
    "another Role bound": (bound(roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "admin"}), NAMESPACE),
    "a person bound": (bound(subjects=[{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "eve"}]), NAMESPACE),
    "an account of another namespace": (bound(subjects=[{**SUBJECT, "namespace": "adm-plain"}]), NAMESPACE),
    "two accounts": (bound(subjects=[SUBJECT, {**SUBJECT, "name": "web"}]), NAMESPACE),
    "nobody": (bound(subjects=[]), NAMESPACE),
}  # fmt: skip


@pytest.mark.parametrize("case", STOLEN)
def test_a_stolen_token_of_the_controller_grants_nothing_else(rights, case):
    """Though it holds escalate and bind, the controller writes only Roles and RoleBindings of the one shape."""
    item, namespace = STOLEN[case]
    answer = rights.create(item, namespace, user=CONTROLLER)
    # RBAC itself refuses the ClusterRole: `bind` is held on Roles only.
    refused = any(said in answer.message for said in ("bartizan: ", "attempting to grant RBAC permissions"))
    assert (answer.code, refused) == (403, True), answer


def test_the_controller_deletes_by_name_only(rights):
    """Somebody else's Role is out of its reach."""
    assert rights.create(_role([CONFIG], "theirs"), NAMESPACE, dry_run=False).code == 201
    assert rights.delete("Role", NAMESPACE, "theirs", user=CONTROLLER).code == 403
    assert rights.delete("Role", NAMESPACE, "theirs", dry_run=False).code == 200
