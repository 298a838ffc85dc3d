"""What is said over the API that reviewers work by: bodies of requests, and answers to them.

``ServeReviewApi`` speaks it, and the API's document is written from it.
"""

from typing import Annotated, Any, NotRequired

from pydantic import Field, StrictBool, StrictInt
from typing_extensions import TypedDict

from labelloop.domain.annotations import MOST_BOXES, MOST_LABELS, Annotation, Box, ModelType
from labelloop.domain.labels import MOST_GIVEN, composed
from labelloop.domain.review_tasks import TASK_ID
from labelloop.entrypoint import Strict
from labelloop.errors import InvalidRequestError
from labelloop.http_api import AS_IN_JSON

MOST_AT_ONCE = 10
"""How many tasks one person may take in a request."""
MOST_PX = 100_000
LabelName = Annotated[str, Field(min_length=1, max_length=MOST_GIVEN)]
Place = Annotated[StrictInt, Field(ge=0, le=MOST_PX), AS_IN_JSON]
Side = Annotated[StrictInt, Field(ge=1, le=MOST_PX), AS_IN_JSON]
TaskId = Annotated[str, Field(pattern=TASK_ID)]
_ANSWERED_BY = {
    ModelType.CLASSIFICATION: "label",
    ModelType.MULTI_LABEL: "labels",
    ModelType.DETECTION: "boxes",
}


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

    def said(self, model_type: ModelType) -> Annotation:
        """What the answer says of the image; no labels for none of them.

        Raises InvalidRequestError where it is not of this type of model.
        """
        wanted = _ANSWERED_BY[model_type]
        given = [name for name in _ANSWERED_BY.values() if getattr(self, name) is not None]
        given += ["none"] if self.none else []
        if given not in ([wanted], ["none"]):
            raise InvalidRequestError(
                f"An answer for a {model_type} model is either {wanted} or none; this one has "
                f"{' and '.join(given) or 'neither'}."
            )
        return self._annotation()

    def _annotation(self) -> Annotation:
        if self.boxes is None:
            given = [self.label] if self.label is not None else self.labels or ()
            return Annotation.of_labels(map(composed, given))
        if self.size is None:
            raise InvalidRequestError(
                "Boxes come with the size of the image that they are drawn in."
            )
        size_px = (self.size.width, self.size.height)
        boxes = [Box(**{**box.model_dump(), "label": composed(box.label)}) for box in self.boxes]
        problems = [problem for box in boxes if (problem := box.problem(size_px))]
        if problems:
            raise InvalidRequestError(problems[0])
        return Annotation.of_boxes(boxes, size_px)


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
