"""The CRDs are structural, documented to the last field, bounded, and the same as the files in crds/."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import Field

from bartizan.api.reference import reference
from bartizan.api.resources import RESOURCES, Resource
from bartizan.api.schema import crd, structural
from bartizan.api.v1alpha1 import ApiModel

ROOT_WORDS = {"apiVersion", "kind", "metadata"}
WRITTEN_BY_USERS = [resource for resource in RESOURCES if resource.kind.kind != "PolicyIndex"]
each_resource = pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.kind.kind)


def nodes(path: str, schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every node of a schema with its path."""
    yield path, schema
    for name, field in schema.get("properties", {}).items():
        yield from nodes(f"{path}.{name}", field)
    for word in ("items", "additionalProperties"):
        if word in schema:
            yield from nodes(f"{path}[]", schema[word])


def root_of(resource: Resource) -> dict[str, Any]:
    """Return the schema of a whole object."""
    return crd(resource)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


@each_resource
def test_only_words_of_structural_schemas(resource):
    """The schema uses nothing that apiextensions v1 refuses: no references, unions, titles or untyped nodes."""
    words = {
        "type", "format", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength", "maxItems", "maxProperties",
        "properties", "items", "additionalProperties", "required", "default", "description", "minItems",
        "x-kubernetes-validations", "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type",
        "x-kubernetes-int-or-string",
    }  # fmt: skip
    assert [
        (path, extra)
        for path, node in nodes("", root_of(resource))
        if (extra := set(node) - words) or ("type" in node) == ("x-kubernetes-int-or-string" in node)
    ] == []


@each_resource
def test_every_field_is_described(resource):
    """`kubectl explain` has a sentence for every field, on one line and ended as a sentence."""
    described = {
        f"{path}.{name}": field.get("description", "")
        for path, node in nodes("", root_of(resource))
        for name, field in node.get("properties", {}).items()
        if not (path == "" and name in ROOT_WORDS | {"spec", "status"})
    }
    assert {path: text for path, text in described.items() if not text.endswith(".") or "\n" in text} == {}


@pytest.mark.parametrize("resource", WRITTEN_BY_USERS, ids=lambda resource: resource.kind.kind)
def test_what_users_write_is_bounded(resource):
    """Every list, map and text that a user writes has a bound, so that no rule can cost more than the API server allows."""
    bound = {"array": "maxItems", "string": "maxLength"}
    spec = root_of(resource)["properties"]["spec"]
    unbounded = [
        path
        for path, node in nodes("spec", spec)
        if (word := "maxProperties" if "additionalProperties" in node else bound.get(node.get("type", "string")))
        and word not in node
        and "enum" not in node
    ]
    assert unbounded == []


@each_resource
def test_every_default_is_whole(resource):
    """A default object carries the defaults of all its fields, because rules on it are judged as it stands."""
    for path, node in nodes("", root_of(resource)):
        if node.get("type") == "object" and "default" in node and "properties" in node:
            needed = {name for name, field in node["properties"].items() if "default" in field}
            assert (path, needed - set(node["default"])) == (path, set())


@each_resource
def test_a_field_is_required_or_may_be_left_out(resource):
    """Nothing is both required and defaulted, and nothing has the default null."""
    for path, node in nodes("", root_of(resource)):
        for name, field in node.get("properties", {}).items():
            assert not (name in node.get("required", []) and "default" in field), f"{path}.{name}"
            assert field.get("default", 0) is not None, f"{path}.{name}"


@each_resource
def test_every_rule_is_in_the_reference(resource):
    """Whoever is refused finds the rule, its place and its CEL in the reference."""
    text = reference()
    rules = [rule for _, node in nodes("", root_of(resource)) for rule in node.get("x-kubernetes-validations", [])]
    shown = [(rule["message"], rule["rule"].replace("|", "\\|")) for rule in rules]
    cells = [f"| {message} | `{rule}` |" for message, rule in shown]
    assert [cell for cell in cells if cell not in text] == []


def test_every_column_reads_a_field_that_exists():
    """No printer column points at a field that nobody writes."""
    paths = {
        (resource.kind.kind, path.lstrip(".")) for resource in RESOURCES for path, _ in nodes("", root_of(resource))
    }
    missing = [
        (resource.kind.kind, column.name)
        for resource in RESOURCES
        for column in resource.columns
        if not column.path.startswith(".metadata.")
        and (resource.kind.kind, column.path.partition("[?")[0].lstrip(".")) not in paths
    ]
    assert missing == []


def test_names_and_scopes():
    """The kinds are called and scoped as the documentation says."""
    assert [
        (
            item["spec"]["names"]["kind"],
            item["metadata"]["name"],
            item["spec"]["scope"],
            item["spec"]["names"].get("shortNames"),
        )
        for item in map(crd, RESOURCES)
    ] == [
        ("ServiceSecurityPolicy", "servicesecuritypolicies.bartizan.dev", "Namespaced", ["ssp"]),
        ("SecurityBaseline", "securitybaselines.bartizan.dev", "Cluster", None),
        ("TrustDomain", "trustdomains.bartizan.dev", "Cluster", None),
        ("PolicyIndex", "policyindices.bartizan.dev", "Namespaced", None),
    ]


def test_conditions_merge_by_type():
    """Conditions are a list keyed by type, so that one writer's condition never replaces another's."""
    conditions = root_of(RESOURCES[0])["properties"]["status"]["properties"]["conditions"]
    assert (conditions["x-kubernetes-list-type"], conditions["x-kubernetes-list-map-keys"]) == ("map", ["type"])


def test_a_crd_is_plain_json():
    """Nothing of Python's is left in a definition: it survives being written as JSON."""
    assert [json.loads(json.dumps(item)) for item in map(crd, RESOURCES)] == list(map(crd, RESOURCES))


class Either(ApiModel):
    """A model that structural schemas cannot express."""

    value: int | str
    """Two types at once."""


class Factory(ApiModel):
    """A model whose default is made anew each time."""

    labels: dict[str, str] = Field(default_factory=lambda: {"a": "b"})
    """Labels."""


def test_a_union_is_refused_by_name():
    """A model that cannot become a structural schema fails when the CRD is rendered, naming the field."""
    with pytest.raises(TypeError, match=r"^Either\.value: a structural schema cannot offer 2 types$"):
        structural(Either)


def test_factories_are_defaults_too():
    """What a factory would make is written into the schema like any other default."""
    assert structural(Factory)["properties"]["labels"]["default"] == {"a": "b"}
