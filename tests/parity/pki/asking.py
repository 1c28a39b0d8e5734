"""The judges that need no program of ours: OpenSSL's own, strict, and pyca's verifier."""

import subprocess

from cryptography import x509
from cryptography.x509 import verification

from bartizan.core.pki.pem import read_certificates

PURPOSES = {"server": "sslserver", "client": "sslclient"}


def openssl(chain, roots, folder, *, now, purpose="", host="") -> str:
    """Return what `openssl verify -x509_strict` has against a chain; the empty text where it has nothing."""
    bundle, sent = folder / "bundle.pem", folder / "chain.pem"
    bundle.write_text(roots)
    sent.write_text(chain)
    options = [
        *(["-purpose", purpose] if purpose else []),
        *(["-verify_hostname", host] if host else []),
        *["-attime", str(int(now.timestamp()))],
    ]
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-CAfile", bundle, "-untrusted", sent, *options, sent],
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else done.stderr or f"ended with {done.returncode}"


def pyca(chain, roots, *, now, host="") -> str:
    """Return what pyca's verifier has against a chain: of a server called `host`, or of a client where it is empty."""
    leaf, *rest = read_certificates(chain)
    policy = verification.PolicyBuilder().store(verification.Store(list(read_certificates(roots)))).time(now)
    try:
        if host:
            policy.build_server_verifier(x509.DNSName(host)).verify(leaf, rest)
        else:
            policy.build_client_verifier().verify(leaf, rest)
    except verification.VerificationError as error:
        return str(error)
    return ""
