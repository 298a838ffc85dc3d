"""What `labelloop doctor` looks at in a deployed stack."""

from collections.abc import Iterator
from importlib import resources

from labelloop.domain.parameters import BY_NAME, SYSTEM_RECORD

from ..params import stored_values
from ..stack import Stack
from . import parts
from .checks import Check, Found, ok, problem, warning
from .data_checks import bucket, labels
from .model_checks import doubt, running_models, training_lock
from .people_checks import emails, reviewers
from .workflow_checks import dead_letters, schedules


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


def parameters(_: Stack) -> Iterator[Found]:
    """Whether the operator's parameters are all there, and hold values that mean something."""
    values = stored_values()
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
    Check("dead letters", dead_letters, "sqs:GetQueueAttributes or s3:ListBucket"),
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
