"""Everything that takes tags has the stack's, by which its costs are told and it is found again."""

from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from labelloop.settings import TAG
from local.stack.template import load
from tests.contract import files

Json = dict[str, Any]
RESOURCES = load(files.ROOT / "template.yaml", {"ReviewBackend": "a2i"}).resources
REGION = "us-east-1"


def _property_of_tags(type_name: str) -> str | None:
    """In which property CloudFormation has the tags of a type; None where it takes none."""
    schema: Json = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, type_name).schema
    said = schema.get("tagging", {})
    if not said.get("taggable", "Tags" in schema["properties"]):
        return None
    return str(said.get("tagProperty", "/properties/Tags")).rsplit("/", 1)[-1]


TAKE_TAGS = {
    name: found
    for name, resource in RESOURCES.items()
    if resource["Type"].startswith("AWS::")
    and (found := _property_of_tags(resource["Type"])) is not None
}


@pytest.mark.parametrize("name", TAKE_TAGS)
def test_a_resource_that_takes_tags_has_that_of_the_stack(name: str) -> None:
    given = RESOURCES[name]["Properties"].get(TAKE_TAGS[name], {})
    tags = {each["Key"]: each["Value"] for each in given} if isinstance(given, list) else given
    assert tags.get(TAG) == {"Ref": "AWS::StackName"}


def test_the_schemas_say_of_the_types_that_we_know_whether_they_take_tags() -> None:
    """Else a schema in another form would let the test above look at nothing."""
    types = {RESOURCES[name]["Type"] for name in TAKE_TAGS}
    assert {"AWS::S3::Bucket", "AWS::Cognito::UserPool", "AWS::Lambda::Function"} <= types
    assert not types & {"AWS::Lambda::LayerVersion", "AWS::Scheduler::Schedule"}
