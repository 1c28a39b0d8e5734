"""cert-manager's CertificateRequest: written, and read back.

The request is owned by its policy and goes with it. Approving it is cert-manager's own approver's business, or that of whatever
policy engine the platform team put in its place (https://cert-manager.io/docs/usage/certificaterequest).
"""

import base64
import binascii
from typing import Final

from bartizan.api.duration import format_duration
from bartizan.api.kinds import CERTIFICATE_REQUEST
from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import CertManagerIssuer
from bartizan.core.emit import owned_by
from bartizan.core.model import PolicyView
from bartizan.core.pki.external.asking import Answer, Failed, Pending, Signed, SigningRequest
from bartizan.core.pki.pem import encoded
from bartizan.core.reasons import Reason

USAGES: Final = ("digital signature", "server auth", "client auth")
_SAID: Final = 300
"""How much of a foreign message is passed on."""


def certificate_request(policy: PolicyView, issuer: CertManagerIssuer, request: SigningRequest) -> KubeObject:
    """Return the object that asks."""
    return owned_by(
        policy,
        {
            "apiVersion": CERTIFICATE_REQUEST.api_version,
            "kind": CERTIFICATE_REQUEST.kind,
            "metadata": {"name": request.name},
            "spec": {
                "request": encoded(request.csr_pem),
                "duration": format_duration(request.lifetime),
                "issuerRef": {"name": issuer.name, "kind": issuer.kind, "group": issuer.group},
                "usages": list(USAGES),
                "isCA": False,
            },
        },
    )


def read_certificate_request(item: KubeObject) -> Answer:
    """Return what cert-manager and its issuer say."""
    status = item.get("status") or {}
    where = f"CertificateRequest {item['metadata']['namespace']}/{item['metadata']['name']}"
    conditions = {one.get("type"): one for one in status.get("conditions") or ()}
    for kind, reason, verb in (
        ("Denied", Reason.ISSUER_DENIED, "was denied"),
        ("InvalidRequest", Reason.ISSUER_DENIED, "is called invalid"),
    ):
        if _true(conditions.get(kind)):
            return Failed(reason, f"{where} {verb}{said(conditions[kind])}")
    ready = conditions.get("Ready") or {}
    if ready.get("reason") in {"Failed", "Denied"}:
        return Failed(Reason.ISSUER_FAILED, f"{where} failed{said(ready)}")
    if _true(ready) and status.get("certificate"):
        return signed(status["certificate"], where)
    if not _true(conditions.get("Approved")):
        return Pending(f"{where} waits to be approved")
    return Pending(f"{where} is approved and waits for its issuer{said(ready)}")


def signed(text: object, where: str) -> Answer:
    """Return the chain in a status field of the API (base64 of PEM)."""
    try:
        return Signed(base64.b64decode(str(text), validate=True).decode("ascii"))
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return Failed(Reason.ISSUED_CERTIFICATE_REFUSED, f"{where} holds a certificate that is not PEM")


def said(condition: KubeObject) -> str:
    """Return a condition's own words, shortened, to be put after a sentence; nothing if it has none."""
    words = " ".join(str(condition.get("message") or condition.get("reason") or "").split())
    return f": {words[:_SAID]}" if words else ""


def _true(condition: KubeObject | None) -> bool:
    return condition is not None and condition.get("status") == "True"
