"""What every part of the API shares: the model's manners and the label selector.

Models are frozen (a decision may keep them) and refuse unknown fields: a typing mistake in a security policy must never
be read as silence.
"""

import re
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from bartizan.api.duration import PATTERN

DnsLabel = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", min_length=1, max_length=63)]
"""A DNS label (RFC 1123): lower case letters, digits and inner hyphens, at most 63."""

DNS_SUBDOMAIN: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
DnsSubdomain = Annotated[
    str,
    Field(
        pattern=DNS_SUBDOMAIN,
        min_length=1,
        max_length=253,
    ),
]
"""A DNS subdomain (RFC 1123), the form of most Kubernetes names."""

OBJECT_NAME: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
OBJECT_NAME_MAX: Final = 50
"""So that `ssp-<policy>` and the like stay labels of at most 63 characters."""

ObjectName = Annotated[str, Field(pattern=OBJECT_NAME, min_length=1, max_length=OBJECT_NAME_MAX)]
"""The name of a policy or trust domain: a DNS label short enough for names derived from it."""

PortName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", min_length=1, max_length=15)]
"""What a policy calls one of its ports."""

_LABEL_WORD: Final = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_PREFIX_LABEL: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
LABEL_KEY: Final = rf"^({_PREFIX_LABEL}(\.{_PREFIX_LABEL})*/)?{_LABEL_WORD}$"
LABEL_VALUE: Final = rf"^({_LABEL_WORD})?$"

LabelKey = Annotated[str, Field(pattern=LABEL_KEY, min_length=1, max_length=317)]
"""A label's key: a name of at most 63 characters, after a DNS subdomain and `/` if it has an owner."""


def _label_key(text: str) -> str:
    if not re.fullmatch(LABEL_KEY, text):
        raise ValueError(f"not a label's key: {text!r}")
    return text


_MappedKey = Annotated[str, Field(max_length=317), AfterValidator(_label_key)]
"""The same as the key of a map, for which structural schemas have no pattern: the API server judges it by a CEL rule."""

LabelValue = Annotated[str, Field(pattern=LABEL_VALUE, max_length=63)]
"""A label's value: at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends; or nothing."""

CelRule: TypeAlias = dict[str, JsonValue]
"""One entry of `x-kubernetes-validations`: `rule`, `message`, optionally `fieldPath` and `messageExpression`."""


def cel(rule: str, message: str, **more: str) -> CelRule:
    """Return a CEL rule as it stands in a CRD's schema."""
    return {"rule": rule, "message": message, **more}


def spelled(rule: str, *fields: str) -> str:
    """Return `rule` for durations in `fields`, asked only once each is spelled as one: else CEL's own error would be told."""
    asked = " && ".join(f"self.{field}.matches('{PATTERN}')" for field in fields)
    return f"!({asked}) || ({rule})"


def cel_rules(*rules: CelRule) -> dict[str, JsonValue]:
    """Return what a model adds to its JSON schema so that the API server judges by `rules`."""
    return {"x-kubernetes-validations": list(rules)}


class ApiModel(BaseModel):
    """Base of all API models: camelCase in JSON, frozen, unknown fields refused."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )


class Requirement(ApiModel):
    """One expression of a label selector, with the meaning Kubernetes gives it."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel(
                "self.operator in ['In', 'NotIn'] ? self.values.size() > 0 : self.values.size() == 0",
                "values must be given for In and NotIn, and left out for Exists and DoesNotExist",
                fieldPath=".values",
            )
        )
    )

    key: LabelKey
    """The label's key."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """How the label's value is compared."""
    values: tuple[LabelValue, ...] = Field(default=(), max_length=32)
    """The values compared with, for In and NotIn."""


class LabelSelector(ApiModel):
    """Which pods: all of `matchLabels` and all of `matchExpressions` must hold. An empty selector is refused."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel(
                f"self.matchLabels.all(key, key.matches(r'{LABEL_KEY}'))",
                "every key must be a label's key: a name of letters, digits, -, _ and ., at most 63 long, "
                "after a DNS subdomain and / if it has an owner",
                fieldPath=".matchLabels",
            ),
            cel(
                "self.matchLabels.size() > 0 || self.matchExpressions.size() > 0",
                "a selector must name at least one label: an empty one would select every pod of the namespace",
            ),
        )
    )

    match_labels: dict[_MappedKey, LabelValue] = Field(default_factory=dict, max_length=16)
    """Labels a pod must carry with exactly these values."""
    match_expressions: tuple[Requirement, ...] = Field(default=(), max_length=16)
    """Further requirements on a pod's labels."""
