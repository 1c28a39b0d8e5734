"""Previews, compared whole: what a person reads when they dry-run a policy."""

from typing import Any

import pytest

from bartizan.api.v1alpha1 import SecurityBaselineSpec
from bartizan.core.model import InvalidPolicy
from bartizan.core.preview import Preview, preview
from bartizan.core.reasons import Mode
from bartizan.testing.builders import HARDENED_CONTAINER, a_pod, a_policy_view, a_snapshot, a_trust_domain_view

HTTP = [{"name": "http", "port": 8080}]
DOMAINS = (a_trust_domain_view(),)
SELECTOR = {"selector": {"matchLabels": {"app": "orders"}}}
IDENTITY = {
    "volumes": [{"name": "bartizan-identity", "secret": {"secretName": "orders-tls"}}],
    "containers": [
        {
            "name": "app",
            **HARDENED_CONTAINER,
            "volumeMounts": [
                {"name": "bartizan-identity", "mountPath": "/var/run/secrets/bartizan.dev/tls", "readOnly": True}
            ],
        }
    ],
}


def _orders(**network: Any):
    return a_policy_view("orders", network={"ports": HTTP, **network})


def _caller(name: str = "web", namespace: str = "shop"):
    to = {"service": "orders"} | ({"namespace": "shop"} if namespace != "shop" else {})
    return a_policy_view(name, namespace, network={"egress": [{"to": to}]})


def _said(*texts: str) -> Preview:
    return Preview(warnings=tuple(f"bartizan: {text}" for text in texts))


FROM_WEB = [{"from": {"service": "web"}}]

