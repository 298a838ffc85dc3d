"""What is changed of how moto's state machines call services: as whom, and in whose words."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError
from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import (
    CustomErrorName,
)
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import EvalTimeoutError
from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service,
    state_task_service_aws_sdk,
    state_task_service_dynamodb,
    state_task_service_events,
    state_task_service_sfn,
)
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.utils import boto_client

from local.constants import STATES_TIMEOUT
from local.moto_patches.around import Around, Patches
from local.moto_patches.stepfunctions import as_json, replace_everywhere

if TYPE_CHECKING:
    from botocore.model import OperationModel, Shape


_BOTO_NAMES = {
    "sagemakera2iruntime": "sagemaker-a2i-runtime",
    "cloudwatchlogs": "logs",
    "eventbridge": "events",
    "sfn": "stepfunctions",
    "states": "stepfunctions",
}


# The prefixes of errors from aws-sdk integrations: the class prefix of the AWS SDK for Java.
# https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html, column
# "Exception Prefix"
_SDK_ERROR_PREFIXES = {
    "cloudwatch": "CloudWatch",
    "cloudwatchlogs": "CloudWatchLogs",
    "dynamodb": "DynamoDb",
    "eventbridge": "EventBridge",
    "lambda": "Lambda",
    "rekognition": "Rekognition",
    "s3": "S3",
    "sagemaker": "SageMaker",
    "sagemakera2iruntime": "SageMakerA2IRuntime",
    "scheduler": "Scheduler",
    "sfn": "Sfn",
    "sns": "Sns",
    "sqs": "Sqs",
    "ssm": "Ssm",
}


def call_as_the_machines_role(around: Around) -> None:
    """moto makes a client for every task, on ``localhost:$MOTO_PORT``, under a key that belongs to
    nobody.
    """
    original = boto_client.boto_client_for

    def boto_client_for(*, service: str, state_credentials: Any = None, **_: Any) -> Any:
        role_arn = getattr(state_credentials, "role_arn", None)
        if role_arn is None:
            raise RuntimeError(f"a task calls {service} without a role")
        return _JsonClient(around.clients.client(_BOTO_NAMES.get(service, service), role_arn))

    replace_everywhere("boto_client_for", original, boto_client_for)


class _JsonClient:
    """A boto3 client whose answers are JSON, as the states language needs them.

    moto keeps datetimes and streams in the state and then cannot describe the execution.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self.meta = client.meta

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(**parameters: Any) -> Any:
            try:
                response = method(**parameters)
            except ClientError as error:
                # moto's tasks name these two in the cause; some answers have none
                answer = cast("dict[str, Any]", error.response)
                metadata = answer.setdefault("ResponseMetadata", {})
                metadata.setdefault("RequestId", str(uuid.uuid4()))
                metadata.setdefault("HTTPStatusCode", 500)
                answer.setdefault("Error", {}).setdefault("Message", "")
                raise
            # an invocation's payload is read, as a stream, by the Lambda task
            return response if name == "invoke" else as_json(response)

        return call


def spell_parameters_as_the_sdk(around: Around) -> None:
    """moto passes PascalCase parameters on to APIs that spell theirs in camelCase (Step Functions,
    Scheduler...).
    """
    base = state_task_service.StateTaskService
    base._SERVICE_NAME_SFN_TO_BOTO_OVERRIDES.update(_BOTO_NAMES)

    def operation(task: Any) -> OperationModel | None:
        client = around.clients.client(task._get_boto_service_name())
        name = client.meta.method_to_api_mapping.get(task._get_boto_service_action())
        return client.meta.service_model.operation_model(name) if name else None

    def _normalise_parameters(self: Any, parameters: dict[str, Any], **_: Any) -> None:
        model = operation(self)
        if model is not None and model.input_shape is not None:
            spelt = _respell(dict(parameters), model.input_shape, _boto_key)
            parameters.clear()
            parameters.update(spelt)

    def _with_spelt_answer(evaluate: Callable[..., None]) -> Callable[..., None]:
        def _eval_service_task(self: Any, env: Any, *args: Any, **kwargs: Any) -> None:
            evaluate(self, env, *args, **kwargs)
            model = operation(self)
            shape = model.output_shape if model is not None else None
            env.stack.append(_respell(env.stack.pop(), shape, _states_key))

        return _eval_service_task

    base._normalise_parameters = _normalise_parameters
    for service in (
        state_task_service_aws_sdk.StateTaskServiceAwsSdk,
        state_task_service_sfn.StateTaskServiceSfn,
    ):
        service._eval_service_task = _with_spelt_answer(service._eval_service_task)


