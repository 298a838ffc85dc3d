"""`labelloop adopt`: let a new stack take over what an earlier one of its name has left."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from botocore.exceptions import ClientError

from labelloop.aws.failures import code_of

from .. import extras
from ..destroy.traces import BUCKET, OURS, TABLE, USER_POOL, Resource, find
from ..failures import CommandError
from ..progress import Progress
from ..stack import Stack, describe, on_any_stack, show
from . import import_template

CHANGE_SET = "labelloop-adopt"
BUILT = Path(".aws-sam/build/template.yaml")
IDENTIFIERS = {BUCKET: "BucketName", TABLE: "TableName", USER_POOL: "UserPoolId"}
"""By which property an import knows a resource of a type."""
NEXT = "Then deploy the whole template over it: sam build && sam deploy"
_NOT_YET = {None, "REVIEW_IN_PROGRESS"}


@click.command()
@click.option(
    "--template",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The template, as sam build has written it. Else that of the stack that is gone.",
)
@click.option(
    "--resource",
    "chosen",
    multiple=True,
    metavar="NAME=ID",
    help="Which one, where several were left: Bucket=ID.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be taken over, and how.")
@on_any_stack
def adopt(
    stack: Stack, *, path: Path | None, chosen: tuple[str, ...], dry_run: bool, as_json: bool
) -> None:
    """Let a new stack have the bucket, the tables and the people that one before it has left.

    For a stack that was deleted and is not deployed yet. CloudFormation imports what is there, and
    changes nothing in it; then sam deploy makes the rest. Project and parameters are found by then.
    """
    if stack.on_this_machine:
        raise CommandError("The application on this machine keeps nothing that could be adopted.")
    status = _status(stack)
    if status in _NOT_YET:
        template, values = _template(stack, path)
        if values.get("ExistingUserPoolId"):
            # Then the template makes no pool, and an import of one would be refused.
            template["Resources"].pop("UserPool", None)
        resources = _left(stack, template, chosen)
        made = import_template.of(template, [one.logical_id for one in resources])
        answer = {
            "stack": stack.name,
            "adopted": {one.logical_id: one.physical_id for one in resources},
            "template": made,
        }
        if dry_run:
            show(as_json, answer, _plan(stack, resources, made))
            return
        _create_change_set(stack, resources, made, values)
        stack.client("cloudformation").execute_change_set(
            StackName=stack.name, ChangeSetName=CHANGE_SET
        )
    _wait_for_import(stack)
    found = {one.logical_id: one.physical_id for one in find(stack).retained}
    words = "\n".join(
        [
            f"The stack {stack.name} has what was left:",
            *map("  {0[0]}: {0[1]}".format, found.items()),
        ]
    )
    show(as_json, {"stack": stack.name, "adopted": found}, f"{words}\n{NEXT}")


def _status(stack: Stack) -> str | None:
    return (describe(stack) or {}).get("StackStatus")


def _left(stack: Stack, template: Mapping[str, Any], chosen: tuple[str, ...]) -> list[Resource]:
    """What there is to take over: one for each name of the template."""
    wished = dict(one.partition("=")[::2] for one in chosen)
    by_name: dict[str, list[Resource]] = {}
    for resource in find(stack).retained:
        if resource.logical_id in template["Resources"]:
            by_name.setdefault(resource.logical_id, []).append(resource)
    for name, physical_id in wished.items():
        by_name[name] = [
            one for one in by_name.get(name, []) if one.physical_id == physical_id
        ] or _unknown(stack, name, physical_id)
    for name, several in by_name.items():
        if len(several) > 1:
            ids = " or ".join(f"--resource {name}={one.physical_id}" for one in several)
            raise CommandError(f"Several were left by stacks {stack.name}. Say which: {ids}")
    if not by_name:
        raise CommandError(
            f"No stack {stack.name} has left a bucket, a table or a user pool in "
            f"{stack.client('cloudformation').meta.region_name}: there is nothing to adopt. To "
            "deploy a stack: sam build && sam deploy"
        )
    return [by_name[name][0] for name in sorted(by_name)]


def _unknown(stack: Stack, name: str, physical_id: str) -> list[Resource]:
    raise CommandError(
        f"No stack {stack.name} has left {physical_id!r} as {name!r}. What was left: labelloop "
        "destroy --dry-run"
    )


# --- With what ------------------------------------------------------------------------------------


def _template(stack: Stack, path: Path | None) -> tuple[dict[str, Any], Mapping[str, str]]:
    """A template that has the resources, and the parameters that the earlier stack had."""
    earlier = _earlier(stack)
    values = {
        entry["ParameterKey"]: entry.get("ParameterValue", "")
        for entry in (earlier or {}).get("Parameters", [])
    }
    if path is not None:
        return _parsed(path.read_text(encoding="utf-8"), str(path)), values
    if earlier is None:
        raise CommandError(
            f"CloudFormation remembers no stack {stack.name} any more, as it does for 90 days. "
            f"Build its template, and name it: sam build && labelloop adopt --template {BUILT}"
        )
    body = stack.client("cloudformation").get_template(
        StackName=earlier["StackId"], TemplateStage="Processed"
    )["TemplateBody"]
    return (_parsed(body, "its template") if isinstance(body, str) else body), values


def _earlier(stack: Stack) -> Mapping[str, Any] | None:
    """The stack of this name that was deleted last; others than Label Loop's have left nothing."""
    cloudformation = stack.client("cloudformation")
    pages = cloudformation.get_paginator("list_stacks").paginate(
        StackStatusFilter=["DELETE_COMPLETE"]
    )
    gone = [
        summary
        for page in pages
        for summary in page["StackSummaries"]
        if summary["StackName"] == stack.name
        and str(summary.get("TemplateDescription", "")).startswith(OURS)
    ]
    if not gone:
        return None
    last = max(gone, key=lambda summary: summary["DeletionTime"])
    (found,) = cloudformation.describe_stacks(StackName=last["StackId"])["Stacks"]
    described: Mapping[str, Any] = found
    return described


