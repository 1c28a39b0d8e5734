"""Pods with certificates of their own, over the API server in memory: who is answered, what is said, and what stays and goes."""

from datetime import timedelta

import pytest
from cryptography import x509

from bartizan.api.kinds import (
    CLUSTER_TRUST_BUNDLES,
    CONFIG_MAP,
    NODE,
    POD,
    POD_CERTIFICATE_REQUESTS,
    POLICY,
    POLICY_INDEX,
    SECRET,
    TRUST_DOMAIN,
)
from bartizan.core.injection.volume import identity_volume
from bartizan.core.model import ObjectRef
from bartizan.core.pki.evidence import Target, bundle_id
from bartizan.kube.errors import UnavailableError
from bartizan.shell.telemetry import PrometheusMeter
from bartizan.testing import a_namespace, a_pod, a_policy
from unit.pki.requests import KEYS, STUB

V1, BETA = "certificates.k8s.io/v1", "certificates.k8s.io/v1beta1"
BOTH = frozenset({"podcertificaterequests", "clustertrustbundles"})
OWN = {"name": "orders", "podCertificate": {"signer": "bartizan.dev/default", "keyType": "ECDSAP256", "seconds": 86400}}
SHARED = {"name": "orders", "identity": "orders-tls"}


def at(kind, name, namespace="shop") -> ObjectRef:
    """Return where an object is."""
    return ObjectRef(
        api_version=kind.api_version, kind=kind.kind, namespace=namespace if kind.namespaced else "", name=name
    )


def a_node(version="v1.37.1", name="node-1"):
    """Return a node with a kubelet of a version."""
    info = {"nodeInfo": {"kubeletVersion": version}}
    return {"apiVersion": NODE.api_version, "kind": NODE.kind, "metadata": {"name": name}, "status": info}


def running(entry=OWN, name="orders-0"):
    """Return a pod as it runs after injection by an index entry."""
    return {**a_pod(name, volumes=[identity_volume(entry)]), "status": {"phase": "Running"}}


