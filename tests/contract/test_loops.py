"""Functions that invoke themselves, through whatever: what Lambda's recursion guard stops.

It stops a chain of events that invokes a function for more than about 16 rounds, through SQS, SNS,
S3's own notifications or Invoke; Step Functions and EventBridge hand nothing on:
https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
"""

import fnmatch
import math
from typing import Any

import pytest

from local.services.lineage import MOST_ROUNDS
from tests.contract import files

HANDS_OVER = {"SetUpStackFunction": "Setup", "SetUpHumanReviewFunction": "HumanReview"}
"""Functions that go on in another invocation, until CloudFormation gives up on their resource."""


def _grants(function: str) -> list[dict[str, Any]]:
    """The statements of a function's role, those of policies of their own included."""
    found = files.statements(files.functions()[function])
    for policy in files.resources("AWS::IAM::Policy").values():
        if {"Ref": f"{function}Role"} in policy["Properties"]["Roles"]:
            found += policy["Properties"]["PolicyDocument"]["Statement"]
    return found


def _may(statement: dict[str, Any], action: str) -> bool:
    return any(fnmatch.fnmatch(action, given) for given in files.as_list(statement["Action"]))


def _invokes(function: str) -> set[str]:
    """The functions that a function's messages and calls invoke."""
    fed_by = {
        queue: target
        for mapping in files.resources("AWS::Lambda::EventSourceMapping").values()
        for queue in files.references(mapping["Properties"]["EventSourceArn"])
        for target in files.references(mapping["Properties"]["FunctionName"])
    }
    found = set()
    for statement in _grants(function):
        named = files.references(statement["Resource"])
        if _may(statement, "lambda:InvokeFunction"):
            found |= named & set(files.functions())
        if _may(statement, "sqs:SendMessage"):
            found |= {fed_by[queue] for queue in named if queue in fed_by}
    return found


def _loops() -> set[str]:
    """The functions that a chain of events comes back to."""

    def reached(function: str) -> set[str]:
        found: set[str] = set()
        todo = [function]
        while todo:
            new = _invokes(todo.pop()) - found
            found |= new
            todo += new
        return found

    return {function for function in files.functions() if function in reached(function)}


def _may_loop(function: str) -> bool:
    return bool(files.functions()[function].get("RecursiveLoop") == "Allow")


def test_the_functions_that_invoke_themselves_are_these() -> None:
    assert _loops() == {"DispatchEventsFunction", *HANDS_OVER}


@pytest.mark.parametrize("function", sorted(_loops() - set(HANDS_OVER)))
def test_a_function_that_invokes_itself_without_a_bound_may_do_so(function: str) -> None:
    assert _may_loop(function)


@pytest.mark.parametrize("function", sorted(HANDS_OVER))
def test_a_function_that_hands_over_to_itself_is_done_before_lambda_stops_it(function: str) -> None:
    resource = files.template()["Resources"][HANDS_OVER[function]]["Properties"]
    stem = files.functions()[function]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
    works_s = files.functions()[function]["Timeout"] - files.app(stem).TIME_TO_HAND_OVER_S
    assert math.ceil(resource["ServiceTimeout"] / works_s) < MOST_ROUNDS
    assert not _may_loop(function), "what never ends shall be stopped"


def test_no_topic_and_no_bucket_invokes_a_function_or_feeds_a_queue() -> None:
    for subscription in files.resources("AWS::SNS::Subscription").values():
        assert subscription["Properties"]["Protocol"] == "email"
    for bucket in files.resources("AWS::S3::Bucket").values():
        assert set(bucket["Properties"]["NotificationConfiguration"]) == {
            "EventBridgeConfiguration"
        }


@pytest.mark.parametrize("queue", ["DetectionQueue", "AnswersQueue"])
def test_a_message_that_waited_for_its_turn_may_still_fail_several_times(queue: str) -> None:
    turns: int = files.app("dispatch_events").TURNS
    policy = files.resources("AWS::SQS::Queue")[queue]["Properties"]["RedrivePolicy"]
    assert policy["maxReceiveCount"] - (turns - 1) >= 5
