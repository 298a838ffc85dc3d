"""State machines as moto runs them patched."""

from __future__ import annotations

import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import botocore.exceptions
import pytest
from moto.stepfunctions.parser.utils import TMP_THREADS

from tests.unit.local.conftest import ACCOUNT, REGION, TIME_SCALE
from tests.unit.local.machines import Machines, one_state, task


def test_two_unnamed_executions_run_under_names_of_their_own(machines: Machines) -> None:
    arn = machines.create(one_state({"Type": "Pass"}))
    arns = {machines.client.start_execution(stateMachineArn=arn)["executionArn"] for _ in "ab"}
    assert len(arns) == 2


def test_of_ten_starts_under_one_name_one_runs(machines: Machines, runtime: Any) -> None:
    arn = machines.create(one_state({"Type": "Wait", "Seconds": 600}))

    def start(number: int) -> str:
        try:
            machines.client.start_execution(
                stateMachineArn=arn, name="training", input=json.dumps({"number": number})
            )
        except machines.client.exceptions.ExecutionAlreadyExists:
            return "exists"
        return "started"

    with ThreadPoolExecutor(10) as threads:
        assert sorted(threads.map(start, range(10))) == ["exists"] * 9 + ["started"]


def test_a_failed_execution_shows_its_error_and_cause(machines: Machines) -> None:
    answer = machines.run(
        {
            "StartAt": "A",
            "States": {
                "A": {"Type": "Fail", "ErrorPath": "$.error", "CausePath": "$.cause"},
            },
        },
        {"error": "TrainingFailed", "cause": "no test images"},
    )
    assert (answer["status"], answer["error"], answer["cause"]) == (
        "FAILED",
        "TrainingFailed",
        "no test images",
    )
    history = machines.client.get_execution_history(executionArn=answer["executionArn"])
    last = history["events"][-1]["executionFailedEventDetails"]
    assert last == {"error": "TrainingFailed", "cause": "no test images"}


def test_an_output_that_is_text_is_json_too(machines: Machines) -> None:
    assert machines.run(one_state({"Type": "Pass", "Result": "text"}))["output"] == '"text"'


def test_the_context_object_holds_the_execution(machines: Machines) -> None:
    parameters = {
        "id.$": "$$.Execution.Id",
        "input.$": "$$.Execution.Input",
        "name.$": "$$.Execution.Name",
        "start.$": "$$.Execution.StartTime",
        "machine.$": "$$.StateMachine.Name",
        "state.$": "$$.State.Name",
        "entered.$": "$$.State.EnteredTime",
    }
    output = machines.output(one_state({"Type": "Pass", "Parameters": parameters}), {"k": 1})
    assert output["input"] == {"k": 1}
    assert output["id"].endswith(output["name"])
    assert output["state"] == "A"
    assert output["start"].endswith("Z")
    assert datetime.fromisoformat(output["start"]) <= datetime.fromisoformat(output["entered"])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$.Found[0].Status", "RUNNING"),
        ("$.Found[0]", {"Status": "RUNNING"}),
        ("$.Found[-1]['Status']", "RUNNING"),
        ("$.deep[0][0].Status", "STOPPED"),
        ("$.Found[*].Status", ["RUNNING"]),
        ("$.Found[0:1].Status", ["RUNNING"]),
        ("$.Found[-1:]", [{"Status": "RUNNING"}]),
        ("$.Found[0,0].Status", ["RUNNING", "RUNNING"]),
        ("$.Found[?(@.Status=='RUNNING')]", [{"Status": "RUNNING"}]),
        ("$.Found[?(@.Status=='FAILED')].Status", []),
        ("$.one.*", [1]),
        ("$.one..only", [1]),
        ("$..missing", []),
        ("$.none[*].Status", []),
    ],
)
def test_the_path_alone_decides_whether_it_yields_a_value_or_a_list(
    machines: Machines, path: str, value: Any
) -> None:
    given = {
        "Found": [{"Status": "RUNNING"}],
        "deep": [[{"Status": "STOPPED"}]],
        "one": {"only": 1},
        "none": [],
    }
    state = {"Type": "Pass", "Parameters": {"value.$": path}}
    assert machines.output(one_state(state), given)["value"] == value


