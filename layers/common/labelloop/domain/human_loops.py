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

from labelloop.errors import MalformedAnswerError

FOLDER = "a2i-human-loop-data/"
NONE_OF_THE_ABOVE = "None of the Above"
CONSOLE_FLOW = "console"
"""Stands where A2I has the name of a flow definition."""


@dataclass(frozen=True)
class Answer:
    """What one person said about one image."""

    worker: str
    label: str | None
    """None where the person chose none of the labels."""


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


def write(
    human_loop: str, input_content: Mapping[str, Any], answers: Sequence[TimedAnswer]
) -> dict[str, Any]:
    """The content of ``output.json`` for these answers."""
    return {
        "flowDefinitionArn": CONSOLE_FLOW,
        "humanLoopName": human_loop,
        "inputContent": dict(input_content),
        "humanAnswers": [_written(timed) for timed in answers],
    }


def _written(timed: TimedAnswer) -> dict[str, Any]:
    label = timed.answer.label
    return {
        "acceptanceTime": _moment(timed.accepted),
        "submissionTime": _moment(timed.submitted),
        "timeSpentInSeconds": round((timed.submitted - timed.accepted).total_seconds(), 3),
        "workerId": timed.answer.worker,
        "workerMetadata": {
            "identityData": {
                "identityProviderType": "Cognito",
                "issuer": timed.issuer,
                "sub": timed.answer.worker,
            }
        },
        "answerContent": {"label": {"label": NONE_OF_THE_ABOVE if label is None else label}},
    }


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read(body: bytes) -> tuple[Answer, ...]:
    """The answers in an ``output.json``; none when the loop ended without any.

    Unknown fields are passed over. Raises MalformedAnswerError for what is not this format.
    """
    try:
        content = json.loads(body)
    except ValueError as error:
        raise MalformedAnswerError(f"It is not JSON: {error}.") from error
    if not isinstance(content, dict):
        raise MalformedAnswerError("It is not a JSON object.")
    human_answers = content.get("humanAnswers")
    if human_answers is None:
        return ()
    if not isinstance(human_answers, list):
        raise MalformedAnswerError("humanAnswers is not a list.")
    return tuple(_read(position, answer) for position, answer in enumerate(human_answers))


def _read(position: int, answer: object) -> Answer:
    if not isinstance(answer, dict) or not isinstance(answer.get("answerContent"), dict):
        raise MalformedAnswerError(f"humanAnswers[{position}] has no answerContent.")
    worker = answer.get("workerId")
    worker = worker if isinstance(worker, str) and worker else f"unknown-{position}"
    # The widget's name is whatever the task template calls it.
    for widget in answer["answerContent"].values():
        if isinstance(widget, dict) and isinstance(widget.get("label"), str):
            label = widget["label"].strip()
            return Answer(
                worker, None if label.casefold() == NONE_OF_THE_ABOVE.casefold() else label
            )
    raise MalformedAnswerError(f"humanAnswers[{position}] has no label.")
