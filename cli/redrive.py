"""`labelloop redrive`: what lies in the dead-letter queues goes round again.

SQS itself moves images and answers back to the queues that gave them up. Events that reached no
target never were in another queue: each is given to the target that its message names.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import click
from botocore.exceptions import ClientError

from labelloop.aws.failures import code_of, message_of

from . import terminal
from .progress import Progress
from .stack import Stack, on_stack, show
from .status import DEAD_LETTERS, messages_in

EVENTS = "events"
COMPLETED = "COMPLETED"
ENDED = {COMPLETED, "CANCELLED", "FAILED"}
HIDDEN_S = 300
"""An event that its target refuses is received once in a run, and comes back after it."""


@click.command()
@click.argument("queue", required=False, type=click.Choice(list(DEAD_LETTERS)))
@click.option("--no-wait", is_flag=True, help="Do not wait until all are moved.")
@on_stack
def redrive(stack: Stack, *, queue: str | None, no_wait: bool, as_json: bool) -> None:
    """Send what lies in the dead-letter queues round again: all of it, or one queue's.

    Mend first what made it fail. What fails again comes back after its last attempt.
    """
    kinds = [queue] if queue else list(DEAD_LETTERS)
    counts = {kind: messages_in(stack, DEAD_LETTERS[kind]) for kind in kinds}
    terminal.say(f"Dead letters: {_counted(counts)}.", err=True)
    found = {
        kind: _send_on(stack) if kind == EVENTS else _move(stack, kind, count, no_wait)
        for kind, count in counts.items()
        if count
    }
    text = "\n".join(_line(kind, outcome) for kind, outcome in found.items())
    show(as_json, found, text or "There is nothing to send round again.")
    if any(outcome["problem"] for outcome in found.values()):
        raise click.exceptions.Exit(1)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in counts.items())


def _line(kind: str, outcome: Mapping[str, Any]) -> str:
    if outcome["problem"]:
        return f"{kind}: {outcome['sent']} of {outcome['messages']} sent. {outcome['problem']}"
    if not outcome["ended"]:
        return f"{kind}: {outcome['messages']} are being sent round again. See: labelloop status"
    return f"{kind}: {outcome['sent']} sent round again."


def _outcome(messages: int, sent: int, problem: str = "", *, ended: bool = True) -> dict[str, Any]:
    return {"messages": messages, "sent": sent, "ended": ended, "problem": problem}


# --- Back to the queue that gave them up ----------------------------------------------------------


def _move(stack: Stack, kind: str, count: int, no_wait: bool) -> dict[str, Any]:
    sqs = stack.client("sqs")
    arn = sqs.get_queue_attributes(
        QueueUrl=stack.output(DEAD_LETTERS[kind]), AttributeNames=["QueueArn"]
    )["Attributes"]["QueueArn"]
    before = _last_task(stack, arn)
    # One at a time: another one that is going on takes these messages, too.
    if not before or before["Status"] in ENDED:
        sqs.start_message_move_task(SourceArn=arn)
    else:
        before = {}
    if no_wait:
        return _outcome(count, 0, ended=False)
    progress = Progress()
    while True:
        task = _last_task(stack, arn)
        # Ended tasks have no handle: what tells this one from the one before is when it began.
        new = task.get("StartedTimestamp") != before.get("StartedTimestamp")
        moved = int(task.get("ApproximateNumberOfMessagesMoved", 0)) if new else 0
        if new and task["Status"] in ENDED:
            break
        progress.say(f"{kind}: {moved} of {count} sent round again")
        time.sleep(stack.look_every_s)
    progress.end()
    if task["Status"] == COMPLETED:
        return _outcome(count, moved)
    reason = task.get("FailureReason") or "no reason was given"
    return _outcome(count, moved, f"SQS ended it as {task['Status']}: {reason}")


def _last_task(stack: Stack, arn: str) -> Mapping[str, Any]:
    """The task that was started last for a queue; nothing where there never was one."""
    results = stack.client("sqs").list_message_move_tasks(SourceArn=arn, MaxResults=1)
    found: Mapping[str, Any] = next(iter(results.get("Results", ())), {})
    return found


# --- On to the target that they did not reach -----------------------------------------------------


def _send_on(stack: Stack) -> dict[str, Any]:
    sqs, url = stack.client("sqs"), stack.output(DEAD_LETTERS[EVENTS])
    made_up_for: set[str] = set()
    problems: Counter[str] = Counter()
    sent = 0
    for message in _received(sqs, url):
        facts = {
            name: attribute.get("StringValue", "")
            for name, attribute in message.get("MessageAttributes", {}).items()
        }
        schedule = facts.get("SCHEDULE_ARN", "")
        # One run of a schedule makes up for all that were missed.
        if schedule not in made_up_for:
            target, body = _addressed(facts.get("TARGET_ARN", ""), message["Body"])
            problem = _give(stack, target, body, schedule)
            if problem:
                problems[problem] += 1
                continue
        if schedule:
            made_up_for.add(schedule)
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        sent += 1
    stayed = "; ".join(f"{count} stayed: {problem}" for problem, count in problems.items())
    return _outcome(sent + problems.total(), sent, stayed)


def _addressed(target: str, body: str) -> tuple[str, str]:
    """The target that an event did not reach, and the event.

    Of one that reached a function in vain, Lambda's own record tells: it names no target beside it.
    """
    if target:
        return target, body
    try:
        record = json.loads(body)
        function = str(record["requestContext"]["functionArn"]).removesuffix(":$LATEST")
        return function, json.dumps(record["requestPayload"])
    except (ValueError, KeyError, TypeError):
        return target, body


def _received(sqs: Any, url: str) -> Iterator[Mapping[str, Any]]:
    """Every message of a queue, once."""
    while True:
        # Waiting asks all of SQS's servers: without, a few messages may seem to be none.
        messages = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            VisibilityTimeout=HIDDEN_S,
            WaitTimeSeconds=1,
        ).get("Messages", ())
        if not messages:
            return
        yield from messages


def _give(stack: Stack, target: str, body: str, schedule: str) -> str:
    """Why the target did not take it, in a sentence; nothing where it did."""
    service, name = (target.split(":") + [""] * 3)[2], target.rsplit(":", 1)[-1]
    try:
        if schedule:
            body = _input_of(stack, schedule)
        if service == "sqs":
            sqs = stack.client("sqs")
            url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
            sqs.send_message(QueueUrl=url, MessageBody=body)
        elif service == "states":
            stack.client("stepfunctions").start_execution(stateMachineArn=target, input=body)
        elif service == "lambda":
            stack.client("lambda").invoke(
                FunctionName=target, InvocationType="Event", Payload=body.encode()
            )
        else:
            return f"there is no way to send to {target or 'a target that is not named'}."
    except ClientError as error:
        return f"{name} did not take it: {code_of(error)}: {message_of(error)}"
    return ""


def _input_of(stack: Stack, schedule: str) -> str:
    """What a schedule gives its target: what a message holds of it differs by the target."""
    group, name = schedule.split("/")[-2:]
    answer = stack.client("scheduler").get_schedule(GroupName=group, Name=name)
    return str(answer["Target"].get("Input", "{}"))
