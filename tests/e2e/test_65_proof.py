"""Applied becomes Enforced when packets have shown it, and stops being so when they show otherwise or nobody looks any more."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from bartizan.testing.builders import HARDENED_CONTAINER, HARDENED_POD
from demo.install import CHART, NAMESPACE, RELEASE
from waiting import eventually

pytestmark = pytest.mark.node
PROBER = f"system:serviceaccount:{NAMESPACE}:bartizan-prober"
WIDE = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "somebody-elses", "namespace": "shop"},
    "spec": {"podSelector": {"matchLabels": {"app": "orders"}}, "policyTypes": ["Ingress"], "ingress": [{}]},
}


def _set(shop, *values: str) -> None:
    words = [word for value in values for word in ("--set", value)]
    shop.cluster.helm(
        "upgrade",
        RELEASE,
        str(CHART),
        "--namespace",
        NAMESPACE,
        "--reset-then-reuse-values",
        *words,
        "--wait",
        "--timeout",
        "240s",
    )


@pytest.fixture(scope="module")
def prober(shop) -> Iterator[Any]:
    """The demo with a prober that looks every minute and is believed for two."""
    _set(shop, "prober.enabled=true", "prober.interval=1m", "prober.maxAge=2m")
    yield shop
    _set(shop, "prober.enabled=false")


def _edges(shop, name: str, namespace: str) -> dict[str, str]:
    status = (shop.get("ssp", name, namespace) or {}).get("status", {})
    return {
        f"from {edge['from']}" if "from" in edge else f"to {edge['to']}": edge["state"]
        + (" proven" if "proven" in edge else "")
        for edge in status.get("edges", [])
    }


PROVEN = {
    ("web", "shop"): {"from internet": "Applied", "to shop/orders": "Enforced proven"},
    ("orders", "shop"): {"from shop/web": "Enforced proven", "to finance/payments": "Enforced proven"},
    ("payments", "finance"): {"from shop/orders": "Enforced proven", "to cidr/203.0.113.0/24": "Applied"},
}


def test_edges_between_services_become_enforced(prober) -> None:
    """Each edge between policies is proven at both ends; what no connection can prove stays Applied and says so."""
    for (name, namespace), expected in PROVEN.items():
        eventually(lambda n=name, s=namespace: _edges(prober, n, s) == PROVEN[n, s], within=150)
        assert _edges(prober, name, namespace) == expected
    proven = prober.condition("orders", "shop", "NetworkEnforced")
    assert (proven["status"], proven["reason"]) == ("True", "Proven")
    unproven = prober.condition("payments", "finance", "NetworkEnforced")
    assert (unproven["status"], unproven["reason"]) == ("Unknown", "NotProven")
    assert "to cidr/203.0.113.0/24: only edges between policies are probed" in unproven["message"]
    assert prober.get("ssp", "orders", "shop")["status"]["summary"]["enforced"] == 2


def test_a_probe_is_none_of_the_services_pods(prober) -> None:
    """A probe of a service with secrets is never ready, is offered to no Service, and gets neither secrets nor token nor volume."""
    pod = eventually(
        lambda: next(iter(prober.items("pods", "finance", "bartizan.dev/probe=payments")), None), within=150
    )
    assert pod["metadata"]["labels"]["app"] == "payments"
    assert [key for key in pod["metadata"].get("annotations", {}) if "vault" in key] == []
    assert (pod["spec"].get("volumes"), pod["spec"]["serviceAccountName"]) == (None, "payments")
    slices = prober.items("endpointslices", "finance")
    ready = [
        end["targetRef"]["name"]
        for one in slices
        for end in one.get("endpoints") or ()
        if end.get("conditions", {}).get("ready")
    ]
    assert [name for name in ready if name.startswith("bartizan-probe-")] == []


def _pod(**changes: Any) -> dict[str, Any]:
    """A probe pod as the prober makes it, with changes to its metadata, its container and the rest of its spec."""
    container = {
        "name": "probe", "image": changes.pop("image", "IMAGE"), "args": ["probe"],
        "env": [{"name": "BARTIZAN_PROBE", "value": "[]"}],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        **changes.pop("container", {}),
    }  # fmt: skip
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "bartizan-probe-forged",
            "namespace": "shop",
            "labels": {"app": "orders", "bartizan.dev/probe": "orders"},
            "ownerReferences": [OWNER],
            **changes.pop("metadata", {}),
        },
        "spec": {
            "serviceAccountName": "orders",
            "automountServiceAccountToken": False,
            "restartPolicy": "Never",
            **HARDENED_POD,
            "activeDeadlineSeconds": 120,
            "readinessGates": [{"conditionType": "bartizan.dev/never"}],
            "containers": [container],
            **changes,
        },
    }


OWNER = {
    "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "name": "bartizan-probes",
    "uid": "00000000-0000-4000-8000-000000000001", "controller": True,
}  # fmt: skip


FORGED = {
    "another image": {"image": "bartizan.local/agnhost:2"},
    "another program": {"container": {"command": ["/usr/bin/python3"]}},
    "another verb": {"container": {"args": ["run", "controller"]}},
    "a hook": {"container": {"lifecycle": {"postStart": {"exec": {"command": ["id"]}}}}},
    "a secret as a variable": {"container": {"env": [{"name": "BARTIZAN_PROBE", "valueFrom": {"secretKeyRef": {"name": "orders-tls", "key": "tls.key"}}}]}},
    "another variable": {"container": {"env": [{"name": "PYTHONSTARTUP", "value": "x"}]}},
    "a secret as a file": {"volumes": [{"name": "s", "secret": {"secretName": "orders-tls"}}]},
    "a token": {"automountServiceAccountToken": True},
    "an init container": {"initContainers": [{"name": "i", "image": "bartizan.local/agnhost:2", **HARDENED_CONTAINER}]},
    "a port of the node": {"container": {"ports": [{"containerPort": 8080, "hostPort": 443}]}},
    "a capability": {"container": {"securityContext": {"capabilities": {"add": ["NET_RAW"]}}}},
    "another file for the answer": {"container": {"terminationMessagePath": "/etc/passwd"}},
    "much of a node": {"container": {"resources": {"requests": {"cpu": "4"}}}},
    "a device": {"container": {"resources": {"requests": {"example.com/gpu": "1"}, "limits": {"example.com/gpu": "1"}}}},
    "a pod that becomes ready": {"readinessGates": []},
    "a pod that stays": {"activeDeadlineSeconds": 86400},
    "a pod that starts again": {"restartPolicy": "Always"},
    "a node by name": {"nodeName": "node-1"},
    "priority over everybody": {"priorityClassName": "system-node-critical"},
    "a replica for whoever adopts it": {"metadata": {"ownerReferences": []}},
    "an owner of its own choice": {"metadata": {"ownerReferences": [{**OWNER, "kind": "ReplicaSet", "apiVersion": "apps/v1"}]}},
    "no probe's name": {"metadata": {"name": "orders-0"}},
    "no probe's label": {"metadata": {"labels": {"app": "orders"}}},
    "a finalizer": {"metadata": {"finalizers": ["example.com/stay"]}},
    "another network": {"metadata": {"annotations": {"k8s.v1.cni.cncf.io/networks": "other"}}},
}  # fmt: skip

BEFORE_IT = ("a port of the node", "a capability")
"""What the Pod Security Standards forbid everybody, the prober among them: the API server names the first refusal."""


@pytest.mark.parametrize("case", FORGED)
def test_a_stolen_token_makes_nothing_but_probes(prober, case: str) -> None:
    """With the prober's token a pod of any other shape is refused, whatever its labels."""
    image = prober.items("pods", NAMESPACE, "app.kubernetes.io/component=prober")[0]["spec"]["containers"][0]["image"]
    genuine = _asked(prober, _pod(image=image))
    assert genuine.returncode == 0, genuine.stderr
    forged = _asked(prober, _pod(**{"image": image, **FORGED[case]}))
    assert forged.returncode != 0
    assert ("pod refused by policy" if case in BEFORE_IT else "the prober may only create probe pods") in forged.stderr


