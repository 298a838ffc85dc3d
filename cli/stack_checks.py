"""What `labelloop doctor` looks at in a deployed stack."""

from collections.abc import Iterator
from decimal import Decimal
from importlib import resources

from labelloop.aws import hosting_state, rekognition
from labelloop.domain.annotations import ModelType
from labelloop.domain.images import is_by_the_way
from labelloop.domain.manifests import LABELLED_FOLDER
from labelloop.domain.parameters import BY_NAME, SYSTEM_RECORD
from labelloop.domain.review_tasks import GROUPS

from . import ceilings, minimums, models, parts
from .checks import Check, Found, note, ok, problem, warning
from .params import effective_value, effective_values, stored_values
from .reviewers import group_name
from .stack import Stack, deployment_parameter, model_type
from .status import DEAD_LETTERS, messages_in

FEWEST_IMAGES = 3
"""Of a label: one tests, others train."""
SCHEDULES = {"training": "Enable-Automatic-Training", "sampling": "Enable-Automatic-Human-Sampling"}
"""The schedules, by the end of their names, and the parameters that switch them."""


def outputs(stack: Stack) -> Iterator[Found]:
    """Whether the stack has all outputs that this release's template gives."""
    missing = sorted(expected_outputs() - set(stack.outputs))
    if missing:
        yield problem(
            f"The stack lacks outputs: {', '.join(missing)}.",
            "Deploy this release of Label Loop: sam build && sam deploy",
        )
    else:
        yield ok("All are there.")


def expected_outputs() -> frozenset[str]:
    """The outputs that the template always gives, as `make docs` has written them down."""
    return frozenset((resources.files(__package__) / "outputs.txt").read_text().split())


def parameters(stack: Stack) -> Iterator[Found]:
    """Whether the operator's parameters are all there, and hold values that mean something."""
    values = stored_values(stack)
    found = False
    for name in sorted(BY_NAME.keys() - values.keys()):
        found = True
        yield problem(
            f"{name} is missing: {BY_NAME[name].fallback} counts.",
            f"labelloop params set {name} {BY_NAME[name].default}",
        )
    for name in sorted(values.keys() - BY_NAME.keys() - {SYSTEM_RECORD}):
        found = True
        yield warning(f"{name} is no parameter of this release: nothing reads it.", "Delete it.")
    for name, parameter in BY_NAME.items():
        if name in values and not parameter.accepts(values[name]):
            found = True
            yield problem(
                f"{name} is {values[name]!r}, but must be {parameter.values}: "
                f"{parameter.fallback} counts.",
                f"labelloop params set {name} {parameter.default}",
            )
    least, most = (values.get(f"{end}-Inference-Units", "") for end in ("Minimum", "Maximum"))
    if least.isdigit() and most.isdigit() and int(most) < int(least):
        found = True
        yield warning(
            f"Maximum-Inference-Units is {most}, less than the minimum: {least} counts.",
            f"labelloop params set Maximum-Inference-Units {least}",
        )
    if not found:
        yield ok("All are there and valid.")


def emails(stack: Stack) -> Iterator[Found]:
    """Whether those who shall hear of something have confirmed that they want to."""
    for who, topic, setting in (
        ("operator", "OperatorTopic", "NotificationEmail"),
        ("consumer", "ConsumerTopic", "ConsumerEmail"),
    ):
        subscriptions = _subscriptions(stack, stack.output(topic))
        pending = [s["Endpoint"] for s in subscriptions if s["SubscriptionArn"] == _PENDING]
        if pending:
            yield problem(
                f"{', '.join(pending)} has not confirmed the {who}'s messages, and gets none.",
                'Open the e-mail "AWS Notification - Subscription Confirmation" and confirm. '
                "It is valid for two days; the SNS console sends another one.",
            )
        elif subscriptions:
            yield ok(f"The {who} hears: {', '.join(s['Endpoint'] for s in subscriptions)}.")
        elif who == "operator":
            yield warning(
                "No operator hears of trainings, deployments and failures.",
                f"Deploy with {setting}: sam deploy --guided",
            )
        else:
            yield note(f"No consumer hears of detections ({setting} is empty).")


