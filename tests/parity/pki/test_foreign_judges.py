"""What bartizan signs, judged by those who never saw its code: OpenSSL, pyca's verifier, and real TLS handshakes."""

import contextlib
import socket
import ssl
import subprocess
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509 import verification

from bartizan.core.pki.authority import Role
from bartizan.core.pki.pem import data_of, encoded, read_certificates
from bartizan.core.pki.serving import read_serving_authority
from bartizan.signers.builtin import BuiltinSigner
from unit.pki.builders import HOUR, a_pki

NOW = datetime.now(UTC)
HOST = "orders.shop.svc"
PKI, OTHER = a_pki(NOW), a_pki(NOW)
SIGNER = BuiltinSigner()


@dataclass(frozen=True)
class Files:
    """A certificate Secret's entries as a pod sees them."""

    chain: Path
    key: Path
    bundle: Path

    @classmethod
    def of(cls, secret, folder: Path) -> "Files":
        """Write a Secret's data below `folder`, as the kubelet mounts it."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("tls.crt", "tls.key", "ca.crt"):
            (folder / name).write_bytes(data_of(secret, name))
        return cls(chain=folder / "tls.crt", key=folder / "tls.key", bundle=folder / "ca.crt")


@pytest.fixture
def files(tmp_path):
    """The Secret of shop/orders, mounted."""
    return Files.of(PKI.issue(now=NOW), tmp_path / "orders")


def openssl_verify(files, *options, bundle=None):
    """Return OpenSSL's verdict on a mounted certificate, strict."""
    command = [
        "openssl",
        "verify",
        "-x509_strict",
        "-CAfile",
        bundle or files.bundle,
        "-untrusted",
        files.chain,
        *options,
        files.chain,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("purpose", ["sslserver", "sslclient"])
def test_openssl_accepts(files, purpose):
    """OpenSSL, strict, accepts the certificate for servers and clients under the bundle alone, for its Service's name."""
    verdict = openssl_verify(files, "-purpose", purpose, "-verify_hostname", HOST)
    assert (verdict.returncode, verdict.stdout) == (0, f"{files.chain}: OK\n"), verdict.stderr


@pytest.mark.parametrize(
    ("case", "options", "says"),
    [
        ("another name", ["-verify_hostname", "web.shop.svc"], "hostname mismatch"),
        ("after its end", ["-attime", str(int((NOW + 25 * HOUR).timestamp()))], "certificate has expired"),
        (
            "before its beginning",
            ["-attime", str(int((NOW - timedelta(minutes=3)).timestamp()))],
            "certificate is not yet valid",
        ),
        ("as an authority", ["-purpose", "crlsign"], "unsuitable certificate purpose"),
    ],
)
def test_openssl_refuses(files, case, options, says):
    """OpenSSL refuses the certificate for what it was not issued for."""
    verdict = openssl_verify(files, *options)
    assert (verdict.returncode, says in verdict.stderr) == (2, True), (case, verdict.stderr)


def test_openssl_refuses_another_root(files, tmp_path):
    """Under another trust domain's root, even of the same name, OpenSSL refuses the certificate."""
    foreign = Files.of(OTHER.issue(now=NOW), tmp_path / "other")
    verdict = openssl_verify(files, bundle=foreign.bundle)
    assert verdict.returncode == 2
    assert "unable to get local issuer certificate" in verdict.stderr


def test_an_issuing_authority_cannot_make_authorities(files, tmp_path):
    """An authority below an issuing one is refused by OpenSSL: the path length ends there."""
    below = SIGNER.make_issuing(PKI.domain, replace_role(PKI.issuing), generation=9, now=NOW)
    issued = SIGNER.sign_leaf(PKI.profile, below, now=NOW)
    files.chain.write_text(issued.chain_pem + files.chain.read_text().partition("-----END CERTIFICATE-----\n")[2])
    verdict = openssl_verify(files)
    assert verdict.returncode == 2
    assert "path length constraint exceeded" in verdict.stderr


def replace_role(authority):
    """Return an issuing authority that claims to be a root: the signer's own check is what is got round here."""
    return replace(authority, role=Role.ROOT)


def pyca_policy(bundle, when):
    """Return pyca's verifier builder for one moment."""
    roots = verification.Store(list(read_certificates(bundle)))
    return verification.PolicyBuilder().store(roots).time(when)


def test_pyca_accepts(files):
    """Pyca's verifier accepts the certificate as a server's for each of its names and as a client's with its SPIFFE ID."""
    leaf, *rest = read_certificates(files.chain.read_bytes())
    policy = pyca_policy(files.bundle.read_bytes(), NOW)
    for name in PKI.profile.dns_names:
        chain = policy.build_server_verifier(x509.DNSName(name)).verify(leaf, rest)
        assert chain == [leaf, *rest, PKI.root.certificate]
    client = policy.build_client_verifier().verify(leaf, rest)
    assert x509.UniformResourceIdentifier(PKI.profile.spiffe_id) in client.subjects


@pytest.mark.parametrize(
    ("case", "name", "when", "pki"),
    [
        ("another name", "web.shop.svc", NOW, PKI),
        ("after its end", HOST, NOW + 25 * HOUR, PKI),
        ("under another root", HOST, NOW, OTHER),
    ],
)
def test_pyca_refuses(files, case, name, when, pki):
    """Pyca's verifier refuses another name, another time and another root."""
    leaf, *rest = read_certificates(files.chain.read_bytes())
    verifier = pyca_policy(pki.plan(NOW).bundle_pem, when).build_server_verifier(x509.DNSName(name))
    with pytest.raises(verification.VerificationError):
        verifier.verify(leaf, rest)


def context(files, side, bundle=None):
    """Return a TLS context as a careful program would make it from the mounted files."""
    made = ssl.SSLContext(side)
    made.verify_flags |= ssl.VERIFY_X509_STRICT
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.load_cert_chain(files.chain, files.key)
    made.load_verify_locations(bundle or files.bundle)
    made.verify_mode = ssl.CERT_REQUIRED
    return made


def handshake(server, client, *, name=HOST):
    """Shake hands over loopback and return what each side saw of the other's names, or raise the client's error."""
    seen = {}

    def serve(listener):
        connection, _ = listener.accept()
        with connection, contextlib.suppress(ssl.SSLError, ConnectionError):
            connection.settimeout(5)
            with server.wrap_socket(connection, server_side=True) as secured:
                seen["client"] = (secured.getpeercert() or {}).get("subjectAltName", ())
                secured.sendall(b"ok")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            with (
                socket.create_connection(listener.getsockname(), timeout=5) as plain,
                client.wrap_socket(plain, server_hostname=name) as secured,
            ):
                seen["greeting"] = secured.recv(2)
                seen["server"] = secured.getpeercert()["subjectAltName"]
        finally:
            thread.join(5)
    return seen


def test_mutual_handshake(files):
    """Two workloads shake hands with what is mounted in them, and each learns the other's SPIFFE ID."""
    names = (("URI", PKI.profile.spiffe_id), *(("DNS", name) for name in PKI.profile.dns_names))
    server, client = context(files, ssl.PROTOCOL_TLS_SERVER), context(files, ssl.PROTOCOL_TLS_CLIENT)
    assert handshake(server, client) == {"client": names, "server": names, "greeting": b"ok"}


def test_ed25519_and_p256_shake_hands(files, tmp_path):
    """A workload with an Ed25519 key and a common name, read from the combined file, and one with P-256 shake hands."""
    profile = replace(PKI.profile, key_algorithm="Ed25519", common_name="orders@shop")
    issued = SIGNER.sign_leaf(profile, PKI.issuing, now=NOW)
    combined = tmp_path / "tls-combined.pem"
    combined.write_text(issued.key_pem + issued.chain_pem)
    other = Files(chain=combined, key=combined, bundle=files.bundle)
    for one, two in ((files, other), (other, files)):
        seen = handshake(context(one, ssl.PROTOCOL_TLS_SERVER), context(two, ssl.PROTOCOL_TLS_CLIENT))
        assert (seen["greeting"], seen["client"]) == (b"ok", seen["server"])


def test_handshake_across_issuing_generations(files, tmp_path):
    """A workload under the next issuing generation and one under the last shake hands with unchanged bundles."""
    newer = SIGNER.make_issuing(PKI.domain, PKI.root, generation=2, now=NOW)
    next_files = Files.of(PKI.issue(authority=newer, now=NOW), tmp_path / "newer")
    assert next_files.bundle.read_text() == files.bundle.read_text()
    for one, other in ((files, next_files), (next_files, files)):
        seen = handshake(context(one, ssl.PROTOCOL_TLS_SERVER), context(other, ssl.PROTOCOL_TLS_CLIENT))
        assert seen["greeting"] == b"ok"


def test_handshake_refused(files, tmp_path):
    """A foreign client, a foreign server and a server under another name are refused in the handshake."""
    foreign = Files.of(OTHER.issue(now=NOW), tmp_path / "other")
    server, client = context(files, ssl.PROTOCOL_TLS_SERVER), context(files, ssl.PROTOCOL_TLS_CLIENT)
    impostor = context(foreign, ssl.PROTOCOL_TLS_CLIENT, bundle=files.bundle)
    with pytest.raises(ssl.SSLError, match="UNKNOWN_CA"):
        handshake(server, impostor)
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer certificate"):
        handshake(context(foreign, ssl.PROTOCOL_TLS_SERVER, bundle=files.bundle), client)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(server, client, name="web.shop.svc")


def test_an_authority_does_not_authenticate(files, tmp_path):
    """A server that shows the issuing authority's own certificate is refused."""
    files.chain.write_text(files.chain.read_text().partition("-----END CERTIFICATE-----\n")[2])
    files.key.write_bytes(PKI.issuing.key_pem)
    good = Files.of(PKI.issue(now=NOW), tmp_path / "good")
    with pytest.raises(ssl.SSLError):
        handshake(context(files, ssl.PROTOCOL_TLS_SERVER), context(good, ssl.PROTOCOL_TLS_CLIENT))


@pytest.fixture
def openssl_ca(tmp_path):
    """An RSA 2048 authority made by OpenSSL, with its key in PKCS #1, as Helm's `genCA` writes it."""
    key, certificate = tmp_path / "ca.key", tmp_path / "ca.pem"
    subprocess.run(["openssl", "genrsa", "-traditional", "-out", key, "2048"], check=True, capture_output=True)
    usage = "keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-key",
            key,
            "-subj",
            "/CN=bartizan-webhook-ca",
            "-days",
            "3650",
            "-addext",
            usage,
            "-out",
            certificate,
        ],
        check=True,
        capture_output=True,
    )
    assert key.read_text().startswith("-----BEGIN RSA PRIVATE KEY-----")
    data = {"tls.crt": encoded(certificate.read_text()), "tls.key": encoded(key.read_text())}
    return certificate, read_serving_authority({"metadata": {"name": "bartizan-webhook-ca"}, "data": data})


def test_webhook_serves_under_an_rsa_authority(openssl_ca, tmp_path):
    """The API server's view of the webhook: its certificate verifies under the chart's RSA authority, for its name only."""
    bundle, authority = openssl_ca
    name = "bartizan-webhook.bartizan-system.svc"
    issued = SIGNER.sign_serving((name,), authority, now=datetime.now(UTC) + timedelta(seconds=1))
    files = Files(chain=tmp_path / "tls.crt", key=tmp_path / "tls.key", bundle=bundle)
    files.chain.write_text(issued.chain_pem)
    files.key.write_text(issued.key_pem)
    assert openssl_verify(files, "-purpose", "sslserver", "-verify_hostname", name).returncode == 0
    assert openssl_verify(files, "-purpose", "sslclient").returncode == 2
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.chain, files.key)
    client = ssl.create_default_context(cafile=bundle)
    assert handshake(server, client, name=name) == {"client": (), "server": (("DNS", name),), "greeting": b"ok"}
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(server, client, name="other.bartizan-system.svc")
