"""External issuers on a real API server, asked by the real controller with the chart's rights, as the how-to has it.

cert-manager's part is its own controllers (CA issuer, approver) with its own definitions. The signer of
CertificateSigningRequests is a stand-in in this file: Kubernetes has none that signs SPIFFE IDs.
"""

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from bartizan.api.kinds import CERTIFICATE_REQUEST, NAMESPACE, POLICY, TRUST_DOMAIN
from bartizan.core.pki.profile import LeafProfile
from bartizan.signers.requests import signing_request
from bartizan.testing import a_policy_view
from cluster.build import tool
from cluster.errors import CommandFailed
from cluster.sources import CERT_MANAGER_CRDS, definition
from integration.controller.issuing import (
    NS,
    a_ca_secret,
    as_the_chart_gives_them,
    condition,
    corporate,
    environ,
    program,
    verified,
)
from integration.controller.pages import holds, sections

pytestmark = [pytest.mark.api, pytest.mark.timeout(600)]
PAGE = sections("docs/how-to/use-your-own-issuer.md")
SYSTEM = "ctl-issuers-system"


@pytest.fixture
async def place(cluster, world, until, tmp_path):
    """The rights, a company's root in root.pem, and the first blocks of the page done."""
    await world.govern(SYSTEM, None)
    corp = corporate()
    (tmp_path / "root.pem").write_text(corp.bundle)
    rights = as_the_chart_gives_them(cluster, SYSTEM, tmp_path)
    await holds(PAGE[""], tmp_path, environ(cluster, tmp_path))
    yield corp, rights
    await world.delete(NAMESPACE, NS)
    for name in ("by-cert-manager", "by-signer", "other-issuer"):
        await world.delete(TRUST_DOMAIN, name)

    async def gone():
        return await world.get(NAMESPACE, NS) is None

    await until(gone, within=60)


@pytest.fixture
def definitions(cluster):
    """cert-manager's own definitions, gone again at the end."""
    for name in CERT_MANAGER_CRDS:
        cluster.kubectl("apply", "--server-side", "-f", str(definition(name)))
    cluster.kubectl("wait", "--for=condition=Established", "crd", *CERT_MANAGER_CRDS, "--timeout=60s")
    yield cluster
    cluster.kubectl("delete", "crd", *CERT_MANAGER_CRDS, "--ignore-not-found", "--timeout=60s")


def trouble(running) -> list[dict]:
    """Return what the controller logged as a bug, or as a right it lacks."""
    return [one for one in running.lines() if one["event"] == "unforeseen" or " cannot " in one.get("error", "")]


async def test_cert_managers_own_controllers_sign_as_the_page_says(
    cluster, world, controller, until, place, definitions, tmp_path
):
    """Asked, approved, signed, verified by openssl; the request goes with its policy."""
    corp, rights = place
    await world.govern("cert-manager", None)
    await world.put(a_ca_secret(corp, "corp-ca", "cert-manager"))
    issuer = {"apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer", "metadata": {"name": "corp"}, "spec": {"ca": {"secretName": "corp-ca"}}}  # fmt: skip
    cluster.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(issuer))
    cm = tool("cert-manager-ca")
    given = {"KUBECONFIG": str(cluster.kubeconfig), "CLUSTER_RESOURCE_NAMESPACE": "cert-manager"}
    async with controller(SYSTEM, kubeconfig=rights) as running:
        with program(cm, log=tmp_path / "cert-manager.log", **given):
            wait = ("wait", "clusterissuer/corp", "--for=condition=Ready", "--timeout=60s")
            await asyncio.to_thread(cluster.kubectl, *wait)
            await holds(PAGE["cert-manager"], tmp_path, environ(cluster, tmp_path))
            leaf = verified(cluster, "orders", tmp_path)
        assert "Issuer: CN = Example Corp issuing" in leaf
        assert "Digital Signature" in leaf

        await world.delete(POLICY, "orders", NS)

        async def collected():
            return (await world.api.list(CERTIFICATE_REQUEST, namespace=NS)).items == []

        await until(collected, within=60)
        assert trouble(running) == []


