"""Server-side apply, as far as bartizan relies on it."""

import pytest

from bartizan.api.kinds import NETWORK_POLICY, POLICY, POLICY_INDEX, ROLE_BINDING, SECRET
from bartizan.api.names import KubeObject
from bartizan.core.model import ObjectRef
from bartizan.kube.errors import ConflictError, InvalidError, NotFoundError
from bartizan.testing import a_policy_spec

ANYBODY = [{"from": [{"podSelector": {}}], "ports": [{"port": 80, "protocol": "TCP"}]}]
NOBODY = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def managers(item: KubeObject) -> dict[str, object]:
    """Return the fields of each manager that applied something to `item`."""
    return {entry["manager"]: entry["fieldsV1"] for entry in item["metadata"]["managedFields"]}


async def test_applied_object_can_be_read_back(place):
    """What apply returns is what get returns, with identity and ownership recorded."""
    item = place.an_object(NETWORK_POLICY, "np", {"labels": {"a": "1"}}, spec=NOBODY)
    stored = await place.api.apply(item, manager="one")
    assert await place.api.get(ObjectRef.of(item)) == stored
    assert stored["spec"] == NOBODY
    assert managers(stored) == {
        "one": {
            "f:metadata": {"f:labels": {"f:a": {}}},
            "f:spec": {"f:podSelector": {}, "f:policyTypes": {}},
        }
    }


async def test_second_apply_changes_nothing(place):
    """The same intent twice is one write: resourceVersion and generation stay."""
    item = place.an_object(NETWORK_POLICY, "np", {"labels": {"a": "1"}}, spec={**NOBODY, "ingress": ANYBODY})
    first = await place.api.apply(item, manager="one")
    assert await place.api.apply(item, manager="one") == first


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({**NOBODY, "ingress": []}, id="an empty list of rules"),
        pytest.param(
            {**NOBODY, "ingress": [{"from": [{"podSelector": {}}], "ports": []}]}, id="an empty list of ports"
        ),
        pytest.param({**NOBODY, "podSelector": {"matchLabels": {}}}, id="empty matchLabels"),
    ],
)
async def test_empty_lists_in_a_network_policy_never_rest(place, spec):
    """A NetworkPolicy that spells out an empty list is another one at every apply: bartizan must leave it out."""
    item = place.an_object(NETWORK_POLICY, "np", spec=spec)
    first = await place.api.apply(item, manager="one")
    again = await place.api.apply(item, manager="one")
    assert (first["metadata"]["generation"], again["metadata"]["generation"]) == (1, 2)
    assert first["spec"] == again["spec"]


async def test_field_of_another_manager_is_a_conflict(place):
    """Without force another manager's field stays, and the error names it."""
    item = place.an_object(NETWORK_POLICY, "np", spec={**NOBODY, "ingress": ANYBODY})
    await place.api.apply(item, manager="one")
    other = place.an_object(NETWORK_POLICY, "np", spec={**NOBODY, "ingress": [{}]})
    with pytest.raises(ConflictError, match='conflict with "one"') as caught:
        await place.api.apply(other, manager="two")
    assert caught.value.fields == (".spec.ingress",)


async def test_force_takes_the_field_over(place):
    """With force the field changes hands whole: lists of rules are never merged."""
    await place.api.apply(place.an_object(NETWORK_POLICY, "np", spec={**NOBODY, "ingress": ANYBODY}), manager="one")
    other = place.an_object(NETWORK_POLICY, "np", spec={"podSelector": {}, "ingress": [{}]})
    stored = await place.api.apply(other, manager="two", force=True)
    assert stored["spec"] == {**NOBODY, "ingress": [{}]}
    assert managers(stored) == {
        "one": {"f:spec": {"f:podSelector": {}, "f:policyTypes": {}}},
        "two": {"f:spec": {"f:podSelector": {}, "f:ingress": {}}},
    }


async def test_field_no_longer_applied_goes_away(place):
    """What its only owner stops sending is removed."""
    await place.api.apply(place.an_object(SECRET, "s", {"labels": {"a": "1"}}, data={"k": "QQ=="}), manager="one")
    stored = await place.api.apply(place.an_object(SECRET, "s", data={"j": "QQ=="}), manager="one")
    assert (stored["metadata"].get("labels"), stored["data"]) == (None, {"j": "QQ=="})


async def test_shared_field_outlives_one_of_its_owners(place):
    """A field that two managers apply with one value stays until both have let go."""
    both = place.an_object(SECRET, "s", {"labels": {"a": "1"}}, data={"k": "QQ=="})
    await place.api.apply(both, manager="one")
    await place.api.apply(both, manager="two")
    bare = place.an_object(SECRET, "s", data={"k": "QQ=="})
    assert (await place.api.apply(bare, manager="one"))["metadata"]["labels"] == {"a": "1"}
    assert "labels" not in (await place.api.apply(bare, manager="two"))["metadata"]


