"""The review queue's table: one item a task, one index of those that wait for somebody."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from labelloop.aws.clients import client
from labelloop.aws.failures import translated
from labelloop.aws.items import from_item, to_item
from labelloop.aws.wiring import wiring
from labelloop.clock import from_iso, iso
from labelloop.domain.review_tasks import OPEN_QUEUE, Claim, Given, ReviewTask
from labelloop.errors import ChangedMeanwhileError, NotFoundError
from labelloop.settings import Variable

QUEUE_INDEX = "by_queue"
_PAGE = 25


def _table() -> str:
    return wiring[Variable.REVIEW_TASKS_TABLE]


def create_once(task: ReviewTask, now: datetime) -> bool:
    """Store a new task; False where the loop has one already."""
    try:
        with translated():
            client("dynamodb").put_item(
                TableName=_table(),
                Item=to_item(_stored(task, now)),
                ConditionExpression="attribute_not_exists(task_id)",
            )
    except ChangedMeanwhileError:
        return False
    return True


def get(task_id: str) -> ReviewTask:
    """The task. Raises NotFoundError."""
    with translated():
        answer = client("dynamodb").get_item(
            TableName=_table(), Key={"task_id": {"S": task_id}}, ConsistentRead=True
        )
    if "Item" not in answer:
        raise NotFoundError(f"There is no task {task_id}.")
    return _read(from_item(answer["Item"]))


def replace_with(task: ReviewTask, now: datetime) -> ReviewTask:
    """Store what a task has become, over the revision it was made from; the task as it is stored.

    Raises ChangedMeanwhileError when somebody else stored another one first.
    """
    stored = replace(task, revision=task.revision + 1)
    with translated():
        client("dynamodb").put_item(
            TableName=_table(),
            Item=to_item(_stored(stored, now)),
            ConditionExpression="revision = :seen",
            ExpressionAttributeValues={":seen": {"N": str(task.revision)}},
        )
    return stored


def available(now: datetime) -> Iterator[ReviewTask]:
    """Tasks that somebody may take, the oldest first. A moment old: claim with a condition.

    They are read in pages, and only as far as they are taken.
    """
    pages = (
        client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=_table(),
            IndexName=QUEUE_INDEX,
            KeyConditionExpression="queue = :open AND available <= :now",
            ExpressionAttributeValues={":open": {"S": OPEN_QUEUE}, ":now": {"S": f"{iso(now)}~"}},
            PaginationConfig={"PageSize": _PAGE},
        )
    )
    with translated():
        for page in pages:
            for item in page["Items"]:
                yield _read(from_item(item))


def count_open(most: int | None = None) -> int:
    """How many tasks wait for answers, claimed ones included; counted no further than that many."""
    pages = (
        client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=_table(),
            IndexName=QUEUE_INDEX,
            KeyConditionExpression="queue = :open",
            ExpressionAttributeValues={":open": {"S": OPEN_QUEUE}},
            Select="COUNT",
        )
    )
    count = 0
    with translated():
        for page in pages:
            count += page["Count"]
            if most is not None and count >= most:
                return most
    return count


def _stored(task: ReviewTask, now: datetime) -> dict[str, Any]:
    # Only tasks that wait for something have the index's keys: the index is sparse.
    waits = (
        {}
        if task.finished
        else {
            "queue": OPEN_QUEUE,
            "available": f"{iso(task.available_from(now))}#{task.task_id}",
        }
    )
    return {
        **waits,
        "task_id": task.task_id,
        "detection_id": task.detection_id,
        "bucket": task.bucket,
        "key": task.key,
        "version_id": task.version_id,
        "suggested_label": task.suggested_label,
        "suggested_confidence_pct": task.suggested_confidence_pct,
        "wanted": task.wanted,
        "created": iso(task.created),
        "answers": {
            worker: {
                # A map leaves None out; an answer without a label is none of the labels.
                "label": given.label,
                "accepted": iso(given.accepted),
                "submitted": iso(given.submitted),
            }
            for worker, given in task.answers.items()
        },
        "claims": {
            worker: {"since": iso(claim.since), "until": iso(claim.until)}
            for worker, claim in task.claims.items()
        },
        "finished": task.finished,
        "revision": task.revision,
    }


def _read(values: Mapping[str, Any]) -> ReviewTask:
    return ReviewTask(
        task_id=values["task_id"],
        detection_id=values["detection_id"],
        bucket=values["bucket"],
        key=values["key"],
        version_id=values.get("version_id"),
        suggested_label=values.get("suggested_label"),
        suggested_confidence_pct=values.get("suggested_confidence_pct"),
        wanted=values["wanted"],
        created=from_iso(values["created"]),
        answers={
            worker: Given(
                given.get("label"), from_iso(given["accepted"]), from_iso(given["submitted"])
            )
            for worker, given in values["answers"].items()
        },
        claims={
            worker: Claim(from_iso(claim["since"]), from_iso(claim["until"]))
            for worker, claim in values["claims"].items()
        },
        finished=values["finished"],
        revision=values["revision"],
    )
