"""What there is of a stack, deployed or gone, found by what proves that it is the stack's own.

CloudFormation knows for 90 days what a deleted stack had and has left, and which stack has a
resource by now; a tag lasts as long as what bears it; and a few names are the stack's by contract,
from their beginning to their end. Nothing is taken for a stack's since its name begins as that
does: what is called pets-2 begins like pets.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from labelloop.aws import machine_clients, rekognition
from labelloop.aws.failures import code_of
from labelloop.aws.machine_clients import MachineClient
from labelloop.domain.parameters import CATALOGUE, SYSTEM_RECORD
from labelloop.errors import NotFoundError
from labelloop.settings import TAG

from ..failures import CommandError
from ..stack import Stack

OURS = "Label Loop "
"""With what the template's description begins."""
BUCKET, TABLE, USER_POOL = "AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::Cognito::UserPool"
DELETED = (BUCKET, TABLE, USER_POOL)
"""What the template retains, and is deleted by itself."""
_LOG_GROUP, _FUNCTION = "AWS::Logs::LogGroup", "AWS::Lambda::Function"
_GONE, _KEPT = "DELETE_COMPLETE", "DELETE_SKIPPED"
_IN_ARN = {
    BUCKET: re.compile(r"arn:[^:]+:s3:::([^/]+)"),
    TABLE: re.compile(r"arn:[^:]+:dynamodb:[^:]*:[^:]*:table/([^/]+)"),
    USER_POOL: re.compile(r"arn:[^:]+:cognito-idp:[^:]*:[^:]*:userpool/(.+)"),
}
_OWN_PARAMETERS = {SYSTEM_RECORD, *(parameter.name for parameter in CATALOGUE)}


@dataclass(frozen=True)
class Resource:
    """Something that a stack has made, or left."""

    type_name: str
    logical_id: str
    physical_id: str


@dataclass
class Traces:
    """All that there is."""

    stack_id: str | None = None
    """Of the stack that is deployed; None where it is gone."""
    in_stack: list[Resource] = field(default_factory=list)
    """What goes with it."""
    retained: list[Resource] = field(default_factory=list)
    """What it has left, or will leave."""
    elsewhere: dict[Resource, str] = field(default_factory=dict)
    """What it has left, and which stack has it by now."""
    project_arn: str | None = None
    parameters: list[str] = field(default_factory=list)
    foreign_parameters: list[str] = field(default_factory=list)
    """Those in the stack's folder that somebody else has put there."""
    foreign_pools: set[str] = field(default_factory=set)
    """User pools that were there before the stack."""
    shared_pools: dict[str, str] = field(default_factory=dict)
    """The stack's own user pools, with which people sign in to another stack, too: to which."""
    clients: list[tuple[str, MachineClient]] = field(default_factory=list)
    """Programs, by their user pools, the stack's own and those that were there before it."""
    log_groups: dict[str, int] = field(default_factory=dict)
    """Those outside the stack, with how many bytes each keeps."""
    log_bytes_in_stack: int = 0
    """What those keep that go with it."""

    def of_type(self, type_name: str) -> list[Resource]:
        """What the stack leaves of a type."""
        return [one for one in self.retained if one.type_name == type_name]


@dataclass(frozen=True)
class _Record:
    """What CloudFormation has of one stack of the name."""

    stack_id: str
    is_deployed: bool
    resources: list[tuple[Resource, str]]


def find(stack: Stack) -> Traces:
    """What there is. Raises CommandError where a stack of the name is none of Label Loop's."""
    records = [_record(stack, summary) for summary in _summaries(stack)]
    found, candidates = _recorded(records)
    # Somebody may have deleted one by hand.
    found.retained = [one for one in found.retained if is_there(stack, one)]
    for resource in _tagged(stack):
        candidates.setdefault(resource.physical_id, resource)
    known = {one.physical_id for one in found.retained}
    for resource in candidates.values():
        if resource.physical_id in known or not is_there(stack, resource):
            continue
        owner = _owner(stack, resource.physical_id)
        if owner in (None, stack.name):
            found.retained.append(resource)
        else:
            found.elsewhere[resource] = str(owner)
    _find_parameters(stack, found)
    proven = bool(records or found.retained or found.parameters)
    found.project_arn = _project(stack, proven)
    _find_clients(stack, records, found)
    _find_shared_pools(stack, found)
    _find_log_groups(stack, records, found)
    return found


