"""What `labelloop doctor` looks at before there is a stack: who you are, where, and what you may.

Quotas are found by their names in Service Quotas, since the guides publish no codes for them.
"""

import re
from collections.abc import Iterator
from typing import Any

import botocore.session
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)

from labelloop.domain import stack_names

from ..failures import is_forbidden
from ..stack import Stack, describe
from .checks import Check, Found, note, ok, problem, warning

MODELS_FOR_A_SWAP = 2
"""A new model is proven while the old one serves."""
FEWEST_FUNCTIONS = 50
"""At once: twenty detect for five inference units, four dispatch, and reviewers ask in between."""
DEFAULT_QUOTAS = "AWS's own are two running models, two trainings, five inference units a model."

_QUOTAS = {
    "models at once": re.compile(r"running .*Custom Labels models", re.IGNORECASE),
    "trainings at once": re.compile(r"Custom Labels training jobs", re.IGNORECASE),
    "inference units a model": re.compile(r"inference units .*Custom Labels", re.IGNORECASE),
}
_SIGN_IN = "Name a profile (--profile) or sign in (aws configure, aws login)."


def region(stack: Stack) -> Iterator[Found]:
    """Whether a Region is chosen, and Custom Labels answers there."""
    try:
        client = stack.client("rekognition")
    except NoRegionError:
        yield problem(
            "No Region is set.", "Give --region, or set AWS_REGION or a Region in your profile."
        )
        return
    except ProfileNotFound as error:
        yield problem(f"{error}.", _SIGN_IN)
        return
    name, known = client.meta.region_name, _regions(client)
    elsewhere = f"Choose another Region (--region): {', '.join(known)}."
    if stack.on_this_machine:
        elsewhere = "Start the application in another terminal: make local"
    if name not in known:
        yield warning(f"Rekognition is not known to be in {name}.", elsewhere)
    try:
        client.describe_projects(MaxResults=1)
    except (NoCredentialsError, PartialCredentialsError):
        return  # the next check says so
    except EndpointConnectionError:
        yield problem(f"Rekognition Custom Labels cannot be reached in {name}.", elsewhere)
    except ClientError as error:
        if is_forbidden(error):
            raise
        yield problem(f"Rekognition Custom Labels does not answer in {name}: {error}", elsewhere)
    else:
        yield ok(f"Rekognition Custom Labels answers in {name}.")


def _regions(client: Any) -> list[str]:
    partition = client.meta.partition
    known = botocore.session.Session().get_available_regions("rekognition", partition)
    return sorted(known)


def credentials(stack: Stack) -> Iterator[Found]:
    """Whether AWS knows who you are."""
    try:
        identity = stack.client("sts").get_caller_identity()
    except (NoCredentialsError, PartialCredentialsError):
        yield problem("There are no credentials.", _SIGN_IN)
    except ClientError as error:
        yield problem(f"AWS does not take these credentials: {error}", _SIGN_IN)
    else:
        yield ok(f"You are {identity['Arn']} in the account {identity['Account']}.")


def quotas(stack: Stack) -> Iterator[Found]:
    """How many models may run and train at once, as far as Service Quotas says so."""
    try:
        values = _quota_values(stack)
    except ClientError as error:
        if not is_forbidden(error):
            raise
        yield note(
            f"Not readable: you lack the permission servicequotas:ListServiceQuotas. "
            f"{DEFAULT_QUOTAS}"
        )
        return
    found = {
        words: next((value for name, value in values.items() if pattern.search(name)), None)
        for words, pattern in _QUOTAS.items()
    }
    known = [f"{value:g} {words}" for words, value in found.items() if value is not None]
    models = found["models at once"]
    if not known:
        yield note(f"Service Quotas names none of Custom Labels. {DEFAULT_QUOTAS}")
    elif models is not None and models < MODELS_FOR_A_SWAP:
        yield warning(
            f"{', '.join(known)}: a new model cannot be proven while the old one serves.",
            "Ask for two running models in Service Quotas, or deploy with --in-place.",
        )
    else:
        yield ok(f"{', '.join(known)}.")


def _quota_values(stack: Stack) -> dict[str, float]:
    pages = (
        stack.client("service-quotas")
        .get_paginator("list_service_quotas")
        .paginate(ServiceCode="rekognition")
    )
    return {
        quota["QuotaName"]: quota["Value"]
        for page in pages
        for quota in page["Quotas"]
        if "Value" in quota
    }


def functions(stack: Stack) -> Iterator[Found]:
    """How many functions may run at once: AWS gives new accounts few."""
    limit = stack.client("lambda").get_account_settings()["AccountLimit"]
    most, left = limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]
    text = f"{left} functions may run at once"
    if left < most:
        text += f" ({most - left} are reserved by others)"
    if left < FEWEST_FUNCTIONS:
        yield warning(
            f"{text}: bursts are detected more slowly, and reviewers may have to wait.",
            "Ask in Service Quotas for more of Lambda's Concurrent executions: it costs nothing.",
        )
    else:
        yield ok(f"{text}.")


def name(stack: Stack) -> Iterator[Found]:
    """Whether a stack can have this name: a deployment finds out only after some minutes."""
    if reason := stack_names.refusal(stack.name):
        yield problem(reason)
    else:
        yield ok(f"A stack can be called {stack.name}.")


def stack_status(stack: Stack) -> Iterator[Found]:
    """Whether the stack is there and whole."""
    description = describe(stack)
    status = description["StackStatus"] if description else "REVIEW_IN_PROGRESS"
    reason = f" CloudFormation says: {text}" if (text := _reason(description)) else ""
    events = (
        f"Its events say why: aws cloudformation describe-stack-events --stack-name {stack.name}"
    )
    again = f"Delete it (sam delete --stack-name {stack.name}) and deploy again."
    if status == "REVIEW_IN_PROGRESS":
        yield note(
            f"{stack.name} is not deployed yet.", "To deploy it: sam build && sam deploy --guided"
        )
    elif status in {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"}:
        yield ok(f"{stack.name} is deployed.")
    elif status in {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}:
        what = "could not be deleted" if status == "DELETE_FAILED" else "could not be deployed"
        yield problem(f"{stack.name} {what} ({status}).{reason}", f"{events}. {again}")
    elif status in {"UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"}:
        yield warning(
            f"The last change of {stack.name} failed and was undone ({status}).{reason}",
            f"{events}. Mend that, then sam build && sam deploy",
        )
    elif status in {"UPDATE_ROLLBACK_FAILED", "UPDATE_FAILED", "IMPORT_ROLLBACK_FAILED"}:
        back = "rollback-stack" if status == "UPDATE_FAILED" else "continue-update-rollback"
        yield problem(
            f"{stack.name} is stuck half changed ({status}).{reason}",
            f"{events}. Mend that, then: aws cloudformation {back} --stack-name {stack.name}",
        )
    else:
        yield warning(f"{stack.name} is being changed ({status}).", "Look again when it is done.")


def _reason(description: Any) -> str:
    return str(description.get("StackStatusReason", "")) if description else ""


FIRST = (
    Check("region", region, "rekognition:DescribeProjects"),
    Check("credentials", credentials, "sts:GetCallerIdentity"),
)
"""Where one of these finds a problem, nothing else can be looked at."""

CHECKS = (
    Check("name", name, "none"),
    Check("quotas", quotas, "servicequotas:ListServiceQuotas", on_aws_only=True),
    Check("functions", functions, "lambda:GetAccountSettings", on_aws_only=True),
    Check("stack", stack_status, "cloudformation:DescribeStacks"),
)
