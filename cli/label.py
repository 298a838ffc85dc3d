"""`labelloop label`: ask people about the images in images_to_label/ now."""

import json
from typing import Any

import click

from cli import executions
from cli.stack import Stack, on_stack, show


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
    executions.follow(stack, execution, lambda: "looking for images", "Nobody was asked")
    output = json.loads(steps.describe_execution(executionArn=execution)["output"])
    show(as_json, {"execution": execution, **output["labels"]}, _text(output["labels"]))


def _text(found: dict[str, Any]) -> str:
    asked = found["asked"]
    lines = [found["problem"] or f"People are asked about {asked} more images."]
    if found["refused"]:
        lines.append(f"{found['refused']} files are no images, or too large, and are left out.")
    return "\n".join(lines)
