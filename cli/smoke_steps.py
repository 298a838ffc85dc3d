"""What `labelloop smoke` tries, in its order: only what could not be known without an account.

Each step is a function that gives back what it found, in sentences, and raises CommandError, or
what the SDK raises, where it fails. Each may have been broken off before, and goes on.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from labelloop import clock
from labelloop.aws import detections, hosting_state, rekognition
from labelloop.aws.failures import code_of
from labelloop.aws.rekognition import Version, VersionStatus
from labelloop.domain.annotations import ModelType, training_line
from labelloop.domain.detections import Outcome, detection_id
from labelloop.domain.hosting import cost_usd
from labelloop.domain.images import ImageObject
from labelloop.domain.manifests import LABELLED_FOLDER, VersionFiles
from labelloop.domain.metrics import DETECTIONS, F1, MODEL_RUNNING, NAMESPACE, STACK

from . import executions, models, smoke_pictures, smoke_sign_in
from .failures import CommandError
from .hosting import stop_version
from .parallel import in_parallel
from .progress import Progress
from .smoke_run import MARK, Run
from .stack import Stack, caller, physical_id
from .status import DEAD_LETTERS, messages_in

DETECTED_FOLDER = f"images_for_detection/{MARK}"
BURST = 60
"""Many times what one inference unit takes in a second."""
LONGEST_DETECTION_S = 1800.0
LONGEST_DATASET_S = 1800.0
LONGEST_METRIC_S = 900.0
CREATED = "2026-01-01T00:00:00"
TRAINING = "TRAINING_IN_PROGRESS"
DETECTED = frozenset(Outcome) - {Outcome.WAITING, Outcome.REJECTED}


@dataclass(frozen=True)
class Step:
    """Something to try, and what is to be thought where it fails."""

    name: str
    title: str
    means: str
    look: Callable[[Run], list[str]]
    needs: tuple[str, ...] = ()
    """The steps without whose success it cannot be tried."""
    needs_model: bool = False
    """Whether the model has to run meanwhile."""


# --- Training -------------------------------------------------------------------------------------


def train(run: Run) -> list[str]:
    """Let the stack's own workflow train a first version."""
    stack = run.stack
    pictures = smoke_pictures.labelled(run.model_type, run.seed)
    _put(stack, _files(run, pictures).items())
    execution = _execution(run, {"force": True})
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
            executions.why_it_gave_up(stack, execution) or f"No version was made: {execution}"
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
            key = f"images_imported/{MARK}{run.seed}/{name}"
            files[key] = content
            source = f"s3://{run.stack.output('BucketName')}/{key}"
            lines.append(training_line(source, shows, CREATED))
    if lines:
        # Last: a manifest finds its images.
        files[f"manifests/imported/{MARK}{run.seed}.manifest"] = "\n".join(lines).encode()
    return files


def _execution(run: Run, request: Mapping[str, Any]) -> str:
    """The run's execution that goes on, or a new one of this request."""
    known = run.kept.get("execution")
    if known is not None and _goes_on(run.stack, known):
        return str(known)
    begun = executions.begin(run.stack, request)
    run.note(execution=begun)
    return begun


def _goes_on(stack: Stack, execution: str) -> bool:
    described = stack.client("stepfunctions").describe_execution(executionArn=execution)
    return bool(described["status"] == "RUNNING")


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
            lambda: "promote" in models.record(name),
        )
    record = models.record(name)
    if "promote" not in record:
        raise CommandError(f"{name} was not judged: {record.get('failure', 'nobody says why')}")
    verdict = models.verdict(record, "good enough")
    return [
        f"{len(places)} files of results are in the bucket, and the stack has read them: {name} "
        f"has an F1 of {record['f1']:.2f} and is {verdict}."
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


# --- While the model runs -------------------------------------------------------------------------


def serve(run: Run) -> list[str]:
    """Let the model serve: by the training's own deployment, or by one that is asked for."""
    stack, name = run.stack, run.trained()
    run.note(runs_since=clock.now().isoformat())
    words = lambda: f"{name} is {models.find(name).status}"  # noqa: E731
    known = run.kept.get("execution")
    if known is not None and _goes_on(stack, known):
        executions.follow(stack, known, words, f"{name} was not put into service")
    hosting_state.resume()
    if not _serves(name):
        # The verdict is about drawings, and is no concern of this test.
        execution = _execution(run, {"deploy": name, "in_place": False})
        executions.follow(stack, execution, words, f"{name} was not put into service")
    if not _serves(name):
        raise CommandError(f"{name} does not serve: it is {models.find(name).status}.")
    return [f"{name} was started, proven and put into service."]


def _serves(name: str) -> bool:
    serving = models.serving() == name
    return serving and models.find(name).status == VersionStatus.RUNNING


def two_versions(run: Run) -> list[str]:
    """Let two versions of one object be detected, each as what it is."""
    contents = smoke_pictures.unseen(run.model_type, run.seed)[:2]
    key = f"{DETECTED_FOLDER}{run.seed}-twice.jpg"
    uploaded = [_upload(run.stack, key, content) for content in contents]
    seconds, outcomes = _detected(run.stack, uploaded)
    return [f"Two versions of one object were detected in {seconds:.0f} s: {outcomes}."]


def missing(run: Run) -> list[str]:
    """Ask about what is not there: the answers decide what is tried again and what never is."""
    stack, version = run.stack, models.find(run.trained())
    (content, *_) = smoke_pictures.unseen(run.model_type, run.seed)
    gone = _upload(stack, f"images_in_evaluation/{MARK}{run.seed}-gone.jpg", content)
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
    contents = smoke_pictures.unseen(run.model_type, run.seed)
    keys = [f"{DETECTED_FOLDER}{run.seed}-{number}.jpg" for number in range(BURST)]
    files = [(key, contents[number % len(contents)]) for number, key in enumerate(keys)]
    with in_parallel(lambda file: _upload(stack, *file), files) as done:
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
        FunctionName=_physical_id(stack, "DispatchEventsFunction")
    )
    return [f"Lambda's guard against recursion is {answer['RecursiveLoop']} for the dispatcher."]


