"""DynamoDB's typed items from plain values, and back; many at once; when they may be forgotten."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from labelloop import clock
from labelloop.aws.clients import client
from labelloop.aws.failures import translated
from labelloop.aws.wiring import wiring
from labelloop.clock import epoch_s
from labelloop.settings import Variable

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0


def to_item(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as DynamoDB wants them; members that are None are left out."""
    return {name: to_value(value) for name, value in values.items() if value is not None}


def to_value(value: Any) -> dict[str, Any]:
    """One value as DynamoDB wants it."""
    return dict(_serializer.serialize(_without_floats(value)))


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """The plain values of an item; numbers come back as int or float, sets as sorted lists."""
    return {name: _plain(_deserializer.deserialize(value)) for name, value in item.items()}


def _without_floats(value: Any) -> Any:
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, Mapping):
        return {name: _without_floats(part) for name, part in value.items() if part is not None}
    if isinstance(value, list | tuple):
        return [_without_floats(part) for part in value]
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, set):
        return sorted(_plain(part) for part in value)
    return value


def looked_up(
    table: str, key: str, names: Iterable[str], fields: Sequence[str]
) -> Iterator[Mapping[str, Any]]:
    """The items, in DynamoDB's form and any order: these fields, or all where none is named.

    Up to 100 names, none of them twice.
    """
    projection = {
        "ProjectionExpression": ", ".join(f"#{i}" for i in range(len(fields))),
        "ExpressionAttributeNames": {f"#{i}": name for i, name in enumerate(fields)},
    }
    keys = [{key: {"S": name}} for name in names]
    request = {"Keys": keys, **(projection if fields else {})}
    wanted: Mapping[str, Any] = {table: request} if keys else {}
    pause_s = _FIRST_PAUSE_S
    while wanted:
        with translated():
            answer = client("dynamodb").batch_get_item(RequestItems=wanted)
        yield from answer["Responses"].get(table, [])
        wanted = answer.get("UnprocessedKeys", {})
        if wanted:
            clock.pause(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)


def expires_from(then: datetime) -> int | None:
    """When something expires that is known since then, a detection's record and its task alike.

    None where records are kept for good.
    """
    retention_days = wiring.whole_number(Variable.DETECTION_RETENTION_DAYS)
    return epoch_s(then, timedelta(days=retention_days)) if retention_days else None