def asked(cluster, name="req-1", *, version=V1, annotations=None, **spec):
    """Let the node of pod orders-0 ask for a certificate; return where the request is."""
    kind = POD_CERTIFICATE_REQUESTS[version]
    pod = cluster.kube.peek(at(POD, "orders-0")) or {"metadata": {"uid": "unknown"}}
    whole = {
        "signerName": "bartizan.dev/default", "podName": "orders-0", "podUID": pod["metadata"]["uid"], "serviceAccountName": "orders",
        "maxExpirationSeconds": 86400, "stubPKCS10Request": STUB,
        "unverifiedUserAnnotations": annotations if annotations is not None else {"bartizan.dev/policy": "orders"},
    }  # fmt: skip
    meta = {"name": name, "namespace": "shop"}
    cluster.kube.put({"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta, "spec": {**whole, **spec}})
    return at(kind, name)


def answer(cluster, ref):
    """Return type and reason of the request's condition; nothing while there is none."""
    status = cluster.kube.peek(ref).get("status") or {}
    return [(one["type"], one["reason"]) for one in status.get("conditions") or ()]


def certificate(cluster):
    """Return what the policy's status says of its certificate."""
    return cluster.kube.peek(at(POLICY, "orders"))["status"].get("certificate")


def counted(cluster):
    """Return how many pods have certificates of their own, and how many of the present authority."""
    pods = certificate(cluster)["pods"]
    return (pods["total"], pods["onCurrentAuthority"])


def condition(cluster):
    """Return status and reason of CertificateReady."""
    found = cluster.kube.peek(at(POLICY, "orders"))["status"]["conditions"]
    return next((one["status"], one["reason"]) for one in found if one["type"] == "CertificateReady")


def entry(cluster):
    """Return the policy's entry of the index."""
    return cluster.kube.peek(at(POLICY_INDEX, "index"))["spec"]["buckets"]["app=orders"][0]


@pytest.fixture
def capable(rig):
    """The factory of clusters that serve the kinds of pod certificates."""

    def made(*items, version=V1, node=None, **more):
        return rig(a_namespace(), node or a_node(), *items, served={version: BOTH}, **more)

    return made


@pytest.mark.parametrize("version", [V1, BETA])
async def test_a_pod_gets_a_certificate_and_no_secret_is_made(capable, version):
    """The node's request is answered in the version that is served, it is in the ledger, and no workload key is in the cluster."""
    async with capable(a_policy(), running(), version=version) as cluster:
        ref = asked(cluster, version=version)
        await cluster.settle()
        assert answer(cluster, ref) == [("Issued", "Issued")]
        chain = x509.load_pem_x509_certificates(cluster.kube.peek(ref)["status"]["certificateChain"].encode())
        assert chain[0].public_key() == KEYS["ECDSAP256"].public_key()
        chain[0].verify_directly_issued_by(chain[1])
        assert cluster.kube.objects(SECRET, "shop") == []
        (ledger,) = cluster.kube.objects(CONFIG_MAP)
        uid = cluster.kube.peek(at(POD, "orders-0"))["metadata"]["uid"]
        assert f"{chain[0].serial_number:x}" in ledger["data"]["rows"]
        assert f" {uid} shop/orders" in ledger["data"]["rows"]
        await cluster.settle(5)
        found = certificate(cluster)
        assert (found["delivery"], found["keyExposure"]) == ("PodCertificate", "none")
        assert counted(cluster) == (1, 1)
        assert condition(cluster) == ("True", "IssuedToPods")


async def test_certificates_of_pods_are_counted_apart(capable):
    """One that a node asked for counts once, under its own delivery; one that cannot be written down counts as a failure first."""
    meter = PrometheusMeter()
    async with capable(a_policy(), running(), meter=meter) as cluster:
        cluster.kube.fail_next(
            UnavailableError("away"), matching=lambda call: (call.verb, call.kind.kind) == ("apply", "ConfigMap")
        )
        asked(cluster)
        await cluster.settle(10)
        value = meter.registry.get_sample_value
        issued = {"reason": "PodRequest", "delivery": "PodCertificate"}
        assert value("bartizan_certificates_issued_total", issued) == 1
        assert value("bartizan_certificate_issuance_failures_total", {"reason": "NotRecorded"}) == 1


async def test_a_pod_without_a_policy_is_denied_but_not_at_once(capable):
    """A request that names no policy is denied for good, after the moment in which the picture may lag."""
    async with capable(a_policy(), running()) as cluster:
        ref = asked(cluster, annotations={"bartizan.dev/policy": "nobody"})
        await cluster.settle(3)
        assert answer(cluster, ref) == []
        await cluster.settle(5)
        assert answer(cluster, ref) == [("Denied", "NoPolicy")]
        assert set(cluster.kube.peek(ref)["status"]) == {"conditions"}


async def test_requests_to_other_signers_are_left_alone(capable):
    """Neither answered nor denied: they are somebody else's."""
    async with capable(a_policy(), running()) as cluster:
        ref = asked(cluster, signerName="kubernetes.io/kube-apiserver-client-pod")
        await cluster.settle(10)
        assert answer(cluster, ref) == []


async def test_an_api_server_that_is_away_ends_no_request(capable):
    """A request is never failed for what passes: it is answered when the API server takes writes again."""
    async with capable(a_policy(), running()) as cluster:
        cluster.kube.fail_next(
            UnavailableError("503"), matching=lambda call: call.kind.kind == "PodCertificateRequest" and call.verb == "apply-status",
            times=3,
        )  # fmt: skip
        ref = asked(cluster)
        await cluster.settle(10)
        assert answer(cluster, ref) == [("Issued", "Issued")]


async def test_a_new_leader_answers_what_the_old_one_left(capable):
    """Requests that came while nobody led are not forgotten, and a restart knows from the ledger who signed for which pod."""
    async with capable(a_policy(), running()) as cluster:
        cluster.leadership.take()
        ref = asked(cluster)
        await cluster.settle()
        assert answer(cluster, ref) == []
        cluster.leadership.give()
        await cluster.settle(8)
        assert answer(cluster, ref) == [("Issued", "Issued")]
        assert counted(cluster) == (1, 1)


async def test_the_trust_bundle_is_kept_equal_and_repaired(capable):
    """The ClusterTrustBundle says what the TrustDomain's status says, whoever edits or deletes it, and belongs to the TrustDomain."""
    async with capable(a_policy()) as cluster:
        ref = at(CLUSTER_TRUST_BUNDLES[V1], "bartizan.dev:default:live")
        made = cluster.kube.peek(ref)
        domain = cluster.kube.peek(at(TRUST_DOMAIN, "default"))
        assert made["spec"] == {"signerName": "bartizan.dev/default", "trustBundle": domain["status"]["bundle"]}
        assert made["metadata"]["labels"]["bartizan.dev/stage"] == "live"
        edited = {**made, "metadata": {**made["metadata"], "labels": {}}, "spec": {**made["spec"], "trustBundle": "x"}}
        cluster.kube.put(edited)
        await cluster.settle()
        repaired = cluster.kube.peek(ref)
        assert (repaired["spec"], repaired["metadata"]["labels"]) == (made["spec"], made["metadata"]["labels"])
        cluster.kube.remove(ref)
        await cluster.settle()
        assert cluster.kube.peek(ref)["spec"] == made["spec"]
        cluster.kube.remove(at(TRUST_DOMAIN, "default"))
        assert ref in cluster.kube.collect()


async def test_a_change_of_delivery_cuts_no_running_pod(capable):
    """From Secret to PodCertificate: the Secret stays as long as the last pod that mounts it, and new pods get the new volume."""
    async with capable(a_policy(mtls={"delivery": "Secret"}), running(SHARED)) as cluster:
        secret = at(SECRET, "orders-tls")
        assert cluster.kube.peek(secret) is not None
        assert certificate(cluster)["keyExposure"] == "etcd"
        cluster.kube.put(a_policy(mtls={"delivery": "Auto"}))
        await cluster.settle(5)
        assert ("identity" in entry(cluster), "podCertificate" in entry(cluster)) == (False, True)
        assert cluster.kube.peek(secret) is not None
        kept = certificate(cluster)
        assert (kept["delivery"], kept["keyExposure"], kept["secretName"]) == ("PodCertificate", "etcd", "orders-tls")
        cluster.kube.put(running(OWN, "orders-1"))
        cluster.kube.remove(at(POD, "orders-0"))
        await cluster.settle(5)
        assert cluster.kube.peek(secret) is None
        assert certificate(cluster)["keyExposure"] == "none"


async def test_a_pod_that_still_refers_to_the_secret_gets_it_again(capable):
    """A pod made from a template that names the Secret must start, whatever the policy delivers."""
    async with capable(a_policy()) as cluster:
        assert cluster.kube.peek(at(SECRET, "orders-tls")) is None
        cluster.kube.put(running(SHARED))
        await cluster.settle(5)
        assert cluster.kube.peek(at(SECRET, "orders-tls")) is not None
        assert condition(cluster) == ("True", "IssuedToPods")


async def test_a_change_back_leaves_pods_their_certificates(capable):
    """From PodCertificate to Secret: a pod that runs is still refreshed by its node, and new pods find a Secret."""
    async with capable(a_policy(), running()) as cluster:
        cluster.kube.put(a_policy(mtls={"delivery": "Secret"}))
        await cluster.settle(5)
        assert cluster.kube.peek(at(SECRET, "orders-tls")) is not None
        ref = asked(cluster)
        await cluster.settle()
        assert answer(cluster, ref) == [("Issued", "Issued")]


OLD = "the kubelet of node-old is older than v1.37, and pods may land there"


async def test_a_node_that_is_too_old_makes_the_cluster_fall_back(capable):
    """One old node is enough for Secrets, status says why, and when it is gone the better way is taken again."""
    async with capable(a_policy()) as cluster:
        assert "podCertificate" in entry(cluster)
        cluster.kube.put(a_node("v1.36.3", "node-old"))
        await cluster.settle(35)
        assert entry(cluster)["identity"] == "orders-tls"
        status = cluster.kube.peek(at(POLICY, "orders"))["status"]
        assert status["capabilities"]["podCertificates"] is False
        assert status["capabilities"]["podCertificatesLack"] == OLD
        assert (certificate(cluster)["delivery"], condition(cluster)) == ("Secret", ("True", "Issued"))
        cluster.kube.remove(at(NODE, "node-old"))
        await cluster.settle(35)
        assert "podCertificate" in entry(cluster)
        assert cluster.kube.peek(at(SECRET, "orders-tls")) is None


async def test_who_insists_on_no_key_in_etcd_gets_none(capable):
    """With delivery PodCertificate nothing falls back: the condition says what is missing, and no Secret is made."""
    policy = a_policy(mtls={"delivery": "PodCertificate"})
    async with capable(policy, node=a_node("v1.36.3", "node-old")) as cluster:
        assert condition(cluster) == ("False", "DeliveryNotPossible")
        assert cluster.kube.objects(SECRET, "shop") == []
        assert "podCertificate" in entry(cluster)


async def test_a_rotation_waits_for_the_trust_bundle(capable):
    """A new root signs nothing before the ClusterTrustBundle holds it, as it waits for Secrets: pods verify by that bundle."""
    async with capable(a_policy(), running()) as cluster:
        targets = cluster.controller._reconciler._pods.targets(cluster.controller.world.trust_domain("default"))
        bundle = cluster.kube.peek(at(TRUST_DOMAIN, "default"))["status"]["bundle"]
        name = "ClusterTrustBundle bartizan.dev:default:live"
        assert list(targets) == [Target(name=name, bundle=bundle_id(bundle))]


async def test_a_second_pass_writes_nothing(capable):
    """Applying leaves nothing to do: bundle, status, index and requests are as they should be."""
    async with capable(a_policy(), running()) as cluster:
        asked(cluster)
        await cluster.settle(5)
        cluster.said()
        for key in cluster.controller.world.all_keys():
            cluster.controller.queue.add(key)
        await cluster.clock.advance(timedelta(minutes=11))
        await cluster.settle(5)
        assert cluster.said() == []


async def test_what_was_signed_before_a_restart_is_read_from_the_ledger(capable):
    """Requests are gone a quarter of an hour later; who signed for a pod that runs is known all the same."""
    async with capable(a_policy(), running()) as cluster:
        ref = asked(cluster)
        await cluster.settle(5)
        cluster.kube.remove(ref)
        cluster.controller.world.mounted._signed.clear()
        await cluster.clock.advance(timedelta(minutes=11))
        await cluster.settle(5)
        assert counted(cluster) == (1, 1)
        assert cluster.controller.world.mounted._signed
