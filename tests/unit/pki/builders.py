"""Policies, trust domains and signed material for the tests of core/pki, one line each.

Keys are made at import for the authorities that most tests share: a P-256 key costs a tenth of a millisecond.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import SecurityBaselineSpec, ServiceSecurityPolicySpec, TrustDomainSpec
from bartizan.core.model import PolicyView, ServiceView, TrustDomainView
from bartizan.core.pki.authority import Authority, authority_secret
from bartizan.core.pki.decide import CertificateInput, Decision, decide
from bartizan.core.pki.profile import LeafProfile, leaf_profile
from bartizan.core.pki.rotation import AuthorityPlan, plan_authorities
from bartizan.core.pki.secret import certificate_secret
from bartizan.signers.builtin import BuiltinSigner

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
RELEASE = "bartizan-system"
SIGNER = BuiltinSigner()
BASELINE = SecurityBaselineSpec()


def a_policy_view(**spec) -> PolicyView:
    """Return policy shop/orders; keywords replace parts of its spec."""
    workload = {"selector": {"matchLabels": {"app": "orders", "tier": "api"}}}
    return PolicyView(
        namespace="shop",
        name="orders",
        uid="policy-uid",
        generation=1,
        spec=ServiceSecurityPolicySpec.model_validate({"workload": workload, **spec}),
    )


def a_trust_domain(**spec) -> TrustDomainView:
    """Return the trust domain `default` of prod.example.com."""
    return TrustDomainView(
        name="default",
        uid="domain-uid",
        generation=3,
        spec=TrustDomainSpec.model_validate({"domain": "prod.example.com", **spec}),
    )


def a_service(name="orders", namespace="shop", **selector) -> ServiceView:
    """Return a Service view."""
    return ServiceView(namespace=namespace, name=name, selector=selector)


def stored(item: KubeObject, uid="secret-uid") -> KubeObject:
    """Return an object as the API server would give it back."""
    return {**item, "metadata": {**item["metadata"], "uid": uid, "resourceVersion": "7"}}


async def nothing_else() -> None:
    """No Secret bears the name of a policy's but those in the picture."""


def authority_secrets(authorities: Iterable[Authority]) -> list[KubeObject]:
    """Return the Secrets of authorities as observed."""
    return [stored(authority_secret(one, namespace=RELEASE), uid=f"uid-{one.secret_name}") for one in authorities]


@dataclass(frozen=True)
class Pki:
    """A trust domain with one root and one issuing authority, and a certificate for shop/orders."""

    domain: TrustDomainView
    root: Authority
    issuing: Authority
    policy: PolicyView
    profile: LeafProfile

    @property
    def secrets(self) -> list[KubeObject]:
        """Return the Secrets of both authorities."""
        return authority_secrets((self.root, self.issuing))

    def plan(self, now=NOW) -> AuthorityPlan:
        """Return the plan for both authorities."""
        return plan_authorities(self.domain, self.secrets, {}, now)

    def issue(self, profile=None, authority=None, now=NOW) -> KubeObject:
        """Return the policy's Secret with a certificate just issued."""
        issued = SIGNER.sign_leaf(profile or self.profile, authority or self.issuing, now=now)
        return stored(certificate_secret(self.policy, issued.chain_pem, issued.key_pem, self.plan(now).bundle_pem))

    def decide(self, secret, now=NOW, **changes) -> Decision:
        """Return the decision about the policy's certificate."""
        plan = self.plan(now)
        request = CertificateInput(
            policy=self.policy,
            profile=self.profile,
            secret=secret,
            chains=plan.chains,
            bundle_pem=plan.bundle_pem,
            now=now,
        )
        return decide(replace(request, **changes))


def a_pki(now=NOW, *, policy=None, services=(), **domain) -> Pki:
    """Return a fresh trust domain made at `now`."""
    view = a_trust_domain(**domain)
    root = SIGNER.make_root(view, generation=1, now=now)
    issuing = SIGNER.make_issuing(view, root, generation=1, now=now)
    owner = policy or a_policy_view()
    profile = leaf_profile(owner, view, services or (a_service(app="orders"),), BASELINE)
    return Pki(domain=view, root=root, issuing=issuing, policy=owner, profile=profile)


def with_data(secret: KubeObject, **entries) -> KubeObject:
    """Return a Secret with entries of its data replaced (`tls_crt` for tls.crt); None takes one away."""
    changed = {**secret["data"], **{key.replace("_", "."): value for key, value in entries.items()}}
    return {**secret, "data": {key: value for key, value in changed.items() if value is not None}}


HOUR = timedelta(hours=1)
