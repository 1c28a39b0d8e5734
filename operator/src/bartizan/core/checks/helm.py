"""The chart's form of the admission objects: the same objects with words that become Helm expressions.

The objects are built with unmistakable words in the places that an installation decides, written as YAML, and the words are
then replaced in the text. Anything else that Helm would read as an expression is escaped, so that no check can break a chart.
"""

from dataclasses import dataclass
from typing import Final

from bartizan.api.names import ENFORCEMENT_LABEL, KubeObject
from bartizan.core.checks.settings import GOVERNED, LABEL_VALUES, OFF, AdmissionSettings

_NAMESPACE: Final = "ZZ-release-namespace-ZZ"
_ACCOUNT: Final = "ZZ-controller-account-ZZ"
_DEFAULT: Final = "ZZ-default-ZZ"
_INJECTION: Final = "ZZ-injection-ZZ"
_ENABLED: Final = ".Values.admission.enabled"
_IMAGE: Final = "ZZ-image-ZZ"
_PROBED: Final = "and .Values.admission.enabled (.Values.prober).enabled"
_INJECTED: Final = "and .Values.admission.enabled .Values.injection.enabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class HelmSettings(AdmissionSettings):
    """Settings that are words to be replaced."""

    release_namespace: str = _NAMESPACE
    controller_account: str = _ACCOUNT
    image: str = _IMAGE

    @property
    def default_word(self) -> str:
        """The word for the chart's `enforcement.default`."""
        return _DEFAULT

    @property
    def injection_word(self) -> str:
        """The word for the chart's `injection.enabled`."""
        return _INJECTION

    def requirement(self, mode: str) -> KubeObject:
        """Return the requirement of `mode` with words for what depends on the default."""
        return {"key": ENFORCEMENT_LABEL, "operator": f"ZZ-operator-{mode}-ZZ", "values": f"ZZ-values-{mode}-ZZ"}

    def governed(self) -> KubeObject:
        """Return the requirement of being governed with words for what depends on the default."""
        return self.requirement("any")


def template(text: str, *, injection: bool = False, prober: bool = False) -> str:
    """Return the YAML of objects made with `HelmSettings` as a template of the chart."""
    text = text.replace("{{", "{{ `{{` }}")
    for word, expression in _expressions().items():
        text = text.replace(word, expression)
    condition = _INJECTED if injection else _PROBED if prober else _ENABLED
    return f"{{{{- if {condition} }}}}\n{text}{{{{- end }}}}\n"


def _expressions() -> dict[str, str]:
    found = {
        # As an item of a list the name must stay a string even if it is all digits.
        f"- {_NAMESPACE}\n": "- {{ .Release.Namespace | quote }}\n",
        _NAMESPACE: "{{ .Release.Namespace }}",
        _ACCOUNT: '{{ include "bartizan.controller.serviceAccountName" . }}',
        _IMAGE: '{{ include "bartizan.image" . }}',
        _DEFAULT: "{{ .Values.enforcement.default }}",
        _INJECTION: "{{ .Values.injection.enabled }}",
        "ZZ-operator-any-ZZ": '{{ ternary "In" "NotIn" (eq .Values.enforcement.default "Off") }}',
        "ZZ-values-any-ZZ": _choice("Off", GOVERNED, (OFF,)),
    }
    for mode in GOVERNED:
        others = tuple(value for value in LABEL_VALUES if value != mode)
        found[f"ZZ-operator-{mode}-ZZ"] = f'{{{{ ternary "NotIn" "In" (eq .Values.enforcement.default "{mode}") }}}}'
        found[f"ZZ-values-{mode}-ZZ"] = _choice(mode, others, (mode,))
    return found


def _choice(default: str, then: tuple[str, ...], otherwise: tuple[str, ...]) -> str:
    yes, no = (" ".join(f'"{value}"' for value in values) for values in (then, otherwise))
    return f'{{{{ ternary (list {yes}) (list {no}) (eq .Values.enforcement.default "{default}") | toJson }}}}'
