"""Sign, deny, wait or leave alone: what to do about a node's request for a pod's certificate (KEP-4317).

The API server has verified what the request says of node, pod and ServiceAccount (NodeRestriction), but not the annotations:
they are the pod's author's. So the name of the policy in them is a claim, and counts only if that policy is of the request's
namespace and its account is the request's ServiceAccount.

A denial is final: the kubelet does not ask again for that pod. So what may pass by itself, or be mended by somebody, is waited
for, and what looks wrong to a picture that may lag is looked at again a little later.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from bartizan.api.names import POLICY_LABEL, trust_domain_of
from bartizan.core.model import PolicyView, Snapshot, TrustDomainView
from bartizan.core.pki.authority import Authority
from bartizan.core.pki.delivery import SHORTEST, key_type
from bartizan.core.pki.profile import LeafProfile, leaf_profile
from bartizan.core.plan import LOOK_AGAIN, SOON
from bartizan.core.reasons import Mode
from bartizan.core.select import matches

PATIENCE: Final = timedelta(seconds=5)
"""How old a request must be before it is denied: by then the picture holds what was applied together with the pod."""

PublicKey: TypeAlias = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


class DenialReason(StrEnum):
    """Why a request is denied; the first two are Kubernetes' own words (k8s.io/api certificates/v1)."""

    UNSUPPORTED_KEY_TYPE = "UnsupportedKeyType"
    INVALID_ANNOTATIONS = "InvalidUnverifiedUserAnnotations"
    NO_POLICY = "NoPolicy"
    ANOTHER_ACCOUNT = "AnotherServiceAccount"
    ANOTHER_SIGNER = "AnotherSigner"
    NOT_COVERED = "PodNotCovered"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodRequest:
    """A PodCertificateRequest as far as the decision looks at it."""

    namespace: str
    name: str
    uid: str
    signer: str
    pod: str
    pod_uid: str
    account: str
    longest: timedelta
    """The longest lifetime the node takes (`maxExpirationSeconds`)."""
    annotations: Mapping[str, str]
    """What the pod's author wrote; nobody has verified it."""
    key: PublicKey | None = field(repr=False)
    """The public key of the stub CSR, whose possession the API server has verified; None: not one that is known here."""
    key_name: str
    """What kind of key it is, as Kubernetes calls it, or what was seen instead."""
    created: datetime
    answered: bool
    """Whether somebody has issued, denied or failed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """Issue a certificate that says `profile`, valid for `span` from its (back-dated) first moment to its last."""

    policy: PolicyView
    domain: TrustDomainView
    profile: LeafProfile
    key: PublicKey = field(repr=False)
    span: timedelta


@dataclass(frozen=True, slots=True)
class Deny:
    """Refuse it for good."""

    reason: DenialReason
    message: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Leave it pending and look again."""

    message: str
    after: timedelta


@dataclass(frozen=True, slots=True)
class Leave:
    """It is somebody else's, or done."""


Answer: TypeAlias = Sign | Deny | Wait | Leave


def decide_request(
    request: PodRequest,
    snapshot: Snapshot,
    *,
    labels: Mapping[str, str] | None,
    authority: Authority | None,
    now: datetime,
) -> Answer:
    """Return what to do about the request.

    `labels` are the pod's, None if the pod is not known (yet); `authority` is who signs for the request's trust domain now.
    """
    if request.answered or not trust_domain_of(request.signer):
        return Leave()
    found = _policy_of(request, snapshot)
    if isinstance(found, PolicyView):
        found = _refused(request, found, snapshot, labels) or found
    if isinstance(found, Deny):
        age = now - request.created
        return found if age >= PATIENCE else Wait(found.message, PATIENCE - age)
    if isinstance(found, Wait):
        return found
    return _signed(request, found, snapshot, authority, now)


