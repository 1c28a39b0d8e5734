"""Pods whose keys are made on their node: they know each other, nobody else gets such a certificate, and etcd holds no key."""

import json
import subprocess

import pytest

from mutual.etcd import dump, private_keys
from mutual.peers import NAMESPACE, lines, peers, pod, spiffe
from waiting import eventually

pytestmark = pytest.mark.node
SYSTEM = "bartizan-system"
STRAY = "mutual-stray"
SIGNER = "bartizan.dev/default"


@pytest.fixture(scope="module")
def image(shop):
    """The operator's own image, which has a Python."""
    deployment = shop.get("deployment", "bartizan-controller", SYSTEM)
    return deployment["spec"]["template"]["spec"]["containers"][0]["image"]


@pytest.fixture(scope="module")
def mutual(shop, image):
    """Two services that call each other, with whatever delivery the cluster has."""
    *rest, server, caller = peers(image)
    shop.apply(*rest)
    shop.kubectl("wait", "--for=condition=Ready", "ssp", "--all", "-n", NAMESPACE, "--timeout=60s")
    shop.apply(server, caller)
    shop.kubectl("wait", "--for=condition=Ready", "pod", "server", "caller", "-n", NAMESPACE, "--timeout=120s")
    yield shop
    shop.kubectl("delete", "namespace", NAMESPACE, STRAY, "--ignore-not-found", "--wait=false")


def requests(shop, namespace, name):
    """The requests that a pod's node has made."""
    found = shop.items("podcertificaterequests", namespace)
    return [item for item in found if item["spec"]["podName"] == name]


def answer(item):
    """Type and reason of what a request was answered."""
    return [(one["type"], one["reason"]) for one in item.get("status", {}).get("conditions", [])]


def test_the_status_says_that_the_key_is_nowhere_but_on_the_node(mutual) -> None:
    """Without being told, the policies deliver certificates made on the node, and there is no Secret."""
    status = mutual.get("ssp", "server", NAMESPACE)["status"]
    assert status["capabilities"]["podCertificates"] is True
    found = eventually(
        lambda: (
            (now := mutual.get("ssp", "server", NAMESPACE)["status"]["certificate"])["pods"]["onCurrentAuthority"]
            and now
        )
    )
    assert (found["delivery"], found["keyExposure"]) == ("PodCertificate", "none")
    assert (found["pods"]["total"], found["pods"]["onCurrentAuthority"]) == (1, 1)
    assert mutual.items("secrets", NAMESPACE) == []
    assert mutual.condition("server", NAMESPACE, "CertificateReady")["reason"] == "IssuedToPods"


def test_the_chain_passes_the_strict_judge_for_both_ends(mutual, tmp_path) -> None:
    """What the node was given verifies against the ClusterTrustBundle with openssl -x509_strict as server and as client."""
    (item,) = requests(mutual, NAMESPACE, "server")
    assert answer(item) == [("Issued", "Issued")]
    chain, bundle = tmp_path / "chain.pem", tmp_path / "bundle.pem"
    chain.write_text(item["status"]["certificateChain"])
    bundle.write_text(mutual.get("clustertrustbundle", "bartizan.dev:default:live")["spec"]["trustBundle"])
    for purpose in ("sslserver", "sslclient"):
        words = [
            "openssl",
            "verify",
            "-x509_strict",
            "-purpose",
            purpose,
            "-CAfile",
            bundle,
            "-untrusted",
            chain,
            chain,
        ]
        judged = subprocess.run(words, capture_output=True, text=True, check=False)
        assert judged.returncode == 0, judged.stderr


def test_two_pods_speak_mutual_tls(mutual) -> None:
    """Each presents the certificate in its volume, and each knows the other by its SPIFFE ID."""
    seen = eventually(lambda: [line for line in _calls(mutual, "caller") if "server" in line][-2:], within=60)
    assert [(line["server"]["uri"], line["client"]["uri"]) for line in seen] == [
        (spiffe("server"), spiffe("caller"))
    ] * len(seen)


def test_a_peer_of_another_name_is_not_believed(mutual, image) -> None:
    """A pod that trusts the same roots but waits for another name refuses the server's good certificate."""
    words = ["call", spiffe("somebody-else"), f"server.{NAMESPACE}.svc.cluster.local"]
    other = pod("caller", image, words)
    other["metadata"] = {**other["metadata"], "name": "wary"}
    mutual.apply(other)
    said = eventually(lambda: _calls(mutual, "wary")[-1:], within=60)
    assert said[0]["problem"] == f"the peer is ['{spiffe('server')}'], wanted is {spiffe('somebody-else')}"
    mutual.kubectl("delete", "pod", "wary", "-n", NAMESPACE, "--wait=false")