def _upload(stack: Stack, key: str, content: bytes) -> ImageObject:
    bucket = stack.output("BucketName")
    answer = stack.client("s3").put_object(
        Bucket=bucket, Key=key, Body=content, ContentType="image/jpeg"
    )
    return ImageObject(bucket, key, answer["VersionId"], answer["ETag"].strip('"'), len(content))


def _put(stack: Stack, files: Iterable[tuple[str, bytes]]) -> None:
    """Upload them, some at a time, and the last one behind all others."""
    *first, last = files
    with in_parallel(lambda file: _upload(stack, *file), first) as done:
        list(done)
    _upload(stack, *last)


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


# --- Afterwards -----------------------------------------------------------------------------------


def datasets(run: Run) -> list[str]:
    """Let the stack's own function delete a dataset and make it again, as every training does."""
    stack, name = run.stack, run.trained()
    request: dict[str, Any] = {
        "dataset_type": "TEST",
        "version": name,
        "manifest": VersionFiles(name).test_manifest,
        "images": int(models.record(name)["test_images"]),
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
        FunctionName=_physical_id(stack, function), Payload=json.dumps(request).encode()
    )
    said = json.loads(answer["Payload"].read())
    if "FunctionError" not in answer:
        return dict(said)
    if said.get("errorType") in {"BusyError", "ThrottledError", "ServiceFailedError"}:
        # The workflow tries again then, too.
        return {"done": False, "dataset_arn": request["dataset_arn"]}
    raise CommandError(f"{function} failed: {said.get('errorType')}: {said.get('errorMessage')}")


def _physical_id(stack: Stack, logical_id: str) -> str:
    found = physical_id(stack, logical_id)
    if found is None:
        raise CommandError(f"The stack {stack.name} has no {logical_id}.")
    return found


def metrics(run: Run) -> list[str]:
    """Look whether CloudWatch has what functions wrote to their logs."""
    stack = run.stack
    wanted = {metric.name for metric in (DETECTIONS, F1, MODEL_RUNNING)}
    began, progress = time.monotonic(), Progress()
    while absent := {name for name in wanted if not _is_measured(stack, name)}:
        if time.monotonic() - began > LONGEST_METRIC_S:
            raise CommandError(f"CloudWatch does not have {', '.join(sorted(absent))}.")
        progress.say(f"waiting for {', '.join(sorted(absent))}")
        time.sleep(stack.look_every_s)
    progress.end()
    return [f"CloudWatch has {', '.join(sorted(wanted))}."]


def _is_measured(stack: Stack, name: str) -> bool:
    answer = stack.client("cloudwatch").list_metrics(
        Namespace=NAMESPACE,
        MetricName=name,
        Dimensions=[{"Name": STACK, "Value": stack.name}],
    )
    return bool(answer["Metrics"])


