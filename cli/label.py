"""`labelloop label`: ask people about the images in images_to_label/ now."""

import json
from typing import Any

import click

from labelloop.domain.manifests import UNLABELLED_FOLDER
from labelloop.domain.wording import images_in_words, one_line

from . import executions, terminal
from .failures import CommandError
from .stack import Stack, on_stack, show

RUNS_LOOKED_AT = 5
"""One that has just begun has not looked yet."""


@click.command()
@click.option("--no-wait", is_flag=True, help="Do not wait until they are asked.")
@on_stack
def label(stack: Stack, no_wait: bool, as_json: bool) -> None:
    """Ask people about the images in images_to_label/ of which nobody has been asked.

    What the schedule does once an hour, at once.
    """
    execution = executions.start(stack, "ImageLabelingStateMachineArn", {})
    if no_wait:
        show(as_json, {"execution": execution}, "The labeling workflow has been started.")
        return
    # Where a labelling job of Ground Truth asks, the execution follows it for days.
    executions.follow(
        stack,
        execution,
        lambda: "looking for images",
        "Nobody was asked",
        lambda: bool(_labels(stack, execution)),
    )
    labels = _labels(stack, execution)
    if labels.get("problem"):
        raise CommandError(f"Nobody was asked. {labels['problem']}")
    show(as_json, {"execution": execution, **labels}, _text(labels))


def left_out_lately(stack: Stack) -> dict[str, Any]:
    """What the workflow has left out of those images, by its last run that came so far.

    Each run tells it of all that are there.
    """
    runs = stack.client("stepfunctions").list_executions(
        stateMachineArn=stack.output("ImageLabelingStateMachineArn"), maxResults=RUNS_LOOKED_AT
    )
    for run in runs["executions"]:
        labels = _labels(stack, run["executionArn"])
        if labels:
            return {"count": labels["refused"], "examples": labels["left_out"]}
    return {"count": 0, "examples": []}


def left_out_in_words(left_out: dict[str, Any]) -> list[str]:
    """The images that nobody is asked about, a line each; nothing where there are none."""
    if not left_out["count"]:
        return []
    shown = left_out["examples"][: terminal.SHOWN]
    lines = [f"Left out of {UNLABELLED_FOLDER}, since no training could use them:"]
    lines += [f"  {one_line(one['key'])}: {one['reason']}" for one in shown]
    if left_out["count"] > len(shown):
        lines.append(f"  and {left_out['count'] - len(shown)} more")
    return lines


def _labels(stack: Stack, execution: str) -> dict[str, Any]:
    """What the workflow's first state came to; nothing before its end."""
    pages = stack.client("stepfunctions").get_paginator("get_execution_history")
    for page in pages.paginate(executionArn=execution):
        for event in page["events"]:
            left = event.get("stateExitedEventDetails", {})
            if left.get("name") == "RequestLabels":
                labels: dict[str, Any] = json.loads(left["output"]).get("labels", {})
                return labels
    return {}


def _text(labels: dict[str, Any]) -> str:
    asked = images_in_words(labels["asked"])
    if labels["job"]:
        lines = [f"Ground Truth's labelling job {labels['job']} asks about {asked} more."]
    elif labels["asked"]:
        lines = [f"People are asked about {asked} more."]
    else:
        lines = ["There is no image in images_to_label/ about which nobody has been asked."]
    if labels["refusal"]:
        lines.append(f"On the review page, for Ground Truth did not take them: {labels['refusal']}")
    lines += left_out_in_words({"count": labels["refused"], "examples": labels["left_out"]})
    return "\n".join(lines)
