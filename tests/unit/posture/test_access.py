"""The Role and RoleBinding of a policy: written, kept, taken away, left alone."""

from bartizan.core.access import AccessObserved, plan_access, with_conflict
from bartizan.core.network.api_server import access_objects
from bartizan.testing.builders import a_policy_view

RULE = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
POLICY = a_policy_view("orders", "shop", network={"egress": [{"to": {"kubernetesAPI": {"rules": [RULE]}}}]})
ROLE, BINDING = access_objects(POLICY)
FOREIGN = {**ROLE, "metadata": {"name": "ssp-orders-api", "namespace": "shop", "uid": "theirs"}}


def stored(item):
    """The object as the API server holds it."""
    return {**item, "metadata": {**item["metadata"], "uid": f"uid-{item['kind']}"}}


def written(plan):
    """Kinds applied (with force) and deleted."""
    return ([(apply.item["kind"], apply.force) for apply in plan.applies], [delete.ref.kind for delete in plan.deletes])


def test_rights_are_written_once():
    """Role before RoleBinding, without force; nothing when both stand."""
    assert written(plan_access(POLICY, (ROLE, BINDING), AccessObserved())) == (
        [("Role", False), ("RoleBinding", False)],
        [],
    )
    standing = AccessObserved(role=stored(ROLE), binding=stored(BINDING))
    assert written(plan_access(POLICY, (ROLE, BINDING), standing)) == ([], [])


def test_a_widened_role_is_taken_back():
    """A rule that somebody added goes, by force."""
    wider = {**stored(ROLE), "rules": [*ROLE["rules"], {**RULE, "resources": ["secrets"]}]}
    observed = AccessObserved(role=wider, binding=stored(BINDING))
    assert written(plan_access(POLICY, (ROLE, BINDING), observed)) == ([("Role", True)], [])


def test_a_second_subject_is_taken_back():
    """A RoleBinding that binds somebody else too is written anew."""
    wider = {**stored(BINDING), "subjects": [*BINDING["subjects"], {"kind": "User", "name": "eve"}]}
    observed = AccessObserved(role=stored(ROLE), binding=wider)
    assert written(plan_access(POLICY, (ROLE, BINDING), observed)) == ([("RoleBinding", True)], [])


def test_rights_go_when_nothing_is_granted():
    """The binding first: between the two deletions nobody has more than before."""
    standing = AccessObserved(role=stored(ROLE), binding=stored(BINDING))
    assert written(plan_access(POLICY, (), standing)) == ([], ["RoleBinding", "Role"])
    assert written(plan_access(POLICY, (), AccessObserved(role=FOREIGN))) == ([], [])


def test_somebody_elses_role_is_left_alone_and_said():
    """Nothing is written, not even the binding, which would bind a Role that says something else."""
    plan = plan_access(POLICY, (ROLE, BINDING), AccessObserved(role=FOREIGN))
    assert (written(plan), plan.kept, plan.conflict) == (([], []), (), "Role ssp-orders-api")
    assert with_conflict((), "") == ()
