"""Policies decide as IAM does, what cannot be checked is refused at load, and use is noted."""

from __future__ import annotations

from typing import Any

import pytest

from local.permissions.authorization import Authorizer
from local.permissions.policy_documents import PolicyError, matches

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/worker"
BUCKET = "arn:aws:s3:::images"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:work"
RULE = f"arn:aws:events:us-east-1:{ACCOUNT}:rule/upload"


def trust(service: str, **more: Any) -> dict[str, Any]:
    principal = {"Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {"Statement": [{"Effect": "Allow", **principal, **more}]}


def with_policy(*statements: dict[str, Any]) -> Authorizer:
    authorizer = Authorizer(ACCOUNT)
    authorizer.add_role(ROLE, "WorkerRole", trust("lambda.amazonaws.com"))
    authorizer.put_policy(ROLE, "policy", {"Statement": list(statements)})
    return authorizer


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {**allow(action, resource, **more), "Effect": "Deny"}


def test_what_no_statement_allows_is_refused_in_awss_words() -> None:
    decision = with_policy(allow("s3:PutObject")).check(ROLE, "s3:GetObject", f"{BUCKET}/a")
    assert not decision
    assert decision.reason == "because no identity-based policy allows the s3:GetObject action"


@pytest.mark.parametrize(
    ("action", "resource", "allowed"),
    [
        ("s3:GetObject", f"{BUCKET}/work/a/b.png", True),
        ("s3:getobject", f"{BUCKET}/work/a", True),
        ("s3:GetObjectVersion", f"{BUCKET}/work/a", True),
        ("s3:GetObject", f"{BUCKET}/other/a", False),
        ("s3:GetObject", f"{BUCKET}/work", False),
        ("s3:PutObject", f"{BUCKET}/work/a", False),
        ("s3:GetObject", "arn:aws:s3:::IMAGES/work/a", False),
    ],
)
def test_patterns_cover_what_they_cover(action: str, resource: str, allowed: bool) -> None:
    authorizer = with_policy(allow(["s3:GetObject*"], [f"{BUCKET}/work/*"]))
    assert bool(authorizer.check(ROLE, action, resource)) is allowed


def test_a_denial_wins_over_any_permission() -> None:
    authorizer = with_policy(allow("s3:*"), deny("s3:DeleteObject"))
    assert authorizer.check(ROLE, "s3:GetObject", BUCKET)
    decision = authorizer.check(ROLE, "s3:DeleteObject", BUCKET)
    assert not decision and "explicit deny" in decision.reason


def test_not_action_and_not_resource_mean_everything_else() -> None:
    statement = {"Effect": "Allow", "NotAction": "iam:*", "NotResource": f"{BUCKET}/secret/*"}
    authorizer = with_policy(statement)
    assert authorizer.check(ROLE, "s3:GetObject", f"{BUCKET}/a")
    assert not authorizer.check(ROLE, "iam:PassRole", "*")
    assert not authorizer.check(ROLE, "s3:GetObject", f"{BUCKET}/secret/a")


@pytest.mark.parametrize(
    ("condition", "context", "allowed"),
    [
        ({"StringEquals": {"s3:prefix": "a/"}}, {"s3:prefix": "a/"}, True),
        ({"StringEquals": {"s3:prefix": ["a/", "b/"]}}, {"s3:prefix": "b/"}, True),
        ({"StringEquals": {"s3:prefix": "a/"}}, {"s3:prefix": "a/b"}, False),
        ({"StringEquals": {"s3:prefix": "a/"}}, {}, False),
        ({"StringEqualsIfExists": {"s3:prefix": "a/"}}, {}, True),
        ({"StringNotEquals": {"s3:prefix": "a/"}}, {"s3:prefix": "b/"}, True),
        ({"StringNotLike": {"s3:prefix": "a/*"}}, {"s3:prefix": "a/b"}, False),
        ({"StringLike": {"s3:prefix": "a/*"}}, {"s3:prefix": "a/b"}, True),
        ({"StringLike": {"S3:Prefix": "a/*"}}, {"s3:prefix": "a/b"}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:s3:*:*:im*"}}, {"aws:SourceArn": BUCKET}, True),
        ({"ArnEquals": {"aws:SourceArn": "arn:aws:*:images"}}, {"aws:SourceArn": BUCKET}, False),
        ({"Bool": {"aws:SecureTransport": True}}, {"aws:SecureTransport": "true"}, True),
        ({"ForAllValues:StringEquals": {"s3:prefix": ["a", "b"]}}, {"s3:prefix": ["a"]}, True),
        ({"ForAllValues:StringEquals": {"s3:prefix": ["a"]}}, {"s3:prefix": ["a", "c"]}, False),
        ({"ForAnyValue:StringEquals": {"s3:prefix": ["a"]}}, {"s3:prefix": ["a", "c"]}, True),
    ],
)
def test_conditions_hold_as_iam_says(
    condition: dict[str, Any], context: dict[str, Any], allowed: bool
) -> None:
    authorizer = with_policy(allow("s3:ListBucket", Condition=condition))
    assert bool(authorizer.check(ROLE, "s3:ListBucket", BUCKET, context)) is allowed


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (allow("s3:*", Condition={"IpAddress": {"aws:SourceIp": "1.2.3.4"}}), "IpAddress"),
        (
            allow("s3:*", Condition={"StringEquals": {"aws:RequestedRegion": "x"}}),
            "RequestedRegion",
        ),
        (allow("s3:*", "arn:aws:s3:::${aws:username}"), "policy variables"),
        ({"Effect": "Allow", "Action": "s3:*"}, "Resource"),
        ({**allow("s3:*"), "Effect": "Maybe"}, "Effect"),
        ({**allow("s3:*"), "Resources": "*"}, "unknown keys"),
        (allow({"Ref": "Queue"}), "expected a string"),
    ],
)
def test_what_cannot_be_checked_is_refused_with_its_place(
    statement: dict[str, Any], words: str
) -> None:
    with pytest.raises(PolicyError, match=words) as refused:
        with_policy(allow("sns:Publish"), statement)
    assert "WorkerRole.policy, statement 2" in str(refused.value)


