"""What a smoke test leaves behind, and its removal: what costs first, everything else after."""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from labelloop import clock
from labelloop.aws import (
    deployed_version,
    detections,
    forgotten_detections,
    hosting_state,
    last_look,
    model_versions,
    rekognition,
    review_tasks,
)
from labelloop.aws.failures import code_of
from labelloop.domain.detections import detection_id, human_loop_name
from labelloop.domain.forgetting import Images
from labelloop.domain.images import EVALUATED_FOLDER, ImageObject
from labelloop.domain.imports import IMPORTED_IMAGES, IMPORTED_MANIFESTS
from labelloop.domain.manifests import LABELLED_FOLDER
from labelloop.domain.parameters import SYSTEM_RECORD
from labelloop.domain.version_files import TRAINING_FOLDER, VersionFiles
from labelloop.services import log_archive
from labelloop.services.forgetting import erasing

from .. import models
from ..failures import CommandError
from ..progress import Progress
from ..stack import Stack
from .run import KEY, MARK, Run
from .serving_steps import DETECTED_FOLDER, stop_model
from .sign_in_step import remove_reviewer
from .training_steps import TRAINING, own_version

MOST_KEYS = 1000
LONGEST_DELETION_S = 900.0
_WITH_MARKED = (LABELLED_FOLDER, IMPORTED_IMAGES, IMPORTED_MANIFESTS, EVALUATED_FOLDER)
"""Folders that hold files of others, too."""


def left(run: Run) -> list[str]:
    """What there is of the run now, what costs first."""
    told, version = [], own_version(run)
    if version is not None and rekognition.is_active(version.status):
        told.append(f"{version.name} is {version.status} and is billed")
    elif version is not None and version.status == TRAINING:
        told.append(
            f"{version.name} is being trained, which cannot be stopped, and is billed if it "
            "succeeds"
        )
    if version is not None:
        told.append(f"the version {version.name} with its datasets, which cost nothing")
    if run.kept.get("reviewer"):
        told.append("a reviewer, whose password nobody has")
    return [*told, "pictures, manifests, results and records, for some cents a year"]


def is_stopped(run: Run) -> bool:
    """Whether no model of the run is billed."""
    version = own_version(run)
    return version is None or not rekognition.is_active(version.status)


def stop_what_costs(run: Run) -> list[str]:
    """End the run's workflow and stop the model; a training goes on, which nobody can stop."""
    stack, execution = run.stack, run.kept.get("execution")
    if execution is not None and models.running_deployment() == execution:
        stack.client("stepfunctions").stop_execution(
            executionArn=execution, cause="labelloop smoke was broken off."
        )
        # A function that it has called may be starting the model now.
        time.sleep(stack.look_every_s)
    return stop_model(run)


def clean_up(run: Run) -> list[str]:
    """Remove everything that the run has made; again, after a break, what is left of it.

    Raises CommandError while a training goes on, and where the stack is in use by now.
    """
    stack = run.stack
    remove_reviewer(run)
    told, version = stop_what_costs(run), own_version(run)
    if version is not None and version.status == TRAINING:
        raise CommandError(
            f"{version.name} is still being trained, which cannot be stopped. Its pictures stay "
            "until it has ended; then: labelloop smoke --clean-up"
        )
    known = [one.name for one in rekognition.listed()]
    known += [record.name for record in models.records()]
    others = sorted(set(known) - {run.version})
    if others:
        raise CommandError(
            f"The stack {stack.name} is in use by now: it has {', '.join(others)}. What the test "
            f"has left is yours to remove: all whose names begin with {MARK}, the version "
            f"{run.version}, and {KEY}, which says that a test is unfinished."
        )
    _forget_deployment(stack)
    _delete_from_service(stack)
    _delete_records(stack)
    deleted = _delete_objects(run)
    if run.version is not None:
        model_versions.forget(run.version)
    _delete_versions(stack, [KEY])
    return [*told, f"{deleted} objects, their records, the version and its datasets are deleted."]


