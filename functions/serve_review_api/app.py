"""ServeReviewApi: let signed-in people take review tasks and answer them.

Invoked by  the HTTP API, routes under ``/review``, behind its JWT authoriser
Raises      nothing that is the caller's fault: that becomes {"error": {"code", "message"}}
Idempotent  yes; the same answer given twice is one answer, and a task is handed on by whoever
            finds it complete
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from labelloop import clock, http_api
from labelloop.aws import objects, parameters, review_tasks
from labelloop.aws.review_tasks import Person
from labelloop.aws.wiring import wiring
from labelloop.domain.annotations import MOST_BOXES, Annotation, ModelType
from labelloop.domain.human_loops import NONE_OF_THE_ABOVE
from labelloop.domain.image_labels import Label
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.review_tasks import LEASE, ReviewTask, answer_body
from labelloop.entrypoint import logger
from labelloop.errors import ChangedMeanwhileError, InvalidRequestError, NotAllowedError
from labelloop.review_contract import (
    AnswerBody,
    Answered,
    Extended,
    Listed,
    NextBody,
    ReleaseBody,
    Released,
    Session,
    ShownTask,
    Suggestion,
    Summary,
    Taken,
)
from labelloop.services import review_labels, review_work
from labelloop.settings import Variable

LINK_S = 600
"""How long an image's address works: longer than a lease."""
LISTED = 25
"""How many available tasks are shown at once."""
LOOKED_AT = 1000
"""How many available tasks are tried for one that this person may have: with several reviewers an
image, the oldest are those that this person has answered and others have not."""

api = APIGatewayHttpResolver()
http_api.answer_refusals(api)


def _person() -> Person:
    """The signed-in person. Raises NotAllowedError for one who may not review, and for machines."""
    caller = http_api.caller(api)
    if not caller.may_review:
        raise NotAllowedError(f"You are in neither of the groups {http_api.groups_in_words()}.")
    return Person(caller.sub, caller.name)


# --- Routes ---------------------------------------------------------------------------------------


@api.get("/review/session")
def session() -> Session:
    """What the page needs to know once."""
    person = _person()
    return {
        "model_type": ModelType(wiring[Variable.MODEL_TYPE]),
        "labels": review_labels.choices(at_once=True),
        "none": NONE_OF_THE_ABOVE,
        "allow_new_labels": review_labels.may_be_new(),
        "show_model_answer": parameters.settings().show_model_answer,
        "lease_s": int(LEASE.total_seconds()),
        "most_boxes": MOST_BOXES,
        "name": person.name,
    }


@api.get("/review/summary")
def summary() -> Summary:
    """How much is to do, and how this person's answers were; operators see everybody's."""
    person = _person()
    own = review_tasks.figures_of(person.sub)
    seen: Summary = {
        "open": review_tasks.count_waiting(),
        "agreed": own.agreed,
        "compared": own.compared,
    }
    if http_api.caller(api).is_operator:
        figures = review_tasks.everybodys_figures()
        seen["reviewers"] = [
            {
                "sub": who.sub,
                "name": who.name,
                "agreed": each.agreed,
                "compared": each.compared,
            }
            for who, each in sorted(figures.items(), key=lambda one: (one[0].name, one[0].sub))
        ]
    return seen


@api.get("/review/tasks")
def list_tasks() -> Listed:
    """The tasks that this person may take now, the oldest first."""
    person = _person()
    status = api.current_event.get_query_string_value("status", "open")
    if status != "open":
        raise InvalidRequestError("status can be open.")
    now = clock.now()
    available = islice(review_tasks.available(person.sub, now), LOOKED_AT)
    tasks = islice((task for task in available if review_work.may_take(task, person, now)), LISTED)
    return {
        "tasks": [
            {
                "task_id": task.task_id,
                "created": clock.iso(task.created),
                "answers": len(task.answers),
                "wanted": task.wanted,
            }
            for task in tasks
        ]
    }


@api.post("/review/tasks/next")
def take_next() -> Response[None] | Taken:
    """Tasks that this person may have, claimed for some minutes; 204 when there is none.

    Those that the person has already come first, then the oldest.
    """
    person, body = _person(), http_api.parsed(api, NextBody)
    now = clock.now()
    taken: list[ReviewTask] = []
    for task in islice(review_tasks.available(person.sub, now), LOOKED_AT):
        if len(taken) == body.count:
            break
        settled = _settled(task, person)
        if task.task_id not in body.but_not and review_work.may_take(settled, person, now):
            claimed = settled.claimed(person.sub, now)
            try:
                taken.append(review_tasks.change(settled, claimed, person, now))
            except ChangedMeanwhileError:
                continue  # Somebody else was faster: the next one, then.
            _note("task claimed", task, person)
    if not taken:
        return Response(204)
    return {"tasks": [_shown(task, person) for task in taken]}


