"""A container port as `IntOrString`: a number, or the name that the pods give it.

A schema cannot offer two types to pydantic's generator and to a structural schema alike, so the type says its own schema and
checks itself, in the words in which pydantic refuses a number or a text alone.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import PlainValidator, WithJsonSchema
from pydantic_core import PydanticKnownError

_CONTAINER_PORT_NAME: Final = r"^([a-z0-9][-a-z0-9]*)?[a-z]([-a-z0-9]*[a-z0-9])?$"
"""RFC 6335 section 5.1, as the API server checks container ports: at least one letter, so that `"8080"` is not a name."""
_INT_OR_STRING: Final[Mapping[str, Any]] = {
    "x-kubernetes-int-or-string": True,
    "minimum": 1,
    "maximum": 65535,
    "minLength": 1,
    "maxLength": 15,
    "pattern": _CONTAINER_PORT_NAME,
}


def _container_port(value: object) -> int | str:
    """Refuse what is neither, in the words in which pydantic refuses a number or a text alone."""
    if isinstance(value, str):
        if len(value) > _INT_OR_STRING["maxLength"]:
            raise PydanticKnownError("string_too_long", {"max_length": _INT_OR_STRING["maxLength"]})
        if not re.fullmatch(_CONTAINER_PORT_NAME, value):
            raise PydanticKnownError("string_pattern_mismatch", {"pattern": _CONTAINER_PORT_NAME})
        return value
    if not isinstance(value, int) or isinstance(value, bool):
        raise PydanticKnownError("int_type")
    if value < _INT_OR_STRING["minimum"]:
        raise PydanticKnownError("greater_than_equal", {"ge": _INT_OR_STRING["minimum"]})
    if value > _INT_OR_STRING["maximum"]:
        raise PydanticKnownError("less_than_equal", {"le": _INT_OR_STRING["maximum"]})
    return value


ContainerPort = Annotated[int | str, PlainValidator(_container_port), WithJsonSchema(_INT_OR_STRING)]
"""`IntOrString`: a number, or the name of a container port."""