def _recorded(records: list[_Record]) -> tuple[Traces, dict[str, Resource]]:
    """What the deployed stack has; and what others of its name had left, by physical ids."""
    found, left = Traces(), dict[str, Resource]()
    for record in records:
        if record.is_deployed:
            found.stack_id = record.stack_id
        for resource, status in record.resources:
            if record.is_deployed and status != _GONE:
                to = found.retained if resource.type_name in DELETED else found.in_stack
                to.append(resource)
            elif status == _KEPT:
                left[resource.physical_id] = resource
    return found, left


# --- CloudFormation -------------------------------------------------------------------------------


def _summaries(stack: Stack) -> list[Mapping[str, Any]]:
    """Of all stacks of exactly this name that CloudFormation remembers."""
    pages = stack.client("cloudformation").get_paginator("list_stacks").paginate()
    found = [
        summary
        for page in pages
        for summary in page["StackSummaries"]
        if summary["StackName"] == stack.name and not _is_only_planned(summary)
    ]
    for summary in found:
        ours = str(summary.get("TemplateDescription", "")).startswith(OURS)
        if not ours and summary["StackStatus"] != _GONE:
            raise CommandError(
                f"The stack {stack.name} is none of Label Loop's. Nothing was looked at, and "
                "nothing is deleted: name another one with --stack-name."
            )
    return [one for one in found if str(one.get("TemplateDescription", "")).startswith(OURS)]


def _is_only_planned(summary: Mapping[str, Any]) -> bool:
    """Whether there is a change set of it, and nothing more."""
    return bool(summary["StackStatus"] == "REVIEW_IN_PROGRESS")


def _record(stack: Stack, summary: Mapping[str, Any]) -> _Record:
    pages = (
        stack.client("cloudformation")
        .get_paginator("list_stack_resources")
        .paginate(StackName=summary["StackId"])
    )
    resources = [
        (
            Resource(
                entry["ResourceType"], entry["LogicalResourceId"], entry["PhysicalResourceId"]
            ),
            entry["ResourceStatus"],
        )
        for page in pages
        for entry in page["StackResourceSummaries"]
        if entry.get("PhysicalResourceId")
    ]
    return _Record(summary["StackId"], summary["StackStatus"] != _GONE, resources)


def _owner(stack: Stack, physical_id: str) -> str | None:
    """The stack that has a resource by now; None where none has."""
    try:
        answer = stack.client("cloudformation").describe_stack_resources(
            PhysicalResourceId=physical_id
        )
    except ClientError as error:
        if code_of(error) == "ValidationError":
            return None
        raise
    owners = [
        str(entry["StackName"])
        for entry in answer["StackResources"]
        if entry.get("PhysicalResourceId") == physical_id
    ]
    return owners[0] if owners else None


# --- Tags -----------------------------------------------------------------------------------------


def _tagged(stack: Stack) -> Iterator[Resource]:
    """What is left that bears the stack's tag."""
    pages = (
        stack.client("resourcegroupstaggingapi")
        .get_paginator("get_resources")
        .paginate(
            TagFilters=[{"Key": TAG, "Values": [stack.name]}],
            ResourceTypeFilters=["s3", "dynamodb:table", "cognito-idp:userpool"],
        )
    )
    for page in pages:
        for entry in page["ResourceTagMappingList"]:
            for type_name, pattern in _IN_ARN.items():
                if is_one := pattern.fullmatch(entry["ResourceARN"]):
                    yield Resource(type_name, _logical_id(type_name, is_one[1]), is_one[1])


def _logical_id(type_name: str, name: str) -> str:
    """What the template calls a resource: it has one bucket and one pool, and names tables."""
    if type_name == TABLE:
        parts = name.split("-")
        return parts[-2] if len(parts) > 2 else ""
    return {BUCKET: "Bucket", USER_POOL: "UserPool"}[type_name]


def is_there(stack: Stack, resource: Resource) -> bool:
    """Whether a resource still exists: records of CloudFormation and tags outlast it."""
    name = resource.physical_id
    asks = {
        BUCKET: ("s3", "head_bucket", {"Bucket": name}),
        TABLE: ("dynamodb", "describe_table", {"TableName": name}),
        USER_POOL: ("cognito-idp", "describe_user_pool", {"UserPoolId": name}),
    }
    if resource.type_name not in asks:
        return True
    service, operation, request = asks[resource.type_name]
    try:
        getattr(stack.client(service), operation)(**request)
    except ClientError as error:
        if code_of(error) in {"404", "NoSuchBucket", "ResourceNotFoundException"}:
            return False
        raise
    return True


