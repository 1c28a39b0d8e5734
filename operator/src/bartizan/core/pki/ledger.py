"""What was issued: one row for each certificate, kept until it has expired.

An authority may only be dropped when nothing it signed can still be in use, and a Secret tells that of its present certificate
alone: the pod that never reads it again goes on with the one before, and a certificate whose key never enters the cluster is in
no Secret at all. So every certificate is written down before it is published, in ConfigMaps of the release's namespace.

The rows are kept in segments of bounded size: a write touches one of them, and one whose rows have all expired is deleted as a
whole. `since` is the moment from which the rows are complete; a ledger that was lost, or that somebody has edited, begins anew
then, and evidence about older authorities has to wait for the longest certificate there can be (`bartizan.core.pki.evidence`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from bartizan.api.names import LEDGER_LABEL, MANAGED_BY, MANAGED_BY_LABEL, TRUST_DOMAIN_LABEL, KubeObject
from bartizan.core.pki.authority import authority_label

CAPACITY: Final = 500
"""Rows of a segment: some 70 kB, a twentieth of what etcd takes, written anew whenever rows are added to it."""
LEDGER_SELECTOR: Final = f"{MANAGED_BY_LABEL}={MANAGED_BY},{LEDGER_LABEL}=issued"
"""Lists the segments of all trust domains."""
_ROWS: Final = "rows"
_SINCE: Final = "since"
_DOMAIN: Final = "trustDomain"
_FIELDS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One certificate that was, or is about to be, published."""

    trust_domain: str
    """The TrustDomain object's name."""
    serial: str
    """Hex, without leading zeros."""
    authority: str
    """The id of the issuing authority that signed it (`Authority.id`)."""
    subject: str
    """Whose it is: `<namespace>/<ServiceAccount>`."""
    holder: str
    """The uid of the policy (or pod) it was issued to."""
    not_after: datetime
    """Its last moment, whole seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One ConfigMap of the ledger."""

    trust_domain: str
    number: int
    since: datetime
    """From when on the ledger is complete."""
    rows: tuple[LedgerRow, ...] = ()
    resource_version: str = ""
    """As observed; empty: not written yet."""
    uid: str = ""
    damaged: bool = False
    """Whether part of what was observed cannot be read."""

    @property
    def name(self) -> str:
        """The ConfigMap's name."""
        return f"bartizan-ledger-{authority_label(self.trust_domain)}-{self.number}"

    def spent(self, now: datetime) -> bool:
        """Whether every certificate in it has expired."""
        return all(row.not_after < now for row in self.rows)


def segment_object(segment: Segment, *, namespace: str) -> KubeObject:
    """Return the ConfigMap of a segment. With a `resource_version` the write succeeds on exactly that version."""
    meta: KubeObject = {
        "namespace": namespace,
        "name": segment.name,
        "labels": {
            MANAGED_BY_LABEL: MANAGED_BY,
            LEDGER_LABEL: "issued",
            TRUST_DOMAIN_LABEL: authority_label(segment.trust_domain),
        },
    }
    if segment.resource_version:
        meta["resourceVersion"] = segment.resource_version
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": meta,
        "data": {
            _DOMAIN: segment.trust_domain,
            _SINCE: str(int(segment.since.timestamp())),
            _ROWS: "".join(f"{_line(row)}\n" for row in segment.rows),
        },
    }


def read_segment(item: KubeObject) -> Segment | None:
    """Return the segment a ConfigMap holds, or None where it is none. Lines that cannot be read mark it as damaged."""
    meta, data = item["metadata"], item.get("data") or {}
    number = meta["name"].rpartition("-")[2]
    domain, since = data.get(_DOMAIN), _moment(data.get(_SINCE))
    if not isinstance(domain, str) or not number.isdecimal():
        return None
    lines = str(data.get(_ROWS) or "").splitlines()
    rows = [row for line in lines if (row := _row(domain, line))]
    segment = Segment(
        trust_domain=domain,
        number=int(number),
        since=since or datetime.fromtimestamp(0, UTC),
        rows=tuple(rows),
        resource_version=meta.get("resourceVersion", ""),
        uid=meta.get("uid", ""),
        damaged=since is None or len(rows) != len(lines),
    )
    return segment if segment.name == meta["name"] else None


def counts(rows: Iterable[LedgerRow], now: datetime) -> Mapping[str, int]:
    """Return how many certificates of each authority have not expired."""
    found: dict[str, int] = {}
    for row in rows:
        if row.not_after >= now:
            found[row.authority] = found.get(row.authority, 0) + 1
    return found


def last_ends(rows: Iterable[LedgerRow]) -> Mapping[str, datetime]:
    """Return when the last certificate of each authority ends."""
    found: dict[str, datetime] = {}
    for row in rows:
        found[row.authority] = max(row.not_after, found.get(row.authority, row.not_after))
    return found


def _line(row: LedgerRow) -> str:
    return f"{row.serial} {row.authority} {int(row.not_after.timestamp())} {row.holder or '-'} {row.subject}"


def _row(domain: str, line: str) -> LedgerRow | None:
    parts = line.split(" ")
    end = _moment(parts[2]) if len(parts) == _FIELDS else None
    if end is None:
        return None
    serial, authority, _, holder, subject = parts
    return LedgerRow(
        trust_domain=domain,
        serial=serial,
        authority=authority,
        subject=subject,
        holder="" if holder == "-" else holder,
        not_after=end,
    )


def _moment(text: object) -> datetime | None:
    """Return a moment written as seconds since 1970, or None for anything else."""
    if not isinstance(text, str) or not (text.isascii() and text.isdecimal()):
        return None
    try:
        return datetime.fromtimestamp(int(text), UTC)
    except (ValueError, OverflowError, OSError):
        return None
