"""`labelloop redrive` against moto's queues; SQS's own moving of messages stands in."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cli.stack import Stack
from tests.unit.cli.world import World, answering, aws_in_memory

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:label-loop-model-training"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:label-loop-host"
SCHEDULE = "arn:aws:scheduler:us-east-1:123456789012:schedule/default/label-loop-training"


class Queues(World):
    """A stack with dead letters. A task to move them shows each of its steps once."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks: list[dict[str, Any]] = []
        """The newest first."""
        self.started: list[str] = []
        self.coming: list[dict[str, Any]] = [
            {"Status": "RUNNING", "ApproximateNumberOfMessagesMoved": 1},
            {"Status": "COMPLETED", "ApproximateNumberOfMessagesMoved": 2},
        ]
        self.late = 0
        """So many lists do not have the newest task yet."""
        self.invoked: list[tuple[str, Any]] = []
        clients = {
            "sqs": answering(
                "sqs", {"StartMessageMoveTask": self._start, "ListMessageMoveTasks": self._list}
            ),
            "lambda": answering("lambda", {"Invoke": self._invoke}),
            "scheduler": answering("scheduler", {"GetSchedule": self._schedule}),
        }
        outputs = self.stack.outputs
        self.stack = Stack(
            "label-loop",
            outputs,
            lambda service: clients.get(service) or self._client(service),
            look_every_s=0.0,
        )
        self.events_url = outputs["UndeliveredEventsQueueUrl"]
        self.target_url = self.queues.create_queue(QueueName="images")["QueueUrl"]
        self.target = self.queues.get_queue_attributes(
            QueueUrl=self.target_url, AttributeNames=["QueueArn"]
        )["Attributes"]["QueueArn"]

    def _start(self, request: dict[str, Any]) -> Mapping[str, Any]:
        if self.tasks and self.tasks[0]["Status"] == "RUNNING":
            refusal: Any = {"Error": {"Code": "UnsupportedOperation", "Message": "another one"}}
            raise ClientError(refusal, "StartMessageMoveTask")
        self.started.append(request["SourceArn"].split(":")[-1])
        self.tasks.insert(0, {"StartedTimestamp": 1000 + len(self.tasks), "Status": "RUNNING"})
        return {"TaskHandle": "handle"}

    def _list(self, _: Any) -> Mapping[str, Any]:
        if self.late and len(self.tasks) > 1:
            self.late -= 1
            return {"Results": [dict(self.tasks[1])]}
        if self.tasks and self.tasks[0]["Status"] == "RUNNING":
            self.tasks[0].update(self.coming.pop(0) if len(self.coming) > 1 else self.coming[0])
        return {"Results": [dict(task) for task in self.tasks[:1]]}

    def _invoke(self, request: dict[str, Any]) -> Mapping[str, Any]:
        self.invoked.append((request["FunctionName"], json.loads(request["Payload"])))
        return {"StatusCode": 202}

    def _schedule(self, _: Any) -> Mapping[str, Any]:
        return {"Target": {"Arn": MACHINE, "RoleArn": "arn:role", "Input": '{"force": false}'}}

    def dead_letters(self, output: str, count: int) -> None:
        for number in range(count):
            url = self.stack.output(output)
            self.queues.send_message(QueueUrl=url, MessageBody=json.dumps({"number": number}))

    def undelivered(self, body: str, **facts: str) -> None:
        """An event, or a schedule's call, that did not reach its target."""
        attributes = {
            name: {"DataType": "String", "StringValue": fact} for name, fact in facts.items()
        }
        self.queues.send_message(
            QueueUrl=self.events_url, MessageBody=body, MessageAttributes=attributes
        )

    def bodies(self, url: str) -> list[str]:
        """What can be received from a queue, and what was received and is still there."""
        messages = self.queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        return sorted(message["Body"] for message in messages.get("Messages", ()))

    def left(self, url: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.queues.get_queue_attributes(QueueUrl=url, AttributeNames=names)
        return sum(int(count) for count in answer["Attributes"].values())


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[Queues]:
    with aws_in_memory(monkeypatch):
        yield Queues()


class TestQueues:
    def test_without_dead_letters_there_is_nothing_to_do(self, world: Queues) -> None:
        result = world.run("redrive")

        assert (result.exit_code, world.started) == (0, [])
        assert "0 detection, 0 answers, 0 events" in result.stderr
        assert "nothing to send round again" in result.stdout

    def test_each_queue_that_has_some_is_moved_to_its_end(self, world: Queues) -> None:
        world.dead_letters("DetectionDeadLetterQueueUrl", 2)

        result = world.run("redrive")

        assert (result.exit_code, world.started) == (0, ["d"])
        assert "2 detection" in result.stderr and "1 of 2 sent" in result.stderr
        assert "detection: 2 sent round again" in result.stdout

    def test_one_queue_can_be_named(self, world: Queues) -> None:
        world.dead_letters("DetectionDeadLetterQueueUrl", 1)
        world.dead_letters("AnswersDeadLetterQueueUrl", 1)

        found = json.loads(world.run("redrive", "answers", "--json").stdout)

        assert world.started == ["a"]
        assert found == {"answers": {"messages": 1, "sent": 2, "ended": True, "problem": ""}}

    def test_the_end_of_an_earlier_task_is_not_taken_for_this_one(self, world: Queues) -> None:
        world.dead_letters("DetectionDeadLetterQueueUrl", 2)
        world.run("redrive")
        world.coming = [
            {"Status": "RUNNING", "ApproximateNumberOfMessagesMoved": 0},
            {"Status": "FAILED", "FailureReason": "AccessDenied"},
        ]

        world.late = 2
        result = world.run("redrive")

        assert (result.exit_code, world.late) == (1, 0)
        assert "0 of 2 sent. SQS ended it as FAILED: AccessDenied" in result.stdout

    def test_a_task_that_is_going_on_is_waited_for(self, world: Queues) -> None:
        world.dead_letters("DetectionDeadLetterQueueUrl", 2)
        world.tasks = [{"StartedTimestamp": 1, "Status": "RUNNING"}]

        result = world.run("redrive")

        assert (result.exit_code, world.started) == (0, [])
        assert "2 sent round again" in result.stdout

    def test_a_task_that_fails_says_why(self, world: Queues) -> None:
        world.dead_letters("DetectionDeadLetterQueueUrl", 2)
        world.coming = [{"Status": "FAILED", "FailureReason": "AccessDenied"}]

        result = world.run("redrive")

        assert result.exit_code == 1 and "FAILED: AccessDenied" in result.stdout

    def test_it_need_not_be_waited_for(self, world: Queues) -> None:
        world.dead_letters("DetectionDeadLetterQueueUrl", 2)
        world.coming = [{"Status": "RUNNING"}]

        result = world.run("redrive", "--no-wait")

        assert (result.exit_code, world.started) == (0, ["d"])
        assert "2 are being sent" in result.stdout


class TestEvents:
    def test_an_event_goes_to_the_queue_that_it_did_not_reach(self, world: Queues) -> None:
        for number in range(12):
            world.undelivered(f"image {number}", RULE_ARN="arn:rule", TARGET_ARN=world.target)

        result = world.run("redrive", "events")

        assert result.exit_code == 0 and "12 sent" in result.stdout
        assert world.left(world.target_url) == 12 and world.left(world.events_url) == 0
        assert "image 1" in world.bodies(world.target_url)

    def test_an_event_starts_the_workflow_that_it_did_not_reach(self, world: Queues) -> None:
        world.undelivered('{"detail": 1}', RULE_ARN="arn:rule", TARGET_ARN=MACHINE)

        world.run("redrive")

        assert world.executions.inputs == [{"detail": 1}]

    def test_one_run_makes_up_for_all_that_a_schedule_missed(self, world: Queues) -> None:
        for target in (MACHINE, MACHINE):
            world.undelivered("unknown", SCHEDULE_ARN=SCHEDULE, TARGET_ARN=target)
        world.undelivered("unknown", SCHEDULE_ARN=SCHEDULE + "-2", TARGET_ARN=FUNCTION)

        assert world.run("redrive", "events").exit_code == 0

        assert world.executions.inputs == [{"force": False}]
        assert world.invoked == [(FUNCTION, {"force": False})]
        assert world.left(world.events_url) == 0

    def test_an_event_on_which_a_function_failed_is_given_to_it_again(self, world: Queues) -> None:
        context = {"functionArn": f"{FUNCTION}:$LATEST", "condition": "RetriesExhausted"}
        record = {"requestContext": context, "requestPayload": {"detail": 1}}
        world.undelivered(json.dumps(record))

        assert world.run("redrive", "events").exit_code == 0

        assert world.invoked == [(FUNCTION, {"detail": 1})]

    def test_what_a_target_refuses_stays_and_stops_nothing(self, world: Queues) -> None:
        world.undelivered("lost", RULE_ARN="arn:rule", TARGET_ARN=f"{world.target}-gone")
        world.undelivered("no attributes")
        world.undelivered("image", RULE_ARN="arn:rule", TARGET_ARN=world.target)

        result = world.run("redrive", "events")

        assert result.exit_code == 1
        assert "1 of 3 sent" in result.stdout
        assert "images-gone did not take it" in result.stdout and "not named" in result.stdout
        assert world.bodies(world.target_url) == ["image"]
        assert world.left(world.events_url) == 2