async def test_empty_map_is_nobodys_conflict(place):
    """An applier that sends an empty map claims nothing that others have in it."""
    await place.api.apply(place.an_object(SECRET, "s", data={"k": "QQ=="}), manager="one")
    empty = place.an_object(SECRET, "s", data={})
    assert (await place.api.apply(empty, manager="two"))["data"] == {"k": "QQ=="}
    assert (await place.api.apply(empty, manager="one")).get("data") is None


async def test_keys_of_a_secret_have_owners_of_their_own(place):
    """Two managers can each keep a key of one Secret."""
    await place.api.apply(place.an_object(SECRET, "s", data={"mine": "QQ=="}), manager="one")
    stored = await place.api.apply(place.an_object(SECRET, "s", data={"yours": "Qg=="}), manager="two")
    assert stored["data"] == {"mine": "QQ==", "yours": "Qg=="}
    assert managers(stored) == {"one": {"f:data": {"f:mine": {}}}, "two": {"f:data": {"f:yours": {}}}}


async def test_owners_are_told_apart_by_uid(place):
    """Two managers can each add an owner; one that leaves takes only its own along."""
    uids = [
        (await place.api.apply(place.an_object(SECRET, name, data={"k": "QQ=="}), manager="one"))["metadata"]["uid"]
        for name in ("owner-0", "owner-1")
    ]

    def owned(number: int) -> KubeObject:
        owner = {"apiVersion": "v1", "kind": "Secret", "name": f"owner-{number}", "uid": uids[number]}
        return place.an_object(SECRET, "s", {"ownerReferences": [owner]}, data={"k": "QQ=="})

    await place.api.apply(owned(0), manager="one")
    stored = await place.api.apply(owned(1), manager="two")
    assert [owner["uid"] for owner in stored["metadata"]["ownerReferences"]] == uids
    stored = await place.api.apply(place.an_object(SECRET, "s", data={"k": "QQ=="}), manager="one")
    assert [owner["uid"] for owner in stored["metadata"]["ownerReferences"]] == uids[1:]


async def test_what_a_person_edits_becomes_the_persons(place):
    """After an edit by kubectl our next apply meets a conflict, and force repairs it."""
    item = place.an_object(SECRET, "s", {"labels": {"a": "1"}}, data={"k": "QQ=="})
    await place.api.apply(item, manager="one")
    place.relabel(ObjectRef.of(item), "a", "2")
    with pytest.raises(ConflictError) as caught:
        await place.api.apply(item, manager="one")
    assert caught.value.fields == (".metadata.labels.a",)
    assert (await place.api.apply(item, manager="one", force=True))["metadata"]["labels"] == {"a": "1"}


async def test_stale_version_is_refused(place):
    """An apply that names a resourceVersion succeeds on exactly that version."""
    item = place.an_object(SECRET, "s", data={"k": "QQ=="})
    first = await place.api.apply(item, manager="one")
    version = first["metadata"]["resourceVersion"]
    pinned = place.an_object(SECRET, "s", {"resourceVersion": version}, data={"k": "Qg=="})
    await place.api.apply(pinned, manager="one")
    with pytest.raises(ConflictError) as caught:
        await place.api.apply(pinned, manager="one", force=True)
    assert caught.value.fields == ()


async def test_version_of_an_absent_object_is_ignored(place):
    """An apply that names a resourceVersion creates an object that is not there: no protection against deletion."""
    item = place.an_object(SECRET, "s", {"resourceVersion": "1"}, data={"k": "QQ=="})
    assert (await place.api.apply(item, manager="one"))["data"] == {"k": "QQ=="}


async def test_uid_of_another_object_is_refused(place):
    """An apply that names a uid creates nothing and changes nothing but that object."""
    with pytest.raises(ConflictError):
        await place.api.apply(place.an_object(SECRET, "s", {"uid": "u-1"}, data={"k": "QQ=="}), manager="one")


async def test_dry_run_changes_nothing(place):
    """A dry run answers as the apply would and leaves no trace."""
    item = place.an_object(SECRET, "s", data={"k": "QQ=="})
    assert (await place.api.apply(item, manager="one", dry_run=True))["data"] == {"k": "QQ=="}
    with pytest.raises(NotFoundError):
        await place.api.get(ObjectRef.of(item))


async def test_manager_must_have_a_name(place):
    """An apply without a field manager is refused."""
    with pytest.raises(InvalidError, match="fieldManager: Required value"):
        await place.api.apply(place.an_object(NETWORK_POLICY, "np", spec=NOBODY), manager="")


async def test_namespace_must_exist(place):
    """Nothing is created in a namespace that is not there."""
    item = place.an_object(SECRET, "s", {"namespace": "contract-nowhere"}, data={"k": "QQ=="})
    with pytest.raises(NotFoundError):
        await place.api.apply(item, manager="one")


async def test_generation_counts_changes_of_what_is_desired(place):
    """Labels and status leave a policy's generation alone, the spec doesn't."""
    item = place.an_object(POLICY, "p", spec=a_policy_spec("p"))
    generations = [
        (await place.api.apply(each, manager="one"))["metadata"]["generation"]
        for each in (
            item,
            place.an_object(POLICY, "p", {"labels": {"a": "1"}}, spec=a_policy_spec("p")),
            place.an_object(POLICY, "p", spec=a_policy_spec("q")),
        )
    ]
    assert generations == [1, 1, 2]