def test_a_choice_compares_what_stands_behind_an_element(machines: Machines) -> None:
    rule = {"Variable": "$.Found[0].Status", "StringEquals": "RUNNING", "Next": "B"}
    output = machines.output(
        {
            "StartAt": "A",
            "States": {
                "A": {"Type": "Choice", "Choices": [rule], "Default": "C"},
                "B": {"Type": "Pass", "Result": "it runs", "End": True},
                "C": {"Type": "Fail"},
            },
        },
        {"Found": [{"Status": "RUNNING"}]},
    )
    assert output == "it runs"


@pytest.mark.parametrize("value", [[1, 2], [], None, {"a": 1}])
def test_a_result_of_any_kind_can_take_the_place_of_an_element(
    machines: Machines, value: Any
) -> None:
    state = {"Type": "Pass", "InputPath": "$.value", "ResultPath": "$.kept[1]"}
    given = {"value": value, "kept": ["a", "b"]}
    assert machines.output(one_state(state), given)["kept"] == ["a", value]


def test_intrinsic_functions_are_evaluated(machines: Machines) -> None:
    parameters = {
        "format.$": "States.Format('{}-{}', $.a, $.b)",
        "length.$": "States.ArrayLength($.list)",
        "item.$": "States.ArrayGetItem($.list, 1)",
        "json.$": "States.JsonToString($.list)",
        "parsed.$": "States.StringToJson($.text)",
        "element.$": "States.Format('{}', $.rows[0].name)",
        "sum.$": "States.MathAdd($.b, 1)",
        "hash.$": "States.Hash($.a, 'SHA-256')",
        "merged.$": "States.JsonMerge($.x, $.y, false)",
    }
    value = {"a": "n", "b": 2, "list": [1, 2], "text": '{"k":1}', "x": {"p": 1}, "y": {"q": 2}}
    value["rows"] = [{"name": "first"}]
    output = machines.output(one_state({"Type": "Pass", "Parameters": parameters}), value)
    assert output["format"] == "n-2"
    assert (output["length"], output["item"], output["sum"]) == (2, 2, 3)
    assert output["parsed"] == {"k": 1}
    assert output["element"] == "first"
    assert output["merged"] == {"p": 1, "q": 2}
    assert len(output["hash"]) == 64


def test_events_that_are_refused_fail_their_task(machines: Machines, runtime: Any) -> None:
    runtime.refusals["PutEvents"] = "AccessDeniedException"
    entry = {"Source": "s", "DetailType": "d", "Detail": {}}
    answer = machines.run(one_state(task("events:putEvents", {"Entries": [entry]})))
    assert (answer["status"], answer["error"]) == ("FAILED", "EventBridge.AccessDeniedException")