@api.post("/review/tasks/<task_id>/extend")
def extend(task_id: str) -> Extended:
    """Let this person have the task for longer."""
    person = _person()
    task = _change(
        task_id, person, "task extended", lambda task: task.extended(person.sub, clock.now())
    )
    return {"task_id": task_id, "lease_until": clock.iso(task.claims[person.sub].until)}


@api.post("/review/tasks/<task_id>/answer")
def answer(task_id: str) -> Answered:
    """Take this person's answer, and hand the task on when it was the last one."""
    person, body = _person(), http_api.parsed(api, AnswerBody)

    def with_answer(task: ReviewTask) -> ReviewTask:
        said = body.said(task.model_type)
        review_labels.check(*said.labels)
        given = task.answers.get(person.sub)
        if given is not None and given.said == said:
            return task  # The same answer again: its first delivery was taken.
        return task.answered(person.sub, said, clock.now())

    task = _settled(_change(task_id, person, "task answered", with_answer), person)
    return {"task_id": task_id, "answers": len(task.answers), "complete": task.complete}


@api.post("/review/tasks/<task_id>/release")
def release(task_id: str) -> Released:
    """Give the task back; who skips it is not asked about it for an hour."""
    person, body = _person(), http_api.parsed(api, ReleaseBody)
    act = "task skipped" if body.skip else "task released"

    def given_back(task: ReviewTask) -> ReviewTask:
        claim = task.claims.get(person.sub)
        if body.lease_until and claim and clock.iso(claim.until) != body.lease_until:
            return task  # Another page of this person's has taken it since.
        return task.released(person.sub, clock.now(), body.skip)

    _change(task_id, person, act, given_back)
    return {"task_id": task_id}


@api.post("/review/tasks/<task_id>/undo")
def undo(task_id: str) -> ShownTask:
    """Take this person's answer back, out of what trains too, and let the person answer again."""
    person = _person()
    taken_back: list[Annotation] = []

    def without_answer(task: ReviewTask) -> ReviewTask:
        given = task.answers.get(person.sub)
        if given is None and task.held_by(person.sub, clock.now()):
            return task  # Taken back already.
        undone = task.undone(person.sub, clock.now())
        taken_back[:] = [task.answers[person.sub].said]
        return undone

    task = _change(task_id, person, "answer undone", without_answer)
    _settled(task, person)
    return _shown(task, person, taken_back[0] if taken_back else None)


# --- Steps ----------------------------------------------------------------------------------------


def _change(
    task_id: str, person: Person, act: str, change: Callable[[ReviewTask], ReviewTask]
) -> ReviewTask:
    """Store what becomes of a task, and note it."""
    task, is_changed = review_work.change(task_id, person, change)
    if is_changed:
        _note(act, task, person)
    return task


def _settled(task: ReviewTask, person: Person) -> ReviewTask:
    """The task, handed on where its answers are owed to the workflow."""
    if not task.owes:
        return task
    return review_work.hand_on(task, person, http_api.caller(api).issuer)


def _note(act: str, task: ReviewTask, person: Person) -> None:
    """Leave one line of what a person has done: the trail, which names nobody's address."""
    given = task.answers.get(person.sub)
    facts = {} if given is None else {"labels": given.said.labels, "boxes": len(given.said.boxes)}
    logger.info(
        act,
        extra={
            "person": person.sub,
            "task_id": task.task_id,
            "detection_id": task.detection_id,
            **facts,
        },
    )


def _shown(task: ReviewTask, person: Person, answer: Annotation | None = None) -> ShownTask:
    """What this person sees of a task: never other people's answers."""
    return {
        "task_id": task.task_id,
        "image_url": objects.link(task.key, task.version_id, LINK_S),
        "file_name": task.key.rsplit("/", 1)[-1],
        "lease_until": clock.iso(task.claims[person.sub].until),
        "suggestion": _suggestion(task),
        "answer": None if answer is None else answer_body(answer, task.model_type),
    }


def _suggestion(task: ReviewTask) -> Suggestion | None:
    """The model's answer, where people may see it: boxes always, since they are drawn from it."""
    if task.model_type is ModelType.DETECTION or parameters.settings().show_model_answer:
        labels: Any = [_inside(label).as_json() for label in map(_answerable, task.suggestion)]
        return {"labels": labels}
    return None


def _answerable(label: Label) -> Label:
    """The label, under the name that people answer with."""
    return replace(label, name=NONE_OF_THE_ABOVE) if label.name == NONE_OF_THEM else label


def _inside(label: Label) -> Label:
    return (
        label if label.box is None else Label(label.name, label.confidence_pct, label.box.inside())
    )


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one request."""
    logger.append_keys(request_id=context.aws_request_id)
    return http_api.resolve(api, event, context)
