"""People who can sign in at once: no mail is sent, and no password has to be changed."""

from __future__ import annotations

from typing import Any


def add_person(cognito: Any, pool: str, name: str, password: str, *groups: str) -> None:
    """Put somebody with this verified address into a user pool, and into groups of it."""
    user = {"UserPoolId": pool, "Username": name}
    cognito.admin_create_user(
        **user,
        MessageAction="SUPPRESS",
        UserAttributes=[
            {"Name": "email", "Value": name},
            {"Name": "email_verified", "Value": "true"},
        ],
    )
    cognito.admin_set_user_password(**user, Password=password, Permanent=True)
    for group in groups:
        cognito.admin_add_user_to_group(**user, GroupName=group)
