"""Prints, as JSON, how moto behaves without the runtime's patches; run in a process of its own."""

from __future__ import annotations

import inspect
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

os.environ["TZ"] = "Etc/GMT-3"  # three hours east of Greenwich, whatever the sign says
time.tzset()
os.environ.update(AWS_DEFAULT_REGION="us-east-1", AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b")

import boto3  # noqa: E402
from moto import (  # noqa: E402
    backends,
    mock_aws,
)
from moto.cognitoidp.responses import CognitoIdpResponse  # noqa: E402
from moto.core import responses  # noqa: E402
from moto.core.config import default_user_config  # noqa: E402
from moto.core.serialize import JSONSerializer  # noqa: E402
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app  # noqa: E402
from moto.s3.responses import S3Response  # noqa: E402
from moto.sqs.models import Message, Queue  # noqa: E402
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl  # noqa: E402
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import EvalTimeoutError  # noqa: E402
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import iteration_worker  # noqa: E402
from moto.stepfunctions.parser.asl.component.state.exec.state_task.credentials import (  # noqa: E402
    StateCredentials,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (  # noqa: E402
    state_task_service_dynamodb,
)
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser  # noqa: E402
from moto.stepfunctions.parser.asl.utils import json_path  # noqa: E402
from moto.stepfunctions.parser.asl.utils.boto_client import boto_client_for  # noqa: E402
from moto.stepfunctions.parser.models import stepfunctions_parser_backends  # noqa: E402
from moto.stepfunctions.parser.utils import TMP_THREADS  # noqa: E402

ROLE = "arn:aws:iam::123456789012:role/anything"
FACTS: dict[str, Any] = {
    "gives_clients_second_secrets": hasattr(CognitoIdpResponse, "add_user_pool_client_secret"),
    "loads_managed_policies": default_user_config["iam"]["load_aws_managed_policies"],
    "runs_definitions_unasked": bool(
        default_user_config.get("stepfunctions", {}).get("execute_state_machine")
    ),
}
CONFIG: Any = {
    "stepfunctions": {"execute_state_machine": True},
    "core": {**default_user_config["core"], "reset_boto3_session": False},
}
"""Definitions run, and all facts share a session of boto3, since making one takes long."""


def fact(function: Callable[[], Any]) -> Callable[[], Any]:
    with mock_aws(config=CONFIG):
        FACTS[function.__name__] = function()
    return function


def one_state(state: dict[str, Any]) -> dict[str, Any]:
    return {"StartAt": "A", "States": {"A": {"End": True, **state}}}


def create(definition: dict[str, Any], kind: str = "STANDARD") -> Any:
    client = boto3.client("stepfunctions")
    name = f"machine-{time.time_ns()}"
    text = json.dumps(definition)
    answer = client.create_state_machine(name=name, definition=text, roleArn=ROLE, type=kind)
    return answer["stateMachineArn"]


def run(definition: dict[str, Any], kind: str = "STANDARD") -> Any:
    client = boto3.client("stepfunctions")
    arn = client.start_execution(stateMachineArn=create(definition, kind), name="one")
    while True:
        answer = client.describe_execution(executionArn=arn["executionArn"])
        if answer["status"] != "RUNNING":
            return answer
        time.sleep(0.01)


def messages_after(act: Callable[[str], None], pattern: dict[str, Any], state: str) -> list[Any]:
    sqs, events = boto3.client("sqs"), boto3.client("events")
    url = sqs.create_queue(QueueName="seen")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    events.put_rule(Name="rule", EventPattern=json.dumps(pattern), State=state)
    events.put_targets(Rule="rule", Targets=[{"Id": "1", "Arn": arn["QueueArn"]}])
    act(url)
    received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"]) for message in received]


def counting(counts: list[int], real: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        counts.append(1)
        return real(*args, **kwargs)

    return call


@fact
def folders_listed_for_one_request() -> int:
    app = DomainDispatcherApplication(create_backend_app)
    listed: list[int] = []
    real = backends.os.listdir
    backends.os.listdir = counting(listed, real)
    app.get_backend_for_host("s3.us-east-1.amazonaws.com")
    app.get_backend_for_host("s3.us-east-1.amazonaws.com")
    backends.os.listdir = real
    return len(listed)


@fact
def listings_of_operations_for_two_requests() -> int:
    listed: list[int] = []
    real = responses.method_names_from_class
    responses.method_names_from_class = counting(listed, real)
    for _ in range(2):
        boto3.client("sqs").list_queues()
    responses.method_names_from_class = real
    return len(listed)


@fact
def answers_that_let_every_page_read() -> int:
    answer = create_backend_app("s3").test_client().get("/", headers={"Origin": "https://a.org"})
    return len(answer.headers.getlist("Access-Control-Allow-Origin"))


@fact
def unnamed_execution() -> Any:
    arn = create(one_state({"Type": "Pass"}))
    client = boto3.client("stepfunctions")
    return client.start_execution(stateMachineArn=arn)["executionArn"].rsplit(":", 1)[1]


@fact
def express_type() -> Any:
    create(one_state({"Type": "Pass"}), "EXPRESS")
    return stepfunctions_parser_backends["123456789012"]["us-east-1"].state_machines[-1].sm_type


@fact
def threads_kept_after_an_execution() -> int:
    TMP_THREADS.clear()
    run(one_state({"Type": "Pass"}))
    return len(TMP_THREADS)


@fact
def output_that_is_text() -> Any:
    return run(one_state({"Type": "Pass", "Result": "text"}))["output"]


@fact
def describes_an_execution_that_uses_its_start_time() -> bool:
    try:
        run(one_state({"Type": "Pass", "Parameters": {"at.$": "$$.Execution.StartTime"}}))
    except TypeError:
        return False
    return True


@fact
def accepts_a_missing_target() -> bool:
    return bool(create({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "Nowhere"}}}))


@fact
def parses_for_two_executions() -> int:
    parsed: list[int] = []
    real = AmazonStateLanguageParser.parse
    client = boto3.client("stepfunctions")
    arn = create(one_state({"Type": "Pass"}))
    AmazonStateLanguageParser.parse = staticmethod(counting(parsed, real))
    for name in "ab":
        client.start_execution(stateMachineArn=arn, name=name)
    time.sleep(0.5)
    AmazonStateLanguageParser.parse = staticmethod(real)
    return len(parsed)


@fact
def caches_paths() -> bool:
    return hasattr(json_path.parse, "cache_info")


@fact
def value_behind_an_element() -> Any:
    return json_path.extract_json("$.Found[0].Status", {"Found": [{"Status": "RUNNING"}]})


@fact
def list_that_was_put_at_an_element() -> Any:
    first = {"Type": "Pass", "Result": {"kept": [0]}, "Next": "B"}
    second = {"Type": "Pass", "Result": [1, 2], "ResultPath": "$.kept[0]", "End": True}
    machine = {"StartAt": "A", "States": {"A": first, "B": second}}
    return json.loads(run(machine)["output"])["kept"]


@fact
def threads_for_one_pass_state() -> int:
    started: list[int] = []
    with mock.patch.object(threading.Thread, "start", counting(started, threading.Thread.start)):
        run(one_state({"Type": "Pass"}))
    return len(started)


@fact
def errors_logged_by_one_failure() -> int:
    records: list[Any] = []
    handler: Any = logging.Handler(logging.ERROR)
    handler.emit = records.append
    logger = logging.getLogger("moto.stepfunctions")
    logger.addHandler(handler)
    run({"StartAt": "A", "States": {"A": {"Type": "Fail", "Error": "E", "Cause": "c"}}})
    logger.removeHandler(handler)
    return len(records)


@fact
def map_gets_deeper() -> bool:
    depths: list[int] = []
    real = iteration_worker.IterationWorker._eval_job

    def _eval_job(self: Any, env: Any, job: Any) -> None:
        depths.append(len(inspect.stack(0)))
        real(self, env, job)

    iteration_worker.IterationWorker._eval_job = _eval_job
    one_at_a_time = {
        "Type": "Map",
        "MaxConcurrency": 1,
        "ItemProcessor": one_state({"Type": "Pass"}),
        "End": True,
    }
    items = {"Type": "Pass", "Result": [1, 2, 3], "Next": "A"}
    run({"StartAt": "Items", "States": {"Items": items, "A": one_at_a_time}})
    iteration_worker.IterationWorker._eval_job = real
    return len(depths) == 3 and depths[0] < depths[1] < depths[2]


@fact
def retries_with_the_real_clock() -> bool:
    return retrier_decl.time is time


@fact
def waits_for_a_timestamp_an_hour_ahead() -> Any:
    """The local time is three hours ahead of UTC, so moto takes the timestamp for past."""
    ahead = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    client = boto3.client("stepfunctions")
    arn = create(one_state({"Type": "Wait", "Timestamp": ahead}))
    execution = client.start_execution(stateMachineArn=arn, name="w")["executionArn"]
    time.sleep(0.5)
    return client.describe_execution(executionArn=execution)["status"] == "RUNNING"


@fact
def catches_states_runtime() -> Any:
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sns:publish",
        "Parameters": {"Message.$": "$.not.there"},
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
    }
    definition = one_state(state)
    definition["States"]["Caught"] = {"Type": "Succeed"}
    return run(definition)["status"]


