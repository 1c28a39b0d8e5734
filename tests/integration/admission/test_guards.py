"""The guards on a real API server: who may touch what the gate stands on."""

import pytest

from waiting import eventually

pytestmark = pytest.mark.api

RBAC = """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: adm-everything-but-govern}
rules:
- {apiGroups: [bartizan.dev], resources: [policyindices], verbs: ["*"]}
- {apiGroups: [""], resources: [namespaces, nodes], verbs: ["*"]}
- {apiGroups: [rbac.authorization.k8s.io], resources: [rolebindings], verbs: ["*"]}
- {apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], verbs: [bind]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: adm-govern}
rules:
- {apiGroups: [bartizan.dev], resources: [securitybaselines], verbs: [govern]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: adm-everything-but-govern}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: adm-everything-but-govern}
subjects:
- {kind: User, apiGroup: rbac.authorization.k8s.io, name: adm-admin}
- {kind: User, apiGroup: rbac.authorization.k8s.io, name: adm-governor}
- {kind: ServiceAccount, name: bartizan-controller, namespace: adm-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: adm-govern}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: adm-govern}
subjects:
- {kind: User, apiGroup: rbac.authorization.k8s.io, name: adm-governor}
"""
CONTROLLER = "system:serviceaccount:adm-system:bartizan-controller"


@pytest.fixture(scope="module")
def guarded(api, cluster):
    """The API server, with users who may do everything but govern."""
    cluster.kubectl("apply", "-f", "-", stdin=RBAC)
    changed = {"metadata": {"labels": {"bartizan.dev/enforcement": "audit"}}}
    eventually(lambda: label(api, "adm-governor", "adm-warn", changed).code == 200)
    eventually(lambda: "bartizan" in label(api, "adm-admin", "adm-warn", changed).message)
    yield api
    cluster.kubectl("delete", "-f", "-", stdin=RBAC)


def label(api, user, namespace, patch):
    """Try a change of a namespace as somebody."""
    return api.ask(
        "PATCH", f"/api/v1/namespaces/{namespace}?dryRun=All", patch, user=user, content="application/merge-patch+json"
    )


def labels(value):
    """A patch that sets or removes the enforcement label."""
    return {"metadata": {"labels": {"bartizan.dev/enforcement": value}}}


CHANGES = {
    "set": ("adm-plain", labels("enforce"), '"enforce"'),
    "changed": ("adm-enforce", labels("audit"), '"audit"'),
    "removed": ("adm-enforce", labels(None), '""'),
}


@pytest.mark.parametrize("case", CHANGES)
def test_who_governs_a_namespace_takes_the_verb_govern(guarded, case):
    """Setting, changing and removing the label is refused to a namespace's admin and granted to a governor."""
    namespace, patch, seen = CHANGES[case]
    refused = label(guarded, "adm-admin", namespace, patch)
    assert refused.code == 403
    assert (
        f"bartizan: namespace sets metadata.labels[bartizan.dev/enforcement]={seen}; allowed: for holders of the RBAC verb govern on securitybaselines.bartizan.dev"
        in refused.message
    )
    assert label(guarded, "adm-governor", namespace, patch).code == 200


def test_a_new_namespace_is_not_born_governed_by_anybody(guarded):
    """The label counts at creation too; a namespace without it is anybody's."""

    def made(user, **labels):
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "adm-new", "labels": labels}}
        return guarded.ask("POST", "/api/v1/namespaces?dryRun=All", body, user=user).code

    born = {"bartizan.dev/enforcement": "audit"}
    assert [made("adm-admin", **born), made("adm-governor", **born), made("adm-admin")] == [403, 201, 201]


def test_other_labels_of_a_governed_namespace_are_its_admin_s(guarded):
    """The guard looks at one label only."""
    assert label(guarded, "adm-admin", "adm-enforce", {"metadata": {"labels": {"team": "x"}}}).code == 200


def test_a_mistyped_mode_is_refused(guarded):
    """A value that means nothing would leave the namespace open in silence."""
    answer = label(guarded, "adm-governor", "adm-plain", labels("enforced"))
    assert (answer.code, "allowed: unset or one of audit, enforce, warn, off" in answer.message) == (422, True)


def test_only_a_governor_writes_the_index(guarded, index):
    """Creating, changing and deleting a PolicyIndex takes the verb, whatever RBAC gives on the objects."""
    path = "/apis/bartizan.dev/v1alpha1/namespaces/adm-enforce/policyindices/index?dryRun=All"
    emptied = {"spec": {"buckets": None}}
    for user, code in (("adm-admin", 403), ("adm-governor", 200)):
        assert guarded.ask("PATCH", path, emptied, user=user, content="application/merge-patch+json").code == code
        assert guarded.delete("PolicyIndex", "adm-enforce", "index", user=user).code == code
    new = {"apiVersion": "bartizan.dev/v1alpha1", "kind": "PolicyIndex", "metadata": {"name": "index"}, "spec": index}
    assert [guarded.create(new, "adm-unindexed", user=user).code for user in ("adm-admin", "adm-governor")] == [
        403,
        201,
    ]


