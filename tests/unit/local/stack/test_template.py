"""Parameters, conditions and intrinsic functions resolve as in CloudFormation, or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from local.stack.intrinsics import Resolver
from local.stack.template import Template, TemplateError, load, read_yaml
from tests.contract.files import ROOT

PARAMETERS = {
    "Name": {"Type": "String", "Default": "Ada", "AllowedPattern": "[A-Z][a-z]+"},
    "Count": {"Type": "Number", "Default": 2, "MinValue": 1, "MaxValue": 3},
    "Labels": {"Type": "CommaDelimitedList", "Default": "a, b"},
    "Kind": {"Type": "String", "Default": "small", "AllowedValues": ["small", "large"]},
    "Needed": {"Type": "String"},
}
CONDITIONS = {
    "IsLarge": {"Fn::Equals": [{"Ref": "Kind"}, "large"]},
    "IsSmall": {"Fn::Not": [{"Condition": "IsLarge"}]},
    "Both": {"Fn::And": [{"Condition": "IsLarge"}, {"Condition": "IsSmall"}]},
    "Either": {"Fn::Or": [{"Condition": "IsLarge"}, {"Condition": "IsSmall"}]},
}
TWO_TOPICS = {name: {"Type": "AWS::SNS::Topic"} for name in ("Topic", "Other")}


class FakeResources:
    """Two resources that exist already."""

    def reference(self, logical_id: str) -> str:
        return f"ref-of-{logical_id}"

    def attribute(self, logical_id: str, name: str) -> str:
        return f"{name}-of-{logical_id}"


def template(folder: Path, given: dict[str, str] | None = None, **sections: Any) -> Template:
    path = folder / "template.yaml"
    content = {
        "Parameters": PARAMETERS,
        "Conditions": CONDITIONS,
        "Mappings": {"Sizes": {"small": {"mb": 128}}},
        "Resources": TWO_TOPICS,
        **sections,
    }
    path.write_text(json.dumps(content))
    return load(path, {"Needed": "yes", **(given or {})})


def resolved(folder: Path, value: Any, **given: str) -> Any:
    stack_id = "arn:aws:cloudformation:us-east-1:123456789012:stack/s/1"
    return Resolver(template(folder, given), "s", stack_id, FakeResources()).resolve(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Name"}, "Ada"),
        ({"Ref": "Labels"}, ["a", "b"]),
        ({"Ref": "Topic"}, "ref-of-Topic"),
        ({"Ref": "AWS::Region"}, "us-east-1"),
        ({"Fn::GetAtt": ["Topic", "TopicName"]}, "TopicName-of-Topic"),
        ({"Fn::GetAtt": "Topic.A.B"}, "A.B-of-Topic"),
        (
            {"Fn::Sub": "${Name} ${Topic} ${Topic.Arn} ${!Literal} $x"},
            "Ada ref-of-Topic Arn-of-Topic ${Literal} $x",
        ),
        ({"Fn::Sub": ["${X}-${AWS::StackName}", {"X": {"Ref": "Count"}}]}, "2-s"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Name"}, 3]]}, "a-Ada-3"),
        ({"Fn::Join": [",", {"Ref": "Labels"}]}, "a,b"),
        ({"Fn::Select": [1, {"Fn::Split": ["/", "x/y/z"]}]}, "y"),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "Kind"}, "mb"]}, 128),
        ({"Fn::ToJsonString": {"a": {"Ref": "Name"}}}, '{"a":"Ada"}'),
        ({"Fn::If": ["IsSmall", "s", "l"]}, "s"),
        ({"Fn::If": ["Both", "yes", "no"]}, "no"),
        ({"Fn::If": ["Either", "yes", "no"]}, "yes"),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [1, {"Ref": "AWS::NoValue"}]}, {"b": [1]}),
        (
            {"Condition": {"StringEquals": {"a": {"Ref": "Name"}}}},
            {"Condition": {"StringEquals": {"a": "Ada"}}},
        ),
    ],
)
def test_intrinsic_functions_resolve(tmp_path: Path, value: Any, expected: Any) -> None:
    assert resolved(tmp_path, value) == expected


def test_parameters_decide_conditions(tmp_path: Path) -> None:
    choice = {"Fn::If": ["IsLarge", {"Ref": "AWS::NoValue"}, 1]}
    assert resolved(tmp_path, {"a": choice}, Kind="small") == {"a": 1}
    assert resolved(tmp_path, {"a": choice}, Kind="large") == {}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"Fn::Cidr": ["10.0.0.0/16", 1, 8]}, "Fn::Cidr is not supported"),
        ({"Ref": "Nobody"}, "Nobody"),
        ({"Fn::GetAtt": ["Nobody", "Arn"]}, "Nobody"),
        ({"Fn::Sub": "${Nobody}"}, "Nobody"),
        ({"Fn::If": ["Nothing", 1, 2]}, "no condition Nothing"),
        ({"Fn::FindInMap": ["Sizes", "large", "mb"]}, "finds nothing"),
        ({"Fn::Join": ["", [{"Ref": "Labels"}]]}, "expected a string"),
    ],
)
def test_what_does_not_resolve_is_named(tmp_path: Path, value: Any, words: str) -> None:
    with pytest.raises(TemplateError, match=words):
        resolved(tmp_path, value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"Name": "ada"}, "Name failed to satisfy constraint"),
        ({"Kind": "huge"}, "Kind.* AllowedValues"),
        ({"Count": "4"}, "Count.* between 1 and 3"),
        ({"Count": "x"}, "Count.* must be a number"),
        ({"Typo": "1"}, "no parameters .*Typo"),
    ],
)
def test_a_bad_parameter_is_refused(tmp_path: Path, given: dict[str, str], words: str) -> None:
    with pytest.raises(TemplateError, match=words):
        template(tmp_path, given)


def test_a_parameter_without_default_must_be_given(tmp_path: Path) -> None:
    template(tmp_path)
    with pytest.raises(TemplateError, match="--parameter Needed="):
        load(tmp_path / "template.yaml", {})


def test_an_unknown_section_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="Surprise"):
        template(tmp_path, Surprise={})


def test_sam_mistakes_are_said_in_sams_words(tmp_path: Path) -> None:
    function = {"Type": "AWS::Serverless::Function", "Properties": {"Handler": "a.b"}}
    with pytest.raises(TemplateError, match="CodeUri"):
        template(tmp_path, Transform="AWS::Serverless-2016-10-31", Resources={"F": function})


def test_sam_resources_become_cloudformations_with_code_left_where_it_is(tmp_path: Path) -> None:
    function = {
        "Type": "AWS::Serverless::Function",
        "Properties": {"CodeUri": "./functions/f", "Handler": "a.b", "Runtime": "python3.13"},
    }
    translated = template(
        tmp_path, Transform="AWS::Serverless-2016-10-31", Resources={"F": function}
    )
    assert set(translated.resources) == {"F", "FRole"}
    code = translated.resources["F"]["Properties"]["Code"]
    assert translated.root / code["S3Key"] == tmp_path / "functions" / "f"


def test_the_applications_template_is_read_as_sam_reads_it() -> None:
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    assert read_yaml(text) == yaml_parse(text)
