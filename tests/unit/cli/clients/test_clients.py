"""`labelloop clients` against moto's user pool, and an authoriser that stands in."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from labelloop.domain.machine_clients import MOST
from tests.unit.cli.world import World, answering, aws_in_memory, client, error_of, refused

PAGE, OTHERS = "the-pages-client", "of-an-earlier-release"
BEGAN = datetime(2026, 11, 30, tzinfo=UTC)


class Api:
    """The API's authoriser, which has its clients as one list; and secrets, which moto lacks."""

    def __init__(self) -> None:
        self.audience = [PAGE, OTHERS]
        self.before_writing: Callable[[], None] = lambda: None
        self.secrets: list[str] = ["the-first"]
        self._made = 0

    def gateway(self) -> Any:
        return answering(
            "apigatewayv2", {"GetAuthorizer": self._get, "UpdateAuthorizer": self._update}
        )

    def cloudformation(self) -> Any:
        def found(asked: dict[str, Any]) -> Mapping[str, Any]:
            name = asked["LogicalResourceId"]
            return {"StackResourceDetail": {"PhysicalResourceId": f"the-{name}"}}

        return answering("cloudformation", {"DescribeStackResource": found})

    def cognito(self) -> Any:
        return answering(
            "cognito-idp",
            {
                "AddUserPoolClientSecret": self._add,
                "ListUserPoolClientSecrets": self._list,
                "DeleteUserPoolClientSecret": self._delete,
            },
        )

    def _get(self, asked: dict[str, Any]) -> Mapping[str, Any]:
        assert (asked["ApiId"], asked["AuthorizerId"]) == ("the-Api", "the-ApiAuthorizer")
        return {"JwtConfiguration": {"Issuer": "https://issuer", "Audience": [*self.audience]}}

    def _update(self, asked: dict[str, Any]) -> None:
        happens, self.before_writing = self.before_writing, lambda: None
        happens()
        assert asked["JwtConfiguration"]["Issuer"] == "https://issuer"
        self.audience = asked["JwtConfiguration"]["Audience"]

    def _add(self, asked: dict[str, Any]) -> Mapping[str, Any]:
        if len(self.secrets) == 2:
            refused("LimitExceededException")(asked)
        self._made += 1
        self.secrets.append(f"new-{self._made}")
        return {
            "ClientSecretDescriptor": {
                "ClientSecretId": self.secrets[-1],
                "ClientSecretValue": f"value-of-{self.secrets[-1]}",
            }
        }

    def _list(self, _: dict[str, Any]) -> Mapping[str, Any]:
        """The newest first: nobody promises an order."""
        told = [
            {"ClientSecretId": name, "ClientSecretCreateDate": BEGAN + timedelta(days=number)}
            for number, name in enumerate(self.secrets)
        ]
        return {"ClientSecrets": told[::-1]}

    def _delete(self, asked: dict[str, Any]) -> None:
        self.secrets.remove(asked["ClientSecretId"])


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, api: Api) -> Iterator[World]:
    with aws_in_memory(monkeypatch):
        cognito = client("cognito-idp")
        pool = cognito.create_user_pool(PoolName="people")["UserPool"]["Id"]
        for name in ("page", "another-stack.camera", "label-loop-2.camera"):
            cognito.create_user_pool_client(UserPoolId=pool, ClientName=name)
        made = World(
            {
                "UserPoolId": pool,
                "ApiUrl": "https://api.example.com",
                "TokenUrl": "https://sign-in.example.com/oauth2/token",
                **{f"{scope.title()}Scope": f"labelloop/{scope}" for scope in SCOPES},
            }
        )
        own = {
            "apigatewayv2": api.gateway(),
            "cloudformation": api.cloudformation(),
            "cognito-idp": api.cognito(),
        }

        def find(service: str, **_: Any) -> Any:
            return own.get(service) or client(service)

        made.stack = replace(made.stack, client=find)
        yield made


SCOPES = ("detect", "log", "read")


