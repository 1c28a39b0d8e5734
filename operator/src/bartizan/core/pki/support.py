"""Whether pods of this cluster can get certificates whose keys are made on their node (KEP-4317, KEP-3257).

That the kinds are served is not enough: with a feature gate off the API server drops the volume's sources without a word, and a
node that is too old leaves the pod waiting for ever. So a volume is shown to the API server (as a dry run, in a template from
which nothing is made) and it is seen what it kept; and every node is asked for its version.
"""

import re
from collections.abc import Iterable
from typing import Final

from bartizan.api.kinds import CERTIFICATES, POD_TEMPLATE
from bartizan.api.names import MANAGED_BY, MANAGED_BY_LABEL, KubeObject
from bartizan.core.injection.volume import identity_volume, is_projected

_NAME: Final = "bartizan-pod-certificates"
_ENTRY: Final[KubeObject] = {
    "name": "none",
    "podCertificate": {"signer": "bartizan.dev/default", "keyType": "ECDSAP256", "seconds": 3600},
}
_LEAST_KUBELET: Final = dict(zip(CERTIFICATES, ((1, 37), (1, 36)), strict=True))
"""By the version that is served: with v1 a kubelet has it on from 1.37; where v1beta1 was switched on, 1.36 was meant."""
_NAMED: Final = 3


def template(namespace: str) -> KubeObject:
    """Return the PodTemplate that is shown to the API server; nothing is ever made of it."""
    return {
        "apiVersion": POD_TEMPLATE.api_version,
        "kind": POD_TEMPLATE.kind,
        "metadata": {"name": _NAME, "namespace": namespace, "labels": {MANAGED_BY_LABEL: MANAGED_BY}},
        "template": {
            "metadata": {"labels": {MANAGED_BY_LABEL: MANAGED_BY}},
            "spec": {"containers": [{"name": "none", "image": "none"}], "volumes": [identity_volume(_ENTRY)]},
        },
    }


def lack_of_kinds(version: str) -> str:
    """Return what is missing where `version`, which serves the kinds, is empty."""
    if version:
        return ""
    return (
        "the API server does not serve PodCertificateRequest and ClusterTrustBundle (Kubernetes 1.37, or feature gates)"
    )


def lack_of_volumes(answer: KubeObject) -> str:
    """Return what is missing by what the API server made of `template`; empty: nothing."""
    volumes = answer["template"]["spec"].get("volumes") or ()
    if any(is_projected(volume, _ENTRY) for volume in volumes):
        return ""
    gates = "PodCertificateRequest and ClusterTrustBundleProjection"
    return f"the API server drops the volumes of pod certificates: its feature gates {gates} are not both on"


def lack_of_nodes(nodes: Iterable[KubeObject], version: str) -> str:
    """Return which nodes are too old; empty: none. A node whose version can't be read counts as too old."""
    least = _LEAST_KUBELET[version]
    old = sorted(node["metadata"]["name"] for node in nodes if _kubelet(node) < least)
    if not old:
        return ""
    named = ", ".join(old[:_NAMED]) + (f" and {len(old) - _NAMED} more" if len(old) > _NAMED else "")
    return f"the kubelet of {named} is older than v{least[0]}.{least[1]}, and pods may land there"


def _kubelet(node: KubeObject) -> tuple[int, int]:
    text = ((node.get("status") or {}).get("nodeInfo") or {}).get("kubeletVersion") or ""
    found = re.match(r"v?(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)
