"""What a workload's certificate must say, derived from the policy and never typed by its author.

A name in a certificate is a claim that other services believe, so every name here has a reason that the author of a policy
cannot forge: the SPIFFE ID comes from namespace and ServiceAccount, the cluster's DNS names from Services that surely select
the policy's pods. Further names (`identity.dnsNames`) must not look like a name inside the cluster.

The common name is the weakest of them: it has no namespace, and what it means is up to each server (PostgreSQL: the database
user). Two policies of two namespaces may bear one name and run as one ServiceAccount's name, so neither is safe to claim. Three
kinds are: `<ServiceAccount>@<namespace>`, which is one-to-one with the SPIFFE ID (a namespace has no dot or `@`) and never a
host's name; a derived DNS name, which the certificate says anyway; and what the platform granted this very ServiceAccount.
A grant still cannot make it a dotted name inside the cluster: some clients take a common name for the server's name.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from bartizan.api.v1alpha1 import SecurityBaselineSpec
from bartizan.api.v1alpha1.identity import DEFAULT_KEY, KeyAlgorithm
from bartizan.core.model import PolicyView, ServiceView, TrustDomainView

BACKDATE: Final = timedelta(minutes=2)
"""How far before its issue a certificate is valid, for peers whose clock is late; under the five minutes that Kubernetes
accepts of a pod certificate (KEP-4317)."""
_BACKDATED_SHARE: Final = 30
"""A certificate is never back-dated by more than this part of its lifetime (one thirtieth: of an hour, two minutes)."""
CLUSTER_DOMAIN: Final = "cluster.local"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafProfile:
    """The names and the lifetime of a workload's certificate."""

    spiffe_id: str
    dns_names: tuple[str, ...]
    """Sorted, each once."""
    lifetime: timedelta
    """From issue to end, whole seconds."""
    refused_names: tuple[str, ...] = ()
    """Names from `identity.dnsNames` left out, because they resolve to another service inside the cluster."""
    key_algorithm: KeyAlgorithm = DEFAULT_KEY
    common_name: str = ""
    """The subject's only attribute; empty: the subject is empty."""
    refused_common_name: str = ""
    """`mtls.commonName` left out, because others could bear it too."""

    @property
    def left_out(self) -> str:
        """What was asked for and is not in the certificate, as the end of a sentence; empty where there is nothing."""
        text = ""
        if self.refused_names:
            text += f"; left out, because they name other services: {', '.join(self.refused_names)}"
        if self.refused_common_name:
            namespace, account = self.spiffe_id.split("/")[-3::2]
            text += (
                f"; the common name {self.refused_common_name} is left out, because others could bear it: take "
                f"{own_common_name(namespace, account)} or a Service's DNS name, or have SecurityBaseline "
                f"mtls.commonNames grant it to ServiceAccount {account} (never a name inside the cluster)"
            )
        return text


def backdate(lifetime: timedelta) -> timedelta:
    """Return how far before its issue a certificate of that lifetime is valid, in whole seconds.

    `BACKDATE` for every lifetime the API accepts. A shorter one gets less: back-dated by two minutes, a certificate of three
    would be past half of its life, and due for renewal, when it is issued.
    """
    return min(BACKDATE, timedelta(seconds=lifetime // timedelta(seconds=_BACKDATED_SHARE)))


def spiffe_id(domain: str, namespace: str, account: str) -> str:
    """Return the identity of a ServiceAccount, in the form all Kubernetes issuers of SPIFFE IDs use (SPIFFE-ID.md §2)."""
    return f"spiffe://{domain}/ns/{namespace}/sa/{account}"


def service_names(service: ServiceView) -> tuple[str, ...]:
    """Return the DNS names under which pods call a Service, from any namespace."""
    short = f"{service.name}.{service.namespace}"
    return (short, f"{short}.svc", f"{short}.svc.{CLUSTER_DOMAIN}")


def leaf_profile(
    policy: PolicyView,
    trust_domain: TrustDomainView,
    services: Iterable[ServiceView],
    baseline: SecurityBaselineSpec,
) -> LeafProfile:
    """Return what the policy's certificate must say.

    `services` are all Services of the cluster: those of other namespaces tell which names are taken. The lifetime is the
    policy's, shortened to the baseline's longest.
    """
    everywhere = tuple(services)
    derived = {name for service in everywhere if surely_selects(service, policy) for name in service_names(service)}
    taken = {service.namespace for service in everywhere} | {policy.namespace}
    claimed = set(policy.spec.identity.dns_names)
    refused = {name for name in claimed - derived if _inside_the_cluster(name, taken)}
    lifetime = min(policy.spec.mtls.lifetime, baseline.mtls.max_lifetime)
    wanted = policy.spec.mtls.common_name or ""
    allowed = not wanted or _may_bear(wanted, policy, derived, taken, baseline)
    return LeafProfile(
        spiffe_id=spiffe_id(trust_domain.spec.domain, policy.namespace, policy.account),
        dns_names=tuple(sorted(derived | (claimed - refused))),
        lifetime=timedelta(seconds=lifetime // timedelta(seconds=1)),
        refused_names=tuple(sorted(refused)),
        key_algorithm=policy.spec.mtls.key.algorithm,
        common_name=wanted if allowed else "",
        refused_common_name="" if allowed else wanted,
    )


def hangs_on(policy: PolicyView, namespace: str) -> bool:
    """Whether a name that the policy asks for is left out once `namespace` has a Service: it ends like one of them."""
    asked = (*policy.spec.identity.dns_names, (policy.spec.mtls.common_name or "").lower())
    return any(name.endswith(f".{namespace}") for name in asked)


def own_common_name(namespace: str, account: str) -> str:
    """Return the common name that every ServiceAccount may bear, and no other can."""
    return f"{account}@{namespace}"


def _may_bear(
    name: str, policy: PolicyView, derived: set[str], namespaces: set[str], baseline: SecurityBaselineSpec
) -> bool:
    if name in derived or name == own_common_name(policy.namespace, policy.account):
        return True
    granted = any(
        (grant.name, grant.namespace, grant.service_account_name) == (name, policy.namespace, policy.account)
        for grant in baseline.mtls.common_names
    )
    return granted and not ("." in name and _inside_the_cluster(name.lower(), namespaces))


def surely_selects(service: ServiceView, policy: PolicyView) -> bool:
    """Whether every pod of the policy is behind the Service.

    Only `matchLabels` count: they are what each of its pods carries for certain. A Service that asks for a further label
    may select other pods instead, and its name must not stand in this certificate.
    """
    labels = policy.spec.workload.selector.match_labels
    return (
        service.namespace == policy.namespace
        and bool(service.selector)
        and all(labels.get(key) == value for key, value in service.selector.items())
    )


def _inside_the_cluster(name: str, namespaces: set[str]) -> bool:
    """Whether a pod's resolver may take `name` for a Service: `x.<namespace>` is completed by its search domains."""
    return name.rpartition(".")[2] in namespaces or name.endswith((".svc", f".{CLUSTER_DOMAIN}"))
