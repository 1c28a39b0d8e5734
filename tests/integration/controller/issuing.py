"""What the tests of external issuers share: the chart's rights, a company's authority, and a look at what was published."""

import base64
import json
import subprocess
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from contract.issuers.corporate import Corporate, pem

ROOT = Path(__file__).parents[3]
NS = "own-issuer"
SWITCHES = ("certManager", "csrSigner", "vaultPKI")


def corporate() -> Corporate:
    """Return an authority that is valid now."""
    return Corporate(now=datetime.now(UTC))


def key_pem(key) -> str:
    """Return a key as PKCS #8."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def a_ca_secret(corp: Corporate, name: str, namespace: str) -> dict[str, Any]:
    """Return the Secret of a CA issuer of cert-manager: the issuing authority with its root behind it."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "type": "kubernetes.io/tls",
        "stringData": {"tls.crt": pem(corp.issuing, corp.root), "tls.key": key_pem(corp.issuing_key)},
    }


def as_the_chart_gives_them(cluster, system: str, folder: Path) -> Path:
    """Give the controller's account the chart's rights with every issuer switched on; return a kubeconfig of it."""
    parts = [
        word
        for name in ("rbac", "serviceaccount", "certificates", "signing-requests")
        for word in ("--show-only", f"templates/controller/{name}.yaml")
    ]
    sets = [word for one in SWITCHES for word in ("--set", f"issuers.{one}.enabled=true")]
    chart = str(ROOT / "charts" / "bartizan")
    text = cluster.helm("template", "bartizan", chart, "--namespace", system, *parts, *sets).stdout
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=text)
    token = cluster.kubectl("create", "token", "bartizan-controller", "--namespace", system).stdout.strip()
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
    file = folder / "controller.kubeconfig"
    file.write_text(yaml.safe_dump(config))
    return file


def environ(cluster, home: Path, **more: str) -> dict[str, str]:
    """Return the environment of a page's commands."""
    tools = Path(cluster._program("kubectl")).parent
    return {"PATH": f"{tools}:/usr/bin:/bin", "KUBECONFIG": str(cluster.kubeconfig), "HOME": str(home), **more}


def condition(cluster, policy: str) -> tuple[str, str, str]:
    """Return status, reason and message of a policy's CertificateReady."""
    found = cluster.kubectl("get", "ssp", policy, "--namespace", NS, "--output", "json", check=False)
    if found.returncode != 0:
        return ("", "", "")
    listed = json.loads(found.stdout).get("status", {}).get("conditions", [])
    one = next((item for item in listed if item["type"] == "CertificateReady"), {})
    return (one.get("status", ""), one.get("reason", ""), one.get("message", ""))


def verified(cluster, policy: str, folder: Path) -> str:
    """Verify what is published with openssl, strictly and for both purposes, and return the leaf as text."""
    found = json.loads(cluster.kubectl("get", "secret", f"{policy}-tls", "--namespace", NS, "--output", "json").stdout)
    for name, value in found["data"].items():
        (folder / name).write_bytes(base64.b64decode(value))
    for purpose in ("sslserver", "sslclient"):
        chain = ("-untrusted", "tls.crt", "-CAfile", "ca.crt", "tls.crt")
        subprocess.run(
            ["openssl", "verify", "-x509_strict", "-purpose", purpose, *chain],
            cwd=folder,
            check=True,
            capture_output=True,
        )
    text = ["openssl", "x509", "-in", "tls.crt", "-noout", "-text"]
    return subprocess.run(text, cwd=folder, check=True, capture_output=True, text=True).stdout


@contextmanager
def program(path: Path, *arguments: str, log: Path, **environ: str):
    """Run a program beside the test until the block ends."""
    with log.open("ab") as out:
        running = subprocess.Popen([str(path), *arguments], env=environ, stdout=out, stderr=out)
        try:
            yield running
        finally:
            running.terminate()
            running.wait(20)
