"""PodCertificateRequests read, and their answers written: the status that ends a request (KEP-4317).

The API server holds an answer to narrow rules (k8s.io/kubernetes pkg/apis/certificates/validation): the times are those of the
leaf, it begins within five minutes of now, lasts an hour to what the node takes, and is refreshed no sooner than ten minutes
after its beginning and no later than ten minutes before its end. No answer is ever `Failed`: the kubelet would give the pod up.
"""

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography import x509

from bartizan.api.names import KubeObject
from bartizan.core.model import ObjectRef
from bartizan.core.pki.leaf import renewal_time, view_leaf
from bartizan.core.pki.pem import read_certificates, to_pem
from bartizan.core.pki.pod_request import Deny, PodRequest, answered, read_key
from bartizan.core.plan import Apply

_MARGIN: Final = timedelta(minutes=10)
_DEFAULT_SECONDS: Final = 86400


def read_request(item: KubeObject) -> PodRequest:
    """Return the request an object is."""
    meta, spec = item["metadata"], item["spec"]
    try:
        stub = base64.b64decode(spec.get("stubPKCS10Request") or "", validate=True)
    except (binascii.Error, ValueError):
        stub = b""
    key, key_name = read_key(stub)
    return PodRequest(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta.get("uid", ""),
        signer=spec.get("signerName", ""),
        pod=spec.get("podName", ""),
        pod_uid=spec.get("podUID", ""),
        account=spec.get("serviceAccountName", ""),
        longest=timedelta(seconds=spec.get("maxExpirationSeconds") or _DEFAULT_SECONDS),
        annotations=spec.get("unverifiedUserAnnotations") or {},
        key=key,
        key_name=key_name,
        created=datetime.fromisoformat(meta["creationTimestamp"]).astimezone(UTC),
        answered=answered((item.get("status") or {}).get("conditions") or ()),
    )


def issued(item: KubeObject, chain: tuple[x509.Certificate, ...], *, now: datetime) -> Apply:
    """Return the answer that hands out `chain`, the leaf first.

    Raises:
        ValueError: the first certificate is not readable as a leaf.
    """
    leaf = view_leaf(chain, b"")
    if leaf is None:
        raise ValueError("the certificate just signed cannot be read")
    middle = renewal_time(leaf, namespace=item["metadata"]["namespace"], name=item["spec"]["podUID"])
    refresh = min(max(middle, leaf.not_before + _MARGIN), leaf.not_after - _MARGIN)
    message = f"certificate {leaf.serial} for {', '.join(leaf.uris)}"
    return _answer(
        item,
        _condition("Issued", "Issued", message, now),
        certificateChain=to_pem(chain),
        notBefore=_moment(leaf.not_before),
        notAfter=_moment(leaf.not_after),
        beginRefreshAt=_moment(refresh),
    )


def denied(item: KubeObject, denial: Deny, *, now: datetime) -> Apply:
    """Return the answer that refuses for good."""
    return _answer(item, _condition("Denied", denial.reason, denial.message, now))


def issued_chain(item: KubeObject) -> tuple[x509.Certificate, ...]:
    """Return the chain that a request was answered with, the leaf first; nothing where it was not issued."""
    return read_certificates((item.get("status") or {}).get("certificateChain"))


def _condition(kind: str, reason: str, message: str, now: datetime) -> KubeObject:
    return {
        "type": kind,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastTransitionTime": _moment(now),
    }


def _answer(item: KubeObject, condition: KubeObject, **fields: Any) -> Apply:
    """Return the write, for exactly the request that was looked at: another one of the same name has another uid."""
    ref = ObjectRef.of(item)
    body = {
        "apiVersion": ref.api_version,
        "kind": ref.kind,
        "metadata": {"name": ref.name, "namespace": ref.namespace, "uid": item["metadata"]["uid"]},
        "status": {"conditions": [condition], **fields},
    }
    return Apply(item=body, manager="bartizan/pod-certificates", status=True)


def _moment(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
