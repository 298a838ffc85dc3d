"""The operations on project versions: training, copying, starting, stopping and deleting models.

``service`` hands them their requests. Trainings run in threads of this module's own.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from local.rekognition import training
from local.rekognition.account_resources import Account, invalid, newest_first
from local.rekognition.annotations import LineProblem
from local.rekognition.distribution import TooFewImagesError, distribute
from local.rekognition.manifest import (
    Entry,
    UnreadableManifestError,
    check_size,
    has_extension,
    read_manifest,
)
from local.rekognition.orders import Outcome
from local.rekognition.paging import page
from local.rekognition.resources import Dataset, Hosting, Json, Project, ProjectVersion
from local.rekognition.service_error import ServiceError
from local.rekognition.throttle import TokenBucket
from local.rekognition.training import ResultFiles, TrainingJob, TrainingOutcome

TRAINERS = 2
"""However many trainings run, so many are worked on at once."""
STARTABLE = frozenset(("TRAINING_COMPLETED", "STOPPED", "COPYING_COMPLETED"))

log = logging.getLogger(__name__)


_UNREADABLE = "The manifest file extension or contents are invalid."
_TOO_FEW_TO_SPLIT = LineProblem(
    "ERROR_INSUFFICIENT_IMAGES_PER_LABEL_FOR_AUTOSPLIT",
    "The manifest file contains insufficient labeled images per label to perform auto-split.",
)


class _ManifestFileError(Exception):
    """A manifest that was given to a training cannot be used as a whole; the message is AWS's."""


@dataclass(frozen=True)
class _Data:
    """What a training is given, and as what DescribeProjectVersions tells it."""

    training: Sequence[Entry] = ()
    testing: Sequence[Entry] = ()
    problems: Sequence[LineProblem] = ()
    training_input: Json = field(default_factory=dict)
    testing_input: Json = field(default_factory=lambda: {"AutoCreate": False})
    failure: str | None = None
    """Why nothing can be trained on it at all."""


