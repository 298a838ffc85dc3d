"""The steps of `labelloop smoke` that put the trained version into service, ask it and stop it."""

import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from labelloop import clock
from labelloop.aws import detections, hosting_state, rekognition
from labelloop.aws.failures import code_of
from labelloop.aws.rekognition import Version, VersionStatus
from labelloop.domain.detections import Outcome, detection_id
from labelloop.domain.hosting import cost_usd
from labelloop.domain.images import EVALUATED_FOLDER, ImageObject
from labelloop.domain.manifests import DETECTION_FOLDER

from .. import executions, models
from ..failures import CommandError
from ..hosting import stop_version
from ..parallel import in_parallel
from ..progress import Progress
from ..stack import Stack, caller
from ..status import DEAD_LETTERS, messages_in
from . import examples
from .run import MARK, Run
from .training_steps import execution_of, own_version, physical_name
from .uploads import upload

DETECTED_FOLDER = f"{DETECTION_FOLDER}{MARK}"
BURST = 60
"""Many times what one inference unit takes in a second."""
LONGEST_DETECTION_S = 1800.0
DETECTED = frozenset(Outcome) - {Outcome.WAITING, Outcome.REJECTED}


def serve(run: Run) -> list[str]:
    """Let the model serve: by the training's own deployment, or by one that is asked for."""
    stack, name = run.stack, run.trained()
    run.note(runs_since=clock.now().isoformat())
    words = lambda: f"{name} is {models.find(name).status}"  # noqa: E731
    known = run.kept.get("execution")
    if known is not None and executions.goes_on(known):
        executions.follow(stack, known, words, f"{name} was not put into service")
    hosting_state.resume()
    if not _serves(name):
        # The verdict is about drawings, and is no concern of this test.
        execution = execution_of(run, {"deploy": name, "in_place": False})
        executions.follow(stack, execution, words, f"{name} was not put into service")
    if not _serves(name):
        raise CommandError(f"{name} does not serve: it is {models.find(name).status}.")
    return [f"{name} was started, proven and put into service."]


def _serves(name: str) -> bool:
    serving = models.serving() == name
    return serving and models.find(name).status == VersionStatus.RUNNING


def two_versions(run: Run) -> list[str]:
    """Let two versions of one object be detected, each as what it is."""
    contents = examples.unseen(run.model_type, run.seed)[:2]
    key = f"{DETECTED_FOLDER}{run.seed}-twice.jpg"
    uploaded = [upload(run.stack, key, content) for content in contents]
    seconds, outcomes = _detected(run.stack, uploaded)
    return [f"Two versions of one object were detected in {seconds:.0f} s: {outcomes}."]


def missing(run: Run) -> list[str]:
    """Ask about what is not there: the answers decide what is tried again and what never is."""
    stack, version = run.stack, models.find(run.trained())
    (content, *_) = examples.unseen(run.model_type, run.seed)
    gone = upload(stack, f"{EVALUATED_FOLDER}{MARK}{run.seed}-gone.jpg", content)
    place = {"Bucket": gone.bucket, "Name": gone.key, "Version": gone.version_id}
    stack.client("s3").delete_object(
        Bucket=gone.bucket, Key=gone.key, VersionId=str(gone.version_id)
    )
    other = version.arn.replace(f"/{version.name}/", "/smoke-there-is-none/")
    found = [
        _answers(stack, version.arn, {"S3Object": place}, "InvalidS3ObjectException"),
        _answers(stack, other, {"Bytes": content}, "ResourceNotFoundException"),
    ]
    wrong = [f"{got} where {expected} was expected" for got, expected in found if got != expected]
    if wrong:
        raise CommandError(f"The service answers {' and '.join(wrong)}.")
    return [
        f"An object version that is gone is answered with {found[0][0]}, and a model version that "
        f"is not there with {found[1][0]}."
    ]


