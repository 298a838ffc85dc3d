"""Each path through `statemachine/parameter_change.asl.yaml`: schedules follow parameters."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.launch import wait_for
from tests.stack import Record, Stack, refused

FREQUENCY = "Automatic-Training-Poll-Frequency"
ENABLED = "Enable-Automatic-Training"


def put(stack: Stack, name: str, value: str) -> None:
    stack.set_parameters({name: value}, wait=False)


def wait_for_schedule(stack: Stack, name: str, expression: str, state: str) -> None:
    try:
        wait_for(lambda: stack.schedule(name) == (expression, state), "the schedule")
    except TimeoutError as error:
        raise AssertionError(f"{name} is {stack.schedule(name)}, not {expression}") from error


def set_schedule(stack: Stack, schedule: Record, expression: str, state: str) -> None:
    """Give a schedule another rate and state, and leave the rest as it is."""
    keep = ("Name", "GroupName", "Target", "FlexibleTimeWindow", "Description")
    stack.client("scheduler").update_schedule(
        **{name: schedule[name] for name in keep if name in schedule},
        ScheduleExpression=expression,
        State=state,
    )


def wait_until_followed(stack: Stack) -> None:
    """Wait until whatever was changed before has been followed: a second without anything."""
    looks: list[tuple[int, bool]] = []

    def quiet() -> bool:
        summary = stack.local.control("GET", "summary")
        ended = sum(summary["executions"].get("parameter_change", {}).values())
        looks.append((ended, bool(summary["busy"])))
        return looks[-10:] == [(ended, False)] * 10

    wait_for(quiet, "the schedules")


def put_back_by_a_deployment(stack: Stack) -> None:
    """Give a schedule what the template has, as CloudFormation does when it updates it."""
    found = stack.client("scheduler").get_schedule(Name=f"{stack.local.name}-training")
    set_schedule(stack, found, "rate(600 minutes)", "ENABLED")


@pytest.mark.parametrize(
    ("schedule", "frequency", "enabled"),
    [
        ("training", FREQUENCY, ENABLED),
        (
            "sampling",
            "Automatic-Human-Sampling-Frequency",
            "Enable-Automatic-Human-Sampling",
        ),
    ],
)
def test_a_schedule_follows_its_parameters(
    empty_stack: Stack, schedule: str, frequency: str, enabled: str
) -> None:
    put(empty_stack, frequency, "1440")
    wait_for_schedule(empty_stack, schedule, "rate(1440 minutes)", "DISABLED")
    put(empty_stack, enabled, "true")
    wait_for_schedule(empty_stack, schedule, "rate(1440 minutes)", "ENABLED")
    put(empty_stack, enabled, "false")
    wait_for_schedule(empty_stack, schedule, "rate(1440 minutes)", "DISABLED")


def test_the_shortest_time_is_written_as_the_service_wants_it(empty_stack: Stack) -> None:
    put(empty_stack, FREQUENCY, "1")
    wait_for_schedule(empty_stack, "training", "rate(1 minute)", "DISABLED")


def test_a_deleted_parameter_counts_as_its_default(empty_stack: Stack) -> None:
    put(empty_stack, FREQUENCY, "77")
    wait_for_schedule(empty_stack, "training", "rate(77 minutes)", "DISABLED")
    ssm, name = empty_stack.client("ssm"), empty_stack.outputs["ParameterPrefix"] + FREQUENCY
    (described,) = ssm.describe_parameters(
        ParameterFilters=[{"Key": "Name", "Option": "Equals", "Values": [name]}]
    )["Parameters"]
    ssm.delete_parameter(Name=name)
    wait_for_schedule(empty_stack, "training", "rate(600 minutes)", "DISABLED")
    kept = {part: described[part] for part in ("Name", "Type", "Description", "AllowedPattern")}
    ssm.put_parameter(**kept, Value="600")


@pytest.mark.parametrize(
    ("name", "value"),
    [(FREQUENCY, "0"), (FREQUENCY, "44641"), (FREQUENCY, "an hour"), (ENABLED, "maybe")],
)
def test_a_value_out_of_range_is_refused_where_it_is_typed(
    empty_stack: Stack, name: str, value: str
) -> None:
    before = empty_stack.parameter(name), empty_stack.schedule("training")
    code = refused(lambda: put(empty_stack, name, value))
    assert code == "ParameterPatternMismatchException"
    assert (empty_stack.parameter(name), empty_stack.schedule("training")) == before


def test_a_deployment_keeps_the_operators_values_and_brings_the_schedules_into_line(
    empty_stack: Stack,
) -> None:
    put(empty_stack, FREQUENCY, "33")
    wait_for_schedule(empty_stack, "training", "rate(33 minutes)", "DISABLED")
    put_back_by_a_deployment(empty_stack)
    empty_stack.local.control("PUT", "stack", {"parameters": {"LogRetentionDays": "30"}})
    wait_for_schedule(empty_stack, "training", "rate(33 minutes)", "DISABLED")
    assert empty_stack.parameter(FREQUENCY) == "33"


def test_once_an_hour_nothing_needs_an_event(empty_stack: Stack) -> None:
    put(empty_stack, FREQUENCY, "44")
    wait_for_schedule(empty_stack, "training", "rate(44 minutes)", "DISABLED")
    put_back_by_a_deployment(empty_stack)
    empty_stack.fire("ParameterCheckSchedule")
    wait_for_schedule(empty_stack, "training", "rate(44 minutes)", "DISABLED")


def fault(error: str, times: int) -> dict[str, Any]:
    return {
        "service": "scheduler",
        "operation": "GetSchedule",
        "function": "ApplyParameters",
        "error": error,
        "times": times,
    }


def test_what_may_succeed_later_is_retried(empty_stack: Stack) -> None:
    # The SDK itself does not try this one again.
    with empty_stack.faults(fault("ConflictException", 2)):
        execution = empty_stack.run("parameter_change")
    assert execution.status == "SUCCEEDED"
    assert execution.states == ("ApplyParameters", "TellChanges", "Done")


def test_what_cannot_be_done_is_told_to_the_operator(empty_stack: Stack) -> None:
    # Nor can the message be sent at first.
    unsent = {"service": "sns", "operation": "Publish", "error": "InvalidParameter", "status": 400}
    with empty_stack.faults(fault("AccessDeniedException", -1), {**unsent, "times": 1}):
        execution = empty_stack.run("parameter_change")
    assert (execution.status, execution.error) == ("FAILED", "PermissionMissingError")
    assert execution.states == ("ApplyParameters", "TellFailure", "Failed")
    mails = empty_stack.operator_mails("workflow_failed")
    assert len([mail for mail in mails if execution.arn in mail["message"]]) == 1


def test_a_rule_that_was_switched_off_by_hand_is_told_to_the_operator(empty_stack: Stack) -> None:
    events, rule = empty_stack.client("events"), empty_stack.physical_id("DetectionRule")
    events.disable_rule(Name=rule)
    try:
        assert empty_stack.run("parameter_change").status == "SUCCEEDED"
    finally:
        events.enable_rule(Name=rule)
    # A run for parameters that were changed before may be the one that tells it.
    assert empty_stack.wait_for_mail("to_mend", rule)


@pytest.fixture
def old_stack(empty_stack: Stack) -> Iterator[Stack]:
    """A stack as an earlier release has left it: with a version whose attempts nobody counted."""
    dynamodb, table = empty_stack.client("dynamodb"), empty_stack.outputs["ModelVersionsTable"]
    version = {"kind": {"S": "version"}, "name": {"S": "v1-9f8e7d6c"}}
    dynamodb.put_item(TableName=table, Item={**version, "number": {"N": "1"}, "data": {"S": "x"}})
    told = {"kind": {"S": "message"}, "name": {"S": "judgement_changed"}}
    dynamodb.delete_item(TableName=table, Key=told)
    yield empty_stack
    dynamodb.delete_item(TableName=table, Key=version)


def told_of_changes(stack: Stack) -> int:
    return len(stack.operator_mails("judgement_changed"))


def test_a_new_stack_is_told_of_no_changes(empty_stack: Stack) -> None:
    assert empty_stack.run("parameter_change").status == "SUCCEEDED"
    assert not told_of_changes(empty_stack)


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        ({}, "SUCCEEDED"),
        ({"service": "sns", "operation": "Publish", "error": "InvalidParameter"}, "FAILED"),
        ({"service": "sns", "operation": "Publish", "error": "InternalError"}, "SUCCEEDED"),
        ({"service": "dynamodb", "operation": "PutItem", "kill": True}, "SUCCEEDED"),
        ({"service": "dynamodb", "operation": "Query", "error": "AccessDenied"}, "FAILED"),
        ({"service": "dynamodb", "operation": "UpdateItem", "error": "AccessDenied"}, "SUCCEEDED"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value.values())),
)
def test_after_an_update_the_operator_hears_once_what_has_changed(
    old_stack: Stack, failure: dict[str, Any], status: str
) -> None:
    before = told_of_changes(old_stack)
    order = {**failure, "function": "TellChanges", "status": 400, "times": 1}
    with old_stack.faults(*([order] if failure else [])):
        assert old_stack.run("parameter_change").status == status
        for _ in range(2):
            # As it comes round by itself, once an hour.
            assert old_stack.run("parameter_change").status == "SUCCEEDED"
    times = told_of_changes(old_stack) - before
    # What could not be noted as told is told again where five minutes have passed.
    assert times == 1 or (times == 2 and failure.get("operation") == "UpdateItem")


def test_news_that_could_not_be_told_is_told_to_programs_and_the_operator_later(
    empty_stack: Stack,
) -> None:
    version, once = "v9-1a2b3c4d", "training-started-v9-1a2b3c4d"
    facts = {"version": version, "new_images": 3, "train_images": 8, "test_images": 2}
    untold = {"kind": "message", "name": f"event-{once}", "teller": "one that died", "begun": ""}
    untold["news"] = json.dumps({"kind": "training_started", "facts": facts})
    item = {name: {"S": value} for name, value in untold.items()}
    table = empty_stack.outputs["ModelVersionsTable"]
    empty_stack.client("dynamodb").put_item(
        TableName=table, Item={**item, "expires": {"N": "4102444800"}}
    )
    for _ in range(2):
        assert empty_stack.run("parameter_change").status == "SUCCEEDED"
    (event,) = empty_stack.wait_for_event("Training Started", version)
    assert event["detail"]["event_id"] == once
    (mail,) = empty_stack.operator_mails("training_started")
    assert version in mail["subject"]


def test_new_words_about_a_parameter_leave_the_operators_value_alone(empty_stack: Stack) -> None:
    ssm, name = empty_stack.client("ssm"), empty_stack.outputs["ParameterPrefix"] + FREQUENCY
    ssm.put_parameter(Name=name, Value="55", Description="Of an older release.", Overwrite=True)
    # The write is done, but its answer lost: the second one cannot tell it from the operator's.
    lost = {"service": "ssm", "operation": "PutParameter", "function": "SetUpStack"}
    with empty_stack.faults({**lost, "error": "InternalServerError", "when": "after"}):
        empty_stack.client("lambda").invoke(
            FunctionName=empty_stack.physical_id("SetUpStackFunction"),
            Payload=json.dumps(
                {
                    "RequestType": "Update",
                    "ResponseURL": f"{empty_stack.endpoint}/_local/cloudformation-response/test",
                    "StackId": "any",
                    "RequestId": "any",
                    "LogicalResourceId": "Setup",
                    "PhysicalResourceId": empty_stack.outputs["ProjectArn"],
                    "ResourceProperties": {"ProjectName": empty_stack.local.name},
                }
            ),
        )
    (described,) = ssm.describe_parameters(
        ParameterFilters=[{"Key": "Name", "Option": "Equals", "Values": [name]}]
    )["Parameters"]
    assert described["Description"].startswith("How often new labelled images are looked for.")
    assert empty_stack.parameter(FREQUENCY) == "55"


def test_what_a_schedule_cannot_start_is_kept_for_a_person_to_look_at(empty_stack: Stack) -> None:
    scheduler, sqs = empty_stack.client("scheduler"), empty_stack.client("sqs")
    names = [
        empty_stack.physical_id(name)
        for name in (
            "HostingSchedule",
            "LabelingSchedule",
            "ParameterCheckSchedule",
            "SamplingSchedule",
            "SelectionSchedule",
            "TrainingSchedule",
        )
    ]
    wait_until_followed(empty_stack)
    before = {name: scheduler.get_schedule(Name=name) for name in names}
    found: set[str] = set()

    def all_found() -> bool:
        answer = sqs.receive_message(
            QueueUrl=empty_stack.outputs["UndeliveredEventsQueueUrl"],
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
        )
        for message in answer.get("Messages", []):
            attributes = message["MessageAttributes"]
            assert attributes["ERROR_CODE"]["StringValue"]
            if "SCHEDULE_ARN" in attributes:
                found.add(attributes["SCHEDULE_ARN"]["StringValue"].split("/")[-1])
        return found == set(names)

    forbidden = {"error": "AccessDeniedException", "status": 400, "times": -1}
    with empty_stack.faults(
        {"service": "states", "operation": "StartExecution", **forbidden},
        {"service": "lambda", "operation": "Invoke", **forbidden},
    ):
        for name in names:
            set_schedule(empty_stack, before[name], "rate(1 minute)", "ENABLED")
        wait_for(all_found, "the undelivered")
        for name in names:
            schedule = before[name]
            set_schedule(empty_stack, schedule, schedule["ScheduleExpression"], schedule["State"])
