"""What Amazon A2I shows workers, and where it puts their answers: task pages, flow definitions."""

from enum import StrEnum

from labelloop.aws.clients import client
from labelloop.aws.failures import translated
from labelloop.aws.wiring import tags
from labelloop.errors import BusyError, InvalidRequestError, NotFoundError, UnknownStatusError

LIFETIME_S = 864_000
"""How long a task waits for workers, in seconds: ten days."""
TIME_LIMIT_S = 3_600
"""How long a worker may take for one, in seconds."""


class FlowStatus(StrEnum):
    """Where a flow definition stands."""

    INITIALIZING = "Initializing"
    ACTIVE = "Active"
    FAILED = "Failed"
    DELETING = "Deleting"


def create_page(name: str, template: str) -> str:
    """The ARN of the human task UI of this name, made from the template if it is new."""
    sagemaker = client("sagemaker")
    with translated():
        try:
            answer = sagemaker.create_human_task_ui(
                HumanTaskUiName=name, UiTemplate={"Content": template}, Tags=tags()
            )
        except sagemaker.exceptions.ResourceInUse:
            answer = sagemaker.describe_human_task_ui(HumanTaskUiName=name)
    return str(answer["HumanTaskUiArn"])


def create(
    name: str, *, work_team_arn: str, page_arn: str, output_uri: str, role_arn: str, workers: int
) -> None:
    """Begin to make the flow definition, unless there is one of this name."""
    try:
        with translated():
            client("sagemaker").create_flow_definition(
                FlowDefinitionName=name,
                HumanLoopConfig={
                    "WorkteamArn": work_team_arn,
                    "HumanTaskUiArn": page_arn,
                    "TaskTitle": "What is in this image?",
                    "TaskDescription": "Say what the image shows, with the labels that there are.",
                    "TaskCount": workers,
                    "TaskAvailabilityLifetimeInSeconds": LIFETIME_S,
                    "TaskTimeLimitInSeconds": TIME_LIMIT_S,
                },
                OutputConfig={"S3OutputPath": output_uri},
                RoleArn=role_arn,
                Tags=tags(),
            )
    except BusyError:
        return  # ResourceInUse: it is there.


def status(name: str) -> tuple[str, FlowStatus, str]:
    """ARN, status and reason of a failure. Raises NotFoundError."""
    with translated():
        answer = client("sagemaker").describe_flow_definition(FlowDefinitionName=name)
    told = answer["FlowDefinitionStatus"]
    if told not in set(FlowStatus):
        raise UnknownStatusError(f"The flow definition {name} is {told}.")
    reason = str(answer.get("FailureReason", "no reason was given"))
    return str(answer["FlowDefinitionArn"]), FlowStatus(told), reason


def names(prefix: str) -> list[str]:
    """The flow definitions whose names begin so, those that are being deleted left out."""
    pages = client("sagemaker").get_paginator("list_flow_definitions").paginate()
    with translated():
        return [
            found["FlowDefinitionName"]
            for page in pages
            for found in page["FlowDefinitionSummaries"]
            if found["FlowDefinitionName"].startswith(prefix)
            and found["FlowDefinitionStatus"] != FlowStatus.DELETING
        ]


def delete(name: str) -> bool:
    """Begin to delete the flow definition; whether it is gone.

    Raises BusyError where it is in use.
    """
    try:
        if status(name)[1] is not FlowStatus.DELETING:
            with translated():
                client("sagemaker").delete_flow_definition(FlowDefinitionName=name)
        status(name)
    except NotFoundError:
        return True
    return False


def delete_page(name: str) -> None:
    """Delete the human task UI, if it is there."""
    try:
        with translated():
            client("sagemaker").delete_human_task_ui(HumanTaskUiName=name)
    except (NotFoundError, InvalidRequestError):
        return