def test_a_pod_without_a_policy_gets_none(mutual, image) -> None:
    """A pod outside of bartizan's reach that asks our signer by its own volume is denied, with the reason, and never starts."""
    mutual.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": STRAY}})
    certificate = {
        "signerName": SIGNER, "keyType": "ECDSAP256", "credentialBundlePath": "tls-combined.pem",
        "userAnnotations": {"bartizan.dev/policy": "server"},
    }  # fmt: skip
    volume = {"name": "mine", "projected": {"sources": [{"podCertificate": certificate}]}}
    thief = pod("thief", image, ["serve", "x"], namespace=STRAY, volumes=[volume], serviceAccountName="default")
    thief["spec"]["containers"][0]["volumeMounts"] = [{"name": "mine", "mountPath": "/mine"}]
    eventually(lambda: mutual.get("serviceaccount", "default", STRAY), within=30)
    mutual.apply(thief)
    (item,) = eventually(lambda: [one for one in requests(mutual, STRAY, "thief") if answer(one)], within=60)
    assert answer(item) == [("Denied", "NoPolicy")]
    assert "certificateChain" not in item["status"]
    assert mutual.get("pod", "thief", STRAY)["status"]["phase"] == "Pending"


def test_etcd_holds_no_key_of_a_workload(mutual) -> None:
    """Every key of etcd is read: private keys are in bartizan's own Secrets only, and the search finds one that is put there."""
    if mutual.cluster.provider != "local":
        pytest.skip("etcd cannot be read: the cluster is not one of this machine's own")
    before = private_keys(dump(mutual.cluster.name))
    outside = {key for key in before if not key.startswith(f"/registry/secrets/{SYSTEM}/")}
    assert not {key for key in outside if NAMESPACE in key}
    assert outside <= _of_secrets(mutual)
    shared = {"metadata": {"name": "shared", "namespace": NAMESPACE}, "apiVersion": "bartizan.dev/v1alpha1"}
    spec = {"workload": {"selector": {"matchLabels": {"app": "shared"}}}, "mtls": {"delivery": "Secret"}}
    mutual.apply({**shared, "kind": "ServiceSecurityPolicy", "spec": spec})
    eventually(lambda: mutual.get("secret", "shared-tls", NAMESPACE), within=60)
    after = private_keys(dump(mutual.cluster.name))
    assert {key for key in after if NAMESPACE in key} == {f"/registry/secrets/{NAMESPACE}/shared-tls"}
    mutual.kubectl("delete", "ssp", "shared", "-n", NAMESPACE)


def _of_secrets(shop) -> set[str]:
    """Where policies that say `delivery: Secret` have their keys: other tests make such."""
    policies = json.loads(shop.kubectl("get", "ssp", "-A", "-o", "json").stdout)["items"]
    found = ((one["metadata"]["namespace"], one.get("status", {}).get("certificate", {})) for one in policies)
    return {f"/registry/secrets/{ns}/{c['secretName']}" for ns, c in found if c.get("secretName")}


def test_a_new_pod_waits_for_the_signer_and_starts_when_it_is_back(mutual, image) -> None:
    """Without a controller nobody signs: a new pod waits, one that runs goes on, and the new one starts by itself later."""
    late = pod("caller", image, ["call", spiffe("server"), f"server.{NAMESPACE}.svc.cluster.local"])
    late["metadata"] = {**late["metadata"], "name": "late"}
    mutual.scale("controller", 0)
    try:
        mutual.apply(late)
        (item,) = eventually(lambda: requests(mutual, NAMESPACE, "late"), within=60)
        assert answer(item) == []
        running = [line for line in _calls(mutual, "caller") if "server" in line]
        assert eventually(
            lambda: len([one for one in _calls(mutual, "caller") if "server" in one]) > len(running), within=30
        )
        assert mutual.get("pod", "late", NAMESPACE)["status"]["phase"] == "Pending"
    finally:
        mutual.scale("controller", 2)
    mutual.kubectl("wait", "--for=condition=Ready", "pod", "late", "-n", NAMESPACE, "--timeout=120s")


def test_the_trust_bundle_comes_back(mutual) -> None:
    """An edited ClusterTrustBundle is put right, a deleted one is made again."""
    name = "bartizan.dev:default:live"
    before = mutual.get("clustertrustbundle", name)
    mutual.kubectl("label", "clustertrustbundle", name, "bartizan.dev/stage=never", "--overwrite")
    eventually(
        lambda: mutual.get("clustertrustbundle", name)["metadata"]["labels"]["bartizan.dev/stage"] == "live", within=15
    )
    mutual.kubectl("delete", "clustertrustbundle", name)
    after = eventually(lambda: mutual.get("clustertrustbundle", name), within=15)
    assert after["spec"] == before["spec"]


def _calls(shop, name):
    return lines(shop.kubectl("logs", "-n", NAMESPACE, name, "--tail=-1", check=False).stdout)
