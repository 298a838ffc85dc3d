"""The stack's schedules: what each does, how often, and by when it does so next."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from labelloop.aws.failures import code_of

from .stack import Stack

_UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}


@dataclass(frozen=True)
class _Kind:
    """A schedule of the template."""

    does: str
    state_machine: str | None = None
    """The output with the workflow that it starts, whose executions tell when it last did."""


KINDS: Mapping[str, _Kind] = {
    "training": _Kind("looks for new labelled images", "ModelTrainingStateMachineArn"),
    "sampling": _Kind("samples detections", "HumanSamplingStateMachineArn"),
    "labeling": _Kind("looks for images to label", "ImageLabelingStateMachineArn"),
    "selection": _Kind("chooses doubtful images for people (Daily-Review-Budget)"),
    "hosting": _Kind("looks whether the model should run"),
}
"""By the end of their names."""


def found(stack: Stack) -> list[dict[str, Any]]:
    """How each schedule stands."""
    return [_look(stack, name, kind) for name, kind in KINDS.items()]


def _look(stack: Stack, name: str, kind: _Kind) -> dict[str, Any]:
    told: dict[str, Any] = {"name": name, "does": kind.does, "state": "GONE", "every": None}
    told |= {"last": None, "next_by": None}
    try:
        schedule = stack.client("scheduler").get_schedule(Name=f"{stack.name}-{name}")
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        return told
    expression, last = schedule["ScheduleExpression"], _last(stack, kind)
    every = _interval(expression)
    told |= {"state": schedule["State"], "every": re.sub(r"rate\((1 )?|\)", "", expression)}
    if last is not None:
        told["last"] = last.isoformat()
    if kind.state_machine and every and schedule["State"] == "ENABLED":
        told["next_by"] = _next_by(schedule, last, every).isoformat()
    return told


def _interval(expression: str) -> timedelta | None:
    match = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    return int(match[1]) * _UNITS[match[2]] if match else None


def _last(stack: Stack, kind: _Kind) -> datetime | None:
    """When its workflow was last begun, by whomever."""
    if kind.state_machine is None:
        return None
    runs = stack.client("stepfunctions").list_executions(
        stateMachineArn=stack.output(kind.state_machine), maxResults=1
    )["executions"]
    return runs[0]["startDate"] if runs else None


def _next_by(schedule: Mapping[str, Any], last: datetime | None, every: timedelta) -> datetime:
    """By when it runs again at the latest: the service tells no more.

    Whoever began the last run, the schedule's own next one is an interval later at most; and so it
    is where the schedule was changed since.
    """
    since: list[datetime] = [schedule["LastModificationDate"], *([last] if last else [])]
    return max(since) + every


def in_words(schedules: list[dict[str, Any]], now: datetime) -> list[str]:
    """A line for each schedule."""
    return [f"  {one['name']:<10} {one['does']}: {_when(one, now)}" for one in schedules]


def _when(one: Mapping[str, Any], now: datetime) -> str:
    if one["state"] == "GONE":
        return "never, since its schedule is gone. See: labelloop doctor"
    if one["state"] != "ENABLED":
        return "never, since its schedule is off"
    words = f"every {one['every']}"
    if one["last"]:
        words += f", last at {_moment(datetime.fromisoformat(one['last']))}"
    if one["next_by"]:
        due = datetime.fromisoformat(one["next_by"])
        words += ", due now" if due <= now else f", again by {_moment(due)}"
    return words


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
