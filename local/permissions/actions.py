"""What each operation needs permission for: the table behind the permission check.

IAM's actions and resources, per the Service Authorization Reference. An operation that a role calls
and that is not here is refused with 501 by the gateway: add its row here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from local.constants import ACCOUNT_ID, REGION

Params = Mapping[str, Any]


class Requirement(NamedTuple):
    """One permission that a call needs."""

    action: str
    resource: str
    context: Mapping[str, str | list[str]] = {}


Rule = Callable[[Params], list[Requirement]]


def _arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT_ID}:{rest}"


def _named_or_arn(value: Any, service: str, kind: str) -> str:
    return str(value) if str(value).startswith("arn:") else _arn(service, f"{kind}{value}")


def _on(action: str, find: Callable[[Params], str]) -> Rule:
    return lambda params: [Requirement(action, find(params))]


def _everything(action: str) -> Rule:
    return lambda _params: [Requirement(action, "*")]


# DynamoDB


def _table(params: Params) -> str:
    return _named_or_arn(params["TableName"], "dynamodb", "table/")


def _table_or_index(params: Params) -> str:
    index = params.get("IndexName")
    return f"{_table(params)}/index/{index}" if index else _table(params)


def _batch(action: str) -> Rule:
    return lambda params: [
        Requirement(action, _table({"TableName": name})) for name in params["RequestItems"]
    ]


_TRANSACTION_ACTIONS = {
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
    "Get": "dynamodb:GetItem",
}


def _transaction(params: Params) -> list[Requirement]:
    return [
        Requirement(_TRANSACTION_ACTIONS[kind], _table(item))
        for entry in params["TransactItems"]
        for kind, item in entry.items()
    ]


# Systems Manager


def _parameter_arn(name: str) -> str:
    return name if name.startswith("arn:") else _arn("ssm", f"parameter/{name.lstrip('/')}")


def _parameter(params: Params) -> str:
    return _parameter_arn(str(params.get("Name") or params.get("Path") or params["ResourceId"]))


def _parameters(action: str) -> Rule:
    return lambda params: [Requirement(action, _parameter_arn(n)) for n in params["Names"]]


# Queues, topics, functions, state machines


def queue_arn(url: str) -> str:
    """The ARN of the queue behind the URL."""
    return _arn("sqs", url.rstrip("/").rsplit("/", 1)[-1])


def _queue(params: Params) -> str:
    if "QueueUrl" in params:
        return queue_arn(str(params["QueueUrl"]))
    return _arn("sqs", str(params["QueueName"]))


def _topic(params: Params) -> str:
    return str(params.get("TopicArn") or params.get("TargetArn") or "*")


def function_arn(name_or_arn: str) -> str:
    """The function's ARN without a qualifier, whichever way it was named."""
    name = name_or_arn.rsplit(":function:", 1)[-1].split(":", maxsplit=1)[0]
    return _arn("lambda", f"function:{name}")


def _function(params: Params) -> str:
    return function_arn(str(params["FunctionName"]))


def _state_machine(params: Params) -> str:
    return str(params["stateMachineArn"])


def _execution(params: Params) -> str:
    return str(params["executionArn"])


# Schedules and rules


def _schedule(params: Params) -> str:
    group = params.get("GroupName") or params.get("groupName") or "default"
    return _arn("scheduler", f"schedule/{group}/{params['Name']}")


def _write_schedule(action: str) -> Rule:
    def needed(params: Params) -> list[Requirement]:
        role_arn = str(params["Target"]["RoleArn"])
        passing = {"iam:PassedToService": "scheduler.amazonaws.com"}
        return [
            Requirement(action, _schedule(params)),
            Requirement("iam:PassRole", role_arn, passing),
        ]

    return needed


def _rule(params: Params) -> str:
    return _arn("events", f"rule/{params.get('Name') or params.get('Rule')}")


