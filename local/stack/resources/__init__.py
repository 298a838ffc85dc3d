"""The resource types that a template may have: one class each, by service family."""

from __future__ import annotations

from types import ModuleType

from local.stack.resources import (
    access,
    analytics,
    compute,
    custom,
    http,
    messaging,
    observing,
    recognition,
    storage,
    user_directory,
    workflows,
)
from local.stack.resources.base import ResourceType
from local.stack.template import TemplateError

_FAMILIES: tuple[ModuleType, ...] = (
    access,
    analytics,
    custom,
    compute,
    http,
    messaging,
    observing,
    recognition,
    user_directory,
    storage,
    workflows,
)


def _types() -> dict[str, ResourceType]:
    classes = [
        value
        for family in _FAMILIES
        for value in vars(family).values()
        if isinstance(value, type) and issubclass(value, ResourceType)
    ]
    return {found.type_name: found() for found in classes if hasattr(found, "type_name")}


TYPES = _types()


def find(type_name: str, logical_id: str) -> ResourceType:
    """The class for the type; TemplateError names a type that nobody has written yet."""
    name = "AWS::CloudFormation::CustomResource" if type_name.startswith("Custom::") else type_name
    if name not in TYPES:
        raise TemplateError(
            f"{logical_id}: resource type {type_name} is not supported: "
            "add it to local/stack/resources/"
        )
    return TYPES[name]