def map_over(items: Any, state: dict[str, Any]) -> dict[str, Any]:
    """A machine that gives its Map these items."""
    around = {
        "Type": "Map",
        "ItemsPath": "$",
        "ItemProcessor": one_state(state),
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
        "End": True,
    }
    states = {
        "Items": {"Type": "Pass", "Result": items, "Next": "A"},
        "A": around,
        "Caught": {"Type": "Succeed"},
    }
    return {"StartAt": "Items", "States": states}


@fact
def status_when_stopped_amid_a_map() -> Any:
    client = boto3.client("stepfunctions")
    arn = create(map_over([1, 2], {"Type": "Wait", "Seconds": 1}))
    execution = client.start_execution(stateMachineArn=arn, name="s")["executionArn"]
    time.sleep(0.3)
    client.stop_execution(executionArn=execution)
    time.sleep(1.2)
    return client.describe_execution(executionArn=execution)["status"]


@fact
def catches_a_map_over_no_list() -> Any:
    return run(map_over("none", {"Type": "Pass"}))["status"]


@fact
def key_of_a_task() -> Any:
    client = boto_client_for("us-east-1", "sqs", StateCredentials(ROLE))
    return client._request_signer._credentials.access_key


@fact
def spelling_of_an_sdk_answer() -> list[str]:
    resource = "arn:aws:states:::aws-sdk:sfn:listActivities"
    answer = run(one_state({"Type": "Task", "Resource": resource, "Parameters": {}}))
    return sorted(json.loads(answer.get("output", "{}")))