def condition(kind: str, status: str = "True") -> KubeObject:
    """Return a condition as in metav1.Condition."""
    moment = "2026-01-01T00:00:00Z"
    return {
        "type": kind,
        "status": status,
        "reason": "Applied",
        "message": "As declared.",
        "lastTransitionTime": moment,
        "observedGeneration": 1,
    }


async def test_status_is_a_thing_of_its_own(place):
    """Neither apply touches the other's half of the object, and the status does not count as a generation."""
    await place.api.apply(place.an_object(POLICY, "p", spec=a_policy_spec("p"), status={"mode": "Warn"}), manager="one")
    item = place.an_object(POLICY, "p", spec=a_policy_spec("q"), status={"mode": "Enforce"})
    stored = await place.api.apply(item, manager="two", status=True)
    assert stored["spec"]["workload"]["selector"]["matchLabels"] == {"app": "p"}
    assert (stored["status"]["mode"], stored["metadata"]["generation"]) == ("Enforce", 1)
    assert [(entry["manager"], entry.get("subresource")) for entry in stored["metadata"]["managedFields"]] == [
        ("one", None),
        ("two", "status"),
    ]
    assert await place.api.apply(item, manager="two", status=True) == stored


async def test_conditions_are_told_apart_by_type(place):
    """Two managers keep a condition each; a conflict names the type."""
    await place.api.apply(place.an_object(POLICY, "p", spec=a_policy_spec("p")), manager="one")

    def says(*conditions: KubeObject) -> KubeObject:
        return place.an_object(POLICY, "p", status={"conditions": list(conditions)})

    await place.api.apply(says(condition("Ready")), manager="one", status=True)
    stored = await place.api.apply(says(condition("ConsentComplete")), manager="two", status=True)
    assert [each["type"] for each in stored["status"]["conditions"]] == ["Ready", "ConsentComplete"]
    with pytest.raises(ConflictError) as caught:
        await place.api.apply(says(condition("Ready", "False")), manager="two", status=True)
    assert caught.value.fields == ('.status.conditions[type="Ready"].status',)


async def test_status_of_nothing_is_refused(place):
    """A status can neither create an object nor be put on a kind that has none."""
    with pytest.raises(NotFoundError):
        await place.api.apply(place.an_object(POLICY, "nope", status={"mode": "Warn"}), manager="one", status=True)
    await place.api.apply(place.an_object(POLICY_INDEX, "index", spec={"rest": []}), manager="one")
    with pytest.raises(NotFoundError):
        await place.api.apply(place.an_object(POLICY_INDEX, "index", status={}), manager="one", status=True)


async def test_immutable_secret_stays_as_it_is(place):
    """An immutable Secret takes labels but no other data, and the error does not tell the data."""
    item = place.an_object(SECRET, "s", data={"k": "c2VjcmV0"}, immutable=True)
    await place.api.apply(item, manager="one")
    labelled = place.an_object(SECRET, "s", {"labels": {"a": "1"}}, data={"k": "c2VjcmV0"}, immutable=True)
    assert (await place.api.apply(labelled, manager="one"))["metadata"]["labels"] == {"a": "1"}
    with pytest.raises(InvalidError) as caught:
        await place.api.apply(place.an_object(SECRET, "s", data={"k": "b3RoZXI="}, immutable=True), manager="one")
    assert str(caught.value) == (
        f"apply Secret {place.namespace}/s: 422 Invalid: the server's message is withheld because it may quote the Secret"
    )


async def test_tls_secret_needs_both_halves(place):
    """A kubernetes.io/tls Secret without its key is refused, and a Secret's type never changes."""
    with pytest.raises(InvalidError):
        await place.api.apply(
            place.an_object(SECRET, "t", type="kubernetes.io/tls", data={"tls.crt": "QQ=="}), manager="one"
        )
    await place.api.apply(place.an_object(SECRET, "s", data={"k": "QQ=="}), manager="one")
    with pytest.raises(InvalidError):
        await place.api.apply(place.an_object(SECRET, "s", type="other", data={"k": "QQ=="}), manager="one")


async def test_role_binding_rests(place):
    """A RoleBinding with subjects is the same at the second apply."""
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    subject = {"kind": "ServiceAccount", "name": "x", "namespace": place.namespace}
    item = place.an_object(ROLE_BINDING, "rb", roleRef=role, subjects=[subject])
    first = await place.api.apply(item, manager="one")
    assert await place.api.apply(item, manager="one") == first


async def test_created_object_can_be_read_back_and_not_created_twice(place):
    """What create returns is what get returns; a second one of the name is a conflict and changes nothing."""
    item = place.an_object(NETWORK_POLICY, "np", {"labels": {"a": "1"}}, spec=NOBODY)
    stored = await place.api.create(item, manager="one")
    assert stored["spec"] == NOBODY
    with pytest.raises(ConflictError):
        await place.api.create({**item, "spec": {**NOBODY, "ingress": ANYBODY}}, manager="two")
    assert await place.api.get(ObjectRef.of(item)) == stored