_PENDING = "PendingConfirmation"


def _subscriptions(stack: Stack, topic: str) -> list[dict[str, str]]:
    pages = (
        stack.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    )
    everyone = [entry for page in pages for entry in page["Subscriptions"]]
    return [entry for entry in everyone if entry["SubscriptionArn"] != "Deleted"]


def bucket(stack: Stack) -> Iterator[Found]:
    """Whether the bucket is there, keeps versions and tells of new objects."""
    name = stack.output("BucketName")
    s3 = stack.client("s3")
    s3.head_bucket(Bucket=name)
    good = True
    if s3.get_bucket_versioning(Bucket=name).get("Status") != "Enabled":
        good = False
        yield problem(
            f"{name} keeps no versions: what is overwritten is lost.",
            f"aws s3api put-bucket-versioning --bucket {name} "
            "--versioning-configuration Status=Enabled",
        )
    told = s3.get_bucket_notification_configuration(Bucket=name)
    # moto keeps the configuration, but leaves EventBridge out when asked for it.
    if "EventBridgeConfiguration" not in told and not stack.on_this_machine:
        good = False
        yield problem(
            f"{name} does not tell EventBridge: no image is detected.",
            f"aws s3api put-bucket-notification-configuration --bucket {name} "
            "--notification-configuration '{\"EventBridgeConfiguration\": {}}', and then: "
            "labelloop missed",
        )
    if good:
        yield ok(f"{name} is reachable, keeps versions and tells of new images.")


def running_models(stack: Stack) -> Iterator[Found]:
    """What is billed now, and whether that is the model that serves."""
    serving = models.serving() or ""
    versions = rekognition.listed()
    billed = [version for version in versions if rekognition.is_active(version.status)]
    busy = models.running_deployment() is not None
    price = models.unit_hour_usd(stack) if billed else 0.0
    for version in billed:
        cost = price * version.inference_units
        text = f"{version.name} is {version.status} and billed, about US${cost:.2f} an hour"
        if version.name == serving or busy:
            yield ok(f"{text}.")
        else:
            yield warning(
                f"{text}, but it is not the deployed one.", f"labelloop stop {version.name}"
            )
    names = {version.name for version in versions}
    if serving and serving not in names:
        yield problem(
            f"The deployed version {serving} is not in the service any more: nothing is detected.",
            "Put another one into service: labelloop versions, then labelloop deploy VERSION",
        )
    elif serving and serving not in {version.name for version in billed}:
        yield _about_stopped(stack, serving)
    elif not serving and not billed:
        yield ok("None was deployed yet, and none is billed.")
    others = running_elsewhere(stack)
    if others:
        yield note(
            f"Other projects run models too: {', '.join(others)}. They count for the account's "
            "limit, and a swap needs two."
        )


def _about_stopped(stack: Stack, serving: str) -> Found:
    if hosting_state.is_paused():
        who = models.who_paused_hosting()
        return note(
            f"{serving} was stopped by hand{who and ' '}{who}: images wait for it.",
            "labelloop start",
        )
    tomorrow = ceilings.why_none_starts(stack)
    if tomorrow:
        return note(f"{serving} is deployed and stopped. {tomorrow}")
    name = "Model-Hosting"
    hosting = effective_value(stack, name)
    when = "when images come in" if hosting == "on-demand" else "within some minutes"
    return ok(f"{serving} is deployed and stopped. It is started {when} ({name} is {hosting}).")


def running_elsewhere(stack: Stack) -> list[str]:
    """The versions of other projects that are billed now, each after its project's name."""
    pages = stack.client("rekognition").get_paginator("describe_projects").paginate()
    projects = [project["ProjectArn"] for page in pages for project in page["ProjectDescriptions"]]
    return [
        f"{arn.split('/')[1]} {version.name}"
        for arn in projects
        if arn != stack.output("ProjectArn")
        for version in rekognition.listed(arn)
        if rekognition.is_active(version.status)
    ]


