"""labelloop.domain.messages: what people and programs are told."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import messages
from labelloop.domain.detections import Label, Outcome
from labelloop.domain.images import ImageObject
from labelloop.domain.messages import Message

CAUSE = json.dumps(
    {"errorMessage": "The service was busy.", "errorType": "BusyError", "stackTrace": ["..."]}
)
FACTS: dict[str, dict[str, Any]] = {
    "training_started": {"version": "v2", "new_images": 12, "train_images": 90, "test_images": 1},
    "model_deployed": {
        "version": "v2",
        "previous": "v1",
        "reasons": ["It is better."],
        "resent": 1,
    },
    "model_rejected": {"version": "v2", "reasons": ["It is worse."], "report": "evaluation/v2"},
    "untrainable": {"cause": CAUSE},
    "training_failed": {"version": "v2", "error": "BusyError", "cause": CAUSE},
    "deployment_failed": {"version": "v2", "error": "BusyError", "cause": CAUSE},
    "nothing_serves": {"version": "v2"},
    "model_left_running": {
        "version": "v2",
        "error": "BusyError",
        "cause": CAUSE,
        "why_not_stopped": CAUSE,
    },
    "after_switch_failed": {"version": "v2", "previous": None, "error": "E", "cause": CAUSE},
    "run_unfinished": {
        "execution": "arn:aws:states:eu-west-1:123456789012:execution:x:y",
        "stopped": ["v2", "v3"],
        "serves": True,
        "proven": "v3",
    },
    "workflow_failed": {
        "workflow": "human_sampling",
        "execution": "arn:aws:states:eu-west-1:123456789012:execution:x:y",
        "error": "E",
        "cause": CAUSE,
    },
    "images_waiting": {"version": None},
    "answer_problem": {"key": "a2i-human-loop-data/x/output.json", "cause": "It is not JSON."},
}
IMAGE = ImageObject("bucket", "images_for_detection/ünder.jpg", "v1", "etag", 10)


def _check(message: Message) -> None:
    """What SNS takes, and what anybody would call a written message."""
    assert re.fullmatch(r"[\x21-\x7e][\x20-\x7e]{0,98}", message.subject)
    for broken in ("None", "{", "}", "[", "]", "  ", "stackTrace", "errorMessage", "''", ".."):
        assert broken not in message.text, message.text
    assert message.text.endswith("\n")
    for paragraph in message.text.strip().split("\n\n"):
        assert paragraph.startswith(IMAGE.key) or not paragraph[0].islower()


def test_every_kind_of_message_is_read_here() -> None:
    assert FACTS.keys() == messages.OPERATOR_MESSAGES.keys()


@pytest.mark.parametrize("serving", [None, "v1"])
@pytest.mark.parametrize("kind", FACTS)
def test_a_message_to_the_operator_reads_as_if_somebody_had_written_it(
    kind: str, serving: str | None
) -> None:
    message = messages.to_operator(kind, {"serving": serving, **FACTS[kind]})
    _check(message)
    if "cause" in FACTS[kind] and kind != "answer_problem":
        assert "The service was busy." in message.text


@pytest.mark.parametrize(
    ("kind", "changes", "text"),
    [
        ("training_started", {"new_images": 1}, "1 new labelled image has come in"),
        ("training_started", {"new_images": 0}, "As you asked, a new version"),
        ("training_started", {}, "tested on one image."),
        ("model_deployed", {"previous": None}, "is the first model"),
        ("model_deployed", {"previous": "v2"}, "runs again"),
        ("model_deployed", {}, "One image had waited"),
        ("model_deployed", {"resent": 3}, "3 images had waited"),
        ("model_rejected", {"serving": "v1"}, "v1 stays in service."),
        ("training_failed", {"version": ""}, "No model is in service yet."),
        ("after_switch_failed", {"previous": "v1"}, "labelloop stop v1"),
        (
            "run_unfinished",
            {"serving": "v1"},
            "v1 serves. Stopped now, since it served nobody: v2, v3",
        ),
        ("run_unfinished", {"serving": "v1", "stopped": [], "serves": False}, "labelloop start\n"),
        ("run_unfinished", {"stopped": []}, "No model is in service yet.\n"),
        ("run_unfinished", {"proven": None}, "by a later run.\n\nIts steps"),
        ("run_unfinished", {}, "labelloop deploy v3"),
        ("images_waiting", {"version": "v1"}, "The deployed model, v1, is not running."),
        ("images_waiting", {}, "No model has been deployed yet."),
    ],
)
def test_a_message_says_what_is_so(kind: str, changes: dict[str, Any], text: str) -> None:
    message = messages.to_operator(kind, {**FACTS[kind], **changes})
    _check(message)
    assert text in message.text


def test_why_a_model_was_promoted_is_a_list() -> None:
    facts = {**FACTS["model_deployed"], "reasons": ["It is better.", "It is right more often."]}
    assert (
        "Why:\n- It is better.\n- It is right more often."
        in messages.to_operator("model_deployed", facts).text
    )


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"cause": CAUSE, "error": "E"}, "The service was busy."),
        ({"cause": "Plain words.", "error": "E"}, "Plain words."),
        ({"cause": "", "error": "States.Timeout"}, "States.Timeout"),
        ({"cause": "[1]"}, "[1]"),
        ({}, "no cause was given"),
    ],
)
def test_a_cause_is_said_in_the_words_of_the_error(facts: dict[str, Any], words: str) -> None:
    assert messages.cause_in_words(facts) == words


@pytest.mark.parametrize(
    ("outcome", "label", "subject", "sentence"),
    [
        (Outcome.CONFIDENT, Label("cat", 91.26), "?nder.jpg: cat", "found cat (91.3 %)."),
        (Outcome.REVIEW, Label("cat", 20.0), "?nder.jpg: cat", "a person is being asked"),
        (Outcome.REVIEW, None, "?nder.jpg: nothing found", "found nothing that it knows."),
        (Outcome.DEFERRED, Label("cat", 2.0), "?nder.jpg: cat", "human review is switched off"),
        (Outcome.REJECTED, None, "?nder.jpg: not an image we can use", "was refused. Too big."),
    ],
)
def test_a_message_to_the_consumer_says_what_became_of_the_image(
    outcome: Outcome, label: Label | None, subject: str, sentence: str
) -> None:
    message = messages.detection_result(
        IMAGE, "d1", outcome, label=label, reason="Too big.", human_loop="detection-d1"
    )
    _check(message)
    assert message.subject == subject
    assert sentence in message.text


def test_programs_get_the_same_facts_as_json_and_people_get_the_text() -> None:
    message = messages.detection_result(
        IMAGE, "d1", Outcome.CONFIDENT, label=Label("cat", 91.5), reason=None, human_loop=None
    )
    by_protocol = json.loads(message.sns_message())
    assert by_protocol["email"] == message.text
    assert json.loads(by_protocol["default"]) == {
        "detection_id": "d1",
        "bucket": "bucket",
        "key": "images_for_detection/ünder.jpg",
        "version_id": "v1",
        "outcome": "confident",
        "label": "cat",
        "confidence_pct": 91.5,
        "reason": None,
        "human_loop": None,
    }


@given(st.text(min_size=1))
def test_any_text_becomes_a_subject_that_sns_takes(text: str) -> None:
    subject = messages.subject_line(f"File {text}: cat")
    assert re.fullmatch(r"[\x20-\x7e]{1,99}", subject)
