"""Events for programs: code ↔ schemas ↔ what the documentation shows to their consumers."""

import json
import re
from typing import Any

import pytest
from cfnlint.api import ManualArgs, lint
from jsonschema import Draft202012Validator, ValidationError
from samtranslator.yaml_helper import yaml_parse

from labelloop.domain import events
from labelloop.domain.events import Event, EventType
from labelloop.domain.messages import SCHEMA_VERSION
from tests import event_schemas
from tests.contract.files import ROOT

SCHEMAS = sorted(event_schemas.FOLDER.iterdir())
SHOWN = re.findall(
    r"^```yaml\n(.*?)^```", (ROOT / "docs/api.md").read_text(encoding="utf-8"), re.M | re.S
)
every_example = pytest.mark.parametrize("shown", SHOWN, ids=["queue", "webhook", "slack"])
STARTED = {"version": "v1", "new_images": 1, "train_images": 8, "test_images": 2}


@pytest.mark.parametrize("event_type", EventType)
def test_every_type_has_a_schema_of_the_version_that_is_sent(event_type: EventType) -> None:
    schema = event_schemas.of(event_type, SCHEMA_VERSION)
    assert schema["properties"]["detail-type"] == {"const": event_type.value}
    assert schema["properties"]["detail"]["properties"]["schema_version"]["const"] == SCHEMA_VERSION


def test_every_schema_is_one_and_of_a_type_and_describes_every_field() -> None:
    names = set()
    for path in SCHEMAS:
        schema = json.loads(path.read_text(encoding="utf-8"))
        Draft202012Validator.check_schema(schema)
        names.add(schema["title"])
        assert path.name.startswith(f"{schema['title'].lower().replace(' ', '_')}.")
        assert all("description" in each for each in _fields(schema["properties"]["detail"]))
    assert names == set(EventType)


def _fields(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return list(schema["properties"].values())


def test_an_event_with_a_field_too_few_or_too_many_is_found() -> None:
    event = event_schemas.brought(events.news("training_started", "once", STARTED))
    event_schemas.check(event)
    for detail in (
        {**event["detail"], "mood": "good"},
        {name: value for name, value in event["detail"].items() if name != "version"},
    ):
        with pytest.raises(ValidationError):
            event_schemas.check({**event, "detail": detail})


def test_an_event_that_was_kept_is_the_same_when_it_is_sent() -> None:
    event = events.run_began("v1", 1, "2026-11-21T09:15:00.000Z", "2026-11-21T09:00:00.000Z")
    assert Event.from_json(json.loads(json.dumps(event.as_json()))) == event


# --- The documentation's consumers ----------------------------------------------------------------


@every_example
def test_cloudformation_takes_what_is_shown(shown: str) -> None:
    assert lint(shown, config=ManualArgs(regions=["us-east-1", "eu-west-1"])) == []


@every_example
def test_what_is_shown_asks_for_events_and_fields_that_there_are(shown: str) -> None:
    properties = yaml_parse(shown)["Resources"]["Rule"]["Properties"]
    pattern = properties["EventPattern"]
    assert pattern["source"] == [events.SOURCE]
    fields = set(pattern.get("detail", {}))
    for target in properties["Targets"]:
        paths = target.get("InputTransformer", {}).get("InputPathsMap", {}).values()
        fields |= {path.removeprefix("$.detail.") for path in paths}
    for event_type in pattern["detail-type"]:
        detail = event_schemas.of(event_type, SCHEMA_VERSION)["properties"]["detail"]
        assert fields <= set(detail["properties"])
