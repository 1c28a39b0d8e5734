"""Which delivery a policy gets, what its pods then ask for, and what is said and done about it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bartizan.core.capabilities import Capabilities, capabilities
from bartizan.core.index import compile_index
from bartizan.core.model import ObjectRef
from bartizan.core.observations import certificate as observed_as
from bartizan.core.pki.delivery import Chosen, Delivery, delivery_of, pod_certificates
from bartizan.core.pki.pem import to_pem
from bartizan.core.pki.pod_outcome import PodsObserved, not_possible, pod_outcome
from bartizan.core.pki.profile import LeafProfile
from bartizan.core.plan import LOOK_AGAIN, Apply, Delete
from bartizan.core.posture import CertificateOutcome
from bartizan.core.reasons import Reason
from bartizan.testing import a_policy_view, a_secret, a_snapshot, a_trust_domain_view
from unit.pki.builders import a_pki

CAN = Capabilities(certificates_version="certificates.k8s.io/v1", pod_certificates_lack="")
CANNOT = Capabilities(pod_certificates_lack="node old is too old")
ROOT = to_pem((a_pki().root.certificate,))
EXTERNAL = {"issuer": {"csrSigner": {"signerName": "example.com/ca"}}, "bundle": ROOT}
CASES = {
    "Auto where the cluster can": ("Auto", CAN, Chosen(Delivery.POD_CERTIFICATE)),
    "Auto where it cannot": ("Auto", CANNOT, Chosen(Delivery.SECRET, "node old is too old")),
    "PodCertificate where the cluster can": ("PodCertificate", CAN, Chosen(Delivery.POD_CERTIFICATE)),
    "PodCertificate where it cannot": ("PodCertificate", CANNOT, Chosen(Delivery.POD_CERTIFICATE, "node old is too old")),
    "Auto where somebody else signs": ("Auto", CAN, Chosen(Delivery.SECRET, "TrustDomain default has another issuer than bartizan itself")),
    "Secret where the cluster can do better": ("Secret", CAN, Chosen(Delivery.SECRET)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_better_way_is_taken_where_the_whole_cluster_can(case) -> None:
    """Auto takes what the cluster can; who insists on no key in etcd never gets one there all the same."""
    asked, found, expected = CASES[case]
    policy = a_policy_view(mtls={"delivery": asked})
    issuer = EXTERNAL if "somebody else" in case else {}
    snapshot = a_snapshot(policy, trust_domains=[a_trust_domain_view(**issuer)], capabilities=found)
    assert delivery_of(policy, snapshot) == expected


def test_the_index_asks_for_a_certificate_instead_of_a_secret() -> None:
    """An entry has the one or the other; the Secret's name stays reserved, because pods from before may hold on to it."""
    own, shared = a_policy_view("own", mtls={"lifetime": "100h"}), a_policy_view("shared", mtls={"delivery": "Secret"})
    snapshot = a_snapshot(own, shared, trust_domains=[a_trust_domain_view()], capabilities=CAN)
    index = compile_index("shop", [own, shared], pod_certificates=pod_certificates([own, shared], snapshot))["spec"]
    (mine,), (theirs,) = index["buckets"]["app=own"], index["buckets"]["app=shared"]
    asked = {"signer": "bartizan.dev/default", "keyType": "ECDSAP256", "seconds": 360000}
    assert (mine.get("identity"), mine["podCertificate"]) == (None, asked)
    assert (theirs["identity"], theirs.get("podCertificate")) == ("shared-tls", None)
    assert index["identities"] == {"own-tls": "own", "shared-tls": "shared"}


def test_both_kinds_must_be_served_in_one_version() -> None:
    """A version that serves only one of the kinds is of no use; the best of the others is."""
    one, both = frozenset({"podcertificaterequests"}), frozenset({"podcertificaterequests", "clustertrustbundles"})
    v1, beta = "certificates.k8s.io/v1", "certificates.k8s.io/v1beta1"
    cases = ({v1: both, beta: both}, {v1: one, beta: both}, {v1: one}, {})
    found = [capabilities(served, pod_certificates_lack="").certificates_version for served in cases]
    assert found == [v1, beta, "", ""]


