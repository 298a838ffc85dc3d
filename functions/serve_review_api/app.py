"""ServeReviewApi: let signed-in people take review tasks and answer them.

Invoked by  the HTTP API, routes under ``/review``, behind its JWT authoriser
Raises      nothing that is the caller's fault: that becomes {"error": {"code", "message"}}
Idempotent  yes; the same answer given twice is one answer, and a task is handed on by whoever
            finds it complete
"""

from collections.abc import Callable
from itertools import islice
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from pydantic import ValidationError
from typing_extensions import TypedDict

from labelloop import clock, http_api
from labelloop.aws import objects, review_labels, review_tasks
from labelloop.domain import human_loops
from labelloop.domain.human_loops import NONE_OF_THE_ABOVE, Answer, TimedAnswer
from labelloop.domain.review_tasks import ReviewTask
from labelloop.entrypoint import Strict, logger
from labelloop.errors import ChangedMeanwhileError, InvalidRequestError, NotAllowedError
from labelloop.http_api import Caller

LINK_S = 600
"""How long an image's address works: longer than a lease."""
LISTED = 25
"""How many available tasks are shown at once."""
LOOKED_AT = 1000
"""How many available tasks are tried for one that this person may have: with several reviewers an
image, the oldest are those that this person has answered and others have not."""
TRIES = 5

api = APIGatewayHttpResolver()
http_api.answer_refusals(api)


class AnswerBody(Strict):
    """One label, or none of them."""

    label: str | None = None
    none: bool = False


class ListedTask(TypedDict):
    """A task that somebody may take now."""

    task_id: str
    created: str
    answers: int
    """How many people have answered."""
    wanted: int
    """How many shall."""


class Listed(TypedDict):
    """The oldest tasks that somebody may take now."""

    tasks: list[ListedTask]


class Summary(TypedDict):
    """How much is to do."""

    open: int


class ShownTask(TypedDict):
    """A task as the person sees it who has claimed it."""

    task_id: str
    image_url: str
    """Works without signing in, for ten minutes."""
    file_name: str
    labels: list[str]
    """What can be answered."""
    none: str
    """What to call the answer that it is none of them."""
    lease_until: str
    """Until then nobody else gets it."""


class Answered(TypedDict):
    """How far a task has come."""

    task_id: str
    answers: int
    complete: bool


class Released(TypedDict):
    """A task that was given back."""

    task_id: str


def _person() -> Caller:
    """The signed-in person. Raises NotAllowedError for one who may not review, and for machines."""
    caller = http_api.caller(api)
    if not caller.may_review:
        raise NotAllowedError("You are in neither of the groups reviewers and operators.")
    return caller


# --- Routes ---------------------------------------------------------------------------------------


@api.get("/review/tasks")
def list_tasks() -> Listed:
    """The tasks that somebody may take now, the oldest first."""
    _person()
    status = api.current_event.get_query_string_value("status", "open")
    if status != "open":
        raise InvalidRequestError("status can be open.")
    tasks = islice(review_tasks.available(clock.now()), LISTED)
    return {
        "tasks": [
            {
                "task_id": task.task_id,
                "created": clock.iso(task.created),
                "answers": len(task.answers),
                "wanted": task.wanted,
            }
            for task in tasks
            if not task.complete
        ]
    }


@api.get("/review/summary")
def summary() -> Summary:
    """How much is to do."""
    _person()
    return {"open": review_tasks.count_open()}


@api.post("/review/tasks/next")
def take_next() -> Response[None] | ShownTask:
    """The oldest task that this person may have, claimed for some minutes; 204 when none is."""
    person = _person()
    now = clock.now()
    for task in islice(review_tasks.available(now), LOOKED_AT):
        if task.complete:
            _hand_on(task, person)
        elif task.claimable_by(person.sub, now):
            try:
                claimed = review_tasks.replace_with(task.claimed(person.sub, now), now)
            except ChangedMeanwhileError:
                continue  # Somebody else was faster: the next one, then.
            return _shown(claimed, person)
    return Response(204)


@api.post("/review/tasks/<task_id>/answer")
def answer(task_id: str) -> Answered:
    """Take this person's answer, and hand the task on when it was the last one."""
    person = _person()
    label = _label()

    def with_answer(task: ReviewTask) -> ReviewTask:
        given = task.answers.get(person.sub)
        if given is not None and given.label == label:
            return task  # The same answer again: its first delivery was taken.
        return task.answered(person.sub, label, clock.now())

    task = _change(task_id, with_answer)
    if task.complete and not task.finished:
        task = _hand_on(task, person)
    return {"task_id": task_id, "answers": len(task.answers), "complete": task.complete}


@api.post("/review/tasks/<task_id>/release")
def release(task_id: str) -> Released:
    """Give the task back."""
    person = _person()
    _change(task_id, lambda task: task.released(person.sub, clock.now()))
    return {"task_id": task_id}


@api.post("/review/tasks/<task_id>/undo")
def undo(task_id: str) -> ShownTask:
    """Take this person's answer back, and let the same person answer again."""
    person = _person()
    task = _change(task_id, lambda task: task.undone(person.sub, clock.now()))
    return _shown(task, person)


# --- Steps ----------------------------------------------------------------------------------------


def _label() -> str | None:
    """The label in the request's body; None for none of the above."""
    try:
        body = AnswerBody.model_validate_json(http_api.body(api))
    except ValidationError as error:
        raise InvalidRequestError('The body is {"label": "..."} or {"none": true}.') from error
    if body.none == (body.label is not None):
        raise InvalidRequestError("An answer is either one label or none of them.")
    if body.label is not None:
        review_labels.check(body.label)
    return body.label


def _change(task_id: str, change: Callable[[ReviewTask], ReviewTask]) -> ReviewTask:
    """Store what becomes of a task, again where somebody else changed it meanwhile."""
    for attempt in range(1, TRIES + 1):
        task = review_tasks.get(task_id)
        changed = change(task)
        if changed == task:
            return task
        try:
            return review_tasks.replace_with(changed, clock.now())
        except ChangedMeanwhileError:
            if attempt == TRIES:
                raise
    raise AssertionError("unreachable")


def _hand_on(task: ReviewTask, person: Caller) -> ReviewTask:
    """Write the task's answers where the workflow reads them, then close the task.

    In this order: a task whose answers were not written stays in the queue, and whoever comes
    across it hands it on.
    """
    answers = [
        TimedAnswer(Answer(worker, given.label), given.accepted, given.submitted, person.issuer)
        for worker, given in task.answers.items()
    ]
    content = {
        "detection_id": task.detection_id,
        "taskObject": f"s3://{task.bucket}/{task.key}",
        "version_id": task.version_id,
    }
    key = human_loops.output_key(task.task_id, task.created)
    objects.write_json(key, human_loops.write(task.task_id, content, answers))
    try:
        return review_tasks.replace_with(task.handed_on(), clock.now())
    except ChangedMeanwhileError:
        return task  # Undone or handed on by another request: that one has the say.


def _shown(task: ReviewTask, person: Caller) -> ShownTask:
    """What this person sees of a task: neither other people's answers nor the model's."""
    return {
        "task_id": task.task_id,
        "image_url": objects.link(task.key, task.version_id, LINK_S),
        "file_name": task.key.rsplit("/", 1)[-1],
        "labels": review_labels.choices(),
        "none": NONE_OF_THE_ABOVE,
        "lease_until": clock.iso(task.claims[person.sub].until),
    }


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one request."""
    logger.append_keys(request_id=context.aws_request_id)
    return api.resolve(event, context)
