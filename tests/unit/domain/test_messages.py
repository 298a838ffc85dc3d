"""labelloop.domain.messages: what people and programs are told."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import messages
from labelloop.domain.annotations import MOST_BOXES, ModelType
from labelloop.domain.detections import Label, LabelBox, Outcome
from labelloop.domain.images import ImageObject
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.messages import DetectionResult, Message
from labelloop.domain.news import to_operator
from labelloop.domain.parameters import API_IMAGES, BY_NAME, MODEL_HOURS
from labelloop.domain.places import Place

CAUSE = json.dumps(
    {"errorMessage": "The service was busy.", "errorType": "BusyError", "stackTrace": ["..."]}
)
HOSTED = {
    "version": "v2",
    "hours": 2.25,
    "usd": 18.0,
    "usd_per_hour": 8.0,
    "idle_minutes": 30,
}
RUN = {"hours": 30.26, "usd": 121.04, "usd_per_hour": 4.0}
PLACE = Place("sorting", "eu-west-1", "sorting-bucket", "https://review.example/")
FACTS: dict[str, dict[str, Any]] = {
    "training_started": {"version": "v2", "new_images": 12, "train_images": 90, "test_images": 1},
    "model_deployed": {
        "version": "v2",
        "previous": "v1",
        "previous_run": RUN,
        "reasons": ["It is better."],
        "asked": {"version": "v1", "images": 120, "answered": 118, "run": RUN},
        "resent": 1,
    },
    "model_rejected": {"version": "v2", "reasons": ["It is worse."], "asked": None},
    "model_not_compared": {
        "version": "v2",
        "reasons": ["Its F1 score of 0.91 reaches the minimum of 0.80."],
        "cause": CAUSE,
        "asked": {"version": "v1", "images": 1, "answered": 0, "run": None},
    },
    "judgement_changed": {},
    "to_mend": {"to_mend": ["Model-Hosting is missing."]},
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
    "model_starting": {"version": "v2", "images_wait": True, "status": "STOPPED"},
    "model_not_started": {"version": "v2", "status": "FAILED", "cause": CAUSE},
    "labeling_problem": {"cause": CAUSE},
    "images_not_labelled": {
        "refused": 30,
        "left_out": [
            {"key": f"images_to_label/{n}.gif", "reason": "It is no image."} for n in range(25)
        ],
    },
    "labeling_job_ended": {
        "job": "label-loop-1-2",
        "status": "Failed",
        "labelled": 3,
        "on_console": 2,
        "cause": CAUSE,
    },
    "ground_truth_refused": {"cause": CAUSE},
    "a2i_refused": {"cause": CAUSE},
    "loops_unanswered": {"loop": "detection-1", "status": "Stopped", "cause": CAUSE},
    "model_stopped": HOSTED,
    "model_not_stopped": {"version": "v2", "cause": CAUSE},
    "model_not_answering": HOSTED,
    "version_gone": {"version": "v2"},
    "project_gone": {"cause": CAUSE},
    "model_idle": HOSTED,
    "model_hours_spent": {"version": "v1", "ceiling": 48},
    "api_images_spent": {"ceiling": 20000},
    "workflow_failed": {
        "workflow": "human_sampling",
        "execution": "arn:aws:states:eu-west-1:123456789012:execution:x:y",
        "error": "E",
        "cause": CAUSE,
    },
    "images_waiting": {"version": None},
    "drift": {"version": "v2", "right": 20, "answers": 40, "at_most": 0.648, "f1": 0.9},
    "answer_problem": {"key": "a2i-human-loop-data/x/output.json", "cause": "It is not JSON."},
}
IMAGE = ImageObject("bucket", "images_for_detection/ünder.jpg", "v1", "etag", 10)


def _check(message: Message) -> None:
    """What SNS takes, and what anybody would call a written message."""
    assert re.fullmatch(r"[\x21-\x7e][\x20-\x7e]{0,98}", message.subject)
    said = message.text.replace("Train-None-Of-The-Above", "")
    for broken in ("None", "{", "}", "[", "]", "  ", "stackTrace", "errorMessage", "''", ".."):
        assert broken not in said, said
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
    message = to_operator(kind, {"serving": serving, **FACTS[kind]}, PLACE)
    _check(message)
    if "cause" in FACTS[kind] and kind != "answer_problem":
        assert "The service was busy." in message.text


@pytest.mark.parametrize(
    ("kind", "changes", "text"),
    [
        ("training_started", {"new_images": 1}, "1 new labelled image has come in"),
        ("training_started", {"new_images": 0}, "As you asked, a new version"),
        ("training_started", {}, "tested on one image."),
        (
            "model_deployed",
            {"previous": None, "previous_run": None},
            "v2 detects images from now on. No model was in service before it.",
        ),
        ("model_deployed", {"again": True, "previous_run": None}, "v2 runs again and detects"),
        ("model_deployed", {"again": True, "previous": None}, "v2 runs again and detects"),
        ("model_deployed", {}, "That one ran for 30.3 hours, which cost about US$121.04"),
        ("model_deployed", {"previous_run": None}, "was stopped.\n\nWhy:"),
        ("model_deployed", {}, "One image had waited"),
        ("model_deployed", {"resent": 3}, "3 images had waited"),
        (
            "model_deployed",
            {},
            "v1 was asked about 118 of 120 images from today's test set. It was started for that, "
            "and ran for 30.3 hours, which cost about US$121.04",
        ),
        (
            "model_deployed",
            {"asked": {"version": "v1", "images": 120, "answered": 120, "run": None}},
            "about 120 of 120 images from today's test set. It ran anyway.",
        ),
        ("model_deployed", {"asked": None}, "Why:\n- It is better.\n\nOne image"),
        ("model_rejected", {"serving": "v1"}, "v1 stays in service."),
        ("model_rejected", {}, "Nothing serves: images that come wait.\n\nWhy:"),
        ("model_rejected", {}, "all the same: labelloop deploy v2\n"),
        ("model_not_compared", {"serving": "v1"}, "better than v1 depends on"),
        ("model_not_compared", {}, "better than the model that serves depends on"),
        ("model_not_compared", {}, "without another training: labelloop train --force"),
        ("model_not_compared", {}, "0.80.\n\nTo ask it"),
        ("judgement_changed", {}, "labelloop params set Minimum-Decides always"),
        ("judgement_changed", {}, f"{MODEL_HOURS} at the most ({BY_NAME[MODEL_HOURS].default})"),
        ("judgement_changed", {}, f"{API_IMAGES} ({BY_NAME[API_IMAGES].default})"),
        ("training_failed", {"version": ""}, "No model is in service."),
        ("after_switch_failed", {"previous": "v1"}, "labelloop stop v1"),
        (
            "run_unfinished",
            {"serving": "v1"},
            "v1 serves. Stopped now, since it served nobody: v2, v3",
        ),
        ("run_unfinished", {"serving": "v1", "stopped": [], "serves": False}, "labelloop start\n"),
        ("run_unfinished", {"stopped": []}, "No model is in service.\n"),
        ("run_unfinished", {"proven": None}, "by a later run.\n\nStack"),
        ("run_unfinished", {}, "labelloop deploy v3"),
        ("model_starting", {}, "Images have come in, and by Model-Hosting"),
        ("model_starting", {}, "until it is stopped. To stop it"),
        ("model_starting", {"usd_an_hour": 8.0}, "stopped, about US$8.00 an hour. To stop it"),
        ("workflow_failed", {}, "When that is mended: the next run by schedule goes on from"),
        ("workflow_failed", {"workflow": "model_training"}, "or with: labelloop train\n"),
        ("deployment_failed", {"serving": "v1"}, "v1 stays in service."),
        ("images_not_labelled", {}, "are 30 files from which no training could learn"),
        (
            "images_not_labelled",
            {},
            "- images_to_label/0.gif and 24 more: It is no image.\n- 5 more\n",
        ),
        ("model_starting", {"images_wait": False}, "It was STOPPED, and by Model-Hosting"),
        (
            "model_starting",
            {"hours": 3.0, "usd": 12.0, "usd_per_hour": 4.0},
            "It ran for 3.0 hours, which cost about US$12.00 at US$4.00 an hour.",
        ),
        ("model_stopped", {}, "It has run for 2.2 hours, which cost about US$18.00"),
        ("model_idle", {}, "params set Model-Hosting on-demand"),
        (
            "model_hours_spent",
            {},
            "run for 48 hours today, the most that Maximum-Daily-Model-Hours",
        ),
        (
            "model_hours_spent",
            {"ceiling": 1},
            "labelloop params set Maximum-Daily-Model-Hours HOURS",
        ),
        ("model_hours_spent", {"version": None}, "HOURS\n\nNothing is lost"),
        ("api_images_spent", {}, "20000 images came by the API today"),
        ("api_images_spent", {"ceiling": 1}, "set Maximum-Daily-API-Images IMAGES"),
        ("drift", {"accepted": None}, "When it was tested, its F1 score was 0.90."),
        (
            "drift",
            {"accepted": {"value": 0.95, "low": 0.76, "high": 0.99, "images": 20}},
            "it was right about 95% (76% to 99%) of the 20 test images of which it was sure.",
        ),
        ("images_waiting", {"version": "v1"}, "The deployed model, v1, is not running."),
        ("images_waiting", {}, "No model has been deployed yet."),
    ],
)
def test_a_message_says_what_is_so(kind: str, changes: dict[str, Any], text: str) -> None:
    message = to_operator(kind, {**FACTS[kind], **changes}, PLACE)
    _check(message)
    assert text in message.text


def test_why_a_model_was_promoted_is_a_list() -> None:
    facts = {**FACTS["model_deployed"], "reasons": ["It is better.", "It is right more often."]}
    assert (
        "Why:\n- It is better.\n- It is right more often."
        in to_operator("model_deployed", facts, PLACE).text
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


# --- To the consumer ------------------------------------------------------------------------------


def _result(**changes: Any) -> DetectionResult:
    given = {
        "image": IMAGE,
        "detection_id": "d1",
        "outcome": Outcome.CONFIDENT,
        "model_type": ModelType.CLASSIFICATION,
        "version": "v1",
        "label": None,
        "labels": [],
        "labels_left_out": 0,
        "reason": None,
        "human_loop": None,
        "review_enabled": False,
        "minimum_confidence_pct": 70.0,
        "unsure": [],
    }
    return DetectionResult(**{**given, **changes})


def _told(result: DetectionResult) -> Message:
    return messages.detection_result(result, PLACE)


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
    labels = [label, Label("dog", 1.0)] if label else []
    message = _told(_result(outcome=outcome, label=label, labels=labels, reason="Too big."))
    _check(message)
    assert message.subject == subject
    assert sentence in message.text
    assert "dog" not in message.text, "a classification model finds one label"


@pytest.mark.parametrize(
    ("outcome", "pct", "sentence"),
    [
        (Outcome.CONFIDENT, 91.3, "(91.3 %).\n"),
        (Outcome.REVIEW, 91.3, "People have not said often enough yet that it is right about"),
        (Outcome.REVIEW, 69.0, "That is not certain enough, so a person is being asked."),
    ],
)
def test_an_image_that_is_none_of_the_labels_is_told_as_such(
    outcome: Outcome, pct: float, sentence: str
) -> None:
    label = Label(NONE_OF_THEM, pct)
    result = _result(outcome=outcome, label=label, labels=[label, Label("cat", 1.0)])
    message = _told(result)
    _check(message)
    assert message.subject == "?nder.jpg: none of them"
    assert f"takes {IMAGE.key} for none of its labels ({pct} %)." in message.text
    assert sentence in message.text
    assert message.data["label"] == "none of them"
    assert json.loads(messages.filter_label(result)) == ["none of them"]


def test_the_consumer_hears_that_a_doubtful_image_waits_where_a_day_has_a_budget() -> None:
    result = _result(outcome=Outcome.DEFERRED, label=Label("cat", 2.0), review_enabled=True)
    message = _told(result)
    assert "It waits: a person is asked if it is among the most useful" in message.text
    assert "switched off" not in message.text


@pytest.mark.parametrize("model_type", [ModelType.MULTI_LABEL, ModelType.DETECTION])
def test_several_labels_or_boxes_are_said_in_words_and_programs_get_all(
    model_type: ModelType,
) -> None:
    box = LabelBox(-0.01, 0.2, 0.3, 0.4) if model_type is ModelType.DETECTION else None
    labels = [Label("gear", 95.0, box), Label("bolt", 92.0, box), Label("gear", 61.04, box)]
    message = _told(
        _result(
            outcome=Outcome.REVIEW, model_type=model_type, labels=labels[::-1], label=labels[-1]
        )
    )
    _check(message)
    assert message.subject == "?nder.jpg: gear and bolt"
    assert (
        "found gear (95.0 %), bolt (92.0 %) and gear (61.0 %). The least sure is gear (61.0 %)"
        in (message.text)
    )
    assert message.data["labels"] == [label.as_json() for label in labels]
    assert ("box" in message.data["labels"][0]) == (model_type is ModelType.DETECTION)


@pytest.mark.parametrize(
    ("count", "left_out", "end"),
    [
        (10, 0, "label 8 (90.0 %) and label 9 (90.0 %)."),
        (11, 0, "label 9 (90.0 %) and 1 more."),
        (10, 3, "label 9 (90.0 %) and 3 more."),
        (12, 3, "label 9 (90.0 %) and 5 more."),
    ],
)
def test_up_to_ten_are_said_and_how_many_more_there_are(
    count: int, left_out: int, end: str
) -> None:
    labels = [Label(f"label {number}", 90.0) for number in range(count)]
    message = _told(
        _result(
            model_type=ModelType.MULTI_LABEL,
            labels=labels,
            label=labels[-1],
            labels_left_out=left_out,
        )
    )
    assert end in message.text
    assert message.data["labels_left_out"] == left_out


def test_of_as_many_boxes_as_can_be_trained_it_is_said_that_some_may_be_missing() -> None:
    labels = [Label("gear", 99.0, LabelBox(0.1, 0.2, 0.3, 0.4))] * 50
    facts = {"model_type": ModelType.DETECTION, "labels": labels, "label": labels[0]}
    message = _told(_result(outcome=Outcome.REVIEW, **facts))
    _check(message)
    assert "50 boxes or more, some may be missing, so a person is being asked." in message.text


def test_a_detections_message_is_json_whose_first_field_people_read() -> None:
    label = Label("cat", 91.5)
    message = _told(_result(label=label, labels=[label]))
    assert message.as_json().splitlines()[1].startswith('  "summary": "In images_for_detection/')
    assert json.loads(message.as_json()) == {
        "summary": message.text.strip(),
        "detection_id": "d1",
        "bucket": "bucket",
        "key": "images_for_detection/ünder.jpg",
        "version_id": "v1",
        "outcome": "confident",
        "version": "v1",
        "label": "cat",
        "confidence_pct": 91.5,
        "labels": [{"name": "cat", "confidence_pct": 91.5}],
        "labels_left_out": 0,
        "reason": None,
        "human_loop": None,
        "stack": "sorting",
        "region": "eu-west-1",
        "image_url": "https://console.aws.amazon.com/s3/object/sorting-bucket?region=eu-west-1"
        "&prefix=images_for_detection%2F%C3%BCnder.jpg&versionId=v1",
    }


def test_a_detections_message_leads_to_the_review_page_where_a_person_is_asked_there() -> None:
    asked = _result(outcome=Outcome.REVIEW)
    assert _told(asked).data["review_url"] == PLACE.review_page
    elsewhere = replace(PLACE, review_page="")
    assert "review_url" not in messages.detection_result(asked, elsewhere).data


@pytest.mark.parametrize(
    ("changes", "values"),
    [
        (
            {"label": Label("cat", 91.26), "labels": [Label("cat", 91.26), Label("dog", 1.0)]},
            ('["cat"]', "91.26000", "v1"),
        ),
        (
            {
                "model_type": ModelType.MULTI_LABEL,
                "label": Label("dög", 1e-9),
                "labels": [Label("dög", 1e-9), Label("cat", 2.0), Label("cat", 1.0)],
            },
            ('["cat", "dög"]', "0.00000", "v1"),
        ),
        ({"outcome": Outcome.REVIEW}, ("[null]", "0.00000", "v1")),
        ({"outcome": Outcome.REJECTED, "version": None}, ("[null]", "0.00000", "none")),
    ],
)
def test_messages_can_be_filtered_by_label_confidence_and_version_whatever_became_of_the_image(
    changes: dict[str, Any], values: tuple[str, str, str]
) -> None:
    result = _result(**changes)
    assert values == (
        messages.filter_label(result),
        messages.filter_confidence(result),
        messages.filter_version(result),
    )


@pytest.mark.parametrize("sign", ["g", "ü", "日", '"', "\\"])
@pytest.mark.parametrize("model_type", ModelType)
def test_however_much_is_found_sns_and_the_state_machine_take_it(
    model_type: ModelType, sign: str
) -> None:
    box = LabelBox(-0.123456, 0.123456, 0.123456, 0.123456)
    names = [f"{number:03}{sign * 252}" for number in range(250)]
    labels = [
        Label(
            names[number % 250], 90.123456, None if model_type is not ModelType.DETECTION else box
        )
        for number in range(5000 if model_type is ModelType.DETECTION else 250)
    ]
    result = _result(
        image=ImageObject("b" * 63, "k" * 1024, "v" * 1024, "etag", 10),
        outcome=Outcome.REVIEW,
        model_type=model_type,
        label=labels[-1],
        labels=labels,
        unsure=[replace(label, chance_pct=49.123456) for label in labels[:50]],
        reason="r" * 1024,
    )
    message = _told(result)
    sent = [message.subject, message.as_json(), messages.filter_label(result)]
    assert sum(len(text.encode()) for text in sent) < 256 * 1024
    assert len(json.dumps(sent, ensure_ascii=False).encode()) < 256 * 1024
    told = len(message.data["labels"])
    assert told + message.data["labels_left_out"] == len(labels)
    assert told >= MOST_BOXES
    if sign == "g":
        assert told >= 250


def test_it_is_said_what_chances_make_an_image_doubtful() -> None:
    message = _told(
        _result(
            outcome=Outcome.REVIEW,
            model_type=ModelType.MULTI_LABEL,
            label=Label("cat", 98.1),
            labels=[Label("dog", 99.5, chance_pct=91.0), Label("cat", 98.1, chance_pct=62.0)],
            unsure=[Label("emu", 1.2, chance_pct=40.6), Label("owl", 1.1, chance_pct=29.0)],
        )
    )
    assert (
        "By its test results, the chance is 62 % that there is cat and 41 % that there is emu, "
        "which it did not find. That is not certain enough, so a person is being asked."
    ) in message.text
    assert message.data["labels"][0]["chance_pct"] == 91.0
    assert message.data["unsure"] == [
        {"name": "emu", "confidence_pct": 1.2, "chance_pct": 40.6},
        {"name": "owl", "confidence_pct": 1.1, "chance_pct": 29.0},
    ]


def test_nothing_is_said_of_chances_where_none_makes_it_doubtful() -> None:
    message = _told(
        _result(
            model_type=ModelType.MULTI_LABEL,
            label=Label("dog", 50.0),
            labels=[Label("dog", 50.0, chance_pct=70.0)],
            unsure=[Label("owl", 40.0, chance_pct=30.0)],
        )
    )
    assert "chance" not in message.text


@given(st.text(min_size=1))
def test_any_text_becomes_a_subject_that_sns_takes(text: str) -> None:
    subject = messages.subject_line(f"File {text}: cat")
    assert re.fullmatch(r"[\x20-\x7e]{1,99}", subject)