def test_an_unknown_managed_policy_is_refused() -> None:
    with pytest.raises(PolicyError, match="AdministratorAccess"):
        with_policy(allow("s3:*")).attach_managed(
            ROLE, "arn:aws:iam::aws:policy/AdministratorAccess"
        )


def test_only_what_allowed_something_counts_as_used() -> None:
    authorizer = with_policy(
        allow(["s3:GetObject", "s3:PutObject"], [f"{BUCKET}/in/*", f"{BUCKET}/out/*"])
    )
    authorizer.attach_managed(
        ROLE, "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    )
    authorizer.check(ROLE, "s3:GetObject", f"{BUCKET}/in/a")
    authorizer.check(ROLE, "s3:DeleteObject", f"{BUCKET}/in/a")
    unused = {(entry["action"], entry["resource"]) for entry in authorizer.unused()}
    assert unused == {
        ("s3:GetObject", f"{BUCKET}/out/*"),
        ("s3:PutObject", f"{BUCKET}/in/*"),
        ("s3:PutObject", f"{BUCKET}/out/*"),
    }
    assert {entry["role"] for entry in authorizer.permissions()} == {"WorkerRole"}


def test_use_is_still_known_when_the_role_is_gone() -> None:
    authorizer = with_policy(allow("s3:GetObject"))
    authorizer.check(ROLE, "s3:GetObject", BUCKET)
    authorizer.remove_role(ROLE)
    assert [entry["used"] for entry in authorizer.permissions()] == [True]
    assert not authorizer.check(ROLE, "s3:GetObject", BUCKET)


def test_a_changed_policy_counts_at_once() -> None:
    authorizer = with_policy(allow("s3:GetObject"))
    assert authorizer.check(ROLE, "s3:GetObject", BUCKET)
    authorizer.put_policy(ROLE, "policy", {"Statement": [allow("s3:PutObject")]})
    assert not authorizer.check(ROLE, "s3:GetObject", BUCKET)


def test_a_role_is_assumed_only_by_the_services_it_trusts() -> None:
    condition = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    authorizer = Authorizer(ACCOUNT)
    authorizer.add_role(ROLE, "R", trust("scheduler.amazonaws.com", Condition=condition))
    assert authorizer.trusts(ROLE, "scheduler.amazonaws.com", {"aws:SourceAccount": ACCOUNT})
    assert not authorizer.trusts(ROLE, "scheduler.amazonaws.com", {"aws:SourceAccount": "1"})
    assert not authorizer.trusts(ROLE, "lambda.amazonaws.com", {"aws:SourceAccount": ACCOUNT})


def test_a_queue_takes_messages_only_from_the_rule_that_its_policy_names() -> None:
    authorizer = Authorizer(ACCOUNT)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": QUEUE,
        "Condition": {"ArnEquals": {"aws:SourceArn": RULE}},
    }
    authorizer.put_resource_policy(QUEUE, "QueuePolicy", {"Statement": [statement]})
    send = "sqs:SendMessage"
    events = "events.amazonaws.com"
    assert authorizer.check_service_principal(events, send, QUEUE, source_arn=RULE)
    assert not authorizer.check_service_principal(events, send, QUEUE, source_arn=RULE + "2")
    assert not authorizer.check_service_principal("sns.amazonaws.com", send, QUEUE, source_arn=RULE)
    assert not authorizer.check_service_principal(events, send, QUEUE + "2", source_arn=RULE)
    authorizer.remove_resource_policy(QUEUE, "QueuePolicy")
    assert not authorizer.check_service_principal(events, send, QUEUE, source_arn=RULE)


def test_a_pattern_takes_special_characters_as_they_are() -> None:
    assert matches("a.b+(c)?", "a.b+(c)d")
    assert not matches("a.b", "axb")
