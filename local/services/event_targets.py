"""What rules and schedules can reach, and what a target gets of an event."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from typing import Any

import jsonpath_ng

TARGET_SERVICES = ("states", "sqs", "lambda")


@dataclass(frozen=True)
class Origin:
    """The rule or schedule on whose behalf something is delivered."""

    service: str
    arn: str
    name: str


def check_target_arn(arn: str) -> None:
    """Raises NotImplementedError for a kind of target that the embedded runtime cannot reach."""
    service = arn.split(":")[2] if arn.count(":") >= 5 else arn
    if service not in TARGET_SERVICES or arn.startswith("arn:aws:scheduler:::"):
        raise NotImplementedError(f"The embedded runtime cannot deliver to {arn}.")


def target_input(
    target: dict[str, Any], event: dict[str, Any], origin: Origin, now_iso: str
) -> str:
    """The JSON text that the target gets for the event: all of it, a part, constant, or
    transformed.
    """
    if "Input" in target:
        return str(target["Input"])
    if "InputPath" in target:
        return json.dumps(_at(target["InputPath"], event))
    if "InputTransformer" in target:
        return _transformed(target["InputTransformer"], event, origin, now_iso)
    return json.dumps(event)


@functools.lru_cache(maxsize=1024)
def _path(path: str) -> Any:
    return jsonpath_ng.parse(path)


def _at(path: str, event: dict[str, Any]) -> Any:
    found = _path(path).find(event)
    return found[0].value if found else None


def _transformed(
    transformer: dict[str, Any], event: dict[str, Any], origin: Origin, now_iso: str
) -> str:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html.

    A text stands in quotes unless the template has quotes around it; a path that finds nothing is
    left out of a text and ``null`` elsewhere.
    """
    template = transformer["InputTemplate"]
    values: dict[str, Any] = {
        "aws.events.rule-arn": origin.arn,
        "aws.events.rule-name": origin.name,
        "aws.events.event.ingestion-time": now_iso,
        "aws.events.event": {key: value for key, value in event.items() if key != "detail"},
        "aws.events.event.json": event,
    }
    for name, path in (transformer.get("InputPathsMap") or {}).items():
        values[name] = _at(path, event)

    def value_of(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in values:
            return match.group(0)
        value = values[name]
        in_text = len(re.findall(r'(?<!\\)"', template[: match.start()])) % 2 == 1
        if not in_text:
            return json.dumps(value)
        if value is None:
            return ""
        text = value if isinstance(value, str) else json.dumps(value)
        return json.dumps(text)[1:-1]

    return re.sub(r"<([^<>\s]+)>", value_of, template)
