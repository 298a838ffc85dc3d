"""The tables read whole, item by item, in DynamoDB's form: for what must be gone wherever it is.

Each table's own gateway knows what its items mean; here nothing is asked of them but their keys.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from labelloop.aws.clients import client
from labelloop.aws.failures import translated
from labelloop.aws.wiring import wiring
from labelloop.settings import Variable

KEYS: Mapping[Variable, tuple[str, ...]] = {
    Variable.REVIEW_TASKS_TABLE: ("task_id",),
    Variable.DETECTIONS_TABLE: ("detection_id",),
    Variable.MODEL_VERSIONS_TABLE: ("kind", "name"),
}
Item = dict[str, Any]


def items(table: Variable, fields: tuple[str, ...] = ()) -> Iterator[Item]:
    """Every item of a table, a moment old; these fields alone where some are named."""
    named = {
        "ProjectionExpression": ", ".join(f"#{n}" for n in range(len(fields))),
        "ExpressionAttributeNames": {f"#{n}": name for n, name in enumerate(fields)},
    }
    pages = (
        client("dynamodb")
        .get_paginator("scan")
        .paginate(TableName=wiring[table], **(named if fields else {}))
    )
    with translated():
        for page in pages:
            yield from page["Items"]


def get(table: Variable, key: Item) -> Item | None:
    """An item as it is now, by its key; None where there is none."""
    with translated():
        answer = client("dynamodb").get_item(TableName=wiring[table], Key=key, ConsistentRead=True)
    found: Item | None = answer.get("Item")
    return found


def key_of(table: Variable, item: Item) -> Item:
    """What an item is found by."""
    return {name: item[name] for name in KEYS[table]}


def change(table: Variable, before: Item, after: Item) -> None:
    """Make an item another one, of the same key; what differs alone is written.

    Raises ChangedMeanwhileError where somebody else has changed that meanwhile.
    """
    changed = sorted(name for name in before if after.get(name) != before[name])
    sets = [name for name in changed if name in after]
    removed = [name for name in changed if name not in after]
    number = {name: n for n, name in enumerate(changed)}
    parts = []
    if sets:
        parts.append("SET " + ", ".join(f"#{number[name]} = :new{number[name]}" for name in sets))
    if removed:
        parts.append("REMOVE " + ", ".join(f"#{number[name]}" for name in removed))
    if not parts:
        return
    with translated():
        client("dynamodb").update_item(
            TableName=wiring[table],
            Key=key_of(table, before),
            UpdateExpression=" ".join(parts),
            ConditionExpression=" AND ".join(f"#{n} = :old{n}" for n in number.values()),
            ExpressionAttributeNames={f"#{n}": name for name, n in number.items()},
            ExpressionAttributeValues={
                **{f":old{number[name]}": before[name] for name in changed},
                **{f":new{number[name]}": after[name] for name in sets},
            },
        )


def delete(table: Variable, key: Item) -> None:
    """Delete an item, if it is there."""
    with translated():
        client("dynamodb").delete_item(TableName=wiring[table], Key=key)
