"""Projects, datasets and project versions, and the statuses they pass through.

It exists so that statuses need no timers: each resource knows when its work is done and derives
its status from the time it is asked at. ``service`` keeps and changes them, under its lock.
"""

from dataclasses import dataclass, field
from typing import Any

from local.rekognition.manifest import Entry, label_counts
from local.rekognition.throttle import TokenBucket
from local.rekognition.trainers import TrainedModel
from local.rekognition.training import ResultFiles, TrainingOutcome

Json = dict[str, Any]


@dataclass(frozen=True)
class Durations:
    """How long the service's asynchronous work takes, in seconds before time scaling.

    Amazon publishes "about 30 minutes to 24 hours" for a training, and nothing for the others.
    """

    dataset_creation_s: float = 30.0
    dataset_update_s: float = 30.0
    dataset_deletion_s: float = 10.0
    training_s: float = 1800.0
    copy_s: float = 300.0
    start_s: float = 600.0
    stop_s: float = 120.0
    version_deletion_s: float = 10.0
    project_deletion_s: float = 10.0


@dataclass(frozen=True)
class Quotas:
    """What an account may have at once: Amazon's defaults, which it raises on request."""

    projects: int = 100
    versions_per_project: int = 100
    concurrent_trainings: int = 2
    running_models: int = 2
    inference_units: int = 5


@dataclass
class Project:
    """A project; ``gone_at`` is set once it is being deleted."""

    arn: str
    name: str
    created_at: float
    gone_at: float | None = None
    policies: dict[str, Json] = field(default_factory=dict)
    """By name, as ListProjectPolicies gives them."""

    @property
    def status(self) -> str:
        return "CREATED" if self.gone_at is None else "DELETING"