def _answers(stack: Stack, arn: str, image: Mapping[str, Any], expected: str) -> tuple[str, str]:
    """With which error the service answers, beside the one that is expected."""
    try:
        stack.client("rekognition").detect_custom_labels(ProjectVersionArn=arn, Image=image)
    except ClientError as error:
        if code_of(error) == "AccessDeniedException":
            raise
        return code_of(error), expected
    return "no error", expected


def dispatch(run: Run) -> list[str]:
    """Let more images come at once than the model bears."""
    stack = run.stack
    before = {kind: messages_in(stack, url) for kind, url in DEAD_LETTERS.items()}
    contents = examples.unseen(run.model_type, run.seed)
    keys = [f"{DETECTED_FOLDER}{run.seed}-{number}.jpg" for number in range(BURST)]
    files = [(key, contents[number % len(contents)]) for number, key in enumerate(keys)]
    with in_parallel(lambda file: upload(stack, *file), files) as done:
        uploaded = [image for _, image in done]
    seconds, outcomes = _detected(stack, uploaded)
    lost = {
        kind: count - before[kind]
        for kind, url in DEAD_LETTERS.items()
        if (count := messages_in(stack, url)) > before[kind]
    }
    if lost:
        told = ", ".join(f"{count} of {kind}" for kind, count in lost.items())
        raise CommandError(f"Messages are in dead-letter queues: {told}.")
    return [
        f"{BURST} images that came at once were detected in {seconds:.0f} s, "
        f"{BURST / max(seconds, 1):.1f} a second: {outcomes}.",
        *_guard_against_recursion(stack),
    ]


def _guard_against_recursion(stack: Stack) -> list[str]:
    if stack.on_this_machine:
        return []
    answer = stack.client("lambda").get_function_recursion_config(
        FunctionName=physical_name(stack, "DispatchEventsFunction")
    )
    return [f"Lambda's guard against recursion is {answer['RecursiveLoop']} for the dispatcher."]


def _detected(stack: Stack, images: Iterable[ImageObject]) -> tuple[float, str]:
    """How long it took until each is detected, and their outcomes.

    Raises CommandError where one is not, or not in time.
    """
    missing, began = {detection_id(image): image for image in images}, time.monotonic()
    outcomes: dict[str, int] = {}
    progress = Progress()
    while missing:
        for detection in list(missing):
            record = detections.find(detection)
            outcome = record.outcome if record else None
            if record and outcome == Outcome.REJECTED:
                key = missing[detection].key
                raise CommandError(f"{key} was refused: {record.reason}")
            if outcome in DETECTED:
                outcomes[outcome] = outcomes.get(outcome, 0) + 1
                del missing[detection]
        if missing and time.monotonic() - began > LONGEST_DETECTION_S:
            raise CommandError(
                f"{len(missing)} images have no result after "
                f"{LONGEST_DETECTION_S / 60:.0f} minutes."
            )
        progress.say(f"{len(missing)} images are being detected")
        if missing:
            time.sleep(stack.look_every_s)
    progress.end()
    counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
    return time.monotonic() - began, counts


def stop_model(run: Run) -> list[str]:
    """Stop the run's model, if it is billed; what that was in words."""
    version = own_version(run)
    if version is None or not rekognition.is_active(version.status):
        return ["No model of this test runs."]
    hosting_state.pause(caller(run.stack))
    return [_stopped(run, version)]


def _stopped(run: Run, version: Version) -> str:
    stop_version(run.stack, version.name, no_wait=False)
    since = run.kept.get("runs_since")
    if since is None:
        return f"{version.name} is stopped."
    ran_for = clock.now() - datetime.fromisoformat(since)
    usd = cost_usd(ran_for, version.inference_units, models.unit_hour_usd(run.stack))
    return (
        f"{version.name} is stopped, {ran_for / timedelta(minutes=1):.0f} minutes after its start "
        f"was seen: about US${usd:.2f}, if all of that is billed."
    )