def _boto_key(key: str, members: dict[str, Shape]) -> str:
    camel = key[:1].lower() + key[1:]
    return camel if key not in members and camel in members else key


def _states_key(key: str, _: dict[str, Shape]) -> str:
    return key[:1].upper() + key[1:]


def _respell(value: Any, shape: Any, spell: Callable[[str, dict[str, Shape]], str]) -> Any:
    if shape is None or value is None:
        return value
    if shape.type_name == "structure" and isinstance(value, dict):
        spelt = {}
        for key, item in value.items():
            member = shape.members.get(key) or shape.members.get(_boto_key(key, shape.members))
            spelt[spell(key, shape.members)] = _respell(item, member, spell)
        return spelt
    if shape.type_name == "list" and isinstance(value, list):
        return [_respell(item, shape.member, spell) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: _respell(item, shape.value, spell) for key, item in value.items()}
    return value


def name_task_errors_as_aws(_: Around) -> None:
    """moto writes ``rekognition.…Exception`` for SDK errors, takes every timeout of DynamoDB for an
    SDK error, and what EventBridge refuses for a mistake of the machine's, which nothing catches.
    """
    state_task_service_aws_sdk._SERVICE_ERROR_NAMES.update(_SDK_ERROR_PREFIXES)

    dynamodb = state_task_service_dynamodb.StateTaskServiceDynamoDB
    from_client_error = dynamodb._from_error

    def _from_error(self: Any, env: Any, ex: Exception) -> Any:
        if isinstance(ex, ClientError):
            return from_client_error(self, env, ex)
        return state_task_service.StateTaskService._from_error(self, env, ex)

    dynamodb._from_error = _from_error

    events = state_task_service_events.StateTaskServiceEvents
    from_failed_entries = events._from_error

    def _from_events_error(self: Any, env: Any, ex: Exception) -> Any:
        if not isinstance(ex, ClientError):
            return from_failed_entries(self, env, ex)
        name = f"EventBridge.{ex.response['Error']['Code'].removesuffix('Exception')}Exception"
        told = TaskFailedEventDetails(
            error=name,
            cause=ex.response["Error"]["Message"],
            resource=self._get_sfn_resource(),
            resourceType=self._get_sfn_resource_type(),
        )
        return FailureEvent(
            env=env,
            error_name=CustomErrorName(name),
            event_type=HistoryEventType.TaskFailed,
            event_details=EventDetails(taskFailedEventDetails=told),
        )

    events._from_error = _from_events_error


def time_out_hanging_calls(_: Around) -> None:
    """A state whose call hangs by order has run out of time: ``local/services/faults.py``."""
    evaluate = ExecutionState._evaluate_with_timeout

    def evaluate_with_timeout(self: Any, env: Any) -> None:
        try:
            evaluate(self, env)
        except ClientError as error:
            if error.response["Error"]["Code"] != STATES_TIMEOUT:
                raise
            raise EvalTimeoutError from error

    ExecutionState._evaluate_with_timeout = evaluate_with_timeout


PATCHES: Patches = (
    call_as_the_machines_role,
    spell_parameters_as_the_sdk,
    name_task_errors_as_aws,
    time_out_hanging_calls,
)
