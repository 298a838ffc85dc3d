"""What anybody has done can be found in the logs, by id and never by address."""

import json
from collections.abc import Mapping
from typing import Any

import urllib3

from local.launch import wait_for
from tests.stack import Stack


def lines(stack: Stack, group: str) -> list[dict[str, Any]]:
    """What a log group of the template has, each line of JSON."""
    pages = (
        stack.client("logs")
        .get_paginator("filter_log_events")
        .paginate(logGroupName=stack.physical_id(group))
    )
    messages = [event["message"] for page in pages for event in page["events"]]
    return [json.loads(message) for message in messages if message.startswith("{")]


def requests(stack: Stack) -> set[tuple[str, str, str]]:
    """(person, route, status) of each request to the HTTP API."""
    return {(line["person"], line["route"], line["status"]) for line in lines(stack, "ApiLogGroup")}


def acts(stack: Stack, facts: Mapping[str, Any]) -> list[str]:
    """The messages of the functions' lines that have these facts, in their order."""
    found = lines(stack, "FunctionsLogGroup")
    return [str(line.get("message")) for line in found if facts.items() <= line.items()]


def test_requests_and_acts_are_in_the_logs_with_the_person_who_made_them(
    serving_stack: Stack,
) -> None:
    stack, doubtful = serving_stack, serving_stack.detect()
    wait_for(lambda: stack.task(doubtful), "the task")
    reviewer = stack.add_reviewer()
    reviewer.review(doubtful, "circle")
    reviewer.undo(doubtful)
    reviewer.answer(doubtful, "stripes")
    address = stack.outputs["ApiUrl"].rstrip("/")
    urllib3.request("POST", f"{address}/review/tasks/next", retries=False)
    urllib3.request("GET", f"{address}/nowhere", retries=False)

    (who,) = stack.task(doubtful)["answers"]
    assert requests(stack) >= {
        (who, "POST /review/tasks/next", "200"),
        (who, "POST /review/tasks/{id}/answer", "200"),
        (who, "POST /review/tasks/{id}/undo", "200"),
        ("-", "POST /review/tasks/next", "401"),
        ("-", "-", "404"),
    }
    its = {"person": who, "task_id": doubtful.task_id}
    assert wait_for(
        lambda: (
            acts(stack, its)[-4:]
            == ["task claimed", "task answered", "answer undone", "task answered"]
        ),
        "the lines of what the reviewer did",
    )
    said = lines(stack, "ApiLogGroup") + lines(stack, "FunctionsLogGroup")
    assert "@example.com" not in json.dumps(said)


def test_answers_that_were_read_may_be_forgotten_in_their_time(serving_stack: Stack) -> None:
    stack, doubtful = serving_stack, serving_stack.detect()
    wait_for(lambda: stack.task(doubtful), "the task")
    stack.add_reviewer().review(doubtful, "circle")
    wait_for(lambda: stack.record(doubtful).get("agreement"), "the answer in the log")

    (key,) = [k for k in stack.keys("a2i-human-loop-data/") if doubtful.task_id in k]
    tags = stack.client("s3").get_object_tagging(Bucket=stack.bucket, Key=key)["TagSet"]
    assert tags == [{"Key": "read", "Value": "true"}]


def test_a_training_says_who_asked_for_it(empty_stack: Stack) -> None:
    empty_stack.labelloop("train", "--force")

    begun = [
        line
        for line in lines(empty_stack, "FunctionsLogGroup")
        if line.get("message") == "training or deployment begun"
    ]
    assert begun[-1]["asked_by"].startswith("arn:aws:sts::123456789012:")
    assert begun[-1]["execution"].startswith("arn:aws:states:")