def test_a_namespace_is_deleted_with_its_index(guarded, cluster):
    """The guard does not hold up the namespace controller, which has no verb govern of its own."""
    manifest = "apiVersion: v1\nkind: Namespace\nmetadata: {name: adm-leaving, labels: {bartizan.dev/enforcement: enforce}}\n---\napiVersion: bartizan.dev/v1alpha1\nkind: PolicyIndex\nmetadata: {name: index, namespace: adm-leaving}\nspec: {}\n"
    cluster.kubectl("apply", "-f", "-", stdin=manifest)
    cluster.kubectl("delete", "namespace", "adm-leaving", "--wait=false")
    eventually(lambda: guarded.ask("GET", "/api/v1/namespaces/adm-leaving").code == 404, within=60)


def a_binding(**changes):
    """The one RoleBinding the controller may write, or a variation of it."""
    whole = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "bartizan-certificates"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "bartizan-certificates"},
        "subjects": [{"kind": "ServiceAccount", "name": "bartizan-controller", "namespace": "adm-system"}],
    }
    return {**whole, **changes}


def a_probes_binding(account="bartizan-prober", role="bartizan-probes"):
    """The RoleBinding by which the prober gets at its pods, or a variation of it."""
    return a_binding(
        metadata={"name": "bartizan-probes"},
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        subjects=[{"kind": "ServiceAccount", "name": account, "namespace": "adm-system"}],
    )


OTHER_ROLE = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
BINDINGS = {
    "its own, in an enforced namespace": (a_binding(), "adm-enforce", 201),
    "its own, in a warned namespace": (a_binding(), "adm-warn", 201),
    "in a namespace that is not governed": (a_binding(), "adm-plain", 403),
    "in its own namespace": (a_binding(), "adm-system", 403),
    "in kube-system": (a_binding(), "kube-system", 403),
    "another role": (a_binding(roleRef=OTHER_ROLE), "adm-enforce", 403),
    "for somebody else": (
        a_binding(subjects=[{"kind": "ServiceAccount", "name": "default", "namespace": "adm-enforce"}]),
        "adm-enforce",
        403,
    ),
    "for itself and somebody else": (
        a_binding(
            subjects=[
                *a_binding()["subjects"],
                {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "eve"},
            ]
        ),
        "adm-enforce",
        403,
    ),
    "for nobody": (a_binding(subjects=[]), "adm-enforce", 403),
    "under another name": (a_binding(metadata={"name": "other"}), "adm-enforce", 403),
    "the prober's, in an enforced namespace": (a_probes_binding(), "adm-enforce", 201),
    "the prober's, where pods are only warned about": (a_probes_binding(), "adm-warn", 403),
    "the prober's, in bartizan's own namespace": (a_probes_binding(), "adm-system", 403),
    "the prober's, for itself": (a_probes_binding("bartizan-controller"), "adm-enforce", 403),
    "certificates for the prober": (a_probes_binding(role="bartizan-certificates"), "adm-enforce", 403),
}


@pytest.mark.parametrize("case", BINDINGS)
def test_the_controller_gives_itself_certificates_and_nothing_else(guarded, case):
    """The controller's identity may write exactly one shape of RoleBinding, in governed namespaces only."""
    binding, namespace, code = BINDINGS[case]
    answer = guarded.create(binding, namespace, user=CONTROLLER)
    assert answer.code == code, answer.message
    assert ("bartizan-guard-access" in answer.message) is (code == 403)


def test_other_people_s_bindings_are_not_the_guard_s_business(guarded):
    """An administrator binds what RBAC lets him bind."""
    assert guarded.create(a_binding(roleRef=OTHER_ROLE, metadata={"name": "other"}), "adm-plain").code == 201


def test_a_kubelet_reports_its_static_pods(guarded):
    """A mirror pod is let through untouched: it runs already. The same pod from a person is refused, annotation or not."""
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "adm-node"}}
    made = guarded.ask("POST", "/api/v1/nodes", node)
    assert made.code in {201, 409}
    owner = {
        "apiVersion": "v1",
        "kind": "Node",
        "name": "adm-node",
        "uid": guarded.ask("GET", "/api/v1/nodes/adm-node").body["metadata"]["uid"],
        "controller": True,
    }
    meta = {"name": "static-adm-node", "annotations": {"kubernetes.io/config.mirror": "x"}, "ownerReferences": [owner]}
    spec = {"nodeName": "adm-node", "hostNetwork": True, "containers": [{"name": "a", "image": "x"}]}
    mirror = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}
    kubelet = {"user": "system:node:adm-node", "groups": ["system:nodes", "system:authenticated"]}
    try:
        answer = guarded.create(mirror, "adm-enforce", **kubelet)
        assert answer.code == 201, answer.message
        assert "P-02 host namespaces" in guarded.create(mirror, "adm-enforce").message
    finally:
        guarded.ask("DELETE", "/api/v1/nodes/adm-node")
