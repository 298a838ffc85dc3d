"""Items as moto has them patched."""

from __future__ import annotations

import uuid
from typing import Any

ITEM: dict[str, Any] = {
    "name": {"S": "a \N{SNOWMAN}"},
    "empty": {"S": ""},
    "number": {"N": "1.50"},
    "yes": {"BOOL": True},
    "no": {"BOOL": False},
    "nothing": {"NULL": True},
    "bytes": {"B": b"\x00\xff"},
    "list": {"L": [{"S": "one"}, {"M": {"deep": {"L": [{"N": "2"}]}}}, {"B": b"in a list"}]},
    "map": {"M": {"S": {"S": "a member's name"}, "L": {"L": []}, "none": {"M": {}}}},
}
SETS: dict[str, list[Any]] = {"SS": ["a", "b"], "NS": ["1", "2"], "BS": [b"\x00", b"\xff"]}


def test_items_are_read_as_they_were_written_whatever_they_hold(runtime: Any) -> None:
    dynamodb, table, key = runtime.client("dynamodb"), f"t{uuid.uuid4()}", {"AttributeName": "name"}
    dynamodb.create_table(
        TableName=table,
        AttributeDefinitions=[key | {"AttributeType": "S"}],
        KeySchema=[key | {"KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    sets = {kind: {kind: values} for kind, values in SETS.items()}
    dynamodb.put_item(TableName=table, Item=ITEM | sets)
    (scanned,) = dynamodb.scan(TableName=table)["Items"]
    got = dynamodb.get_item(TableName=table, Key={"name": ITEM["name"]})["Item"]
    for item in (scanned, got):
        assert {name: value for name, value in item.items() if name not in SETS} == ITEM
        assert {kind: sorted(item[kind][kind]) for kind in SETS} == SETS
