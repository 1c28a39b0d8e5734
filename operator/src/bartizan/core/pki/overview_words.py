"""How a trust domain stands, as text for a terminal and as the JSON document of `bartizan pki status`."""

from collections.abc import Iterator, Sequence
from typing import Final

from bartizan.api.names import KubeObject
from bartizan.core.conditions import dumped
from bartizan.core.network.expiry import spoken
from bartizan.core.network.graph_text import Paint, Tone, plain
from bartizan.core.pki.forecast_words import names
from bartizan.core.pki.overview import Overview

_HEAD: Final = ("ID", "ROLE", "GENERATION", "STATE", "NOT AFTER", "CERTIFICATES")
_TONES: Final[dict[str, Tone]] = {"Active": "good", "Draining": "waiting", "Next": "waiting", "Lost": "bad"}
_LISTED: Final = 5


def text(found: Overview, paint: Paint = plain) -> str:
    """Return everything in a screenful."""
    lines = [f"{paint('title', f'trust domain {found.name}')} ({found.domain}), signed by {found.issuer}"]
    for one in found.conditions:
        tone: Tone = "good" if one.status == "True" else "bad"
        lines.append(f"  {one.type} {paint(tone, one.status)} ({one.reason}): {one.message}")
    if found.bundle:
        lines.append(f"  bundle {found.bundle}, {_counted(found.roots, 'root')}")
    lines += ["", *_authorities(found, paint), *_rotation(found, paint), "", *_policies(found, paint)]
    lines += [paint("quiet", f"not seen: {one}") for one in found.unseen]
    return "\n".join(lines) + "\n"


def document(found: Overview) -> KubeObject:
    """Return the JSON document; its fields are described in docs/how-to/rotate-authorities.md."""
    record = found.rotation.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {
        "trustDomain": found.name,
        "domain": found.domain,
        "issuer": found.issuer,
        "now": spoken(found.now),
        "conditions": [dumped(one) for one in found.conditions],
        "authorities": [
            {**dumped(one), "certificates": found.leaves.get(one.id, 0) if found.leaves is not None else None}
            for one in found.authorities
        ],
        "rotation": record,
        "nextRotations": {role: spoken(moment) for role, moment in found.next_rotations.items()},
        "bundle": {"hash": found.bundle, "roots": found.roots},
        "policies": {
            "total": found.policies,
            "withCertificate": found.certificates,
            "notOnCurrentAuthority": [*found.behind],
            "endingSoon": [{"policy": name, "notAfter": spoken(end)} for name, end in found.ending],
        },
        "notSeen": [*found.unseen],
    }


def _authorities(found: Overview, paint: Paint) -> Iterator[str]:
    rows = [
        (
            one.id,
            one.role,
            str(one.generation),
            one.state or "-",
            spoken(one.not_after),
            _leaves(found, one.id, one.role),
        )
        for one in found.authorities
    ]
    if not rows:
        yield "no authorities of bartizan's own"
        return
    widths = [max(map(len, column)) for column in zip(_HEAD, *rows, strict=True)]
    yield _row(_HEAD, widths)
    for row in rows:
        tone = _TONES.get(row[3])
        line = _row(row, widths)
        yield line.replace(row[3], paint(tone, row[3]), 1) if tone else line


def _leaves(found: Overview, authority: str, role: str) -> str:
    if role == "Root":
        return "-"
    return "?" if found.leaves is None else str(found.leaves.get(authority, 0))


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _rotation(found: Overview, paint: Paint) -> Iterator[str]:
    if not found.authorities:
        return
    record = found.rotation
    yield ""
    if record.phase == "Stable":
        yield f"rotation: {paint('good', 'Stable')}" + (f" since {spoken(record.since)}" if record.since else "")
    else:
        numbers = {one.id: one.generation for one in found.authorities}
        gone = ", ".join(str(numbers.get(one, one)) for one in record.from_) or "?"
        to = numbers.get(record.to or "", "the next")
        since = f" since {spoken(record.since)}" if record.since else ""
        yield f"rotation: {paint('waiting', record.phase)}{since} ({record.role} generation {gone} to {to}, {record.cause})"
        for reason in record.waiting_for:
            yield f"  waits: {reason}"
        if record.deadline:
            yield f"  the old root goes at {spoken(record.deadline)} at the latest"
    for role, moment in found.next_rotations.items():
        yield f"  next {role.lower()} rotation by itself: {spoken(moment)}"


def _policies(found: Overview, paint: Paint) -> Iterator[str]:
    without = found.policies - found.certificates
    yield f"{_counted(found.policies, 'policy', 'policies')}, {found.certificates} with a certificate" + (
        f", {paint('waiting', str(without))} without" if without else ""
    )
    if found.behind:
        yield paint("waiting", f"  not on the current authority: {len(found.behind)}: {names(found.behind)}")
    for name, end in found.ending[:_LISTED]:
        yield paint("bad", f"  ends soon: {name} at {spoken(end)}")
    if len(found.ending) > _LISTED:
        yield paint("bad", f"  and {len(found.ending) - _LISTED} more end soon")


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or f'{one}s'}"
