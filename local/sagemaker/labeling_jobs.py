"""Labelling jobs: an input manifest and labels in, what workers said out, under the job's role."""

import json
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.rekognition.service_error import ServiceError
from local.sagemaker.human_loops import split_uri
from local.sagemaker.world import World

INITIALIZING_TAKES_S = 60.0
# https://docs.aws.amazon.com/sagemaker/latest/dg/sms-security-permission-execution-role.html, whose
# rights to objects are those of what is read and written here.
_ON_BUCKETS = ("s3:GetBucketLocation", "s3:ListBucket")
_ON_LOGS = (
    "logs:CreateLogGroup",
    "logs:CreateLogStream",
    "logs:DescribeLogStreams",
    "logs:PutLogEvents",
)

Json = dict[str, Any]


@dataclass
class Job:
    """One labelling job."""

    request: Json
    created: float
    status: str = "InProgress"
    reason: str | None = None

    @property
    def output_uri(self) -> str:
        """Where the output manifest is."""
        folder = self.request["OutputConfig"]["S3OutputPath"].rstrip("/")
        return f"{folder}/{self.request['LabelingJobName']}/manifests/output/output.manifest"


class LabelingJobs:
    """The account's labelling jobs of one label an image. Threads may share them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._jobs: dict[str, Job] = {}
        self._lock = threading.RLock()

    def create(self, request: Json) -> Json:
        """CreateLabelingJob, which reads its files at once."""
        name = request["LabelingJobName"]
        with self._lock:
            if name in self._jobs:
                raise ServiceError("ResourceInUse", f"There is a labelling job {name} already.")
            try:
                self._check_role(request)
                self._labels(request)
                self._input(request)
                self._read(request, request["HumanTaskConfig"]["UiConfig"]["UiTemplateS3Uri"])
            except (PermissionError, KeyError, ValueError) as error:
                raise ServiceError("ValidationException", f"The job's files: {error}") from error
            self._jobs[name] = Job(request, self._world.now())
        return {"LabelingJobArn": self._world.arn(f"labeling-job/{name}")}

    def _check_role(self, request: Json) -> None:
        """Raises PermissionError where the job's role lacks what the guide asks for."""
        manifest_uri = request["InputConfig"]["DataSource"]["S3DataSource"]["ManifestS3Uri"]
        (in_bucket, _), (bucket, folder) = map(
            split_uri, (manifest_uri, request["OutputConfig"]["S3OutputPath"])
        )
        account = f"{self._world.region}:{self._world.account_id}"
        logs = f"arn:aws:logs:{account}:log-group:/aws/sagemaker/LabelingJobs"
        needed = [
            *(
                (action, f"arn:aws:s3:::{one}")
                for one in (in_bucket, bucket)
                for action in _ON_BUCKETS
            ),
            (
                "s3:AbortMultipartUpload",
                f"arn:aws:s3:::{bucket}/{folder}{request['LabelingJobName']}",
            ),
            ("cloudwatch:PutMetricData", "*"),
            *((action, logs) for action in _ON_LOGS),
        ]
        for action, resource in needed:
            self._world.check(request["RoleArn"], action, resource)

    def _read(self, request: Json, uri: str) -> bytes:
        return self._world.read(request["RoleArn"], *split_uri(uri))

    def _labels(self, request: Json) -> list[str]:
        content = json.loads(self._read(request, request["LabelCategoryConfigS3Uri"]))
        return [entry["label"] for entry in content["labels"]]

    def _input(self, request: Json) -> list[Json]:
        uri = request["InputConfig"]["DataSource"]["S3DataSource"]["ManifestS3Uri"]
        return [json.loads(line) for line in self._read(request, uri).splitlines()]

    def describe(self, request: Json) -> Json:
        """DescribeLabelingJob."""
        name = request["LabelingJobName"]
        with self._lock:
            if name not in self._jobs:
                raise ServiceError("ResourceNotFound", f"There is no labelling job {name}.")
            job = self._jobs[name]
            young = self._world.now() - job.created < INITIALIZING_TAKES_S
            under_way = job.status == "InProgress"
            return {
                **{part: value for part, value in job.request.items() if part != "Tags"},
                "LabelingJobStatus": "Initializing" if young and under_way else job.status,
                "LabelingJobArn": self._world.arn(f"labeling-job/{name}"),
                "JobReferenceCode": name[-16:],
                "LabelCounters": {},
                "CreationTime": job.created,
                "LastModifiedTime": job.created,
                **({"FailureReason": job.reason} if job.reason else {}),
                # Of a job that failed it leads nowhere.
                **(
                    {}
                    if under_way
                    else {"LabelingJobOutput": {"OutputDatasetS3Uri": job.output_uri}}
                ),
            }

    def listed(self) -> list[Json]:
        """Every job: its images, its labels, its status."""
        with self._lock:
            return [
                {
                    "name": name,
                    "status": job.status,
                    "labels": self._labels(job.request),
                    "images": [line["source-ref"] for line in self._input(job.request)],
                }
                for name, job in self._jobs.items()
            ]

    def end(self, name: str, status: str, labels: dict[str, str], reason: str | None) -> Json:
        """End a job with these labels, by the images' addresses; others stay without one.

        Raises LookupError where there is none under way.
        """
        with self._lock:
            job = self._jobs.get(name)
            if job is None or job.status != "InProgress":
                raise LookupError(f"no labelling job {name} is under way")
            choices = self._labels(job.request)
            lines = [self._line(job, line, labels, choices) for line in self._input(job.request)]
            if status in {"Completed", "Stopped"}:
                body = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
                bucket, key = split_uri(job.output_uri)
                self._world.write(job.request["RoleArn"], bucket, key, body)
            job.status, job.reason = status, reason
            return {"status": status}

    def _line(self, job: Job, line: Json, labels: dict[str, str], choices: list[str]) -> Json:
        label = labels.get(line["source-ref"])
        attribute = job.request["LabelAttributeName"]
        if label is None:
            return {**line, f"{attribute}-metadata": {"failure-reason": "ClientError: no answer"}}
        self._read(job.request, line["source-ref"])
        moment = datetime.fromtimestamp(self._world.now(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
        return {
            **line,
            attribute: choices.index(label),
            f"{attribute}-metadata": {
                "class-name": label,
                "confidence": 0.95,
                "creation-date": moment,
                "human-annotated": "yes",
                "job-name": f"labeling-job/{job.request['LabelingJobName']}",
                "type": "groundtruth/image-classification",
            },
        }
