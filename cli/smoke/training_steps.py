"""The steps of `labelloop smoke` that train a version, and look at what training leaves."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from labelloop.aws import rekognition
from labelloop.aws.rekognition import Version
from labelloop.domain.annotations import ModelType, training_line
from labelloop.domain.imports import IMPORTED_IMAGES, IMPORTED_MANIFESTS
from labelloop.domain.manifests import LABELLED_FOLDER
from labelloop.domain.version_files import VersionFiles

from .. import executions, models
from ..failures import CommandError
from ..progress import Progress
from ..stack import Stack, physical_id
from . import examples
from .run import MARK, Run
from .uploads import put

LONGEST_DATASET_S = 1800.0
CREATED = "2026-01-01T00:00:00"
TRAINING = "TRAINING_IN_PROGRESS"


def train(run: Run) -> list[str]:
    """Let the stack's own workflow train a first version."""
    stack = run.stack
    pictures = examples.labelled(run.model_type, run.seed)
    put(stack, _files(run, pictures).items())
    execution = execution_of(run, {"force": True})
    executions.follow(
        stack,
        execution,
        _status_in_words,
        "The training failed",
        lambda: (found := own_version(run)) is not None and found.status != TRAINING,
    )
    found = own_version(run)
    if found is None:
        raise CommandError(
            executions.why_it_gave_up(execution) or f"No version was made: {execution}"
        )
    if found.status == "TRAINING_FAILED":
        raise CommandError(f"The service failed the training: {found.status_message}")
    seconds = _described(stack, found.name).get("BillableTrainingTimeInSeconds", 0)
    return [
        f"{found.name} was trained on {len(pictures)} pictures; "
        f"{timedelta(seconds=seconds)} of it are billed."
    ]


def own_version(run: Run) -> Version | None:
    """The version that the run has trained, or trains; None before there is one."""
    found = rekognition.listed()
    if run.version is None and found:
        # The stack had none when the run began.
        run.note(version=found[-1].name)
    return next((one for one in found if one.name == run.version), None)


def _files(run: Run, pictures: Sequence[tuple[bytes, Any]]) -> dict[str, bytes]:
    """What is uploaded to be trained on, by key."""
    files, lines = {}, []
    for number, (content, shows) in enumerate(pictures):
        name = f"{MARK}{run.seed}-{number}.jpg"
        if run.model_type is ModelType.CLASSIFICATION:
            files[f"{LABELLED_FOLDER}{shows.labels[0]}/{name}"] = content
        else:
            key = f"{IMPORTED_IMAGES}{MARK}{run.seed}/{name}"
            files[key] = content
            source = f"s3://{run.stack.output('BucketName')}/{key}"
            lines.append(training_line(source, shows, CREATED))
    if lines:
        # Last: a manifest finds its images.
        files[f"{IMPORTED_MANIFESTS}{MARK}{run.seed}.manifest"] = "\n".join(lines).encode()
    return files


def execution_of(run: Run, request: Mapping[str, Any]) -> str:
    """The run's execution that goes on, or a new one of this request."""
    known = run.kept.get("execution")
    if known is not None and executions.goes_on(known):
        return str(known)
    begun = executions.begin(run.stack, request)
    run.note(execution=begun)
    return begun


def _status_in_words() -> str:
    newest = next(iter(rekognition.listed()), None)
    return f"{newest.name} is {newest.status}" if newest else "looking at the pictures"


def _described(stack: Stack, name: str) -> Mapping[str, Any]:
    """The version in the service's own words."""
    answer = stack.client("rekognition").describe_project_versions(
        ProjectArn=stack.output("ProjectArn"), VersionNames=[name]
    )
    found: Mapping[str, Any] = answer["ProjectVersionDescriptions"][0]
    return found


def results(run: Run) -> list[str]:
    """Look whether the service has written what it found, and the stack could read it."""
    stack, name = run.stack, run.trained()
    described = _described(stack, name)
    places = list(_places(described))
    for bucket, key in places:
        stack.client("s3").head_object(Bucket=bucket, Key=key)
    if not described.get("EvaluationResult", {}).get("Summary"):
        raise CommandError(f"The service names no summary of the evaluation of {name}.")
    if run.kept.get("execution"):
        executions.follow(
            stack,
            run.kept["execution"],
            lambda: f"{name} is being judged",
            "The evaluation failed",
            lambda: models.record(name).is_judged,
        )
    record = models.record(name)
    if not record.is_judged:
        raise CommandError(f"{name} was not judged: {record.failure or 'nobody says why'}")
    verdict = models.verdict(record, "good enough")
    return [
        f"{len(places)} files of results are in the bucket, and the stack has read them: {name} "
        f"has an F1 of {record.f1 or 0:.2f} and is {verdict}."
    ]


def _places(described: Any) -> Iterable[tuple[str, str]]:
    """The bucket and key of every file that a description names, but those that it was given."""
    if isinstance(described, dict):
        for name, part in described.items():
            if name == "S3Object":
                yield part["Bucket"], part["Name"]
            elif name != "Input":
                yield from _places(part)
    elif isinstance(described, list):
        for part in described:
            yield from _places(part)


def datasets(run: Run) -> list[str]:
    """Let the stack's own function delete a dataset and make it again, as every training does."""
    stack, name = run.stack, run.trained()
    request: dict[str, Any] = {
        "dataset_type": "TEST",
        "version": name,
        "manifest": VersionFiles(name).test_manifest,
        "images": models.record(name).test_images or 0,
        "dataset_arn": None,
    }
    began, progress = time.monotonic(), Progress()
    while not (answer := _invoked(stack, "ReplaceDatasetFunction", request))["done"]:
        if time.monotonic() - began > LONGEST_DATASET_S:
            raise CommandError("The dataset was not there again after half an hour.")
        request["dataset_arn"] = answer["dataset_arn"]
        progress.say("the test dataset is being deleted and made again")
        time.sleep(stack.look_every_s)
    progress.end()
    return [f"The test dataset was deleted and made again in {time.monotonic() - began:.0f} s."]


def _invoked(stack: Stack, function: str, request: Mapping[str, Any]) -> dict[str, Any]:
    answer = stack.client("lambda").invoke(
        FunctionName=physical_name(stack, function), Payload=json.dumps(request).encode()
    )
    said = json.loads(answer["Payload"].read())
    if "FunctionError" not in answer:
        return dict(said)
    if said.get("errorType") in {"BusyError", "ThrottledError", "ServiceFailedError"}:
        # The workflow tries again then, too.
        return {"done": False, "dataset_arn": request["dataset_arn"]}
    raise CommandError(f"{function} failed: {said.get('errorType')}: {said.get('errorMessage')}")


def physical_name(stack: Stack, logical_id: str) -> str:
    found = physical_id(stack, logical_id)
    if found is None:
        raise CommandError(f"The stack {stack.name} has no {logical_id}.")
    return found