def test_the_api_server_understands_what_holds_the_prober(prober) -> None:
    """The type check of the API server has no complaint about the gate and the prober's guards."""
    names = ("gate", "guard-access", "guard-probes", "guard-probes-elsewhere", "guard-proof")
    checked = {
        name: prober.get("validatingadmissionpolicy", f"bartizan-{name}")["status"]["typeChecking"] for name in names
    }
    assert checked == {name: {} for name in names}


def _asked(shop, pod: dict[str, Any]) -> Any:
    return shop.kubectl("create", "--dry-run=server", "-f", "-", f"--as={PROBER}", stdin=json.dumps(pod), check=False)


def test_a_stolen_token_takes_and_says_nothing_else(prober) -> None:
    """It deletes no other pod, writes no other status, and has no way into pods, logs or Secrets anywhere."""
    other = prober.items("pods", "shop", "app=web,!bartizan.dev/probe")[0]["metadata"]["name"]
    deleted = prober.kubectl("delete", "pod", other, "-n", "shop", "--dry-run=server", f"--as={PROBER}", check=False)
    assert "may only delete its own probe pods" in deleted.stderr
    lie = {
        "apiVersion": "bartizan.dev/v1alpha1", "kind": "ServiceSecurityPolicy",
        "metadata": {"name": "orders", "namespace": "shop"}, "status": {"summary": {"edges": 9}},
    }  # fmt: skip
    said = prober.kubectl(
        "apply", "--server-side", "--force-conflicts", "--subresource=status", "-f", "-", f"--as={PROBER}",
        stdin=json.dumps(lie), check=False,
    )  # fmt: skip
    assert "may only write status.probes" in said.stderr
    questions = (
        f"create pods -n {NAMESPACE}", "create pods -n kube-system", "patch pods -n shop", "get secrets -n shop",
        "create pods --subresource=exec -n shop", "get pods --subresource=log -n shop",
        "update pods --subresource=ephemeralcontainers -n shop", "update ssp -n shop",
    )  # fmt: skip
    answers = {
        question: prober.kubectl("auth", "can-i", *question.split(), f"--as={PROBER}", check=False).stdout.strip()
        for question in (*questions, "create pods -n shop")
    }
    assert answers == {**dict.fromkeys(questions, "no"), "create pods -n shop": "yes"}


