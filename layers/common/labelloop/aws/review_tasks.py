"""The review queue's table: an item for each task and each reviewer, and one index for both.

    task        task_id, what it is about, its answers and claims; senders, where people have sent
                its image; ``queue`` and ``available`` while it waits: in the queue ``open`` by when
                it was made, in ``held`` by when it can be taken again
    reviewer    task_id is ``reviewer#<sub>``; name, compared, agreed; in the queue ``reviewers``,
                available the ``sub``. The name is only shown: it is what the person's token said at
                the last answer, in items of earlier releases one that the person may have chosen.
                ``forgotten`` where the person was removed: what is shown from then on, whatever a
                token says that is still out

What a task counts for in its reviewers' figures is written with the task, all or nothing: so each
decision counts once, whatever is tried again, and is taken off with the answer. A finished task
``expires`` as the record of its detection does.
"""

import heapq
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from labelloop.aws.clients import client
from labelloop.aws.failures import code_of, translated
from labelloop.aws.items import expires_from, from_item, looked_up, to_item, to_value
from labelloop.aws.wiring import wiring
from labelloop.clock import iso
from labelloop.domain.review_tasks import (
    HELD_QUEUE,
    NO_FIGURES,
    OPEN_QUEUE,
    QUEUE_INDEX,
    REVIEWER,
    REVIEWERS_QUEUE,
    Figures,
    ReviewTask,
    changed_figures,
)
from labelloop.errors import BusyError, ChangedMeanwhileError, NotFoundError
from labelloop.settings import Variable

MOST_HELD = 1000
"""Of the tasks that are with somebody, so many are looked at for those whose time has run out."""
MOST_COUNTED = 10_000
"""Counting the tasks reads them: so many are some 6 MB, every half minute for each open page."""
_PAGE = 10


@dataclass(frozen=True)
class Person:
    """Somebody who reviews: the name in the user pool, and one for people."""

    sub: str
    name: str


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


def exists(task_id: str) -> bool:
    """Whether there is a task of this name."""
    return bool(_item(task_id))


def get(task_id: str) -> ReviewTask:
    """The task. Raises NotFoundError."""
    values = _item(task_id)
    if "detection_id" not in values:
        raise NotFoundError(f"There is no task {task_id}.")
    return _read(values)


def those(task_ids: Iterable[str]) -> Iterator[ReviewTask]:
    """Of up to 100 tasks those that are still there, in any order."""
    found = looked_up(_table(), "task_id", task_ids, ())
    yield from (_read(from_item(item)) for item in found)


def _item(task_id: str) -> dict[str, Any]:
    with translated():
        answer = client("dynamodb").get_item(
            TableName=_table(), Key={"task_id": {"S": task_id}}, ConsistentRead=True
        )
    return from_item(answer.get("Item", {}))


def change(before: ReviewTask, after: ReviewTask, person: Person, now: datetime) -> ReviewTask:
    """Store what a person has made of a task, and what that changes in reviewers' figures.

    The task as it is stored. Raises ChangedMeanwhileError when somebody else stored another one
    first, BusyError when the same figures are being changed for another task: that may be tried
    again at once.
    """
    stored = replace(after, revision=before.revision + 1)
    expires = expires_from(now) if stored.finished else None
    put = {
        "TableName": _table(),
        "Item": to_item({**_stored(stored, now), "expires": expires}),
        "ConditionExpression": "revision = :seen",
        "ExpressionAttributeValues": {":seen": {"N": str(before.revision)}},
    }
    changes = changed_figures(before, after)
    if after.wanted > 1 and person.sub in after.answers.keys() - before.answers.keys():
        # What the person is called stands beside the figures that others' answers may change.
        changes.setdefault(person.sub, NO_FIGURES)
    if not changes:
        with translated():
            client("dynamodb").put_item(**put)
        return stored
    _write_all(
        [{"Put": put}]
        + [
            {"Update": _figures_added(sub, figures, person.name if sub == person.sub else None)}
            for sub, figures in changes.items()
        ]
    )
    return stored


def note_sender(task_id: str, sender: str) -> bool:
    """Add to a task that waits for answers who else has sent its image; False where none does."""
    try:
        with translated():
            client("dynamodb").update_item(
                TableName=_table(),
                Key={"task_id": {"S": task_id}},
                UpdateExpression="ADD senders :sender, revision :one",
                ConditionExpression="attribute_exists(task_id) AND finished = :no",
                ExpressionAttributeValues={
                    ":sender": {"SS": [sender]},
                    ":one": {"N": "1"},
                    ":no": {"BOOL": False},
                },
            )
    except ChangedMeanwhileError:
        return False
    return True


def forget(task_id: str) -> None:
    """Delete the task."""
    with translated():
        client("dynamodb").delete_item(TableName=_table(), Key={"task_id": {"S": task_id}})


def _figures_added(sub: str, figures: Figures, name: str | None) -> dict[str, Any]:
    return {
        "TableName": _table(),
        "Key": {"task_id": {"S": REVIEWER + sub}},
        "UpdateExpression": (
            "SET queue = :queue, available = :sub"
            + (", #name = if_not_exists(forgotten, :name)" if name else "")
            + " ADD compared :compared, agreed :agreed"
        ),
        **({"ExpressionAttributeNames": {"#name": "name"}} if name else {}),
        "ExpressionAttributeValues": {
            ":queue": {"S": REVIEWERS_QUEUE},
            ":sub": {"S": sub},
            ":compared": to_value(figures.compared),
            ":agreed": to_value(figures.agreed),
            **({":name": {"S": name}} if name else {}),
        },
    }


