"""Keys and requests for certificates that somebody else signs.

A request says exactly what the profile says, because that is what the certificate is held against when it comes back; the key
is made here, stays in memory, and is used for one request only.
"""

import hashlib
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from bartizan.core.model import PolicyView
from bartizan.core.pki.external.asking import SigningRequest
from bartizan.core.pki.profile import LeafProfile
from bartizan.signers.certificates import authority_name, key_pem, key_usage, new_leaf_key

_HASH_LENGTH: Final = 10


def signing_request(policy: PolicyView, profile: LeafProfile) -> SigningRequest:
    """Return a request under a new key (PKCS #10, RFC 2986), named after the policy and its own hash."""
    key = new_leaf_key(profile.key_algorithm)
    names = [x509.UniformResourceIdentifier(profile.spiffe_id), *map(x509.DNSName, profile.dns_names)]
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(authority_name(profile.common_name) if profile.common_name else x509.Name([]))
        .add_extension(x509.SubjectAlternativeName(names), critical=not profile.common_name)
        .add_extension(key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    )
    digest = hashlib.sha256(request.public_bytes(Encoding.DER)).hexdigest()[:_HASH_LENGTH]
    return SigningRequest(
        policy=policy.key,
        policy_uid=policy.uid,
        name=f"{policy.name}-{digest}",
        csr_pem=request.public_bytes(Encoding.PEM).decode(),
        spiffe_id=profile.spiffe_id,
        dns_names=profile.dns_names,
        lifetime=profile.lifetime,
        key_pem=key_pem(key).decode(),
    )
