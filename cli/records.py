"""Records of the inference log by their names."""

import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from labelloop.aws.items import from_item

from .stack import Stack

Record = Mapping[str, Any]
MOST_AT_ONCE = 100
"""As many as BatchGetItem gives."""
LONGEST_PAUSE_S = 5.0


def named(stack: Stack, names: Iterable[str], *fields: str) -> Iterator[Record]:
    """The records that the log has of these detections, in any order; these fields of them, where
    any are given.
    """
    tables, table, rest = stack.client("dynamodb"), stack.output("DetectionsTable"), iter(names)
    projection = {"ProjectionExpression": ", ".join(fields)} if fields else {}
    while keys := [{"detection_id": {"S": name}} for name in islice(rest, MOST_AT_ONCE)]:
        request: Any = {table: {"Keys": keys, **projection}}
        pause_s = 0.1
        while request:
            answer = tables.batch_get_item(RequestItems=request)
            yield from map(from_item, answer["Responses"].get(table, ()))
            request = answer.get("UnprocessedKeys")
            if request:
                time.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