def _write_all(writes: list[dict[str, Any]]) -> None:
    with translated():
        try:
            client("dynamodb").transact_write_items(TransactItems=writes)
        except ClientError as error:
            if code_of(error) != "TransactionCanceledException":
                raise
            reasons = error.response.get("CancellationReasons", [])
            codes = {reason.get("Code") for reason in reasons}
            if "ConditionalCheckFailed" in codes:
                raise ChangedMeanwhileError("Somebody else changed the task.") from error
            raise BusyError("Figures of the same people are being changed.") from error


# --- Figures --------------------------------------------------------------------------------------


def figures_of(sub: str) -> Figures:
    """A person's figures; all zero for one whose answers nobody else's were compared with."""
    return _figures(_item(REVIEWER + sub))


def everybodys_figures() -> dict[Person, Figures]:
    """The figures of all who answered where several people are asked.

    Two may have the same name; who has none known is named by ``sub``.
    """
    return {
        Person(values["available"], str(values.get("name", values["available"]))): _figures(values)
        for values in _queued(REVIEWERS_QUEUE)
    }


def forget_person(sub: str) -> None:
    """Show somebody by their id alone, whatever a token says that is still out.

    Who has no figures gets an item without any, which is shown nowhere.
    """
    with translated():
        client("dynamodb").update_item(
            TableName=_table(),
            Key={"task_id": {"S": REVIEWER + sub}},
            UpdateExpression="SET forgotten = :sub REMOVE #name",
            ExpressionAttributeNames={"#name": "name"},
            ExpressionAttributeValues={":sub": {"S": sub}},
        )


def move_figures(sub: str, to: str) -> None:
    """Let somebody's figures be those of another name, added to what that has.

    All or nothing. Raises ChangedMeanwhileError where they change meanwhile.
    """
    values = _item(REVIEWER + sub)
    if not values:
        return
    figures = _figures(values)
    delete = {
        "TableName": _table(),
        "Key": {"task_id": {"S": REVIEWER + sub}},
        "ConditionExpression": "attribute_not_exists(compared)",
    }
    if figures == NO_FIGURES:
        with translated():
            client("dynamodb").delete_item(**delete)
        return
    delete |= {
        "ConditionExpression": "compared = :compared AND agreed = :agreed",
        "ExpressionAttributeValues": {
            ":compared": to_value(figures.compared),
            ":agreed": to_value(figures.agreed),
        },
    }
    _write_all([{"Update": _figures_added(to, figures, None)}, {"Delete": delete}])


def _figures(values: Mapping[str, Any]) -> Figures:
    return Figures(*(int(values.get(name, 0)) for name in ("compared", "agreed")))


# --- What waits -----------------------------------------------------------------------------------


def available(sub: str, now: datetime) -> Iterator[ReviewTask]:
    """Tasks that somebody may take, and those that this person has: the person's own first, then
    the oldest. A moment old: claim with a condition.

    They are read in pages, and only as far as they are taken.
    """
    own, free = [], []
    for values in islice(_queued(HELD_QUEUE), MOST_HELD):
        task = _read(values)
        if task.held_by(sub, now):
            own.append(task)
        elif values["available"] <= f"{iso(now)}~":
            free.append(task)
    yield from sorted(own, key=_age)
    taken = {task.task_id for task in own}
    waiting = map(_read, _queued(OPEN_QUEUE))
    for task in heapq.merge(sorted(free, key=_age), waiting, key=_age):
        if task.task_id not in taken:
            yield task


def _age(task: ReviewTask) -> tuple[datetime, str]:
    return task.created, task.task_id


def count_waiting(most: int = MOST_COUNTED) -> int:
    """How many tasks wait for answers, claimed ones included; counted no further than that many."""
    count = 0
    for queue in (OPEN_QUEUE, HELD_QUEUE):
        if count < most:
            count += count_in(queue, most)
    return min(count, most)


def count_in(queue: str, most: int = sys.maxsize) -> int:
    """How many tasks are in a queue, counted no further than that many."""
    pages = (
        client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=_table(),
            IndexName=QUEUE_INDEX,
            KeyConditionExpression="queue = :queue",
            ExpressionAttributeValues={":queue": {"S": queue}},
            Select="COUNT",
        )
    )
    count = 0
    with translated():
        for page in pages:
            count += page["Count"]
            if count >= most:
                return most
    return count


def _queued(queue: str) -> Iterator[dict[str, Any]]:
    """The items of a queue, in the order of ``available``."""
    pages = (
        client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=_table(),
            IndexName=QUEUE_INDEX,
            KeyConditionExpression="queue = :queue",
            ExpressionAttributeValues={":queue": {"S": queue}},
            PaginationConfig={"PageSize": _PAGE},
        )
    )
    with translated():
        for page in pages:
            for item in page["Items"]:
                yield from_item(item)


# --- Items ----------------------------------------------------------------------------------------


def _stored(task: ReviewTask, now: datetime) -> dict[str, Any]:
    # Only tasks that wait for something have the index's keys: the index is sparse.
    held_until = task.held_until(now)
    waits = (
        {}
        if task.finished
        else {
            "queue": HELD_QUEUE if held_until else OPEN_QUEUE,
            "available": f"{iso(held_until or task.created)}#{task.task_id}",
        }
    )
    # DynamoDB knows no empty sets.
    return {**task.as_json(), **waits, "senders": set(task.senders) or None}


def _read(values: Mapping[str, Any]) -> ReviewTask:
    kept = {name: value for name, value in values.items() if name not in _WRITTEN_EACH_TIME}
    return ReviewTask.from_json(kept)


_WRITTEN_EACH_TIME = {"queue", "available", "expires"}
