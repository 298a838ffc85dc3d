"""What programs are promised of events, and whether one keeps it."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from labelloop.domain.events import SOURCE, Event, EventType

Json = dict[str, Any]
_FORMATS = Draft202012Validator.FORMAT_CHECKER
FOLDER = Path(__file__).parents[1] / "events/out"


@cache
def of(event_type: str, schema_version: int) -> Json:
    """The schema of events of this type."""
    name = f"{event_type.lower().replace(' ', '_')}.{schema_version}.json"
    schema: Json = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return schema


def brought(event: Event) -> Json:
    """The event as EventBridge brings it, from a stack named ``s``."""
    told = {"source": SOURCE, "detail-type": event.type.value, "resources": ["s"]}
    return {**told, "detail": event.detail("s")}


def detected(output: Mapping[str, Any]) -> Json:
    """The event that the workflow makes of what ``detect_labels`` gives it."""
    told = {"source": SOURCE, "detail-type": EventType.IMAGE_DETECTED.value, "resources": ["s"]}
    return {**told, "detail": {**json.loads(output["message"]), **json.loads(output["event"])}}


def check(event: Mapping[str, Any]) -> None:
    """Hold an event, as EventBridge brings it, against its schema.

    Raises ValidationError, also for a field that the schema does not know: receivers pass over what
    is new, but nothing leaves that is not described.
    """
    schema = of(event["detail-type"], event["detail"]["schema_version"])
    told = {name: event[name] for name in schema["required"]}
    Draft202012Validator(_closed(schema), format_checker=_FORMATS).validate(told)


def _closed(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(part) for name, part in schema.items()}
    return {**closed, "additionalProperties": False} if "properties" in schema else closed