def _policy_of(request: PodRequest, snapshot: Snapshot) -> PolicyView | Deny | Wait:
    """Return the policy that the request claims and that exists."""
    strange = sorted(set(request.annotations) - {POLICY_LABEL})
    name = request.annotations.get(POLICY_LABEL, "")
    if strange or not name:
        seen = f"has {', '.join(strange)}" if strange else "has none"
        message = f"userAnnotations: exactly {POLICY_LABEL} is allowed, naming the pod's ServiceSecurityPolicy; {seen}"
        return Deny(DenialReason.INVALID_ANNOTATIONS, message)
    key = (request.namespace, name)
    if key in snapshot.invalid:
        return Wait(f"policy {name} cannot be read: {snapshot.invalid[key].problem}", LOOK_AGAIN)
    if key not in snapshot.policies:
        message = f"there is no ServiceSecurityPolicy {request.namespace}/{name}: no certificate without a policy"
        return Deny(DenialReason.NO_POLICY, message)
    return snapshot.policies[key]


def _refused(
    request: PodRequest, policy: PolicyView, snapshot: Snapshot, labels: Mapping[str, str] | None
) -> Deny | None:
    """Return why this policy's certificate is not for this pod; None: it is."""
    where = f"policy {policy.namespace}/{policy.name}"
    if policy.account != request.account:
        message = f"pods of {where} run as ServiceAccount {policy.account}, this one runs as {request.account}"
        return Deny(DenialReason.ANOTHER_ACCOUNT, message)
    if policy.spec.identity.trust_domain != trust_domain_of(request.signer):
        message = f"{where} is of TrustDomain {policy.spec.identity.trust_domain}, the request is to {request.signer}"
        return Deny(DenialReason.ANOTHER_SIGNER, message)
    selectors = (policy.spec.workload.selector, *snapshot.former.get(policy.key, ()))
    if labels is not None and not any(matches(selector, labels) for selector in selectors):
        message = f"{where} does not select pod {request.pod}"
        return Deny(DenialReason.NOT_COVERED, message)
    if request.key is None or request.key_name != key_type(policy):
        message = f"keyType: {where} wants {key_type(policy)}, the request brings {request.key_name}"
        return Deny(DenialReason.UNSUPPORTED_KEY_TYPE, message)
    return None


def _signed(
    request: PodRequest, policy: PolicyView, snapshot: Snapshot, authority: Authority | None, now: datetime
) -> Sign | Wait:
    domain = snapshot.trust_domains.get(policy.spec.identity.trust_domain)
    if domain is None:
        return Wait(f"there is no TrustDomain {policy.spec.identity.trust_domain} that can be read", LOOK_AGAIN)
    if snapshot.mode(policy.namespace) is Mode.NOT_GOVERNED:
        return Wait(f"namespace {policy.namespace} is not governed", LOOK_AGAIN)
    if authority is None or request.key is None:
        return Wait(f"TrustDomain {domain.name} has no authority that can sign yet", SOON)
    profile = leaf_profile(policy, domain, snapshot.services, snapshot.baseline)
    span = max(SHORTEST, min(profile.lifetime, request.longest))
    if authority.not_after - now < span:
        span = SHORTEST
    if authority.not_after - now < span:
        return Wait(f"authority {authority.id} ends too soon: {authority.not_after:%Y-%m-%dT%H:%M:%SZ}", LOOK_AGAIN)
    return Sign(policy=policy, domain=domain, profile=profile, key=request.key, span=span)


def read_key(stub: bytes) -> tuple[PublicKey | None, str]:
    """Return the public key of a stub CSR (DER) and what kind it is; None for a kind that no policy can ask for."""
    try:
        key = x509.load_der_x509_csr(stub).public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None, "no readable PKCS #10 request" if stub else "no PKCS #10 request: the kubelet is too old"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key, f"ECDSAP{key.curve.key_size}"
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key, "ED25519"
    return None, type(key).__name__.lstrip("_").removesuffix("PublicKey")


def answered(conditions: Iterable[Mapping[str, str]]) -> bool:
    """Whether a request's conditions end it."""
    return any(one.get("type") in {"Issued", "Denied", "Failed"} for one in conditions)
