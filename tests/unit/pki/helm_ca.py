"""Authorities for the webhook as a chart makes them, RSA like Helm's `genCA` and EC."""

from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bartizan.core.pki.pem import encoded, to_pem

YEARS = timedelta(days=3650)


def chart_ca_secret(now, *, kind="rsa", subject_key=True, lifetime=YEARS):
    """Return the Secret `bartizan-webhook-ca`: the extensions and the PKCS #1 key are those of Sprig's `genCA`."""
    key = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bartizan-webhook-ca")])
    usage = x509.KeyUsage(True, False, True, False, False, True, False, False, False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + lifetime)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    if subject_key:  # Go hashes with SHA-256 and cuts: an identifier that nobody else would compute
        builder = builder.add_extension(x509.SubjectKeyIdentifier(bytes(range(20))), critical=False)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    certificate = builder.sign(key, hashes.SHA256())
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "bartizan-webhook-ca", "namespace": "bartizan-system"},
        "type": "kubernetes.io/tls",
        "data": {"tls.crt": encoded(to_pem([certificate])), "tls.key": encoded(pem)},
    }