def alarms(run: Run) -> list[str]:
    """Look at every alarm, and let one of them tell the operator."""
    stack = run.stack
    pages = stack.client("cloudwatch").get_paginator("describe_alarms").paginate()
    topic = stack.output("OperatorTopic")
    own = [
        alarm
        for page in pages
        for alarm in page["MetricAlarms"]
        if topic in alarm.get("AlarmActions", ())
    ]
    if not own:
        raise CommandError("The stack has no alarm that tells the operator.")
    raised = [alarm["AlarmName"] for alarm in own if alarm["StateValue"] == "ALARM"]
    if raised:
        raise CommandError(f"These alarms are raised: {', '.join(raised)}.")
    unknown = [alarm["AlarmName"] for alarm in own if alarm["StateValue"] != "OK"]
    found = [f"None of {len(own)} alarms is raised."]
    if unknown and not stack.on_this_machine:
        found.append(f"CloudWatch has too little data for {', '.join(sorted(unknown))}.")
    if stack.on_this_machine:
        return [*found, "Alarms are kept on this machine, never raised: none was tried."]
    return [*found, _told_by(stack, min(alarm["AlarmName"] for alarm in own))]


def _told_by(stack: Stack, alarm: str) -> str:
    """Raise an alarm, and see whether its message leaves CloudWatch."""
    cloudwatch, since = stack.client("cloudwatch"), clock.now()
    why = "labelloop smoke tries whether this alarm is heard. Nothing is wrong."
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason=why)
    began, progress = time.monotonic(), Progress()
    while time.monotonic() - began < LONGEST_METRIC_S:
        answer = cloudwatch.describe_alarm_history(
            AlarmName=alarm, HistoryItemType="Action", StartDate=since - timedelta(minutes=1)
        )
        for item in answer["AlarmHistoryItems"]:
            progress.end()
            if "Successfully" not in item["HistorySummary"]:
                raise CommandError(f"{alarm} could not tell: {item['HistorySummary']}")
            return f"{alarm} was raised, and told: its e-mail says that nothing is wrong."
        progress.say(f"waiting for {alarm} to tell")
        time.sleep(stack.look_every_s)
    progress.end()
    raise CommandError(f"{alarm} was raised, and told nobody.")


def sign_in(run: Run) -> list[str]:
    """Sign a new reviewer in at the page, as a browser does."""
    return smoke_sign_in.look(run)


STEPS = (
    Step(
        "training",
        "A version is trained, by the stack's own workflow and roles",
        "Where a permission is named, AWS asks for more than its documentation says, or the "
        "bucket is not as deployed: nothing can be trained until the role has it. Where the "
        "service failed the training itself, its message says what it did not take.",
        train,
    ),
    Step(
        "results",
        "The results, written long after the role's session ended, are there and readable",
        "The service writes results with the rights of whoever began the training. Where files are "
        "missing, those rights ended too soon; where they cannot be read, the roles of "
        "EvaluateModel and DescribeVersion lack a permission. No version could be judged.",
        results,
        needs=("training",),
    ),
    Step(
        "deployment",
        "The model is started, proven and put into service",
        "No model can serve. A refusal to start names the account's limit of running models; a "
        "model that runs and is not proven points at the permissions of VerifyModel.",
        serve,
        needs=("training",),
    ),
    Step(
        "versioned detection",
        "Two versions of one object are detected, each as what it is",
        "Detection by object version asks for another permission than documented, or images are "
        "refused for good that should be detected: nothing comes out of images_for_detection/.",
        two_versions,
        needs=("deployment",),
        needs_model=True,
    ),
    Step(
        "missing versions",
        "What is not there is answered as expected",
        "The answers decide what is tried again, what waits and what is refused for good: with "
        "others, images would be retried for nothing, or given up too soon.",
        missing,
        needs=("deployment",),
        needs_model=True,
    ),
    Step(
        "dispatcher",
        "A burst that the model does not bear at once is detected to the last image",
        "Images get lost, or stay, on the way through the queue: look at the dead-letter queues, "
        "the log of DispatchEvents, and Lambda's guard against recursion.",
        dispatch,
        needs=("deployment",),
        needs_model=True,
    ),
    Step(
        "stop",
        "The model is stopped, and no longer billed",
        "THE MODEL MAY STILL RUN AND IS BILLED: labelloop stop, or the Rekognition console.",
        stop_model,
    ),
    Step(
        "datasets",
        "A dataset is deleted and made again, as every later training does",
        "The first training works and no later one does.",
        datasets,
        needs=("training",),
    ),
    Step(
        "metrics",
        "CloudWatch has the metrics that the functions write to their logs",
        "Alarms and dashboard see nothing: CloudWatch takes no metrics from these logs.",
        metrics,
        needs=("versioned detection",),
    ),
    Step(
        "alarms",
        "No alarm is raised, and one that is raised by hand tells the operator",
        "Nobody would hear of failures, or the operator hears of failures that are none.",
        alarms,
    ),
    Step(
        "sign-in",
        "A reviewer signs in at the page, and the code is exchanged for a token that the API takes",
        "Nobody could review. A page that is not there points at the domain or its style; a code "
        "that is not exchanged at the client's addresses; a refused token at the authorizer.",
        sign_in,
    ),
)