def _parsed(text: str, called: str) -> dict[str, Any]:
    try:
        import yaml  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise extras.missing("A template in YAML", extras.ADOPT) from error
    try:
        found = yaml.safe_load(text)
        if isinstance(found, dict) and "Resources" in found:
            return found
    except yaml.YAMLError as error:
        raise CommandError(
            f"{called} is not a template as sam build writes it ({error}). Name that: {BUILT}"
        ) from error
    raise CommandError(f"{called} is no template: it has no Resources. Name {BUILT}")


# --- The import -----------------------------------------------------------------------------------


def _create_change_set(
    stack: Stack,
    resources: list[Resource],
    template: Mapping[str, Any],
    values: Mapping[str, str],
) -> None:
    """Make the change set anew, whatever a call before this one has left of it."""
    cloudformation = stack.client("cloudformation")
    named = {"StackName": stack.name, "ChangeSetName": CHANGE_SET}
    _delete_change_set(stack, named)
    parameters = [
        {"ParameterKey": name, "ParameterValue": values[name]}
        for name in template.get("Parameters", {})
        if name in values
    ]
    cloudformation.create_change_set(
        **named,
        ChangeSetType="IMPORT",
        Description="labelloop adopt takes over what an earlier stack has left.",
        TemplateBody=json.dumps(template),
        Parameters=parameters,
        ResourcesToImport=[
            {
                "ResourceType": one.type_name,
                "LogicalResourceId": one.logical_id,
                "ResourceIdentifier": {IDENTIFIERS[one.type_name]: one.physical_id},
            }
            for one in resources
        ],
    )
    progress = Progress()
    while (now := cloudformation.describe_change_set(**named))["Status"] != "CREATE_COMPLETE":
        if now["Status"] == "FAILED":
            _delete_change_set(stack, named)
            raise CommandError(
                f"CloudFormation does not import it: {now.get('StatusReason', 'no reason given')} "
                "Nothing was changed."
            )
        progress.say("CloudFormation looks whether it can import what was left")
        time.sleep(stack.look_every_s)
    progress.end()


def _delete_change_set(stack: Stack, named: Mapping[str, str]) -> None:
    try:
        stack.client("cloudformation").delete_change_set(**named)
    except ClientError as error:
        if code_of(error) not in {"ChangeSetNotFound", "ValidationError"}:
            raise


def _wait_for_import(stack: Stack) -> None:
    progress = Progress()
    while (status := _status(stack)) in {*_NOT_YET, "IMPORT_IN_PROGRESS"}:
        progress.say("CloudFormation imports what was left")
        time.sleep(stack.look_every_s)
    progress.end()
    if status is not None and status.startswith("IMPORT_ROLLBACK"):
        raise CommandError(
            f"CloudFormation could not import it, and has taken the import back ({status}). What "
            "was left is as it was. For the reason: aws cloudformation describe-stack-events "
            f"--stack-name {stack.name}. Then delete the empty stack (aws cloudformation "
            f"delete-stack --stack-name {stack.name}), and run the same command again."
        )
    if status != "IMPORT_COMPLETE":
        raise CommandError(
            f"The stack {stack.name} is deployed ({status}): it has a bucket and tables of its own "
            "and takes over no others. To bring images of an earlier one: labelloop import"
        )


def _plan(stack: Stack, resources: list[Resource], template: Mapping[str, Any]) -> str:
    return "\n".join(
        [
            f"A new stack {stack.name} would take over, by an import of CloudFormation:",
            *(f"  {one.logical_id}: {one.physical_id} ({one.type_name})" for one in resources),
            "with this template, and change nothing in them:",
            json.dumps(template, indent=2),
            f"{NEXT}. It finds the project and the parameters of {stack.name} by itself.",
        ]
    )
