"""How the API server's refusals become errors."""

from datetime import timedelta

import pytest

from bartizan.api.kinds import NETWORK_POLICY, SECRET
from bartizan.kube.errors import (
    Call,
    Cause,
    ConflictError,
    ForbiddenError,
    GoneError,
    InvalidError,
    NotFoundError,
    TooManyRequestsError,
    UnauthorizedError,
    UnavailableError,
    from_status,
)

CALL = Call("apply", NETWORK_POLICY, "shop", "ssp-orders", "bartizan/networkpolicy")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (400, InvalidError),
        (401, UnauthorizedError),
        (403, ForbiddenError),
        (404, NotFoundError),
        (405, InvalidError),
        (408, UnavailableError),
        (409, ConflictError),
        (410, GoneError),
        (413, InvalidError),
        (415, InvalidError),
        (422, InvalidError),
        (429, TooManyRequestsError),
        (500, UnavailableError),
        (503, UnavailableError),
        (504, UnavailableError),
    ],
)
def test_every_code_has_its_class(code, expected):
    """A caller tells refusals apart by class alone."""
    error = from_status(CALL, {"code": code, "reason": "Because", "message": "No."})
    assert (type(error), error.code, error.reason) == (expected, code, "Because")
    assert str(error) == f"apply NetworkPolicy shop/ssp-orders: {code} Because: No."


def test_answer_that_is_no_status():
    """A proxy's answer without a Status still says which call met which code."""
    error = from_status(CALL, {}, code=502)
    assert str(error) == "apply NetworkPolicy shop/ssp-orders: 502 ServiceUnavailable: no message"


def test_field_the_schema_lacks_is_not_the_servers_trouble():
    """A 500 that complains of our object's fields is InvalidError: asking again cannot help."""
    said = "failed to create typed patch object (…): .spec.foo: field not declared in schema"
    assert isinstance(from_status(CALL, {"code": 500, "message": said}), InvalidError)


@pytest.mark.parametrize(
    ("details", "header", "expected"),
    [
        pytest.param({"retryAfterSeconds": 7}, None, timedelta(seconds=7), id="in the Status"),
        pytest.param({}, timedelta(seconds=3), timedelta(seconds=3), id="in the header"),
        pytest.param({"retryAfterSeconds": 7}, timedelta(seconds=3), timedelta(seconds=7), id="the Status is closer"),
        pytest.param({}, None, None, id="nowhere"),
    ],
)
def test_retry_after(details, header, expected):
    """The pause the server asks for is told."""
    error = from_status(CALL, {"code": 429, "details": details}, retry_after=header)
    assert error.retry_after == expected


def test_conflict_names_the_fields():
    """A field conflict tells whose field it is; a conflict of versions has no fields."""
    cause = {"reason": "FieldManagerConflict", "field": ".spec.ingress", "message": 'conflict with "helm"'}
    error = from_status(CALL, {"code": 409, "details": {"causes": [cause]}})
    assert isinstance(error, ConflictError)
    assert error.fields == (".spec.ingress",)
    assert error.causes == (Cause("FieldManagerConflict", ".spec.ingress", 'conflict with "helm"'),)
    assert ConflictError("x").fields == ()


def test_secret_is_never_quoted():
    """Whatever the server says of a Secret, no value of it is in the error."""
    causes = [
        {"reason": "FieldValueInvalid", "field": "data[k]", "message": 'Invalid value: "CANARY"'},
        {"reason": "FieldManagerConflict", "field": ".data.k", "message": 'conflict with "helm"'},
    ]
    status = {"code": 422, "reason": "Invalid", "message": 'invalid: "CANARY"', "details": {"causes": causes}}
    error = from_status(Call("apply", SECRET, "shop", "orders-tls"), status)
    assert "CANARY" not in repr((error, error.args, error.message, error.causes))
    assert error.causes == (
        Cause("FieldValueInvalid", "data[k]", ""),
        Cause("FieldManagerConflict", ".data.k", 'conflict with "helm"'),
    )
