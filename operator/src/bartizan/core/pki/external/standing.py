"""Keep or issue, for a certificate that an external issuer signed.

The same questions as `bartizan.core.pki.decide` asks, with one difference: which authorities the issuer has is its own
business, so a certificate stands if it breaks none of the rules it was accepted by, and leads to a root of the bundle.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from bartizan.api.names import KubeObject
from bartizan.core.model import PolicyView
from bartizan.core.pki.decide import Decision, Issue, Keep, at_hand
from bartizan.core.pki.examine import (
    Expectation,
    IssueReason,
    has_begun,
    has_not_ended,
    key_belongs,
    key_is_of_the_kind,
    names_agree,
    not_yet_due,
)
from bartizan.core.pki.external.accept import Rule, Wanted, broken_rule, unanchored
from bartizan.core.pki.external.roots import Roots
from bartizan.core.pki.leaf import LeafView, renewal_time
from bartizan.core.pki.pem import to_pem
from bartizan.core.pki.profile import LeafProfile
from bartizan.core.pki.secret import certificate_secret

_REASONS: Final = {
    Rule.KEY: IssueReason.KEY_MISMATCH,
    Rule.NAMES: IssueReason.NAMES_CHANGED,
    Rule.VALIDITY: IssueReason.LIFETIME_CHANGED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All that the decision may look at."""

    policy: PolicyView
    profile: LeafProfile
    secret: KubeObject | None = field(repr=False)
    roots: Roots
    now: datetime

    @property
    def wanted(self) -> Wanted:
        """What the certificate must be."""
        return Wanted(profile=self.profile, roots=self.roots.certificates, now=self.now)


def decide_external(standing: Standing, *, due: bool = True) -> Decision:
    """Return what to do about the policy's certificate; `Issue` here means: ask.

    Without `due` a certificate is kept until it ends: what is in use while its renewal is under way.
    """
    policy = standing.policy
    name = policy.spec.secret_name(policy.name)
    leaf = at_hand(policy, standing.secret)
    if not isinstance(leaf, LeafView):
        return leaf
    if issue := _wrong(standing, leaf, name, due=due):
        return issue
    return Keep(
        leaf=leaf,
        next_renewal=renewal_time(leaf, namespace=policy.namespace, name=name),
        desired=certificate_secret(policy, to_pem((leaf.certificate, *leaf.chain)), leaf.key_pem, standing.roots.pem),
    )


def _wrong(standing: Standing, leaf: LeafView, name: str, *, due: bool) -> Issue | None:
    policy = standing.policy
    expected = Expectation(
        namespace=policy.namespace,
        name=name,
        uris=(standing.profile.spiffe_id,),
        dns_names=standing.profile.dns_names,
        key_algorithm=standing.profile.key_algorithm,
        lifetime=standing.profile.lifetime,
        chains=(),
        now=standing.now,
    )
    for rule in (key_belongs, key_is_of_the_kind, names_agree, has_begun, has_not_ended):
        if wrong := rule(expected, leaf):
            return Issue(reason=wrong[0], message=wrong[1], force=True, replaced=leaf)
    if broken := broken_rule(standing.wanted, leaf) or unanchored(standing.wanted, leaf):
        reason = _REASONS.get(broken.rule, IssueReason.ISSUER_UNKNOWN)
        return Issue(
            reason=reason, message=f"the certificate would not be accepted today: {broken.problem}", force=True
        )
    finding = not_yet_due(expected, leaf) if due else None
    return Issue(reason=finding[0], message=finding[1], force=True, replaced=leaf) if finding else None