async def test_a_request_that_cert_managers_approver_denies(
    cluster, world, controller, until, place, definitions, policy
):
    """What is asked meets cert-manager's own definitions; the approver, played here, says no, and the policy tells it."""
    corp, rights = place
    async with controller(SYSTEM, kubeconfig=rights) as running:
        await world.put(other_issuer(corp), policy("waits", NS, identity={"trustDomain": "other-issuer"}))

        async def waits():
            return "waits to be approved" in condition(cluster, "waits")[2]

        await until(waits, within=120)
        (asked,) = (await world.api.list(CERTIFICATE_REQUEST, namespace=NS)).items
        assert asked["spec"]["usages"] == ["digital signature", "server auth", "client auth"]
        assert asked["spec"]["issuerRef"] == {"name": "nobody", "kind": "Issuer", "group": "cert-manager.io"}
        assert asked["spec"]["duration"] == "24h"
        assert asked["metadata"]["ownerReferences"][0]["name"] == "waits"
        await denied(cluster, asked["metadata"]["name"])

        async def told():
            return condition(cluster, "waits")[:2] == ("False", "IssuerDenied")

        await until(told, within=90)
        assert "No policy approved this request" in condition(cluster, "waits")[2]
        assert trouble(running) == []


async def test_without_cert_manager_the_policy_says_so(cluster, world, controller, until, place, policy):
    """The cluster serves no CertificateRequest: everything else of the policy is done, and the condition names what lacks."""
    corp, rights = place
    async with controller(SYSTEM, kubeconfig=rights):
        await world.put(other_issuer(corp), policy("early", NS, identity={"trustDomain": "other-issuer"}))

        async def told():
            return condition(cluster, "early")[1] == "IssuerFailed"

        await until(told, within=60)
        assert "serves no CertificateRequest of cert-manager.io/v1" in condition(cluster, "early")[2]


def other_issuer(corp) -> dict:
    """Return a trust domain whose issuer does not exist."""
    return {
        "apiVersion": "bartizan.dev/v1alpha1",
        "kind": "TrustDomain",
        "metadata": {"name": "other-issuer"},
        "spec": {
            "domain": "prod.example.com",
            "issuer": {"certManager": {"name": "nobody", "kind": "Issuer"}},
            "bundle": corp.bundle,
        },
    }


async def denied(cluster, name: str) -> None:
    """Deny a CertificateRequest, as an approver does."""
    said = {
        "type": "Denied",
        "status": "True",
        "reason": "policy.example",
        "message": "No policy approved this request",
    }
    patch = json.dumps({"status": {"conditions": [said]}})
    where = ("certificaterequest", name, "--namespace", NS, "--subresource=status", "--type=merge", "--patch", patch)
    await asyncio.to_thread(cluster.kubectl, "patch", *where)


async def a_stand_in_signer(cluster, corp) -> None:
    """Sign approved requests of `example.com/workloads` until cancelled: what a third party's signer does."""
    while True:
        found = await asyncio.to_thread(cluster.kubectl, "get", "csr", "--output", "json")
        for item in json.loads(found.stdout)["items"]:
            status, spec = item.get("status", {}), item["spec"]
            approved = any(one["type"] == "Approved" for one in status.get("conditions", []))
            if spec["signerName"] != "example.com/workloads" or not approved or "certificate" in status:
                continue
            csr = base64.b64decode(spec["request"]).decode()
            chain = corp.chain(csr, timedelta(seconds=spec["expirationSeconds"]), datetime.now(UTC))
            item["status"]["certificate"] = base64.b64encode(chain.encode()).decode()
            path = f"/apis/certificates.k8s.io/v1/certificatesigningrequests/{item['metadata']['name']}/status"
            await asyncio.to_thread(cluster.kubectl, "replace", "--raw", path, "-f", "-", stdin=json.dumps(item))
        await asyncio.sleep(0.5)


