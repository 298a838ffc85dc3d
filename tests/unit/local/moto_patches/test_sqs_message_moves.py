"""Dead letters that go back to their queue, as SQS's own task moves them."""

import inspect
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.sqs import responses

from local.moto_patches import sqs_message_moves
from tests.unit.local.services.test_queue_pollers import Line


@pytest.fixture
def line(runtime: Any) -> Line:
    sqs_message_moves.serve()
    return Line(runtime)


def test_moto_alone_still_has_no_such_tasks() -> None:
    source = inspect.getsource(responses)
    assert "message_move_task" not in source, (
        "is local/moto_patches/sqs_message_moves.py still needed?"
    )


def test_dead_letters_go_back_to_the_queue_that_gave_them_up(line: Line) -> None:
    for number in range(25):
        line.sqs.send_message(QueueUrl=line.dead_url, MessageBody=json.dumps(number))

    assert line.sqs.list_message_move_tasks(SourceArn=f"{line.arn}-dead")["Results"] == []
    line.sqs.start_message_move_task(SourceArn=f"{line.arn}-dead")

    (task,) = line.sqs.list_message_move_tasks(SourceArn=f"{line.arn}-dead")["Results"]
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 25)
    assert (line.left(), line.dead()) == (25, [])


def test_the_newest_task_comes_first(line: Line) -> None:
    for count in (1, 2):
        for number in range(count):
            line.sqs.send_message(QueueUrl=line.dead_url, MessageBody=json.dumps(number))
        line.sqs.start_message_move_task(SourceArn=f"{line.arn}-dead")

    tasks = line.sqs.list_message_move_tasks(SourceArn=f"{line.arn}-dead", MaxResults=10)["Results"]

    assert [task["ApproximateNumberOfMessagesMoved"] for task in tasks] == [2, 1]


def test_a_queue_that_is_nobodys_dead_letter_queue_is_refused(line: Line) -> None:
    with pytest.raises(ClientError, match="must be configured as a Dead Letter Queue"):
        line.sqs.start_message_move_task(SourceArn=line.arn)