# --- What has the stack's name --------------------------------------------------------------------


def _find_parameters(stack: Stack, found: Traces) -> None:
    folder = f"/{stack.name}/"
    pages = (
        stack.client("ssm")
        .get_paginator("get_parameters_by_path")
        .paginate(Path=folder, Recursive=True)
    )
    for page in pages:
        for entry in page["Parameters"]:
            own = entry["Name"].removeprefix(folder) in _OWN_PARAMETERS
            (found.parameters if own else found.foreign_parameters).append(entry["Name"])


def _project(stack: Stack, proven: bool) -> str | None:
    """The project of the name, where it is known to be Label Loop's."""
    try:
        answer = stack.client("rekognition").describe_projects(ProjectNames=[stack.name])
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            return None
        raise
    for project in answer["ProjectDescriptions"]:
        arn = str(project["ProjectArn"])
        if arn.split("/")[1] == stack.name and (proven or rekognition.is_tagged(arn)):
            return arn
    return None


def _find_clients(stack: Stack, records: list[_Record], found: Traces) -> None:
    """Of programs, whose names have the stack's before a dot."""
    for record in records:
        (told,) = stack.client("cloudformation").describe_stacks(StackName=record.stack_id)[
            "Stacks"
        ]
        found.foreign_pools |= {
            entry["ParameterValue"]
            for entry in told.get("Parameters", [])
            if entry["ParameterKey"] == "ExistingUserPoolId" and entry.get("ParameterValue")
        }
    own = {one.physical_id for one in found.of_type(USER_POOL)}
    for pool in sorted(own | found.foreign_pools):
        try:
            clients = machine_clients.of_stack(pool, stack.name)
        except NotFoundError:
            continue
        found.clients += [(pool, client) for client in clients]


def _find_shared_pools(stack: Stack, found: Traces) -> None:
    """A stack that was given the pool as ExistingUserPoolId has a client of its own in it."""
    found.foreign_pools -= {one.physical_id for one in found.of_type(USER_POOL)}
    for pool in found.of_type(USER_POOL):
        pages = (
            stack.client("cognito-idp")
            .get_paginator("list_user_pool_clients")
            .paginate(UserPoolId=pool.physical_id)
        )
        for page in pages:
            for each in page["UserPoolClients"]:
                owner = _owner(stack, each["ClientId"])
                if owner not in (None, stack.name):
                    found.shared_pools[pool.physical_id] = str(owner)


def _find_log_groups(stack: Stack, records: list[_Record], found: Traces) -> None:
    """Those that a function has made anew that ran last, and those of releases before."""
    names = {
        resource.physical_id
        for record in records
        for resource, _ in record.resources
        if resource.type_name in (_LOG_GROUP, _FUNCTION)
    }
    deployed = {one.physical_id for one in found.in_stack if one.type_name == _LOG_GROUP}
    own = re.compile(
        rf"/aws/vendedlogs/(states|apis)/{re.escape(stack.name)}"
        rf"|{re.escape(stack.name)}-FunctionsLogGroup-[A-Za-z0-9]+"
    )
    for group in _log_groups(stack):
        name = str(group["logGroupName"])
        is_own = own.fullmatch(name) or name.removeprefix("/aws/lambda/") in names
        size = int(group.get("storedBytes", 0))
        if name in deployed:
            found.log_bytes_in_stack += size
        elif is_own:
            found.log_groups[name] = size


def _log_groups(stack: Stack) -> Iterator[Mapping[str, Any]]:
    """Those whose names begin as the stack's do."""
    for prefix in (
        f"/aws/vendedlogs/states/{stack.name}",
        f"/aws/vendedlogs/apis/{stack.name}",
        f"{stack.name}-FunctionsLogGroup-",
        f"/aws/lambda/{stack.name}-",
    ):
        pages = (
            stack.client("logs")
            .get_paginator("describe_log_groups")
            .paginate(logGroupNamePrefix=prefix)
        )
        for page in pages:
            yield from page["logGroups"]
