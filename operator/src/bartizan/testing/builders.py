"""Small objects for tests: every builder names only what a test cares about and fills in the rest.

Objects (`a_policy`, `a_namespace` …) are what the API server would hold; views (`a_policy_view`, `a_snapshot`) are what
decisions read. Policies get a uid that follows from namespace and name, so that expected values can be written down.
"""

import copy
from collections.abc import Iterable, Mapping
from typing import Any, Final

from bartizan.api.kinds import POLICY, SECRET
from bartizan.api.names import ENFORCEMENT_LABEL, KubeObject
from bartizan.api.v1alpha1 import ServiceSecurityPolicySpec, TrustDomainSpec
from bartizan.core.model import NamespaceView, PolicyView, ServiceView, Snapshot, TrustDomainView
from bartizan.core.reasons import Mode

HARDENED_CONTAINER: Final[dict[str, Any]] = {
    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
}
"""What the Pod Security Standards' level restricted asks of a container."""
HARDENED_POD: Final[dict[str, Any]] = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
}
"""What the level restricted asks of the pod around it."""


def uid_of(namespace: str, name: str) -> str:
    """Return the uid that builders give to the policy of that name."""
    return f"uid-{namespace}-{name}"


def a_policy_spec(name: str = "orders", **parts: Any) -> dict[str, Any]:
    """Return a spec in the API's own (camelCase) words that selects pods labelled `app: <name>`."""
    return {"workload": {"selector": {"matchLabels": {"app": name}}}, **parts}


def a_policy(name: str = "orders", namespace: str = "shop", *, generation: int = 1, **parts: Any) -> KubeObject:
    """Return a ServiceSecurityPolicy; `parts` are sections of its spec, such as `network={"ports": [...]}`."""
    meta = {"name": name, "namespace": namespace, "uid": uid_of(namespace, name), "generation": generation}
    spec = a_policy_spec(name, **parts)
    return {"apiVersion": POLICY.api_version, "kind": POLICY.kind, "metadata": meta, "spec": spec}


def a_policy_view(name: str = "orders", namespace: str = "shop", *, generation: int = 1, **parts: Any) -> PolicyView:
    """Return the view of `a_policy` with the same arguments."""
    spec = ServiceSecurityPolicySpec.model_validate(a_policy_spec(name, **parts))
    return PolicyView(namespace=namespace, name=name, uid=uid_of(namespace, name), generation=generation, spec=spec)


def a_namespace(
    name: str = "shop", mode: str | None = "enforce", *, labels: Mapping[str, str] | None = None
) -> KubeObject:
    """Return a Namespace governed in `mode`; with None it is not governed."""
    governed = {ENFORCEMENT_LABEL: mode} if mode else {}
    own = {"kubernetes.io/metadata.name": name, **governed, **(labels or {})}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": own},
        "status": {"phase": "Active"},
    }


def a_pod(
    name: str = "orders-0",
    namespace: str = "shop",
    *,
    labels: Mapping[str, str] | None = None,
    account: str = "orders",
    annotations: Mapping[str, str] | None = None,
    **spec: Any,
) -> KubeObject:
    """Return a Pod of policy `orders` with one hardened container; `spec` replaces or adds fields of its spec."""
    meta: dict[str, Any] = {"name": name, "namespace": namespace, "labels": dict(labels or {"app": "orders"})}
    if annotations:
        meta["annotations"] = dict(annotations)
    container = {"name": "app", "image": "registry.example/app:1", **HARDENED_CONTAINER}
    plain = copy.deepcopy({"serviceAccountName": account, **HARDENED_POD, "containers": [container]})
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {**plain, **spec}}


def a_service(
    name: str = "orders", namespace: str = "shop", *, selector: Mapping[str, str] | None = None, port: int = 80
) -> KubeObject:
    """Return a Service that selects `app: <name>`; with an empty selector it selects nothing."""
    chosen = {"app": name} if selector is None else dict(selector)
    spec: dict[str, Any] = {"ports": [{"port": port, "protocol": "TCP"}]}
    meta = {"name": name, "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta,
        "spec": {**spec, "selector": chosen} if chosen else spec,
    }


def a_secret(name: str = "orders-tls", namespace: str = "shop", **parts: Any) -> KubeObject:
    """Return a Secret; `parts` are its top-level fields, such as `data` (base64) and `type`."""
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": SECRET.api_version, "kind": SECRET.kind, "metadata": meta, **parts}


def a_trust_domain_view(name: str = "default", domain: str = "test.example", **spec: Any) -> TrustDomainView:
    """Return the view of a TrustDomain."""
    model = TrustDomainSpec.model_validate({"domain": domain, **spec})
    return TrustDomainView(name=name, uid=f"uid-{name}", generation=1, spec=model)


_GOVERNED: Final = {"shop": Mode.ENFORCE}


def a_snapshot(
    *policies: PolicyView,
    namespaces: Mapping[str, Mode] = _GOVERNED,
    services: Iterable[ServiceView] = (),
    trust_domains: Iterable[TrustDomainView] = (),
    **parts: Any,
) -> Snapshot:
    """Return a Snapshot of `policies`; namespaces by mode, `shop` in Enforce unless said otherwise.

    Each policy's namespace is there, in Enforce, unless `namespaces` names it.
    """
    modes = {**{policy.namespace: Mode.ENFORCE for policy in policies}, **namespaces}
    return Snapshot(
        policies={policy.key: policy for policy in policies},
        namespaces={name: NamespaceView(name=name, mode=mode) for name, mode in modes.items()},
        services=tuple(services),
        trust_domains={domain.name: domain for domain in trust_domains},
        **parts,
    )
