"""CloudFormation's intrinsic functions and conditions.

A Resolver turns a translated template's values into plain ones. It asks for a resource's reference
or attribute when it meets one, so that resources are created in the order in which they need each
other.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from local.constants import ACCOUNT_ID, PARTITION, REGION
from local.stack.template import Template, TemplateError


class _NoValue:
    """AWS::NoValue: the property is left out."""


NO_VALUE = _NoValue()
_VARIABLE = re.compile(r"\$\{(!?)([^}]+)\}")


class Resources(Protocol):
    """Where references lead."""

    def reference(self, logical_id: str) -> Any:
        """What Ref gives for the resource."""

    def attribute(self, logical_id: str, name: str) -> Any:
        """What Fn::GetAtt gives."""


class Resolver:
    """Resolves the values of one template for one stack."""

    def __init__(
        self, template: Template, stack_name: str, stack_id: str, resources: Resources
    ) -> None:
        self._template = template
        self._resources = resources
        self._pseudo: dict[str, Any] = {
            "AWS::AccountId": ACCOUNT_ID,
            "AWS::NoValue": NO_VALUE,
            "AWS::NotificationARNs": [],
            "AWS::Partition": PARTITION,
            "AWS::Region": REGION,
            "AWS::StackId": stack_id,
            "AWS::StackName": stack_name,
            "AWS::URLSuffix": "amazonaws.com",
        }
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Condition": self.condition,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::If": self._if,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::FindInMap": self._find_in_map,
            "Fn::ToJsonString": lambda a: json.dumps(self.resolve(a), separators=(",", ":")),
            "Fn::Base64": lambda a: base64.b64encode(str(self.resolve(a)).encode()).decode(),
            "Fn::Length": lambda a: len(self.resolve(a)),
        }

    def resolve(self, value: Any) -> Any:
        """The value without intrinsic functions."""
        if isinstance(value, list):
            resolved = [self.resolve(item) for item in value]
            return [item for item in resolved if item is not NO_VALUE]
        if not isinstance(value, Mapping):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            # A policy's "Condition" is a mapping; the intrinsic one names a condition.
            if name in self._functions and (name != "Condition" or isinstance(argument, str)):
                return self._functions[name](argument)
            if str(name).startswith("Fn::"):
                raise TemplateError(f"{name} is not supported: add it to local/stack/intrinsics.py")
        items = ((name, self.resolve(item)) for name, item in value.items())
        return {name: item for name, item in items if item is not NO_VALUE}

    def condition(self, name: str) -> bool:
        """Whether the template's condition of that name holds."""
        if name not in self._template.conditions:
            raise TemplateError(f"there is no condition {name}")
        return self._test(self._template.conditions[name])

    def _test(self, expression: Any) -> bool:
        if not isinstance(expression, Mapping) or len(expression) != 1:
            raise TemplateError(f"not a condition: {expression!r}")
        ((name, argument),) = expression.items()
        if name == "Condition":
            return self.condition(argument)
        if name == "Fn::Equals":
            left, right = (self.resolve(side) for side in argument)
            return _plain(left) == _plain(right)
        if name == "Fn::Not":
            return not self._test(argument[0])
        if name == "Fn::And":
            return all(self._test(part) for part in argument)
        if name == "Fn::Or":
            return any(self._test(part) for part in argument)
        raise TemplateError(f"{name} in a condition is not supported")

    def _ref(self, name: str) -> Any:
        if name in self._pseudo:
            return self._pseudo[name]
        if name in self._template.parameters:
            return self._template.parameters[name]
        if name not in self._template.resources:
            raise TemplateError(f"Ref to {name}, which is neither parameter nor resource")
        return self._resources.reference(name)

    def _get_att(self, argument: Any) -> Any:
        parts = argument.split(".", 1) if isinstance(argument, str) else argument
        if len(parts) != 2 or parts[0] not in self._template.resources:
            raise TemplateError(f"Fn::GetAtt of {argument}, which is no resource's attribute")
        return self._resources.attribute(parts[0], str(self.resolve(parts[1])))

    def _sub(self, argument: Any) -> str:
        text, own = (argument, {}) if isinstance(argument, str) else argument

        def replace(found: re.Match[str]) -> str:
            literal, name = found.group(1), found.group(2).strip()
            if literal:
                return "${" + name + "}"
            if name in own:
                return _plain(self.resolve(own[name]))
            is_attribute = "." in name and "::" not in name
            return _plain(self._get_att(name) if is_attribute else self._ref(name))

        return _VARIABLE.sub(replace, text)

    def _join(self, argument: Any) -> str:
        separator, parts = argument
        return str(separator).join(_plain(part) for part in self.resolve(parts))

    def _if(self, argument: Any) -> Any:
        name, then, otherwise = argument
        return self.resolve(then if self.condition(name) else otherwise)

    def _select(self, argument: Any) -> Any:
        index, items = (self.resolve(part) for part in argument)
        return items[int(index)]

    def _split(self, argument: Any) -> list[str]:
        separator, text = argument
        return str(self.resolve(text)).split(separator)

    def _find_in_map(self, argument: Any) -> Any:
        name, first, second = (self.resolve(part) for part in argument)
        try:
            return self._template.mappings[name][first][second]
        except KeyError as error:
            raise TemplateError(f"Fn::FindInMap finds nothing for {argument}") from error


def _plain(value: Any) -> str:
    if isinstance(value, (list, Mapping)) or value is NO_VALUE:
        raise TemplateError(f"expected a string, got {value!r}")
    return str(value).lower() if isinstance(value, bool) else str(value)
