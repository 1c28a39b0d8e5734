"""What of an object the controller's picture holds."""

from bartizan.controller.kept import kept
from bartizan.core.ownership import is_ours
from bartizan.core.pki.contest import writers_in_the_way

FIELDS = {"f:data": {"f:tls.crt": {}}}
ENTRIES = [
    {"manager": "bartizan/certificates", "operation": "Apply", "time": "2026-01-01T00:00:00Z", "fieldsV1": FIELDS},
    {"manager": "kubectl-edit", "operation": "Update", "fieldsType": "FieldsV1", "fieldsV1": FIELDS},
]


def an_object(kind):
    """Return an object that both wrote."""
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": "x", "managedFields": list(ENTRIES)},
        "data": {"a": "b"},
    }


def test_writers_are_kept_by_name_and_what_others_took_of_secrets():
    """Ours lose their fields everywhere, others' keep them in Secrets; all the rest of the object stays, and so does the original."""
    secret, policy = an_object("Secret"), an_object("ServiceSecurityPolicy")
    ours = {"manager": "bartizan/certificates", "operation": "Apply"}
    assert kept(secret) == {**secret, "metadata": {"name": "x", "managedFields": [ours, ENTRIES[1]]}}
    assert kept(policy)["metadata"]["managedFields"] == [ours, {"manager": "kubectl-edit", "operation": "Update"}]
    assert secret == an_object("Secret")


def test_what_is_kept_decides_as_the_whole_does():
    """Whose an object is, and who is in the way in a Secret, is the same before and after."""
    whole = an_object("Secret")
    assert (is_ours(kept(whole)), writers_in_the_way(kept(whole))) == (is_ours(whole), writers_in_the_way(whole))


def test_an_object_without_the_record_is_the_same():
    """Nothing is copied where there is nothing to leave out."""
    item = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}}
    assert kept(item) is item
