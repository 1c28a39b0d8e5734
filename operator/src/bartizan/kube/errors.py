"""What can go wrong between bartizan and the API server, one class for each thing a caller would do differently.

    BartizanError
    └── KubeError                   any refusal or failure; carries code, reason, causes, retry_after
        ├── ClientConfigError       no usable kubeconfig or ServiceAccount: nothing was sent
        ├── UnauthorizedError       401  the credentials are not accepted
        ├── ForbiddenError          403  RBAC or admission says no
        ├── NotFoundError           404  the object, its namespace, or the kind itself is absent
        ├── ConflictError           409  another field manager owns it, or it changed meanwhile, or another uid
        ├── GoneError               410  the resourceVersion is too old: list again
        ├── InvalidError            400, 405, 413, 415, 422  asking again the same way cannot succeed
        ├── TooManyRequestsError    429  slow down for retry_after
        └── UnavailableError        5xx, 408, no connection, no answer in time: ask again later

The API server quotes refused values in its messages. For Secrets that would put a key into a log, so their errors name the
object, the field paths and the reason, and never what the server said.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Final

from bartizan.api.kinds import SECRET, Kind
from bartizan.errors import BartizanError

FIELD_CONFLICT: Final = "FieldManagerConflict"
"""The reason of a cause that names a field another manager owns."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, in the words an error message needs."""

    verb: str
    """get, list, watch, apply, apply-status, create, delete or evict."""
    kind: Kind
    namespace: str = ""
    name: str = ""
    manager: str = ""

    def __str__(self) -> str:
        """Say it as `apply NetworkPolicy shop/ssp-orders`."""
        place = "/".join(part for part in (self.namespace, self.name) if part)
        return f"{self.verb} {self.kind.kind} {place}".rstrip()


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason among several: `field` is a path such as `.spec.ingress`."""

    reason: str
    field: str
    message: str


class KubeError(BartizanError):
    """The API server refused or could not be asked; the message says which call and why."""

    default_code: ClassVar[int] = 0
    default_reason: ClassVar[str] = "Unknown"

    def __init__(
        self,
        message: str,
        *,
        code: int | None = None,
        reason: str = "",
        causes: tuple[Cause, ...] = (),
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = self.default_code if code is None else code
        self.reason = reason or self.default_reason
        self.causes = causes
        self.retry_after = retry_after


class ClientConfigError(KubeError):
    """There is no usable kubeconfig or ServiceAccount."""

    default_reason = "ClientConfig"


class UnauthorizedError(KubeError):
    """The credentials are not accepted."""

    default_code = 401
    default_reason = "Unauthorized"


class ForbiddenError(KubeError):
    """RBAC or admission says no."""

    default_code = 403
    default_reason = "Forbidden"


class NotFoundError(KubeError):
    """The object, its namespace, or the kind itself is absent."""

    default_code = 404
    default_reason = "NotFound"


class ConflictError(KubeError):
    """Another field manager owns a field, or the object is not the one that was observed."""

    default_code = 409
    default_reason = "Conflict"

    @property
    def fields(self) -> tuple[str, ...]:
        """Paths that other field managers own with another value; empty for a conflict of versions or uids."""
        return tuple(cause.field for cause in self.causes if cause.reason == FIELD_CONFLICT)


class GoneError(KubeError):
    """The resourceVersion is too old; the collection has to be listed again."""

    default_code = 410
    default_reason = "Expired"


class InvalidError(KubeError):
    """The request itself is wrong: sending it again cannot succeed."""

    default_code = 422
    default_reason = "Invalid"


class TooManyRequestsError(KubeError):
    """The API server asks for less; `retry_after` says for how long, if it said."""

    default_code = 429
    default_reason = "TooManyRequests"


class UnavailableError(KubeError):
    """No answer, or an answer that only speaks of the server's own state."""

    default_code = 503
    default_reason = "ServiceUnavailable"


_BY_CODE: Final[Mapping[int, type[KubeError]]] = {
    400: InvalidError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    405: InvalidError,
    409: ConflictError,
    410: GoneError,
    413: InvalidError,
    415: InvalidError,
    422: InvalidError,
    429: TooManyRequestsError,
}

_NOT_IN_SCHEMA: Final = "failed to create typed patch object"


def from_status(
    call: Call, status: Mapping[str, Any], *, code: int = 0, retry_after: timedelta | None = None
) -> KubeError:
    """Return the error that a `metav1.Status` describes; `code` and `retry_after` are the HTTP answer's, if there was one."""
    code = int(status.get("code") or code or 500)
    reason = str(status.get("reason") or "")
    details = status.get("details") or {}
    seconds = details.get("retryAfterSeconds")
    said = str(status.get("message") or "no message")
    # A field the schema doesn't know is answered with 500, as if the server were at fault (seen on Kubernetes 1.36).
    kind = InvalidError if said.startswith(_NOT_IN_SCHEMA) else _BY_CODE.get(code, UnavailableError)
    if call.kind == SECRET:
        said = "the server's message is withheld because it may quote the Secret"
    return kind(
        f"{call}: {code} {reason or kind.default_reason}: {said}",
        code=code,
        reason=reason,
        causes=tuple(_cause(call, cause) for cause in details.get("causes") or ()),
        retry_after=timedelta(seconds=seconds) if seconds else retry_after,
    )


def _cause(call: Call, cause: Mapping[str, Any]) -> Cause:
    reason = str(cause.get("reason") or "")
    # A field conflict names the manager and no value, so it may be told of Secrets too.
    quotes = call.kind == SECRET and reason != FIELD_CONFLICT
    return Cause(reason, str(cause.get("field") or ""), "" if quotes else str(cause.get("message") or ""))