CASES = {
    "nothing changes": (
        _orders(), _orders(), a_snapshot(trust_domains=DOMAINS), [],
        _said(),
    ),
    "an edge is gained by consent": (
        _orders(), _orders(ingress=FROM_WEB), a_snapshot(_caller(), trust_domains=DOMAINS), [],
        _said("gained: shop/web -> shop/orders on 8080/TCP"),
    ),
    "an edge is lost and the caller is left waiting": (
        _orders(ingress=FROM_WEB), _orders(), a_snapshot(_caller(), trust_domains=DOMAINS), [],
        _said(
            "lost: shop/web -> shop/orders on 8080/TCP",
            "waiting: shop/web asks to call this policy; spec.network.ingress must list it",
        ),
    ),
    "a port moves under a live edge": (
        _orders(ingress=FROM_WEB),
        a_policy_view("orders", network={"ports": [{"name": "http", "port": 9090}], "ingress": FROM_WEB}),
        a_snapshot(_caller(), trust_domains=DOMAINS), [],
        _said("lost: shop/web -> shop/orders on 8080/TCP", "gained: shop/web -> shop/orders on 9090/TCP"),
    ),
    "a new policy completes its neighbour's edge": (
        None, _caller(), a_snapshot(_orders(ingress=FROM_WEB), trust_domains=DOMAINS), [],
        _said("gained: shop/web -> shop/orders on 8080/TCP"),
    ),
    "the neighbour in another namespace has not consented": (
        None, _caller("report", "bi"), a_snapshot(_orders(), namespaces={"bi": Mode.ENFORCE}, trust_domains=DOMAINS), [],
        _said(
            "pending: shop/orders does not admit bi/report: its ingress must list from: {service: report, namespace: bi}"
        ),
    ),
    "a caller is admitted that does not call": (
        None, _orders(ingress=FROM_WEB), a_snapshot(a_policy_view("web"), trust_domains=DOMAINS), [],
        _said("pending: shop/web does not ask for shop/orders on 8080/TCP: its egress must list it before it is admitted"),
    ),
    "somebody admits this policy and it does not call": (
        None, a_policy_view("web"), a_snapshot(_orders(ingress=FROM_WEB), trust_domains=DOMAINS), [],
        _said("waiting: shop/orders admits this policy; spec.network.egress must list it to call"),
    ),
    "a peer that does not exist": (
        None, a_policy_view("web", network={"egress": [{"to": {"service": "nowhere"}}]}),
        a_snapshot(trust_domains=DOMAINS), [],
        _said("pending: no ServiceSecurityPolicy shop/nowhere exists: create it, or correct service or namespace"),
    ),
    "replicas talk to each other": (
        _orders(), _orders(ingress=[{"from": {"self": {}}}]), a_snapshot(trust_domains=DOMAINS), [],
        _said("gained: shop/orders -> shop/orders on 8080/TCP"),
    ),
    "a block that holds the metadata addresses is narrowed": (
        _orders(), _orders(egress=[{"to": {"cidr": "169.254.0.0/15"}, "ports": [{"port": 443}]}]),
        a_snapshot(trust_domains=DOMAINS), [],
        _said(
            "gained: shop/orders -> cidr/169.254.0.0/15 on 443/TCP",
            "narrowed: to cidr/169.254.0.0/15: link-local and cloud metadata addresses stay closed: 169.254.0.0/16",
        ),
    ),
    "a block that is nothing but metadata is denied": (
        _orders(), _orders(egress=[{"to": {"cidr": "169.254.169.254/32"}, "ports": [{"port": 80}]}]),
        a_snapshot(trust_domains=DOMAINS), [],
        _said(
            "denied: to cidr/169.254.169.254/32: 169.254.169.254/32 holds nothing but link-local and cloud metadata "
            "addresses"
        ),
    ),
    "the namespace is not governed": (
        _orders(), _orders(ingress=FROM_WEB), a_snapshot(_caller(), namespaces={"shop": Mode.NOT_GOVERNED}, trust_domains=DOMAINS), [],
        _said("namespace shop is not governed: nothing comes of this policy until it is labelled bartizan.dev/enforcement=enforce"),
    ),
    "the namespace only warns": (
        _orders(), _orders(ingress=FROM_WEB), a_snapshot(_caller(), namespaces={"shop": Mode.WARN}, trust_domains=DOMAINS), [],
        _said("namespace shop is in mode Warn: no traffic is cut until it is labelled bartizan.dev/enforcement=enforce"),
    ),
    "the trust domain is missing": (
        _orders(), a_policy_view("orders", network={"ports": HTTP}, identity={"trustDomain": "prod"}),
        a_snapshot(trust_domains=DOMAINS), [],
        _said("no certificate: TrustDomain prod does not exist (TrustDomainNotFound); there is default"),
    ),
    "running pods have the wrong account": (
        None, _orders(), a_snapshot(trust_domains=DOMAINS),
        [a_pod("orders-1", account="default", **IDENTITY), a_pod("orders-0", account="default", **IDENTITY)],
        _said('would be refused: pods orders-0, orders-1: C-06 spec.serviceAccountName is "default"; allowed: "orders" (policy orders)'),
    ),
    "a running pod is privileged": (
        None, _orders(), a_snapshot(trust_domains=DOMAINS),
        [a_pod(**{**IDENTITY, "containers": [{**IDENTITY["containers"][0], "securityContext": {**HARDENED_CONTAINER["securityContext"], "privileged": True}}]})],
        _said("would be refused: pod orders-0: P-01 spec.containers[0].securityContext.privileged is true; allowed: unset or false"),
    ),
    "running pods are not hardened": (
        None, _orders(), a_snapshot(trust_domains=DOMAINS),
        [a_pod(**{**IDENTITY, "securityContext": {"runAsNonRoot": True}})],
        _said('would be refused: pod orders-0: P-26 spec.containers[0].securityContext.seccompProfile.type is missing; allowed: "RuntimeDefault" or "Localhost"'),
    ),
    "running pods are not hardened, and need not be": (
        None, a_policy_view("orders", network={"ports": HTTP}, workload={**SELECTOR, "podSecurity": {"level": "baseline"}}),
        a_snapshot(trust_domains=DOMAINS), [a_pod(**{**IDENTITY, "securityContext": {}})],
        _said(),
    ),
    "the baseline asks for more": (
        None, a_policy_view("orders", network={"ports": HTTP}, workload={**SELECTOR, "podSecurity": {"level": "baseline", "version": "v1.30"}}),
        a_snapshot(trust_domains=DOMAINS, baseline=SecurityBaselineSpec.model_validate({"podSecurity": {"level": "restricted", "version": "v1.34"}})),
        [a_pod(**{**IDENTITY, "securityContext": {"runAsNonRoot": True}})],
        _said(
            "raised: spec.workload.podSecurity is baseline v1.30, the SecurityBaseline's least is restricted v1.34: pods are held to restricted v1.34",
            'would be refused: pod orders-0: P-26 spec.containers[0].securityContext.seccompProfile.type is missing; allowed: "RuntimeDefault" or "Localhost"',
        ),
    ),
    "running pods lose their policy": (
        _orders(), a_policy_view("orders", network={"ports": HTTP}, workload={"selector": {"matchLabels": {"app": "order"}}}),
        a_snapshot(trust_domains=DOMAINS), [a_pod(**IDENTITY)],
        _said(
            "would be refused: pod orders-0: C-01 metadata.labels is {app=orders}; allowed: labels that exactly one "
            "ServiceSecurityPolicy of the namespace selects",
            'would be refused: pod orders-0: C-06 spec.serviceAccountName is "orders"; allowed: an account that no policy names, or the labels of policy orders',
            'would be refused: pod orders-0: J-03 spec.volumes[0].secret.secretName is "orders-tls"; allowed: a Secret that is no other '
            "policy's certificate; this one belongs to policy orders",
        ),
    ),
    "what was wrong before with pods of others is not told again": (
        _orders(), _orders(), a_snapshot(trust_domains=DOMAINS), [a_pod("stray", labels={"app": "stray"}, account="default")],
        _said(),
    ),
    "pods that end or have ended don't count": (
        None, _orders(), a_snapshot(trust_domains=DOMAINS),
        [
            {**a_pod(account="default"), "status": {"phase": "Succeeded"}},
            {**a_pod(account="default"), "metadata": {"name": "x", "labels": {"app": "orders"}, "deletionTimestamp": "2026-01-01T00:00:00Z"}},
        ],
        _said(),
    ),
    "running pods predate the injection": (
        None, _orders(), a_snapshot(trust_domains=DOMAINS), [a_pod()],
        _said("not injected: 1 running pods get identity and annotations only when they are restarted"),
    ),
    "pods could not be listed": (
        None, _orders(), a_snapshot(trust_domains=DOMAINS), None,
        _said("running pods could not be listed: not known which of them would be refused"),
    ),
    "the spec cannot be read": (
        None, InvalidPolicy(namespace="shop", name="orders", uid="", generation=1, problem="spec.workload: field required"),
        a_snapshot(), [],
        Preview(errors=("spec.workload: field required",)),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "snapshot", "pods", "expected"), CASES.values(), ids=CASES.keys())