def told(world: World, *words: str) -> Any:
    """What `labelloop clients` answers to programs."""
    result = world.run("clients", *words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def in_the_pool(world: World, client_id: str) -> Any:
    return client("cognito-idp").describe_user_pool_client(
        UserPoolId=world.stack.output("UserPoolId"), ClientId=client_id
    )["UserPoolClient"]


def test_an_added_program_may_detect_and_is_let_in_beside_the_others(
    world: World, api: Api
) -> None:
    added = told(world, "add", "camera")
    made = in_the_pool(world, added["client_id"])
    assert made["ClientSecret"] == added["client_secret"]
    assert made["AllowedOAuthFlows"] == ["client_credentials"]
    assert made["AllowedOAuthScopes"] == ["labelloop/detect"]
    assert made["ExplicitAuthFlows"] == ["ALLOW_REFRESH_TOKEN_AUTH"]
    assert made["WriteAttributes"] == ["locale"]
    assert (made["AccessTokenValidity"], made["TokenValidityUnits"]["AccessToken"]) == (
        60,
        "minutes",
    )
    assert sorted(api.audience) == sorted([PAGE, OTHERS, added["client_id"]])
    assert told(world, "list") == [
        {
            "name": "camera",
            "client_id": added["client_id"],
            "scopes": ["detect"],
            "admitted": True,
        }
    ]


def test_people_are_shown_the_secret_the_price_and_how_to_begin(world: World) -> None:
    shown = world.run("clients", "add", "camera", "--scope", "detect", "--scope", "log").stdout
    (row,) = told(world, "list")
    secret = in_the_pool(world, row["client_id"])["ClientSecret"]
    assert "US$6 a month" in shown and "not shown again" in shown
    assert shown.count(secret) == 4
    for word in ("curl -s -u", "from labelloop.client import LabelLoop", "await fetch("):
        assert word in shown
    assert secret not in world.run("clients", "list").stdout


def test_who_only_reads_is_shown_how_to_read(world: World) -> None:
    begin = told(world, "add", "dashboard", "--scope", "read")["snippets"]
    assert all("/detections" in begin[language] for language in ("curl", "javascript"))
    assert "loop.results()" in begin["python"]
    assert not any("image.jpg" in text for text in begin.values())


def test_adding_a_program_again_changes_what_it_may_and_nothing_else(
    world: World, api: Api
) -> None:
    first = told(world, "add", "camera")
    again = told(world, "add", "camera", "--scope", "detect", "--scope", "read")
    assert again == {
        "name": "camera",
        "client_id": first["client_id"],
        "scopes": ["detect", "read"],
    }
    made = in_the_pool(world, first["client_id"])
    assert made["AllowedOAuthScopes"] == ["labelloop/detect", "labelloop/read"]
    assert made["AllowedOAuthFlows"] == ["client_credentials"]
    assert told(world, "add", "camera")["scopes"] == ["detect", "read"]
    assert len(api.audience) == 3


def test_a_command_that_died_before_it_let_the_program_in_is_given_again(
    world: World, api: Api
) -> None:
    added = told(world, "add", "camera")
    api.audience = [PAGE]
    shown = world.run("clients", "list").stdout
    assert "not let in: labelloop clients add camera" in shown
    told(world, "add", "camera")
    assert set(api.audience) == {PAGE, added["client_id"]}
    assert "not let in" not in world.run("clients", "list").stdout


def test_a_program_that_cannot_be_let_in_is_not_left_behind(world: World, api: Api) -> None:
    """Its secret has not been shown, and it would be billed."""

    def refuse() -> None:
        refused("AccessDeniedException")({})

    api.before_writing = refuse
    assert world.run("clients", "add", "camera").exit_code == 1
    assert told(world, "list") == []
    assert "client_secret" in told(world, "add", "camera")


def test_of_two_commands_at_once_neither_shuts_the_others_program_out(
    world: World, api: Api
) -> None:
    """Both read the list, and each writes all of it."""
    theirs: list[str] = []
    api.before_writing = lambda: theirs.append(told(world, "add", "theirs")["client_id"])
    ours = told(world, "add", "ours")["client_id"]
    assert set(api.audience) == {PAGE, OTHERS, ours, *theirs}


def test_a_removed_program_is_shut_out_and_gone_and_no_other(world: World, api: Api) -> None:
    kept, gone = (told(world, "add", name)["client_id"] for name in ("camera", "old"))
    assert told(world, "remove", "old") == {"name": "old", "client_ids": [gone]}
    assert set(api.audience) == {PAGE, OTHERS, kept}
    assert [row["name"] for row in told(world, "list")] == ["camera"]
    assert "no program old" in error_of(world.run("clients", "remove", "old"))
    left = client("cognito-idp").list_user_pool_clients(
        UserPoolId=world.stack.output("UserPoolId"), MaxResults=60
    )["UserPoolClients"]
    assert len(left) == 4


def test_a_removal_shuts_nobody_out_who_is_let_in_meanwhile(world: World, api: Api) -> None:
    told(world, "add", "old")
    theirs: list[str] = []
    api.before_writing = lambda: theirs.append(told(world, "add", "theirs")["client_id"])
    told(world, "remove", "old")
    assert set(api.audience) == {PAGE, OTHERS, *theirs}


def test_a_program_more_than_an_authoriser_takes_is_refused_and_not_made(world: World) -> None:
    pool = world.stack.output("UserPoolId")
    for number in range(MOST):
        client("cognito-idp").create_user_pool_client(
            UserPoolId=pool, ClientName=f"label-loop.program-{number}"
        )
    line = error_of(world.run("clients", "add", "one-more"))
    assert "There are 49 programs" in line and "remove one first" in line
    assert len(told(world, "list")) == MOST


@pytest.mark.parametrize("name", ["", "a b", "-a", "ä", "a" * 65, "a.b"])
def test_a_name_that_the_pool_could_not_tell_apart_is_refused(world: World, name: str) -> None:
    line = error_of(world.run("clients", "add", "--", name))
    assert "cannot be called" in line
    assert told(world, "list") == []


def test_logging_is_for_those_who_detect(world: World) -> None:
    result = world.run("clients", "add", "camera", "--scope", "log")
    assert result.exit_code == 2 and "give --scope detect, too" in result.stderr
    assert told(world, "list") == []


def test_a_stack_of_an_earlier_release_says_that_it_has_to_be_deployed(world: World) -> None:
    outputs = {k: v for k, v in world.stack.outputs.items() if k != "ReadScope"}
    world.stack = replace(world.stack, outputs=outputs)
    line = error_of(world.run("clients", "add", "camera", "--scope", "read"))
    assert "sam build && sam deploy" in line
    assert told(world, "list") == []


def test_a_second_secret_works_beside_the_first_until_one_is_ended(world: World, api: Api) -> None:
    added = told(world, "add", "camera")
    rotated = told(world, "rotate", "camera")
    assert rotated["client_id"] == added["client_id"]
    assert rotated["client_secret"] == "value-of-new-1"
    assert "value-of-new-1" in rotated["snippets"]["curl"]
    line = error_of(world.run("clients", "rotate", "camera"))
    assert "two secrets" in line and "--end older" in line
    assert told(world, "rotate", "camera", "--end", "older")["ended"] is True
    assert api.secrets == ["new-1"]


def test_a_secret_that_nobody_has_noted_is_ended_and_the_older_one_stays(
    world: World, api: Api
) -> None:
    told(world, "add", "camera")
    told(world, "rotate", "camera")
    told(world, "rotate", "camera", "--end", "newer")
    assert api.secrets == ["the-first"]


def test_ending_a_secret_twice_leaves_the_last_one(world: World, api: Api) -> None:
    told(world, "add", "camera")
    told(world, "rotate", "camera")
    told(world, "rotate", "camera", "--end", "older")
    assert told(world, "rotate", "camera", "--end", "older")["ended"] is False
    assert api.secrets == ["new-1"]


def test_without_programs_the_list_says_what_to_do(world: World) -> None:
    assert "labelloop clients add" in world.run("clients", "list").stdout
