"""Which requests for a pod's certificate are signed, denied, waited with or left alone, and with which words."""

from datetime import timedelta

import pytest

from bartizan.api.v1alpha1 import LabelSelector
from bartizan.core.model import InvalidPolicy
from bartizan.core.pki.pod_request import DenialReason, Deny, Leave, Sign, Wait, decide_request
from bartizan.core.reasons import Mode
from bartizan.testing import a_policy_view, a_trust_domain_view
from unit.pki.builders import NOW, a_pki
from unit.pki.requests import KEYS, read, stub, the_snapshot

PKI = a_pki()
HOUR = timedelta(hours=1)
LABELS = {"app": "orders"}


def decided(request=None, snapshot=None, *, labels=LABELS, authority=PKI.issuing, now=NOW):
    """Return the answer, all as it should be unless said otherwise."""
    return decide_request(request or read(), snapshot or the_snapshot(), labels=labels, authority=authority, now=now)


def test_a_pod_of_a_policy_gets_what_its_secret_would_say() -> None:
    """The certificate says what the policy's Secret would say, for the key of the request."""
    answer = decided()
    assert isinstance(answer, Sign)
    assert (answer.policy.key, answer.domain.name) == (("shop", "orders"), "default")
    assert (answer.profile.spiffe_id, answer.span) == ("spiffe://test.example/ns/shop/sa/orders", 24 * HOUR)
    assert answer.key.public_numbers() == KEYS["ECDSAP256"].public_key().public_numbers()


def test_an_ed25519_key_is_signed_for_where_the_policy_wants_one() -> None:
    """The kind of key is the policy's choice."""
    wants = the_snapshot(policies=[a_policy_view(mtls={"key": {"algorithm": "Ed25519"}})])
    assert isinstance(decided(read(stubPKCS10Request=stub("ED25519")), wants), Sign)


SPANS = {
    "the policy's lifetime": ({"lifetime": "2h"}, 86400, 2 * HOUR),
    "no longer than the node takes": ({"lifetime": "24h"}, 7200, 2 * HOUR),
    "never under an hour": ({"lifetime": "1h"}, 3600, HOUR),
}


@pytest.mark.parametrize("case", SPANS)
def test_it_lasts_as_long_as_policy_and_node_agree(case) -> None:
    """The span is the shorter of the policy's lifetime and the node's limit, and an hour at least."""
    mtls, longest, expected = SPANS[case]
    answer = decided(read(maxExpirationSeconds=longest), the_snapshot(policies=[a_policy_view(mtls=mtls)]))
    assert isinstance(answer, Sign)
    assert answer.span == expected


def test_a_pod_that_is_not_known_yet_is_trusted_to_the_api_server() -> None:
    """A request may be seen before its pod is: what the API server has verified of it is enough."""
    assert isinstance(decided(labels=None), Sign)


def test_a_pod_selected_by_a_former_selector_keeps_its_certificate() -> None:
    """While a selector changes, pods of the old one still run and are refreshed."""
    former = {("shop", "orders"): (LabelSelector(match_labels={"app": "orders-before"}),)}
    snapshot = the_snapshot(former=former)
    assert isinstance(decided(snapshot=snapshot, labels={"app": "orders-before"}), Sign)