@fact
def describes_a_state_with_a_date_from_the_sdk() -> bool:
    resource = "arn:aws:states:::aws-sdk:sfn:listStateMachines"
    try:
        run(one_state({"Type": "Task", "Resource": resource, "Parameters": {}}))
    except TypeError:
        return False
    return True


@fact
def prefix_of_an_sdk_error() -> Any:
    resource = "arn:aws:states:::aws-sdk:ssm:getParameter"
    state = {"Type": "Task", "Resource": resource, "Parameters": {"Name": "none"}}
    return run(one_state(state))["error"]


@fact
def timeout_of_a_dynamodb_task() -> Any:
    task = object.__new__(state_task_service_dynamodb.StateTaskServiceDynamoDB)
    task._get_sfn_resource = lambda: "updateItem"
    task._get_sfn_resource_type = lambda: "dynamodb"

    class Env:
        next_state_name = "A"
        event_history_context = type("Context", (), {"source_event_id": 0})

    return task._from_error(Env(), EvalTimeoutError()).error_name.error_name


@fact
def disabled_rule_delivers() -> int:
    def act(_: str) -> None:
        entry = {"Source": "mine", "DetailType": "d", "Detail": "{}"}
        boto3.client("events").put_events(Entries=[entry])

    return len(messages_after(act, {"source": ["mine"]}, "DISABLED"))


@fact
def accepts_a_wrong_schedule() -> bool:
    boto3.client("scheduler").create_schedule(
        Name="s",
        ScheduleExpression="rate(1 minutes)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": "arn:aws:sqs:us-east-1:123456789012:q", "RoleArn": ROLE},
    )
    return True


@fact
def object_event() -> Any:
    def act(_: str) -> None:
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="bucket")
        s3.put_bucket_notification_configuration(
            Bucket="bucket", NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
        s3.put_object(Bucket="bucket", Key="key", Body=b"x")

    return messages_after(act, {"source": ["aws.s3"]}, "ENABLED")[0]["detail"]


@fact
def routes_a_key_with_a_line_break() -> bool:
    app: Any = create_backend_app("s3")
    return bool(app.url_map.bind("localhost").test("/bucket/a\nb", "PUT"))


@fact
def encodes_the_keys_of_versions() -> bool:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="versions")
    return "EncodingType" in s3.list_object_versions(Bucket="versions")


@fact
def takes_the_type_of_an_answer_for_a_signed_header() -> Any:
    url = "http://bucket.s3.amazonaws.com/key?response-content-type=image%2Fpng&X-Amz-Signature=a"
    return S3Response()._invalid_headers(url, {})


@fact
def parameter_events() -> int:
    def act(_: str) -> None:
        boto3.client("ssm").put_parameter(Name="/a", Value="1", Type="String")

    return len(messages_after(act, {"source": ["aws.ssm"]}, "ENABLED"))


@fact
def enforces_an_allowed_pattern() -> bool:
    ssm = boto3.client("ssm")
    try:
        ssm.put_parameter(Name="/a", Value="abc", Type="String", AllowedPattern=r"\d+")
    except ssm.exceptions.ClientError:
        return True
    return False


