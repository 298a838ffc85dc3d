"""The template by itself, and against the gateways: timing, failure destinations, data, keys."""

import ast
import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.session import Session
from moto.events.models import EventPattern

from labelloop.aws import (
    clients,
    daily_counts,
    daily_figures,
    detections,
    detections_by_time,
    forgotten_detections,
    model_versions_table,
    review_tasks,
    told_news,
)
from labelloop.aws.rekognition import VersionStatus
from labelloop.domain import images, parameters, stack_names
from labelloop.domain.selection import LOOK_EVERY
from labelloop.settings import Variable
from local.stack.template import load
from tests.contract import files
from tests.contract.files import LAYER, STEMS

SCHEDULES = files.resources("AWS::Scheduler::Schedule")
RULES = files.resources("AWS::Events::Rule")
API_GATEWAY_S = 30
"""How long an HTTP API waits for a function at the most."""


# --- Time -----------------------------------------------------------------------------------------


def _express() -> list[str]:
    return [
        workflow
        for workflow in files.WORKFLOWS
        if files.state_machine(workflow).get("Type") == "EXPRESS"
    ]


def test_an_execution_ends_before_the_client_gives_up_and_the_client_before_the_function() -> None:
    last_start_s: float = files.app("dispatch_events").LAST_START_S
    for workflow in _express():
        assert files.asl(workflow)["TimeoutSeconds"] < clients.EXECUTION_READ_TIMEOUT_S
    timeout_s = files.function("dispatch_events")["Timeout"]
    longest_s = clients.longest_call_s(clients.EXECUTION_READ_TIMEOUT_S, 1)
    assert last_start_s + longest_s < timeout_s


def test_a_request_to_the_api_is_answered_before_api_gateway_gives_up() -> None:
    """Who waits for an execution has waited for a new object's record before, at the most."""
    module = files.app("serve_detect_api")
    timeout_s = files.function("serve_detect_api")["Timeout"]
    longest_s = clients.longest_call_s(clients.ONE_READ_TIMEOUT_S, 1)
    assert module.PATIENCE.total_seconds() + longest_s < timeout_s < API_GATEWAY_S


def _mappings(kind: str) -> list[dict[str, Any]]:
    """The mappings of queues, or of streams."""
    mappings = files.resources("AWS::Lambda::EventSourceMapping")
    return [one for name, one in mappings.items() if name.endswith(f"{kind}Mapping")]


def test_what_a_stream_cannot_deliver_is_kept_whole_before_the_stream_forgets_it() -> None:
    """A stream keeps a record for a day; only to a bucket Lambda gives the records themselves."""
    (mapping,) = (one["Properties"] for one in _mappings("Stream"))
    (bucket,) = files.references(mapping["DestinationConfig"]["OnFailure"]["Destination"])
    assert files.template()["Resources"][bucket]["Type"] == "AWS::S3::Bucket"
    assert mapping["BisectBatchOnFunctionError"]
    assert mapping["MaximumRetryAttempts"] > 0
    assert mapping["MaximumRecordAgeInSeconds"] < 86_400 - 3_600


@pytest.mark.parametrize(
    ("case", "outcome", "is_delivered"),
    [
        ("detected", "confident", True),
        ("detected", "waiting", True),
        ("detected", "labeling", False),
        ("decided", "review", True),
        ("decided", "labeling", False),
        ("expired", "review", False),
        ("forgotten", "review", True),
        ("forgotten", "labeling", False),
    ],
)
def test_what_the_archive_has_no_line_of_is_not_delivered(
    case: str, outcome: str, is_delivered: bool
) -> None:
    (mapping,) = (one["Properties"] for one in _mappings("Stream"))
    patterns = [json.loads(one["Pattern"]) for one in mapping["FilterCriteria"]["Filters"]]
    text = (files.ROOT / f"events/archive_log.{case}.json").read_text(encoding="utf-8")
    (record,) = json.loads(text)["Records"]
    for image in ("OldImage", "NewImage"):
        if image in record["dynamodb"]:
            record["dynamodb"][image]["outcome"] = {"S": outcome}
    matches = [EventPattern(None, pattern).matches_event(record) for pattern in patterns]
    assert any(matches) is is_delivered