def test_an_event_that_is_refused_inside_an_answer_is_put_again_and_then_caught(
    machines: Machines,
) -> None:
    again = {"IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 2, "JitterStrategy": "FULL"}
    tell = task(
        "events:putEvents",
        {"Entries": [{"Source": "s", "DetailType": "d", "Detail": "no JSON"}]},
        ResultPath="$.told",
        Retry=[{"ErrorEquals": ["States.TaskFailed", "States.Timeout"], **again}],
        Catch=[{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "NotTold"}],
    )
    not_told = {"Type": "Pass", "Result": False, "ResultPath": "$.told", "End": True}
    answer = machines.run(one_state(tell, NotTold=not_told))
    output = json.loads(answer["output"])
    assert (output["told"], output["failure"]["Error"]) == (False, "EventBridge.FailedEntry")
    history = machines.client.get_execution_history(executionArn=answer["executionArn"])["events"]
    assert [event["type"] for event in history].count("TaskFailed") == 3


def test_wait_and_retry_run_on_the_virtual_clock(machines: Machines, runtime: Any) -> None:
    runtime.refusals["Publish"] = "ThrottledException"
    arn = "arn:aws:sns:us-east-1:123456789012:none"
    retry = {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": 10,
        "BackoffRate": 2,
        "MaxAttempts": 3,
        "MaxDelaySeconds": 15,
    }
    publish = task("sns:publish", {"TopicArn": arn, "Message": "m"}, Retry=[retry])
    definition = {
        "StartAt": "W",
        "States": {
            "W": {"Type": "Wait", "Seconds": 20, "Next": "A"},
            **one_state(publish)["States"],
        },
    }
    began = time.monotonic()
    answer = machines.run(definition)
    elapsed_virtual = (time.monotonic() - began) * TIME_SCALE
    assert answer["status"] == "FAILED"
    # Less than as many seconds of the machine's own.
    assert 20 + 10 + 15 + 15 <= elapsed_virtual < 60 * TIME_SCALE
    took = (answer["stopDate"] - answer["startDate"]).total_seconds()
    assert took >= 60


def test_a_wait_for_a_timestamp_ends_at_that_virtual_time(machines: Machines, runtime: Any) -> None:
    began = time.monotonic()
    ahead = runtime.clock.datetime() + timedelta(seconds=50)
    state = {"Type": "Wait", "TimestampPath": "$.at"}
    machines.output(one_state(state), {"at": ahead.strftime("%Y-%m-%dT%H:%M:%SZ")})
    assert 0.3 < time.monotonic() - began < 50


def test_a_wait_is_over_when_the_clock_leaps(machines: Machines, runtime: Any) -> None:
    arn = machines.start(one_state({"Type": "Wait", "Seconds": 50_000}))
    runtime.clock.leap(50_000)
    assert machines.end(arn)["status"] == "SUCCEEDED"


def test_a_machine_that_takes_too_long_is_timed_out(machines: Machines) -> None:
    definition = {**one_state({"Type": "Wait", "Seconds": 1000}), "TimeoutSeconds": 1}
    answer = machines.run(definition)
    assert (answer["status"], answer["error"]) == ("TIMED_OUT", "States.Timeout")
    assert "stopDate" in answer


def test_a_task_that_takes_too_long_is_caught_as_states_timeout(
    machines: Machines, runtime: Any
) -> None:
    function = runtime.add_function("sample.sleep")
    slow = task(
        "lambda:invoke",
        {"FunctionName": function, "Payload": {"seconds": 3}},
        TimeoutSeconds=1,
        Catch=[{"ErrorEquals": ["States.Timeout"], "ResultPath": "$.e", "Next": "Caught"}],
    )
    output = machines.output(one_state(slow, Caught={"Type": "Succeed"}))
    assert output["e"]["Error"] == "States.Timeout"


def test_a_functions_exception_class_is_the_error_that_is_caught(
    machines: Machines, runtime: Any
) -> None:
    function = runtime.add_function("sample.fail")
    state = task(
        "lambda:invoke",
        {"FunctionName": function},
        Catch=[{"ErrorEquals": ["QuotaExceededError"], "ResultPath": "$.e", "Next": "Caught"}],
    )
    output = machines.output(one_state(state, Caught={"Type": "Succeed"}), {"kept": 1})
    assert output["kept"] == 1
    assert output["e"]["Error"] == "QuotaExceededError"
    assert json.loads(output["e"]["Cause"])["errorMessage"] == "too many"


def test_a_result_is_selected_and_put_in_its_place(machines: Machines, runtime: Any) -> None:
    function = runtime.add_function("sample.echo")
    state = task(
        "lambda:invoke",
        {"FunctionName": function, "Payload": {"key.$": "$.key"}},
        ResultSelector={"event.$": "$.Payload.event"},
        ResultPath="$.echoed",
    )
    output = machines.output(one_state(state), {"key": "a b.png"})
    assert output == {"key": "a b.png", "echoed": {"event": {"key": "a b.png"}}}


def test_a_throttled_invocation_is_lambdas_error(machines: Machines, runtime: Any) -> None:
    function = runtime.add_function("sample.echo")
    runtime.refusals["Invoke"] = "TooManyRequestsException"
    answer = machines.run(one_state(task("lambda:invoke", {"FunctionName": function})))
    assert answer["error"] == "Lambda.TooManyRequestsException"


def test_tasks_call_under_the_machines_role(machines: Machines, runtime: Any) -> None:
    function = runtime.add_function("sample.echo")
    runtime.seen_keys.clear()
    machines.output(one_state(task("lambda:invoke", {"FunctionName": function})))
    assert any("Credential=ROLEKEY/" in key and "/lambda/" in key for key in runtime.seen_keys)


def test_a_message_is_published_with_its_attributes(machines: Machines, runtime: Any) -> None:
    topic = runtime.client("sns").create_topic(Name=f"t{uuid.uuid4()}")["TopicArn"]
    sqs = runtime.client("sqs")
    name = f"q{uuid.uuid4()}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    queue_arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    runtime.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    parameters = {
        "TopicArn": topic,
        "Subject": "a result",
        "Message": {"labels.$": "$.labels"},
        "MessageAttributes": {"kind": {"DataType": "String", "StringValue": "low-confidence"}},
    }
    output = machines.output(one_state(task("sns:publish", parameters)), {"labels": ["cat"]})
    assert output["MessageId"]
    body = json.loads(sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"])
    assert json.loads(body["Message"]) == {"labels": ["cat"]}
    assert body["MessageAttributes"]["kind"]["Value"] == "low-confidence"


@pytest.fixture(scope="session")
def table(runtime: Any) -> str:
    runtime.client("dynamodb").create_table(
        TableName="items",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return "items"


def test_a_refused_conditional_write_is_dynamodbs_error(
    machines: Machines, runtime: Any, table: str
) -> None:
    update = task(
        "dynamodb:updateItem",
        {
            "TableName": table,
            "Key": {"id": {"S.$": "$.id"}},
            "UpdateExpression": "SET #s = :s",
            "ConditionExpression": "attribute_not_exists(id)",
            "ExpressionAttributeNames": {"#s": "status"},
            "ExpressionAttributeValues": {":s": {"S": "started"}},
            "ReturnValues": "ALL_NEW",
        },
        ResultPath="$.written",
        Catch=[
            {
                "ErrorEquals": ["DynamoDB.ConditionalCheckFailedException"],
                "ResultPath": "$.refused",
                "Next": "Caught",
            }
        ],
    )
    definition = one_state(update, Caught={"Type": "Succeed"})
    first = machines.output(definition, {"id": "one"})
    assert first["written"]["Attributes"]["status"] == {"S": "started"}
    second = machines.output(definition, {"id": "one"})
    assert second["refused"]["Error"] == "DynamoDB.ConditionalCheckFailedException"


def test_errors_of_sdk_integrations_have_the_sdks_prefix(machines: Machines) -> None:
    answer = machines.run(one_state(task("aws-sdk:ssm:getParameter", {"Name": "none"})))
    assert answer["error"] == "Ssm.ParameterNotFoundException"


def test_sdk_answers_are_spelt_in_pascal_case_and_hold_no_dates(machines: Machines) -> None:
    listed = machines.output(one_state(task("aws-sdk:sfn:listStateMachines", {"MaxResults": 1})))
    (machine,) = listed["StateMachines"]
    assert machine["StateMachineArn"].startswith("arn:aws:states:")
    assert machine["CreationDate"].endswith("Z")


def test_a_machine_starts_another_one(machines: Machines) -> None:
    other = machines.create(one_state({"Type": "Pass"}))
    parameters = {"StateMachineArn": other, "Input": {"from.$": "$.k"}}
    output = machines.output(one_state(task("states:startExecution", parameters)), {"k": 1})
    described = machines.client.describe_execution(executionArn=output["ExecutionArn"])
    assert json.loads(described["input"]) == {"from": 1}


def test_a_path_that_leads_nowhere_is_caught_by_nothing(machines: Machines) -> None:
    state = task(
        "sns:publish",
        {"TopicArn": "arn:aws:sns:us-east-1:123456789012:t", "Message.$": "$.not.there"},
        Retry=[{"ErrorEquals": ["States.ALL"]}],
        Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
    )
    answer = machines.run(one_state(state, Caught={"Type": "Succeed"}))
    assert (answer["status"], answer["error"]) == ("FAILED", "States.Runtime")


def test_an_error_in_a_branch_is_caught_around_all_branches(
    machines: Machines, runtime: Any
) -> None:
    function = runtime.add_function("sample.fail")
    good = one_state({"Type": "Pass", "Result": 1})
    bad = one_state(task("lambda:invoke", {"FunctionName": function}))
    parallel = {
        "Type": "Parallel",
        "Branches": [good, bad],
        "Catch": [{"ErrorEquals": ["QuotaExceededError"], "ResultPath": "$.e", "Next": "Caught"}],
    }
    output = machines.output(one_state(parallel, Caught={"Type": "Succeed"}), {"kept": 1})
    assert output["kept"] == 1
    assert output["e"]["Error"] == "QuotaExceededError"


def test_branches_give_their_results_in_order(machines: Machines) -> None:
    branches = [one_state({"Type": "Pass", "Result": number}) for number in (1, 2, 3)]
    assert machines.output(one_state({"Type": "Parallel", "Branches": branches})) == [1, 2, 3]


def test_a_map_selects_its_items_and_keeps_their_order(machines: Machines) -> None:
    state = {
        "Type": "Map",
        "ItemsPath": "$.keys",
        "MaxConcurrency": 2,
        "ItemSelector": {
            "key.$": "$$.Map.Item.Value",
            "all.$": "$.all",
            "n.$": "$$.Map.Item.Index",
        },
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "INLINE"},
            **one_state({"Type": "Pass"}),
        },
    }
    output = machines.output(one_state(state), {"keys": ["a", "b", "c"], "all": True})
    assert output == [{"key": key, "all": True, "n": number} for number, key in enumerate("abc")]
    assert machines.output(one_state(state), {"keys": [], "all": True}) == []


