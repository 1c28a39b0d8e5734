"""Every check that files can be judged by: those of the registry, and those that only files need.

What the API server does by itself (refuse a field that does not exist) or in the controller (say that an edge waits) has no
check in the registry. On files it is a check like the others, so that it can be selected, ignored and looked up.
"""

from collections.abc import Mapping
from typing import Final

from bartizan.core.checks.finding import Info
from bartizan.core.checks.registry import ALL
from bartizan.core.findings.finding import Severity
from bartizan.core.reasons import Reason


def _info(name: str, title: str, rationale: str, *fields: str, fix: str) -> Info:
    return Info(id=name, title=title, rationale=rationale, fields=fields, fix=fix)


SCHEMA: Final = _info(
    "O-01", "schema", "The API server refuses an object that is not what its kind promises, and nothing of it is applied.",
    "any field of bartizan's kinds, and the fields of pods that checks read", fix="write what the API allows",
)  # fmt: skip
OVERLAP: Final = _info(
    "O-02", "policies in each other's way", "Two policies that select the same pods or write the same Secret are refused.",
    "spec.workload.selector", "spec.mtls.secret.name", fix="tell the policies apart",
)  # fmt: skip
TWICE: Final = _info(
    "O-03", "there twice", "Of two objects with one name the one that is applied last wins, and nobody can tell which.",
    "metadata.name", fix="keep one of them",
)  # fmt: skip
IDLE: Final = _info(
    "C-03", "selects nothing", "A policy whose selector is mistyped protects nothing, and its pods are covered by none.",
    "spec.workload.selector", fix="write the labels that the pods carry",
)  # fmt: skip
PEER: Final = _info(
    "N-01", "no such peer", "A rule that names a policy which does not exist opens nothing.",
    "spec.network.ingress[*].from", "spec.network.egress[*].to", fix="create the policy, or correct the name",
)  # fmt: skip
CONSENT: Final = _info(
    "N-02", "one side only", "An edge lives only where the caller asks and the called side admits; this one stays closed.",
    "spec.network.ingress[*]", "spec.network.egress[*]", fix="declare the edge in the other policy too, or take it out",
)  # fmt: skip
DENIED: Final = _info(
    "N-03", "denied", "The called side was asked and denied it.",
    "spec.network.ingress[*]", "spec.network.egress[*]", fix="take the rule out, or talk to the other team",
)  # fmt: skip
ENDED: Final = _info(
    "N-04", "ended", "A rule whose time has passed opens nothing.",
    "spec.network.ingress[*].until", "spec.network.egress[*].until", fix="set a later time, or take the rule out",
)  # fmt: skip
PORT: Final = _info(
    "N-05", "no such port", "The called policy has no port of that name, so the rule opens nothing or less than it says.",
    "spec.network.egress[*].ports", fix="name a port that the called policy lists",
)  # fmt: skip
FORBIDDEN: Final = _info(
    "N-06", "forbidden peer", "The SecurityBaseline of the platform does not allow such a peer, so the rule opens nothing.",
    "spec.network.ingress[*].from", "spec.network.egress[*].to", fix="take the rule out, or ask the platform team",
)  # fmt: skip
METADATA: Final = _info(
    "N-07", "cloud metadata", "The cloud's metadata addresses hand out the machine's credentials; a block never opens them.",
    "spec.network.egress[*].to.cidr", fix="leave the metadata addresses out of the block",
)  # fmt: skip

OWN: Final = (SCHEMA, OVERLAP, TWICE, IDLE, PEER, CONSENT, DENIED, ENDED, PORT, FORBIDDEN, METADATA)
BY_REASON: Final[Mapping[Reason, Info]] = {
    Reason.PEER_NOT_FOUND: PEER,
    Reason.PENDING_CONSENT: CONSENT,
    Reason.CONSENT_DENIED: DENIED,
    Reason.EXPIRED: ENDED,
    Reason.CONSENT_EXPIRED: ENDED,
    Reason.PORT_NOT_FOUND: PORT,
    Reason.FORBIDDEN_BY_BASELINE: FORBIDDEN,
    Reason.METADATA_CLOSED: METADATA,
    Reason.INVALID_SPEC: SCHEMA,
}
"""Which edges are findings. What depends on the cluster alone (its DNS, its CNI) cannot be said of files."""
INFOS: Final[Mapping[str, Info]] = {**{check.info.id: check.info for check in ALL}, **{info.id: info for info in OWN}}
_SEVERITIES: Final[Mapping[str, Severity]] = {
    "P-01": Severity.CRITICAL,
    "P-02": Severity.CRITICAL,
    "P-03": Severity.CRITICAL,
    "J-03": Severity.CRITICAL,
    "O-03": Severity.MEDIUM,
    "C-03": Severity.LOW,
    "N-01": Severity.MEDIUM,
    "N-02": Severity.MEDIUM,
    "N-03": Severity.MEDIUM,
    "N-04": Severity.LOW,
    "N-05": Severity.MEDIUM,
    "N-06": Severity.MEDIUM,
    "N-07": Severity.MEDIUM,
}


def severity(check: str) -> Severity:
    """Return how bad a check's findings are: high, unless something else is known of it."""
    standard = getattr(INFOS.get(check), "standard", None)
    usual = Severity.MEDIUM if getattr(standard, "level", None) == "restricted" else Severity.HIGH
    return _SEVERITIES.get(check, usual)


def pss(check: str) -> str:
    """Return the check's id in Pod Security Admission, spelled as that project's fixtures are; empty if it has none."""
    standard = getattr(INFOS.get(check), "standard", None)
    return str(getattr(standard, "name", "") or _PSS.get(check, "")).lower()


_PSS: Final = {"P-01": "privileged", "P-02": "hostnamespaces", "P-03": "hostpathvolumes"}
