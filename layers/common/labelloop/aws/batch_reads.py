"""Several items of a table at once, by their names."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from labelloop import clock
from labelloop.aws.clients import client
from labelloop.aws.failures import translated

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0


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
