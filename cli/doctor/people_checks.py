"""What `labelloop doctor` looks at about people: who hears of something, and who reviews."""

from collections.abc import Iterator

from labelloop.domain.review_tasks import GROUPS

from ..params import effective_value
from ..reviewers import group_name
from ..stack import Stack, deployment_parameter
from .checks import Found, note, ok, problem, warning


def emails(stack: Stack) -> Iterator[Found]:
    """Whether those who shall hear of something have confirmed that they want to."""
    for who, topic, setting in (
        ("operator", "OperatorTopic", "NotificationEmail"),
        ("consumer", "ConsumerTopic", "ConsumerEmail"),
    ):
        subscriptions = _subscriptions(stack, stack.output(topic))
        pending = [s["Endpoint"] for s in subscriptions if s["SubscriptionArn"] == _PENDING]
        if pending:
            yield problem(
                f"{', '.join(pending)} has not confirmed the {who}'s messages, and gets none.",
                'Open the e-mail "AWS Notification - Subscription Confirmation" and confirm. '
                "It is valid for two days; the SNS console sends another one.",
            )
        elif subscriptions:
            yield ok(f"The {who} hears: {', '.join(s['Endpoint'] for s in subscriptions)}.")
        elif who == "operator":
            yield warning(
                "No operator hears of trainings, deployments and failures.",
                f"Deploy with {setting}: sam deploy --guided",
            )
        else:
            yield note(f"No consumer hears of detections ({setting} is empty).")


_PENDING = "PendingConfirmation"


def _subscriptions(stack: Stack, topic: str) -> list[dict[str, str]]:
    pages = (
        stack.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    )
    everyone = [entry for page in pages for entry in page["Subscriptions"]]
    return [entry for entry in everyone if entry["SubscriptionArn"] != "Deleted"]


def reviewers(stack: Stack) -> Iterator[Found]:
    """Whether somebody can answer where people are asked."""
    if deployment_parameter(stack, "ReviewBackend") not in {"", "console"}:
        yield note("Not looked at: people do not answer in Label Loop's own queue.")
        return
    name = "Enable-A2I-Workflow"
    if effective_value(name) != "true":
        yield ok(f"Nobody is asked about doubtful detections ({name}).")
        return
    pool = stack.output("UserPoolId")
    for group in GROUPS:
        users = stack.client("cognito-idp").list_users_in_group(
            UserPoolId=pool, GroupName=group_name(stack, group), Limit=1
        )["Users"]
        if users:
            yield ok("Somebody can answer reviews.")
            return
    yield warning(
        "Doubtful detections go to people, but nobody is in the group reviewers.",
        "labelloop reviewers add EMAIL",
    )
