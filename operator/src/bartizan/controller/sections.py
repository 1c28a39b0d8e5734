"""Parts of policies' specifications that are equal, held once.

The API server fills in every default, so most policies of a cluster say the same in most sections; as models they are the
largest thing the picture holds of a policy. What is equal in JSON is one and the same model here, for as long as one policy
has it.
"""

from dataclasses import replace
from typing import Any, Final
from weakref import WeakValueDictionary

import orjson

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import ApiModel, ServiceSecurityPolicySpec
from bartizan.core.model import InvalidPolicy, PolicyView
from bartizan.core.views import read_policy

_SECTIONS: Final = ("network", "identity", "mtls", "secrets")


class Sections:
    """Knows the sections in use. Models are frozen, so that nobody sees the difference."""

    def __init__(self) -> None:
        """Know none."""
        self._known: WeakValueDictionary[tuple[str, bytes], ApiModel] = WeakValueDictionary()

    def read(self, item: KubeObject) -> PolicyView | InvalidPolicy:
        """Return the view of a policy, with its sections shared."""
        view = read_policy(item)
        return replace(view, spec=self.shared(view.spec, item)) if isinstance(view, PolicyView) else view

    def shared(self, spec: ServiceSecurityPolicySpec, item: KubeObject) -> ServiceSecurityPolicySpec:
        """Return the specification read from `item` with every section that is known already in place of its own."""
        said = item["spec"]
        parts: dict[str, Any] = {key: self._one(key, said[key], getattr(spec, key)) for key in _SECTIONS if key in said}
        workload = said["workload"]
        if "podSecurity" in workload:
            level = self._one("podSecurity", workload["podSecurity"], spec.workload.pod_security)
            parts["workload"] = spec.workload.model_copy(update={"pod_security": level})
        return spec.model_copy(update=parts)

    def _one(self, key: str, said: KubeObject, section: ApiModel) -> ApiModel:
        return self._known.setdefault((key, orjson.dumps(said)), section)
