"""ServeReviewApi: let signed-in people take review tasks and answer them.

Invoked by  the HTTP API, routes under ``/review``, behind its JWT authoriser
Raises      nothing that is the caller's fault: that becomes {"error": {"code", "message"}}
Idempotent  yes; the same answer given twice is one answer, and a task is handed on by whoever
            finds it complete
"""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Annotated, Any, NotRequired, TypeVar

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from pydantic import BaseModel, Field, StrictBool, StrictInt, ValidationError
from typing_extensions import TypedDict

from labelloop import clock, http_api
from labelloop.aws import objects, parameters, review_tasks, user_pools
from labelloop.aws.review_tasks import Person
from labelloop.aws.wiring import wiring
from labelloop.domain import human_loops
from labelloop.domain.annotations import MOST_BOXES, MOST_LABELS, Annotation, Box, ModelType
from labelloop.domain.detections import Label
from labelloop.domain.human_loops import NONE_OF_THE_ABOVE, Answer, TimedAnswer
from labelloop.domain.labels import MOST_GIVEN, NONE_OF_THEM, composed
from labelloop.domain.review_tasks import LEASE, TASK_ID, ReviewTask, answer_body
from labelloop.entrypoint import Strict, logger
from labelloop.errors import (
    BusyError,
    ChangedMeanwhileError,
    InvalidRequestError,
    NotAllowedError,
    NotFoundError,
    TooLargeError,
)
from labelloop.http_api import AS_IN_JSON
from labelloop.services import review_labels
from labelloop.settings import Variable

LINK_S = 600
"""How long an image's address works: longer than a lease."""
LISTED = 25
"""How many available tasks are shown at once."""
MOST_AT_ONCE = 10
"""How many tasks one person may take in a request."""
MOST_BODY_BYTES = 1024 * 1024
LOOKED_AT = 1000
"""How many available tasks are tried for one that this person may have: with several reviewers an
image, the oldest are those that this person has answered and others have not."""
TRIES = 8
BETWEEN_TRIES_S = 0.05

MOST_PX = 100_000
LabelName = Annotated[str, Field(min_length=1, max_length=MOST_GIVEN)]
Place = Annotated[StrictInt, Field(ge=0, le=MOST_PX), AS_IN_JSON]
Side = Annotated[StrictInt, Field(ge=1, le=MOST_PX), AS_IN_JSON]
TaskId = Annotated[str, Field(pattern=TASK_ID)]

api = APIGatewayHttpResolver()
http_api.answer_refusals(api)


class NextBody(Strict):
    """How many tasks, and which ones this person has in hand already."""

    count: Annotated[StrictInt, Field(ge=1, le=MOST_AT_ONCE), AS_IN_JSON] = 1
    but_not: Annotated[tuple[TaskId, ...], Field(alias="except", max_length=100)] = ()


class ReleaseBody(Strict):
    """Whether this person does not want to see the task again soon, and of which lease it is."""

    skip: StrictBool = False
    lease_until: Annotated[str, Field(max_length=40)] | None = None
    """As it was told: where the person has the task for longer by now, it is kept."""


class BoxBody(Strict):
    """A labelled box in pixels of the image as it is shown."""

    label: LabelName
    left: Place
    top: Place
    width: Side
    height: Side


class SizeBody(Strict):
    """The image as it is shown, in pixels."""

    width: Side
    height: Side


class AnswerBody(Strict):
    """One of these, as the model's type wants it; boxes come with the image's size."""

    label: LabelName | None = None
    labels: Annotated[list[LabelName], Field(max_length=MOST_LABELS)] | None = None
    boxes: Annotated[list[BoxBody], Field(max_length=MOST_BOXES)] | None = None
    size: SizeBody | None = None
    none: StrictBool = False


_ANSWERED_BY = {
    ModelType.CLASSIFICATION: "label",
    ModelType.MULTI_LABEL: "labels",
    ModelType.DETECTION: "boxes",
}
_Body = TypeVar("_Body", bound=BaseModel)


# --- Answers --------------------------------------------------------------------------------------


class Session(TypedDict):
    """What the page needs to know once."""

    model_type: ModelType
    labels: list[str]
    """What can be answered."""
    none: str
    """What to call the answer that it is none of them."""
    allow_new_labels: bool
    """Whether other labels are taken, too."""
    show_model_answer: bool
    """Whether people see what the model found before they answer."""
    lease_s: int
    """How long a task is somebody's."""
    most_boxes: int
    """How many boxes an answer may have."""
    name: str
    """Who is signed in."""


class ToldFigures(TypedDict):
    """How somebody's answers were."""

    agreed: int
    """How many agreed with what several people decided."""
    compared: int
    """Of how many that can be said."""


class ReviewerFigures(ToldFigures):
    """The same of one reviewer of several."""

    sub: str
    """Whose figures they are, whatever the person is called."""
    name: str


class Summary(ToldFigures):
    """How much is to do, and how this person's answers were."""

    open: int
    """Counted no further than 10,000."""
    reviewers: NotRequired[list[ReviewerFigures]]
    """Everybody's figures, for operators."""


class ListedTask(TypedDict):
    """A task that this person may take now."""

    task_id: str
    created: str
    answers: int
    """How many people have answered."""
    wanted: int
    """How many shall."""


class Listed(TypedDict):
    """The oldest tasks that this person may take now."""

    tasks: list[ListedTask]


class ShownBox(TypedDict):
    """Where in the image a label is, in ratios of the image's width and height."""

    left: float
    top: float
    width: float
    height: float


