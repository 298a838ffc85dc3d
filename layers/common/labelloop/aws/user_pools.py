"""The clients of the user pool."""

from collections.abc import Mapping
from typing import Any

from labelloop.aws.clients import client
from labelloop.aws.failures import translated

_ONLY_TOLD = {"ClientSecret", "ClientType", "CreationDate", "LastModifiedDate"}


def change_client(user_pool: str, client_id: str, settings: Mapping[str, Any]) -> None:
    """Give a client these settings and leave it the others.

    UpdateUserPoolClient puts back to its default whatever it is not told.
    """
    cognito = client("cognito-idp")
    with translated():
        answer = cognito.describe_user_pool_client(UserPoolId=user_pool, ClientId=client_id)
        known = {
            name: value
            for name, value in answer["UserPoolClient"].items()
            if name not in _ONLY_TOLD
        }
        if any(known.get(name) != value for name, value in settings.items()):
            cognito.update_user_pool_client(**{**known, **settings})
