"""The table of model versions: how its records are read and written, and which module knows which.

By ``kind`` and ``name``:

    state    deployed          deployed_version   the version that serves, and the one before it
    state    model_type        model_versions     what all are for: labels, several labels, or boxes
    state    training          training_lock      one training or deployment at a time
    state    sampling          sampling_position  how far the detections have been sampled
    state    review_day        review_day         what people have been asked about today
    state    look              last_look          what the last look at the labelled images came to
    state    hosting           hosting_state      since when the deployed version runs
    state    hosting_pause     hosting_state      there while the operator wants no model to run
    state    hosting_look      hosting_state      there while somebody has just looked what should
    state    asked_directly    model_use          when the model last worked without a record
    state    asked_to_compare  model_use          when it was last asked to be compared with another
    state    model_time        daily_counts       for how long models have run today
    state    waiting_images    waiting_mark       how far waiting images have been sent round
    state    none_answers      none_answers       whether versions were right to find nothing
    version  <version>         model_versions     what became of a version
    sample#<version>  <detection>  sampled_answers  whether it was right about a sampled detection
    message  <once>            told_news          that the operator has been told something
    erasure  <when>            erasures           how much was forgotten, and by whom
    images   <day>             daily_counts       how many images the API has counted on that day
    day      <day>             daily_figures      what that day's detections came to
    counted  <moment>#<part>   daily_figures      which changes of those minutes that has
    forgotten  <detection>     forgotten_detections  that no state of it is archived any more
"""

from collections.abc import Mapping
from typing import Any

from labelloop.aws.clients import client
from labelloop.aws.failures import translated
from labelloop.aws.items import from_item, to_item, to_value
from labelloop.aws.wiring import wiring
from labelloop.settings import Variable


def _table() -> str:
    return wiring[Variable.MODEL_VERSIONS_TABLE]


def _key(kind: str, name: str) -> dict[str, Any]:
    return {"kind": {"S": kind}, "name": {"S": name}}


def every(kind: str) -> list[dict[str, Any]]:
    """Every item of a kind, by name: what it has beside its kind."""
    return _query("kind = :kind", {":kind": {"S": kind}}, {})


def between(kind: str, first: str, last: str) -> list[dict[str, Any]]:
    """The items of a kind from one name to another, by name: what they have beside their kind."""
    return _query(
        "kind = :kind AND #name BETWEEN :first AND :last",
        {":kind": {"S": kind}, ":first": {"S": first}, ":last": {"S": last}},
        {"ExpressionAttributeNames": {"#name": "name"}},
    )


def _query(
    condition: str, values: Mapping[str, Any], parts: Mapping[str, Any]
) -> list[dict[str, Any]]:
    pages = (
        client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=_table(),
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ConsistentRead=True,
            **parts,
        )
    )
    with translated():
        found = [from_item(item) for page in pages for item in page["Items"]]
    for item in found:
        del item["kind"]
    return found


def get(kind: str, name: str) -> dict[str, Any] | None:
    """What the item has beside its key, as it is now; None where there is none."""
    with translated():
        answer = client("dynamodb").get_item(
            TableName=_table(), Key=_key(kind, name), ConsistentRead=True
        )
    if "Item" not in answer:
        return None
    values = from_item(answer["Item"])
    del values["kind"], values["name"]
    return values


def put(kind: str, name: str, values: Mapping[str, Any], condition: str, **parts: Any) -> None:
    """Write an item. Raises ChangedMeanwhileError where the condition does not hold."""
    with translated():
        client("dynamodb").put_item(
            TableName=_table(),
            Item=to_item({**values, "kind": kind, "name": name}),
            ConditionExpression=condition,
            **parts,
        )


def overwrite(name: str, values: Mapping[str, Any], kind: str = "state") -> None:
    """Write a state, or an item of another kind, whatever it was."""
    with translated():
        client("dynamodb").put_item(
            TableName=_table(), Item=to_item({**values, "kind": kind, "name": name})
        )


def update(kind: str, name: str, **parts: Any) -> dict[str, Any]:
    """Change parts of an item; what of it DynamoDB was asked to give back.

    Raises ChangedMeanwhileError where the condition does not hold.
    """
    with translated():
        answer = client("dynamodb").update_item(TableName=_table(), Key=_key(kind, name), **parts)
    return from_item(answer.get("Attributes", {}))


def update_together(updates: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
    """Change parts of several items, by kind and name: all of them, or none.

    Raises ChangedMeanwhileError where a condition does not hold, or another one changes them now.
    """
    with translated():
        client("dynamodb").transact_write_items(
            TransactItems=[
                {"Update": {"TableName": _table(), "Key": _key(kind, name), **parts}}
                for (kind, name), parts in updates.items()
            ]
        )


def add_facts(kind: str, name: str, facts: Mapping[str, Any], condition: str | None = None) -> None:
    """Add what this tells to an item; what it does not tell stays.

    Raises ChangedMeanwhileError where the condition, which may name a fact's value by the fact,
    does not hold.
    """
    update(
        kind,
        name,
        UpdateExpression="SET " + ", ".join(f"#{fact} = :{fact}" for fact in facts),
        ExpressionAttributeNames={f"#{fact}": fact for fact in facts},
        ExpressionAttributeValues={f":{fact}": to_value(value) for fact, value in facts.items()},
        **({"ConditionExpression": condition} if condition else {}),
    )


def delete(kind: str, name: str) -> None:
    """Delete the item, if it is there."""
    with translated():
        client("dynamodb").delete_item(TableName=_table(), Key=_key(kind, name))
