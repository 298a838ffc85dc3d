"""ReplaceDataset: bring the project's train or test dataset to a version's manifest.

Invoked by  statemachine/model_training.asl.yaml, states ``ReplaceTrainDataset`` and
            ``ReplaceTestDataset``, again and again until it is done
Raises      BusyError, ThrottledError, ServiceFailedError   retried by the state machine
            UntrainableError    caught: the service refused the manifest
            UnknownStatusError  caught
Idempotent  yes; each call looks at what there is and does the next step
"""

from typing import Literal

from labelloop.aws import objects, rekognition
from labelloop.entrypoint import Strict, task
from labelloop.errors import UnknownStatusError, UntrainableError


class Input(Strict):
    """Which dataset, and the one that an earlier call made."""

    dataset_type: Literal["TRAIN", "TEST"]
    manifest: str
    dataset_arn: str | None


class Output(Strict):
    """How far it is."""

    done: bool
    dataset_arn: str | None


@task
def lambda_handler(request: Input) -> Output:
    """Delete what was there, make the new one, see whether it is ready: one step a call."""
    existing = rekognition.datasets().get(request.dataset_type)
    if existing is None:
        arn = rekognition.create_dataset(request.dataset_type, objects.bucket(), request.manifest)
        return Output(done=False, dataset_arn=arn)
    if existing.status in {"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"}:
        return Output(done=False, dataset_arn=request.dataset_arn)
    if existing.arn != request.dataset_arn:
        # Made for another version, or by a call whose answer was lost: which, nobody knows.
        rekognition.delete_dataset(existing.arn)
        return Output(done=False, dataset_arn=None)
    if existing.status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        return Output(done=True, dataset_arn=existing.arn)
    if existing.status in {"CREATE_FAILED", "UPDATE_FAILED"}:
        raise UntrainableError(
            f"Rekognition refused the {request.dataset_type} dataset made from "
            f"{request.manifest}: {existing.status_message or 'it gave no reason'}"
        )
    raise UnknownStatusError(f"The dataset {existing.arn} has the status {existing.status}.")
