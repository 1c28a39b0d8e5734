"""The wire format of admission: bytes of an AdmissionReview (admission.k8s.io/v1) to values, and answers back to bytes.

What arrives is hostile until read: anybody who reaches the port can send anything. A body that is no review is refused as such
(HTTP 400, `BadReviewError`); an object inside a proper review that makes no sense is an answer like any other, and left to the
judge. Nothing else is ever raised.

BartizanError
└── BadReviewError      the body is no AdmissionReview v1; the message says what is missing
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from bartizan.api.names import KubeObject
from bartizan.errors import BartizanError

API_VERSION: Final = "admission.k8s.io/v1"
WARNING_LIMIT: Final = 256
"""Characters of one warning; the API server cuts longer ones when the total grows (apiserver, `warning.truncateAtRunes`)."""
WARNINGS_LIMIT: Final = 4096
"""Characters of all warnings of a response; the API server drops what goes beyond."""
_UID_LIMIT: Final = 256
_NAME_LIMIT: Final = 253
_SHOWN: Final = 40

Operation = Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]
_OPERATIONS: Final[dict[str, Operation]] = {name: name for name in ("CREATE", "UPDATE", "DELETE", "CONNECT")}


class BadReviewError(BartizanError):
    """The body is not an AdmissionReview that can be answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One question of the API server."""

    uid: str
    operation: Operation
    kind: str
    namespace: str
    name: str
    """May be empty: an object with `generateName` has no name yet."""
    new: KubeObject | None
    old: KubeObject | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the API server is told."""

    allowed: bool
    message: str = ""
    warnings: tuple[str, ...] = ()


def read_review(body: bytes) -> Review:
    """Return the question in a body.

    Raises:
        BadReviewError: the body is not JSON, not an AdmissionReview of v1, or lacks uid, operation or kind.
    """
    try:
        envelope = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadReviewError(
            f"the body ({len(body)} bytes) is not JSON; an AdmissionReview of {API_VERSION} is expected"
        ) from None
    if not isinstance(envelope, dict) or envelope.get("kind") != "AdmissionReview":
        raise BadReviewError(f"the body is not an AdmissionReview; an AdmissionReview of {API_VERSION} is expected")
    if envelope.get("apiVersion") != API_VERSION:
        raise BadReviewError(f"apiVersion is {_shown(envelope.get('apiVersion'))}; allowed is {API_VERSION}")
    request = envelope.get("request")
    if not isinstance(request, dict):
        raise BadReviewError("request is missing from the AdmissionReview")
    kind = request.get("kind")
    return Review(
        uid=_text(request.get("uid"), "request.uid", _UID_LIMIT),
        operation=_operation(request.get("operation")),
        kind=_text(kind.get("kind") if isinstance(kind, dict) else None, "request.kind.kind", _NAME_LIMIT),
        namespace=_text(request.get("namespace", ""), "request.namespace", _NAME_LIMIT, empty=True),
        name=_text(request.get("name", ""), "request.name", _NAME_LIMIT, empty=True),
        new=_object(request.get("object")),
        old=_object(request.get("oldObject")),
    )


def write_answer(uid: str, answer: Answer) -> bytes:
    """Return the body that answers the question `uid`; texts are made safe for an HTTP header and kept within limits."""
    response: dict[str, Any] = {"uid": uid, "allowed": answer.allowed}
    if answer.message:
        response["status"] = {
            "status": "Success" if answer.allowed else "Failure",
            "reason": "" if answer.allowed else "Invalid",
            "code": 200 if answer.allowed else 422,
            "message": _one_line(answer.message),
        }
    if warnings := within_limits(answer.warnings):
        response["warnings"] = warnings
    return orjson.dumps({"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response})


def within_limits(warnings: Iterable[str]) -> list[str]:
    """Return the warnings that fit into a response, each on one line; the last one counts those that don't fit."""
    texts = [_one_line(warning)[:WARNING_LIMIT] for warning in warnings]
    kept: list[str] = []
    room = WARNINGS_LIMIT - WARNING_LIMIT
    for position, text in enumerate(texts):
        room -= len(text)
        if room < 0:
            return [*kept, f"bartizan: and {len(texts) - position} more"]
        kept.append(text)
    return kept


def _one_line(text: str) -> str:
    return "".join(
        " " if character.isspace() else character
        for character in text
        if character.isprintable() or character.isspace()
    )


def _text(value: Any, field: str, limit: int, *, empty: bool = False) -> str:
    if not isinstance(value, str) or len(value) > limit or not (value or empty):
        raise BadReviewError(
            f"{field} is {_shown(value)}; a string of {'0' if empty else '1'} to {limit} characters is expected"
        )
    return value


def _operation(value: Any) -> Operation:
    found = _OPERATIONS.get(value) if isinstance(value, str) else None
    if found is None:
        raise BadReviewError(f"request.operation is {_shown(value)}; allowed are {', '.join(_OPERATIONS)}")
    return found


def _object(value: Any) -> KubeObject | None:
    return value if isinstance(value, dict) else None


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return repr(value[:_SHOWN])
    return "missing" if value is None else f"a {type(value).__name__}"
