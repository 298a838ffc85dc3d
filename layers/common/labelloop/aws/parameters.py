"""The operator's parameters in Parameter Store."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from labelloop.aws.clients import client
from labelloop.aws.failures import translated
from labelloop.aws.wiring import tags, wiring
from labelloop.domain import parameters as rules
from labelloop.domain.parameters import SYSTEM_RECORD, OperatorSettings, Parameter, Unusable, parse
from labelloop.remembered import remembered
from labelloop.settings import TAG, Variable


def prefix() -> str:
    """What the names of this stack's parameters begin with, slash included."""
    return wiring[Variable.PARAMETER_PREFIX]


@remembered(seconds=60)
def settings() -> OperatorSettings:
    """The operator's settings, at most a minute old, or as they are when asked at once."""
    return parse(_values())


def unusable() -> list[Unusable]:
    """Which of them are missing or have a value that they must not have, as they are now."""
    return rules.unusable(_values())


def _values() -> dict[str, str]:
    return {name: value for name, (value, _) in stored().items()}


def stored() -> dict[str, tuple[str, int]]:
    """Every parameter of this stack by its name without prefix: (value, version)."""
    pages = client("ssm").get_paginator("get_parameters_by_path").paginate(Path=prefix())
    with translated():
        return {
            entry["Name"].removeprefix(prefix()): (entry["Value"], entry["Version"])
            for page in pages
            for entry in page["Parameters"]
        }


def described() -> dict[str, tuple[str, str]]:
    """Every parameter of this stack by its name without prefix: (description, pattern)."""
    return {
        entry["Name"].removeprefix(prefix()): (
            entry.get("Description", ""),
            entry.get("AllowedPattern", ""),
        )
        for entry in _described()
    }


def _described(*further: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    own = {"Key": "Path", "Option": "Recursive", "Values": [prefix().rstrip("/")]}
    pages = (
        client("ssm")
        .get_paginator("describe_parameters")
        .paginate(ParameterFilters=[own, *further])
    )
    with translated():
        for page in pages:
            yield from page["Parameters"]


def tag_all() -> None:
    """Give the stack's tag to those of its parameters that lack it, and to nobody else's."""
    of_stack = {"Key": f"tag:{TAG}", "Values": [prefix().strip("/")]}
    tagged = {entry["Name"] for entry in _described(of_stack)}
    own = {prefix() + name for name in (*rules.BY_NAME, SYSTEM_RECORD)}
    for entry in _described():
        if entry["Name"] in own - tagged:
            with translated():
                client("ssm").add_tags_to_resource(
                    ResourceType="Parameter", ResourceId=entry["Name"], Tags=tags()
                )


def create(parameter: Parameter, value: str) -> bool:
    """Make the parameter with this value; False where it exists already."""
    ssm = client("ssm")
    with translated():
        try:
            ssm.put_parameter(**_request(parameter, value), Overwrite=False)
        except ssm.exceptions.ParameterAlreadyExists:
            return False
    return True


def redefine(parameter: Parameter, value: str) -> int:
    """Give the parameter our description and pattern with this value; its new version."""
    with translated():
        answer = client("ssm").put_parameter(**_request(parameter, value), Overwrite=True)
    version: int = answer["Version"]
    return version


def value_of_version(name: str, version: int) -> str | None:
    """The value that a parameter had in a version of it; None where that is forgotten."""
    pages = client("ssm").get_paginator("get_parameter_history").paginate(Name=prefix() + name)
    with translated():
        for page in pages:
            for entry in page["Parameters"]:
                if entry["Version"] == version:
                    value: str = entry["Value"]
                    return value
    return None


def _request(parameter: Parameter, value: str) -> dict[str, Any]:
    return {
        "Name": prefix() + parameter.name,
        "Description": parameter.description,
        "Value": value,
        "Type": "String",
        "AllowedPattern": parameter.pattern,
    }


def show_system_record(record: Mapping[str, Any]) -> None:
    """Write the display copy of what is deployed. People read it; nothing else does."""
    with translated():
        client("ssm").put_parameter(
            Name=prefix() + SYSTEM_RECORD,
            Description="What Label Loop has deployed. It only shows; changing it changes nothing.",
            Value=json.dumps(record, default=str),
            Type="String",
            Overwrite=True,
        )