@pytest.mark.parametrize("max_concurrency", [0, 1])
def test_a_map_over_many_items_ends(machines: Machines, max_concurrency: int) -> None:
    state = {
        "Type": "Map",
        "ItemsPath": "$.items",
        "MaxConcurrency": max_concurrency,
        "ItemProcessor": one_state({"Type": "Pass"}),
    }
    items = list(range(1200))
    assert machines.output(one_state(state), {"items": items}) == items


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ({"StartAt": "B", "States": {"A": {"Type": "Succeed"}}}, "MISSING_TRANSITION_TARGET"),
        (one_state({"Type": "Pass", "Next": "Nowhere"}), "/States/A/Next"),
        ({"QueryLanguage": "JSONata", **one_state({"Type": "Pass"})}, "JSONata"),
        (
            one_state(
                {
                    "Type": "Map",
                    "ItemProcessor": {"StartAt": "X", "States": {"Y": {"Type": "Succeed"}}},
                }
            ),
            "/States/A/ItemProcessor/StartAt",
        ),
    ],
)
def test_a_definition_that_cannot_run_is_refused(
    machines: Machines, definition: dict[str, Any], words: str
) -> None:
    with pytest.raises(botocore.exceptions.ClientError) as refusal:
        machines.create(definition)
    assert refusal.value.response["Error"]["Code"] == "InvalidDefinition"
    assert words in refusal.value.response["Error"]["Message"]


def test_finished_executions_leave_no_threads_behind(machines: Machines) -> None:
    for _ in range(5):
        machines.run(one_state({"Type": "Pass"}))
    assert len(TMP_THREADS) <= 1
