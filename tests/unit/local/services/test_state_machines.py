from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.session import get_session
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.backend.execution import Execution
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from local.services import state_machines
from local.services.state_machines import ExecutionRefusedError
from tests.unit.local.conftest import ACCOUNT, REGION, ROLE

PASS = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
FAIL = {"StartAt": "A", "States": {"A": {"Type": "Fail", "Error": "Refused", "Cause": "why"}}}


@pytest.fixture
def create(runtime: Any) -> Callable[..., str]:
    def create(definition: dict[str, Any], kind: str = "EXPRESS", **fields: Any) -> str:
        answer = runtime.client("stepfunctions").create_state_machine(
            name=f"m{uuid.uuid4()}",
            definition=json.dumps(definition),
            roleArn=ROLE,
            type=kind,
            **fields,
        )
        return str(answer["stateMachineArn"])

    return create


def start(runtime: Any, arn: str, text: str = "{}", name: str | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = runtime.executions.start_sync(arn, name, text, None)
    return answer


def test_a_synchronous_execution_answers_as_start_sync_execution_does(
    runtime: Any, create: Callable[..., str]
) -> None:
    arn = create(PASS)
    answer = start(runtime, arn, '{"key": "a b.png"}', "mine")
    assert answer["status"] == "SUCCEEDED"
    assert (answer["name"], answer["stateMachineArn"]) == ("mine", arn)
    assert json.loads(answer["input"]) == json.loads(answer["output"]) == {"key": "a b.png"}
    machine = arn.rsplit(":", 1)[1]
    assert answer["executionArn"].startswith(
        f"arn:aws:states:{REGION}:{ACCOUNT}:express:{machine}:mine:"
    )
    assert answer["startDate"] <= answer["stopDate"]
    model = get_session().get_service_model("stepfunctions").operation_model("StartSyncExecution")
    assert set(answer) <= set(model.output_shape.members)  # type: ignore[union-attr]


def test_a_failed_execution_is_an_answer_with_error_and_cause(
    runtime: Any, create: Callable[..., str]
) -> None:
    answer = start(runtime, create(FAIL))
    assert (answer["status"], answer["error"], answer["cause"]) == ("FAILED", "Refused", "why")
    assert "output" not in answer


def test_an_execution_over_its_time_is_timed_out(runtime: Any, create: Callable[..., str]) -> None:
    wait = {"Type": "Wait", "Seconds": 1000, "End": True}
    answer = start(runtime, create({"StartAt": "A", "States": {"A": wait}, "TimeoutSeconds": 1}))
    assert (answer["status"], answer["error"]) == ("TIMED_OUT", "States.Timeout")


def test_executions_of_one_machine_share_nothing(runtime: Any, create: Callable[..., str]) -> None:
    """They share the parsed definition: what one puts into its state must not reach another."""
    definition = {
        "StartAt": "A",
        "States": {
            "A": {"Type": "Pass", "Result": {"list": []}, "ResultPath": "$.r", "Next": "B"},
            "B": {
                "Type": "Pass",
                "Parameters": {"n.$": "$$.Execution.Input.n"},
                "ResultPath": "$.r.n",
                "End": True,
            },
        },
    }
    arn = create(definition)

    def run(number: int) -> Any:
        return json.loads(start(runtime, arn, json.dumps({"n": number}))["output"])

    with ThreadPoolExecutor(8) as threads:
        outputs = list(threads.map(run, range(200)))
    assert outputs == [{"n": n, "r": {"list": [], "n": {"n": n}}} for n in range(200)]


def test_one_name_may_run_twice_at_once_in_an_express_workflow(
    runtime: Any, create: Callable[..., str]
) -> None:
    arn = create(PASS)
    assert (
        start(runtime, arn, name="same")["executionArn"]
        != (start(runtime, arn, name="same")["executionArn"])
    )


@pytest.mark.parametrize(
    ("text", "name", "code"),
    [
        ("{", None, "InvalidExecutionInput"),
        (json.dumps("x" * 262_144), None, "InvalidExecutionInput"),
        ("{}", "n" * 81, "InvalidName"),
        ("{}", "with space", "InvalidName"),
    ],
)
def test_starts_that_aws_refuses_are_refused(
    runtime: Any, create: Callable[..., str], text: str, name: str | None, code: str
) -> None:
    with pytest.raises(ExecutionRefusedError) as refusal:
        start(runtime, create(PASS), text, name)
    assert refusal.value.code == code


def test_standard_and_missing_machines_cannot_run_synchronously(
    runtime: Any, create: Callable[..., str]
) -> None:
    with pytest.raises(ExecutionRefusedError) as refusal:
        start(runtime, create(PASS, "STANDARD"))
    assert refusal.value.code == "StateMachineTypeNotSupported"
    with pytest.raises(ExecutionRefusedError) as refusal:
        start(runtime, f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:none")
    assert refusal.value.code == "StateMachineDoesNotExist"


def test_refusals_reach_the_caller_of_start_execution(
    runtime: Any, create: Callable[..., str]
) -> None:
    client = runtime.client("stepfunctions")
    with pytest.raises(client.exceptions.InvalidExecutionInput):
        client.start_execution(stateMachineArn=create(PASS, "STANDARD"), input="{")


def test_transitions_and_outcomes_are_counted(runtime: Any, create: Callable[..., str]) -> None:
    passing, failing = create(PASS), create(FAIL)
    runtime.executions.register(passing, "detection_test")
    runtime.executions.register(failing, "review_test")
    before = runtime.executions.counts()["transitions"]["express"]
    start(runtime, passing)
    start(runtime, passing)
    start(runtime, failing)
    counts = runtime.executions.counts()
    assert counts["executions"]["detection_test"] == {"SUCCEEDED": 2}
    assert counts["executions"]["review_test"] == {"FAILED": 1}
    assert counts["transitions"]["express"] - before == 3


def test_a_retry_counts_as_a_transition(runtime: Any, create: Callable[..., str]) -> None:
    function = runtime.add_function("sample.fail")
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function},
        "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 2}],
        "End": True,
    }
    arn = create({"StartAt": "A", "States": {"A": task}})
    before = runtime.executions.counts()["transitions"]["express"]
    start(runtime, arn)
    assert runtime.executions.counts()["transitions"]["express"] - before == 3