async def test_a_signer_of_signing_requests_signs_as_the_page_says(
    cluster, world, controller, until, place, policy, tmp_path
):
    """Asked under a name of ours, approved by somebody else, signed; a denial is told; the old request is removed."""
    corp, rights = place
    async with controller(SYSTEM, kubeconfig=rights) as running:
        signing = asyncio.create_task(a_stand_in_signer(cluster, corp))
        try:
            await holds(PAGE["Signers of CertificateSigningRequests"], tmp_path, environ(cluster, tmp_path))
        finally:
            signing.cancel()
            await asyncio.gather(signing, return_exceptions=True)
        leaf = verified(cluster, "stock", tmp_path)
        assert "URI:spiffe://prod.example.com/ns/own-issuer/sa/stock" in leaf
        (first,) = csrs(cluster)
        assert first["spec"]["username"] == f"system:serviceaccount:{SYSTEM}:bartizan-controller"
        assert first["spec"]["expirationSeconds"] == 24 * 3600

        named = policy("stock", NS, workload={"selector": {"matchLabels": {"app": "stock"}}}, identity={"trustDomain": "by-signer", "dnsNames": ["stock.example.com"]})  # fmt: skip
        await world.put(named)

        async def replaced():
            names = [one["metadata"]["name"] for one in csrs(cluster)]
            return len(names) == 1 and names != [first["metadata"]["name"]] and names

        (second,) = await until(replaced, within=30)
        cluster.kubectl("certificate", "deny", second)

        async def told():
            return condition(cluster, "stock")[:2] == ("False", "IssuerDenied")

        await until(told, within=60)
        assert trouble(running) == []


def csrs(cluster) -> list[dict]:
    """Return bartizan's requests."""
    found = cluster.kubectl("get", "csr", "--selector", "app.kubernetes.io/managed-by=bartizan", "--output", "json")
    return json.loads(found.stdout)["items"]


async def test_the_controllers_account_can_do_nothing_else_with_signing_requests(cluster, place, until):
    """It can't delete another's request, ask a signer of Kubernetes itself, or approve, even its own."""
    who = f"--as=system:serviceaccount:{SYSTEM}:bartizan-controller"
    profile = LeafProfile(spiffe_id="spiffe://a/ns/b/sa/c", dns_names=(), lifetime=timedelta(hours=1))
    csr = base64.b64encode(signing_request(a_policy_view(), profile).csr_pem.encode()).decode()

    def request(name: str, signer: str = "example.com/workloads") -> str:
        spec = {"request": csr, "signerName": signer, "usages": ["client auth"]}
        meta = {"name": name}
        return json.dumps({"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": meta, "spec": spec})  # fmt: skip

    def refused(*words: str, stdin: str | None = None) -> str:
        with pytest.raises(CommandFailed) as found:
            cluster.kubectl(*words, who, stdin=stdin)
        return str(found.value)

    async def in_force():
        return cluster.kubectl(
            "create", "-f", "-", who, "--dry-run=server", stdin=request("theirs"), check=False
        ).returncode

    await until(in_force, within=30)
    guard = "the controller may only make and delete CertificateSigningRequests named bartizan."
    assert guard in refused("create", "-f", "-", stdin=request("theirs"))
    assert guard in refused("create", "-f", "-", stdin=request("bartizan.a", "kubernetes.io/kube-apiserver-client"))
    cluster.kubectl("create", "-f", "-", stdin=request("theirs"))
    cluster.kubectl("create", "-f", "-", who, stdin=request("bartizan.mine"))
    try:
        assert guard in refused("delete", "csr", "theirs")
        assert "forbidden" in refused("certificate", "approve", "bartizan.mine").lower()
    finally:
        cluster.kubectl("delete", "csr", "theirs", "bartizan.mine")
