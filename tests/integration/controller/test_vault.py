"""A real Vault signs, with its own PKI engine and its own Kubernetes login against a real API server, as the how-to has it."""

import asyncio
import base64
import json
import os
import socket
import ssl
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from bartizan.api.kinds import NAMESPACE, TRUST_DOMAIN
from cluster.build import tool
from contract.issuers.corporate import Corporate, pem
from integration.controller.issuing import (
    NS,
    as_the_chart_gives_them,
    condition,
    corporate,
    environ,
    key_pem,
    program,
    verified,
)
from integration.controller.pages import holds, sections
from waiting import eventually

pytestmark = [pytest.mark.api, pytest.mark.timeout(900)]
PAGE = sections("docs/how-to/use-your-own-issuer.md")
SYSTEM, ROOT_TOKEN = "ctl-vault-system", "root-CANARY"
REVIEWER = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: vault, namespace: %(ns)s}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: bartizan-test-vault}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:auth-delegator"}
subjects: [{kind: ServiceAccount, name: vault, namespace: %(ns)s}]
"""
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "billing", "namespace": NS},
    "spec": {"selector": {"app": "billing"}, "ports": [{"port": 443}]},
}


class Vault:
    """A dev server, and its API."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = one.getsockname()[1]
        self.address = f"https://127.0.0.1:{self.port}"
        self.folder = folder
        self.ca = folder / "vault-ca.pem"

    @contextmanager
    def running(self, binary: Path) -> Iterator[None]:
        """Run it until the block ends."""
        given = {"HOME": str(self.folder), "PATH": os.environ["PATH"]}
        arguments = ["server", "-dev", "-dev-tls", f"-dev-tls-cert-dir={self.folder}", "-dev-no-store-token"]
        arguments += [f"-dev-root-token-id={ROOT_TOKEN}", f"-dev-listen-address=127.0.0.1:{self.port}"]
        with program(binary, *arguments, log=self.folder / "vault.log", **given):
            eventually(self._answers, within=120)
            yield

    def write(self, path: str, **data: object) -> None:
        """Write to a path as root."""
        context = ssl.create_default_context(cafile=str(self.ca))
        request = urllib.request.Request(  # noqa: S310 -- https, see address
            f"{self.address}/v1/{path}", json.dumps(data).encode(), {"X-Vault-Token": ROOT_TOKEN}, method="POST"
        )
        with urllib.request.urlopen(request, context=context, timeout=20) as answer:  # noqa: S310 -- https, see address
            answer.read()

    def _answers(self) -> bool:
        if not self.ca.exists():
            return False
        try:
            context = ssl.create_default_context(cafile=str(self.ca))
            url = f"{self.address}/v1/sys/health"
            with urllib.request.urlopen(url, context=context, timeout=5) as answer:  # noqa: S310 -- https
                return answer.status == 200
        except OSError:
            return False


def prepared(vault: Vault, cluster, corp: Corporate) -> None:
    """Mount the PKI engine with the company's issuing authority, and the Kubernetes login; the page does the rest."""
    vault.write("sys/mounts/pki", type="pki")
    vault.write("sys/mounts/pki/tune", max_lease_ttl="8760h")
    vault.write("pki/config/ca", pem_bundle=pem(corp.issuing, corp.root) + key_pem(corp.issuing_key))
    vault.write("sys/auth/kubernetes", type="kubernetes")
    cluster.kubectl("apply", "-f", "-", stdin=REVIEWER % {"ns": SYSTEM})
    reviewer = cluster.kubectl("create", "token", "vault", "--namespace", SYSTEM).stdout.strip()
    config = yaml.safe_load(cluster.kubeconfig.read_text())["clusters"][0]["cluster"]
    ca = Path(config["certificate-authority"]).read_text() if "certificate-authority" in config else _decoded(config)
    vault.write(
        "auth/kubernetes/config", kubernetes_host=cluster.api_url, kubernetes_ca_cert=ca, token_reviewer_jwt=reviewer
    )


def _decoded(config: dict[str, str]) -> str:
    return base64.b64decode(config["certificate-authority-data"]).decode()


@pytest.fixture
async def place(cluster, world, until, tmp_path):
    """The rights, a company's root in root.pem, the token the chart would mount, and the first blocks of the page done."""
    await world.govern(SYSTEM, None)
    corp = corporate()
    (tmp_path / "root.pem").write_text(corp.bundle)
    rights = as_the_chart_gives_them(cluster, SYSTEM, tmp_path)
    token = tmp_path / "token"
    token.write_text(
        cluster.kubectl("create", "token", "bartizan-controller", "--namespace", SYSTEM, "--audience", "vault").stdout
    )
    await holds(PAGE[""], tmp_path, environ(cluster, tmp_path))
    await world.put(SERVICE)
    yield corp, rights, token
    await world.delete(NAMESPACE, NS)
    await world.delete(TRUST_DOMAIN, "by-vault")

    async def gone():
        return await world.get(NAMESPACE, NS) is None

    await until(gone, within=60)


async def test_a_real_vault_signs_as_the_page_says(cluster, world, controller, until, place, policy, tmp_path):
    """Logged in, asked, signed, verified by openssl; refused by its role, by our rules, and while it is sealed; no token told."""
    corp, rights, token = place
    binary = tool("vault")
    vault = Vault(tmp_path)
    with vault.running(binary):
        await asyncio.to_thread(prepared, vault, cluster, corp)
        given = environ(
            cluster,
            tmp_path,
            VAULT_ADDR=vault.address,
            VAULT_CACERT=str(vault.ca),
            VAULT_TOKEN=ROOT_TOKEN,
            RELEASE_NAMESPACE=SYSTEM,
        )
        given["PATH"] = f"{binary.parent}:{given['PATH']}"
        async with controller(SYSTEM, kubeconfig=rights, BARTIZAN_VAULT_TOKEN_FILE=str(token)) as running:
            await holds(PAGE["Vault"], tmp_path, given)
            leaf = verified(cluster, "billing", tmp_path)
            assert "Issuer: CN = Example Corp issuing" in leaf
            for name in ("URI:spiffe://prod.example.com/ns/own-issuer/sa/billing", "DNS:billing.own-issuer.svc"):
                assert name in leaf

            def told(name: str, reason: str):
                async def look():
                    return condition(cluster, name)[1] == reason and condition(cluster, name)[2]

                return until(look, within=60)

            by_vault = {"trustDomain": "by-vault"}
            await world.put(policy("greedy", NS, identity={**by_vault, "dnsNames": ["www.example.org"]}))
            assert "not allowed by this role" in await told("greedy", "IssuerDenied")

            vault.write("pki/roles/workloads", **WIDE)
            await world.put(policy("widened", NS, identity=by_vault))
            assert "rule Usage: extendedKeyUsage must be serverAuth and clientAuth" in await told(
                "widened", "IssuedCertificateRefused"
            )

            vault.write("sys/seal")
            await world.put(policy("late", NS, identity=by_vault))
            assert "Vault is sealed" in await told("late", "IssuerFailed")
        log = running.log.read_text()
        assert token.read_text().strip() not in log
        assert "hvs." not in log
        assert [line for line in running.lines() if line["event"] == "unforeseen"] == []


WIDE = {
    "allowed_uri_sans": "spiffe://prod.example.com/ns/*",
    "require_cn": False,
    "key_type": "ec",
    "key_bits": 256,
    "key_usage": "DigitalSignature",
    "code_signing_flag": True,
    "max_ttl": "168h",
}
"""A role that somebody widened: its certificates may sign code as well."""
