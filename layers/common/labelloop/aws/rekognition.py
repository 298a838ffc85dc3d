"""Rekognition Custom Labels: the project, its versions, and detection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from labelloop.aws.clients import client, client_without_retries
from labelloop.aws.failures import translated
from labelloop.aws.wiring import wiring
from labelloop.domain.image_labels import Label, LabelBox
from labelloop.domain.images import ImageObject
from labelloop.domain.labels import composed
from labelloop.errors import (
    BusyError,
    InvalidImageError,
    InvalidRequestError,
    NotFoundError,
    UnknownStatusError,
)
from labelloop.settings import Variable, tags_of


class VersionStatus(StrEnum):
    """Every status that the service documents for a project version."""

    TRAINING_IN_PROGRESS = "TRAINING_IN_PROGRESS"
    TRAINING_COMPLETED = "TRAINING_COMPLETED"
    TRAINING_FAILED = "TRAINING_FAILED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    FAILED = "FAILED"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    DELETING = "DELETING"
    COPYING_IN_PROGRESS = "COPYING_IN_PROGRESS"
    COPYING_COMPLETED = "COPYING_COMPLETED"
    COPYING_FAILED = "COPYING_FAILED"
    DEPRECATED = "DEPRECATED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True)
class S3Location:
    """An object that the service wrote or read."""

    bucket: str
    key: str


@dataclass(frozen=True)
class Version:
    """A project version as the service describes it now."""

    name: str
    arn: str
    status: str
    """A VersionStatus, or where ``listed`` gives it, one that is not documented."""
    status_message: str
    f1: float | None
    summary: S3Location | None
    test_snapshot: S3Location | None
    billable_training_s: int | None
    manifest_summary: S3Location | None
    training_validation: S3Location | None
    testing_validation: S3Location | None
    train_snapshot: S3Location | None
    inference_units: int
    """The fewest with which it runs, or last ran."""


def detect(
    version_arn: str, image: ImageObject | bytes, least_confidence_pct: float | None
) -> list[Label]:
    """The labels that a model gives this object version, or an image of these bytes.

    They are those with that confidence at least. With None they are those that reach their own
    assumed thresholds, which the service applies where the request names no minimum. A detection
    model gives a label for each box.

    Raises ThrottledError over the model's capacity, ModelNotReadyError when it does not run,
    NotFoundError when it was deleted, InvalidImageError for an image the service will never take,
    ObjectUnreadableError when the object cannot be read. Tried once: the caller sets the pace.
    """
    limits = {} if least_confidence_pct is None else {"MinConfidence": least_confidence_pct}
    try:
        with translated():
            answer = client_without_retries("rekognition").detect_custom_labels(
                ProjectVersionArn=version_arn, Image=_image(image), **limits
            )
    except InvalidRequestError as error:
        # Pictures of too few pixels are refused so; all else in the request never changes.
        raise InvalidImageError(str(error)) from error
    return [label_of(entry) for entry in answer["CustomLabels"]]


def detect_everything(version_arn: str, image: ImageObject | bytes) -> list[Label]:
    """Every label that the model knows, and every box that it considers, however unsure.

    Raises what ``detect`` raises.
    """
    return detect(version_arn, image, 0)


def _image(image: ImageObject | bytes) -> dict[str, Any]:
    if isinstance(image, bytes):
        return {"Bytes": image}
    s3_object = {"Bucket": image.bucket, "Name": image.key}
    if image.version_id:
        s3_object["Version"] = image.version_id
    return {"S3Object": s3_object}


def label_of(entry: Mapping[str, Any]) -> Label:
    """One of an answer's CustomLabels."""
    box = entry.get("Geometry", {}).get("BoundingBox")
    return Label(
        composed(entry["Name"]),
        entry["Confidence"],
        LabelBox(box["Left"], box["Top"], box["Width"], box["Height"]) if box else None,
    )


# --- Project --------------------------------------------------------------------------------------


def project_arn() -> str:
    """The ARN of this deployment's project."""
    return wiring[Variable.PROJECT_ARN]


def create_or_adopt_project(name: str) -> str:
    """The ARN of the project of this name, made where there was none."""
    rekognition = client("rekognition")
    try:
        with translated():
            arn: str = rekognition.create_project(ProjectName=name, Tags=tags_of(name))[
                "ProjectArn"
            ]
    except BusyError:
        with translated():
            answer = rekognition.describe_projects(ProjectNames=[name])
        if not answer["ProjectDescriptions"]:
            raise
        arn = answer["ProjectDescriptions"][0]["ProjectArn"]
    return arn


def tag(arn: str) -> None:
    """Tag the project, or one of its datasets or versions, with the stack's name.

    Raises RefusedError where the service takes no tag for it.
    """
    with translated():
        client("rekognition").tag_resource(ResourceArn=arn, Tags=tags_in(arn))


def is_tagged(arn: str) -> bool:
    """Whether the project, or what is in it, has the stack's tag."""
    with translated():
        tags: dict[str, str] = client("rekognition").list_tags_for_resource(ResourceArn=arn)["Tags"]
    return tags_in(arn).items() <= tags.items()


def tags_in(arn: str) -> dict[str, str]:
    """Those of everything in the project, which has the stack's name."""
    return tags_of(arn.split("/")[1])


# --- Versions -------------------------------------------------------------------------------------


