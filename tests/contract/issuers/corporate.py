"""An authority such as a company runs, that signs requests as it likes: rightly, or with one thing wrong."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PURPOSES = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
USAGE = {
    "digital_signature": True,
    "content_commitment": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "key_cert_sign": False,
    "crl_sign": False,
    "encipher_only": False,
    "decipher_only": False,
}


def pem(*certificates) -> str:
    """Return certificates as PEM."""
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in certificates)


def key():
    """Return a new key."""
    return ec.generate_private_key(ec.SECP256R1())


def named(text: str) -> x509.Name:
    """Return a subject with a common name; an empty text: an empty subject."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])


@dataclass
class Signature:
    """What a signature is to say; each field is right unless a test says otherwise."""

    names: list[x509.GeneralName] | None = None
    subject: x509.Name = field(default_factory=lambda: named(""))
    public_key: object = None
    begins: timedelta = timedelta(seconds=-30)
    lasts: timedelta | None = None
    """None: as long as asked, plus the back-dating."""
    ca: bool | None = False
    """None: no basicConstraints at all, as Vault has it."""
    usage: dict[str, bool] | None = field(default_factory=dict)
    purposes: tuple[x509.ObjectIdentifier, ...] | None = PURPOSES
    points: bool = True
    """Whether it has an authorityKeyIdentifier."""
    digest: hashes.HashAlgorithm = field(default_factory=hashes.SHA256)


class Corporate:
    """A root and an issuing authority below it."""

    def __init__(self, name: str = "Example Corp", now: datetime = NOW, lasts: timedelta = timedelta(days=365)) -> None:
        self.root_key, self.issuing_key = key(), key()
        self.root = self._authority(f"{name} root", f"{name} root", self.root_key, self.root_key, now, lasts * 10)
        self.issuing = self._authority(f"{name} issuing", f"{name} root", self.issuing_key, self.root_key, now, lasts)

    @property
    def bundle(self) -> str:
        """The root."""
        return pem(self.root)

    def chain(self, csr_pem: str, lifetime: timedelta, now: datetime, said: Signature | None = None) -> str:
        """Return a signed chain as an issuer sends it: the leaf and the authority below the root."""
        return pem(self.sign(csr_pem, lifetime, now, said or Signature()), self.issuing)

    def sign(self, csr_pem: str, lifetime: timedelta, now: datetime, said: Signature) -> x509.Certificate:
        """Return the leaf."""
        csr = x509.load_pem_x509_csr(csr_pem.encode())
        asked = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        begin = now.replace(microsecond=0) + said.begins
        end = begin + (said.lasts if said.lasts is not None else lifetime - said.begins)
        builder = (
            x509.CertificateBuilder()
            .subject_name(said.subject)
            .issuer_name(self.issuing.subject)
            .public_key(said.public_key or csr.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
            .add_extension(
                x509.SubjectAlternativeName(list(asked) if said.names is None else said.names), critical=True
            )
        )
        if said.ca is not None:
            builder = builder.add_extension(x509.BasicConstraints(ca=said.ca, path_length=None), critical=True)
        if said.usage is not None:
            builder = builder.add_extension(x509.KeyUsage(**{**USAGE, **said.usage}), critical=True)
        if said.purposes is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage(said.purposes), critical=False)
        if said.points:
            pointer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.issuing_key.public_key())
            builder = builder.add_extension(pointer, critical=False)
        return builder.sign(self.issuing_key, said.digest)

    @staticmethod
    def _authority(subject, issuer, own, signer, now, lasts) -> x509.Certificate:
        return (
            x509.CertificateBuilder()
            .subject_name(named(subject))
            .issuer_name(named(issuer))
            .public_key(own.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=30))
            .not_valid_after(now + lasts)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(**{**USAGE, "digital_signature": False, "key_cert_sign": True, "crl_sign": True}),
                critical=True,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
            .sign(signer, hashes.SHA256())
        )
