"""Human answers in Amazon A2I's own output format, written and read.

Both review backends end in an object ``a2i-human-loop-data/…/output.json`` of this format, so
what reads answers cannot tell which backend wrote them.

Format: https://docs.aws.amazon.com/sagemaker/latest/dg/a2i-output-data.html
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from labelloop.domain.annotations import MOST_BOXES, MOST_LABELS, Annotation, Box, ModelType
from labelloop.domain.labels import composed, says_none
from labelloop.errors import MalformedAnswerError

FOLDER = "a2i-human-loop-data/"
NONE_OF_THE_ABOVE = "None of the Above"
CONSOLE_FLOW = "console"
"""Stands where A2I has the name of a flow definition."""


@dataclass(frozen=True)
class Answer:
    """What one person said about one image."""

    worker: str
    said: Annotation
    """Without labels where the person chose none of them, or saw nothing to draw a box around."""


@dataclass(frozen=True)
class TimedAnswer:
    """An answer with what A2I notes about how it came to be."""

    answer: Answer
    accepted: datetime
    submitted: datetime
    issuer: str
    """The user pool's address."""


def output_key(human_loop: str, created: datetime) -> str:
    """Where the answers of a loop are put, as A2I would name it."""
    moment = created.astimezone(UTC).strftime("%Y/%m/%d/%H/%M/%S")
    return f"{FOLDER}{CONSOLE_FLOW}/{moment}/{human_loop}/output.json"


def loop_of_key(key: str) -> str:
    """The loop whose answers the object of this key holds.

    Raises MalformedAnswerError when the key is not one that A2I would write.
    """
    parts = key.split("/")
    if not key.startswith(FOLDER) or parts[-1] != "output.json" or len(parts) < 3 or not parts[-2]:
        raise MalformedAnswerError(
            f"{key} is not where A2I puts answers: …/<human loop>/output.json."
        )
    return parts[-2]


# --- Written --------------------------------------------------------------------------------------


def write(
    human_loop: str,
    input_content: Mapping[str, Any],
    answers: Sequence[TimedAnswer],
    model_type: ModelType,
) -> dict[str, Any]:
    """The content of ``output.json`` for these answers."""
    return {
        "flowDefinitionArn": CONSOLE_FLOW,
        "humanLoopName": human_loop,
        "inputContent": dict(input_content),
        "humanAnswers": [_written(timed, model_type) for timed in answers],
    }


def _written(timed: TimedAnswer, model_type: ModelType) -> dict[str, Any]:
    return {
        "acceptanceTime": moment_text(timed.accepted),
        "submissionTime": moment_text(timed.submitted),
        "timeSpentInSeconds": round((timed.submitted - timed.accepted).total_seconds(), 3),
        "workerId": timed.answer.worker,
        "workerMetadata": {
            "identityData": {
                "identityProviderType": "Cognito",
                "issuer": timed.issuer,
                "sub": timed.answer.worker,
            }
        },
        "answerContent": _widget(timed.answer.said, model_type),
    }


def _widget(said: Annotation, model_type: ModelType) -> dict[str, Any]:
    """The answer as the widget for this type of model gives it, under a name of our own."""
    if model_type is ModelType.CLASSIFICATION:
        return {"label": {"label": said.labels[0] if said.labels else NONE_OF_THE_ABOVE}}
    if model_type is ModelType.MULTI_LABEL:
        return {"labels": {"labels": list(said.labels)}}
    boxes: dict[str, Any] = {
        "boundingBoxes": [
            {
                "height": box.height,
                "label": box.label,
                "left": box.left,
                "top": box.top,
                "width": box.width,
            }
            for box in said.boxes
        ]
    }
    if said.size_px is not None:
        boxes["inputImageProperties"] = {"height": said.size_px[1], "width": said.size_px[0]}
    return {"boxes": boxes}


def moment_text(moment: datetime) -> str:
    """A moment as answers and tasks have it: in UTC, with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- Read -----------------------------------------------------------------------------------------


def read(body: bytes) -> tuple[Answer, ...]:
    """The answers in an ``output.json``; none when the loop ended without any.

    Unknown fields are passed over. Raises MalformedAnswerError for what is not this format.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedAnswerError(f"It is not JSON: {error}.") from error
    if not isinstance(content, dict):
        raise MalformedAnswerError("It is not a JSON object.")
    human_answers = content.get("humanAnswers")
    if human_answers is None:
        return ()
    if not isinstance(human_answers, list):
        raise MalformedAnswerError("humanAnswers is not a list.")
    return tuple(_read(f"humanAnswers[{n}]", n, answer) for n, answer in enumerate(human_answers))