def training_lock(_: Stack) -> Iterator[Found]:
    """Whether a training or deployment goes on, or one died."""
    execution, status = models.training_lock()
    if execution is None:
        yield ok("No training or deployment goes on.")
    elif status == "RUNNING":
        yield ok(f"A training or deployment goes on: {execution}")
    else:
        yield warning(
            f"A training or deployment has ended ({status}) without letting others go on: "
            f"{execution}",
            "Nothing to do: the next one takes over. Look there for what happened.",
        )


def dead_letters(stack: Stack) -> Iterator[Found]:
    """Whether anything has failed for good."""
    redrive = (
        "Look into the log of DispatchEvents for the reason, mend it, and send them round again:"
    )
    meaning = {
        "detection": ("images could not be detected", f"{redrive} labelloop redrive detection"),
        "answers": (
            "answers of reviewers could not be taken in",
            f"{redrive} labelloop redrive answers",
        ),
        "events": (
            "events did not reach their target",
            "Each message says in its attributes which rule or schedule it was and why. When that "
            "is mended: labelloop redrive events",
        ),
    }
    good = True
    for kind, output in DEAD_LETTERS.items():
        count = messages_in(stack, output)
        if count:
            good = False
            what, mend = meaning[kind]
            yield problem(f"{count} {what}: {stack.output(output)}", mend)
    if good:
        yield ok("All are empty.")


def schedules(stack: Stack) -> Iterator[Found]:
    """Whether the schedules run where the parameters say so."""
    values = effective_values(stack)
    for kind, name in SCHEDULES.items():
        wanted = values[name] == "true"
        state = stack.client("scheduler").get_schedule(Name=f"{stack.name}-{kind}")["State"]
        words = "runs by itself" if state == "ENABLED" else "does not run by itself"
        if wanted == (state == "ENABLED"):
            yield ok(f"The {kind} {words}, as {name} says.")
        else:
            yield problem(
                f"The {kind} {words}, but {name} is {'true' if wanted else 'false'}.",
                "It is brought into line once an hour. To do it now: aws stepfunctions "
                f"start-execution --state-machine-arn {stack.output(_PARAMETER_CHANGE)}",
            )


_PARAMETER_CHANGE = "ParameterChangeStateMachineArn"


