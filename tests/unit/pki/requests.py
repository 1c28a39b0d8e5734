"""PodCertificateRequests as nodes make them, one line each."""

import base64
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from bartizan.core.pki.pod_answer import read_request
from bartizan.testing import a_policy_view, a_snapshot, a_trust_domain_view
from unit.pki.builders import NOW

KEYS = {
    "ECDSAP256": ec.generate_private_key(ec.SECP256R1()),
    "ECDSAP384": ec.generate_private_key(ec.SECP384R1()),
    "ED25519": ed25519.Ed25519PrivateKey.generate(),
    "RSA": rsa.generate_private_key(65537, 2048),
}


def stub(kind="ECDSAP256"):
    """Return the empty CSR that a node makes for a key, as it stands in a request."""
    key = KEYS[kind]
    digest = None if kind == "ED25519" else hashes.SHA256()
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, digest)
    return base64.b64encode(request.public_bytes(Encoding.DER)).decode()


STUB = stub()


def a_request(*, age=timedelta(minutes=1), status=None, version="v1", name="req-1", **spec):
    """Return the request of pod orders-0 of policy shop/orders as the API server holds it."""
    whole = {
        "signerName": "bartizan.dev/default",
        "podName": "orders-0",
        "podUID": "pod-uid",
        "serviceAccountName": "orders",
        "serviceAccountUID": "sa-uid",
        "nodeName": "node-1",
        "nodeUID": "node-uid",
        "maxExpirationSeconds": 86400,
        "stubPKCS10Request": STUB,
        "unverifiedUserAnnotations": {"bartizan.dev/policy": "orders"},
    }
    made = (NOW - age).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": f"certificates.k8s.io/{version}",
        "kind": "PodCertificateRequest",
        "metadata": {"name": name, "namespace": "shop", "uid": "request-uid", "creationTimestamp": made},
        "spec": {**whole, **spec},
        "status": status or {},
    }


def read(**parts):
    """Return the view of `a_request` with the same arguments."""
    return read_request(a_request(**parts))


def the_snapshot(*, policies=None, domain=None, **parts):
    """Return a cluster with policy shop/orders and the trust domain `default`."""
    known = policies if policies is not None else [a_policy_view()]
    return a_snapshot(*known, trust_domains=[domain or a_trust_domain_view()], **parts)
