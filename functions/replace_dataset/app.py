"""ReplaceDataset: bring the project's train or test dataset to a version's manifest.

Invoked by  statemachine/model_training.asl.yaml, states ``ReplaceTrainDataset`` and
            ``ReplaceTestDataset``, again and again until it is done
Raises      BusyError, ThrottledError, ServiceFailedError   retried by the state machine
            TrainingInProgressError   caught: a training, begun by hand perhaps, uses the dataset
            UntrainableError    caught: the service refused the manifest
            UnknownStatusError  caught
Idempotent  yes; each call looks at what there is and does the next step
"""

from typing import Literal

from labelloop.aws import model_versions, objects, rekognition, rekognition_datasets
from labelloop.aws.rekognition import VersionStatus
from labelloop.aws.rekognition_datasets import Dataset
from labelloop.domain import training_failures
from labelloop.domain.model_versions import Entries, VersionRecord
from labelloop.domain.splits import Split
from labelloop.entrypoint import Strict, task
from labelloop.errors import TrainingInProgressError, UnknownStatusError, UntrainableError

EXAMPLES = 20
"""How many entries with errors are looked at."""


class Input(Strict):
    """Which dataset, the version it is for, and the dataset that an earlier call made."""

    dataset_type: Literal["TRAIN", "TEST"]
    version: str
    manifest: str
    images: int
    dataset_arn: str | None


class Output(Strict):
    """How far it is."""

    done: bool
    dataset_arn: str | None


@task
def lambda_handler(request: Input) -> Output:
    """Delete what was there, make the new one, see whether it is ready: one step a call."""
    existing = rekognition_datasets.datasets().get(request.dataset_type)
    if existing is None:
        arn = rekognition_datasets.create_dataset(
            request.dataset_type, objects.bucket(), request.manifest
        )
        return Output(done=False, dataset_arn=arn)
    if existing.status in {"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"}:
        return Output(done=False, dataset_arn=request.dataset_arn)
    if existing.arn != request.dataset_arn:
        # Made for another version, or by a call whose answer was lost: which, nobody knows.
        _check_unused()
        rekognition_datasets.delete_dataset(existing.arn)
        return Output(done=False, dataset_arn=None)
    if existing.status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        _note_entries(request, existing)
        return Output(done=True, dataset_arn=existing.arn)
    if existing.status in {"CREATE_FAILED", "UPDATE_FAILED"}:
        raise UntrainableError(
            f"Rekognition refused the {request.dataset_type} dataset made from "
            f"{request.manifest}: {existing.status_message or 'it gave no reason'}"
        )
    raise UnknownStatusError(f"The dataset {existing.arn} has the status {existing.status}.")


def _check_unused() -> None:
    """Raises TrainingInProgressError while a training uses the project's datasets."""
    for version in rekognition.versions():
        if version.status is VersionStatus.TRAINING_IN_PROGRESS:
            raise TrainingInProgressError(
                f"Version {version.name} is being trained, and uses the project's datasets."
            )


def _note_entries(request: Input, dataset: Dataset) -> None:
    """Note how many of the lines sent have become entries: the service drops some in silence."""
    counts = rekognition_datasets.entry_counts(dataset.arn)
    errors: list[str] = []
    if counts.with_errors:
        entries = rekognition_datasets.entries_with_errors(dataset.arn, EXAMPLES)
        errors = training_failures.of_entries(Split(request.dataset_type.lower()), entries)
    if counts.total < request.images:
        errors.append(
            f"Rekognition took {counts.total} of the {request.images} lines of {request.manifest} "
            "and dropped the others without saying why."
        )
    taken = Entries(request.images, counts.total, tuple(errors))
    is_train = Split(request.dataset_type.lower()) is Split.TRAIN
    model_versions.note(
        VersionRecord(
            name=request.version,
            entries_train=taken if is_train else None,
            entries_test=None if is_train else taken,
        )
    )
