"""Whatever a node asks for in a pod's name: a certificate goes to pods of the policy that they claim, and to nobody else."""

from datetime import timedelta

from hypothesis import event, given, settings
from hypothesis import strategies as st

from bartizan.core.pki.delivery import SHORTEST, key_type
from bartizan.core.pki.pod_request import PATIENCE, Deny, Leave, Sign, Wait, decide_request
from bartizan.core.reasons import Mode
from bartizan.core.select import matches
from bartizan.signers.pod import sign_for_key
from bartizan.testing import a_policy_view, a_trust_domain_view
from unit.pki.builders import NOW, a_pki
from unit.pki.requests import KEYS, read, stub, the_snapshot

PKI = a_pki()
STUBS = {kind: stub(kind) for kind in KEYS}
NAMES = ("orders", "web", "cards")
POLICIES = st.lists(
    st.builds(
        lambda name, account, domain, algorithm, hours: a_policy_view(
            name,
            workload={"selector": {"matchLabels": {"app": name}}, "serviceAccountName": account},
            identity={"trustDomain": domain},
            mtls={"lifetime": f"{hours}h", "key": {"algorithm": algorithm}},
        ),
        st.sampled_from(NAMES), st.sampled_from(NAMES[:2]), st.sampled_from(("default", "default", "other")),
        st.sampled_from(("ECDSAP256", "Ed25519")), st.integers(1, 168),
    ),
    min_size=1, max_size=3, unique_by=lambda policy: policy.name,
)  # fmt: skip
CHANGES = {
    "signerName": ("bartizan.dev/default", "bartizan.dev/other", "bartizan.dev/gone", "example.com/x", "bartizan.dev"),
    "serviceAccountName": NAMES,
    "stubPKCS10Request": (*STUBS.values(), "", "junk"),
    "unverifiedUserAnnotations": (
        {}, {"bartizan.dev/policy": ""}, {"bartizan.dev/policy": "web"}, {"bartizan.dev/policy": "x"},
        {"bartizan.dev/policy": "orders", "example.com/a": "b"}, {"example.com/a": "orders"},
    ),
    "status": ({"conditions": [{"type": "Denied", "status": "True"}]},),
    "labels": (None, {}, {"app": "web"}, {"app": "orders", "more": "x"}),
}  # fmt: skip
"""What may be other than it should be, and how."""


@st.composite
def cases(draw):
    """Return policies, a request of a pod of one of them with up to two things changed, and the pod's labels."""
    policies = draw(POLICIES)
    policy = draw(st.sampled_from(policies))
    asked = {
        "signerName": f"bartizan.dev/{policy.spec.identity.trust_domain}",
        "serviceAccountName": policy.account,
        "maxExpirationSeconds": draw(st.integers(3600, 7862400)),
        "stubPKCS10Request": STUBS[key_type(policy)],
        "unverifiedUserAnnotations": {"bartizan.dev/policy": policy.name},
        "age": timedelta(seconds=draw(st.integers(0, 900))),
        "labels": {"app": policy.name},
    }
    for field in draw(st.lists(st.sampled_from(sorted(CHANGES)), max_size=2)):
        asked[field] = draw(st.sampled_from(CHANGES[field]))
    return policies, asked, asked.pop("labels")


MODES = st.sampled_from((Mode.ENFORCE, Mode.WARN, Mode.AUDIT, Mode.NOT_GOVERNED))
MOMENTS = st.integers(0, 2160 * 60).map(lambda minutes: NOW + timedelta(minutes=minutes))


@settings(deadline=None, max_examples=400)
@given(cases(), MODES, MOMENTS, st.sampled_from((False, False, False, True)))
def test_a_certificate_is_for_pods_of_the_policy_they_claim(case, mode, now, lost) -> None:
    """Signed is only what policy, account, signer, labels and key agree on, within the API server's limits; the rest waits or ends."""
    policies, asked, labels = case
    snapshot = the_snapshot(policies=policies, domain=a_trust_domain_view(), namespaces={"shop": mode})
    request = read(**asked)
    authority = None if lost else PKI.issuing
    request = _aged(request, now, asked["age"])
    answer = decide_request(request, snapshot, labels=labels, authority=authority, now=now)
    assert answer == decide_request(request, snapshot, labels=labels, authority=authority, now=now)
    event(type(answer).__name__)
    if request.answered or not request.signer.startswith("bartizan.dev/"):
        assert answer == Leave()
        return
    if isinstance(answer, Deny):
        assert asked["age"] >= PATIENCE
        return
    if isinstance(answer, Wait):
        assert answer.after > timedelta(0)
        return
    assert isinstance(answer, Sign)
    policy = answer.policy
    assert request.annotations == {"bartizan.dev/policy": policy.name}
    assert (policy.account, request.signer) == (request.account, f"bartizan.dev/{policy.spec.identity.trust_domain}")
    assert labels is None or matches(policy.spec.workload.selector, labels)
    assert (request.key_name, mode is Mode.NOT_GOVERNED, lost) == (key_type(policy), False, False)
    assert SHORTEST <= answer.span <= max(SHORTEST, min(request.longest, policy.spec.mtls.lifetime))
    leaf = sign_for_key(answer.profile, answer.key, PKI.issuing, span=answer.span, now=now)
    assert leaf.not_valid_after_utc <= PKI.issuing.not_after
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == answer.span


def _aged(request, now, age):
    """Return the request as one that was made `age` before `now`."""
    return type(request)(**{name: getattr(request, name) for name in request.__slots__} | {"created": now - age})
