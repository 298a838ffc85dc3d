"""The SAM template as CloudFormation would see it after its transform, with code left on disk.

`load` gives a Template: the translated resources, and where each function, layer and definition
lies. Nothing is created here; local/stack/deployed.py does that.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import yaml
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import intrinsics_multi_constructor

from local.constants import REGION

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # PyYAML without libyaml: it reads the same, in five times the time
    from yaml import SafeLoader  # type: ignore[assignment]

# Stands for the template's folder in the S3 addresses that the translator insists on.
SOURCE_BUCKET = "label-loop-source"

_LOCAL_PATHS = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
}
_SECTIONS = frozenset(
    (
        "AWSTemplateFormatVersion",
        "Transform",
        "Description",
        "Metadata",
        "Parameters",
        "Mappings",
        "Conditions",
        "Globals",
        "Resources",
        "Outputs",
        "Rules",
    )
)
_PARAMETER_TYPES = frozenset(("String", "Number", "CommaDelimitedList", "List<Number>"))


class TemplateError(Exception):
    """The template, or a parameter given for it, cannot be deployed; the message says why."""


class _Reader(SafeLoader):
    """Reads the short forms of intrinsic functions as SAM does, and everything in C."""


_Reader.add_multi_constructor("!", intrinsics_multi_constructor)


def read_yaml(text: str) -> Any:
    """A template or a state machine as SAM reads it, in a fraction of the time."""
    return yaml.load(text, _Reader)  # noqa: S506 - a safe loader


@dataclass(frozen=True)
class Template:
    """A translated template."""

    root: Path
    resources: dict[str, dict[str, Any]]
    conditions: dict[str, Any]
    mappings: dict[str, Any]
    outputs: dict[str, dict[str, Any]]
    parameters: dict[str, str | list[str]]
    """Every parameter's value: as given, or its default."""
    hidden: frozenset[str]
    """The parameters with NoEcho."""
    description: str


def load(path: Path, given: Mapping[str, str]) -> Template:
    """The template, translated with these parameters; TemplateError when it cannot be."""
    raw = read_yaml(path.read_text(encoding="utf-8"))
    unknown = set(raw) - _SECTIONS
    if unknown:
        raise TemplateError(f"{path.name}: unknown sections {sorted(unknown)}")
    declared = raw.get("Parameters") or {}
    values = _parameter_values(declared, given)
    _point_to_source(raw)
    translated = _translate(copy.deepcopy(raw), values)
    return Template(
        root=path.parent.resolve(),
        resources=translated["Resources"],
        conditions=translated.get("Conditions") or {},
        mappings=translated.get("Mappings") or {},
        outputs=translated.get("Outputs") or {},
        parameters={name: _typed(declared[name], value) for name, value in values.items()},
        hidden=frozenset(name for name, p in declared.items() if str(p.get("NoEcho")) == "true"),
        description=str(raw.get("Description", "")),
    )


def _translate(raw: dict[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    if "Transform" not in raw:
        return raw
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=REGION))
    try:
        translated: dict[str, Any] = translator.translate(raw, dict(values))
    except InvalidDocumentException as error:
        causes = "; ".join(str(cause.message) for cause in error.causes)
        raise TemplateError(causes or str(error.message)) from error
    return translated


def _point_to_source(raw: dict[str, Any]) -> None:
    """Write local paths as S3 addresses: the translator takes no others."""
    sections = raw.get("Globals") or {}
    for kind, name in _LOCAL_PATHS.items():
        properties = sections.get(kind.rsplit("::", 1)[-1])
        if isinstance(properties, dict) and name in properties:
            properties[name] = _source_address(properties[name], f"Globals, {name}")
    for logical_id, resource in (raw.get("Resources") or {}).items():
        found = _LOCAL_PATHS.get(resource.get("Type", ""))
        properties = resource.get("Properties") or {}
        if found is not None and found in properties:
            properties[found] = _source_address(properties[found], f"{logical_id}, {found}")


def _source_address(path: Any, where: str) -> str:
    if not isinstance(path, str):
        raise TemplateError(f"{where}: only a path can be run from source, not {path!r}")
    return f"s3://{SOURCE_BUCKET}/{path.removeprefix('./') or '.'}"


# Parameters


def _parameter_values(
    declared: Mapping[str, Mapping[str, Any]], given: Mapping[str, str]
) -> dict[str, str]:
    unknown = set(given) - set(declared)
    if unknown:
        raise TemplateError(f"the template has no parameters {sorted(unknown)}")
    values = {}
    for name, declaration in declared.items():
        if declaration["Type"] not in _PARAMETER_TYPES:
            raise TemplateError(f"parameter {name}: type {declaration['Type']} is not supported")
        value = given.get(name, declaration.get("Default"))
        if value is None:
            raise TemplateError(
                f"parameter {name} has no default: give it with --parameter {name}=…"
            )
        values[name] = _text(value)
        _check(name, declaration, values[name])
    return values


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _typed(declaration: Mapping[str, Any], value: str) -> str | list[str]:
    if declaration["Type"] in ("CommaDelimitedList", "List<Number>"):
        return [part.strip() for part in value.split(",")] if value else []
    return value


def _check(name: str, declaration: Mapping[str, Any], value: str) -> None:
    """Refuse a value that CloudFormation would refuse, in its words where it has some."""
    allowed = [_text(v) for v in declaration.get("AllowedValues", [])]
    if allowed and value not in allowed:
        raise TemplateError(f"Parameter '{name}' must be one of AllowedValues: {allowed}")
    items = _typed(declaration, value)
    for item in [items] if isinstance(items, str) else items:
        pattern = declaration.get("AllowedPattern")
        if pattern is not None and not re.fullmatch(pattern, item):
            reason = declaration.get("ConstraintDescription", f"must match pattern {pattern}")
            raise TemplateError(f"Parameter {name} failed to satisfy constraint: {reason}")
        if "Number" in declaration["Type"]:
            _check_number(name, declaration, item)
    if (
        not int(declaration.get("MinLength", 0))
        <= len(value)
        <= int(declaration.get("MaxLength", len(value)))
    ):
        raise TemplateError(f"Parameter '{name}' has the wrong length")


def _check_number(name: str, declaration: Mapping[str, Any], item: str) -> None:
    try:
        number = float(item)
    except ValueError:
        raise TemplateError(f"Parameter '{name}' must be a number.") from None
    low, high = declaration.get("MinValue", number), declaration.get("MaxValue", number)
    if not float(low) <= number <= float(high):
        raise TemplateError(f"Parameter '{name}' must be between {low} and {high}")
