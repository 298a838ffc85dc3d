"""What there is in an account, of every service that a stack makes something in."""

from collections.abc import Iterator

from tests.stack.deployed import Deployed
from tests.stack.messages import FOLLOWING

LISTED = (
    ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    ("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
    ("cognito-idp", "list_user_pools", "UserPools", "Id"),
    ("dynamodb", "list_tables", "TableNames", ""),
    ("events", "list_rules", "Rules", "Name"),
    ("logs", "describe_log_groups", "logGroups", "logGroupName"),
    ("rekognition", "describe_projects", "ProjectDescriptions", "ProjectArn"),
    ("s3", "list_buckets", "Buckets", "Name"),
    ("scheduler", "list_schedules", "Schedules", "Name"),
    ("sns", "list_subscriptions", "Subscriptions", "SubscriptionArn"),
    ("sns", "list_topics", "Topics", "TopicArn"),
    ("sqs", "list_queues", "QueueUrls", ""),
    ("ssm", "describe_parameters", "Parameters", "Name"),
    ("stepfunctions", "list_state_machines", "stateMachines", "name"),
)


def everything(stack: Deployed) -> list[str]:
    """The names of all resources, by their services, but for what the tests themselves need."""
    return sorted(name for name in _named(stack) if not name.endswith(FOLLOWING))


def _named(stack: Deployed) -> Iterator[str]:
    for service, operation, answer, name in LISTED:
        request = {"MaxResults": 60} if service == "cognito-idp" else {}
        for found in getattr(stack.client(service), operation)(**request).get(answer, []):
            yield f"{service}: {found[name] if name else found}"