def test_finished_express_executions_are_forgotten_after_a_while(
    runtime: Any,
    create: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    eventually: Callable[..., Any],
) -> None:
    monkeypatch.setattr(state_machines, "KEPT_EXPRESS", 5)
    arn = create(PASS)
    machine = stepfunctions_parser_backends[ACCOUNT][REGION].describe_state_machine(arn)
    runtime.executions.register(arn, "bounded")
    for _ in range(20):
        runtime.client("stepfunctions").start_execution(stateMachineArn=arn)
    done = {"SUCCEEDED": 20}
    eventually(lambda: runtime.executions.counts()["executions"]["bounded"] == done)
    eventually(lambda: len(machine.executions) == 5)
    start(runtime, arn)
    assert len(machine.executions) == 5


def test_the_status_of_a_standard_execution_is_announced(
    runtime: Any, create: Callable[..., str], eventually: Callable[..., Any]
) -> None:
    sqs, events, name = runtime.client("sqs"), runtime.client("events"), f"r{uuid.uuid4()}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = create(FAIL, "STANDARD")
    pattern = {"source": ["aws.states"], "detail": {"stateMachineArn": [arn]}}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    queue_arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": queue_arn}])
    runtime.client("stepfunctions").start_execution(stateMachineArn=arn, input='{"k": 1}')
    details: dict[str, Any] = {}

    def both() -> bool:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get(
            "Messages", []
        ):
            event = json.loads(message["Body"])
            assert event["detail-type"] == "Step Functions Execution Status Change"
            details[event["detail"]["status"]] = event["detail"]
        return len(details) == 2

    eventually(both)
    assert set(details) == {"RUNNING", "FAILED"}
    assert details["FAILED"]["error"] == "Refused"
    assert details["FAILED"]["input"] == '{"k": 1}'
    events.remove_targets(Rule=name, Ids=["1"])
    events.delete_rule(Name=name)


def test_a_failure_stands_in_the_machines_log_group(
    runtime: Any, create: Callable[..., str]
) -> None:
    logs, group = runtime.client("logs"), f"/aws/vendedlogs/states/{uuid.uuid4()}"
    logs.create_log_group(logGroupName=group)
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:*"
    logging = {
        "level": "ERROR",
        "includeExecutionData": True,
        "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}],
    }
    start(runtime, create(FAIL, loggingConfiguration=logging))
    (event,) = logs.filter_log_events(logGroupName=group)["events"]
    line = json.loads(event["message"])
    assert line["type"] == "ExecutionFailed"
    assert line["details"] == {"error": "Refused", "cause": "why"}


def test_a_status_is_there_from_the_start_and_the_rest_when_it_says_that_all_is_over(
    runtime: Any,
    create: Callable[..., str],
    eventually: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sfn, arn = runtime.client("stepfunctions"), create(PASS, "STANDARD")
    listed, ended = [], []
    begin = Execution.start

    class Watched(Execution):  # type: ignore[misc]
        """Looked at where it begins, and as its status changes."""

        @property
        def exec_status(self) -> ExecutionStatus | None:
            return self._status

        @exec_status.setter
        def exec_status(self, status: ExecutionStatus | None) -> None:
            if status == ExecutionStatus.SUCCEEDED:
                ended.append((self.output, self.stop_date))
            self._status = status

        def start(self) -> None:
            listed.extend(sfn.list_executions(stateMachineArn=arn)["executions"])
            begin(self)

    monkeypatch.setattr(state_machines, "Execution", Watched)
    started = sfn.start_execution(stateMachineArn=arn, input='{"k": 1}')
    assert [entry["status"] for entry in listed] == ["RUNNING"]
    ((output, stop_date),) = eventually(lambda: ended)
    assert output == {"k": 1}
    told = eventually(
        lambda: sfn.describe_execution(executionArn=started["executionArn"]).get("stopDate")
    )
    assert abs(told.timestamp() - stop_date.timestamp()) < 1
