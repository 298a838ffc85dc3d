"""SetUpHumanReview: make what Amazon A2I needs to ask people, and clean it up.

Invoked by  CloudFormation, for the resource ``HumanReview``
Raises      nothing: every outcome is an answer to CloudFormation
Idempotent  yes; names say what they stand for, and what is there is used

A flow definition cannot be changed, so its name says all that it is made of; another one takes its
place, and CloudFormation asks for the old one's deletion when nothing uses it any more. Where A2I
takes no new customers the stack is deployed all the same: people are asked on the console then.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from labelloop import clock
from labelloop.answering import NEVER_MADE, answer
from labelloop.aws import (
    cloudformation,
    flow_definitions,
    functions,
    human_loops,
    user_pools,
    work_teams,
)
from labelloop.aws.cloudformation import Stack
from labelloop.aws.flow_definitions import FlowStatus
from labelloop.custom_resource import NotYetDone, ResourceAnswer, ResourceRequest, custom_resource
from labelloop.domain import human_tasks
from labelloop.domain.annotations import ModelType
from labelloop.domain.human_loops import FOLDER
from labelloop.domain.review_tasks import REVIEWERS
from labelloop.entrypoint import Tolerant, logger
from labelloop.errors import (
    BusyError,
    ConfigurationError,
    InvalidRequestError,
    NotFoundError,
    PermissionMissingError,
)

PAGES = Path(__file__).parent / "pages"
LOOK_EVERY_S = 5.0
TIME_TO_HAND_OVER_S = 60.0
"""With less time left, another invocation goes on."""
NOT_TAKEN = "not-taken"
"""The identity of the resource where A2I takes no new customers."""


class Wanted(Tolerant):
    """What the template says; CloudFormation passes all of it as text."""

    Prefix: str
    """What the names of all that is made here begin with."""
    Bucket: str
    ModelType: ModelType
    ReviewLabels: str
    Reviewers: int
    RoleArn: str
    WorkteamName: str = ""
    UserPool: str = ""
    ClientId: str = ""
    Group: str = REVIEWERS
    """Of the user pool, whose members are the team."""


@custom_resource(answer, functions.start)
def lambda_handler(request: ResourceRequest, seconds_left: Callable[[], float]) -> ResourceAnswer:
    """Set up, or clean up."""
    wanted = Wanted.model_validate(request.properties)
    if request.request_type == "Delete":
        made = request.physical_resource_id or NEVER_MADE
        _clean_up(made, wanted, cloudformation.stack(request.stack_id), seconds_left)
        return ResourceAnswer(physical_resource_id=made)
    labels = [label for label in wanted.ReviewLabels.split(",") if label]
    if labels:
        human_tasks.categories(labels, wanted.ModelType)
    try:
        team_arn = _named_team(wanted) if wanted.WorkteamName else _own_team(wanted, seconds_left)
        name, arn = _flow_definition(wanted, team_arn, seconds_left)
    except (PermissionMissingError, InvalidRequestError) as error:
        if not human_tasks.is_closed(str(error)):
            raise
        logger.exception("A2I does not take this account")
        name = NOT_TAKEN
        team_arn = arn = human_tasks.UNAVAILABLE
    attributes = {"FlowDefinitionArn": arn, "WorkteamArn": team_arn}
    return ResourceAnswer(physical_resource_id=name, attributes=attributes)


# --- Making it ------------------------------------------------------------------------------------


def _flow_definition(
    wanted: Wanted, team_arn: str, seconds_left: Callable[[], float]
) -> tuple[str, str]:
    """Name and ARN of the flow definition for what is wanted, when it is ready."""
    page = (PAGES / f"{wanted.ModelType}.liquid.html").read_text(encoding="utf-8")
    made_of = [team_arn, page, wanted.Bucket, wanted.RoleArn, wanted.Reviewers]
    digest = hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:16]
    name = f"{wanted.Prefix}-{digest}"
    flow_definitions.create(
        name,
        work_team_arn=team_arn,
        page_arn=flow_definitions.create_page(name, page),
        output_uri=f"s3://{wanted.Bucket}/{FOLDER}",
        role_arn=wanted.RoleArn,
        workers=wanted.Reviewers,
    )
    while True:
        arn, status, reason = flow_definitions.status(name)
        if status is FlowStatus.ACTIVE:
            return name, arn
        if status is FlowStatus.FAILED:
            # Another attempt needs its name.
            flow_definitions.delete(name)
            raise ConfigurationError(f"A2I could not make the flow definition: {reason}")
        if status is FlowStatus.DELETING:
            logger.info("still being deleted", extra={"flow_definition": name})
        _wait(seconds_left)


def _named_team(wanted: Wanted) -> str:
    try:
        return work_teams.team_arn(wanted.WorkteamName)
    except NotFoundError as error:
        raise ConfigurationError(
            f"There is no work team {wanted.WorkteamName!r} in this Region. Give the name of one "
            "that there is as WorkteamName, or leave it empty for one of the stack's own."
        ) from error


def _own_team(wanted: Wanted, seconds_left: Callable[[], float]) -> str:
    """The ARN of a work team of those who may review on the console, who sign in as there."""
    while (workforce := work_teams.workforce()) is None or work_teams.is_deleting(workforce):
        if workforce is None:
            work_teams.create_workforce(wanted.Prefix, wanted.UserPool, wanted.ClientId)
        _wait(seconds_left)
    _check_is_ours(workforce["WorkforceName"], work_teams.user_pool_of(workforce), wanted)
    while work_teams.is_initializing(workforce):
        _wait(seconds_left)
        workforce = work_teams.workforce() or {"Status": "Deleted"}
    if workforce["Status"] != "Active":
        reason = workforce.get("FailureReason", "no reason was given")
        raise ConfigurationError(f"The workforce is {workforce['Status']}: {reason}")
    host = f"https://{workforce['SubDomain']}"
    user_pools.change_client(
        wanted.UserPool,
        wanted.ClientId,
        {
            "AllowedOAuthFlowsUserPoolClient": True,
            "AllowedOAuthFlows": ["code"],
            "AllowedOAuthScopes": ["email", "openid", "profile"],
            "CallbackURLs": [f"{host}/oauth2/idpresponse"],
            "LogoutURLs": [f"{host}/logout"],
            "SupportedIdentityProviders": ["COGNITO"],
        },
    )
    return work_teams.create_team(
        wanted.Prefix, workforce["WorkforceName"], wanted.UserPool, wanted.ClientId, wanted.Group
    )


def _check_is_ours(workforce: str, user_pool: str | None, wanted: Wanted) -> None:
    if user_pool == wanted.UserPool:
        return
    people = f"the user pool {user_pool}" if user_pool else "another identity provider"
    raise ConfigurationError(
        f"An account has one workforce in a Region, and this one's, {workforce!r}, is of {people}. "
        "Deploy with WorkteamName, the name of one of its work teams (aws sagemaker "
        "list-workteams), or delete that workforce if nobody needs it."
    )


# --- Cleaning up ----------------------------------------------------------------------------------


def _clean_up(made: str, wanted: Wanted, stack: Stack, seconds_left: Callable[[], float]) -> None:
    """Delete the flow definition of this name; with the stack, all of them, team and workforce.

    A stack that goes back to the console has its loops stopped, whose images then go there too.
    """
    goes_back = not stack.is_going and stack.parameters["ReviewBackend"] != "a2i"
    going = {made} - {NEVER_MADE, NOT_TAKEN}
    if stack.is_going or goes_back:
        # Those too that were left for their loops, and that failed before they had a name.
        going |= set(flow_definitions.names(f"{wanted.Prefix}-"))
    for name in sorted(going):
        if goes_back:
            _stop_loops(name)
        try:
            while not _is_gone(name, loops_end=goes_back):
                _wait(seconds_left)
            flow_definitions.delete_page(name)
        except BusyError as error:
            if stack.is_going:
                raise ConfigurationError(
                    f"The flow definition {name} has human loops under way. Stop them, or let them "
                    "be answered, and delete the stack again."
                ) from error
            # Replaced: its loops may end, and what is left of it costs nothing.
            logger.warning("left for its human loops", extra={"flow_definition": name})
    if (stack.is_going or goes_back) and not wanted.WorkteamName:
        _delete_own_team(wanted.Prefix, seconds_left)


def _stop_loops(name: str) -> None:
    try:
        human_loops.stop_all(flow_definitions.status(name)[0])
    except NotFoundError:
        return  # The flow definition is gone, or a loop has been deleted by somebody.


def _is_gone(name: str, *, loops_end: bool) -> bool:
    try:
        return flow_definitions.delete(name)
    except BusyError:
        if loops_end:
            return False
        raise


def _delete_own_team(name: str, seconds_left: Callable[[], float]) -> None:
    work_teams.delete_team(name)
    while (workforce := work_teams.workforce()) and workforce["WorkforceName"] == name:
        if not work_teams.is_deleting(workforce):
            try:
                work_teams.delete_workforce(name)
            except BusyError:
                logger.warning("left for other work teams", extra={"workforce": name})
                return
        _wait(seconds_left)


def _wait(seconds_left: Callable[[], float]) -> None:
    if seconds_left() < TIME_TO_HAND_OVER_S:
        raise NotYetDone
    clock.sleep(LOOK_EVERY_S)
