"""Each patch: what moto does alone, and what it does patched.

The first tests fail when moto learns to do by itself what a patch is for.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import botocore.exceptions
import jwt
import pytest
from moto.sqs.models import sqs_backends
from moto.stepfunctions.parser.utils import TMP_THREADS

from local.moto_patches import cognito_srp, patches
from tests.unit.local.conftest import ACCOUNT, REGION, TIME_SCALE
from tests.unit.local.machines import Machines, one_state, task

PASSWORD = "correct-Horse-9"
MOTO_ALONE = Path(__file__).with_name("moto_alone.py")


@pytest.fixture(scope="session")
def alone() -> dict[str, Any]:
    done = subprocess.run([sys.executable, MOTO_ALONE], capture_output=True, check=True)
    facts = json.loads(done.stdout)
    assert isinstance(facts, dict)
    return facts


# (patch, fact, what moto alone does)
NEEDED: list[tuple[str, str, Any]] = [
    ("know_managed_policies", "loads_managed_policies", False),
    ("execute_state_machines", "runs_definitions_unasked", False),
    ("start_executions", "unnamed_execution", "None"),
    ("start_executions", "express_type", "STANDARD"),
    (
        "write_context_times_as_text",
        "describes_an_execution_that_uses_its_start_time",
        False,
    ),
    ("describe_executions", "output_that_is_text", "text"),
    ("check_definitions", "accepts_a_missing_target", True),
    ("share_parsed_definitions", "parses_for_two_executions", 2),
    ("share_parsed_paths", "caches_paths", False),
    ("read_paths_as_aws_does", "value_behind_an_element", ["RUNNING"]),
    ("put_lists_at_elements", "list_that_was_put_at_an_element", [1]),
    ("run_untimed_programs_in_place", "threads_for_one_pass_state", 2),
    ("iterate_without_recursion", "map_gets_deeper", True),
    ("scale_waits", "retries_with_the_real_clock", True),
    ("scale_waits", "waits_for_a_timestamp_an_hour_ahead", False),
    ("catch_as_aws_does", "catches_states_runtime", "SUCCEEDED"),
    ("stay_stopped", "status_when_stopped_amid_a_map", "FAILED"),
    ("map_over_lists_only", "catches_a_map_over_no_list", "SUCCEEDED"),
    ("call_as_the_machines_role", "key_of_a_task", "ak"),
    ("call_as_the_machines_role", "describes_a_state_with_a_date_from_the_sdk", False),
    ("spell_parameters_as_the_sdk", "spelling_of_an_sdk_answer", ["activities"]),
    ("name_task_errors_as_aws", "prefix_of_an_sdk_error", "ssm.ParameterNotFoundException"),
    (
        "name_task_errors_as_aws",
        "timeout_of_a_dynamodb_task",
        "DynamoDB.AmazonDynamoDBException",
    ),
    ("deliver_events", "disabled_rule_delivers", 1),
    ("watch_schedules", "accepts_a_wrong_schedule", True),
    ("emit_parameter_events", "parameter_events", 0),
    ("route_any_key", "routes_a_key_with_a_line_break", False),
    ("list_versions_of_any_key", "encodes_the_keys_of_versions", False),
    (
        "let_links_choose_how_they_are_answered",
        "takes_the_type_of_an_answer_for_a_signed_header",
        True,
    ),
    ("enforce_allowed_patterns", "enforces_an_allowed_pattern", False),
    ("refuse_flows_that_are_off", "signs_in_by_a_flow_that_is_off", True),
    ("ask_for_the_password_by_srp", "signs_in_by_srp_without_the_password", True),
    ("end_tokens_in_time", "lifetime_of_a_token_of_five_minutes_s", 3600),
    ("keep_attributes_from_their_owners", "lets_people_write_any_attribute", True),
    ("sign_out_under_any_name", "keeps_a_session_that_is_ended_by_sub", True),
    ("give_clients_second_secrets", "gives_clients_second_secrets", False),
]
# (patch, fact, moto alone does it this often at least)
WASTEFUL = [
    ("cache_service_lookup", "folders_listed_for_one_request", 2),
    ("answer_no_other_origin", "answers_that_let_every_page_read", 1),
    ("finish_executions", "threads_kept_after_an_execution", 1),
    ("log_failures_quietly", "errors_logged_by_one_failure", 1),
    ("make_queues_fast", "messages_looked_at_to_receive_one", 50),
    ("count_messages_once", "counts_for_two_attributes", 2),
]
# moto cannot learn these: they are the runtime's own choices
OWN = {
    "run_queues_on_the_virtual_clock",
    "date_objects_by_the_virtual_clock",
    "refuse_fifo_queues",
    "time_out_hanging_calls",
}


@pytest.mark.parametrize(("patch", "fact", "value"), NEEDED)
def test_moto_alone_still_needs_the_patch(
    alone: dict[str, Any], patch: str, fact: str, value: Any
) -> None:
    assert alone[fact] == value, f"moto has learnt to do it: is moto_patches.{patch} still needed?"


@pytest.mark.parametrize(("patch", "fact", "least"), WASTEFUL)
def test_moto_alone_is_still_wasteful(
    alone: dict[str, Any], patch: str, fact: str, least: int
) -> None:
    assert alone[fact] >= least, f"moto has learnt to do it: is moto_patches.{patch} still needed?"


def test_every_patch_is_shown_to_be_needed() -> None:
    shown = {patch for patch, _, _ in [*NEEDED, *WASTEFUL]} | {"emit_object_events"}
    assert {patch.__name__ for patch in patches.PATCHES} == shown | OWN


def test_moto_alone_still_misshapes_object_events(alone: dict[str, Any]) -> None:
    detail = alone["object_event"]
    assert "etag" not in detail["object"]
    assert detail["reason"] == "ObjectCreated"


# --- state machines -------------------------------------------------------------------------------


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
    assert 20 + 10 + 15 + 15 <= elapsed_virtual < 1500
    took = (answer["stopDate"] - answer["startDate"]).total_seconds()
    assert took >= 60


def test_a_wait_for_a_timestamp_ends_at_that_virtual_time(machines: Machines, runtime: Any) -> None:
    began = time.monotonic()
    ahead = runtime.clock.datetime() + timedelta(seconds=50)
    state = {"Type": "Wait", "TimestampPath": "$.at"}
    machines.output(one_state(state), {"at": ahead.strftime("%Y-%m-%dT%H:%M:%SZ")})
    assert 0.3 < time.monotonic() - began < 15


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


# --- S3 and Parameter Store -----------------------------------------------------------------------


@pytest.fixture
def seen(runtime: Any, eventually: Callable[..., Any]) -> Any:
    """Events that a rule brings to a queue: ``seen(pattern)`` gives what fetches ``n`` of them."""
    sqs, events = runtime.client("sqs"), runtime.client("events")
    rules: list[str] = []

    def watch(pattern: dict[str, Any]) -> Callable[[int], list[Any]]:
        name = f"watch-{uuid.uuid4()}"
        # What is received stays in the queue, and must not come again.
        hidden = {"VisibilityTimeout": "43200"}
        url = sqs.create_queue(QueueName=name, Attributes=hidden)["QueueUrl"]
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn}])
        rules.append(name)
        got: list[Any] = []

        def fetch(count: int) -> list[Any]:
            def enough() -> bool:
                answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
                got.extend(json.loads(m["Body"]) for m in answer.get("Messages", []))
                return len(got) >= count

            if count:
                eventually(enough)
            time.sleep(0.1)
            enough()
            return got

        return fetch

    yield watch
    for name in rules:
        events.remove_targets(Rule=name, Ids=["1"])
        events.delete_rule(Name=name)


@pytest.fixture
def bucket(runtime: Any) -> str:
    s3, name = runtime.client("s3"), f"b{uuid.uuid4()}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(
        Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    return name


def of(bucket: str) -> dict[str, Any]:
    return {"source": ["aws.s3"], "detail": {"bucket": {"name": [bucket]}}}


def test_an_upload_makes_one_event_as_s3_writes_it(runtime: Any, bucket: str, seen: Any) -> None:
    fetch = seen(of(bucket))
    put = runtime.client("s3").put_object(Bucket=bucket, Key="a+b c%20d ä.png", Body=b"12345")
    (event,) = fetch(1)
    assert event["detail-type"] == "Object Created"
    assert event["resources"] == [f"arn:aws:s3:::{bucket}"]
    detail = event["detail"]
    assert detail["reason"] == "PutObject"
    assert detail["object"] == {
        "key": "a+b c%20d ä.png",
        "size": 5,
        "etag": put["ETag"].strip('"'),
        "version-id": put["VersionId"],
        "sequencer": detail["object"]["sequencer"],
    }


def test_objects_bear_the_virtual_time(runtime: Any, bucket: str) -> None:
    s3 = runtime.client("s3")
    before = runtime.clock.datetime().replace(microsecond=0)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    written = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    assert before <= written <= runtime.clock.datetime()


def test_sequencers_of_one_key_grow(runtime: Any, bucket: str, seen: Any) -> None:
    fetch = seen(of(bucket))
    versions = [
        runtime.client("s3").put_object(Bucket=bucket, Key="k", Body=b"x")["VersionId"]
        for _ in range(3)
    ]
    objects = [event["detail"]["object"] for event in fetch(3)]
    by_sequence = sorted(objects, key=lambda each: each["sequencer"])
    assert [each["version-id"] for each in by_sequence] == versions


def test_a_copy_and_a_multipart_upload_make_one_event_each(
    runtime: Any, bucket: str, seen: Any
) -> None:
    s3 = runtime.client("s3")
    s3.put_object(Bucket=bucket, Key="source", Body=b"x")
    fetch = seen(of(bucket))
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "source"})
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"y")
    s3.complete_multipart_upload(
        Bucket=bucket,
        Key="parts",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )
    reasons = {e["detail"]["object"]["key"]: e["detail"]["reason"] for e in fetch(2)}
    assert reasons == {"copy": "CopyObject", "parts": "CompleteMultipartUpload"}
    assert len(fetch(0)) == 2


def test_a_link_to_a_version_chooses_how_it_is_answered_though_the_object_is_deleted(
    runtime: Any, bucket: str
) -> None:
    s3 = runtime.client("s3")
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["VersionId"]
    s3.delete_object(Bucket=bucket, Key="k")
    wanted = {"VersionId": version, "ResponseContentType": "image/png"}
    link = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k", **wanted})
    with urllib.request.urlopen(link) as answer:  # noqa: S310
        assert (answer.read(), answer.headers["Content-Type"]) == (b"x", "image/png")


def test_deletions_make_events(runtime: Any, bucket: str, seen: Any) -> None:
    s3 = runtime.client("s3")
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["VersionId"]
    fetch = seen({**of(bucket), "detail-type": ["Object Deleted"]})
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_object(Bucket=bucket, Key="k", VersionId=version)
    types = {e["detail"]["deletion-type"]: e["detail"] for e in fetch(2)}
    assert set(types) == {"Delete Marker Created", "Permanently Deleted"}
    assert types["Permanently Deleted"]["object"]["version-id"] == version
    assert types["Permanently Deleted"]["reason"] == "DeleteObject"


def test_a_bucket_without_the_switch_makes_no_events(runtime: Any, seen: Any) -> None:
    name = f"b{uuid.uuid4()}"
    runtime.client("s3").create_bucket(Bucket=name)
    fetch = seen(of(name))
    runtime.client("s3").put_object(Bucket=name, Key="k", Body=b"x")
    assert fetch(0) == []


def test_parameters_make_events_without_their_values(runtime: Any, seen: Any) -> None:
    ssm = runtime.client("ssm")
    fetch = seen({"source": ["aws.ssm"], "detail": {"name": [{"prefix": "/stack/"}]}})
    ssm.put_parameter(Name="/stack/A", Value="1", Type="String", Description="d")
    ssm.put_parameter(Name="/stack/A", Value="2", Overwrite=True)
    ssm.delete_parameter(Name="/stack/A")
    events = fetch(3)
    assert {event["detail"]["operation"] for event in events} == {"Create", "Update", "Delete"}
    created = next(event for event in events if event["detail"]["operation"] == "Create")
    assert created["resources"] == [f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/stack/A"]
    assert created["detail"] == {
        "operation": "Create",
        "name": "/stack/A",
        "type": "String",
        "description": "d",
    }


def test_a_value_outside_the_allowed_pattern_is_refused(runtime: Any) -> None:
    ssm = runtime.client("ssm")
    name = f"/p/{uuid.uuid4()}"
    ssm.put_parameter(Name=name, Value="12", Type="String", AllowedPattern=r"\d{1,4}")
    with pytest.raises(ssm.exceptions.ParameterPatternMismatchException, match="allowedPattern: "):
        ssm.put_parameter(Name=name, Value="12345", Overwrite=True)
    assert ssm.get_parameter(Name=name)["Parameter"]["Value"] == "12"


# --- SQS ------------------------------------------------------------------------------------------


@pytest.fixture
def queue(runtime: Any) -> Callable[..., str]:
    def create(**attributes: str) -> str:
        answer = runtime.client("sqs").create_queue(
            QueueName=f"q{uuid.uuid4()}", Attributes=attributes
        )
        return str(answer["QueueUrl"])

    return create


def test_visibility_and_delay_run_on_the_virtual_clock(
    runtime: Any, queue: Any, eventually: Any
) -> None:
    sqs, url = runtime.client("sqs"), queue(VisibilityTimeout="400")
    sqs.send_message(QueueUrl=url, MessageBody="m", DelaySeconds=400)

    def receive() -> Any:
        return sqs.receive_message(QueueUrl=url, AttributeNames=["All"]).get("Messages")

    assert receive() is None
    (first,) = eventually(receive)
    began = time.monotonic()
    assert receive() is None
    (second,) = eventually(receive)
    assert (time.monotonic() - began) * TIME_SCALE > 100
    assert first["MessageId"] == second["MessageId"]
    assert second["Attributes"]["ApproximateReceiveCount"] == "2"


def test_a_message_received_too_often_goes_to_the_dead_letter_queue(
    runtime: Any, queue: Any, eventually: Any
) -> None:
    sqs, dead = runtime.client("sqs"), queue()
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]
    redrive = {"deadLetterTargetArn": arn["QueueArn"], "maxReceiveCount": 2}
    url = queue(VisibilityTimeout="0", RedrivePolicy=json.dumps(redrive))
    sqs.send_message(QueueUrl=url, MessageBody="m")
    for _ in range(2):
        assert "Messages" in sqs.receive_message(QueueUrl=url)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    (message,) = sqs.receive_message(QueueUrl=dead)["Messages"]
    assert message["Body"] == "m"


def test_two_receivers_never_get_the_same_message(runtime: Any, queue: Any) -> None:
    sqs, url = runtime.client("sqs"), queue(VisibilityTimeout="3600")
    for number in range(200):
        runtime.bus._put_on_queue(
            f"arn:aws:sqs:{REGION}:{ACCOUNT}:{url.rsplit('/', 1)[1]}", str(number), {}
        )

    def receive(_: int) -> list[str]:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        return [message["Body"] for message in answer.get("Messages", [])]

    with ThreadPoolExecutor(8) as threads:
        bodies = [body for batch in threads.map(receive, range(30)) for body in batch]
    assert sorted(bodies, key=int) == [str(number) for number in range(200)]


def test_a_deep_queue_is_as_fast_as_a_shallow_one(runtime: Any, queue: Any) -> None:
    backend = sqs_backends[ACCOUNT][REGION]
    name = queue(VisibilityTimeout="3600").rsplit("/", 1)[1]
    began = time.monotonic()
    for number in range(5000):
        backend.send_message(name, str(number))
    taken = 0
    while batch := backend.receive_message(name, 10, 0, 3600):
        for message in batch:
            backend.delete_message(name, message.receipt_handle)
        taken += len(batch)
    assert taken == 5000
    assert time.monotonic() - began < 60  # unpatched: minutes


def test_a_long_poll_ends_when_a_message_arrives(runtime: Any, queue: Any, eventually: Any) -> None:
    sqs, url = runtime.client("sqs"), queue(VisibilityTimeout="3600")

    def polled_while_sending() -> Any:
        with ThreadPoolExecutor(1) as threads:
            polled = threads.submit(sqs.receive_message, QueueUrl=url, WaitTimeSeconds=20)
            sqs.send_message(QueueUrl=url, MessageBody="m")
            return polled.result(timeout=15).get("Messages")

    # A poll ends after a fifth of a second here, which a busy machine may need to send.
    assert eventually(polled_while_sending)[0]["Body"] == "m"


def test_fifo_queues_are_refused(runtime: Any) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match="no FIFO queues"):
        runtime.client("sqs").create_queue(QueueName="a.fifo", Attributes={"FifoQueue": "true"})


# --- Cognito --------------------------------------------------------------------------------------


class _People:
    """A user pool whose people are known by e-mail, and a client as the page's."""

    def __init__(self, runtime: Any, **pool_settings: Any) -> None:
        self.cognito = runtime.client("cognito-idp")
        pool = self.cognito.create_user_pool(
            PoolName="people", UsernameAttributes=["email"], **pool_settings
        )
        self.pool = pool["UserPool"]["Id"]
        client = self.cognito.create_user_pool_client(
            UserPoolId=self.pool,
            ClientName="page",
            ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
            WriteAttributes=["locale"],
            IdTokenValidity=15,
            AccessTokenValidity=15,
            RefreshTokenValidity=12,
            TokenValidityUnits={
                "IdToken": "minutes",
                "AccessToken": "minutes",
                "RefreshToken": "hours",
            },
        )
        self.client_id = client["UserPoolClient"]["ClientId"]
        self.email = f"{uuid.uuid4()}@example.com"
        user = {"UserPoolId": self.pool, "Username": self.email}
        self.cognito.admin_create_user(**user, MessageAction="SUPPRESS")
        self.cognito.admin_set_user_password(**user, Password=PASSWORD, Permanent=True)

    def sign_in(self, flow: str = "ADMIN_USER_PASSWORD_AUTH", **parameters: str) -> Any:
        """The tokens that Cognito gives."""
        return self.cognito.admin_initiate_auth(
            UserPoolId=self.pool,
            ClientId=self.client_id,
            AuthFlow=flow,
            AuthParameters=parameters or {"USERNAME": self.email, "PASSWORD": PASSWORD},
        )["AuthenticationResult"]

    def renew(self, refresh_token: str) -> Any:
        """Tokens for the one that renews them."""
        return self.sign_in("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=refresh_token)


def test_nobody_signs_in_by_a_flow_that_is_off(runtime: Any) -> None:
    people = _People(runtime)
    password = {"USERNAME": people.email, "PASSWORD": PASSWORD}
    for flow in ({"AuthFlow": "USER_PASSWORD_AUTH"}, {"AuthFlow": "USER_SRP_AUTH"}):
        with pytest.raises(botocore.exceptions.ClientError, match="not enabled for the client"):
            people.cognito.initiate_auth(
                ClientId=people.client_id, AuthParameters={**password, "SRP_A": "1"}, **flow
            )
    assert people.renew(people.sign_in()["RefreshToken"])["IdToken"]


class _Srp:
    """The client's side of Cognito's SRP, as its SDKs have it."""

    def __init__(self, people: _People) -> None:
        self.people = people
        self._private = secrets.randbits(1024)
        self._public = pow(cognito_srp.GENERATOR, self._private, cognito_srp.PRIME)
        client = people.cognito.create_user_pool_client(UserPoolId=people.pool, ClientName="srp")
        self.client_id = client["UserPoolClient"]["ClientId"]
        self.challenge = self._ask(f"{self._public:x}")

    def _ask(self, public: str) -> dict[str, str]:
        answer = self.people.cognito.initiate_auth(
            ClientId=self.client_id,
            AuthFlow="USER_SRP_AUTH",
            AuthParameters={"USERNAME": self.people.email, "SRP_A": public},
        )
        assert answer["ChallengeName"] == "PASSWORD_VERIFIER"
        return dict(answer["ChallengeParameters"])

    def answer(self, password: str) -> Any:
        name = self.people.pool.partition("_")[2] + self.challenge["USER_ID_FOR_SRP"]
        public_b = int(self.challenge["SRP_B"], 16)
        scrambling = _hashed(_padded(self._public) + _padded(public_b))
        known = hashlib.sha256(f"{name}:{password}".encode()).digest()
        exponent = _hashed(_padded(int(self.challenge["SALT"], 16)) + known)
        multiplier = _hashed(_padded(cognito_srp.PRIME) + _padded(cognito_srp.GENERATOR))
        base = public_b - multiplier * pow(cognito_srp.GENERATOR, exponent, cognito_srp.PRIME)
        shared = pow(base, self._private + scrambling * exponent, cognito_srp.PRIME)
        extracted = hmac.digest(_padded(scrambling), _padded(shared), "sha256")
        key = hmac.digest(extracted, b"Caldera Derived Key\x01", "sha256")[:16]
        block, timestamp = self.challenge["SECRET_BLOCK"], "Mon Nov 30 11:20:00 UTC 2026"
        said = name.encode() + base64.b64decode(block) + timestamp.encode()
        return self.people.cognito.respond_to_auth_challenge(
            ClientId=self.client_id,
            ChallengeName="PASSWORD_VERIFIER",
            ChallengeResponses={
                "USERNAME": self.challenge["USERNAME"],
                "PASSWORD_CLAIM_SECRET_BLOCK": block,
                "PASSWORD_CLAIM_SIGNATURE": base64.b64encode(
                    hmac.digest(key, said, "sha256")
                ).decode(),
                "TIMESTAMP": timestamp,
            },
        )


def _hashed(content: bytes) -> int:
    return int.from_bytes(hashlib.sha256(content).digest())


def _padded(number: int) -> bytes:
    text = f"{number:x}"
    text = text.zfill(len(text) + len(text) % 2)
    return bytes.fromhex(f"00{text}" if text[0] in "89abcdef" else text)


def test_srp_lets_in_who_knows_the_password_alone(runtime: Any) -> None:
    people = _People(runtime)
    tokens = _Srp(people).answer(PASSWORD)["AuthenticationResult"]
    assert jwt.decode(tokens["IdToken"], options={"verify_signature": False})["email"]
    for password in ("wrong-Horse-9", ""):
        with pytest.raises(people.cognito.exceptions.NotAuthorizedException, match="Incorrect"):
            _Srp(people).answer(password)


def test_an_answer_to_an_srp_challenge_is_good_once(runtime: Any) -> None:
    asked = _Srp(_People(runtime))
    asked.answer(PASSWORD)
    with pytest.raises(asked.people.cognito.exceptions.NotAuthorizedException):
        asked.answer(PASSWORD)


@pytest.mark.parametrize("public", ["0", f"{cognito_srp.PRIME:x}", "nonsense"])
def test_numbers_that_would_let_anybody_in_are_refused(runtime: Any, public: str) -> None:
    asked = _Srp(_People(runtime))
    with pytest.raises(asked.people.cognito.exceptions.InvalidParameterException):
        asked._ask(public)


def test_a_second_factor_is_not_passed_over(runtime: Any) -> None:
    people = _People(runtime, MfaConfiguration="ON")
    with pytest.raises(botocore.exceptions.ClientError, match="on its sign-in page alone"):
        people.sign_in()


def test_tokens_end_when_their_client_says(runtime: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    people = _People(runtime)
    tokens = people.sign_in()
    assert tokens["ExpiresIn"] == 15 * 60
    for name in ("IdToken", "AccessToken"):
        claims = jwt.decode(tokens[name], options={"verify_signature": False})
        assert claims["exp"] - claims["iat"] == 15 * 60

    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 12 * 3600 - 60)
    assert people.renew(tokens["RefreshToken"])["IdToken"]
    monkeypatch.setattr(time, "time", lambda: now + 12 * 3600 + 60)
    with pytest.raises(botocore.exceptions.ClientError, match="has expired"):
        people.renew(tokens["RefreshToken"])


@pytest.mark.parametrize("name", ["email", "email_verified", "name", "sub"])
def test_people_do_not_write_what_they_are_known_by(runtime: Any, name: str) -> None:
    people = _People(runtime)
    token = people.sign_in()["AccessToken"]
    with pytest.raises(botocore.exceptions.ClientError, match="unauthorized attribute"):
        people.cognito.update_user_attributes(
            AccessToken=token, UserAttributes=[{"Name": name, "Value": "x@example.com"}]
        )
    people.cognito.update_user_attributes(
        AccessToken=token, UserAttributes=[{"Name": "locale", "Value": "de"}]
    )


def test_who_is_signed_out_by_sub_is_signed_out(runtime: Any) -> None:
    people = _People(runtime)
    tokens = people.sign_in()
    user = people.cognito.admin_get_user(UserPoolId=people.pool, Username=people.email)
    people.cognito.admin_user_global_sign_out(UserPoolId=people.pool, Username=user["Username"])
    with pytest.raises(botocore.exceptions.ClientError, match="NotAuthorized"):
        people.renew(tokens["RefreshToken"])


def test_a_client_has_up_to_two_secrets_and_always_one(runtime: Any) -> None:
    cognito = runtime.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="programs")["UserPool"]["Id"]
    client = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="camera", GenerateSecret=True
    )["UserPoolClient"]
    named = {"UserPoolId": pool, "ClientId": client["ClientId"]}
    added = cognito.add_user_pool_client_secret(**named)["ClientSecretDescriptor"]
    assert added["ClientSecretValue"] != client["ClientSecret"]
    with pytest.raises(cognito.exceptions.LimitExceededException):
        cognito.add_user_pool_client_secret(**named)
    first, second = cognito.list_user_pool_client_secrets(**named)["ClientSecrets"]
    assert second["ClientSecretId"] == added["ClientSecretId"]
    assert "ClientSecretValue" not in first
    cognito.delete_user_pool_client_secret(**named, ClientSecretId=first["ClientSecretId"])
    with pytest.raises(cognito.exceptions.ResourceNotFoundException):
        cognito.delete_user_pool_client_secret(**named, ClientSecretId=first["ClientSecretId"])
    with pytest.raises(cognito.exceptions.InvalidParameterException):
        cognito.delete_user_pool_client_secret(**named, ClientSecretId=second["ClientSecretId"])
