"""Keep, issue or refuse: what to do about the certificate of one policy.

In the manner of cert-manager's policy chain: everything is passed in, the clock too, and the answer is a value with a reason.
Three answers, because two would hide the difference that matters: a Secret of somebody else is never taken over, and a good
certificate in a Secret that was otherwise edited is put right without a new key (`Keep.desired`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeAlias

from cryptography import x509

from bartizan.api.names import MANAGED_BY, MANAGED_BY_LABEL, POLICY_LABEL, KubeObject
from bartizan.core.model import PolicyView
from bartizan.core.pki.examine import Expectation, IssueReason, examine
from bartizan.core.pki.leaf import LeafView, renewal_time
from bartizan.core.pki.pem import BUNDLE_KEY, to_pem
from bartizan.core.pki.profile import LeafProfile
from bartizan.core.pki.secret import SECRET_TYPE, certificate_secret, missing_keys, read_certificate
from bartizan.core.pki.waves import Wave
from bartizan.core.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateInput:
    """All that the decision may look at."""

    policy: PolicyView
    profile: LeafProfile
    secret: KubeObject | None = field(repr=False)
    """The Secret of the name the policy gives, as observed."""
    chains: tuple[tuple[x509.Certificate, ...], ...]
    """What may follow the certificate: a chain for each issuing authority in force (`AuthorityPlan.chains`)."""
    bundle_pem: str
    """The trust bundle (`AuthorityPlan.bundle_pem`)."""
    now: datetime
    draining: Mapping[str, Wave] = field(default_factory=dict)
    """Authorities whose certificates are issued anew (`AuthorityPlan.draining`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """The certificate is good."""

    leaf: LeafView
    next_renewal: datetime
    desired: KubeObject = field(repr=False)
    """The Secret as it should be, with the observed certificate and key: applied where the observed one differs. The chain
    behind the certificate is the one in force now, so a bridge comes and goes without a new key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """A certificate must be issued."""

    reason: IssueReason
    message: str
    force: bool
    """Whether the write may take fields back from others: only where a Secret that is ours was observed. Where none was,
    a Secret that appears meanwhile must win."""
    replaced: LeafView | None = field(default=None, repr=False, compare=False)
    """The certificate that is to be replaced, where it can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """Nothing may be written; a person has to act (or, for `Pending`, Kubernetes will)."""

    reason: Reason
    message: str


_OF_NO_USE: Final = frozenset({IssueReason.KEY_MISMATCH, IssueReason.EXPIRED, IssueReason.NOT_YET_VALID})
Decision: TypeAlias = Keep | Issue | Refuse


def decide(request: CertificateInput) -> Decision:
    """Return what to do about the policy's certificate."""
    policy, secret = request.policy, request.secret
    name = policy.spec.secret_name(policy.name)
    leaf = at_hand(policy, secret)
    if not isinstance(leaf, LeafView):
        return leaf
    expected = Expectation(
        namespace=policy.namespace,
        name=name,
        uris=(request.profile.spiffe_id,),
        dns_names=request.profile.dns_names,
        common_name=request.profile.common_name,
        key_algorithm=request.profile.key_algorithm,
        lifetime=request.profile.lifetime,
        chains=request.chains,
        now=request.now,
        draining=request.draining,
    )
    if finding := examine(expected, leaf):
        return Issue(reason=finding[0], message=finding[1], force=True, replaced=leaf)
    renewal = renewal_time(leaf, namespace=policy.namespace, name=name)
    return Keep(
        leaf=leaf,
        next_renewal=min(renewal, expected.turn(leaf) or renewal),
        desired=certificate_secret(
            policy, to_pem((leaf.certificate, *(expected.chain_for(leaf) or ()))), leaf.key_pem, request.bundle_pem
        ),
    )


def at_hand(policy: PolicyView, secret: KubeObject | None) -> LeafView | Issue | Refuse:
    """Return the certificate in the policy's Secret, whoever signed it, or what to do where there is none to look at."""
    if secret is None:
        name = policy.spec.secret_name(policy.name)
        return Issue(reason=IssueReason.SECRET_MISSING, message=f"there is no Secret {name} yet", force=False)
    if refusal := _not_ours(policy, secret) or _unchangeable(policy, secret):
        return refusal
    return read_certificate(secret) or _unreadable(secret)


def usable_until(decision: Issue) -> datetime | None:
    """Return when the certificate to be replaced ends; None where it is of no use already."""
    return decision.replaced.not_after if decision.replaced and decision.reason not in _OF_NO_USE else None


def _unreadable(secret: KubeObject) -> Issue:
    if missing := [key for key in missing_keys(secret) if key != BUNDLE_KEY]:
        verb = "is" if len(missing) == 1 else "are"
        message = f"{' and '.join(missing)} of the Secret {verb} missing or empty"
        return Issue(reason=IssueReason.DATA_MISSING, message=message, force=True)
    return Issue(
        reason=IssueReason.UNREADABLE, message="tls.crt of the Secret is not a readable certificate", force=True
    )


def _not_ours(policy: PolicyView, secret: KubeObject) -> Refuse | None:
    """Refuse a Secret that has another owner, or none and not our labels either.

    Without an owner the labels decide: `kubectl delete --cascade=orphan` and careless editing leave them behind.
    """
    meta = secret["metadata"]
    where = f"Secret {policy.namespace}/{meta['name']}"
    owners = meta.get("ownerReferences") or []
    if any(owner.get("uid") == policy.uid for owner in owners):
        return None
    fix = "give another name in spec.mtls.secret.name, or delete that Secret"
    if not owners:
        labels = meta.get("labels") or {}
        if labels.get(MANAGED_BY_LABEL) == MANAGED_BY and labels.get(POLICY_LABEL) == policy.name:
            return None
        return Refuse(
            reason=Reason.SECRET_NOT_OURS,
            message=f"{where} exists and was not made by bartizan; it is left alone: {fix}",
        )
    owner = owners[0]
    if owner.get("kind") == "ServiceSecurityPolicy" and owner.get("name") == policy.name:
        return Refuse(
            reason=Reason.PENDING,
            message=f"{where} still belongs to the deleted policy of the same name; Kubernetes removes it shortly",
        )
    return Refuse(
        reason=Reason.SECRET_NOT_OURS,
        message=f"{where} belongs to {owner.get('kind', 'an object')} {owner.get('name', 'without a name')} "
        f"and is left alone: {fix}",
    )


def _unchangeable(policy: PolicyView, secret: KubeObject) -> Refuse | None:
    """Refuse a Secret that the API server would not let us write: its type, or `immutable`, can never change."""
    where = f"Secret {policy.namespace}/{secret['metadata']['name']}"
    if secret.get("type") != SECRET_TYPE:
        problem = f"is of type {secret.get('type', 'Opaque')}, must be {SECRET_TYPE}, and the type cannot be changed"
    elif secret.get("immutable"):
        problem = "was made immutable and cannot be renewed"
    else:
        return None
    return Refuse(reason=Reason.SECRET_NOT_OURS, message=f"{where} {problem}: delete it, a new one is made at once")