def test_no_batch_that_failed_outlives_what_is_known_of_those_that_were_counted() -> None:
    rules = files.template()["Resources"]["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    (kept,) = (rule for rule in rules if rule.get("Prefix") == "aws/lambda/")
    assert kept["ExpirationInDays"] == forgotten_detections.KEPT_DAYS
    most = timedelta(days=kept["ExpirationInDays"])
    assert most < daily_figures._KEPT
    assert most < forgotten_detections._KEPT


def test_what_began_to_be_archived_before_a_detection_was_forgotten_has_ended_in_its_time() -> None:
    timeout_s = files.function("archive_log")["Timeout"]
    assert timeout_s < forgotten_detections.IN_FLIGHT.total_seconds()


def test_every_queue_hides_a_message_for_six_times_its_functions_timeout_and_the_window() -> None:
    for mapping in _mappings("Queue"):
        (queue,) = files.references(mapping["Properties"]["EventSourceArn"])
        (function,) = files.references(mapping["Properties"]["FunctionName"])
        visibility_s = files.template()["Resources"][queue]["Properties"]["VisibilityTimeout"]
        window_s = mapping["Properties"]["MaximumBatchingWindowInSeconds"]
        assert visibility_s == 6 * files.functions()[function]["Timeout"] + window_s


def test_a_dead_letter_queue_keeps_messages_longer_than_the_queue_before_it() -> None:
    """A message keeps the age that it had in the first queue."""
    queues = files.resources("AWS::SQS::Queue")
    pairs = [
        (queue["Properties"], queues[dead_letters]["Properties"])
        for queue in queues.values()
        if "RedrivePolicy" in queue["Properties"]
        for dead_letters in files.references(queue["Properties"]["RedrivePolicy"])
    ]
    assert pairs
    for queue, dead_letters in pairs:
        assert dead_letters["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]


def test_a_queue_that_feeds_a_function_gives_up_on_a_message_only_after_several_attempts() -> None:
    for mapping in _mappings("Queue"):
        (queue,) = files.references(mapping["Properties"]["EventSourceArn"])
        policy = files.template()["Resources"][queue]["Properties"]["RedrivePolicy"]
        assert policy["maxReceiveCount"] >= 5
        assert mapping["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


# --- Nothing fails in silence ---------------------------------------------------------------------


@pytest.mark.parametrize("name", RULES)
def test_a_rules_targets_have_a_dead_letter_queue_that_takes_from_the_rule(name: str) -> None:
    for target in RULES[name]["Properties"]["Targets"]:
        (queue,) = files.references(target["DeadLetterConfig"])
        allowed = [
            statement
            for policy in files.resources("AWS::SQS::QueuePolicy").values()
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
            if queue in files.references(statement["Resource"])
            and name in files.references(statement["Condition"])
        ]
        assert allowed, f"{queue} takes nothing from {name}"


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedules_target_has_a_dead_letter_queue_that_its_role_may_send_to(name: str) -> None:
    target = SCHEDULES[name]["Properties"]["Target"]
    (queue,) = files.references(target["DeadLetterConfig"])
    (role,) = files.references(target["RoleArn"])
    statements = [
        statement
        for policy in files.template()["Resources"][role]["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    assert any(
        "sqs:SendMessage" in files.as_list(statement["Action"])
        and queue in files.references(statement["Resource"])
        for statement in statements
    )


@pytest.mark.parametrize("workflow", files.WORKFLOWS)
def test_a_state_machine_logs_its_failures_with_their_data(workflow: str) -> None:
    logging = files.state_machine(workflow)["Logging"]
    assert logging["Level"] in {"ERROR", "ALL"}
    assert logging["IncludeExecutionData"] is True
    assert files.references(logging["Destinations"]) == {"WorkflowsLogGroup"}


def test_every_dead_letter_queue_has_an_alarm() -> None:
    queues = {
        name
        for resource in files.template()["Resources"].values()
        for word in ("RedrivePolicy", "Targets", "Target")
        for holder in files.as_list(resource.get("Properties", {}).get(word) or [])
        for name in files.references(holder.get("DeadLetterConfig") or {})
        | (files.references(holder) if word == "RedrivePolicy" else set())
    }
    watched = set().union(
        *(
            files.references(alarm["Properties"].get("Dimensions", []))
            for alarm in files.resources("AWS::CloudWatch::Alarm").values()
        )
    )
    assert queues
    assert queues <= watched


# --- What is kept, and what is stopped ------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_name", "at_the_end"),
    [
        # Setup makes folders in it, and CloudFormation deletes no bucket with something in it.
        ("AWS::S3::Bucket", "Retain"),
        ("AWS::DynamoDB::Table", "RetainExceptOnCreate"),
        ("AWS::Cognito::UserPool", "RetainExceptOnCreate"),
    ],
)
def test_data_outlives_the_stack_but_not_a_first_deployment_that_fails(
    type_name: str, at_the_end: str
) -> None:
    found = files.resources(type_name)
    assert found
    for resource in found.values():
        assert resource["DeletionPolicy"] == at_the_end
        assert resource["UpdateReplacePolicy"] == "Retain"
        assert not {"BucketName", "TableName"} & set(resource["Properties"])


NAMED = {
    # By what it is called in the template: how long it may be, and what must be told apart by it.
    ("AWS::Scheduler::Schedule", "Name"): (64, "Region"),
    ("AWS::Serverless::StateMachine", "Name"): (80, "Region"),
    ("AWS::Serverless::LayerVersion", "LayerName"): (140, "Region"),
    ("AWS::Logs::LogGroup", "LogGroupName"): (512, "Region"),
    ("AWS::Athena::WorkGroup", "Name"): (128, "Region"),
    # The name of a dashboard is taken in all Regions of an account.
    ("AWS::CloudWatch::Dashboard", "DashboardName"): (255, "account"),
    # The name of a user pool's domain is taken for all accounts of a Region.
    ("AWS::Cognito::UserPoolDomain", "Domain"): (63, "everybody"),
}
ONLY_SHOWN = {
    ("AWS::SNS::Topic", "DisplayName"),
    ("AWS::Cognito::UserPool", "UserPoolName"),
    ("AWS::ApiGatewayV2::Api", "Name"),
    ("AWS::ApiGatewayV2::Authorizer", "Name"),
    ("AWS::Cognito::UserPoolResourceServer", "Name"),
    ("AWS::ApiGatewayV2::Stage", "StageName"),
    ("AWS::Cognito::UserPoolGroup", "GroupName"),
    ("AWS::IAM::Policy", "PolicyName"),
    ("AWS::Athena::NamedQuery", "Name"),
}
"""Names that several resources may have, or of parts of a resource of the stack's own."""
OF_OTHERS = {"DatabaseName", "FunctionName", "MetricName", "WorkteamName", "ProjectName"}
"""Properties that say which other thing is meant; the project, which is named as the stack is, is
adopted where there is one."""


def _named() -> list[tuple[str, str, Any]]:
    """Type, property and value of every name that the template gives."""
    return [
        (resource["Type"], word, value)
        for resource in files.template()["Resources"].values()
        for word, value in resource.get("Properties", {}).items()
        if word == "Domain" or (word.endswith("Name") and word not in OF_OTHERS)
    ]


def _written_out(name: Any, stack: str) -> str:
    given = name if isinstance(name, str) else name["Fn::Sub"]
    text: str = given if isinstance(given, str) else given[0]
    places = {"AWS::StackName": stack, "AWS::Region": "ap-southeast-1"}
    own = given[1] if isinstance(given, list) else {}
    for word, value in own.items():
        if "Fn::If" in value:
            places[word] = max(value["Fn::If"][1:], key=len)
    for word in {*places, *own}:
        text = text.replace("${" + word + "}", places.get(word, "0" * 36))
    assert "${" not in text
    return text


@pytest.mark.parametrize(("type_name", "word", "value"), _named())
def test_a_name_that_is_given_fits_and_is_taken_by_no_other_stack(
    type_name: str, word: str, value: Any
) -> None:
    if (type_name, word) in ONLY_SHOWN:
        return
    most, among = NAMED[type_name, word]
    assert len(_written_out(value, "s" * stack_names.LONGEST)) <= most
    text = json.dumps(value)
    assert "AWS::StackId" in text if among == "everybody" else "AWS::StackName" in text
    if among == "account":
        assert "AWS::Region" in text


def test_a_stacks_name_may_be_as_long_as_the_names_of_its_schedules_let_it() -> None:
    endings = [
        _written_out(schedule["Properties"]["Name"], "")
        for schedule in SCHEDULES.values()
        if "Name" in schedule["Properties"]
    ]
    assert 64 - max(map(len, endings)) == stack_names.LONGEST


def _actions(properties: dict[str, Any]) -> set[str]:
    return {
        action
        for statement in files.statements(properties)
        for action in files.as_list(statement["Action"])
    }


def test_a_function_knows_its_models_type_only_after_the_deployment_has_settled_it() -> None:
    types = [
        properties["Environment"]["Variables"]["MODEL_TYPE"]
        for properties in files.functions().values()
        if "MODEL_TYPE" in properties["Environment"]["Variables"]
    ]
    assert types and all(value == {"Fn::GetAtt": ["Setup", "ModelType"]} for value in types)


def test_whatever_can_start_a_model_is_deleted_before_setup_stops_all_models() -> None:
    starting = {
        name
        for name, properties in files.functions().items()
        if "rekognition:StartProjectVersion" in _actions(properties)
    }
    assert starting
    for name in starting:
        assert "Setup" in files.everything_it_needs(name)


@pytest.mark.parametrize("stem", STEMS)
def test_no_function_may_do_everything_or_delete_data(stem: str) -> None:
    actions = _actions(files.function(stem))
    assert not [action for action in actions if "*" in action]
    assert not actions & {
        "rekognition:DeleteProject",
        "dynamodb:DeleteTable",
        "s3:DeleteBucket",
        "s3:DeleteObjectVersion",
    }


def test_labelling_jobs_have_the_role_that_ground_truth_asks_for() -> None:
    # https://docs.aws.amazon.com/sagemaker/latest/dg/sms-security-permission-execution-role.html
    asked_for = {
        "s3:ListBucket",
        "s3:GetBucketLocation",
        "s3:AbortMultipartUpload",
        "s3:GetObject",
        "s3:PutObject",
        "cloudwatch:PutMetricData",
        "logs:CreateLogStream",
        "logs:CreateLogGroup",
        "logs:DescribeLogStreams",
        "logs:PutLogEvents",
    }
    (policy,) = files.template()["Resources"]["HumanLoopRole"]["Properties"]["Policies"]
    statements = policy["PolicyDocument"]["Statement"]
    granted = {action for one in statements for action in files.as_list(one["Action"])}
    assert granted == asked_for


@pytest.mark.parametrize("workflow", files.WORKFLOWS)
def test_a_state_machine_may_invoke_the_functions_that_it_invokes_and_no_other(
    workflow: str,
) -> None:
    allowed: set[str] = set()
    for statement in files.role_statements(workflow):
        if statement["Action"] == "lambda:InvokeFunction":
            allowed |= files.references(statement["Resource"])
    invoked = {
        f"{files.camel(state.stem)}Function" for state in files.states(workflow) if state.stem
    }
    assert allowed == invoked


# --- What others may ask for ----------------------------------------------------------------------


def _stage() -> dict[str, Any]:
    stage: dict[str, Any] = files.template()["Resources"]["ApiStage"]
    return stage


def test_every_route_has_a_limit_of_its_own_and_is_there_before_the_stage() -> None:
    """The settings of a route that is not there yet are refused."""
    routes = files.resources("AWS::ApiGatewayV2::Route")
    assert set(_stage()["DependsOn"]) == set(routes)
    keys = {route["Properties"]["RouteKey"] for route in routes.values()}
    assert set(_stage()["Properties"]["RouteSettings"]) == keys


def test_a_route_that_nobody_thought_of_has_a_limit_too() -> None:
    assert 0 < _stage()["Properties"]["DefaultRouteSettings"]["ThrottlingRateLimit"] <= 5


USD_PER_GB_OUT = 0.09
"""https://aws.amazon.com/ec2/pricing/on-demand/ (second-hand): what leaves AWS, the first 10 TB."""
HEADERS_BYTES = 1200
"""Of an answer of ServeConsole, policy included; measured, and rounded up."""


def test_what_anybody_may_ask_for_without_a_token_costs_what_is_documented_at_the_most() -> None:
    module = files.app("serve_console")
    sizes = {
        "GET /": len(module.PAGE.content),
        "GET /config.json": 400,
        "GET /openapi.json": module.DESCRIPTION.stat().st_size,
        "GET /assets/{name}": max(len(file.content) for file in module.ASSETS.values()),
    }
    open_to_all = {
        route["Properties"]["RouteKey"]
        for route in files.resources("AWS::ApiGatewayV2::Route").values()
        if route["Properties"].get("AuthorizationType") != "JWT"
    }
    assert open_to_all == set(sizes)
    prices = json.loads((files.ROOT / "benchmarks/prices.json").read_text())["usd"]
    each = sum(
        prices[part]["price"] / prices[part]["per"]
        for part in ("http_api_request", "lambda_request")
    )
    usd_a_day = sum(
        _stage()["Properties"]["RouteSettings"][route]["ThrottlingRateLimit"]
        * 86_400
        * (each + (size + HEADERS_BYTES) / 1e9 * USD_PER_GB_OUT)
        for route, size in sizes.items()
    )
    page = (files.ROOT / "docs/costs.md").read_text(encoding="utf-8")
    assert f"about US${usd_a_day:.0f} a day" in page


def test_an_image_that_came_by_the_api_is_kept_until_no_review_of_it_is_waited_for() -> None:
    """The rule makes it an old version, which is what people see, and what waits for a model."""
    rules = files.template()["Resources"]["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    (expiry,) = (rule for rule in rules if rule.get("Prefix") == images.API_FOLDER)
    (old,) = (rule for rule in rules if rule.get("Id") == "OldVersions")
    assert "NoncurrentVersionExpiration" not in expiry
    assert "Prefix" not in old
    days = expiry["ExpirationInDays"] + old["NoncurrentVersionExpiration"]["NoncurrentDays"]
    page = (files.ROOT / "docs/data.md").read_text(encoding="utf-8")
    assert f"kept for {days} days" in page


# --- Who may do what on whose behalf --------------------------------------------------------------


def _translated() -> dict[str, Any]:
    return load(files.ROOT / "template.yaml", {}).resources


def test_a_service_may_use_a_role_for_this_account_alone() -> None:
    roles = [one["Properties"] for one in _translated().values() if one["Type"] == "AWS::IAM::Role"]
    assert len(roles) > len(STEMS)
    for role in roles:
        for statement in role["AssumeRolePolicyDocument"]["Statement"]:
            assert statement["Principal"].keys() == {"Service"}
            wanted = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
            assert statement["Condition"] == wanted, role


@pytest.mark.parametrize(
    ("type_name", "policy", "word", "action"),
    [
        ("AWS::S3::Bucket", "AWS::S3::BucketPolicy", "Bucket", "s3:*"),
        ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "Queues", "sqs:*"),
        ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "Topics", "sns:Publish"),
    ],
)
def test_nothing_is_taken_that_comes_over_plain_http(
    type_name: str, policy: str, word: str, action: str
) -> None:
    refusing: set[str] = set()
    for each in files.resources(policy).values():
        for statement in each["Properties"]["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Deny":
                assert (statement["Principal"], statement["Action"]) == ("*", action)
                assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
                attached = files.references(each["Properties"][word])
                refusing |= attached & files.references(statement["Resource"])
    assert refusing == set(files.resources(type_name))


def test_an_alarm_can_publish_where_a_policy_takes_the_place_of_the_topics_own() -> None:
    topics = set().union(
        *(
            files.references(alarm["Properties"]["AlarmActions"])
            for alarm in files.resources("AWS::CloudWatch::Alarm").values()
        )
    )
    policies = files.resources("AWS::SNS::TopicPolicy").values()
    allowed = {
        name
        for policy in policies
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
        and statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        for name in files.references(statement["Resource"])
    }
    assert topics and topics <= allowed


@pytest.mark.parametrize("stem", STEMS)
def test_what_rekognition_reads_for_a_function_it_may_read_with_and_without_its_version(
    stem: str,
) -> None:
    """As in AmazonRekognitionCustomLabelsFullAccess: the guide does not say which it needs."""
    statements = files.statements(files.function(stem))
    actions = {action for one in statements for action in files.as_list(one["Action"])}
    if not actions & {"rekognition:DetectCustomLabels", "rekognition:CreateProjectVersion"}:
        return
    places: dict[str, set[str]] = {"s3:GetObject": set(), "s3:GetObjectVersion": set()}
    for one in statements:
        for action in places.keys() & set(files.as_list(one["Action"])):
            places[action] |= {json.dumps(part) for part in files.as_list(one["Resource"])}
    assert places["s3:GetObjectVersion"] <= places["s3:GetObject"]


def test_a_training_may_read_what_it_is_made_of_and_what_it_has_written() -> None:
    statements = files.statements(files.function("start_training"))
    for action in ("s3:GetObject", "s3:GetObjectAcl", "s3:GetObjectVersion", "s3:GetObjectTagging"):
        folders = {
            part["Fn::Sub"].split("/")[1]
            for one in statements
            if action in files.as_list(one["Action"])
            for part in files.as_list(one["Resource"])
        }
        assert folders == {"images_labeled_by_folder", "images_imported", "evaluation", "manifests"}


# --- Tables ---------------------------------------------------------------------------------------


def _names_in(module: Any) -> set[str]:
    """Every text and every part of an expression in a gateway's source."""
    source = (LAYER / (module.__name__.replace(".", "/") + ".py")).read_text(encoding="utf-8")
    texts = [
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return {word.strip(",()") for text in texts for word in text.split()}


@pytest.mark.parametrize(
    ("table", "modules", "expiring"),
    [
        ("DetectionsTable", [detections, detections_by_time], [detections]),
        ("ReviewTasksTable", [review_tasks], [review_tasks]),
        ("ModelVersionsTable", [model_versions_table], [told_news, daily_counts]),
    ],
)
def test_a_gateway_uses_the_keys_and_indexes_that_its_table_has(
    table: str, modules: list[Any], expiring: list[Any]
) -> None:
    properties = files.template()["Resources"][table]["Properties"]
    keys = {key["AttributeName"] for key in properties["KeySchema"]}
    indexes = properties.get("GlobalSecondaryIndexes", [])
    keys |= {key["AttributeName"] for index in indexes for key in index["KeySchema"]}
    assert keys == {part["AttributeName"] for part in properties["AttributeDefinitions"]}
    assert keys <= {name for module in modules for name in _names_in(module)}
    named = {
        value
        for module in modules
        for name, value in vars(module).items()
        if name.endswith("_INDEX")
    }
    assert named == {index["IndexName"] for index in indexes}
    if "TimeToLiveSpecification" in properties:
        for each in expiring:
            assert properties["TimeToLiveSpecification"]["AttributeName"] in _names_in(each)


def test_direct_writes_of_state_machines_use_the_keys_that_the_tables_have() -> None:
    direct = [state for state in files.tasks() if ":dynamodb:" in state.body["Resource"]]
    assert direct
    for state in direct:
        parameters = state.body["Parameters"]
        placeholder = parameters["TableName"].strip("${}")
        substitutions = files.state_machine(state.workflow)["DefinitionSubstitutions"]
        (table,) = files.references(substitutions[placeholder])
        schema = files.template()["Resources"][table]["Properties"]["KeySchema"]
        assert set(parameters["Key"]) == {key["AttributeName"] for key in schema}


# --- Parameters and constants ---------------------------------------------------------------------


def _followed() -> set[str]:
    """The parameters whose settings ApplyParameters reads."""
    source = (files.ROOT / "functions/apply_parameters/app.py").read_text(encoding="utf-8")
    read = {
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "settings"
    }
    usual = vars(parameters.parse({}))
    followed = set()
    for parameter in parameters.CATALOGUE:
        for value in ("true", "false", "7", "0.5", "3"):
            if parameter.accepts(value):
                changed = vars(parameters.parse({parameter.name: value}))
                if any(changed[field] != usual[field] for field in read):
                    followed.add(parameter.name)
    return followed


def test_the_rule_hears_of_every_parameter_that_a_schedule_follows_and_of_no_other() -> None:
    names = RULES["ParameterChangeRule"]["Properties"]["EventPattern"]["detail"]["name"]
    assert {name["Fn::Sub"].rsplit("/", 1)[1] for name in names} == _followed()


def test_schedules_begin_at_the_rate_that_the_parameters_have_by_default() -> None:
    for schedule, name in (
        ("SamplingSchedule", "Automatic-Human-Sampling-Frequency"),
        ("TrainingSchedule", "Automatic-Training-Poll-Frequency"),
    ):
        minutes = parameters.BY_NAME[name].default
        expression = SCHEDULES[schedule]["Properties"]["ScheduleExpression"]
        assert expression == f"rate({minutes} minutes)"


def test_images_are_chosen_as_often_as_the_days_share_counts_on() -> None:
    expression = SCHEDULES["SelectionSchedule"]["Properties"]["ScheduleExpression"]
    assert expression == f"rate({LOOK_EVERY // timedelta(minutes=1)} minutes)"


def test_every_variable_is_spelt_as_its_name() -> None:
    assert all(variable.name == variable.value for variable in Variable)


def test_every_status_of_a_version_that_the_service_documents_is_known() -> None:
    shape = Session().get_service_model("rekognition").shape_for("ProjectVersionStatus")
    assert {status.value for status in VersionStatus} == set(shape.enum)  # type: ignore[attr-defined]
