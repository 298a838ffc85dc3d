"""The operations on project versions: training, starting, stopping and deleting models.

``service`` hands them their requests. Trainings run in threads of this module's own.
"""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from local.rekognition import training
from local.rekognition.account import Account, invalid, newest_first
from local.rekognition.errors import ServiceError
from local.rekognition.orders import Outcome
from local.rekognition.paging import page
from local.rekognition.resources import Dataset, Hosting, Json, Project, ProjectVersion
from local.rekognition.throttle import TokenBucket
from local.rekognition.training import ResultFiles, TrainingJob, TrainingOutcome

TRAINERS = 2
"""However many trainings run, so many are worked on at once."""
STARTABLE = frozenset(("TRAINING_COMPLETED", "STOPPED", "COPYING_COMPLETED"))

log = logging.getLogger(__name__)


class VersionOperations:
    """Trains, shows, hosts and deletes models."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._trainer = ThreadPoolExecutor(TRAINERS, thread_name_prefix="rekognition-training")
        self.operations: dict[str, Callable[[Json], Json]] = {
            "CreateProjectVersion": self._create_project_version,
            "DescribeProjectVersions": self._describe_project_versions,
            "StartProjectVersion": self._start_project_version,
            "StopProjectVersion": self._stop_project_version,
            "DeleteProjectVersion": self._delete_project_version,
        }

    def close(self) -> None:
        """Waits for trainings that are under way, and drops those that are not."""
        self._trainer.shutdown(wait=True, cancel_futures=True)

    def _create_project_version(self, request: Json) -> Json:
        if "TrainingData" in request or "TestingData" in request:
            raise invalid(
                "The local Rekognition trains on the project's datasets: leave out TrainingData "
                "and TestingData."
            )
        if "FeatureConfig" in request:
            raise invalid("FeatureConfig is not for models of the feature CUSTOM_LABELS.")
        output = request["OutputConfig"]
        if "S3Bucket" not in output:
            raise invalid("OutputConfig needs S3Bucket.")
        with self._account.lock:
            project = self._account.project(request["ProjectArn"])
            name = request["VersionName"]
            self._check_version_may_be_trained(project, name)
            train, test = (self._dataset_to_train_on(project, kind) for kind in ("TRAIN", "TEST"))
            arn = self._account.new_arn(f"{project.name}/version/{name}")
            prefix = output.get("S3KeyPrefix", "")
            version = ProjectVersion(
                arn=arn,
                project_arn=project.arn,
                name=name,
                created_at=self._account.clock(),
                trained_at=self._account.after(self._account.durations.training_s),
                billable_s=round(self._account.durations.training_s),
                files=ResultFiles(output["S3Bucket"], prefix, project.name, name),
                output_config=output,
                optional_members={
                    member: request[member]
                    for member in ("KmsKeyId", "VersionDescription")
                    if member in request
                },
            )
            self._account.versions[arn] = version
            # Whatever becomes of the datasets now, the training has what they hold.
            job = TrainingJob(
                arn, version.files, tuple(train.entries.values()), tuple(test.entries.values())
            )
            orders = self._account.orders
            failure = orders.take(Outcome.TRAINING_FAILS, name)
            version.ordered_status = orders.status_of(name)
            version.has_f1 = orders.take(Outcome.F1_IS_MISSING, name) is None
            if failure:
                version.outcome = TrainingOutcome(failure.text)
        if not failure:
            self._trainer.submit(self._train, version, job)
        return {"ProjectVersionArn": arn}

    def _check_version_may_be_trained(self, project: Project, name: str) -> None:
        now = self._account.clock()
        versions = [
            item for item in self._account.versions.values() if item.project_arn == project.arn
        ]
        if any(version.name == name for version in versions):
            message = f"The project {project.name} has a version {name} already."
            raise ServiceError("ResourceInUseException", message)
        quotas = self._account.quotas
        if len(versions) >= quotas.versions_per_project:
            raise ServiceError("LimitExceededException", "The project has too many models.")
        statuses = [version.status(now) for version in self._account.versions.values()]
        if statuses.count("TRAINING_IN_PROGRESS") >= quotas.concurrent_trainings:
            message = f"{quotas.concurrent_trainings} models are being trained already."
            raise ServiceError("LimitExceededException", message)

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
            if status == "TRAINING_FAILED":
                raise invalid(
                    f"The model {version.name} has failed training; it cannot be started."
                )
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
            if status in {"TRAINING_IN_PROGRESS", "STARTING", "RUNNING", "STOPPING", "DELETING"}:
                message = f"The model {version.name} cannot be deleted: its status is {status}."
                raise ServiceError("ResourceInUseException", message)
            version.gone_at = self._account.after(self._account.durations.version_deletion_s)
            return {"Status": version.status(now)}