def _buses(params: Params) -> list[Requirement]:
    """One an entry: policies may allow each by its source."""
    return [
        Requirement(
            "events:PutEvents",
            _named_or_arn(entry.get("EventBusName", "default"), "events", "event-bus/"),
            {"events:source": str(entry.get("Source", ""))},
        )
        for entry in params["Entries"]
    ]


# Logs, metrics, sign-in


def _log_group(params: Params) -> str:
    return _arn("logs", f"log-group:{params['logGroupName']}")


def _log_stream(params: Params) -> str:
    return f"{_log_group(params)}:log-stream:{params['logStreamName']}"


def _metric_data(params: Params) -> list[Requirement]:
    namespace = {"cloudwatch:namespace": str(params.get("Namespace", ""))}
    return [Requirement("cloudwatch:PutMetricData", "*", namespace)]


def _user_pool(params: Params) -> str:
    return _arn("cognito-idp", f"userpool/{params['UserPoolId']}")


# Rekognition: the S3 objects that a call names are checked in local/doors/rekognition_calls.py


def _param(name: str) -> Callable[[Params], str]:
    return lambda params: str(params[name])


def _datasets(params: Params) -> list[Requirement]:
    return [
        Requirement("rekognition:DistributeDatasetEntries", str(dataset["Arn"]))
        for dataset in params["Datasets"]
    ]


def _create_dataset(params: Params) -> list[Requirement]:
    project = str(params["ProjectArn"])
    needed = [Requirement("rekognition:CreateDataset", project), *_tagging(params, project)]
    original = params.get("DatasetSource", {}).get("DatasetArn")
    if original:
        needed.append(Requirement("rekognition:ListDatasetEntries", str(original)))
    return needed


def _create_project(params: Params) -> list[Requirement]:
    made = _arn("rekognition", f"project/{params['ProjectName']}/0")
    return [Requirement("rekognition:CreateProject", "*"), *_tagging(params, made)]


def _create_version(params: Params) -> list[Requirement]:
    project = str(params["ProjectArn"])
    return [Requirement("rekognition:CreateProjectVersion", project), *_tagging(params, project)]


def _tagging(params: Params, arn: str) -> list[Requirement]:
    """What it takes to make something with tags; what is made has the ARN of what it is made in."""
    return [Requirement("rekognition:TagResource", arn)] if params.get("Tags") else []


def _copy_version(params: Params) -> list[Requirement]:
    action = "rekognition:CopyProjectVersion"
    arns = (params["DestinationProjectArn"], params["SourceProjectVersionArn"])
    return [Requirement(action, str(arn)) for arn in arns]


# SageMaker


def _loop(params: Params) -> str:
    return _arn("sagemaker", f"human-loop/{params['HumanLoopName']}")


def _flow(params: Params) -> str:
    return _arn("sagemaker", f"flow-definition/{params['FlowDefinitionName']}")


def _team(params: Params) -> str:
    return _arn("sagemaker", f"workteam/private-crowd/{params['WorkteamName']}")


def _workforce(params: Params) -> str:
    return _arn("sagemaker", f"workforce/{params['WorkforceName']}")


def _task_ui(params: Params) -> str:
    return _arn("sagemaker", f"human-task-ui/{params['HumanTaskUiName']}")


def _making(action: str, find: Callable[[Params], str]) -> Rule:
    """What it takes to make something of SageMaker, perhaps with tags."""

    def needed(params: Params) -> list[Requirement]:
        actions = [action] + ["sagemaker:AddTags"] * bool(params.get("Tags"))
        return [Requirement(each, find(params)) for each in actions]

    return needed


def _create_flow(params: Params) -> list[Requirement]:
    passing = {"iam:PassedToService": "sagemaker.amazonaws.com"}
    return [
        *_making("sagemaker:CreateFlowDefinition", _flow)(params),
        Requirement("iam:PassRole", str(params["RoleArn"]), passing),
    ]


