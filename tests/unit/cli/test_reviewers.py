"""`labelloop reviewers` against moto's user pool."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from labelloop.aws.items import from_item
from tests.unit.cli.world import World, aws_in_memory, client, error_of

ANN, BOB = "ann@example.com", "bob@example.com"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with aws_in_memory(monkeypatch):
        cognito = client("cognito-idp")
        pool = cognito.create_user_pool(PoolName="people", UsernameAttributes=["email"])
        pool_id = pool["UserPool"]["Id"]
        for group in ("reviewers", "operators"):
            cognito.create_group(UserPoolId=pool_id, GroupName=group)
        yield World({"UserPoolId": pool_id, "ConsoleUrl": "https://api.example.com/"})


def _sub(world: World, email: str) -> str:
    user = client("cognito-idp").admin_get_user(
        UserPoolId=world.stack.output("UserPoolId"), Username=email
    )
    return str({entry["Name"]: entry["Value"] for entry in user["UserAttributes"]}["sub"])


def _locally(world: World) -> World:
    world.stack = replace(world.stack, on_this_machine=True)
    return world


def test_an_added_reviewer_is_invited_by_e_mail_and_told_where(world: World) -> None:
    result = world.run("reviewers", "add", ANN)

    assert result.exit_code == 0
    assert "https://api.example.com/" in result.stdout and "e-mail" in result.stdout
    (row,) = json.loads(world.run("reviewers", "list", "--json").stdout)
    assert row == {
        "email": ANN,
        "email_verified": True,
        "sub": _sub(world, ANN),
        "groups": ["reviewers"],
        "signed_in_once": False,
    }


def test_adding_somebody_twice_changes_nothing_and_may_add_a_group(world: World) -> None:
    world.run("reviewers", "add", ANN)

    again = world.run("reviewers", "add", ANN, "--operator", "--json")

    assert json.loads(again.stdout)["new"] is False
    shown = world.run("reviewers", "list").stdout
    assert f"{ANN}  {_sub(world, ANN)}  reviewers, operators  (invited)" in shown


def test_on_this_machine_the_password_is_shown_and_works(world: World) -> None:
    added = json.loads(_locally(world).run("reviewers", "add", ANN, "--json").stdout)

    cognito, pool = client("cognito-idp"), world.stack.output("UserPoolId")
    app = cognito.create_user_pool_client(
        UserPoolId=pool,
        ClientName="page",
        ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    )["UserPoolClient"]
    answer = cognito.admin_initiate_auth(
        UserPoolId=pool,
        ClientId=app["ClientId"],
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": ANN, "PASSWORD": added["password"]},
    )
    assert answer["ChallengeName"] == "NEW_PASSWORD_REQUIRED"


def test_somebody_whose_invitation_has_run_out_is_invited_again(world: World) -> None:
    invitations: list[str | None] = []

    def note(params: dict[str, str], **_: object) -> None:
        invitations.append(params.get("MessageAction"))

    world.run("reviewers", "add", ANN)
    events, what = client("cognito-idp").meta.events, "provide-client-params.*.AdminCreateUser"
    events.register(what, note)
    again = world.run("reviewers", "add", ANN)
    events.unregister(what, note)

    assert "Another e-mail" in again.stdout
    assert invitations == [None, "RESEND"]


def test_who_has_signed_in_is_not_invited_again(world: World) -> None:
    world.run("reviewers", "add", ANN)
    user = {"UserPoolId": world.stack.output("UserPoolId"), "Username": ANN}
    client("cognito-idp").admin_set_user_password(**user, Password="Abc1-" * 3, Permanent=True)

    assert "password" not in world.run("reviewers", "add", ANN).stdout


def test_on_this_machine_a_lost_password_is_replaced(world: World) -> None:
    first, second = (
        json.loads(_locally(world).run("reviewers", "add", ANN, "--json").stdout) for _ in range(2)
    )

    assert (first["new"], second["new"]) == (True, False)
    assert second["password"] not in {None, first["password"]}


def test_a_removed_reviewer_is_gone_and_the_others_stay(world: World) -> None:
    world.run("reviewers", "add", ANN)
    world.run("reviewers", "add", BOB)

    assert world.run("reviewers", "remove", ANN).exit_code == 0

    people = json.loads(world.run("reviewers", "list", "--json").stdout)
    assert [person["email"] for person in people] == [BOB]


def _figures(world: World, sub: str, name: str) -> None:
    """What stands beside the answers of somebody who was asked with others."""
    facts = {"queue": "reviewers", "available": sub, "compared": 3, "agreed": 2}
    world.put("tasks", task_id=f"reviewer#{sub}", name=name, **facts)


def _figures_of(world: World, sub: str) -> dict[str, Any]:
    key = {"task_id": {"S": f"reviewer#{sub}"}}
    return from_item(world.tables.get_item(TableName="tasks", Key=key)["Item"])


def test_the_address_of_who_is_removed_goes_and_the_figures_stay(world: World) -> None:
    world.run("reviewers", "add", ANN)
    sub = _sub(world, ANN)
    _figures(world, sub, ANN)
    _figures(world, "other", BOB)

    assert world.run("reviewers", "remove", ANN).exit_code == 0

    found = _figures_of(world, sub)
    assert ANN not in str(found)
    assert (found["compared"], found["agreed"]) == (3, 2)
    assert _figures_of(world, "other")["name"] == BOB


def test_the_address_of_who_was_removed_otherwise_goes_by_the_same_command(world: World) -> None:
    """By a command that died in between, in the console, or by an earlier release."""
    _figures(world, "sub-of-ann", ANN)

    for who in (ANN, "sub-of-ann"):
        answer = world.run("reviewers", "remove", who, "--json")
        assert json.loads(answer.stdout) == {
            "sub": "sub-of-ann",
            "removed": False,
            "forgotten": True,
        }
    assert ANN not in str(_figures_of(world, "sub-of-ann"))
    assert "There is no" in error_of(world.run("reviewers", "remove", ANN))


def _call_oneself(world: World, email: str, other: str) -> None:
    """What an earlier release let people do: change the address that they are known by."""
    client("cognito-idp").admin_update_user_attributes(
        UserPoolId=world.stack.output("UserPoolId"),
        Username=email,
        UserAttributes=[
            {"Name": "email", "Value": other},
            {"Name": "email_verified", "Value": "false"},
        ],
    )


def test_who_calls_oneself_something_else_is_found_and_removed_by_id(world: World) -> None:
    world.run("reviewers", "add", ANN)
    world.run("reviewers", "add", BOB)
    sub = _sub(world, ANN)
    _call_oneself(world, ANN, "somebody@example.com")

    assert "labelloop reviewers list" in error_of(world.run("reviewers", "remove", ANN))
    shown = world.run("reviewers", "list").stdout
    assert f"somebody@example.com  {sub}  reviewers  (invited)  (the address is not" in shown

    removed = json.loads(world.run("reviewers", "remove", sub, "--json").stdout)
    assert removed == {"email": "somebody@example.com", "sub": sub, "removed": True}
    people = json.loads(world.run("reviewers", "list", "--json").stdout)
    assert [person["email"] for person in people] == [BOB]


def test_many_reviewers_are_all_listed(world: World) -> None:
    for number in range(65):  # Cognito gives sixty at a time
        world.run("reviewers", "add", f"person{number:02d}@example.com")

    assert len(json.loads(world.run("reviewers", "list", "--json").stdout)) == 65


def test_what_is_no_address_is_refused(world: World) -> None:
    assert "no e-mail address" in error_of(world.run("reviewers", "add", "ann"))


def test_who_is_not_there_cannot_be_removed(world: World) -> None:
    assert "labelloop reviewers list" in error_of(world.run("reviewers", "remove", ANN))


def test_without_reviewers_the_list_says_what_to_do(world: World) -> None:
    assert "labelloop reviewers add" in world.run("reviewers", "list").stdout


# --- In a user pool of others ---------------------------------------------------------------------


@pytest.fixture
def others(world: World) -> World:
    """A stack that was deployed with a user pool that has people already."""
    client("cloudformation").create_stack(
        StackName="label-loop",
        TemplateBody=json.dumps(
            {
                "Parameters": {"ExistingUserPoolId": {"Type": "String"}},
                "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
            }
        ),
        Parameters=[
            {
                "ParameterKey": "ExistingUserPoolId",
                "ParameterValue": world.stack.output("UserPoolId"),
            }
        ],
    )
    names = {"ReviewersGroup": "label-loop-reviewers", "OperatorsGroup": "label-loop-operators"}
    world.stack = replace(world.stack, outputs={**world.stack.outputs, **names})
    cognito, pool = client("cognito-idp"), world.stack.output("UserPoolId")
    for group in names.values():
        cognito.create_group(UserPoolId=pool, GroupName=group)
    for name, email in (("ann@example.com", ANN), ("bob@example.com", BOB)):
        _join(world, name, email)
    return world


def _join(world: World, name: str, email: str) -> None:
    client("cognito-idp").admin_create_user(
        UserPoolId=world.stack.output("UserPoolId"),
        Username=name,
        UserAttributes=[{"Name": "email", "Value": email}],
        MessageAction="SUPPRESS",
    )


def _groups(world: World, email: str) -> list[str]:
    found = client("cognito-idp").admin_list_groups_for_user(
        UserPoolId=world.stack.output("UserPoolId"), Username=email
    )
    return sorted(group["GroupName"] for group in found["Groups"])


def test_people_of_others_are_let_in_by_the_stacks_own_groups_alone(others: World) -> None:
    assert others.run("reviewers", "add", ANN).exit_code == 0
    again = others.run("reviewers", "add", ANN, "--operator")

    assert "e-mail" not in again.stdout
    assert _groups(others, ANN) == ["label-loop-operators", "label-loop-reviewers"]
    (row,) = json.loads(others.run("reviewers", "list", "--json").stdout)
    assert row["groups"] == ["reviewers", "operators"]


def test_people_of_others_are_never_made_nor_deleted(others: World) -> None:
    others.run("reviewers", "add", BOB)

    assert "as others are" in error_of(others.run("reviewers", "add", 'x"@example.com'))
    assert others.run("reviewers", "remove", BOB).exit_code == 0

    assert _groups(others, BOB) == []
    users = client("cognito-idp").list_users(UserPoolId=others.stack.output("UserPoolId"))["Users"]
    assert len(users) == 2
    assert "labelloop reviewers list" in error_of(others.run("reviewers", "remove", BOB))


def test_somebody_of_others_can_be_removed_by_the_id(others: World) -> None:
    others.run("reviewers", "add", ANN)

    removed = json.loads(others.run("reviewers", "remove", _sub(others, ANN), "--json").stdout)

    assert removed == {"email": ANN, "sub": _sub(others, ANN), "removed": True}
    assert _groups(others, ANN) == []