def test_outside_enforced_namespaces_not_even_a_probe_is_made(prober) -> None:
    """Where the gate does not judge, the prober's account creates nothing, even while a RoleBinding is still there."""
    image = prober.items("pods", NAMESPACE, "app.kubernetes.io/component=prober")[0]["spec"]["containers"][0]["image"]
    meta = {"name": "prober-once", "namespace": "default"}
    subject = {"kind": "ServiceAccount", "name": "bartizan-prober", "namespace": NAMESPACE}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "bartizan-probes"}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": meta, "roleRef": role, "subjects": [subject],
    }  # fmt: skip
    prober.apply(binding)
    try:
        pod = _pod(image=image, serviceAccountName="default")
        pod["metadata"]["namespace"] = "default"
        refused = eventually(lambda: _unless_unknown(_asked(prober, pod)), within=30)
        assert "the prober may only create pods in enforced namespaces" in refused.stderr
    finally:
        prober.kubectl("delete", "rolebinding", meta["name"], "-n", meta["namespace"])


def _unless_unknown(asked: Any) -> Any:
    """Return what came of a request, or None as long as the authorizer does not know the RoleBinding."""
    return None if "cannot create resource" in asked.stderr else asked


def test_the_label_spares_nobody_else(prober) -> None:
    """A person who puts the probe's label on a pod gets the injection all the same."""
    container = {"name": "sly", "image": "bartizan.local/agnhost:2", **HARDENED_CONTAINER}
    overrides = {"spec": {"serviceAccountName": "payments", **HARDENED_POD, "containers": [container]}}
    made = prober.kubectl(
        "run", "sly", "-n", "finance", "--image=bartizan.local/agnhost:2", "--labels=app=payments,bartizan.dev/probe=payments",
        f"--overrides={json.dumps(overrides)}", "--dry-run=server", "-o", "json",
    )  # fmt: skip
    pod = json.loads(made.stdout)
    assert pod["metadata"]["annotations"]["vault.hashicorp.com/agent-inject"] == "true"
    assert "bartizan-identity" in [volume["name"] for volume in pod["spec"]["volumes"]]


def test_an_undeclared_connection_is_a_contradiction(prober) -> None:
    """A NetworkPolicy of somebody else that opens a service makes the condition False and names the connection; gone, it is proven anew."""
    prober.apply(WIDE)
    try:
        found = eventually(lambda: _failed(prober), within=150, every=1)
        assert "witness reached shop/orders on 8080/TCP, which no policy declares" in found["message"]
        assert prober.condition("orders", "shop", "Ready")["status"] == "False"
        assert _edges(prober, "orders", "shop")["from shop/web"] == "Applied"
    finally:
        prober.kubectl("delete", "networkpolicy", WIDE["metadata"]["name"], "-n", "shop")
    eventually(lambda: prober.condition("orders", "shop", "NetworkEnforced")["reason"] == "Proven", within=150, every=1)


def _failed(shop) -> dict[str, Any] | None:
    condition = shop.condition("orders", "shop", "NetworkEnforced")
    return condition if (condition["status"], condition["reason"]) == ("False", "ProbeFailed") else None


def test_a_proof_grows_old(prober) -> None:
    """Without a prober edges are Applied again when the last proof is too old, and its access is taken back."""
    _set(prober, "prober.enabled=false")
    eventually(lambda: _edges(prober, "orders", "shop")["to finance/payments"] == "Applied", within=180, every=1)
    assert prober.condition("orders", "shop", "NetworkEnforced")["reason"] == "NotProven"
    assert eventually(lambda: prober.get("rolebinding", "bartizan-probes", "shop") is None, within=60)
    assert eventually(lambda: prober.items("pods", "shop", "bartizan.dev/probe") == [], within=60)