class ShownLabel(TypedDict):
    """One label that the model gave the image, or a part of it."""

    name: str
    confidence_pct: float
    box: NotRequired[ShownBox]


class Suggestion(TypedDict):
    """What the model found."""

    labels: list[ShownLabel]


class ShownTask(TypedDict):
    """A task as the person sees it who has claimed it."""

    task_id: str
    image_url: str
    """Works without signing in, for ten minutes."""
    file_name: str
    lease_until: str
    """Until then nobody else gets it."""
    suggestion: Suggestion | None
    """The model's answer, where people may see it."""
    answer: dict[str, Any] | None
    """What this person answered before taking it back, as it was sent."""


class Taken(TypedDict):
    """Tasks that this person has now; never none."""

    tasks: list[ShownTask]


class Extended(TypedDict):
    """A task that this person has for longer."""

    task_id: str
    lease_until: str


class Answered(TypedDict):
    """How far a task has come."""

    task_id: str
    answers: int
    complete: bool


class Released(TypedDict):
    """A task that was given back."""

    task_id: str


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
    tasks = islice((task for task in available if _is_for(task, person, now)), LISTED)
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
    person, body = _person(), _body(NextBody)
    now = clock.now()
    taken: list[ReviewTask] = []
    for task in islice(review_tasks.available(person.sub, now), LOOKED_AT):
        if len(taken) == body.count:
            break
        settled = _hand_on(task, person) if task.owes else task
        if task.task_id not in body.but_not and _is_for(settled, person, now):
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
    person, body = _person(), _body(AnswerBody)

    def with_answer(task: ReviewTask) -> ReviewTask:
        said = _said(body, task.model_type)
        given = task.answers.get(person.sub)
        if given is not None and given.said == said:
            return task  # The same answer again: its first delivery was taken.
        return task.answered(person.sub, said, clock.now())

    task = _change(task_id, person, "task answered", with_answer)
    if task.owes:
        task = _hand_on(task, person)
    return {"task_id": task_id, "answers": len(task.answers), "complete": task.complete}


@api.post("/review/tasks/<task_id>/release")
def release(task_id: str) -> Released:
    """Give the task back; who skips it is not asked about it for an hour."""
    person, body = _person(), _body(ReleaseBody)
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
    if task.owes:
        _hand_on(task, person)
    return _shown(task, person, taken_back[0] if taken_back else None)


# --- Steps ----------------------------------------------------------------------------------------


def _is_for(task: ReviewTask, person: Person, now: datetime) -> bool:
    """Whether this person may take a task now."""
    claimable = task.claimable_by(person.sub, now)
    return claimable and task.may_be_judged_by(person.sub, user_pools.reviewers)


def _body(model: type[_Body]) -> _Body:
    """The request's body; without one, what the model is by itself."""
    try:
        content = http_api.body(api)
        if len(content) > MOST_BODY_BYTES:
            raise TooLargeError("The body has more than a megabyte.")
        return model.model_validate_json(content or b"{}")
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        reason = f"The body is wrong at {where or 'its start'}: {first['msg']}"
        raise InvalidRequestError(reason) from error


def _said(body: AnswerBody, model_type: ModelType) -> Annotation:
    """What the answer says of the image; no labels for none of them."""
    wanted = _ANSWERED_BY[model_type]
    given = [name for name in _ANSWERED_BY.values() if getattr(body, name) is not None]
    given += ["none"] if body.none else []
    if given not in ([wanted], ["none"]):
        raise InvalidRequestError(
            f"An answer for a {model_type} model is either {wanted} or none; this one has "
            f"{' and '.join(given) or 'neither'}."
        )
    said = _annotation(body)
    review_labels.check(*said.labels)
    return said


def _annotation(body: AnswerBody) -> Annotation:
    if body.boxes is None:
        given = [body.label] if body.label is not None else body.labels or ()
        return Annotation.of_labels(map(composed, given))
    if body.size is None:
        raise InvalidRequestError("Boxes come with the size of the image that they are drawn in.")
    size_px = (body.size.width, body.size.height)
    boxes = [Box(**{**box.model_dump(), "label": composed(box.label)}) for box in body.boxes]
    problems = [problem for box in boxes if (problem := box.problem(size_px))]
    if problems:
        raise InvalidRequestError(problems[0])
    return Annotation.of_boxes(boxes, size_px)


def _change(
    task_id: str, person: Person, act: str, change: Callable[[ReviewTask], ReviewTask]
) -> ReviewTask:
    """Store what becomes of a task, again where somebody else changed it meanwhile, and note it."""
    if not re.fullmatch(TASK_ID, task_id):
        raise NotFoundError("There is no such task.")
    for attempt in range(1, TRIES + 1):
        task = review_tasks.get(task_id)
        changed = change(task)
        if changed == task:
            return task
        try:
            stored = review_tasks.change(task, changed, person, clock.now())
        except (ChangedMeanwhileError, BusyError):
            if attempt == TRIES:
                raise
            clock.pause(BETWEEN_TRIES_S * attempt)
        else:
            _note(act, stored, person)
            return stored
    raise AssertionError("unreachable")


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


def _hand_on(task: ReviewTask, person: Person) -> ReviewTask:
    """Write the task's answers where the workflow reads them, then close the task.

    Of one whose answers were taken back none are written: that takes its image out of the training
    data, and the task stays open.

    In this order: a task whose answers were not written stays in the queue, and whoever comes
    across it hands it on. Where somebody has changed the task meanwhile, these answers may have
    been written over newer ones, so those are handed on again.
    """
    issuer = http_api.caller(api).issuer
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
                return _hand_on(newer, person)
            return newer
    return task


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
