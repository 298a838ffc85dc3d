"""Everything that is changed inside moto 5.2.5, each change with the reason for it.

``apply`` runs once a process, before the first request. Each patch is a function of its own; its
test in ``tests/unit/local/moto_patches/`` shows moto's own behaviour first and fails
when moto learns to do it. moto is pinned: a patch replaces whole functions of that version.
"""

from __future__ import annotations

import copy
import functools
import inspect
import json
import logging
import re
import sys
import threading
import time
import types
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import flask
from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from jsonpath_ng.jsonpath import Child, Fields, Index, Root
from moto import backends
from moto.core.config import default_user_config
from moto.core.exceptions import AWSError, JsonRESTError
from moto.core.responses import ActionResult
from moto.events.exceptions import ValidationException
from moto.events.models import EventsBackend, Rule
from moto.iam.models import IAMBackend
from moto.moto_server import werkzeug_app
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.s3 import models as s3_models
from moto.s3 import notifications
from moto.s3.models import S3Backend
from moto.s3.responses import S3Response
from moto.scheduler.models import EventBridgeSchedulerBackend
from moto.sqs.exceptions import InvalidParameterValue, ReceiptHandleIsInvalid
from moto.sqs.models import Message, Queue, SQSBackend, _filter_message_attributes
from moto.ssm.models import SimpleSystemManagerBackend
from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import (
    ErrorEqualsDecl,
)
from moto.stepfunctions.parser.asl.component.common.path import result_path
from moto.stepfunctions.parser.asl.component.common.path.items_path import ItemsPath
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import EvalTimeoutError
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.program.program import Program
from moto.stepfunctions.parser.asl.component.state import state as state_module
from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import (
    inline_iteration_component,
    iteration_worker,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service,
    state_task_service_aws_sdk,
    state_task_service_dynamodb,
    state_task_service_sfn,
)
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.timestamp import Timestamp
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import (
    WaitFunction,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped, ProgramTimedOut
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.utils import boto_client, json_path
from moto.stepfunctions.parser.backend import execution as execution_module
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker
from moto.stepfunctions.parser.models import StepFunctionsParserBackend
from moto.stepfunctions.parser.utils import TMP_THREADS
from moto.stepfunctions.responses import StepFunctionResponse

from local.clients import Clients
from local.clock import Clock
from local.constants import ACCOUNT_ID, REGION, STATES_TIMEOUT
from local.moto_patches import cognito
from local.services.event_bus import EventBus, check_target_arn
from local.services.lineage import HEADER
from local.services.scheduler import InvalidScheduleError, Schedules, parse_expression
from local.services.state_machines import ExecutionRefusedError, Executions

if TYPE_CHECKING:
    from botocore.model import OperationModel, Shape

log = logging.getLogger(__name__)


@dataclass
class Around:
    """The parts of the runtime that moto works with now: the patches stay, and the parts may be
    replaced by those of a later runtime.
    """

    clock: Clock
    clients: Clients
    bus: EventBus
    schedules: Schedules
    executions: Executions


_applied: list[Around] = []


def apply(around: Around) -> None:
    """Turns moto into a running system among these parts."""
    if _applied:
        vars(_applied[0]).update(vars(around))
        return
    _applied.append(around)
    for patch in PATCHES:
        patch(around)


# -------------------------------------------------------------------------------------------------
# The server
# -------------------------------------------------------------------------------------------------


def cache_service_lookup(_: Around) -> None:
    """moto lists its own folder (190 stat calls, under a global lock) to find the service of every
    request.
    """
    modules = tuple(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules

    find = DomainDispatcherApplication.get_backend_for_host
    found: dict[str | None, Any] = {}

    def get_backend_for_host(self: Any, host: str | None) -> Any:
        if host not in found:
            found[host] = find(self, host)
        return found[host]

    DomainDispatcherApplication.get_backend_for_host = get_backend_for_host


def answer_no_other_origin(_: Around) -> None:
    """moto tells browsers that every page of the web may read every answer."""
    werkzeug_app.DISABLE_GLOBAL_CORS = True


def know_managed_policies(_: Around) -> None:
    """moto has AWS's managed policies, and attaches them to nobody unless told to load them. It
    would do so for each of AWS's partitions, though nobody here is in another one.
    """
    default_user_config["iam"] = {"load_aws_managed_policies": True}
    load = IAMBackend._init_aws_policies

    def _init_aws_policies(self: Any) -> Any:
        return load(self) if self.region_name == "aws" else []

    IAMBackend._init_aws_policies = _init_aws_policies


# -------------------------------------------------------------------------------------------------
# Step Functions: executions
# -------------------------------------------------------------------------------------------------


def execute_state_machines(_: Around) -> None:
    """moto records executions; it runs definitions only when told to."""
    default_user_config["stepfunctions"] = {"execute_state_machine": True}


def start_executions(around: Around) -> None:
    """moto calls every unnamed execution "None" (the second one collides) and takes Express
    workflows for standard.
    """

    def start_execution(
        self: Any,
        state_machine_arn: str,
        name: str | None = None,
        execution_input: str | None = None,
    ) -> Any:
        state_machine = self.describe_state_machine(state_machine_arn)
        try:
            return around.executions.start(state_machine, name, execution_input)
        except ExecutionRefusedError as error:
            raise AWSError(error.message, exception_type=error.code) from error

    StepFunctionsParserBackend.start_execution = start_execution


def finish_executions(around: Around) -> None:
    """moto keeps a reference to every thread it ever started, tells nobody that an execution has
    ended, and says so in its status before its output is there.
    """
    terminated = BaseExecutionWorkerCommunication.terminated

    def terminated_and_told(self: Any) -> None:
        execution = self.execution
        environment = execution.exec_worker.env
        execution.output = environment.states.get_input()
        if isinstance(environment.program_state(), ProgramTimedOut):
            execution.error = "States.Timeout"
        terminated(self)
        TMP_THREADS.clear()
        around.executions.finished(execution)

    def now(**_: Any) -> Any:
        return around.clock.datetime()

    BaseExecutionWorkerCommunication.terminated = terminated_and_told
    # the module uses its clock for the stop date only
    execution_module.datetime = types.SimpleNamespace(
        datetime=types.SimpleNamespace(now=now), timezone=types.SimpleNamespace(utc=UTC)
    )


def write_context_times_as_text(around: Around) -> None:
    """moto puts a datetime into ``$$.Execution.StartTime`` (and cannot describe an execution that
    uses it) and the real time into ``$$.State.EnteredTime``.
    """
    details = Execution.get_start_execution_details

    def get_start_execution_details(self: Any) -> Any:
        facts = details(self)
        facts.start_time = _as_json(self.start_date)
        return facts

    def now(**_: Any) -> Any:
        text = _as_json(around.clock.datetime())
        return types.SimpleNamespace(isoformat=lambda: text)

    Execution.get_start_execution_details = get_start_execution_details
    # the module uses its clock for the entered time only
    state_module.datetime = types.SimpleNamespace(
        datetime=types.SimpleNamespace(now=now), timezone=types.SimpleNamespace(utc=UTC)
    )


def describe_executions(_: Around) -> None:
    """moto leaves out ``stopDate`` after a timeout and writes an output that is a JSON string
    without its quotes.
    """

    def describe_execution(self: Any) -> Any:
        arn = self._get_param("executionArn")
        execution = self.stepfunction_backend.describe_execution(arn)
        response = {
            "executionArn": arn,
            "stateMachineArn": execution.state_machine_arn,
            "name": execution.name,
            "status": execution.status,
            "startDate": execution.start_date,
            "input": execution.execution_input,
            "inputDetails": {"included": True},
        }
        if execution.stop_date is not None:
            response["stopDate"] = execution.stop_date
        if execution.status == "SUCCEEDED":
            response["output"] = json.dumps(execution.output)
            response["outputDetails"] = {"included": True}
        if execution.error is not None:
            response["error"] = execution.error
        if execution.cause is not None:
            response["cause"] = execution.cause
        return ActionResult(response)

    StepFunctionResponse.describe_execution = describe_execution


def check_definitions(_: Around) -> None:
    """moto takes a transition to a state that is not there, and JSONata that it cannot evaluate."""
    validate = StepFunctionsParserBackend._validate_definition

    def _validate_definition(definition: str) -> None:
        try:
            problems = list(_definition_problems(json.loads(definition), ""))
        except ValueError as error:
            problems = [f"INVALID_JSON_DESCRIPTION: {error}"]
        if problems:
            message = f"Invalid State Machine Definition: '{'; '.join(problems)}'"
            raise AWSError(message, exception_type="InvalidDefinition")
        try:
            validate(definition)
        except Exception as error:
            message = f"Invalid State Machine Definition: '{error.args}'"
            raise AWSError(message, exception_type="InvalidDefinition") from error

    StepFunctionsParserBackend._validate_definition = staticmethod(_validate_definition)


def _definition_problems(machine: dict[str, Any], where: str) -> Iterator[str]:
    """What is wrong with a machine, or the sub-machine of a branch or an iteration."""
    states = machine.get("States", {})
    if machine.get("QueryLanguage") == "JSONata":
        yield f"the embedded runtime evaluates no JSONata, at {where or '/'}"
    targets = [(f"{where}/StartAt", machine.get("StartAt"))]
    for name, state in states.items():
        place = f"{where}/States/{name}"
        if state.get("QueryLanguage") == "JSONata":
            yield f"the embedded runtime evaluates no JSONata, at {place}"
        targets += [(f"{place}/{key}", state[key]) for key in ("Next", "Default") if key in state]
        for key in ("Choices", "Catch"):
            targets += [(f"{place}/{key}", rule.get("Next")) for rule in state.get(key, [])]
        for branch in state.get("Branches", []):
            yield from _definition_problems(branch, f"{place}/Branches")
        for key in ("ItemProcessor", "Iterator"):
            if key in state:
                yield from _definition_problems(state[key], f"{place}/{key}")
    for place, target in targets:
        if target not in states:
            yield f"MISSING_TRANSITION_TARGET: Missing target state {target} at {place}"


def share_parsed_definitions(_: Around) -> None:
    """moto parses the definition again for every execution (ANTLR in Python: 30-80 ms for five
    states).

    The parsed program holds no state of an execution, but for ``heap_key``, which two threads could
    set at once.
    """

    program = _parse_once(lambda definition: AmazonStateLanguageParser.parse(definition)[0])

    def _get_evaluation_entrypoint(self: Any) -> Any:
        return program(self._evaluation_details.state_machine_details.definition)

    ExecutionWorker._get_evaluation_entrypoint = _get_evaluation_entrypoint
    EvalComponent.heap_key = property(lambda self: str(id(self)))


def share_parsed_paths(_: Around) -> None:
    """moto parses every JSONPath again each time it is evaluated (about 1 ms)."""
    json_path.parse = _parse_once(json_path.parse)
    result_path.parse = _parse_once(result_path.parse)


def read_paths_as_aws_does(_: Around) -> None:
    """moto gives a list for a path through one element (``$.Found[0].Status``), and a value, or an
    error, where ``..``, ``*`` or a filter has found one thing, or none.

    On AWS the path alone decides which of them it is: a path with ``*``, a slice, ``..``, a filter
    or several names gives a list, however much it finds; every other path leads to one value.
    """
    original = json_path.extract_json

    def extract_json(path: str, data: Any) -> Any:
        parsed = json_path.parse(path)
        found = [match.value for match in parsed.find(data)]
        if not _leads_to_one_value(parsed):
            return found
        if not found:
            raise json_path.NoSuchJsonPathError(json_path=path, data=data)
        return found[0]

    _replace_everywhere("extract_json", original, extract_json)


def _leads_to_one_value(parsed: Any) -> bool:
    match parsed:
        case Root():
            return True
        case Child(left=left, right=right):
            return _leads_to_one_value(left) and _leads_to_one_value(right)
        case Fields(fields=named) | Index(indices=named):
            return len(named) == 1
    return False


def put_lists_at_elements(_: Around) -> None:
    """moto puts the first item of a list where a ResultPath ends in an element (``$.kept[0]``)."""
    parse = result_path.parse

    def parse_reference(text: str) -> Any:
        parsed = parse(text)
        return _ElementPath(parsed) if isinstance(getattr(parsed, "right", None), Index) else parsed

    result_path.parse = parse_reference


class _ElementPath:
    """A reference path that ends in an element of a list."""

    def __init__(self, parsed: Any) -> None:
        self._parsed = parsed

    def update_or_create(self, data: Any, value: Any) -> Any:
        """The data with the value there; jsonpath_ng deals the items of a list out to elements."""
        return self._parsed.update_or_create(data, [value])


def _parse_once(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """The parser with a memory; ANTLR's and PLY's do not promise to be safe for threads."""
    lock = threading.Lock()

    @functools.lru_cache(maxsize=4096)
    def parsed(text: str) -> Any:
        with lock:
            return parse(text)

    return parsed


def run_untimed_programs_in_place(_: Around) -> None:
    """moto starts one more thread for each execution, branch and iteration, so as to time it."""
    evaluate = Program.eval

    def evaluate_program(self: Any, env: Any) -> None:
        if self.timeout_seconds is not None:
            evaluate(self, env)
            return
        env.next_state_name = self.start_at.start_at_name
        EvalComponent.eval(self, env)

    Program.eval = evaluate_program


def log_failures_quietly(_: Around) -> None:
    """moto writes each failing state's whole parse tree to the log, once a nesting level."""

    def _log_failure(self: Any, *args: Any, **kwargs: Any) -> None:
        failure = args[0] if args else next(iter(kwargs.values()))
        log.debug("%s: %r", type(self).__name__, failure)

    EvalComponent._log_failure_event_exception = _log_failure
    EvalComponent._log_exception = _log_failure
    logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)


def iterate_without_recursion(_: Around) -> None:
    """moto's Map recurses once an item (some 950 items with ``MaxConcurrency: 1`` exceed Python's
    depth).

    It also starts a thread for each item when no concurrency is set; AWS runs up to 40.
    """

    def _eval_pool(self: Any, job: Any, worker_frame: Any) -> None:
        while job is not None:
            job_frame = worker_frame.open_inner_frame()
            self._eval_job(env=job_frame, job=job)
            worker_frame.close_frame(job_frame)
            stop = isinstance(job.job_output, Exception) or self.stopped()
            next_job = None if stop else self._job_pool.next_job()
            if next_job is None and not stop:
                worker_frame.event_history_context.source_event_id = (
                    job_frame.event_history_context.last_published_event_id
                )
            if next_job is None:
                # the frame goes first: the Map state waits for its jobs, not for its workers
                self._env.close_frame(worker_frame)
            self._job_pool.close_job(job)
            if next_job is None:
                return
            job = next_job
        self._env.close_frame(worker_frame)

    iteration_worker.IterationWorker._eval_pool = _eval_pool

    component = inline_iteration_component.InlineIterationComponent
    launch = component._eval_body

    def _eval_body(self: Any, env: Any) -> None:
        eval_input = env.stack[-1]
        if eval_input.max_concurrency == inline_iteration_component.DEFAULT_MAX_CONCURRENCY_VALUE:
            eval_input.max_concurrency = 40
        eval_input.max_concurrency = min(eval_input.max_concurrency, len(eval_input.input_items))
        launch(self, env)

    component._eval_body = _eval_body


def scale_waits(around: Around) -> None:
    """moto's Wait and Retry really sleep; it compares a Timestamp with the local time of day."""

    def _wait_interval(_self: Any, env: Any, wait_seconds: float) -> None:
        end = around.clock.now() + wait_seconds
        while env.is_running():
            remaining = around.clock.real(end - around.clock.now())
            if remaining <= 0:
                return
            # moto sets and clears the event at once: a stop between check and wait would go unseen,
            # as a leap of the clock would
            env.program_state_event.wait(min(remaining, 0.25))

    def sleep(seconds: float) -> None:
        around.clock.sleep(seconds)

    def _get_wait_seconds(self: Any, env: Any) -> float:
        virtual_now = around.clock.datetime().replace(tzinfo=None)
        self.string.eval(env=env)
        text = env.stack[-1]
        timestamp = self._from_timestamp_string(timestamp=text)
        if timestamp is None:
            return float(original_wait_seconds(self, env))
        env.stack.pop()
        return float((timestamp - virtual_now).total_seconds())

    original_wait_seconds = Timestamp._get_wait_seconds
    WaitFunction._wait_interval = _wait_interval
    Timestamp._get_wait_seconds = _get_wait_seconds
    retrier_decl.time = types.SimpleNamespace(sleep=sleep)


def catch_as_aws_does(_: Around) -> None:
    """moto's ``States.ALL`` catches ``States.Runtime`` and ``States.DataLimitExceeded``; on AWS
    nothing does.

    https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    """
    terminal = {"States.Runtime", "States.DataLimitExceeded"}
    evaluate = ErrorEqualsDecl._eval_body

    def _eval_body(self: Any, env: Any) -> None:
        error = env.stack[-1]
        evaluate(self, env)
        if error is not None and error.error_name in terminal:
            named = any(name.error_name == error.error_name for name in self.error_names)
            env.stack[-1] = env.stack[-1] and named

    ErrorEqualsDecl._eval_body = _eval_body


def stay_stopped(_: Around) -> None:
    """moto makes a failed execution of one that was stopped or timed out, when what was under way
    ends in an error: a Map always does.
    """
    set_error = Environment.set_error

    def set_error_of_running(self: Any, error: Any) -> None:
        if not isinstance(self._program_state, (ProgramStopped, ProgramTimedOut)):
            set_error(self, error)

    Environment.set_error = set_error_of_running


def map_over_lists_only(_: Around) -> None:
    """moto has JSONata's error, which can be caught, for an ItemsPath that leads to no list.

    On AWS that is a ``States.Runtime`` error: 'Reference path "$.x" must point to array'.
    """
    evaluate = ItemsPath._eval_body

    def _eval_body(self: Any, env: Any) -> None:
        evaluate(self, env)
        if not isinstance(env.stack[-1], list):
            path = self.string_sampler.literal_value
            raise ValueError(f'Reference path "{path}" must point to array.')

    ItemsPath._eval_body = _eval_body


# -------------------------------------------------------------------------------------------------
# Step Functions: tasks
# -------------------------------------------------------------------------------------------------

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

    _replace_everywhere("boto_client_for", original, boto_client_for)


def _replace_everywhere(name: str, original: Any, replacement: Any) -> None:
    for module in list(sys.modules.values()):
        in_moto = getattr(module, "__name__", "").startswith("moto.stepfunctions")
        if in_moto and getattr(module, name, None) is original:
            setattr(module, name, replacement)


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
            return response if name == "invoke" else _as_json(response)

        return call


def _as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_json(item) for item in value]
    if isinstance(value, datetime):
        text = value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
        return f"{text[:-3]}Z"
    if isinstance(value, StreamingBody):
        return value.read().decode("utf-8", "replace")
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value


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
    """moto writes ``rekognition.…Exception`` for SDK errors, and takes every timeout of DynamoDB
    for an SDK error.
    """
    state_task_service_aws_sdk._SERVICE_ERROR_NAMES.update(_SDK_ERROR_PREFIXES)

    dynamodb = state_task_service_dynamodb.StateTaskServiceDynamoDB
    from_client_error = dynamodb._from_error

    def _from_error(self: Any, env: Any, ex: Exception) -> Any:
        if isinstance(ex, ClientError):
            return from_client_error(self, env, ex)
        return state_task_service.StateTaskService._from_error(self, env, ex)

    dynamodb._from_error = _from_error


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


# -------------------------------------------------------------------------------------------------
# EventBridge and Scheduler
# -------------------------------------------------------------------------------------------------


def deliver_events(around: Around) -> None:
    """moto ignores DISABLED, lets rules that have only a schedule match everything, and knows no
    Step Functions target.
    """

    def send_to_targets(self: Any, original_event: dict[str, Any], **_: Any) -> None:
        event = {key: value for key, value in original_event.items() if key != "ingestion-time"}
        if isinstance(event.get("time"), (int, float)):
            event["time"] = around.clock.iso()
        around.bus.offer(self, event)

    put_targets = EventsBackend.put_targets

    def put_checked_targets(
        self: Any, name: str, event_bus_arn: str | None, targets: list[dict[str, Any]]
    ) -> None:
        for target in targets:
            try:
                check_target_arn(target["Arn"])
            except NotImplementedError as error:
                raise ValidationException(str(error)) from error
        put_targets(self, name, event_bus_arn, targets)

    Rule.send_to_targets = send_to_targets
    EventsBackend.put_targets = put_checked_targets


def watch_schedules(around: Around) -> None:
    """moto holds schedules and never runs them; it takes any expression."""

    def watched(method: Callable[..., Any], argument: str) -> Callable[..., Any]:
        @functools.wraps(method)
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            expression = kwargs.get(argument)
            if expression:
                try:
                    parse_expression(expression)
                except InvalidScheduleError as error:
                    raise JsonRESTError("ValidationException", str(error)) from error
            result = method(self, *args, **kwargs)
            around.schedules.changed()
            return result

        return call

    for name in ("create_schedule", "update_schedule", "delete_schedule"):
        method = getattr(EventBridgeSchedulerBackend, name)
        setattr(EventBridgeSchedulerBackend, name, watched(method, "schedule_expression"))
    for name in ("put_rule", "delete_rule", "enable_rule", "disable_rule"):
        method = getattr(EventsBackend, name)
        setattr(EventsBackend, name, watched(method, "scheduled_expression"))


# -------------------------------------------------------------------------------------------------
# S3 and Parameter Store
# -------------------------------------------------------------------------------------------------

_REASONS = {
    "s3:ObjectCreated:Put": "PutObject",
    "s3:ObjectCreated:Post": "POST Object",
    "s3:ObjectCreated:Copy": "CopyObject",
    "s3:ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
}


def emit_object_events(around: Around) -> None:
    """moto's S3 events have ``eTag`` for ``etag``, one constant id and sequencer, ``reason:
    ObjectCreated``, the real time, two events for a multipart upload and none for most deletions in
    a versioned bucket.
    """
    sequence = _Sequence()
    assembling = threading.local()

    def send(bucket: Any, detail_type: str, facts: dict[str, Any], extra: dict[str, Any]) -> None:
        detail = {
            "version": "0",
            "bucket": {"name": bucket.name},
            "object": {**facts, "sequencer": sequence.next()},
            "request-id": uuid.uuid4().hex[:16].upper(),
            "requester": ACCOUNT_ID,
            "source-ip-address": "127.0.0.1",
            **extra,
        }
        around.bus.emit(around.bus.event("aws.s3", detail_type, detail, [bucket.arn]))

    def version(facts: dict[str, Any], version_id: str | None) -> dict[str, Any]:
        return facts if version_id in (None, "null") else {**facts, "version-id": version_id}

    def _send_event_bridge_message(
        _account_id: str, bucket: Any, event_name: Any, key: Any
    ) -> None:
        reason = _REASONS.get(getattr(event_name, "value", event_name))
        if reason is None or (reason == "PutObject" and getattr(assembling, "now", False)):
            return
        facts = {"key": key.name, "size": key.size, "etag": key.etag.strip('"')}
        send(bucket, "Object Created", version(facts, key.version_id), {"reason": reason})

    complete = S3Backend.complete_multipart_upload

    def complete_multipart_upload(self: Any, *args: Any, **kwargs: Any) -> Any:
        assembling.now = True
        try:
            return complete(self, *args, **kwargs)
        finally:
            assembling.now = False

    delete = S3Backend.delete_object

    def delete_object(
        self: Any,
        bucket_name: str,
        key_name: str,
        version_id: str | None = None,
        bypass: bool = False,
    ) -> Any:
        bucket = self.get_bucket(bucket_name)
        deleted, answer = delete(self, bucket_name, key_name, version_id, bypass)
        configuration = bucket.notification_configuration
        if deleted and configuration is not None and configuration.event_bridge is not None:
            marker = bucket.is_versioned and version_id is None
            send(
                bucket,
                "Object Deleted",
                version({"key": key_name}, answer.get("version-id")),
                {
                    "reason": "DeleteObject",
                    "deletion-type": "Delete Marker Created" if marker else "Permanently Deleted",
                },
            )
        return deleted, answer

    notifications._send_event_bridge_message = _send_event_bridge_message
    S3Backend.complete_multipart_upload = complete_multipart_upload
    S3Backend.delete_object = delete_object


def date_objects_by_the_virtual_clock(around: Around) -> None:
    """moto dates objects by the machine's clock; the functions compare that with the stack's."""
    s3_models.utcnow = lambda: around.clock.datetime().replace(tzinfo=None)


def route_any_key(_: Around) -> None:
    """moto finds no route for a key with a line break, which S3 takes."""
    paths = S3Backend.url_paths.fget

    def url_paths(self: Any) -> dict[str, Any]:
        return {path.replace(".+)", r"[\s\S]+)"): page for path, page in paths(self).items()}

    S3Backend.url_paths = property(url_paths)


def list_versions_of_any_key(_: Around) -> None:
    """moto does not encode the keys of a list of versions where it is asked to, and fails where XML
    cannot have their characters.
    """
    serialized = S3Response.serialized

    def serialized_as_asked(self: Any, answer: ActionResult) -> Any:
        asked = self.querystring.get("encoding-type", [None])[0]
        result = answer.result
        if self.data.get("Action") == "ListObjectVersions" and isinstance(result, dict) and asked:
            result["EncodingType"] = asked
            for listed in ("Versions", "DeleteMarkers", "CommonPrefixes"):
                for entry in result.get(listed, []):
                    _encode(entry, "Key", "Prefix")
            _encode(result, "Prefix", "Delimiter", "KeyMarker", "NextKeyMarker")
        return serialized(self, answer)

    S3Response.serialized = serialized_as_asked


def _encode(entry: dict[str, Any], *names: str) -> None:
    entry.update({name: quote(entry[name]) for name in names if entry.get(name)})


def let_links_choose_how_they_are_answered(_: Around) -> None:
    """moto takes ``response-content-type`` in a link for a header that was signed, where the newest
    version of the object is deleted.
    """
    has_other_headers = S3Response._invalid_headers

    def _invalid_headers(self: Any, url: str, headers: dict[str, str]) -> Any:
        signed = re.sub(r"(?<=[?&])response-[a-z-]+=[^&]*", "", url)
        return has_other_headers(self, signed, headers)

    S3Response._invalid_headers = _invalid_headers


class _Sequence:
    """Sequencers that grow: hexadecimal, of one length, comparable as text."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def next(self) -> str:
        with self._lock:
            self._last = max(self._last + 1, time.time_ns())
            return f"{self._last:018X}"


def emit_parameter_events(around: Around) -> None:
    """moto tells nobody that a parameter has changed."""

    def emit(name: str, operation: str, kind: str, description: str | None) -> None:
        detail = {"operation": operation, "name": name, "type": kind}
        if description:
            detail["description"] = description
        arn = f"arn:aws:ssm:{REGION}:{ACCOUNT_ID}:parameter/{name.lstrip('/')}"
        around.bus.emit(around.bus.event("aws.ssm", "Parameter Store Change", detail, [arn]))

    put = SimpleSystemManagerBackend.put_parameter
    delete = SimpleSystemManagerBackend.delete_parameter
    delete_many = SimpleSystemManagerBackend.delete_parameters

    @functools.wraps(put)
    def put_parameter(self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        parameter = put(self, name, *args, **kwargs)
        operation = "Create" if parameter.version == 1 else "Update"
        emit(name, operation, parameter.parameter_type, parameter.description)
        return parameter

    def delete_parameter(self: Any, name: str) -> Any:
        before = self.get_parameter(name)
        result = delete(self, name)
        if before is not None:
            emit(name, "Delete", before.parameter_type, before.description)
        return result

    def delete_parameters(self: Any, names: list[str]) -> Any:
        before = {name: self.get_parameter(name) for name in names}
        deleted = delete_many(self, names)
        for name in deleted:
            emit(name, "Delete", before[name].parameter_type, before[name].description)
        return deleted

    SimpleSystemManagerBackend.put_parameter = put_parameter
    SimpleSystemManagerBackend.delete_parameter = delete_parameter
    SimpleSystemManagerBackend.delete_parameters = delete_parameters


def enforce_allowed_patterns(_: Around) -> None:
    """moto stores a parameter's AllowedPattern and never looks at it again.

    Code, words, and that the whole value must match: the Systems Manager User Guide, "Create a
    Systems Manager parameter (AWS CLI)", where ``\\d{1,4}`` refuses a value of five digits.
    """
    put = SimpleSystemManagerBackend.put_parameter
    signature = inspect.signature(put)

    def put_parameter(self: Any, *args: Any, **kwargs: Any) -> Any:
        asked = signature.bind(self, *args, **kwargs).arguments
        pattern, value = asked["allowed_pattern"], asked["value"]
        versions = self._parameters.get(asked["name"])
        if pattern is None and versions:
            pattern = versions[-1].allowed_pattern
        if pattern and value and re.fullmatch(pattern, value) is None:
            raise JsonRESTError(
                "ParameterPatternMismatchException",
                f"Parameter value, cannot be validated against allowedPattern: {pattern}",
            )
        return put(self, *args, **kwargs)

    SimpleSystemManagerBackend.put_parameter = put_parameter


# -------------------------------------------------------------------------------------------------
# SQS
# -------------------------------------------------------------------------------------------------


def run_queues_on_the_virtual_clock(around: Around) -> None:
    """moto lets visibility timeouts and delays run in real time."""

    def change_visibility(self: Any, visibility_timeout: int) -> None:
        self.visible_at = _now_ms() + around.clock.real(float(visibility_timeout)) * 1000

    def delay(self: Any, delay_seconds: int) -> None:
        self.delayed_until = _now_ms() + around.clock.real(float(delay_seconds)) * 1000

    Message.change_visibility = change_visibility
    Message.delay = delay
    Message.visible = property(lambda self: _now_ms() >= self.visible_at)
    Message.delayed = property(lambda self: _now_ms() < self.delayed_until)


def refuse_fifo_queues(_: Around) -> None:
    """The queues below are standard queues; moto would take a FIFO queue all the same."""
    create_queue = SQSBackend.create_queue

    def create_standard_queue(self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        if name.endswith(".fifo"):
            raise InvalidParameterValue("The embedded runtime has no FIFO queues.")
        return create_queue(self, name, *args, **kwargs)

    SQSBackend.create_queue = create_standard_queue


def make_queues_fast(around: Around) -> None:
    """moto's queues take time in proportion to their depth for every send, receive and delete, and
    give one message to two receivers at once. They do not keep the trace header of who sends.
    """
    change_visibility = SQSBackend.change_message_visibility

    def receive_message(  # noqa: PLR0917 - moto's own signature
        self: Any,
        queue_name: str,
        count: int,
        wait_seconds_timeout: float,
        visibility_timeout: int,
        message_attribute_names: list[str] | None = None,
    ) -> list[Any]:
        queue = self.get_queue(queue_name)
        end = time.monotonic() + around.clock.real(float(wait_seconds_timeout or 0))
        while True:
            with queue._messages_lock:
                received, dead = _take(queue, count, visibility_timeout)
                remaining_s = end - time.monotonic()
                if not received and not dead and remaining_s > 0:
                    queue._messages_lock.wait(min(remaining_s, _seconds_to_next(queue)))
            for message in dead:
                _put(queue.dead_letter_queue, message)
            if received or remaining_s <= 0:
                break
        for message in received:
            _filter_message_attributes(message, message_attribute_names or [])
        return received

    def change_message_visibility(self: Any, queue_name: str, *args: Any, **kwargs: Any) -> None:
        queue = self.get_queue(queue_name)
        with queue._messages_lock:
            change_visibility(self, queue_name, *args, **kwargs)
            queue._messages_lock.notify_all()

    Queue.delete_message = _delete_message
    Queue.seconds_to_next = _seconds_to_next
    SQSBackend.send_message = _send_message
    SQSBackend.receive_message = receive_message
    SQSBackend.change_message_visibility = change_message_visibility


def count_messages_once(_: Around) -> None:
    """moto counts every message of the queue anew, twice, for each attribute that is asked for."""
    count_attributes = SQSBackend.get_queue_attributes
    known = {"All", *Queue.BASE_ATTRIBUTES, *Queue.FIFO_ATTRIBUTES, *Queue.KMS_ATTRIBUTES}

    def get_queue_attributes(
        self: Any, queue_name: str, attribute_names: list[str]
    ) -> dict[str, Any]:
        queue = self.get_queue(queue_name)
        with queue._messages_lock:
            if not attribute_names or set(attribute_names) - known:
                return dict(count_attributes(self, queue_name, attribute_names))
            every = count_attributes(self, queue_name, ["All"])
        if "All" in attribute_names:
            return dict(every)
        return {name: every[name] for name in attribute_names if every.get(name) is not None}

    SQSBackend.get_queue_attributes = get_queue_attributes


_MAX_DELAY_S = 900
_RECEIPT_HANDLE = re.compile(r"[A-Za-z0-9+/=_-]{20,}")


def _now_ms() -> float:
    return time.time() * 1000


def _send_message(
    self: Any,
    queue_name: str,
    message_body: str,
    message_attributes: dict[str, Any] | None = None,
    delay_seconds: int | None = None,
    *,
    system_attributes: dict[str, Any] | None = None,
    **_fifo: Any,
) -> Any:
    queue = self.get_queue(queue_name)
    self._validate_message(queue, message_body, int(delay_seconds or 0))
    delay_s = int(queue.delay_seconds if delay_seconds is None else delay_seconds)
    if not 0 <= delay_s <= _MAX_DELAY_S:
        raise InvalidParameterValue(
            f"Value {delay_s} for parameter DelaySeconds is invalid. "
            f"Reason: DelaySeconds must be >= 0 and <= {_MAX_DELAY_S}."
        )
    if flask.has_request_context() and HEADER in flask.request.headers:
        trace = {"DataType": "String", "StringValue": flask.request.headers[HEADER]}
        system_attributes = {"AWSTraceHeader": trace, **(system_attributes or {})}
    message = Message(str(uuid.uuid4()), message_body, system_attributes)
    message.message_attributes = message_attributes or {}
    message.mark_sent(delay_seconds=delay_s)
    _put(queue, message)
    return message


def _put(queue: Any, message: Any) -> None:
    with queue._messages_lock:
        queue._messages.append(message)
        queue._messages_lock.notify_all()


def _take(queue: Any, count: int, visibility_timeout: int) -> tuple[list[Any], list[Any]]:
    """Copies of what can be had now, and what was received too often; the lock is held."""
    limit = None
    if queue.dead_letter_queue is not None and queue.redrive_policy:
        limit = queue.redrive_policy["maxReceiveCount"]
    now_ms = _now_ms()
    received: list[Any] = []
    dead: list[Any] = []
    for message in queue._messages:
        if len(received) == count:
            break
        if message.visible_at > now_ms or message.delayed_until > now_ms:
            continue
        if limit is not None and message.approximate_receive_count >= limit:
            dead.append(message)
            continue
        message.mark_received(visibility_timeout=visibility_timeout)
        queue._pending_messages.add(message)
        received.append(copy.copy(message))
    for message in dead:
        queue._messages.remove(message)
        queue._pending_messages.discard(message)
        message.visible_at = 0.0
    return received, dead


def _seconds_to_next(queue: Any) -> float:
    """Until one of the messages that are there now can be had; the lock is held."""
    if not queue._messages:
        return threading.TIMEOUT_MAX
    first_ms = min(max(m.visible_at, m.delayed_until) for m in queue._messages)
    return max(0.001, float(first_ms - _now_ms()) / 1000)


def _delete_message(self: Any, receipt_handle: str) -> None:
    with self._messages_lock:
        for message in self._messages:
            if message.had_receipt_handle(receipt_handle):
                self._messages.remove(message)
                self._pending_messages.discard(message)
                return
    # the handle of a message that is gone: deleting it twice is fine, as on SQS
    if not _RECEIPT_HANDLE.fullmatch(receipt_handle):
        raise ReceiptHandleIsInvalid


PATCHES: tuple[Callable[[Around], None], ...] = (
    cache_service_lookup,
    answer_no_other_origin,
    know_managed_policies,
    execute_state_machines,
    start_executions,
    finish_executions,
    write_context_times_as_text,
    describe_executions,
    check_definitions,
    share_parsed_definitions,
    share_parsed_paths,
    read_paths_as_aws_does,
    put_lists_at_elements,
    run_untimed_programs_in_place,
    log_failures_quietly,
    iterate_without_recursion,
    scale_waits,
    catch_as_aws_does,
    stay_stopped,
    map_over_lists_only,
    call_as_the_machines_role,
    spell_parameters_as_the_sdk,
    name_task_errors_as_aws,
    time_out_hanging_calls,
    deliver_events,
    watch_schedules,
    emit_object_events,
    date_objects_by_the_virtual_clock,
    route_any_key,
    list_versions_of_any_key,
    let_links_choose_how_they_are_answered,
    enforce_allowed_patterns,  # before the events: a refused value changes nothing
    emit_parameter_events,
    run_queues_on_the_virtual_clock,
    refuse_fifo_queues,
    make_queues_fast,
    count_messages_once,
    cognito.refuse_flows_that_are_off,
    cognito.ask_for_the_password_by_srp,
    cognito.end_tokens_in_time,
    cognito.keep_attributes_from_their_owners,
    cognito.sign_out_under_any_name,
)
