"""What pods hold on to of their credentials: Secrets by name, and certificates that their nodes ask for.

A Secret must not go while a pod refers to it: a container that starts again would not start. So what a pod refers to is kept in
the picture when everything else of it is dropped, names only, never values.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from bartizan.api.names import POLICY_LABEL, KubeObject
from bartizan.core.pods import has_finished

_CONTAINERS: Final = ("initContainers", "containers", "ephemeralContainers")


def credentials(pod: KubeObject) -> KubeObject:
    """Return the fields of a pod's spec that `secrets_of` and `asks_for` read, in the shape they have there."""
    sources: list[KubeObject] = [{"secret": {"name": name}} for name in sorted(secrets_of(pod))]
    sources += [
        {"podCertificate": {"signerName": signer, "userAnnotations": {POLICY_LABEL: policy}}}
        for policy, signer in sorted(asks_for(pod))
    ]
    return {"volumes": [{"name": "credentials", "projected": {"sources": sources}}]} if sources else {}


def secrets_of(pod: KubeObject) -> frozenset[str]:
    """Return the names of the Secrets that a pod refers to, in volumes and environments; none if it has finished."""
    return frozenset() if has_finished(pod) else frozenset(name for name in _references(pod) if name)


def asks_for(pod: KubeObject) -> frozenset[tuple[str, str]]:
    """Return policy and signer of each certificate that a pod asks for; none if it has finished."""
    if has_finished(pod):
        return frozenset()
    found = (source.get("podCertificate") or {} for source in _sources(pod))
    return frozenset(
        ((one.get("userAnnotations") or {}).get(POLICY_LABEL, ""), one["signerName"])
        for one in found
        if one.get("signerName")
    )


def policies_of(annotations: Mapping[str, str]) -> tuple[str, ...]:
    """Return the policy that a request's annotations name, if they name one."""
    name = annotations.get(POLICY_LABEL, "")
    return (name,) if name else ()


def _references(pod: KubeObject) -> Iterator[str]:
    spec = pod.get("spec") or {}
    for volume in spec.get("volumes") or ():
        yield (volume.get("secret") or {}).get("secretName", "")
    for source in _sources(pod):
        yield (source.get("secret") or {}).get("name", "")
    for container in (one for field in _CONTAINERS for one in spec.get(field) or ()):
        for variable in container.get("env") or ():
            yield ((variable.get("valueFrom") or {}).get("secretKeyRef") or {}).get("name", "")
        for source in container.get("envFrom") or ():
            yield (source.get("secretRef") or {}).get("name", "")


def _sources(pod: KubeObject) -> Iterator[dict[str, Any]]:
    for volume in (pod.get("spec") or {}).get("volumes") or ():
        yield from (volume.get("projected") or {}).get("sources") or ()
