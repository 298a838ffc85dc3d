"""labelloop.domain.mails.to_operator: words, which stack they are about, and where that is seen."""

import re
from typing import Any

import pytest

from labelloop.domain.mails import to_operator
from labelloop.domain.parameters import API_IMAGES, BY_NAME, MODEL_HOURS
from tests.unit.domain.mails.samples import FACTS, PLACE, check

IN_BUCKET = "https://console.aws.amazon.com/s3/{}/sorting-bucket?region=eu-west-1&prefix="
DASHBOARD = (
    "https://console.aws.amazon.com/cloudwatch/home?region=eu-west-1"
    "#dashboards/dashboard/sorting-eu-west-1"
)


def test_every_kind_of_message_is_read_here() -> None:
    assert FACTS.keys() == to_operator.MAILS.keys()


@pytest.mark.parametrize("serving", [None, "v1"])
@pytest.mark.parametrize("kind", FACTS)
def test_a_message_to_the_operator_reads_as_if_somebody_had_written_it(
    kind: str, serving: str | None
) -> None:
    message = to_operator.whole(kind, {"serving": serving, **FACTS[kind]}, PLACE)
    check(message)
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
    message = to_operator.whole(kind, {**FACTS[kind], **changes}, PLACE)
    check(message)
    assert text in message.text


def test_why_a_model_was_promoted_is_a_list() -> None:
    facts = {**FACTS["model_deployed"], "reasons": ["It is better.", "It is right more often."]}
    assert (
        "Why:\n- It is better.\n- It is right more often."
        in to_operator.whole("model_deployed", facts, PLACE).text
    )


@pytest.mark.parametrize("kind", to_operator.MAILS)
def test_every_message_says_its_stack_and_region_and_leads_to_its_dashboard(kind: str) -> None:
    message = to_operator.whole(kind, {"serving": "v1", **FACTS[kind]}, PLACE)
    assert "\n\nStack sorting, Region eu-west-1\n" in message.text
    assert message.text.endswith(f"\nDashboard: {DASHBOARD}\n")
    assert (message.data["stack"], message.data["region"]) == ("sorting", "eu-west-1")


@pytest.mark.parametrize("kind", to_operator.MAILS)
def test_a_message_with_a_command_says_how_it_reaches_its_stack(kind: str) -> None:
    words = to_operator.MAILS[kind]({"serving": "v1", **FACTS[kind]}).text
    message = to_operator.whole(kind, {"serving": "v1", **FACTS[kind]}, PLACE)
    reach = "Commands reach it with --stack-name sorting and AWS_REGION=eu-west-1\n"
    assert (reach in message.text) == ("labelloop " in words)


@pytest.mark.parametrize("kind", to_operator.MAILS)
def test_no_stack_trace_is_mailed(kind: str) -> None:
    message = to_operator.whole(kind, {"serving": "v1", **FACTS[kind]}, PLACE)
    assert "stackTrace" not in message.as_text()


@pytest.mark.parametrize(
    ("kind", "facts", "line"),
    [
        (
            "model_rejected",
            {},
            f"Its report: {IN_BUCKET.format('object')}evaluation%2Fv2%2Freport.json",
        ),
        (
            "training_started",
            {},
            f"What it learns from: {IN_BUCKET.format('buckets')}manifests%2Ftraining%2Fv2%2F",
        ),
        (
            "answer_problem",
            {},
            f"The answers: {IN_BUCKET.format('object')}a2i-human-loop-data%2Fx%2Foutput.json",
        ),
        (
            "images_waiting",
            {},
            f"The images: {IN_BUCKET.format('buckets')}images_for_detection%2F",
        ),
        ("a2i_refused", {}, "Review page: https://review.example/"),
        ("drift", {}, "Review page: https://review.example/"),
        (
            "training_failed",
            {"execution": "arn:aws:states:eu-west-1:123456789012:execution:x:y"},
            "Steps of the workflow: https://console.aws.amazon.com/states/home?region=eu-west-1"
            "#/v2/executions/details/arn:aws:states:eu-west-1:123456789012:execution:x:y",
        ),
    ],
)
def test_a_message_leads_to_what_it_is_about(kind: str, facts: dict[str, Any], line: str) -> None:
    message = to_operator.whole(kind, {**FACTS[kind], **facts}, PLACE)
    assert f"\n{line}\n" in message.text


def test_addresses_hold_whatever_the_key_of_an_object_has() -> None:
    address = PLACE.file("a b/ü?&#.jpg", "v/1&")
    assert re.fullmatch(r"[!-~]+", address)
    assert address.endswith("&prefix=a%20b%2F%C3%BC%3F%26%23.jpg&versionId=v%2F1%26")
