"""labelloop.domain.news: which stack a message is about, and where that can be seen."""

import re
from typing import Any

import pytest

from labelloop.domain.messages import OPERATOR_MESSAGES
from labelloop.domain.news import to_operator
from labelloop.domain.places import Place
from tests.unit.domain.test_messages import FACTS

PLACE = Place("sorting", "eu-west-1", "sorting-bucket", "https://review.example/")
IN_BUCKET = "https://console.aws.amazon.com/s3/{}/sorting-bucket?region=eu-west-1&prefix="
DASHBOARD = (
    "https://console.aws.amazon.com/cloudwatch/home?region=eu-west-1"
    "#dashboards/dashboard/sorting-eu-west-1"
)


@pytest.mark.parametrize("kind", OPERATOR_MESSAGES)
def test_every_message_says_its_stack_and_region_and_leads_to_its_dashboard(kind: str) -> None:
    message = to_operator(kind, {"serving": "v1", **FACTS[kind]}, PLACE)
    assert "\n\nStack sorting, Region eu-west-1\n" in message.text
    assert message.text.endswith(f"\nDashboard: {DASHBOARD}\n")
    assert (message.data["stack"], message.data["region"]) == ("sorting", "eu-west-1")


@pytest.mark.parametrize("kind", OPERATOR_MESSAGES)
def test_a_message_with_a_command_says_how_it_reaches_its_stack(kind: str) -> None:
    words = OPERATOR_MESSAGES[kind]({"serving": "v1", **FACTS[kind]}).text
    message = to_operator(kind, {"serving": "v1", **FACTS[kind]}, PLACE)
    reach = "Commands reach it with --stack-name sorting and AWS_REGION=eu-west-1\n"
    assert (reach in message.text) == ("labelloop " in words)


@pytest.mark.parametrize("kind", OPERATOR_MESSAGES)
def test_no_stack_trace_is_mailed(kind: str) -> None:
    message = to_operator(kind, {"serving": "v1", **FACTS[kind]}, PLACE)
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
    message = to_operator(kind, {**FACTS[kind], **facts}, PLACE)
    assert f"\n{line}\n" in message.text


def test_addresses_hold_whatever_the_key_of_an_object_has() -> None:
    address = PLACE.file("a b/ü?&#.jpg", "v/1&")
    assert re.fullmatch(r"[!-~]+", address)
    assert address.endswith("&prefix=a%20b%2F%C3%BC%3F%26%23.jpg&versionId=v%2F1%26")
