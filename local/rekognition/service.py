"""Amazon Rekognition Custom Labels on this machine, with models that are really trained.

The embedded runtime hands it every Rekognition call, and the tests call it directly. Requests and
answers are those of the service's JSON protocol: timestamps are epoch seconds, binary members are
base64.

What it does not emulate: training on external manifests, other kinds of images than those with
one label, autoscaling beyond the minimum of inference units, copying of models, and the account's
limits on calls a second.
"""

import base64
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from local.rekognition import images, shapes, training
from local.rekognition.backbone import Backbone
from local.rekognition.errors import ServiceError
from local.rekognition.manifest import (
    Entry,
    UnreadableManifestError,
    UnsupportedManifestError,
    check_size,
    label_counts,
    read_manifest,
)
from local.rekognition.objects import ObjectStore
from local.rekognition.paging import page
from local.rekognition.resources import Dataset, Durations, Hosting, Json, Project, ProjectVersion
from local.rekognition.throttle import TokenBucket
from local.rekognition.training import ResultFiles, TrainedModel, TrainingJob, TrainingOutcome

# The default quotas of an account.
MAXIMUM_PROJECTS = 100
MAXIMUM_VERSIONS_PER_PROJECT = 100
MAXIMUM_CONCURRENT_TRAININGS = 2
MAXIMUM_RUNNING_MODELS = 2
MAXIMUM_INFERENCE_UNITS = 5

Item = TypeVar("Item")
log = logging.getLogger(__name__)


