"""The volume in which a pod of a policy finds who it is: the policy's Secret, or a certificate of its own.

The files have the same names in both, so that a service does not notice the difference. The volume is written by the mutation
(in CEL), demanded by J-02 (in Python and CEL) and tried on the API server (detection); what all of them must agree on is here.
"""

from typing import Final

from bartizan.api.names import IDENTITY_VOLUME, LIVE_STAGE, POLICY_LABEL, STAGE_LABEL, KubeObject

CHAIN_FILE: Final = "tls.crt"
KEY_FILE: Final = "tls.key"
BUNDLE_FILE: Final = "ca.crt"
READABLE_BY_ALL: Final = 0o444
"""The files lie in the pod's own memory; its containers may run as any user, so their mode is no boundary."""
COMBINED_FILE: Final = "tls-combined.pem"
"""Key and chain in one file, which is never read half old and half new."""
PATHS: Final = {
    "keyPath": KEY_FILE,
    "certificateChainPath": CHAIN_FILE,
    "credentialBundlePath": COMBINED_FILE,
}
"""Fields of a podCertificate source and the files they name."""


def identity_volume(entry: KubeObject) -> KubeObject | None:
    """Return the volume that an entry of the PolicyIndex asks for; None if it asks for none."""
    if demand := entry.get("podCertificate"):
        return {"name": IDENTITY_VOLUME, "projected": projected(entry["name"], demand)}
    if secret := entry.get("identity"):
        source = {"secretName": secret, "defaultMode": READABLE_BY_ALL, "optional": False}
        return {"name": IDENTITY_VOLUME, "secret": source}
    return None


def projected(policy: str, demand: KubeObject) -> KubeObject:
    """Return the projected volume source of a policy's pods; `demand` as in the index."""
    certificate = {
        "signerName": demand["signer"],
        "keyType": demand["keyType"],
        "maxExpirationSeconds": demand["seconds"],
        **PATHS,
        "userAnnotations": {POLICY_LABEL: policy},
    }
    bundle = {
        "signerName": demand["signer"],
        "labelSelector": {"matchLabels": {STAGE_LABEL: LIVE_STAGE}},
        "path": BUNDLE_FILE,
    }
    return {
        "defaultMode": READABLE_BY_ALL,
        "sources": [{"podCertificate": certificate}, {"clusterTrustBundle": bundle}],
    }


def is_projected(volume: KubeObject, entry: KubeObject) -> bool:
    """Whether the volume is what an entry with `podCertificate` asks for; only the files' mode may be another."""
    found = (volume.get("projected") or {}).get("sources")
    return bool(found == projected(entry["name"], entry["podCertificate"])["sources"])


def _cel_of_paths(source: str) -> str:
    return " && ".join(f"{source}.?{field}.orValue('') == '{file}'" for field, file in PATHS.items())


_CERTIFICATE: Final = "d.item.projected.sources[0].?podCertificate"
_BUNDLE: Final = "d.item.projected.sources[1].?clusterTrustBundle"
IS_PROJECTED_CEL: Final = (
    "d.item.?projected.?sources.orValue([]).size() == 2"
    f" && {_CERTIFICATE}.?signerName.orValue('') == e.podCertificate.signer"
    f" && {_CERTIFICATE}.?keyType.orValue('') == e.podCertificate.keyType"
    f" && {_CERTIFICATE}.?maxExpirationSeconds.orValue(0) == e.podCertificate.seconds"
    f" && {_cel_of_paths(_CERTIFICATE)}"
    f" && {_CERTIFICATE}.?userAnnotations.orValue({{}}) == {{'{POLICY_LABEL}': e.name}}"
    f" && {_BUNDLE}.?signerName.orValue('') == e.podCertificate.signer"
    f" && {_BUNDLE}.?labelSelector.?matchLabels.orValue({{}}) == {{'{STAGE_LABEL}': '{LIVE_STAGE}'}}"
    f" && {_BUNDLE}.?labelSelector.?matchExpressions.orValue([]).size() == 0"
    f" && {_BUNDLE}.?path.orValue('') == '{BUNDLE_FILE}' && !{_BUNDLE}.?optional.orValue(false)"
    " && !has(d.item.projected.sources[0].podCertificate.user) && !has(d.item.projected.sources[1].clusterTrustBundle.user)"
)
"""The CEL twin of `is_projected`: `d` is a volume as views hold it, `e` the entry."""
_SOURCES: Final = "Object.spec.volumes.projected.sources"
_SELECTOR: Final = f"{_SOURCES}.clusterTrustBundle.labelSelector"
PROJECTED_CEL: Final = f"""Object.spec.volumes{{name: '{IDENTITY_VOLUME}',
        projected: Object.spec.volumes.projected{{defaultMode: {READABLE_BY_ALL}, sources: [
          {_SOURCES}{{podCertificate: {_SOURCES}.podCertificate{{
            signerName: e.podCertificate.signer, keyType: e.podCertificate.keyType,
            maxExpirationSeconds: e.podCertificate.seconds,
            {", ".join(f"{field}: '{file}'" for field, file in PATHS.items())},
            userAnnotations: {{'{POLICY_LABEL}': e.name}}}}}},
          {_SOURCES}{{clusterTrustBundle: {_SOURCES}.clusterTrustBundle{{signerName: e.podCertificate.signer,
            labelSelector: {_SELECTOR}{{matchLabels: {{'{STAGE_LABEL}': '{LIVE_STAGE}'}}}}, path: '{BUNDLE_FILE}'}}}}
        ]}}}}"""
"""The volume as the mutation writes it, for the entry `e`."""
