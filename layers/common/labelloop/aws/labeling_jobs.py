"""SageMaker Ground Truth's labelling jobs."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from labelloop.aws import objects
from labelloop.aws.clients import client
from labelloop.aws.failures import translated
from labelloop.aws.wiring import tags
from labelloop.domain.labeling_jobs import ATTRIBUTE, Job
from labelloop.errors import BusyError, UnknownStatusError

LIFETIME_S = 864_000
"""How long a task waits for workers, in seconds: ten days."""
TIME_LIMIT_S = 3_600
"""How long a worker may take for one, in seconds."""


class JobStatus(StrEnum):
    """Where a labelling job stands."""

    INITIALIZING = "Initializing"
    IN_PROGRESS = "InProgress"
    COMPLETED = "Completed"
    FAILED = "Failed"
    STOPPING = "Stopping"
    STOPPED = "Stopped"


def create(
    job: Job, *, work_team_arn: str, role_arn: str, lambda_arns: tuple[str, str], workers: int
) -> None:
    """Begin the job, unless it has begun."""
    before, after = lambda_arns
    try:
        with translated():
            client("sagemaker").create_labeling_job(
                LabelingJobName=job.name,
                LabelAttributeName=ATTRIBUTE,
                InputConfig={
                    "DataSource": {"S3DataSource": {"ManifestS3Uri": _uri(job.input_manifest)}}
                },
                OutputConfig={"S3OutputPath": _uri(job.folder)},
                RoleArn=role_arn,
                LabelCategoryConfigS3Uri=_uri(job.labels),
                HumanTaskConfig={
                    "WorkteamArn": work_team_arn,
                    "UiConfig": {"UiTemplateS3Uri": _uri(job.page)},
                    "PreHumanTaskLambdaArn": before,
                    "TaskTitle": "What is in this image?",
                    "TaskDescription": "Say what the image shows, with the labels that there are.",
                    "NumberOfHumanWorkersPerDataObject": workers,
                    "TaskTimeLimitInSeconds": TIME_LIMIT_S,
                    "TaskAvailabilityLifetimeInSeconds": LIFETIME_S,
                    "AnnotationConsolidationConfig": {"AnnotationConsolidationLambdaArn": after},
                },
                Tags=tags(),
            )
    except BusyError:
        return  # ResourceInUse: it has begun.


def describe(name: str) -> tuple[JobStatus, str, str]:
    """Status, reason of a failure, and the address of the output; empty while there is none."""
    with translated():
        answer: Mapping[str, Any] = client("sagemaker").describe_labeling_job(LabelingJobName=name)
    told = answer["LabelingJobStatus"]
    if told not in set(JobStatus):
        raise UnknownStatusError(f"The labelling job {name} is {told}.")
    output = answer.get("LabelingJobOutput", {}).get("OutputDatasetS3Uri", "")
    return JobStatus(told), str(answer.get("FailureReason", "")), str(output)


def _uri(key: str) -> str:
    return f"s3://{objects.bucket()}/{key}"