class VersionOperations:
    """Trains, copies, shows, hosts and deletes models."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._trainer = ThreadPoolExecutor(TRAINERS, thread_name_prefix="rekognition-training")
        self.operations: dict[str, Callable[[Json], Json]] = {
            "CreateProjectVersion": self._create_project_version,
            "CopyProjectVersion": self._copy_project_version,
            "DescribeProjectVersions": self._describe_project_versions,
            "StartProjectVersion": self._start_project_version,
            "StopProjectVersion": self._stop_project_version,
            "DeleteProjectVersion": self._delete_project_version,
        }

    def close(self) -> None:
        """Waits for trainings that are under way, and drops those that are not."""
        self._trainer.shutdown(wait=True, cancel_futures=True)

    def _create_project_version(self, request: Json) -> Json:
        if "FeatureConfig" in request:
            raise invalid("FeatureConfig is not for models of the feature CUSTOM_LABELS.")
        given = None
        if "TrainingData" in request or "TestingData" in request:
            _check_data(request)
            with self._account.lock:
                self._check_has_no_datasets(self._account.project(request["ProjectArn"]))
            given = self._read_data(request["TrainingData"], request["TestingData"])
        with self._account.lock:
            project = self._account.project(request["ProjectArn"])
            name = request["VersionName"]
            self._check_version_may_be_trained(project, name)
            if given:
                self._check_has_no_datasets(project)
            # Whatever becomes of the datasets now, the training has what they hold.
            data = given or self._data_of_datasets(project)
            version = self._new_version(
                request,
                project,
                self._account.durations.training_s,
                training_input=data.training_input,
                testing_input=data.testing_input,
            )
            job = TrainingJob(
                version.arn, version.files, data.training, data.testing, data.problems
            )
            orders = self._account.orders
            ordered = orders.take(Outcome.TRAINING_FAILS, name)
            failure = ordered.text if ordered else data.failure
            version.ordered_status = orders.status_of(name)
            version.has_f1 = orders.take(Outcome.F1_IS_MISSING, name) is None
            if failure:
                version.outcome = TrainingOutcome(failure)
        if not failure:
            self._trainer.submit(self._train, version, job)
        return {"ProjectVersionArn": version.arn}

    def _new_version(
        self, request: Json, project: Project, takes_s: float, **members: Any
    ) -> ProjectVersion:
        """A version under way, as the request that makes it says."""
        output, name = request["OutputConfig"], request["VersionName"]
        if "S3Bucket" not in output:
            raise invalid("OutputConfig needs S3Bucket.")
        arn = self._account.new_arn(f"{project.name}/version/{name}")
        prefix = output.get("S3KeyPrefix", "")
        self._account.versions[arn] = version = ProjectVersion(
            arn=arn,
            project_arn=project.arn,
            name=name,
            created_at=self._account.clock(),
            trained_at=self._account.after(takes_s),
            billable_s=round(takes_s),
            files=ResultFiles(output["S3Bucket"], prefix, project.name, name),
            output_config=output,
            optional_members={
                member: request[member]
                for member in ("KmsKeyId", "VersionDescription")
                if member in request
            },
            **members,
        )
        self._account.note_tags(arn, request)
        return version

    def _check_has_no_datasets(self, project: Project) -> None:
        if self._account.datasets_of(project):
            raise invalid(
                f"The project {project.name} has datasets: leave out TrainingData and TestingData."
            )

    def _data_of_datasets(self, project: Project) -> _Data:
        train, test = (self._dataset_to_train_on(project, kind) for kind in ("TRAIN", "TEST"))
        return _Data(tuple(train.entries.values()), tuple(test.entries.values()))

    def _read_data(self, training: Json, testing: Json) -> _Data:
        """What the manifests hold that the request names."""
        given = partial(_Data, training_input=training, testing_input=testing)
        problems: tuple[LineProblem, ...] = ()
        try:
            trained = self._read_assets(training["Assets"])
            if not testing.get("AutoCreate"):
                return given(trained, self._read_assets(testing["Assets"]))
        except _ManifestFileError as error:
            return given(failure=str(error))
        tested: Sequence[Entry] = ()
        try:
            trained, tested = distribute(trained)
        except TooFewImagesError:
            problems = (_TOO_FEW_TO_SPLIT,)
        return given(trained, tested, problems)

    def _read_assets(self, assets: Sequence[Json]) -> Sequence[Entry]:
        entries: dict[str, Entry] = {}
        for asset in assets:
            s3_object = asset["GroundTruthManifest"]["S3Object"]
            if not has_extension(s3_object["Name"]):
                raise _ManifestFileError(_UNREADABLE)
            try:
                content = self._account.objects.get(
                    s3_object["Bucket"], s3_object["Name"], s3_object.get("Version")
                )
                read = read_manifest(content)
                check_size(read.values())
            except KeyError as error:
                raise _ManifestFileError(_UNREADABLE) from error
            except PermissionError as error:
                raise _ManifestFileError("The S3 bucket permissions are incorrect.") from error
            except UnreadableManifestError as error:
                raise _ManifestFileError(str(error)) from error
            if not content.strip():
                raise _ManifestFileError("The manifest file is empty.")
            entries = {**read, **entries}
        return tuple(entries.values())

    def _copy_project_version(self, request: Json) -> Json:
        account = self._account
        with account.lock:
            source_project = account.project(request["SourceProjectArn"])
            source = account.version(request["SourceProjectVersionArn"])
            status = source.status(account.clock())
            if source.project_arn != source_project.arn:
                raise invalid(f"{source.arn} is no version of {source_project.arn}.")
            if status.endswith("_IN_PROGRESS"):
                message = f"The model {source.name} cannot be copied: its status is {status}."
                raise ServiceError("ResourceInUseException", message)
            if source.model is None or status == "DELETING":
                raise invalid(f"The model {source.name} cannot be copied: its status is {status}.")
            project = account.project(request["DestinationProjectArn"])
            self._check_name_is_free(project, request["VersionName"])
            copy = self._new_version(
                request,
                project,
                account.durations.copy_s,
                training_input=source.training_input,
                testing_input=source.testing_input,
                copied_from=source.arn,
                has_f1=source.has_f1,
            )
        outcome = self._copied(source, copy)
        with account.lock:
            copy.outcome = outcome
        return {"ProjectVersionArn": copy.arn}

    def _copied(self, source: ProjectVersion, copy: ProjectVersion) -> TrainingOutcome:
        """How copying the results of the training ends; slow, and so without the lock."""
        objects = self._account.objects
        try:
            bodies = [
                objects.get(source.files.bucket, key, None) for key in source.files.of_a_model
            ]
        except (KeyError, PermissionError):
            return TrainingOutcome(f"The training results of {source.arn} cannot be read.")
        try:
            for key, body in zip(copy.files.of_a_model, bodies, strict=True):
                objects.put(copy.files.bucket, key, body)
        except (KeyError, PermissionError):
            return TrainingOutcome(f"Cannot write to the output bucket {copy.files.bucket}.")
        return TrainingOutcome("The model is ready to run.", source.model, True)

    def _check_version_may_be_trained(self, project: Project, name: str) -> None:
        self._check_name_is_free(project, name)
        now, quotas = self._account.clock(), self._account.quotas
        statuses = [version.status(now) for version in self._account.versions.values()]
        if statuses.count("TRAINING_IN_PROGRESS") >= quotas.concurrent_trainings:
            message = f"{quotas.concurrent_trainings} models are being trained already."
            raise ServiceError("LimitExceededException", message)

    def _check_name_is_free(self, project: Project, name: str) -> None:
        """Raises a ServiceError where the project has, or may have, no version more of the name."""
        versions = [
            item for item in self._account.versions.values() if item.project_arn == project.arn
        ]
        if any(version.name == name for version in versions):
            message = f"The project {project.name} has a version {name} already."
            raise ServiceError("ResourceInUseException", message)
        if len(versions) >= self._account.quotas.versions_per_project:
            raise ServiceError("LimitExceededException", "The project has too many models.")

    def _dataset_to_train_on(self, project: Project, kind: str) -> Dataset:
        datasets = [
            dataset for dataset in self._account.datasets_of(project) if dataset.kind == kind
        ]
        if not datasets:
            raise invalid(f"The project {project.name} has no {kind} dataset.")
        self._account.check_dataset_is_idle(datasets[0])
        if not datasets[0].can_be_read(self._account.clock()):
            raise invalid(f"The {kind} dataset could not be created.")
        return datasets[0]

    def _train(self, version: ProjectVersion, job: TrainingJob) -> None:
        """Runs in a background thread, where an error that is not put down here would vanish."""
        try:
            outcome = training.run(
                job, self._account.objects, self._account.backbone(), self._account.clock()
            )
        except Exception as error:
            log.exception("training %s failed unexpectedly", version.arn)
            outcome = TrainingOutcome(f"The local training failed: {error!r}")
        with self._account.lock:
            version.trained_at = max(version.trained_at, self._account.clock())
            version.outcome = outcome

    def _describe_project_versions(self, request: Json) -> Json:
        names = request.get("VersionNames")
        with self._account.lock:
            project = self._account.project(request["ProjectArn"])
            now = self._account.clock()
            found = [
                version.describe(now)
                for version in newest_first(self._account.versions)
                if version.project_arn == project.arn and (names is None or version.name in names)
            ]
        return page(request, found, "ProjectVersionDescriptions", ("ProjectArn", "VersionNames"))

    def _start_project_version(self, request: Json) -> Json:
        minimum, maximum = request["MinInferenceUnits"], request.get("MaxInferenceUnits")
        if maximum is not None and maximum < minimum:
            raise invalid("MaxInferenceUnits is less than MinInferenceUnits.")
        quotas = self._account.quotas
        if max(minimum, maximum or 0) > quotas.inference_units:
            message = f"A model may have {quotas.inference_units} inference units at most."
            raise ServiceError("LimitExceededException", message)
        with self._account.lock:
            version = self._account.version(request["ProjectVersionArn"])
            now = self._account.clock()
            status = version.status(now)
            if status in {"TRAINING_FAILED", "COPYING_FAILED"}:
                work = status.removesuffix("_FAILED").lower()
                raise invalid(f"The model {version.name} has failed {work}; it cannot be started.")
            if status not in STARTABLE or version.model is None:
                message = f"The model {version.name} cannot be started: its status is {status}."
                raise ServiceError("ResourceInUseException", message)
            hosted = sum(
                other.occupies_a_hosting_slot(now) for other in self._account.versions.values()
            )
            if hosted >= quotas.running_models:
                message = f"{quotas.running_models} models are running already."
                raise ServiceError("LimitExceededException", message)
            failure = self._account.orders.take(Outcome.START_FAILS, version.name)
            version.hosting = Hosting(
                minimum_units=minimum,
                maximum_units=maximum,
                running_at=self._account.after(self._account.durations.start_s),
                bucket=TokenBucket(
                    minimum * self._account.tps_per_inference_unit, self._account.throughput_clock
                ),
                failure=failure.text if failure else None,
            )
            version.ordered_status = None
            return {"Status": version.status(now)}

    def _stop_project_version(self, request: Json) -> Json:
        with self._account.lock:
            version = self._account.version(request["ProjectVersionArn"])
            now = self._account.clock()
            status = version.status(now)
            if status != "RUNNING" or version.hosting is None:
                message = f"The model {version.name} cannot be stopped: its status is {status}."
                raise ServiceError("ResourceInUseException", message)
            version.hosting.stopped_at = self._account.after(self._account.durations.stop_s)
            return {"Status": version.status(now)}

    def _delete_project_version(self, request: Json) -> Json:
        with self._account.lock:
            version = self._account.version(request["ProjectVersionArn"])
            now = self._account.clock()
            status = version.status(now)
            busy = {"STARTING", "RUNNING", "STOPPING", "DELETING"}
            if status in busy or status.endswith("_IN_PROGRESS"):
                message = f"The model {version.name} cannot be deleted: its status is {status}."
                raise ServiceError("ResourceInUseException", message)
            version.gone_at = self._account.after(self._account.durations.version_deletion_s)
            return {"Status": version.status(now)}


def _check_data(request: Json) -> None:
    """Raises InvalidParameterException for training or testing data that cannot be meant."""
    if not {"TrainingData", "TestingData"} <= set(request):
        raise invalid("TrainingData and TestingData are given together, or neither is.")
    training, testing = request["TrainingData"], request["TestingData"]
    if bool(testing.get("AutoCreate")) == bool(testing.get("Assets")):
        raise invalid("TestingData must have either Assets or AutoCreate.")
    if not training.get("Assets"):
        raise invalid("TrainingData must have Assets.")
    for asset in (*training["Assets"], *testing.get("Assets", ())):
        s3_object = asset.get("GroundTruthManifest", {}).get("S3Object", {})
        if not {"Bucket", "Name"} <= set(s3_object):
            raise invalid("An asset must have a GroundTruthManifest with Bucket and Name.")