def _read(name: str, position: int, answer: object) -> Answer:
    if not isinstance(answer, dict) or not isinstance(answer.get("answerContent"), dict):
        raise MalformedAnswerError(f"{name} has no answerContent.")
    worker = answer.get("workerId")
    worker = worker if isinstance(worker, str) and worker else f"unknown-{position}"
    # The widget's name is whatever the task template calls it.
    for widget in answer["answerContent"].values():
        if not isinstance(widget, dict):
            continue
        if isinstance(widget.get("label"), str):
            return Answer(worker, _of_labels(name, [widget["label"]]))
        if isinstance(widget.get("labels"), list):
            return Answer(worker, _of_labels(name, widget["labels"]))
        if isinstance(widget.get("boundingBoxes"), list):
            return Answer(worker, _of_boxes(name, widget))
    raise MalformedAnswerError(f"{name} has no label, no labels and no boundingBoxes.")


def _of_labels(name: str, labels: Sequence[object]) -> Annotation:
    return Annotation.of_labels(
        label for label in (_label(name, text) for text in labels) if not says_none(label)
    )


def _label(name: str, text: object) -> str:
    if not isinstance(text, str):
        raise MalformedAnswerError(f"{name} has a label that is no text.")
    return composed(text)


def _of_boxes(name: str, widget: Mapping[str, Any]) -> Annotation:
    entries = widget["boundingBoxes"]
    size = widget.get("inputImageProperties")
    if size is None and not entries:
        return Annotation.of_labels(())
    width, height = _whole_px(name, size, ("width", "height"))
    if min(width, height) <= 0:
        raise MalformedAnswerError(f"{name} has an inputImageProperties without a size.")
    return Annotation.of_boxes((_box(name, entry) for entry in entries), (width, height))


def _box(name: str, entry: object) -> Box:
    left, top, width, height = _whole_px(name, entry, ("left", "top", "width", "height"))
    label = _label(name, entry.get("label") if isinstance(entry, dict) else None)
    return Box(label, left, top, width, height)


def _whole_px(name: str, entry: object, sides: Sequence[str]) -> list[int]:
    """The numbers under these names, as whole pixels."""
    found: list[Any] = [entry.get(side) for side in sides] if isinstance(entry, dict) else []
    # JSON's true is no number, though bool is an int; its 1e999 is one that is no size.
    numbers = [number for number in found if _is_size(number)]
    if len(numbers) < len(sides):
        raise MalformedAnswerError(f"{name} does not have {', '.join(sides)} in pixels.")
    return [round(number) for number in numbers]


def _is_size(number: Any) -> bool:
    return type(number) in {int, float} and abs(number) < 1e6


def people(body: bytes) -> frozenset[str]:
    """Who has answered an ``output.json`` that ``read`` takes: each ``sub`` that Cognito has given.

    Of another identity provider's people there is none. A2I's own name for a worker is not it.
    """
    return frozenset(
        sub
        for answer in json.loads(body).get("humanAnswers") or ()
        if isinstance(sub := _within(answer, "workerMetadata", "identityData", "sub"), str)
    )


def _within(entry: Any, *names: str) -> Any:
    for name in names:
        entry = entry.get(name) if isinstance(entry, dict) else None
    return entry


def check(answers: Sequence[Answer], model_type: ModelType) -> None:
    """Raise MalformedAnswerError for an answer from which a model of this type learns nothing."""
    for number, answer in enumerate(answers):
        problem = _problem(answer.said, model_type)
        if problem:
            raise MalformedAnswerError(f"humanAnswers[{number}] {problem}")


def _problem(said: Annotation, model_type: ModelType) -> str:
    if not said.labels:
        return ""
    if (said.size_px is not None) != (model_type is ModelType.DETECTION):
        wanted = "boxes" if model_type is ModelType.DETECTION else "labels of the image"
        return f"has no {wanted}, from which a {model_type} model learns."
    if model_type is ModelType.CLASSIFICATION and len(said.labels) > 1:
        return f"has {len(said.labels)} labels, and a classification model learns one."
    if len(said.labels) > MOST_LABELS or len(said.boxes) > MOST_BOXES:
        return f"has more than {MOST_LABELS} labels or {MOST_BOXES} boxes."
    problems = (box.problem(said.size_px) for box in said.boxes if said.size_px)
    return next((f"has a bad box. {problem}" for problem in problems if problem), "")
