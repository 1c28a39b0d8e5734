"""The rest of what the demo shows: refusals, a certificate that verifies, injected annotations.

Each function returns what was seen and whether it is as it should be; printing is the caller's.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cluster as harness

_EXPECT = re.compile(r"^# expect: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Evidence:
    """One thing shown."""

    claim: str
    holds: bool
    seen: str


def refusal(target: harness.Cluster, manifest: Path) -> Evidence:
    """Apply a manifest that must be refused with the words its first line promises."""
    expected = expectation(manifest)
    result = target.kubectl("apply", "-f", str(manifest), check=False)
    said = result.stderr.strip() or result.stdout.strip()
    return Evidence(f"{manifest.stem} is refused", result.returncode != 0 and expected in said, said)


def expectation(manifest: Path) -> str:
    """Return the words a rejected example promises in its first line.

    Raises:
        ValueError: the file has no line `# expect: …`.
    """
    found = _EXPECT.search(manifest.read_text())
    if found is None:
        raise ValueError(f"{manifest} must begin with a line '# expect: <words of the refusal>'")
    return found.group(1)


def certificate(target: harness.Cluster, namespace: str, policy: str, spiffe_id: str) -> Evidence:
    """Verify the chain of a policy's pods against their bundle with openssl, strictly, for both ends of mTLS."""
    status = _get(target, "ssp", policy, namespace)["status"]["certificate"]
    claim = f"openssl verifies the certificate of {namespace}/{policy} ({status['delivery']}) as server and client"
    found = _in_secret(target, namespace, status) if status.get("secretName") else _on_nodes(target, namespace, policy)
    if found is None:
        pods = status["pods"]
        said = f"Kubernetes has removed the nodes' requests, as it does after 15 minutes; the status says {pods}"
        return Evidence(claim, pods["total"] == pods["onCurrentAuthority"] > 0, said)
    return _verified(claim, *found, spiffe_id)


def _in_secret(target: harness.Cluster, namespace: str, status: dict[str, Any]) -> tuple[bytes, bytes]:
    data = _get(target, "secret", status["secretName"], namespace)["data"]
    return base64.b64decode(data["tls.crt"]), base64.b64decode(data["ca.crt"])


def _on_nodes(target: harness.Cluster, namespace: str, policy: str) -> tuple[bytes, bytes] | None:
    """Return the chain that was last handed to a node for a pod of the policy, and the bundle such pods read."""
    items = json.loads(target.kubectl("get", "podcertificaterequests", "-n", namespace, "-o", "json").stdout)["items"]
    chains = [
        (item["metadata"]["creationTimestamp"], chain)
        for item in items
        if (item["spec"].get("unverifiedUserAnnotations") or {}).get("bartizan.dev/policy") == policy
        and (chain := item.get("status", {}).get("certificateChain"))
    ]
    bundle = _get(target, "clustertrustbundle", "bartizan.dev:default:live")["spec"]["trustBundle"]
    return (max(chains)[1].encode(), bundle.encode()) if chains else None


def _get(target: harness.Cluster, kind: str, name: str, namespace: str = "") -> dict[str, Any]:
    scope = ["-n", namespace] if namespace else []
    found: dict[str, Any] = json.loads(target.kubectl("get", kind, name, *scope, "-o", "json").stdout)
    return found


def _verified(claim: str, chain_pem: bytes, bundle_pem: bytes, spiffe_id: str) -> Evidence:
    with tempfile.TemporaryDirectory() as folder:
        chain, bundle = Path(folder) / "chain.pem", Path(folder) / "bundle.pem"
        chain.write_bytes(chain_pem)
        bundle.write_bytes(bundle_pem)
        verdicts = [
            _openssl(
                "verify",
                "-x509_strict",
                "-purpose",
                purpose,
                "-CAfile",
                str(bundle),
                "-untrusted",
                str(chain),
                str(chain),
            )
            for purpose in ("sslserver", "sslclient")
        ]
        names = _openssl("x509", "-in", str(chain), "-noout", "-ext", "subjectAltName", "-dates").stdout
    verified = all(verdict.returncode == 0 for verdict in verdicts)
    said = " ".join(names.split()) if verified else verdicts[0].stderr + verdicts[1].stderr
    return Evidence(claim, verified and f"URI:{spiffe_id}" in names, said)


def annotations(target: harness.Cluster, namespace: str, app: str, wanted: dict[str, str]) -> Evidence:
    """Read the annotations that the API server wrote onto a running pod."""
    pods = json.loads(target.kubectl("get", "pods", "-n", namespace, "-l", f"app={app}", "-o", "json").stdout)["items"]
    found = pods[0]["metadata"].get("annotations", {}) if pods else {}
    shown = "\n".join(f"{key}: {value}" for key, value in sorted(found.items()) if "vault" in key)
    holds = all(found.get(key) == value for key, value in wanted.items())
    return Evidence(f"pods of {namespace}/{app} carry the Vault annotations", holds, shown or "none")


def _openssl(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["openssl", *words], capture_output=True, text=True, check=False)