@dataclass
class Dataset:
    """A dataset; ``verb`` is the work that is done, or failed, at ``ready_at``."""

    arn: str
    project_arn: str
    kind: str
    created_at: float
    ready_at: float
    entries: dict[str, Entry]
    failure: str | None = None
    verb: str = "CREATE"
    gone_at: float | None = None

    def status(self, now: float) -> str:
        if self.gone_at is not None:
            return "DELETE_IN_PROGRESS"
        if now < self.ready_at:
            return f"{self.verb}_IN_PROGRESS"
        return f"{self.verb}_FAILED" if self.failure else f"{self.verb}_COMPLETE"

    def can_be_read(self, now: float) -> bool:
        """Whether its entries may be listed and trained on; a failed update leaves the old."""
        return self.status(now) in {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_FAILED"}

    def status_members(self, now: float) -> Json:
        """Status, StatusMessage and StatusMessageCode.

        The guide's programs read all three whatever the status is; what they say while work is
        going on is not documented.
        """
        status = self.status(now)
        done = {"CREATE": "created", "UPDATE": "updated", "DELETE": "deleted"}
        message, code = f"The dataset is being {done[status.split('_')[0]]}.", "SUCCESS"
        if status.endswith("_COMPLETE"):
            message = f"The dataset was successfully {done[self.verb]}."
        elif status.endswith("_FAILED"):
            message, code = str(self.failure), "CLIENT_ERROR"
        return {"Status": status, "StatusMessage": message, "StatusMessageCode": code}

    def summarise(self, now: float) -> Json:
        """As DescribeProjects lists it."""
        return {
            "CreationTimestamp": self.created_at,
            "DatasetType": self.kind,
            "DatasetArn": self.arn,
            **self.status_members(now),
        }

    def describe(self, now: float) -> Json:
        """As DescribeDataset answers."""
        visible = list(self.entries.values()) if self.can_be_read(now) else []
        return {
            "CreationTimestamp": self.created_at,
            "LastUpdatedTimestamp": min(now, self.ready_at),
            **self.status_members(now),
            "DatasetStats": {
                "TotalEntries": len(visible),
                "LabeledEntries": sum(entry.is_labelled for entry in visible),
                "TotalLabels": len(label_counts(visible)),
                "ErrorEntries": sum(bool(entry.errors) for entry in visible),
            },
        }


@dataclass
class Hosting:
    """A model that was started; ``stopped_at`` is set once it is asked to stop."""

    minimum_units: int
    maximum_units: int | None
    running_at: float
    bucket: TokenBucket
    stopped_at: float | None = None
    failure: str | None = None
    """Why it will not run, though it starts."""

    def status(self, now: float) -> str:
        if self.stopped_at is not None:
            return "STOPPING" if now < self.stopped_at else "STOPPED"
        if now < self.running_at:
            return "STARTING"
        return "FAILED" if self.failure else "RUNNING"


@dataclass
class ProjectVersion:
    """A model; its training ends when it is both really done and ``trained_at`` has come.

    Of one that was copied from another, the copying does.
    """

    arn: str
    project_arn: str
    name: str
    created_at: float
    trained_at: float
    billable_s: int
    files: ResultFiles
    output_config: Json
    optional_members: Json = field(default_factory=dict)
    training_input: Json = field(default_factory=dict)
    testing_input: Json = field(default_factory=lambda: {"AutoCreate": False})
    copied_from: str | None = None
    """The ARN of the version that it is a copy of."""
    outcome: TrainingOutcome | None = None
    hosting: Hosting | None = None
    gone_at: float | None = None
    has_f1: bool = True
    ordered_status: str | None = None
    """The status that it has whatever has become of it."""

    def status(self, now: float) -> str:
        if self.gone_at is not None:
            return "DELETING"
        if self.ordered_status is not None:
            return self.ordered_status
        work = "COPYING" if self.copied_from else "TRAINING"
        if self.outcome is None or now < self.trained_at:
            return f"{work}_IN_PROGRESS"
        if self.outcome.model is None:
            return f"{work}_FAILED"
        return self.hosting.status(now) if self.hosting else f"{work}_COMPLETED"

    def occupies_a_hosting_slot(self, now: float) -> bool:
        return self.status(now) in {"STARTING", "RUNNING", "STOPPING"}

    @property
    def model(self) -> TrainedModel | None:
        return self.outcome.model if self.outcome else None

    def describe(self, now: float) -> Json:
        """As DescribeProjectVersions lists it; members that do not apply are left out."""
        status = self.status(now)
        description: Json = {
            "ProjectVersionArn": self.arn,
            "CreationTimestamp": self.created_at,
            "Status": status,
            "StatusMessage": self._status_message(status),
            "OutputConfig": self.output_config,
            "Feature": "CUSTOM_LABELS",
            **self.optional_members,
        }
        if self.copied_from:
            description["SourceProjectVersionArn"] = self.copied_from
        if self.hosting:
            description["MinInferenceUnits"] = self.hosting.minimum_units
            if self.hosting.maximum_units is not None:
                description["MaxInferenceUnits"] = self.hosting.maximum_units
        if self.outcome and now >= self.trained_at:
            description |= self._describe_training(self.outcome)
        return description

    def _status_message(self, status: str) -> str:
        if self.outcome and status.endswith(("ING_COMPLETED", "ING_FAILED")):
            return self.outcome.message
        if self.hosting and self.hosting.failure and status == "FAILED":
            return self.hosting.failure
        return {
            "TRAINING_IN_PROGRESS": "The model is being trained.",
            "COPYING_IN_PROGRESS": "The model is being copied.",
            "STARTING": "The model is being prepared for hosting.",
            "RUNNING": "The model is running.",
            "STOPPING": "The model is stopping.",
            "STOPPED": "The model is stopped.",
            "DELETING": "The model is being deleted.",
        }.get(status, f"The model is {status}.")

    def _describe_training(self, outcome: TrainingOutcome) -> Json:
        described: Json = {} if self.copied_from else {"TrainingEndTimestamp": self.trained_at}
        if outcome.has_validation_files:
            described["ManifestSummary"] = self._s3_object(self.files.manifest_summary)
            described["TrainingDataResult"] = self._data_result(
                "Training", outcome, self.training_input
            )
            described["TestingDataResult"] = self._data_result(
                "Testing", outcome, self.testing_input
            )
        if outcome.model:
            if not self.copied_from:
                described["BillableTrainingTimeInSeconds"] = self.billable_s
            described["EvaluationResult"] = {
                **({"F1Score": outcome.model.evaluation.f1} if self.has_f1 else {}),
                "Summary": self._s3_object(self.files.evaluation_summary),
            }
        return described

    def _data_result(self, dataset: str, outcome: TrainingOutcome, given: Json) -> Json:
        """A data result; a model trained on project datasets has no assets in its Input."""
        result: Json = {
            "Input": dict(given),
            "Validation": {"Assets": [self._asset(self.files.validation(dataset))]},
        }
        if outcome.model:
            result["Output"] = {**given, "Assets": [self._asset(self.files.snapshot(dataset))]}
        return result

    def _asset(self, key: str) -> Json:
        return {"GroundTruthManifest": self._s3_object(key)}

    def _s3_object(self, key: str) -> Json:
        return {"S3Object": {"Bucket": self.files.bucket, "Name": key}}
