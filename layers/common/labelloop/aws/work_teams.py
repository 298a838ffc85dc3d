"""SageMaker's private workforce, of which an account has one in a Region, and its work teams."""

from collections.abc import Mapping
from typing import Any

from labelloop.aws.clients import client
from labelloop.aws.failures import translated
from labelloop.aws.wiring import tags
from labelloop.errors import BusyError, InvalidRequestError, NotFoundError

_INITIALIZING = {"Initializing", "Updating"}


def team_arn(name: str) -> str:
    """The ARN of the work team. Raises NotFoundError."""
    return str(_team(name)["WorkteamArn"])


def _team(name: str) -> Mapping[str, Any]:
    try:
        with translated():
            answer = client("sagemaker").describe_workteam(WorkteamName=name)
    except InvalidRequestError as error:
        # The documentation names no error for a team that is not there.
        raise NotFoundError(str(error)) from error
    team: Mapping[str, Any] = answer["Workteam"]
    return team


def create_team(name: str, workforce: str, user_pool: str, client_id: str, group: str) -> str:
    """The ARN of the work team of this name, made of a group of the user pool if it is new."""
    try:
        with translated():
            answer = client("sagemaker").create_workteam(
                WorkteamName=name,
                WorkforceName=workforce,
                Description="Reviews images for Label Loop.",
                MemberDefinitions=[
                    {
                        "CognitoMemberDefinition": {
                            "UserPool": user_pool,
                            "UserGroup": group,
                            "ClientId": client_id,
                        }
                    }
                ],
                Tags=tags(),
            )
    except BusyError:
        return team_arn(name)  # ResourceInUse: it is there.
    return str(answer["WorkteamArn"])


def delete_team(name: str) -> None:
    """Delete the work team, if it is there."""
    try:
        team_arn(name)
    except NotFoundError:
        return
    with translated():
        client("sagemaker").delete_workteam(WorkteamName=name)


# --- The workforce --------------------------------------------------------------------------------


def workforce() -> Mapping[str, Any] | None:
    """The workforce of the account and Region, as SageMaker describes it; None without one."""
    with translated():
        for page in client("sagemaker").get_paginator("list_workforces").paginate():
            for found in page["Workforces"]:
                known: Mapping[str, Any] = found
                return known
    return None


def user_pool_of(found: Mapping[str, Any]) -> str | None:
    """The user pool of a workforce; None where it has another identity provider."""
    pool: str | None = found.get("CognitoConfig", {}).get("UserPool")
    return pool


def is_initializing(found: Mapping[str, Any]) -> bool:
    """Whether a workforce will be ready without anybody's doing."""
    return found.get("Status") in _INITIALIZING


def is_deleting(found: Mapping[str, Any]) -> bool:
    """Whether a workforce will be gone without anybody's doing."""
    return found.get("Status") == "Deleting"


def create_workforce(name: str, user_pool: str, client_id: str) -> None:
    """Begin to make the workforce of the account and Region."""
    with translated():
        client("sagemaker").create_workforce(
            WorkforceName=name,
            CognitoConfig={"UserPool": user_pool, "ClientId": client_id},
            Tags=tags(),
        )


def delete_workforce(name: str) -> None:
    """Begin to delete the workforce. Raises BusyError while it has work teams."""
    with translated():
        client("sagemaker").delete_workforce(WorkforceName=name)
