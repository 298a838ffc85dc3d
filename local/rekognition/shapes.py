"""Checks a message of the JSON protocol against Amazon's description of it in botocore.

It exists so that a request the real service would refuse is refused here too: botocore checks a
call's types before it is sent, but leaves patterns and enums to the service. Called by
``service`` for every request; the tests check every answer with it.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from local.rekognition.service_error import ServiceError

# Amazon's patterns are Java's, which can name Unicode categories; Python's nearest are wider.
JAVA_CATEGORIES = {
    r"\p{L}": r"\w",
    r"\p{N}": r"\w",
    r"\p{Z}": r"\s",
    r"\p{M}": r"\w",
    r"\p{S}": "$+<=>^`|~",
    r"\p{P}": r"!-#%-*,-/:;?@\[\]_{}",
}


@cache
def _service_model() -> ServiceModel:
    return botocore.session.get_session().get_service_model("rekognition")


def operation_model(operation: str) -> OperationModel:
    """The operation's model. Raises ServiceError when Rekognition has no such operation."""
    if operation not in _service_model().operation_names:
        raise ServiceError(
            "UnknownOperationException", f"Rekognition has no operation {operation}."
        )
    return _service_model().operation_model(operation)


def check_request(operation: str, request: Mapping[str, Any]) -> None:
    """Raises InvalidParameterException, as a ServiceError that names all that is wrong."""
    problems = list(find_problems(request, operation_model(operation).input_shape, "request"))
    if problems:
        raise ServiceError(
            "InvalidParameterException", "Request has invalid parameters: " + "; ".join(problems)
        )


def find_problems(value: Any, shape: Shape | None, path: str) -> Iterator[str]:
    """Each way in which the value, as JSON has it, does not fit the shape."""
    if shape is None:
        return
    if isinstance(shape, StructureShape):
        yield from _structure_problems(value, shape, path)
    elif isinstance(shape, ListShape):
        yield from _list_problems(value, shape, path)
    elif isinstance(shape, MapShape):
        yield from _map_problems(value, shape, path)
    else:
        yield from _scalar_problems(value, shape, path)


def _structure_problems(value: Any, shape: StructureShape, path: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{path} must be an object"
        return
    for name in shape.required_members:
        if value.get(name) is None:
            yield f"{path}.{name} is required"
    for name, member in value.items():
        if name not in shape.members:
            yield f"{path}.{name} is not known"
        elif member is not None:
            yield from find_problems(member, shape.members[name], f"{path}.{name}")


def _list_problems(value: Any, shape: ListShape, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path} must be a list"
        return
    yield from _range_problems(len(value), shape, f"the length of {path}")
    for index, item in enumerate(value):
        yield from find_problems(item, shape.member, f"{path}[{index}]")


def _map_problems(value: Any, shape: MapShape, path: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{path} must be an object"
        return
    yield from _range_problems(len(value), shape, f"the size of {path}")
    for key, item in value.items():
        yield from find_problems(key, shape.key, f"{path} key")
        yield from find_problems(item, shape.value, f"{path}[{key}]")


def _scalar_problems(value: Any, shape: Shape, path: str) -> Iterator[str]:
    kind = shape.type_name
    if kind == "string":
        yield from _string_problems(value, shape, path)
    elif kind == "blob":
        yield from _blob_problems(value, shape, path)
    elif kind == "boolean":
        if not isinstance(value, bool):
            yield f"{path} must be true or false"
    elif kind in {"integer", "long", "float", "double", "timestamp"}:
        whole = kind in {"integer", "long"}
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            yield f"{path} must be a {'whole ' if whole else ''}number"
        else:
            yield from _range_problems(value, shape, path)
    else:
        raise NotImplementedError(f"no check for {kind}, the type of {path}")


def _string_problems(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{path} must be a string"
        return
    yield from _range_problems(len(value), shape, f"the length of {path}")
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(_to_python_pattern(pattern), value):
        yield f"{path} does not match {pattern}"
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        yield f"{path} must be one of {', '.join(allowed)}"


def _to_python_pattern(pattern: str) -> str:
    for category, equivalent in JAVA_CATEGORIES.items():
        pattern = pattern.replace(category, equivalent)
    return pattern


def _blob_problems(value: Any, shape: Shape, path: str) -> Iterator[str]:
    try:
        content = base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        yield f"{path} must be base64"
        return
    yield from _range_problems(len(content), shape, f"the length of {path}")


def _range_problems(number: float, shape: Shape, what: str) -> Iterator[str]:
    minimum, maximum = shape.metadata.get("min"), shape.metadata.get("max")
    if minimum is not None and number < minimum:
        yield f"{what} must be at least {minimum}"
    if maximum is not None and number > maximum:
        yield f"{what} must be at most {maximum}"
