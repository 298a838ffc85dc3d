"""Lambda's recursion guard: a chain of events that invokes a function time and again is stopped."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.services import lineage
from local.services.lineage import MOST_ROUNDS, RecursionStoppedError, invocation_trace, rounds
from tests.unit.local.services.test_queue_pollers import Line, line  # noqa: F401

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"
OTHER = "arn:aws:lambda:us-east-1:123456789012:function:other"


def chain(function_arn: str, count: int) -> str:
    """The trace header of a chain that has invoked the function so often."""
    trace = ""
    for _ in range(count):
        trace = invocation_trace(str(uuid.uuid4()), [trace], function_arn)
    return trace


def test_each_function_of_a_chain_is_counted_by_itself() -> None:
    trace = chain(FUNCTION, 2)
    trace = invocation_trace(str(uuid.uuid4()), [trace], OTHER)
    assert (rounds(trace, FUNCTION), rounds(trace, OTHER)) == (2, 1)


def test_what_comes_of_a_batch_belongs_to_the_longest_of_its_chains() -> None:
    traces = [chain(FUNCTION, 3), "", chain(FUNCTION, 5), chain(OTHER, 9)]
    trace = invocation_trace(str(uuid.uuid4()), traces, FUNCTION)
    assert (rounds(trace, FUNCTION), rounds(trace, OTHER)) == (6, 9)


def test_a_trace_header_has_the_form_that_x_ray_gives_it() -> None:
    trace = chain(FUNCTION, 1)
    assert re.fullmatch(
        r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Sampled=0;Lineage=[0-9a-f]{8}:1", trace
    ), trace


def test_a_message_that_its_function_sends_round_is_stopped_after_sixteen_rounds(
    line: Line,  # noqa: F811
    eventually: Callable[..., Any],
) -> None:
    line.map(line.function("sample.again", environment={"QUEUE_URL": line.url}), batch_size=1)
    line.send({"rounds": 30})
    assert eventually(line.dead) == [{"rounds": 30 - MOST_ROUNDS}]
    assert line.log().count("round") == MOST_ROUNDS
    assert line.left() == 0


def test_a_function_that_may_loop_is_not_stopped(
    line: Line,  # noqa: F811
    eventually: Callable[..., Any],
) -> None:
    environment = {"QUEUE_URL": line.url}
    line.map(line.function("sample.again", environment=environment, may_loop=True), batch_size=1)
    line.send({"rounds": 20})
    eventually(lambda: line.left() == 0 and line.log().count("round") == 20)
    assert line.dead() == []


def test_a_message_of_a_short_chain_is_handed_out_though_its_batch_has_a_long_one(
    line: Line,  # noqa: F811
    eventually: Callable[..., Any],
) -> None:
    function = line.function("sample.echo")
    line.send({"n": 1})
    trace = {"DataType": "String", "StringValue": chain(function, MOST_ROUNDS)}
    line.send({"n": 2}, MessageSystemAttributes={"AWSTraceHeader": trace})
    line.map(function)
    assert eventually(line.dead) == [{"n": 2}]
    eventually(lambda: "saw" in line.log())
    (saw,) = line.log().splitlines()
    assert [json.loads(record["body"]) for record in json.loads(saw)["saw"]["Records"]] == [
        {"n": 1}
    ]


def test_a_message_that_is_shown_again_comes_at_once_and_its_chain_gets_no_longer(
    line: Line,  # noqa: F811
    eventually: Callable[..., Any],
) -> None:
    hours = {"VisibilityTimeout": str(12 * 3600)}
    line.sqs.set_queue_attributes(QueueUrl=line.url, Attributes=hours)
    function = line.function("sample.show_again", environment={"QUEUE_URL": line.url})
    line.map(function)
    line.send({})
    eventually(lambda: line.log().count("trace") == 3 and line.left() == 0)
    traces = [row for row in line.log().splitlines() if row.startswith("trace")]
    assert [rounds(trace, function) for trace in traces] == [1, 1, 1]


def test_an_event_of_a_loop_that_was_stopped_reaches_the_failure_destination(
    line: Line,  # noqa: F811
    eventually: Callable[..., Any],
) -> None:
    function = line.function("sample.echo", on_failure_arn=f"{line.arn}-dead")
    line.runtime.functions.invoke_async(function, b"{}", [chain(function, MOST_ROUNDS)])
    (record,) = eventually(line.dead)
    assert record["responsePayload"]["errorType"] == "RecursiveInvocationException"
    assert record["requestContext"]["approximateInvokeCount"] == 1


def test_the_pool_invokes_no_function_once_too_often(line: Line) -> None:  # noqa: F811
    function = line.function("sample.echo")
    last = chain(function, MOST_ROUNDS - 1)
    assert line.runtime.functions.invoke(function, b"{}", [last]).error is None
    with pytest.raises(RecursionStoppedError):
        line.runtime.functions.invoke(function, b"{}", [chain(function, MOST_ROUNDS)])


def test_whoever_invokes_a_function_once_too_often_is_told(small_stack: Any) -> None:
    aws_lambda = small_stack.client("lambda")
    name = small_stack.physical_id("GreetFunction")
    arn = f"arn:aws:lambda:us-east-1:123456789012:function:{name}"

    def hand_on(params: Any, **_: Any) -> None:
        params["headers"][lineage.HEADER] = chain(arn, MOST_ROUNDS)

    aws_lambda.meta.events.register("before-call.lambda.Invoke", hand_on)
    with pytest.raises(ClientError) as refused:
        aws_lambda.invoke(FunctionName=name, Payload=b"{}")
    aws_lambda.meta.events.unregister("before-call.lambda.Invoke", hand_on)
    assert refused.value.response["Error"]["Code"] == "RecursiveInvocationException"
