"""From the models to CustomResourceDefinitions, so that fields, defaults, bounds and rules are written once.

The API server takes a narrower language than JSON Schema (structural schemas: no `$ref`, no `anyOf` with null, no `title`),
and it prunes what the schema does not name. Every default is written out in full, also those of nested objects: a CEL rule then
never has to ask whether a list exists, and `kubectl get -o yaml` shows what holds.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, cast

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from bartizan.api.duration import format_duration
from bartizan.api.names import GROUP, VERSION, KubeObject
from bartizan.api.resources import Resource
from bartizan.api.v1alpha1 import ApiModel

CATEGORY: Final = "bartizan"
"""`kubectl get bartizan` lists every kind."""

_META: Final[KubeObject] = {
    "apiVersion": {"type": "string", "description": "Version of this representation of the object."},
    "kind": {"type": "string", "description": "Kind of this object."},
    "metadata": {"type": "object"},
}
_DROPPED: Final = frozenset({"title", "additionalProperties", "propertyNames", "anyOf", "allOf", "$ref", "const"})
"""Words that the loops below replace or that structural schemas have no place for."""


class _FullDefaults(GenerateJsonSchema):
    """pydantic's generator, with the defaults of factories and of whole models spelled as a user would spell them."""

    def get_default_value(self, schema: core_schema.WithDefaultSchema) -> Any:
        """Return the default, calling its factory where there is one."""
        factory = schema.get("default_factory")
        if factory is not None and not schema.get("default_factory_takes_data"):
            return cast("Any", factory)()
        return super().get_default_value(schema)

    def encode_default(self, dft: Any) -> Any:
        """Return the default as JSON; absent optional fields of a model stay absent."""
        if isinstance(dft, ApiModel):
            return dft.model_dump(mode="json", by_alias=True, exclude_none=True)
        if isinstance(dft, timedelta):
            return format_duration(dft)
        return super().encode_default(dft)

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Return the schema of a field with a default; `None` means absent and is not a default."""
        result = super().default_schema(schema)
        if result.get("default", ...) is None:
            del result["default"]
        return result


def structural(model: type[ApiModel]) -> KubeObject:
    """Return a model as a structural schema.

    Raises:
        TypeError: the model uses something structural schemas cannot say, such as a union of two types.
    """
    schema = model.model_json_schema(by_alias=True, schema_generator=_FullDefaults)
    return _inlined(schema, schema.get("$defs", {}), model.__name__)


def _inlined(schema: Mapping[str, Any], defs: Mapping[str, Any], where: str) -> KubeObject:
    """Return one node without references, null branches and words that the API server does not take."""
    result = {**_referred(schema, defs, where), **{key: schema[key] for key in schema if key not in _DROPPED}}
    result.pop("$defs", None)
    if "description" in result:
        result["description"] = " ".join(result["description"].split())
    if "const" in schema:
        result["enum"] = [schema["const"]]
    if not result.get("properties", True):
        del result["properties"]
    elif "properties" in schema:
        result["properties"] = {
            name: _inlined(field, defs, f"{where}.{name}") for name, field in schema["properties"].items()
        }
    if "items" in schema:
        result["items"] = _inlined(schema["items"], defs, f"{where}[]")
    if isinstance(schema.get("additionalProperties"), Mapping):
        result["additionalProperties"] = _inlined(schema["additionalProperties"], defs, f"{where}{{}}")
    if "type" not in result and "x-kubernetes-int-or-string" not in result:
        raise TypeError(f"{where}: a structural schema needs one type, this field has {sorted(schema)}")
    return result


def _referred(schema: Mapping[str, Any], defs: Mapping[str, Any], where: str) -> KubeObject:
    """Return what a `$ref`, or the one branch of an `anyOf` that is not null, stands for."""
    if "$ref" in schema:
        return _inlined(defs[schema["$ref"].rpartition("/")[2]], defs, where)
    branches = [branch for branch in schema.get("anyOf", ()) if branch.get("type") != "null"]
    if len(branches) > 1:
        raise TypeError(f"{where}: a structural schema cannot offer {len(branches)} types")
    return _inlined(branches[0], defs, where) if branches else {}


def crd(resource: Resource) -> KubeObject:
    """Return the CustomResourceDefinition of one kind (`apiextensions.k8s.io/v1`)."""
    properties = {**_META, "spec": structural(resource.spec)}
    if resource.status is not None:
        properties["status"] = structural(resource.status)
    root = {
        "description": resource.description,
        "type": "object",
        "required": ["spec"],
        "properties": properties,
        **({"x-kubernetes-validations": list(resource.rules)} if resource.rules else {}),
    }
    names = {
        "kind": resource.kind.kind,
        "listKind": f"{resource.kind.kind}List",
        "plural": resource.kind.plural,
        "singular": resource.singular,
        "categories": [CATEGORY],
        **({"shortNames": list(resource.short_names)} if resource.short_names else {}),
    }
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": root},
        "additionalPrinterColumns": [column.render() for column in resource.columns],
        **({"subresources": {"status": {}}} if resource.status is not None else {}),
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": resource.crd_name},
        "spec": {
            "group": GROUP,
            "names": names,
            "scope": "Namespaced" if resource.kind.namespaced else "Cluster",
            "versions": [version],
        },
    }