PROFILE = LeafProfile(spiffe_id="spiffe://d/ns/shop/sa/orders", dns_names=(), lifetime=timedelta(hours=24))


def outcome(secret=None, **observed):
    """Return the outcome of a policy with two pods of the present authority."""
    seen = {"total": 2, "on_current_authority": 2, "secrets": (), "referred": frozenset(), "injected": True}
    return pod_outcome(PROFILE, "authority-id", PodsObserved(**{**seen, **observed}), secret)


def a_tls_secret():
    """Return the policy's Secret from before."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        **a_secret(),
        "metadata": {"name": "orders-tls", "namespace": "shop", "uid": "s-uid"},
    }


def test_without_a_secret_no_key_lies_in_etcd_and_the_status_says_so() -> None:
    """Delivery, exposure, pods and authority are told; nothing is written and nothing is looked at again."""
    found = outcome()
    assert found.status is not None
    assert found.status.model_dump(exclude_none=True, by_alias=True, mode="json") == {
        "delivery": "PodCertificate",
        "keyExposure": "none",
        "spiffeID": "spiffe://d/ns/shop/sa/orders",
        "dnsNames": [],
        "authority": "authority-id",
        "pods": {"total": 2, "onCurrentAuthority": 2, "serving": 0, "stale": 0},
    }
    message = "each pod gets a certificate of its own for spiffe://d/ns/shop/sa/orders, whose key is made on its node"
    assert found.observation == observed_as("True", Reason.ISSUED_TO_PODS, message)
    assert (found.applies, found.deletes, found.look_after) == ((), (), None)


def test_a_pod_whose_certificate_is_not_known_is_looked_at_again() -> None:
    """The count comes right without an event: the ledger may know more in a minute."""
    assert outcome(on_current_authority=1).look_after == LOOK_AGAIN


SECRET_CASES = {
    "goes when nothing refers to it": ({}, True),
    "stays while a pod refers to it": ({"referred": frozenset({"orders-tls"})}, False),
    "stays until new pods surely don't get it": ({"injected": False}, False),
}


@pytest.mark.parametrize("case", SECRET_CASES)
def test_the_secret_from_before(case) -> None:
    """It goes when nothing can need it any more, and until then a key lies in etcd."""
    observed, goes = SECRET_CASES[case]
    found = outcome(secrets=(a_tls_secret(),), **observed)
    ref = ObjectRef(api_version="v1", kind="Secret", namespace="shop", name="orders-tls")
    assert found.deletes == ((Delete(ref=ref, uid="s-uid"),) if goes else ())
    assert found.status is not None
    assert found.status.key_exposure == "etcd"


def test_a_secret_that_is_still_needed_is_kept_up() -> None:
    """Its renewal goes on, and what is wrong with it is the policy's condition."""
    apply = Apply(item=a_tls_secret(), manager="bartizan/certificates")
    good = CertificateOutcome(observation=observed_as("True", Reason.ISSUED, "x"), applies=(apply,))
    bad = CertificateOutcome(observation=observed_as("False", Reason.SECRET_NOT_OURS, "it is another's"))
    assert outcome(secret=good).applies == (apply,)
    assert outcome(secret=good).observation.message.endswith(
        "pods from before still use the Secret, which is kept for them"
    )
    assert outcome(secret=bad).observation == bad.observation


def test_who_insists_is_told_what_is_missing() -> None:
    """The condition is false, with what is missing and what can be done; a Secret that pods still refer to is kept up."""
    apply = Apply(item=a_tls_secret(), manager="bartizan/certificates")
    kept = CertificateOutcome(observation=observed_as("True", Reason.ISSUED, "x"), applies=(apply,))
    insists = Chosen(Delivery.POD_CERTIFICATE, "node old is too old")
    found = not_possible(insists, None)
    assert not_possible(insists, kept) == replace(kept, observation=found.observation)
    message = "node old is too old; mend that, or set spec.mtls.delivery to Auto or Secret"
    assert found.observation == observed_as("False", Reason.DELIVERY_NOT_POSSIBLE, message)