def test_a_preview_says_what_would_come_of_it(old, new, snapshot, pods, expected: Preview) -> None:
    """The preview says exactly this, each warning short enough for the API server to keep."""
    snapshot = snapshot if old is None else a_snapshot_with(snapshot, old)
    assert preview(old, new, snapshot, pods) == expected
    assert all(len(text) <= 256 for text in expected.warnings)


def a_snapshot_with(snapshot, policy):
    """The same cluster with one policy more."""
    return a_snapshot(
        *snapshot.policies.values(),
        policy,
        namespaces={name: view.mode for name, view in snapshot.namespaces.items()},
        trust_domains=snapshot.trust_domains.values(),
    )


def _selecting(name: str, **selector: Any):
    return a_policy_view(name, workload={"selector": selector})


OVERLAP = (
    "spec.workload.selector can select the same pods as policy web{pods}; a pod belongs to exactly one policy: "
    "tell them apart by the value of a label that both name"
)
CONFLICTS = {
    "the same label": (_selecting("web2", matchLabels={"app": "web"}), [], OVERLAP.format(pods="")),
    "a wider selector": (
        _selecting("all", matchExpressions=[{"key": "app", "operator": "Exists"}]), [], OVERLAP.format(pods=""),
    ),
    "only what pods must not have": (
        _selecting("rest", matchExpressions=[{"key": "legacy", "operator": "DoesNotExist"}]), [], OVERLAP.format(pods=""),
    ),
    "another label, and a pod that has both": (
        _selecting("front", matchLabels={"tier": "front"}),
        [a_pod("both", labels={"app": "web", "tier": "front"}), a_pod("one", labels={"tier": "front"})],
        OVERLAP.format(pods=" (pods both are selected by both)"),
    ),
    "another label": (_selecting("front", matchLabels={"tier": "front"}), [], None),
    "another value": (_selecting("web2", matchLabels={"app": "web2"}), [], None),
    "a value left out": (
        _selecting("others", matchExpressions=[{"key": "app", "operator": "NotIn", "values": ["web"]}]), [], None,
    ),
    "another namespace": (
        a_policy_view("web2", "bi", workload={"selector": {"matchLabels": {"app": "web"}}}), [], None,
    ),
    "the same Secret": (
        a_policy_view("web2", mtls={"secret": {"name": "web-tls"}}), [],
        "spec.mtls.secret.name: policy web already writes its certificate to web-tls; choose another name",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("policy", "pods", "said"), CONFLICTS.values(), ids=CONFLICTS.keys())
def test_two_policies_do_not_get_in_each_others_way(policy, pods, said: str | None) -> None:
    """A policy that would cover another one's pods, or write its Secret, is refused with the other one's name."""
    snapshot = a_snapshot(a_policy_view("web"), trust_domains=DOMAINS)
    assert preview(None, policy, snapshot, pods).errors == ((said,) if said else ())


def test_an_old_fault_does_not_hold_up_an_edit() -> None:
    """Two policies that overlap already are warned about, not refused: otherwise neither could be mended step by step."""
    old = _selecting("web2", matchLabels={"app": "web"})
    new = a_policy_view("web2", workload={"selector": {"matchLabels": {"app": "web"}}}, mtls={"lifetime": "2h"})
    seen = preview(old, new, a_snapshot(a_policy_view("web"), old, trust_domains=DOMAINS), [])
    assert seen == _said(OVERLAP.format(pods=""))
