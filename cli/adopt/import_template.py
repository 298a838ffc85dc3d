"""The template with which CloudFormation imports resources: of the whole one, only they.

An import may bring nothing else: no output, no transform, no resource that is to be made. What the
properties name, parameters and conditions, comes with them; a property that names another resource
stays behind, and the deployment that follows gives it back.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Json = dict[str, Any]

_VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")


def of(whole: Mapping[str, Any], logical_ids: Iterable[str]) -> Json:
    """The template to import these resources with."""
    parameters, conditions = whole.get("Parameters", {}), whole.get("Conditions", {})
    resources = {name: _importable(whole["Resources"][name], parameters) for name in logical_ids}
    used: dict[str, Any] = {}
    todo = list(_conditions(resources))
    while todo:
        name = todo.pop()
        if name not in used:
            used[name] = conditions[name]
            todo += _conditions(conditions[name])
    named = {*_references(resources), *_references(used)}
    made: Json = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": whole.get("Description", ""),
        "Parameters": {name: parameters[name] for name in parameters if name in named},
        "Conditions": {name: conditions[name] for name in conditions if name in used},
        "Resources": resources,
    }
    return {section: content for section, content in made.items() if content}


def _importable(declared: Mapping[str, Any], parameters: Mapping[str, Any]) -> Json:
    properties = {
        name: value
        for name, value in declared.get("Properties", {}).items()
        if all(one in parameters or one.startswith("AWS::") for one in _references(value))
    }
    kept = {name: declared[name] for name in ("Type", "Condition") if name in declared}
    # An import wants a policy of each resource; none of ours may ever be deleted with the stack.
    return {
        **kept,
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": properties,
    }


def _references(part: Any) -> Iterator[str]:
    """The parameters and resources that a part of a template names."""
    if isinstance(part, list):
        for member in part:
            yield from _references(member)
    elif isinstance(part, Mapping):
        for name, value in part.items():
            if name == "Ref":
                yield value
            elif name == "Fn::GetAtt":
                yield value.split(".")[0] if isinstance(value, str) else value[0]
            elif name == "Fn::Sub":
                text, own = (value, {}) if isinstance(value, str) else value
                found = {match.split(".")[0] for match in _VARIABLE.findall(text)}
                yield from found - own.keys()
                yield from _references(own)
            else:
                yield from _references(value)


def _conditions(part: Any) -> Iterator[str]:
    """The conditions that a part of a template names."""
    if isinstance(part, list):
        for member in part:
            yield from _conditions(member)
    elif isinstance(part, Mapping):
        for name, value in part.items():
            if name == "Condition" and isinstance(value, str):
                yield value
            elif name == "Fn::If":
                yield value[0]
                yield from _conditions(value[1:])
            else:
                yield from _conditions(value)
