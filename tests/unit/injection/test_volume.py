"""The volume of a pod's identity, and what pods hold on to."""

import pytest

from bartizan.core.gaps.pods import slim_pod
from bartizan.core.injection.mounts import asks_for, secrets_of
from bartizan.core.injection.volume import BUNDLE_FILE, CHAIN_FILE, COMBINED_FILE, KEY_FILE, identity_volume
from bartizan.core.pki import pem
from bartizan.testing import a_pod

ENTRY = {"name": "orders", "podCertificate": {"signer": "bartizan.dev/prod", "keyType": "ED25519", "seconds": 7200}}


def test_files_are_called_alike_in_every_delivery() -> None:
    """A service finds key, chain and bundle under the names they have in the Secret."""
    assert (KEY_FILE, CHAIN_FILE, BUNDLE_FILE) == (pem.PRIVATE_KEY, pem.CERTIFICATE_KEY, pem.BUNDLE_KEY)
    assert COMBINED_FILE == "tls-combined.pem"


def test_an_entry_gives_the_volume_it_asks_for() -> None:
    """Either a certificate of the pod's own, or the Secret, or nothing."""
    volume = identity_volume(ENTRY)
    assert volume is not None
    certificate, bundle = volume["projected"]["sources"]
    assert certificate["podCertificate"] == {
        "signerName": "bartizan.dev/prod", "keyType": "ED25519", "maxExpirationSeconds": 7200,
        "keyPath": "tls.key", "certificateChainPath": "tls.crt", "credentialBundlePath": "tls-combined.pem",
        "userAnnotations": {"bartizan.dev/policy": "orders"},
    }  # fmt: skip
    assert bundle["clusterTrustBundle"]["signerName"] == "bartizan.dev/prod"
    secret = identity_volume({"name": "orders", "identity": "orders-tls"})
    assert secret == {
        "name": "bartizan-identity",
        "secret": {"secretName": "orders-tls", "defaultMode": 0o444, "optional": False},
    }
    assert identity_volume({"name": "orders"}) is None


PODS = {
    "a volume": {"volumes": [{"name": "v", "secret": {"secretName": "a"}}]},
    "a projected volume": {"volumes": [{"name": "v", "projected": {"sources": [{"configMap": {"name": "c"}}, {"secret": {"name": "a"}}]}}]},
    "a variable": {"containers": [{"name": "c", "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "a", "key": "k"}}}]}]},
    "an environment": {"initContainers": [{"name": "c", "envFrom": [{"secretRef": {"name": "a"}}]}]},
}  # fmt: skip


@pytest.mark.parametrize("case", PODS)
def test_every_reference_to_a_secret_is_seen_and_kept(case) -> None:
    """A container that starts again needs it, wherever it is named; the picture keeps the name and nothing of the value."""
    pod = a_pod(**PODS[case])
    assert (secrets_of(pod), secrets_of(slim_pod(pod))) == ({"a"}, {"a"})


def test_a_pod_that_asks_for_a_certificate_is_known_by_policy_and_signer() -> None:
    """Slimmed or not; one that has finished asks for nothing."""
    pod = a_pod(volumes=[identity_volume(ENTRY)])
    assert asks_for(pod) == asks_for(slim_pod(pod)) == {("orders", "bartizan.dev/prod")}
    assert asks_for({**pod, "status": {"phase": "Succeeded"}}) == frozenset()
    assert secrets_of({**a_pod(**PODS["a volume"]), "status": {"phase": "Failed"}}) == frozenset()
    assert slim_pod(a_pod())["spec"].get("volumes") is None
