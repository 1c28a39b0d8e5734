"""The probe pod: it carries a policy's labels and identity, so that the network treats it as one of the policy's own pods.

It must not become one in any other way. It is never ready (a readiness gate that nobody sets), so no Service sends it traffic;
it has a controlling owner, so no ReplicaSet counts it; it has no token, no volume and no secret; and the gate accepts it from
nobody but the prober and in no other shape (`bartizan.core.checks.probe`). The owner is the RoleBinding that lets the prober
make it: when that access is taken back, what was made with it is collected, and nobody else needs the right to delete it.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final

from bartizan.api.kinds import ROLE_BINDING
from bartizan.api.names import GROUP, PROBE_LABEL, KubeObject
from bartizan.core.model import PolicyView
from bartizan.core.namespace import PROBES_NAME
from bartizan.core.network.probe_wire import Target, orders

ORDERS_VARIABLE: Final = "BARTIZAN_PROBE"
"""The environment variable with the targets."""
VERB: Final = "probe"
"""The verb of the command line that the pod runs."""
LIVES: Final = timedelta(seconds=120)
"""After this the kubelet ends it, whatever became of the prober."""
NAME_PREFIX: Final = "bartizan-probe-"
NEVER: Final = f"{GROUP}/never"
"""The condition that a probe pod waits for in vain, so that it is never ready."""
_UID: Final = 65532
OPT_OUTS: Final = {"sidecar.istio.io/inject": "false", "linkerd.io/inject": "disabled"}
"""Sidecars would give the pod another network than its own, and a second container."""


def probe_pod(
    policy: PolicyView,
    *,
    name: str,
    access_uid: str,
    labels: Mapping[str, str],
    image: str,
    pull_policy: str,
    targets: Iterable[Target],
) -> KubeObject:
    """Return a pod that tries `targets` as `policy` and says in its termination message what became of them.

    `access_uid` is the uid of the RoleBinding by which the prober has access to the namespace.
    """
    meta = {
        "name": name,
        "namespace": policy.namespace,
        "labels": {**labels, PROBE_LABEL: policy.name},
        "annotations": dict(OPT_OUTS),
        "ownerReferences": [_owner(access_uid)],
    }
    spec: KubeObject = {
        "serviceAccountName": policy.account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "activeDeadlineSeconds": int(LIVES.total_seconds()),
        "terminationGracePeriodSeconds": 0,
        "readinessGates": [{"conditionType": NEVER}],
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _UID,
            "runAsGroup": _UID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(image, pull_policy, targets)],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def _owner(access_uid: str) -> KubeObject:
    """Return the reference that has the pod collected with the prober's access, and keeps controllers from adopting it."""
    return {
        "apiVersion": ROLE_BINDING.api_version,
        "kind": ROLE_BINDING.kind,
        "name": PROBES_NAME,
        "uid": access_uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def _container(image: str, pull_policy: str, targets: Iterable[Target]) -> KubeObject:
    return {
        "name": "probe",
        "image": image,
        "imagePullPolicy": pull_policy,
        "args": [VERB],
        "env": [{"name": ORDERS_VARIABLE, "value": orders(targets)}],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "96Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
