"""What a person may ask of a rotation, decided before it is written: what is refused, and what exactly is applied.

Each wish has a field manager of its own, because an apply takes back what its manager said before and does not say again: a
request must not take back an abort. Whoever keeps the rest of the TrustDomain (the chart, a repository) keeps it; if they keep
the same field, the API server names them and nothing is written.

    BartizanError
    └── AskingError    it makes no sense as the trust domain stands; the message says why, and what would
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

from bartizan.api.duration import format_duration, parse_duration
from bartizan.api.kinds import TRUST_DOMAIN
from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import AuthorityStatus, Rotation
from bartizan.core.model import TrustDomainView
from bartizan.core.pki.remembered import known_authorities, rotation_of
from bartizan.core.pki.rotation_wishes import ABORTABLE, CURRENT
from bartizan.core.views import Unreadable, read_trust_domain
from bartizan.errors import BartizanError

RoleName: TypeAlias = Literal["Root", "Issuing"]
ROTATE: Final = "bartizan/rotate"
ABORT: Final = "bartizan/abort"
DISTRUST: Final = "bartizan/distrust"
_ROLES: Final[Mapping[str, RoleName]] = {"root": "Root", "issuing": "Issuing"}
_ID: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9])?")
_ID_LENGTH: Final = 63
_MOST: Final = 16
_SHORTEST, _LONGEST = timedelta(minutes=1), timedelta(hours=168)


class AskingError(BartizanError):
    """It makes no sense as the trust domain stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be written into `spec.rotation`."""

    manager: str
    """The field manager that says it, and nothing else."""
    rotation: KubeObject
    force: bool = False
    """Whether fields may be taken from others: where they hold nothing but the default."""

    def lines(self) -> KubeObject:
        """Return it as the part of a manifest that says it."""
        return {"spec": {"rotation": self.rotation}}

    def item(self, domain: KubeObject) -> KubeObject:
        """Return what is applied to the TrustDomain, and to no other version of it."""
        return _applied(domain, {"spec": {"rotation": self.rotation}})


def readable(item: KubeObject) -> TrustDomainView:
    """Return the trust domain; raises AskingError where its specification cannot be read."""
    view = read_trust_domain(item)
    if isinstance(view, Unreadable):
        raise AskingError(f"TrustDomain {item['metadata']['name']} cannot be read: {view.problem}")
    return view


def read_role(text: str) -> RoleName:
    """Return the role that `root` or `issuing` names; raises AskingError."""
    if text.lower() not in _ROLES:
        raise AskingError(f"{text!r} does not rotate; allowed: {' and '.join(_ROLES)}")
    return _ROLES[text.lower()]


def read_deadline(text: str) -> timedelta | None:
    """Return how long `--deadline` is, None for none; raises AskingError."""
    if not text:
        return None
    try:
        span = parse_duration(text)
    except ValueError as error:
        raise AskingError(f"--deadline is {text!r}; allowed: a duration such as 15m ({error})") from None
    if not _SHORTEST <= span <= _LONGEST:
        raise AskingError(f"--deadline is {text!r}; allowed: 1m to 168h")
    return span


def request(item: KubeObject, role: RoleName, name: str, now: datetime) -> Wish:
    """Return the wish for a rotation; `name` is its id, or empty for one that says what and when.

    Raises:
        AskingError: one is under way, the id was used, or the authorities are not bartizan's.
    """
    view, record = _own(item), rotation_of(item.get("status") or {})
    if record.phase != "Stable":
        abort = abortable(item)
        hint = (
            f"give it up with bartizan pki rotate --abort --trust-domain {view.name}" if abort else "wait for its end"
        )
        raise AskingError(
            f"a rotation of the {(record.role or 'root').lower()} authority is under way in TrustDomain {view.name}: "
            f"{record.phase}, {_cause(record.cause, record.request)}; {hint}"
        )
    chosen = name or f"{role.lower()}-{now:%Y%m%dT%H%M%SZ}"
    if len(chosen) > _ID_LENGTH or not _ID.fullmatch(chosen):
        raise AskingError(f"--id is {chosen!r}; allowed: letters, digits, '-', '.' and '_', at most {_ID_LENGTH}")
    if chosen in {record.request, view.spec.rotation.abort}:
        done = "was begun before" if chosen == record.request else "is given up in spec.rotation.abort"
        raise AskingError(f"--id is {chosen!r}, which {done}, and each is done once: give another one")
    waiting = view.spec.rotation.request
    if waiting and waiting.id not in {record.request, view.spec.rotation.abort}:
        raise AskingError(f"request {waiting.id!r} ({waiting.role}) is waiting to be begun in TrustDomain {view.name}")
    return Wish(manager=ROTATE, rotation={"request": {"id": chosen, "role": role}})


def abort(item: KubeObject) -> Wish:
    """Return the wish to give up the rotation that is under way.

    Raises:
        AskingError: there is none, or the new authority signs already.
    """
    view, record = _own(item), rotation_of(item.get("status") or {})
    if record.phase == "Stable":
        raise AskingError(f"nothing rotates in TrustDomain {view.name}: there is nothing to give up")
    if not abortable(item):
        raise AskingError(
            f"the rotation in TrustDomain {view.name} is {record.phase} ({_cause(record.cause, record.request)}) and cannot be "
            f"given up any more; that is possible while it is {' or '.join(sorted(ABORTABLE, reverse=True))} and no emergency: "
            "the way back is another rotation"
        )
    name = record.request if record.cause == "Requested" and record.request else CURRENT
    if view.spec.rotation.abort == record.aborted == name:
        raise AskingError(
            f"spec.rotation.abort of TrustDomain {view.name} says {name!r} since an earlier rotation, and each is done once: "
            "remove it, then ask again"
        )
    return Wish(manager=ABORT, rotation={"abort": name})


def abortable(item: KubeObject) -> bool:
    """Whether the rotation under way can still be given up."""
    record = rotation_of(item.get("status") or {})
    return record.phase in ABORTABLE and record.cause != "Emergency"


def distrust(item: KubeObject, authorities: tuple[str, ...], deadline: timedelta | None = None) -> Wish:
    """Return the wish that authorities (ids) are not trusted any more; those distrusted before stay so.

    Raises:
        AskingError: one is not there, or everything is said already, or the deadline cannot be.
    """
    view = _own(item)
    for one in authorities:
        authority(item, one)
    before = view.spec.rotation.distrust
    new = tuple(dict.fromkeys(one for one in authorities if one not in before))
    if not new:
        raise AskingError(f"{', '.join(authorities)} is in spec.rotation.distrust of TrustDomain {view.name} already")
    if len(before) + len(new) > _MOST:
        raise AskingError(f"spec.rotation.distrust holds at most {_MOST} authorities: remove those that are gone")
    rotation: dict[str, Any] = {"distrust": [*before, *new]}
    if deadline:
        rotation["emergencyDeadline"] = format_duration(deadline)
    # Whoever creates an object owns the defaults it gets: an empty list is nobody's statement, and must not stop an emergency.
    default = Rotation.model_fields["emergency_deadline"].default
    force = not before and (deadline is None or view.spec.rotation.emergency_deadline == default)
    return Wish(manager=DISTRUST, rotation=rotation, force=force)


def authority(item: KubeObject, name: str) -> AuthorityStatus:
    """Return the authority in use of that id; raises AskingError."""
    entries = [one for one in known_authorities(item.get("status") or {}) if one.state != "Retired"]
    for one in entries:
        if one.id == name:
            return one
    known = ", ".join(f"{one.id} ({one.role} {one.generation})" for one in entries) or "none"
    raise AskingError(f"TrustDomain {item['metadata']['name']} uses no authority {name!r}; it uses: {known}")


def given_back(item: KubeObject) -> KubeObject | None:
    """Return what takes back an abort that was asked for with this tool; None where there is none.

    A rotation that somebody wants now is not to be held up by one that was given up before.
    """
    said = "abort" in ((item.get("spec") or {}).get("rotation") or {})
    ours = any(entry.get("manager") == ABORT for entry in item["metadata"].get("managedFields") or ())
    return _applied(item, {}) if said and ours else None


def _own(item: KubeObject) -> TrustDomainView:
    view = readable(item)
    if view.spec.external:
        raise AskingError(
            f"{view.spec.issuer.kind} signs for TrustDomain {view.name}: rotate its authorities there, and put the new root "
            "into spec.bundle before it signs"
        )
    lost = [one for one in known_authorities(item.get("status") or {}) if one.state == "Lost"]
    if lost:
        raise AskingError(
            f"the key of Secret {lost[0].secret_name} is lost and nothing rotates without it: see the condition Ready of "
            f"TrustDomain {view.name}"
        )
    return view


def _cause(cause: str | None, asked: str | None) -> str:
    words = {"HalfLife": "because of an authority's age", "Emergency": "because of distrust"}
    return words.get(cause or "", f"as request {asked!r} wants")


def _applied(domain: KubeObject, parts: KubeObject) -> KubeObject:
    meta = {key: domain["metadata"][key] for key in ("name", "resourceVersion") if key in domain["metadata"]}
    return {"apiVersion": TRUST_DOMAIN.api_version, "kind": TRUST_DOMAIN.kind, "metadata": meta, **parts}