def labels(stack: Stack) -> Iterator[Found]:
    """Whether the label folders hold enough to train on."""
    if deployment_parameter(stack, "ModelType") == "detection":
        yield note("Not looked at: a detection model does not learn from folders.")
        return
    pages = (
        stack.client("s3")
        .get_paginator("list_objects_v2")
        .paginate(Bucket=stack.output("BucketName"), Prefix=LABELLED_FOLDER, Delimiter="/")
    )
    folders = [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", [])]
    few = {
        folder.removeprefix(LABELLED_FOLDER).rstrip("/"): count
        for folder in folders
        if (count := _different_images(stack, folder)) < FEWEST_IMAGES
    }
    if few:
        named = ", ".join(f"{label} ({count})" for label, count in few.items())
        yield warning(
            f"Labels with fewer than {FEWEST_IMAGES} different images are not trained: {named}.",
            f"Upload more to {LABELLED_FOLDER}<label>/, unless imported manifests bring more of "
            "them; ten or more are advised.",
        )
    elif folders:
        yield ok(f"{len(folders)} folders hold {FEWEST_IMAGES} different images or more.")
    else:
        yield note(f"No labelled images are in {LABELLED_FOLDER} yet.")


def _different_images(stack: Stack, folder: str) -> int:
    """How many, up to as many as are needed: by their ETags, without reading them."""
    pages = (
        stack.client("s3")
        .get_paginator("list_objects_v2")
        .paginate(Bucket=stack.output("BucketName"), Prefix=folder, PaginationConfig=_SMALL_PAGES)
    )
    different: set[str] = set()
    for page in pages:
        for entry in page.get("Contents", []):
            if entry["Size"] and not is_by_the_way(entry["Key"].removeprefix(LABELLED_FOLDER)):
                different.add(entry["ETag"])
            if len(different) >= FEWEST_IMAGES:
                return len(different)
    return len(different)


_SMALL_PAGES = {"PageSize": 50}


def doubt(stack: Stack) -> Iterator[Found]:
    """Whether the minimum confidence sends mistakes to people, by the test of what serves."""
    serving = models.serving()
    if serving is None:
        yield ok("No model has been deployed yet.")
        return
    found = minimums.outlook(stack, serving)
    if found is None:
        yield _unknown_doubt(stack, serving)
        return
    parameter = BY_NAME[minimums.MINIMUM]
    value = effective_value(stack, parameter.name)
    price = found.at(Decimal(value))
    text = f"{minimums.MINIMUM} is {value}: of the test images of {serving}, "
    text += minimums.in_words(price)
    others = [each for each in minimums.prices(found) if each.minimum_pct != price.minimum_pct]
    told = "; ".join(
        f"{each.minimum_pct} sends {each.asked} and catches {each.caught}" for each in others
    )
    if price.mistakes and not price.caught:
        yield warning(f"{text}.", f"Set another one with labelloop params set. {told}.")
    else:
        yield ok(f"{text}. {told}.")


def _unknown_doubt(stack: Stack, serving: str) -> Found:
    mend = "It is made up for when the next version is evaluated: labelloop train"
    if model_type(stack) is ModelType.CLASSIFICATION:
        return note(f"What a minimum would send to people is not known of {serving}.", mend)
    return warning(
        f"An earlier release evaluated {serving}, so it is asked as then: what lies just under the "
        "threshold of its label is never doubted.",
        mend,
    )


def reviewers(stack: Stack) -> Iterator[Found]:
    """Whether somebody can answer where people are asked."""
    if deployment_parameter(stack, "ReviewBackend") not in {"", "console"}:
        yield note("Not looked at: people do not answer in Label Loop's own queue.")
        return
    name = "Enable-A2I-Workflow"
    if effective_value(stack, name) != "true":
        yield ok(f"Nobody is asked about doubtful detections ({name}).")
        return
    pool = stack.output("UserPoolId")
    for group in GROUPS:
        users = stack.client("cognito-idp").list_users_in_group(
            UserPoolId=pool, GroupName=group_name(stack, group), Limit=1
        )["Users"]
        if users:
            yield ok("Somebody can answer reviews.")
            return
    yield warning(
        "Doubtful detections go to people, but nobody is in the group reviewers.",
        "labelloop reviewers add EMAIL",
    )


CHECKS = (
    Check("outputs", outputs, "cloudformation:DescribeStacks"),
    Check("parameters", parameters, "ssm:GetParametersByPath"),
    Check("e-mail", emails, "sns:ListSubscriptionsByTopic"),
    Check(
        "bucket",
        bucket,
        "s3:ListBucket, s3:GetBucketVersioning or s3:GetBucketNotification",
    ),
    Check(
        "models",
        running_models,
        "dynamodb:GetItem, rekognition:DescribeProjects or rekognition:DescribeProjectVersions",
    ),
    Check("training", training_lock, "dynamodb:GetItem or states:DescribeExecution"),
    Check("dead letters", dead_letters, "sqs:GetQueueAttributes"),
    Check(
        "parts",
        parts.switched_on,
        "cloudformation:DescribeStackResource, events:DescribeRule, scheduler:GetSchedule or "
        "lambda:GetEventSourceMapping",
    ),
    Check("schedules", schedules, "ssm:GetParametersByPath or scheduler:GetSchedule"),
    Check("labels", labels, "cloudformation:DescribeStacks or s3:ListBucket"),
    Check("doubt", doubt, "dynamodb:GetItem or s3:GetObject"),
    Check("reviewers", reviewers, "cognito-idp:ListUsersInGroup"),
)
