"""The wire format: whatever arrives is read, refused as a body, or left to the judge; it never crashes the server."""

import json
from typing import Any

import pytest

from bartizan.webhook.codec import Answer, BadReviewError, Review, read_review, within_limits, write_answer


def _body(**request: Any) -> bytes:
    given = {
        "uid": "7f0b", "operation": "CREATE", "namespace": "shop", "name": "orders",
        "kind": {"group": "bartizan.dev", "version": "v1alpha1", "kind": "ServiceSecurityPolicy"},
        "object": {"spec": {}}, "oldObject": None,
    } | request  # fmt: skip
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": given}).encode()


def test_a_review_is_read_whole() -> None:
    """Every part of a proper review arrives."""
    assert read_review(_body(operation="UPDATE", oldObject={"spec": {"a": 1}})) == Review(
        uid="7f0b",
        operation="UPDATE",
        kind="ServiceSecurityPolicy",
        namespace="shop",
        name="orders",
        new={"spec": {}},
        old={"spec": {"a": 1}},
    )


def test_a_review_without_a_name_is_read() -> None:
    """An object with generateName has no name yet, and a deletion has no object."""
    review = read_review(_body(name="", object=None, operation="DELETE"))
    assert (review.name, review.new, review.operation) == ("", None, "DELETE")


HOSTILE = {
    "nothing": (b"", "the body (0 bytes) is not JSON"),
    "not JSON": (b"{'uid': 1}", "is not JSON"),
    "not UTF-8": (b'{"kind": "\xff\xfe"}', "is not JSON"),
    "a lone surrogate": (b'{"kind": "\\ud800"}', "is not JSON"),
    "nested a hundred thousand deep": (b"[" * 100_000, "is not JSON"),
    "nested and closed": (b"[" * 5000 + b"]" * 5000, "is not"),
    "a number": (b"1", "is not an AdmissionReview"),
    "a list": (b"[]", "is not an AdmissionReview"),
    "another kind": (b'{"kind": "Pod"}', "is not an AdmissionReview"),
    "kind is a list": (b'{"kind": []}', "is not an AdmissionReview"),
    "the old version": (
        b'{"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1beta1"}',
        "apiVersion is 'admission.k8s.io/v1beta1'; allowed is admission.k8s.io/v1",
    ),
    "no request": (
        b'{"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1"}',
        "request is missing from the AdmissionReview",
    ),
    "request is a string": (
        b'{"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": "x"}',
        "request is missing from the AdmissionReview",
    ),
    "no uid": (_body(uid=None), "request.uid is missing; a string of 1 to 256 characters is expected"),
    "an empty uid": (_body(uid=""), "request.uid is ''; a string of 1 to 256 characters is expected"),
    "a huge uid": (
        _body(uid="x" * 10_000),
        f"request.uid is {'x' * 40!r}; a string of 1 to 256 characters is expected",
    ),
    "uid is a map": (_body(uid={}), "request.uid is a dict; a string of 1 to 256 characters is expected"),
    "an unknown operation": (
        _body(operation="PATCH"),
        "request.operation is 'PATCH'; allowed are CREATE, UPDATE, DELETE, CONNECT",
    ),
    "operation is a list": (
        _body(operation=[]),
        "request.operation is a list; allowed are CREATE, UPDATE, DELETE, CONNECT",
    ),
    "kind is a string": (
        _body(kind="Pod"),
        "request.kind.kind is missing; a string of 1 to 253 characters is expected",
    ),
    "namespace is a number": (
        _body(namespace=1),
        "request.namespace is a int; a string of 0 to 253 characters is expected",
    ),
}


@pytest.mark.parametrize(("body", "said"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_body_is_refused_by_name(body: bytes, said: str) -> None:
    """What is no review is refused with what is missing, and with nothing else of the body."""
    with pytest.raises(BadReviewError) as refusal:
        read_review(body)
    assert said in str(refusal.value)
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize("value", ["a string", 7, [], True, None])
def test_an_object_that_is_no_object_is_absent(value: Any) -> None:
    """Whatever stands in place of the object, the review is still a review."""
    review = read_review(_body(object=value, oldObject=value))
    assert (review.new, review.old) == (None, None)


def _written(answer: Answer) -> dict[str, Any]:
    envelope = json.loads(write_answer("7f0b", answer))
    assert (envelope["apiVersion"], envelope["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    assert envelope["response"]["uid"] == "7f0b"
    response: dict[str, Any] = envelope["response"]
    return response


def test_an_answer_says_no_more_than_it_must() -> None:
    """A silent yes has no status and no warnings."""
    assert _written(Answer(allowed=True)) == {"uid": "7f0b", "allowed": True}


def test_a_refusal_is_an_invalid_object() -> None:
    """A refusal reads for clients like a failed validation: 422 Invalid, on one line."""
    assert _written(Answer(allowed=False, message="a\nb\tc\x00d")) == {
        "uid": "7f0b",
        "allowed": False,
        "status": {"status": "Failure", "reason": "Invalid", "code": 422, "message": "a b cd"},
    }


def test_warnings_fit_into_a_header() -> None:
    """Warnings lose line breaks and control characters, and none is longer than the API server keeps."""
    assert _written(Answer(allowed=True, warnings=("one\r\nTwo: x", "y" * 1000)))["warnings"] == [
        "one  Two: x",
        "y" * 256,
    ]


def test_too_many_warnings_are_counted() -> None:
    """What the API server would drop is counted in the last warning; in all they stay within its limit."""
    kept = within_limits("w" * 200 for _ in range(100))
    assert kept == [*(["w" * 200] * 19), "bartizan: and 81 more"]
    assert sum(map(len, kept)) <= 4096