def _job(params: Params) -> str:
    return _arn("sagemaker", f"labeling-job/{params['LabelingJobName']}")


def _create_job(params: Params) -> list[Requirement]:
    passing = {"iam:PassedToService": "sagemaker.amazonaws.com"}
    return [
        *_making("sagemaker:CreateLabelingJob", _job)(params),
        Requirement("iam:PassRole", str(params["RoleArn"]), passing),
    ]


def _table_rows(prefix: str, finder: Callable[[Params], str], names: str) -> dict[str, Rule]:
    """Rows of operations whose action has the operation's own name."""
    rows = {}
    for name in names.split():
        rows[f"{prefix}.{name}"] = _on(f"{prefix}:{name}", finder)
    return rows


RULES: dict[str, Rule] = {
    **_table_rows(
        "dynamodb",
        _table,
        "GetItem PutItem UpdateItem DeleteItem DescribeTable DescribeTimeToLive UpdateTable "
        "DescribeContinuousBackups",
    ),
    **_table_rows("dynamodb", _table_or_index, "Query Scan"),
    "dynamodb.BatchGetItem": _batch("dynamodb:BatchGetItem"),
    "dynamodb.BatchWriteItem": _batch("dynamodb:BatchWriteItem"),
    "dynamodb.TransactWriteItems": _transaction,
    "dynamodb.TransactGetItems": _transaction,
    "dynamodb.ListTables": _everything("dynamodb:ListTables"),
    **_table_rows(
        "ssm",
        _parameter,
        "GetParameter PutParameter DeleteParameter GetParametersByPath GetParameterHistory "
        "LabelParameterVersion AddTagsToResource RemoveTagsFromResource ListTagsForResource",
    ),
    "ssm.GetParameters": _parameters("ssm:GetParameters"),
    "ssm.DeleteParameters": _parameters("ssm:DeleteParameters"),
    "ssm.DescribeParameters": _everything("ssm:DescribeParameters"),
    **_table_rows(
        "sns",
        _topic,
        "Publish Subscribe GetTopicAttributes SetTopicAttributes ListSubscriptionsByTopic",
    ),
    "sns.PublishBatch": _on("sns:Publish", _topic),
    "sns.ListTopics": _everything("sns:ListTopics"),
    **_table_rows(
        "sqs",
        _queue,
        "SendMessage ReceiveMessage DeleteMessage ChangeMessageVisibility GetQueueAttributes "
        "GetQueueUrl PurgeQueue SetQueueAttributes",
    ),
    "sqs.SendMessageBatch": _on("sqs:SendMessage", _queue),
    "sqs.DeleteMessageBatch": _on("sqs:DeleteMessage", _queue),
    "sqs.ChangeMessageVisibilityBatch": _on("sqs:ChangeMessageVisibility", _queue),
    **_table_rows(
        "states",
        _state_machine,
        "StartExecution StartSyncExecution ListExecutions DescribeStateMachine",
    ),
    **_table_rows(
        "states", _execution, "DescribeExecution StopExecution GetExecutionHistory RedriveExecution"
    ),
    "states.SendTaskSuccess": _everything("states:SendTaskSuccess"),
    "states.SendTaskFailure": _everything("states:SendTaskFailure"),
    "states.SendTaskHeartbeat": _everything("states:SendTaskHeartbeat"),
    "states.ListStateMachines": _everything("states:ListStateMachines"),
    "lambda.Invoke": _on("lambda:InvokeFunction", _function),
    **_table_rows("scheduler", _schedule, "GetSchedule DeleteSchedule"),
    "scheduler.CreateSchedule": _write_schedule("scheduler:CreateSchedule"),
    "scheduler.UpdateSchedule": _write_schedule("scheduler:UpdateSchedule"),
    "scheduler.ListSchedules": _everything("scheduler:ListSchedules"),
    "events.PutEvents": _buses,
    **_table_rows("events", _rule, "DescribeRule EnableRule DisableRule PutRule PutTargets"),
    "cloudwatch.PutMetricData": _metric_data,
    "cloudwatch.GetMetricData": _everything("cloudwatch:GetMetricData"),
    "cloudwatch.GetMetricStatistics": _everything("cloudwatch:GetMetricStatistics"),
    "cloudwatch.ListMetrics": _everything("cloudwatch:ListMetrics"),
    **_table_rows("logs", _log_group, "CreateLogGroup DescribeLogStreams FilterLogEvents"),
    **_table_rows("logs", _log_stream, "CreateLogStream PutLogEvents GetLogEvents"),
    **_table_rows(
        "cognito-idp",
        _user_pool,
        "AdminGetUser AdminCreateUser AdminSetUserPassword AdminAddUserToGroup "
        "AdminListGroupsForUser AdminInitiateAuth ListUsers ListUsersInGroup ListGroups "
        "DescribeUserPool DescribeUserPoolClient UpdateUserPoolClient DeleteUserPoolClient "
        "ListUserPoolClients",
    ),
    "cloudformation.DescribeStacks": _on("cloudformation:DescribeStacks", _param("StackName")),
    "sts.GetCallerIdentity": lambda _params: [],  # AWS needs no permission for it
    **_table_rows(
        "rekognition",
        _param("ProjectArn"),
        "DescribeProjectVersions DeleteProject "
        "PutProjectPolicy DeleteProjectPolicy ListProjectPolicies",
    ),
    **_table_rows(
        "rekognition",
        _param("ProjectVersionArn"),
        "StartProjectVersion StopProjectVersion DetectCustomLabels DeleteProjectVersion",
    ),
    **_table_rows(
        "rekognition",
        _param("DatasetArn"),
        "UpdateDatasetEntries ListDatasetEntries ListDatasetLabels DescribeDataset DeleteDataset",
    ),
    **_table_rows(
        "rekognition",
        _param("ResourceArn"),
        "TagResource UntagResource ListTagsForResource",
    ),
    "rekognition.CreateDataset": _create_dataset,
    "rekognition.DistributeDatasetEntries": _datasets,
    "rekognition.CopyProjectVersion": _copy_version,
    "rekognition.CreateProject": _create_project,
    "rekognition.CreateProjectVersion": _create_version,
    "rekognition.DescribeProjects": _everything("rekognition:DescribeProjects"),
    "sagemaker.StartHumanLoop": _on("sagemaker:StartHumanLoop", _param("FlowDefinitionArn")),
    **_table_rows("sagemaker", _loop, "DescribeHumanLoop StopHumanLoop DeleteHumanLoop"),
    "sagemaker.ListHumanLoops": _everything("sagemaker:ListHumanLoops"),
    "sagemaker.CreateFlowDefinition": _create_flow,
    **_table_rows("sagemaker", _flow, "DescribeFlowDefinition DeleteFlowDefinition"),
    "sagemaker.CreateLabelingJob": _create_job,
    **_table_rows("sagemaker", _job, "DescribeLabelingJob"),
    "sagemaker.ListFlowDefinitions": _everything("sagemaker:ListFlowDefinitions"),
    **_table_rows("sagemaker", _team, "DescribeWorkteam DeleteWorkteam"),
    "sagemaker.CreateWorkteam": _making("sagemaker:CreateWorkteam", _team),
    **_table_rows("sagemaker", _workforce, "DescribeWorkforce DeleteWorkforce"),
    "sagemaker.CreateWorkforce": _making("sagemaker:CreateWorkforce", _workforce),
    "sagemaker.ListWorkforces": _everything("sagemaker:ListWorkforces"),
    **_table_rows("sagemaker", _task_ui, "DescribeHumanTaskUi DeleteHumanTaskUi"),
    "sagemaker.CreateHumanTaskUi": _making("sagemaker:CreateHumanTaskUi", _task_ui),
}