DENIED = {
    "no annotation": (
        {"unverifiedUserAnnotations": {}}, {}, DenialReason.INVALID_ANNOTATIONS,
        "userAnnotations: exactly bartizan.dev/policy is allowed, naming the pod's ServiceSecurityPolicy; has none",
    ),
    "an annotation more": (
        {"unverifiedUserAnnotations": {"bartizan.dev/policy": "orders", "example.com/role": "admin"}}, {}, DenialReason.INVALID_ANNOTATIONS,
        "userAnnotations: exactly bartizan.dev/policy is allowed, naming the pod's ServiceSecurityPolicy; has example.com/role",
    ),
    "a policy that does not exist": (
        {"unverifiedUserAnnotations": {"bartizan.dev/policy": "nobody"}}, {}, DenialReason.NO_POLICY,
        "there is no ServiceSecurityPolicy shop/nobody: no certificate without a policy",
    ),
    "another policy's name": (
        {"unverifiedUserAnnotations": {"bartizan.dev/policy": "web"}}, {}, DenialReason.ANOTHER_ACCOUNT,
        "pods of policy shop/web run as ServiceAccount web, this one runs as orders",
    ),
    "another account": (
        {"serviceAccountName": "default"}, {}, DenialReason.ANOTHER_ACCOUNT,
        "pods of policy shop/orders run as ServiceAccount orders, this one runs as default",
    ),
    "another trust domain's signer": (
        {"signerName": "bartizan.dev/other"}, {}, DenialReason.ANOTHER_SIGNER,
        "policy shop/orders is of TrustDomain default, the request is to bartizan.dev/other",
    ),
    "a pod that the policy does not select": (
        {}, {"labels": {"app": "web"}}, DenialReason.NOT_COVERED, "policy shop/orders does not select pod orders-0",
    ),
    "another kind of key": (
        {"stubPKCS10Request": stub("ECDSAP384")}, {}, DenialReason.UNSUPPORTED_KEY_TYPE,
        "keyType: policy shop/orders wants ECDSAP256, the request brings ECDSAP384",
    ),
    "an RSA key": (
        {"stubPKCS10Request": stub("RSA")}, {}, DenialReason.UNSUPPORTED_KEY_TYPE,
        "keyType: policy shop/orders wants ECDSAP256, the request brings RSA",
    ),
    "an Ed25519 key where P-256 is wanted": (
        {"stubPKCS10Request": stub("ED25519")}, {}, DenialReason.UNSUPPORTED_KEY_TYPE,
        "keyType: policy shop/orders wants ECDSAP256, the request brings ED25519",
    ),
    "no CSR, as older kubelets ask": (
        {"stubPKCS10Request": ""}, {}, DenialReason.UNSUPPORTED_KEY_TYPE,
        "keyType: policy shop/orders wants ECDSAP256, the request brings no PKCS #10 request: the kubelet is too old",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DENIED)
def test_what_is_no_policys_is_denied_with_a_reason(case) -> None:
    """Each way of not being a policy's pod ends in a denial that says what was seen and what is allowed."""
    spec, more, reason, message = DENIED[case]
    snapshot = the_snapshot(policies=[a_policy_view(), a_policy_view("web")])
    assert decided(read(**spec), snapshot, **more) == Deny(reason, message)


@pytest.mark.parametrize("case", DENIED)
def test_nothing_is_denied_at_once(case) -> None:
    """A denial is final, and the picture may lag behind what was applied together with the pod: a young request waits."""
    spec, more, _, message = DENIED[case]
    snapshot = the_snapshot(policies=[a_policy_view(), a_policy_view("web")])
    young = read(age=timedelta(seconds=2), **spec)
    assert decided(young, snapshot, **more) == Wait(message, timedelta(seconds=3))


def test_what_can_pass_by_itself_is_waited_for() -> None:
    """A missing authority, an unreadable policy, an ungoverned namespace and a missing domain never end a request."""
    spoilt = InvalidPolicy(namespace="shop", name="orders", uid="u", generation=1, problem="spec.x: unknown")
    cases = {
        "TrustDomain default has no authority that can sign yet": {"authority": None},
        "policy orders cannot be read: spec.x: unknown": {"snapshot": the_snapshot(policies=[], invalid={("shop", "orders"): spoilt})},
        "namespace shop is not governed": {"snapshot": the_snapshot(namespaces={"shop": Mode.NOT_GOVERNED})},
        "there is no TrustDomain default that can be read": {"snapshot": the_snapshot(domain=a_trust_domain_view("other"))},
    }  # fmt: skip
    for message, more in cases.items():
        answer = decided(**more)
        assert isinstance(answer, Wait), message
        assert answer.message == message


def test_an_authority_that_ends_within_the_hour_signs_nothing() -> None:
    """The API server takes nothing under an hour, so the request waits for the next authority; before that it is shortened."""
    ends = PKI.issuing.not_after
    soon = decided(read(age=timedelta(0)), now=ends - timedelta(minutes=59))
    assert isinstance(soon, Wait)
    later = decided(now=ends - timedelta(hours=3))
    assert isinstance(later, Sign)
    assert later.span == HOUR


def test_what_is_answered_or_not_ours_is_left_alone() -> None:
    """Somebody else's signer, and a request that has its answer, are none of our business."""
    issued = {"conditions": [{"type": "Issued", "status": "True"}]}
    assert decided(read(signerName="kubernetes.io/kube-apiserver-client-pod")) == Leave()
    assert decided(read(signerName="bartizan.dev.evil/default")) == Leave()
    assert decided(read(status=issued)) == Leave()
