"""The ClusterTrustBundle of a trust domain: what pods with certificates of their own verify their peers by (KEP-3257).

It says what the Secrets of the other pods say in ca.crt, so that both kinds of pods trust the same. It belongs to its
TrustDomain, so that Kubernetes removes it with that.
"""

from bartizan.api.kinds import CLUSTER_TRUST_BUNDLES, TRUST_DOMAIN
from bartizan.api.names import (
    LIVE_STAGE,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    STAGE_LABEL,
    KubeObject,
    signer_name,
    trust_bundle_name,
)
from bartizan.core.emit import sealed
from bartizan.core.model import TrustDomainView
from bartizan.core.ownership import is_ours, upkeep
from bartizan.core.plan import Apply


def trust_bundle(view: TrustDomainView, bundle_pem: str, *, version: str) -> KubeObject:
    """Return the sealed ClusterTrustBundle, in the API version that is served."""
    kind = CLUSTER_TRUST_BUNDLES[version]
    owner = {
        "apiVersion": TRUST_DOMAIN.api_version,
        "kind": TRUST_DOMAIN.kind,
        "name": view.name,
        "uid": view.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }
    return sealed(
        {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": {
                "name": trust_bundle_name(view.name),
                "labels": {MANAGED_BY_LABEL: MANAGED_BY, STAGE_LABEL: LIVE_STAGE},
                "ownerReferences": [owner],
            },
            "spec": {"signerName": signer_name(view.name), "trustBundle": bundle_pem},
        }
    )


def bundle_upkeep(
    view: TrustDomainView, bundle_pem: str, observed: KubeObject | None, *, version: str
) -> tuple[Apply, ...]:
    """Return the write that makes the ClusterTrustBundle say what is trusted; nothing if it does.

    Nobody without the right to attest for our signers can have made one of that name, so it is taken over whatever it says.
    """
    if not version or not bundle_pem:
        return ()
    desired = trust_bundle(view, bundle_pem, version=version)
    if observed is not None and not is_ours(observed):
        return (Apply(item=desired, manager="bartizan/trust-bundle", force=True),)
    return upkeep(desired, observed, manager="bartizan/trust-bundle")
