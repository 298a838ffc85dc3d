"""Amazon A2I's human loops: images that workers of a work team look at."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import EndpointConnectionError

from labelloop.aws.clients import client
from labelloop.aws.failures import translated
from labelloop.errors import ChangedMeanwhileError, NotFoundError


def start_once(flow_definition_arn: str, name: str, content: Mapping[str, Any]) -> bool:
    """Begin the loop of this name; False where it has begun before.

    Raises a RefusedError where A2I does not take it, NotFoundError where there is no A2I.
    """
    try:
        with translated():
            _start(flow_definition_arn, name, content)
    except ChangedMeanwhileError:
        # ConflictException: it exists, begun with labels that were others then.
        return False
    return True


def _start(flow_definition_arn: str, name: str, content: Mapping[str, Any]) -> None:
    try:
        client("sagemaker-a2i-runtime").start_human_loop(
            HumanLoopName=name,
            FlowDefinitionArn=flow_definition_arn,
            HumanLoopInput={"InputContent": json.dumps(content, ensure_ascii=False)},
        )
    except EndpointConnectionError as error:
        # Not a failure that passes: in a Region without A2I, the name of its host does not exist.
        raise NotFoundError(f"A2I cannot be reached: {error}") from error


def stop_all(flow_definition_arn: str) -> None:
    """Stop the loops of a flow definition that are under way."""
    a2i = client("sagemaker-a2i-runtime")
    pages = a2i.get_paginator("list_human_loops").paginate(FlowDefinitionArn=flow_definition_arn)
    with translated():
        for page in pages:
            for loop in page["HumanLoopSummaries"]:
                if loop["HumanLoopStatus"] == "InProgress":
                    a2i.stop_human_loop(HumanLoopName=loop["HumanLoopName"])
