"""The mutation that adds a policy's annotations and identity to its new pods, as a JSON patch in CEL.

It only ever adds what is missing, so running it again changes nothing, and what a pod sets itself stays for the gate to judge.
A pod that is not selected by exactly one policy is left as it is: the gate refuses it with the reason.
"""

from typing import Final

from bartizan.api.names import IDENTITY_MOUNT_PATH, IDENTITY_VOLUME, KubeObject
from bartizan.core.checks.cel import NODES_GROUP, covering_cel
from bartizan.core.injection.volume import PROJECTED_CEL, READABLE_BY_ALL

_ANNOTATIONS: Final = """variables.entry.map(e, (!has(e.annotations) ? [] :
    !has(object.metadata.annotations)
      ? [JSONPatch{op: 'add', path: '/metadata/annotations', value: e.annotations}]
      : e.annotations.map(k, k).filter(k, !(k in object.metadata.annotations)).map(k,
          JSONPatch{op: 'add', path: '/metadata/annotations/' + jsonpatch.escapeKey(k), value: e.annotations[k]}))
  ).flatten()"""
_SECRET: Final = f"""Object.spec.volumes{{name: '{IDENTITY_VOLUME}',
        secret: Object.spec.volumes.secret{{secretName: e.identity, defaultMode: {READABLE_BY_ALL}, optional: false}}}}"""
# A list is made empty and then filled: Kubernetes 1.36 panics on a patch whose value is a list of objects.
_VOLUMES: Final = f"""variables.mounted.map(e,
      has(object.spec.volumes) && object.spec.volumes.exists(d, d.name == '{IDENTITY_VOLUME}') ? [] :
      (has(object.spec.volumes) ? [] : [JSONPatch{{op: 'add', path: '/spec/volumes', value: []}}])
      + [has(e.podCertificate)
        ? JSONPatch{{op: 'add', path: '/spec/volumes/-', value: {PROJECTED_CEL}}}
        : JSONPatch{{op: 'add', path: '/spec/volumes/-', value: {_SECRET}}}]
  ).flatten()"""
_MOUNT: Final = """Object.spec.{field}.volumeMounts{{name: '{volume}', mountPath: '{path}', readOnly: true}}"""
_MOUNTS: Final = """variables.mounted.map(e, lists.range(object.spec.?{field}.orValue([]).size())
      .filter(i, !object.spec.{field}[i].?volumeMounts.orValue([])
        .exists(m, m.name == '{volume}' || m.mountPath == '{path}'))
      .map(i, (has(object.spec.{field}[i].volumeMounts) ? []
          : [JSONPatch{{op: 'add', path: '/spec/{field}/' + string(i) + '/volumeMounts', value: []}}])
        + [JSONPatch{{op: 'add', path: '/spec/{field}/' + string(i) + '/volumeMounts/-', value: {mount}}}]).flatten()
  ).flatten()"""


def variables(*, spared: str) -> list[KubeObject]:
    """Return the variables of the mutation: `entry` is the pod's one policy, `mounted` the same if it has an identity.

    `spared` is the CEL condition under which a request gets nothing.
    """
    return [
        {"name": "labels", "expression": "object.metadata.?labels.orValue({})"},
        {"name": "covering", "expression": covering_cel("variables.labels")},
        {
            "name": "entry",
            "expression": f"'{NODES_GROUP}' in request.userInfo.?groups.orValue([]) || variables.covering.size() != 1"
            f" || ({spared}) ? [] : variables.covering",
        },
        {"name": "mounted", "expression": "variables.entry.filter(e, has(e.identity) || has(e.podCertificate))"},
    ]


def patch() -> str:
    """Return the CEL expression of the JSON patch."""
    return " +\n  ".join((_ANNOTATIONS, _VOLUMES, _mounts("containers"), _mounts("initContainers")))


def _mounts(field: str) -> str:
    words = {"field": field, "volume": IDENTITY_VOLUME, "path": IDENTITY_MOUNT_PATH}
    return _MOUNTS.format(mount=_MOUNT.format(**words), **words)
