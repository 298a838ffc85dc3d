"""Review tasks as people work on them: who may take one, what becomes of it, where it ends."""

import re
from collections.abc import Callable
from datetime import datetime

from labelloop import clock
from labelloop.aws import objects, review_tasks, user_pools
from labelloop.aws.review_tasks import Person
from labelloop.domain import human_loops
from labelloop.domain.human_loops import Answer, TimedAnswer
from labelloop.domain.review_tasks import TASK_ID, ReviewTask
from labelloop.errors import BusyError, ChangedMeanwhileError, NotFoundError

TRIES = 8
BETWEEN_TRIES_S = 0.05


def may_take(task: ReviewTask, person: Person, now: datetime) -> bool:
    """Whether this person may take a task now."""
    claimable = task.claimable_by(person.sub, now)
    return claimable and task.may_be_judged_by(person.sub, user_pools.reviewers)


def change(
    task_id: str, person: Person, become: Callable[[ReviewTask], ReviewTask]
) -> tuple[ReviewTask, bool]:
    """Store what becomes of a task, again where somebody else changed it meanwhile.

    Also whether anything has become of it.
    """
    if not re.fullmatch(TASK_ID, task_id):
        raise NotFoundError("There is no such task.")
    for attempt in range(1, TRIES + 1):
        task = review_tasks.get(task_id)
        changed = become(task)
        if changed == task:
            return task, False
        try:
            return review_tasks.change(task, changed, person, clock.now()), True
        except (ChangedMeanwhileError, BusyError):
            if attempt == TRIES:
                raise
            clock.pause(BETWEEN_TRIES_S * attempt)
    raise AssertionError("unreachable")


def hand_on(task: ReviewTask, person: Person, issuer: str) -> ReviewTask:
    """Write the task's answers where the workflow reads them, then close the task.

    Of one whose answers were taken back none are written: that takes its image out of the training
    data, and the task stays open.

    In this order: a task whose answers were not written stays in the queue, and whoever comes
    across it hands it on. Where somebody has changed the task meanwhile, these answers may have
    been written over newer ones, so those are handed on again. ``issuer`` says who knows these
    people.
    """
    answers = [
        TimedAnswer(Answer(worker, given.said), given.accepted, given.submitted, issuer)
        for worker, given in task.decided().items()
    ]
    content = {
        "detection_id": task.detection_id,
        "taskObject": f"s3://{task.bucket}/{task.key}",
        "version_id": task.version_id,
    }
    key = human_loops.output_key(task.task_id, task.created)
    output = human_loops.write(task.task_id, content, answers, task.model_type)
    objects.write_json(key, output)
    for attempt in range(1, TRIES + 1):
        try:
            return review_tasks.change(task, task.handed_on(), person, clock.now())
        except BusyError:
            clock.pause(BETWEEN_TRIES_S * attempt)
        except ChangedMeanwhileError:
            newer = review_tasks.get(task.task_id)
            if newer.owes or newer.decided() != task.decided():
                return hand_on(newer, person, issuer)
            return newer
    return task