class RekognitionService:
    """The Custom Labels part of one account's Rekognition in one region. Threads may share it."""

    def __init__(
        self,
        objects: ObjectStore,
        clock: Callable[[], float],
        cache_dir: Path,
        region: str,
        account_id: str,
        *,
        tps_per_inference_unit: float = 5.0,
        time_scale: float = 1.0,
        durations: Durations | None = None,
        throughput_clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``clock`` gives epoch seconds; emulated durations are divided by ``time_scale``.

        A clock that runs fast by itself needs no ``time_scale``. The throughput is measured in real
        seconds, by ``throughput_clock``. Amazon publishes none: 5 images a second is a choice.
        """
        self._objects = objects
        self._clock = clock
        self._cache_dir = cache_dir
        self._arn_prefix = f"arn:aws:rekognition:{region}:{account_id}:project"
        self._tps_per_inference_unit = tps_per_inference_unit
        self._time_scale = time_scale
        self._throughput_clock = throughput_clock
        self._durations = durations or Durations()
        self._projects: dict[str, Project] = {}
        self._datasets: dict[str, Dataset] = {}
        self._versions: dict[str, ProjectVersion] = {}
        self._last_arn_ms = 0
        # Guards all of the above. Nothing slow is done under it: no S3, no network, no training.
        self._lock = threading.RLock()
        self._backbone: Backbone | None = None
        self._backbone_lock = threading.Lock()
        self._trainer = ThreadPoolExecutor(
            MAXIMUM_CONCURRENT_TRAININGS, thread_name_prefix="rekognition-training"
        )
        self._operations: dict[str, Callable[[Json], Json]] = {
            "CreateProject": self._create_project,
            "DescribeProjects": self._describe_projects,
            "DeleteProject": self._delete_project,
            "CreateDataset": self._create_dataset,
            "DescribeDataset": self._describe_dataset,
            "UpdateDatasetEntries": self._update_dataset_entries,
            "ListDatasetEntries": self._list_dataset_entries,
            "ListDatasetLabels": self._list_dataset_labels,
            "DeleteDataset": self._delete_dataset,
            "CreateProjectVersion": self._create_project_version,
            "DescribeProjectVersions": self._describe_project_versions,
            "StartProjectVersion": self._start_project_version,
            "StopProjectVersion": self._stop_project_version,
            "DeleteProjectVersion": self._delete_project_version,
            "DetectCustomLabels": self._detect_custom_labels,
        }

    def handle(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """The operation's answer. A request can cause no other exception than ServiceError."""
        if operation not in self._operations:
            message = f"The local Rekognition has no operation {operation}."
            raise ServiceError("UnknownOperationException", message)
        shapes.check_request(operation, request)
        return self._operations[operation](request)

    def close(self) -> None:
        """Waits for trainings that are under way, and drops those that are not."""
        self._trainer.shutdown(wait=True, cancel_futures=True)

    def source_refs(self, project_arn: str) -> list[str]:
        """Where the images of a project's datasets are: what a training will read."""
        with self._lock:
            return [
                entry.source_ref
                for dataset in self._datasets.values()
                if dataset.project_arn == project_arn
                for entry in dataset.entries.values()
            ]

    # --- projects -------------------------------------------------------------------------------

    def _create_project(self, request: Json) -> Json:
        if request.get("Feature", "CUSTOM_LABELS") != "CUSTOM_LABELS":
            raise _invalid("The local Rekognition has the feature CUSTOM_LABELS only.")
        if "AutoUpdate" in request:
            raise _invalid("AutoUpdate is not supported for the feature CUSTOM_LABELS.")
        name = request["ProjectName"]
        with self._lock:
            self._forget_the_gone()
            if any(project.name == name for project in self._projects.values()):
                raise ServiceError("ResourceInUseException", f"A project {name} exists already.")
            if len(self._projects) >= MAXIMUM_PROJECTS:
                raise ServiceError("LimitExceededException", "There are too many projects.")
            arn = f"{self._arn_prefix}/{name}/{self._next_arn_ms()}"
            self._projects[arn] = Project(arn, name, self._clock())
        return {"ProjectArn": arn}

    def _describe_projects(self, request: Json) -> Json:
        names, features = request.get("ProjectNames"), request.get("Features")
        with self._lock:
            self._forget_the_gone()
            found = [
                self._describe_project(project)
                for project in _newest_first(self._projects)
                if (names is None or project.name in names)
                and (features is None or "CUSTOM_LABELS" in features)
            ]
        return page(request, found, "ProjectDescriptions", ("ProjectNames", "Features"))

    def _describe_project(self, project: Project) -> Json:
        now = self._clock()
        return {
            "ProjectArn": project.arn,
            "CreationTimestamp": project.created_at,
            "Status": project.status,
            "Datasets": [dataset.summarise(now) for dataset in self._datasets_of(project)],
            "Feature": "CUSTOM_LABELS",
        }

    def _delete_project(self, request: Json) -> Json:
        with self._lock:
            project = self._project(request["ProjectArn"])
            if any(version.project_arn == project.arn for version in self._versions.values()):
                message = f"The project {project.name} still has models."
                raise ServiceError("ResourceInUseException", message)
            if self._datasets_of(project):
                message = f"The project {project.name} still has datasets."
                raise ServiceError("ResourceInUseException", message)
            project.gone_at = self._after(self._durations.project_deletion_s)
            return {"Status": project.status}

    # --- datasets -------------------------------------------------------------------------------

    def _create_dataset(self, request: Json) -> Json:
        with self._lock:
            self._check_dataset_is_new(request)
        entries, failure = self._read_dataset_source(request.get("DatasetSource"))
        with self._lock:
            project = self._check_dataset_is_new(request)
            kind = request["DatasetType"]
            arn = f"{self._arn_prefix}/{project.name}/dataset/{kind.lower()}/{self._next_arn_ms()}"
            ready_at = self._after(self._durations.dataset_creation_s)
            self._datasets[arn] = Dataset(
                arn, project.arn, kind, self._clock(), ready_at, entries, failure
            )
        return {"DatasetArn": arn}

    def _check_dataset_is_new(self, request: Json) -> Project:
        project = self._project(request["ProjectArn"])
        kind = request["DatasetType"]
        if any(dataset.kind == kind for dataset in self._datasets_of(project)):
            message = f"The project {project.name} has a {kind} dataset already."
            raise ServiceError("ResourceAlreadyExistsException", message)
        return project

    def _read_dataset_source(self, source: Json | None) -> tuple[dict[str, Entry], str | None]:
        """The entries that a dataset starts with, and why it fails if it does."""
        if not source:
            return {}, None
        if set(source) == {"DatasetArn"}:
            with self._lock:
                original = self._readable_dataset(source["DatasetArn"])
                return dict(original.entries), None
        s3_object = source.get("GroundTruthManifest", {}).get("S3Object", {})
        if set(source) != {"GroundTruthManifest"} or not {"Bucket", "Name"} <= set(s3_object):
            raise _invalid("DatasetSource must have either a GroundTruthManifest or a DatasetArn.")
        if "." not in s3_object["Name"].rsplit("/", 1)[-1]:
            return {}, (
                "ERROR_MANIFEST_INACCESSIBLE_OR_UNSUPPORTED_FORMAT: The manifest file's name has "
                "no extension."
            )
        return _read_entries(self._read_s3(s3_object), {})

    def _describe_dataset(self, request: Json) -> Json:
        with self._lock:
            dataset = self._dataset(request["DatasetArn"])
            return {"DatasetDescription": dataset.describe(self._clock())}

    def _update_dataset_entries(self, request: Json) -> Json:
        changes = base64.b64decode(request["Changes"]["GroundTruth"])
        with self._lock:
            dataset = self._dataset(request["DatasetArn"])
            self._check_dataset_is_idle(dataset)
            if dataset.status(self._clock()) == "CREATE_FAILED":
                raise _invalid("The dataset could not be created, so it cannot be updated.")
            entries, failure = _read_entries(changes, dataset.entries)
            if not failure:
                dataset.entries = entries
            dataset.failure = failure
            dataset.verb = "UPDATE"
            dataset.ready_at = self._after(self._durations.dataset_update_s)
        return {}

    def _list_dataset_entries(self, request: Json) -> Json:
        with self._lock:
            entries = list(self._readable_dataset(request["DatasetArn"]).entries.values())
        lines = [entry.as_line() for entry in entries if _is_wanted(entry, request)]
        filters = ("ContainsLabels", "Labeled", "SourceRefContains", "HasErrors")
        return page(request, lines, "DatasetEntries", ("DatasetArn", *filters))

    def _list_dataset_labels(self, request: Json) -> Json:
        with self._lock:
            entries = list(self._readable_dataset(request["DatasetArn"]).entries.values())
        described = [
            {"LabelName": label, "LabelStats": {"EntryCount": count, "BoundingBoxCount": 0}}
            for label, count in label_counts(entries).items()
        ]
        return page(request, described, "DatasetLabelDescriptions", ("DatasetArn",))

    def _delete_dataset(self, request: Json) -> Json:
        with self._lock:
            dataset = self._dataset(request["DatasetArn"])
            self._check_dataset_is_idle(dataset)
            dataset.gone_at = self._after(self._durations.dataset_deletion_s)
        return {}

    # --- project versions -----------------------------------------------------------------------

    def _create_project_version(self, request: Json) -> Json:
        if "TrainingData" in request or "TestingData" in request:
            raise _invalid(
                "The local Rekognition trains on the project's datasets: leave out TrainingData "
                "and TestingData."
            )
        if "FeatureConfig" in request:
            raise _invalid("FeatureConfig is not for models of the feature CUSTOM_LABELS.")
        output = request["OutputConfig"]
        if "S3Bucket" not in output:
            raise _invalid("OutputConfig needs S3Bucket.")
        with self._lock:
            project = self._project(request["ProjectArn"])
            name = request["VersionName"]
            self._check_version_may_be_trained(project, name)
            train, test = (self._dataset_to_train_on(project, kind) for kind in ("TRAIN", "TEST"))
            arn = f"{self._arn_prefix}/{project.name}/version/{name}/{self._next_arn_ms()}"
            prefix = output.get("S3KeyPrefix", "")
            version = ProjectVersion(
                arn=arn,
                project_arn=project.arn,
                name=name,
                created_at=self._clock(),
                trained_at=self._after(self._durations.training_s),
                billable_s=round(self._durations.training_s),
                files=ResultFiles(output["S3Bucket"], prefix, project.name, name),
                output_config=output,
                optional_members={
                    member: request[member]
                    for member in ("KmsKeyId", "VersionDescription")
                    if member in request
                },
            )
            self._versions[arn] = version
            job = TrainingJob(
                arn, version.files, tuple(train.entries.values()), tuple(test.entries.values())
            )
        self._trainer.submit(self._train, version, job)
        return {"ProjectVersionArn": arn}

    def _check_version_may_be_trained(self, project: Project, name: str) -> None:
        now = self._clock()
        versions = [item for item in self._versions.values() if item.project_arn == project.arn]
        if any(version.name == name for version in versions):
            message = f"The project {project.name} has a version {name} already."
            raise ServiceError("ResourceInUseException", message)
        if len(versions) >= MAXIMUM_VERSIONS_PER_PROJECT:
            raise ServiceError("LimitExceededException", "The project has too many models.")
        statuses = [version.status(now) for version in self._versions.values()]
        if statuses.count("TRAINING_IN_PROGRESS") >= MAXIMUM_CONCURRENT_TRAININGS:
            message = f"{MAXIMUM_CONCURRENT_TRAININGS} models are being trained already."
            raise ServiceError("LimitExceededException", message)

    def _dataset_to_train_on(self, project: Project, kind: str) -> Dataset:
        datasets = [dataset for dataset in self._datasets_of(project) if dataset.kind == kind]
        if not datasets:
            raise _invalid(f"The project {project.name} has no {kind} dataset.")
        self._check_dataset_is_idle(datasets[0])
        if not datasets[0].can_be_read(self._clock()):
            raise _invalid(f"The {kind} dataset could not be created.")
        return datasets[0]

    def _train(self, version: ProjectVersion, job: TrainingJob) -> None:
        """Runs in a background thread, where an error that is not put down here would vanish."""
        try:
            outcome = training.run(job, self._objects, self._embedder(), self._clock())
        except Exception as error:
            log.exception("training %s failed unexpectedly", version.arn)
            outcome = TrainingOutcome(f"The local training failed: {error!r}")
        with self._lock:
            version.trained_at = max(version.trained_at, self._clock())
            version.outcome = outcome

    def _describe_project_versions(self, request: Json) -> Json:
        names = request.get("VersionNames")
        with self._lock:
            project = self._project(request["ProjectArn"])
            now = self._clock()
            found = [
                version.describe(now)
                for version in _newest_first(self._versions)
                if version.project_arn == project.arn and (names is None or version.name in names)
            ]
        return page(request, found, "ProjectVersionDescriptions", ("ProjectArn", "VersionNames"))

    def _start_project_version(self, request: Json) -> Json:
        minimum, maximum = request["MinInferenceUnits"], request.get("MaxInferenceUnits")
        if maximum is not None and maximum < minimum:
            raise _invalid("MaxInferenceUnits is less than MinInferenceUnits.")
        if max(minimum, maximum or 0) > MAXIMUM_INFERENCE_UNITS:
            message = f"A model may have {MAXIMUM_INFERENCE_UNITS} inference units at most."
            raise ServiceError("LimitExceededException", message)
        with self._lock:
            version = self._version(request["ProjectVersionArn"])
            now = self._clock()
            status = version.status(now)
            if status == "TRAINING_FAILED":
                raise _invalid(
                    f"The model {version.name} has failed training; it cannot be started."
                )
            if status not in {"TRAINING_COMPLETED", "STOPPED"}:
                message = f"The model {version.name} cannot be started: its status is {status}."
                raise ServiceError("ResourceInUseException", message)
            hosted = sum(other.occupies_a_hosting_slot(now) for other in self._versions.values())
            if hosted >= MAXIMUM_RUNNING_MODELS:
                message = f"{MAXIMUM_RUNNING_MODELS} models are running already."
                raise ServiceError("LimitExceededException", message)
            version.hosting = Hosting(
                minimum_units=minimum,
                maximum_units=maximum,
                running_at=self._after(self._durations.start_s),
                bucket=TokenBucket(minimum * self._tps_per_inference_unit, self._throughput_clock),
            )
            return {"Status": version.status(now)}

    def _stop_project_version(self, request: Json) -> Json:
        with self._lock:
            version = self._version(request["ProjectVersionArn"])
            now = self._clock()
            status = version.status(now)
            if status != "RUNNING" or version.hosting is None:
                message = f"The model {version.name} cannot be stopped: its status is {status}."
                raise ServiceError("ResourceInUseException", message)
            version.hosting.stopped_at = self._after(self._durations.stop_s)
            return {"Status": version.status(now)}

    def _delete_project_version(self, request: Json) -> Json:
        with self._lock:
            version = self._version(request["ProjectVersionArn"])
            now = self._clock()
            status = version.status(now)
            if status not in {"TRAINING_COMPLETED", "TRAINING_FAILED", "STOPPED"}:
                message = f"The model {version.name} cannot be deleted: its status is {status}."
                raise ServiceError("ResourceInUseException", message)
            version.gone_at = self._after(self._durations.version_deletion_s)
            return {"Status": version.status(now)}

    # --- detection ------------------------------------------------------------------------------

    def _detect_custom_labels(self, request: Json) -> Json:
        model = self._running_model(request["ProjectVersionArn"])
        content, maximum_bytes = self._image_content(request["Image"])
        try:
            image = images.decode(content, maximum_bytes)
        except images.UnusableImageError as error:
            raise ServiceError(_image_error_code(error.problem), str(error)) from error
        embedding = self._embedder().embed_content(content, image)
        (confidences,) = model.classifier.confidences(embedding[None])
        found = [
            {"Name": label, "Confidence": float(confidence) * 100}
            for label, confidence in zip(model.classifier.labels, confidences, strict=True)
        ]
        return {"CustomLabels": _select_labels(found, model, request)}

    def _running_model(self, arn: str) -> TrainedModel:
        with self._lock:
            version = self._version(arn)
            status = version.status(self._clock())
            model, hosting = version.model, version.hosting
        if status != "RUNNING" or model is None or hosting is None:
            message = f"ProjectVersion {arn} is not in a RUNNING state: its status is {status}."
            raise ServiceError("ResourceNotReadyException", message)
        if not hosting.bucket.take():
            raise ServiceError(
                "ProvisionedThroughputExceededException",
                f"{hosting.minimum_units} inference units take "
                f"{hosting.minimum_units * self._tps_per_inference_unit:g} images a second.",
            )
        return model

    def _image_content(self, image: Json) -> tuple[bytes, int]:
        """The image's bytes, and how many of them are allowed."""
        if set(image) == {"Bytes"}:
            return base64.b64decode(image["Bytes"]), images.MAXIMUM_REQUEST_BYTES
        if set(image) != {"S3Object"} or not {"Bucket", "Name"} <= set(image["S3Object"]):
            raise _invalid("Image must have either Bytes or an S3Object with Bucket and Name.")
        return self._read_s3(image["S3Object"]), images.MAXIMUM_S3_BYTES

    # --- shared ---------------------------------------------------------------------------------

    def _read_s3(self, s3_object: Json) -> bytes:
        try:
            return self._objects.get(
                s3_object["Bucket"], s3_object["Name"], s3_object.get("Version")
            )
        except (KeyError, PermissionError) as error:
            message = (
                "Unable to get object metadata from S3. Check object key, region and/or access "
                "permissions."
            )
            raise ServiceError("InvalidS3ObjectException", message) from error

    def _embedder(self) -> Backbone:
        """The backbone, loaded when first needed: it takes half a second or so."""
        with self._backbone_lock:
            if self._backbone is None:
                self._backbone = Backbone(self._cache_dir)
            return self._backbone

    def _next_arn_ms(self) -> int:
        """The number at the end of an ARN: epoch milliseconds, but never the same twice."""
        self._last_arn_ms = max(self._last_arn_ms + 1, int(self._clock() * 1000))
        return self._last_arn_ms

    def _after(self, duration_s: float) -> float:
        return self._clock() + duration_s / self._time_scale

    def _forget_the_gone(self) -> None:
        now = self._clock()
        for resources in (self._projects, self._datasets, self._versions):
            gone = [
                arn
                for arn, resource in resources.items()
                if resource.gone_at is not None and now >= resource.gone_at
            ]
            for arn in gone:
                del resources[arn]

    def _project(self, arn: str) -> Project:
        self._forget_the_gone()
        project = self._projects.get(arn)
        if project is None or project.gone_at is not None:
            raise _not_found("project", arn)
        return project

    def _dataset(self, arn: str) -> Dataset:
        self._forget_the_gone()
        if arn not in self._datasets:
            raise _not_found("dataset", arn)
        return self._datasets[arn]

    def _version(self, arn: str) -> ProjectVersion:
        self._forget_the_gone()
        if arn not in self._versions:
            raise _not_found("project version", arn)
        return self._versions[arn]

    def _datasets_of(self, project: Project) -> list[Dataset]:
        return [item for item in self._datasets.values() if item.project_arn == project.arn]

    def _readable_dataset(self, arn: str) -> Dataset:
        dataset = self._dataset(arn)
        now = self._clock()
        if dataset.status(now) == "UPDATE_IN_PROGRESS":
            raise ServiceError("ResourceInUseException", "The dataset is being updated.")
        if not dataset.can_be_read(now):
            message = f"The dataset is not ready: its status is {dataset.status(now)}."
            raise ServiceError("ResourceNotReadyException", message)
        return dataset

    def _check_dataset_is_idle(self, dataset: Dataset) -> None:
        status = dataset.status(self._clock())
        if status.endswith("_IN_PROGRESS"):
            message = f"The dataset is in use: its status is {status}."
            raise ServiceError("ResourceInUseException", message)


def _read_entries(
    manifest: bytes, existing: Mapping[str, Entry]
) -> tuple[dict[str, Entry], str | None]:
    """The existing entries with the manifest's put in, and why that failed if it did."""
    try:
        entries = {**existing, **read_manifest(manifest)}
        check_size(entries.values())
    except UnsupportedManifestError as error:
        raise _invalid(str(error)) from error
    except UnreadableManifestError as error:
        return {}, str(error)
    return entries, None


def _is_wanted(entry: Entry, request: Json) -> bool:
    """Whether ListDatasetEntries' filters let the entry through."""
    if "ContainsLabels" in request and entry.label not in request["ContainsLabels"]:
        return False
    if "Labeled" in request and request["Labeled"] != (entry.label is not None):
        return False
    if "HasErrors" in request and request["HasErrors"] != bool(entry.errors):
        return False
    wanted_text: str = request.get("SourceRefContains", "")
    return wanted_text in entry.source_ref


def _select_labels(found: Sequence[Json], model: TrainedModel, request: Json) -> list[Json]:
    """The labels above MinConfidence, or else above their own assumed thresholds; surest first."""
    minimum_pct = request.get("MinConfidence")
    thresholds = model.evaluation.thresholds
    kept = [
        label
        for label in found
        if label["Confidence"]
        >= (thresholds[label["Name"]] * 100 if minimum_pct is None else minimum_pct)
    ]
    kept.sort(key=lambda label: -label["Confidence"])
    return kept[: request.get("MaxResults")]


def _image_error_code(problem: images.Problem) -> str:
    return {
        images.Problem.TOO_MANY_BYTES: "ImageTooLargeException",
        images.Problem.TOO_LARGE: "ImageTooLargeException",
        images.Problem.NOT_AN_IMAGE: "InvalidImageFormatException",
        images.Problem.TOO_SMALL: "InvalidParameterException",
        images.Problem.TOO_LONG: "InvalidParameterException",
    }[problem]


def _newest_first(resources: Mapping[str, Item]) -> list[Item]:
    return list(resources.values())[::-1]


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterException", message)


def _not_found(what: str, arn: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", f"There is no {what} {arn}.")
