"""Kubernetes' CertificateSigningRequest for a third party's signer: written, and read back.

It is an object of the whole cluster, so the policy cannot own it: labels say whose it is, and it is removed before the next one
is made, or by Kubernetes' own clean-up (an hour after an answer, a day without one). Approving is never bartizan's: whoever
asks must not be the one who says yes (KEP-1513).
"""

from datetime import timedelta
from typing import Final

from bartizan.api.kinds import SIGNING_REQUEST
from bartizan.api.names import MANAGED_BY, MANAGED_BY_LABEL, POLICY_LABEL, POLICY_NAMESPACE_LABEL, KubeObject
from bartizan.api.v1alpha1 import CSRSigner
from bartizan.core.model import PolicyKey
from bartizan.core.pki.external.asking import Answer, Failed, Pending, SigningRequest
from bartizan.core.pki.external.certificaterequest import USAGES, said, signed
from bartizan.core.pki.pem import encoded
from bartizan.core.reasons import Reason

NAME_PREFIX: Final = "bartizan."
"""What every request of ours begins with; the chart's guard lets the controller delete no other."""
LEAST_LIFETIME: Final = timedelta(minutes=10)
"""The shortest `expirationSeconds` that Kubernetes takes."""


def signing_request(issuer: CSRSigner, request: SigningRequest) -> KubeObject:
    """Return the object that asks."""
    namespace, policy = request.policy
    seconds = max(request.lifetime, LEAST_LIFETIME) // timedelta(seconds=1)
    return {
        "apiVersion": SIGNING_REQUEST.api_version,
        "kind": SIGNING_REQUEST.kind,
        "metadata": {"name": request_name(request), "labels": labels_of((namespace, policy))},
        "spec": {
            "request": encoded(request.csr_pem),
            "signerName": issuer.signer_name,
            "expirationSeconds": seconds,
            "usages": list(USAGES),
        },
    }


def request_name(request: SigningRequest) -> str:
    """Return the name of the object, unlike any other policy's."""
    return f"{NAME_PREFIX}{request.policy[0]}.{request.name}"


def labels_of(policy: PolicyKey) -> dict[str, str]:
    """Return the labels that say whose a request is."""
    return {MANAGED_BY_LABEL: MANAGED_BY, POLICY_LABEL: policy[1], POLICY_NAMESPACE_LABEL: policy[0]}


def read_signing_request(item: KubeObject) -> Answer:
    """Return what approvers and the signer say (KEP-1513: Denied and Failed are final)."""
    status = item.get("status") or {}
    where = f"CertificateSigningRequest {item['metadata']['name']}"
    conditions = {one.get("type"): one for one in status.get("conditions") or ()}
    if "Denied" in conditions:
        return Failed(Reason.ISSUER_DENIED, f"{where} was denied{said(conditions['Denied'])}")
    if "Failed" in conditions:
        return Failed(Reason.ISSUER_FAILED, f"{where} failed{said(conditions['Failed'])}")
    if status.get("certificate"):
        return signed(status["certificate"], where)
    signer = item["spec"].get("signerName", "")
    if "Approved" in conditions:
        return Pending(f"{where} is approved and waits for the signer {signer}")
    return Pending(f"{where} waits to be approved for the signer {signer}: bartizan never approves its own")