def signed_in_by_password() -> tuple[Any, str, Any]:
    """A client of Cognito, a user pool, and the tokens of somebody who signed in by e-mail with a
    client of the pool that allows no password, and whose tokens end after five minutes.
    """
    cognito: Any = boto3.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="people", UsernameAttributes=["email"])
    user = {"UserPoolId": pool["UserPool"]["Id"], "Username": "ann@example.com"}
    cognito.admin_create_user(**user, MessageAction="SUPPRESS")
    cognito.admin_set_user_password(**user, Password="correct-Horse-9", Permanent=True)
    client = cognito.create_user_pool_client(
        UserPoolId=user["UserPoolId"],
        ClientName="page",
        ExplicitAuthFlows=["ALLOW_REFRESH_TOKEN_AUTH"],
        WriteAttributes=["locale"],
        AccessTokenValidity=5,
        TokenValidityUnits={"AccessToken": "minutes"},
    )["UserPoolClient"]
    answer = cognito.admin_initiate_auth(
        UserPoolId=user["UserPoolId"],
        ClientId=client["ClientId"],
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": user["Username"], "PASSWORD": "correct-Horse-9"},
    )
    return cognito, user["UserPoolId"], answer["AuthenticationResult"]


@fact
def signs_in_by_a_flow_that_is_off() -> bool:
    return "IdToken" in signed_in_by_password()[2]


@fact
def signs_in_by_srp_without_the_password() -> bool:
    cognito, pool, _ = signed_in_by_password()
    client = cognito.create_user_pool_client(UserPoolId=pool, ClientName="srp")["UserPoolClient"]
    asked = cognito.initiate_auth(
        ClientId=client["ClientId"],
        AuthFlow="USER_SRP_AUTH",
        AuthParameters={"USERNAME": "ann@example.com", "SRP_A": "1"},
    )
    answer = cognito.respond_to_auth_challenge(
        ClientId=client["ClientId"],
        ChallengeName=asked["ChallengeName"],
        ChallengeResponses={
            "USERNAME": "ann@example.com",
            "PASSWORD_CLAIM_SECRET_BLOCK": asked["ChallengeParameters"]["SECRET_BLOCK"],
            "PASSWORD_CLAIM_SIGNATURE": "anything",
            "TIMESTAMP": "any time",
        },
    )
    return "IdToken" in answer["AuthenticationResult"]


@fact
def lifetime_of_a_token_of_five_minutes_s() -> int:
    return int(signed_in_by_password()[2]["ExpiresIn"])


@fact
def lets_people_write_any_attribute() -> bool:
    cognito, _, tokens = signed_in_by_password()
    cognito.update_user_attributes(
        AccessToken=tokens["AccessToken"],
        UserAttributes=[{"Name": "email", "Value": "boss@example.com"}],
    )
    return True


@fact
def keeps_a_session_that_is_ended_by_sub() -> bool:
    cognito, pool, tokens = signed_in_by_password()
    user = cognito.admin_get_user(UserPoolId=pool, Username="ann@example.com")
    cognito.admin_user_global_sign_out(UserPoolId=pool, Username=user["Username"])
    try:
        cognito.get_user(AccessToken=tokens["AccessToken"])
    except cognito.exceptions.NotAuthorizedException:
        return False
    return True


@fact
def counts_for_two_attributes() -> int:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="counted")["QueueUrl"]
    counted: list[int] = []
    real = Queue.attributes.fget
    Queue.attributes = property(counting(counted, real))
    sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn", "DelaySeconds"])
    Queue.attributes = property(real)
    return len(counted)


@fact
def messages_looked_at_to_receive_one() -> int:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="deep")["QueueUrl"]
    for number in range(50):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
    looked: list[int] = []
    real = Message.visible.fget
    Message.visible = property(counting(looked, real))
    sqs.receive_message(QueueUrl=url)
    Message.visible = property(real)
    return len(looked)


@fact
def members_looked_for_in_one_attribute() -> int:
    dynamodb, key = boto3.client("dynamodb"), {"AttributeName": "name"}
    dynamodb.create_table(
        TableName="table",
        AttributeDefinitions=[key | {"AttributeType": "S"}],
        KeySchema=[key | {"KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    item = {"name": {"S": "one"}}
    dynamodb.put_item(TableName="table", Item=item)
    looked: list[int] = []
    real = JSONSerializer.get_value
    JSONSerializer.get_value = counting(looked, real)
    dynamodb.get_item(TableName="table", Key=item)
    JSONSerializer.get_value = real
    return len(looked)


json.dump(FACTS, sys.stdout)