def versions(arn: str | None = None, names: Sequence[str] = ()) -> list[Version]:
    """The project's versions, the newest first; only those of the names where names are given.

    Raises NotFoundError where somebody deleted the project.
    Raises UnknownStatusError when one of the names has a status that is not documented; such a
    version is passed over where all are listed, so that it does not hold up work on the others.
    ``arn`` is the project's, this deployment's unless given.
    """
    found = listed(arn, names)
    for one in found:
        if names and not isinstance(one.status, VersionStatus):
            raise UnknownStatusError(f"Version {one.name} has the unknown status {one.status}.")
    return [one for one in found if isinstance(one.status, VersionStatus)]


def listed(arn: str | None = None, names: Sequence[str] = ()) -> list[Version]:
    """The same, whatever their statuses: for people, who can read one that we do not know."""
    request: dict[str, Any] = {"ProjectArn": arn or project_arn()}
    if names:
        request["VersionNames"] = list(names)
    pages = client("rekognition").get_paginator("describe_project_versions").paginate(**request)
    try:
        with translated():
            return [
                _version(entry) for page in pages for entry in page["ProjectVersionDescriptions"]
            ]
    except NotFoundError as error:
        raise NotFoundError(
            f"The project {request['ProjectArn']} was deleted in Rekognition, with all versions. "
            "To make it anew: sam deploy --parameter-overrides SetUpAgain=WORD, with a word that "
            "it was not before. Then, to train a version: labelloop train --force"
        ) from error


def version(name: str, arn: str | None = None) -> Version:
    """The version of this name. Raises NotFoundError and UnknownStatusError.

    ``arn`` is the project's, this deployment's unless given.
    """
    found = versions(arn, [name])
    if not found:
        raise NotFoundError(f"The project has no version {name}.")
    return found[0]


def name_in(version_arn: str) -> str:
    """The version's name in its ARN, ``…:project/<project>/version/<name>/<number>``."""
    return version_arn.split("/")[-2]


def _version(entry: Mapping[str, Any]) -> Version:
    arn = entry["ProjectVersionArn"]
    status = entry["Status"]
    evaluation = entry.get("EvaluationResult", {})
    training, testing = entry.get("TrainingDataResult"), entry.get("TestingDataResult")
    return Version(
        name=name_in(arn),
        arn=arn,
        status=VersionStatus(status) if status in {*VersionStatus} else status,
        status_message=entry.get("StatusMessage", ""),
        f1=evaluation.get("F1Score"),
        summary=_location(evaluation.get("Summary")),
        test_snapshot=_manifest(testing, "Output"),
        billable_training_s=entry.get("BillableTrainingTimeInSeconds"),
        manifest_summary=_location(entry.get("ManifestSummary")),
        training_validation=_manifest(training, "Validation"),
        testing_validation=_manifest(testing, "Validation"),
        train_snapshot=_manifest(training, "Output"),
        inference_units=entry.get("MinInferenceUnits", 1),
    )


def _manifest(result: Mapping[str, Any] | None, part: str) -> S3Location | None:
    """Where the first asset of a part of a TrainingDataResult or TestingDataResult is."""
    assets = (result or {}).get(part, {}).get("Assets", [])
    return _location(assets[0].get("GroundTruthManifest")) if assets else None


def _location(holder: Mapping[str, Any] | None) -> S3Location | None:
    s3_object = (holder or {}).get("S3Object")
    return S3Location(s3_object["Bucket"], s3_object["Name"]) if s3_object else None


def create_version(name: str, bucket: str, folder: str) -> str:
    """The ARN of the version of this name, whose training is begun where it was not yet.

    It trains on the project's datasets; the service writes its results under the folder.
    Raises QuotaExceededError when the account trains as much as it may.
    """
    try:
        with translated():
            arn: str = client("rekognition").create_project_version(
                ProjectArn=project_arn(),
                VersionName=name,
                OutputConfig={"S3Bucket": bucket, "S3KeyPrefix": folder},
                Tags=tags_in(project_arn()),
            )["ProjectVersionArn"]
    except BusyError:
        # The name is taken by what an earlier try of ours made, or a dataset is being changed.
        existing = versions(names=[name])
        if not existing:
            raise
        arn = existing[0].arn
    return arn


def start_version(arn: str, minimum_units: int, maximum_units: int) -> bool:
    """Begin to start a version; False for one that is starting or running already: it is left so.

    Raises QuotaExceededError when the account runs as many models as it may.
    """
    request = {"ProjectVersionArn": arn, "MinInferenceUnits": minimum_units}
    if maximum_units > minimum_units:
        request["MaxInferenceUnits"] = maximum_units
    try:
        with translated():
            # Without retries: the SDK takes the refusal of a third running model for throttling.
            client_without_retries("rekognition").start_project_version(**request)
    except BusyError:
        if not is_active(version(name_in(arn)).status, stopping=False):
            raise
        return False
    return True


def stop_version(arn: str, project: str | None = None) -> None:
    """Begin to stop a version; one that is stopped, stopping or gone already is left so.

    Raises BusyError when the service cannot stop it now, as while it starts. ``project`` is the
    project's ARN, this deployment's unless given.
    """
    try:
        with translated():
            client("rekognition").stop_project_version(ProjectVersionArn=arn)
    except BusyError:
        if is_active(version(name_in(arn), project).status, stopping=False):
            raise
    except NotFoundError:
        return


def delete_version(arn: str) -> None:
    """Begin to delete a version; one that is gone already is left so.

    Raises BusyError while it runs or trains.
    """
    try:
        with translated():
            client("rekognition").delete_project_version(ProjectVersionArn=arn)
    except NotFoundError:
        return


def is_active(status: str, stopping: bool = True) -> bool:
    """Whether a version is, or is about to be, billed; ``stopping`` says whether that counts."""
    active = {VersionStatus.STARTING, VersionStatus.RUNNING}
    return status in active or (stopping and status is VersionStatus.STOPPING)
