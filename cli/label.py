"""`labelloop label`: ask people about the images in images_to_label/ now."""

import json
from typing import Any

import click

from cli import executions, files
from cli.manifest_import import SHOWN
from cli.stack import Stack, on_stack, show
from labelloop.domain.messages import images_in_words


@click.command()
@click.option("--no-wait", is_flag=True, help="Do not wait until they are asked.")
@on_stack
def label(stack: Stack, no_wait: bool, as_json: bool) -> None:
    """Ask people about the images in images_to_label/ of which nobody has been asked.

    What the schedule does once an hour, at once.
    """
    steps = stack.client("stepfunctions")
    execution: str = steps.start_execution(
        stateMachineArn=stack.output("ImageLabelingStateMachineArn"), input="{}"
    )["executionArn"]
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
    show(as_json, {"execution": execution, **labels}, _text(labels))


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
    if labels["problem"]:
        lines = [labels["problem"]]
    elif labels["job"]:
        lines = [f"Ground Truth's labelling job {labels['job']} asks about {asked} more."]
    elif labels["asked"]:
        lines = [f"People are asked about {asked} more."]
    else:
        lines = ["There is no image in images_to_label/ about which nobody has been asked."]
    if labels["refusal"]:
        lines.append(f"On the review page, for Ground Truth did not take them: {labels['refusal']}")
    if labels["refused"]:
        lines.append("Left out, since no training could use them:")
        shown = labels["left_out"][:SHOWN]
        lines += [f"  {files.printable(one['key'])}: {one['reason']}" for one in shown]
        if labels["refused"] > len(shown):
            lines.append(f"  and {labels['refused'] - len(shown)} more")
    return "\n".join(lines)
