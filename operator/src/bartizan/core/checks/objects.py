"""What all admission objects look like, whatever they judge: a name, the labels of the release, and a binding to the policy."""

from bartizan.api.kinds import VALIDATING_BINDING, VALIDATING_POLICY, Kind
from bartizan.api.names import KubeObject
from bartizan.core.checks.settings import LABELS


def admission_object(kind: Kind, name: str, spec: KubeObject) -> KubeObject:
    """Return an admission policy or binding."""
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": name, "labels": LABELS},
        "spec": spec,
    }


def denying(name: str, spec: KubeObject, **binding: KubeObject) -> list[KubeObject]:
    """Return a policy that refuses, and its binding, which bears its name; `binding` is what else that says."""
    bound = {"policyName": name, **binding, "validationActions": ["Deny"]}
    return [admission_object(VALIDATING_POLICY, name, spec), admission_object(VALIDATING_BINDING, name, bound)]