def _forget_deployment(stack: Stack) -> None:
    """Let the stack be one that never had a model."""
    deployed_version.forget()
    hosting_state.forget()
    hosting_state.resume()
    last_look.forget()
    stack.client("ssm").delete_parameters(Names=[stack.output("ParameterPrefix") + SYSTEM_RECORD])


def _delete_from_service(stack: Stack) -> None:
    service, progress = stack.client("rekognition"), Progress()
    name = stack.output("ProjectArn").split("/")[1]
    end = time.monotonic() + LONGEST_DELETION_S
    while True:
        (project,) = service.describe_projects(ProjectNames=[name])["ProjectDescriptions"]
        datasets = project.get("Datasets", [])
        versions = rekognition.listed()
        if not datasets and not versions:
            break
        for dataset in datasets:
            _unless_busy(service.delete_dataset, DatasetArn=dataset["DatasetArn"])
        for version in versions:
            _unless_busy(service.delete_project_version, ProjectVersionArn=version.arn)
        if time.monotonic() > end:
            raise CommandError(
                "The service has not deleted the version and its datasets within a quarter of an "
                "hour. Try again: labelloop smoke --clean-up"
            )
        progress.say("the version and its datasets are being deleted")
        time.sleep(stack.look_every_s)
    progress.end()


def _unless_busy(delete: Any, **what: str) -> None:
    try:
        delete(**what)
    except ClientError as error:
        if code_of(error) not in {"ResourceInUseException", "ResourceNotFoundException"}:
            raise


def _delete_records(stack: Stack) -> None:
    """Delete what the log, its archive and the review queue have about the pictures."""
    bucket = stack.output("BucketName")
    found = [
        detection_id(
            ImageObject(
                bucket, entry["Key"], entry["VersionId"], entry["ETag"].strip('"'), entry["Size"]
            )
        )
        for entry in _versions_under(stack, DETECTED_FOLDER)
        if "Size" in entry
    ]
    forgotten_detections.note(found)
    noted = clock.now()
    for detection in found:
        detections.forget(detection)
        review_tasks.forget(human_loop_name(detection))
    if found:
        progress = Progress()
        archived = Images(bucket, detections=frozenset(found))
        erasing.erase_archived(archived, log_archive.days(), noted, progress.say)
        progress.end()


def _delete_objects(run: Run) -> int:
    """Delete every version of every object of the run, but of its own file; how many."""
    stack, folders = run.stack, [DETECTED_FOLDER]
    if run.version is not None:
        files = VersionFiles(run.version)
        folders += [f"{TRAINING_FOLDER}{run.version}/", f"{files.evaluation_folder}/"]
    keys = {entry["Key"] for folder in folders for entry in _versions_under(stack, folder)}
    keys |= {
        entry["Key"]
        for folder in _WITH_MARKED
        for entry in _versions_under(stack, folder)
        if entry["Key"].rsplit("/", 1)[-1].startswith(MARK)
    }
    _delete_versions(stack, sorted(keys))
    return len(keys)


def _delete_versions(stack: Stack, keys: list[str]) -> None:
    s3, bucket = stack.client("s3"), stack.output("BucketName")
    found = [
        {"Key": entry["Key"], "VersionId": entry["VersionId"]}
        for key in keys
        for entry in _versions_under(stack, key)
        if entry["Key"] == key
    ]
    for start in range(0, len(found), MOST_KEYS):
        answer = s3.delete_objects(
            Bucket=bucket, Delete={"Objects": found[start : start + MOST_KEYS], "Quiet": True}
        )
        if answer.get("Errors"):
            raise CommandError(f"Not deleted: {json.dumps(answer['Errors'][0])}")


def _versions_under(stack: Stack, prefix: str) -> Iterator[Mapping[str, Any]]:
    """Every version and delete marker whose key begins so."""
    pages = (
        stack.client("s3")
        .get_paginator("list_object_versions")
        .paginate(Bucket=stack.output("BucketName"), Prefix=prefix)
    )
    for page in pages:
        yield from page.get("Versions", ())
        yield from page.get("DeleteMarkers", ())
