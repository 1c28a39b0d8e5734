"""What the admission objects depend on: where bartizan runs, who its controller is, what unlabelled namespaces are.

The chart's templates are the same objects rendered with placeholders that become Helm expressions.
"""

from dataclasses import dataclass
from typing import Final, Literal

from bartizan.api.names import ENFORCEMENT_LABEL, MANAGED_BY, MANAGED_BY_LABEL, SYSTEM_NAMESPACES, KubeObject

Default = Literal["Off", "audit", "warn", "enforce"]
OFF: Final = "off"
"""The label value that takes a namespace out where the default governs it."""
GOVERNED: Final = ("audit", "enforce", "warn")
LABEL_VALUES: Final = (*GOVERNED, OFF)

LABELS: Final = {"app.kubernetes.io/name": "bartizan", MANAGED_BY_LABEL: MANAGED_BY}
"""On every admission object: the first finds them all, and is what the chart's other objects bear too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionSettings:
    """Settings of the admission objects."""

    release_namespace: str
    """Where bartizan itself runs; never governed."""
    controller_account: str
    """The name of the controller's ServiceAccount in `release_namespace`."""
    default: Default = "Off"
    """How namespaces without the enforcement label are governed."""
    prober_account: str = "bartizan-prober"
    """The name of the prober's ServiceAccount in `release_namespace`."""
    image: str = ""
    """Bartizan's own image: the only one a probe pod may run."""
    prober: bool = False
    """Whether there is a prober, which needs guards of its own."""
    injection: bool = True
    """Whether new pods get annotations and identity; where they don't, the gate doesn't ask for them."""

    @property
    def excluded(self) -> list[str]:
        """Namespaces that are never governed."""
        return [*SYSTEM_NAMESPACES, self.release_namespace]

    @property
    def controller(self) -> str:
        """The controller's user name at the API server."""
        return f"system:serviceaccount:{self.release_namespace}:{self.controller_account}"

    @property
    def prober_user(self) -> str:
        """The prober's user name at the API server."""
        return f"system:serviceaccount:{self.release_namespace}:{self.prober_account}"

    @property
    def default_word(self) -> str:
        """`default`, as it stands in expressions."""
        return self.default

    @property
    def injection_word(self) -> str:
        """`injection`, as it stands in expressions."""
        return str(self.injection).lower()

    def selector(self, mode: str) -> KubeObject:
        """Return the namespace selector of `mode` (`enforce`, `warn`, `audit`)."""
        return self._selector(self.requirement(mode))

    def governed_selector(self) -> KubeObject:
        """Return the selector of all governed namespaces."""
        return self._selector(self.governed())

    def requirement(self, mode: str) -> KubeObject:
        """Return the label requirement of `mode`: where it is the default, everything but the other values belongs to it."""
        if self.default == mode:
            others = [value for value in LABEL_VALUES if value != mode]
            return {"key": ENFORCEMENT_LABEL, "operator": "NotIn", "values": others}
        return {"key": ENFORCEMENT_LABEL, "operator": "In", "values": [mode]}

    def governed(self) -> KubeObject:
        """Return the label requirement of being governed at all."""
        if self.default == "Off":
            return {"key": ENFORCEMENT_LABEL, "operator": "In", "values": list(GOVERNED)}
        return {"key": ENFORCEMENT_LABEL, "operator": "NotIn", "values": [OFF]}

    def _selector(self, requirement: KubeObject) -> KubeObject:
        name = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": self.excluded}
        return {"matchExpressions": [requirement, name]}
