"""The Secret of a workload's certificate, written and read.

The private key is the one thing in it that must not leave a trace elsewhere, so the annotation that says what bartizan meant
is computed over everything but the entries that hold it.
"""

from typing import Final

from bartizan.api.names import KubeObject
from bartizan.core.emit import owned_by
from bartizan.core.model import PolicyView
from bartizan.core.pki.leaf import LeafView, view_leaf
from bartizan.core.pki.pem import (
    BUNDLE_KEY,
    CERTIFICATE_KEY,
    COMBINED_KEY,
    PRIVATE_KEY,
    data_of,
    encoded,
    read_certificates,
)

SECRET_TYPE: Final = "kubernetes.io/tls"  # noqa: S105 -- the type of a Secret
KEYS: Final = (CERTIFICATE_KEY, PRIVATE_KEY, BUNDLE_KEY)


def certificate_secret(policy: PolicyView, chain_pem: str, key_pem: str | bytes, bundle_pem: str) -> KubeObject:
    """Return the Secret the policy's pods mount: leaf and what follows it, key, trust bundle, in the formats asked for."""
    public = owned_by(
        policy,
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": policy.spec.secret_name(policy.name)},
            "type": SECRET_TYPE,
            "data": {CERTIFICATE_KEY: encoded(chain_pem), BUNDLE_KEY: encoded(bundle_pem)},
        },
    )
    key = key_pem.encode() if isinstance(key_pem, str) else key_pem
    private = {PRIVATE_KEY: encoded(key)}
    if "Combined" in policy.spec.mtls.secret.formats:
        private[COMBINED_KEY] = encoded(combined(key, chain_pem))
    return {**public, "data": {**public["data"], **private}}


def combined(key_pem: bytes, chain_pem: str) -> bytes:
    """Return key and chain as one PEM file; a key that does not end its last line is given the end."""
    return key_pem.rstrip(b"\n") + b"\n" + chain_pem.encode()


def read_certificate(secret: KubeObject) -> LeafView | None:
    """Return the certificate a Secret holds, or None where `tls.crt` or `tls.key` is missing or cannot be read."""
    certificates = read_certificates(data_of(secret, CERTIFICATE_KEY))
    key = data_of(secret, PRIVATE_KEY)
    return view_leaf(certificates, key, data_of(secret, BUNDLE_KEY) or b"") if key else None


def missing_keys(secret: KubeObject) -> tuple[str, ...]:
    """Return which of the three entries a Secret lacks (an empty one, or one that is not base64, counts as missing)."""
    return tuple(key for key in KEYS if data_of(secret, key) is None)
