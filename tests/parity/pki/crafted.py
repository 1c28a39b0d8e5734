"""Certificates as bartizan never makes them, each wrong in one thing: what the judges must find."""

from dataclasses import dataclass
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from bartizan.core.pki.pem import to_pem
from bartizan.signers.certificates import key_pem, load_key, new_key
from parity.pki.kinds import HOST, ID, NOW
from unit.pki.builders import HOUR, Pki, a_pki

PKI = a_pki(NOW)
ROOTS = PKI.plan(NOW).bundle_pem
ISSUING = to_pem((PKI.issuing.certificate,))
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


@dataclass(frozen=True, kw_only=True)
class Craft:
    """What stands in a leaf; the defaults are right."""

    uris: tuple[str, ...] = (ID,)
    dns_names: tuple[str, ...] = (HOST,)
    begins: timedelta = timedelta(minutes=-2)
    ends: timedelta = HOUR
    ca: bool = False
    signs: bool = False
    purposes: tuple[x509.ObjectIdentifier, ...] = (SERVER, CLIENT)
    san_critical: bool = True
    serial: int = 1 << 130
    authority_key: bool = True
    sent: str = ISSUING
    pki: Pki = PKI

    def made(self) -> tuple[str, str]:
        """Return chain and key, PEM."""
        key = new_key()
        issuer = self.pki.issuing
        names = [*map(x509.UniformResourceIdentifier, self.uris), *map(x509.DNSName, self.dns_names)]
        own = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(issuer.certificate.subject)
            .public_key(key.public_key())
            .serial_number(self.serial)
            .not_valid_before(NOW + self.begins)
            .not_valid_after(NOW + self.ends)
            .add_extension(x509.BasicConstraints(ca=self.ca, path_length=None), critical=True)
            .add_extension(_usage(signs=self.signs), critical=True)
            .add_extension(x509.ExtendedKeyUsage(self.purposes), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=self.san_critical)
        )
        if self.authority_key:
            pointer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
            builder = builder.add_extension(pointer, critical=False)
        leaf = builder.sign(load_key(issuer.key_pem, of="the test"), hashes.SHA256())
        return to_pem((leaf,)) + self.sent, key_pem(key).decode()


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
