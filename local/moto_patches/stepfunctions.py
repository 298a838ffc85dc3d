"""What is changed of how moto starts, runs and ends executions of state machines."""

from __future__ import annotations

import json
import logging
import sys
import types
from datetime import UTC, datetime
from typing import Any

from botocore.response import StreamingBody
from moto.core.config import default_user_config
from moto.core.exceptions import AWSError
from moto.core.responses import ActionResult
from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import (
    ErrorEqualsDecl,
)
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.program.program import Program
from moto.stepfunctions.parser.asl.component.state import state as state_module
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import (
    inline_iteration_component,
    iteration_worker,
)
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.timestamp import Timestamp
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import (
    WaitFunction,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped, ProgramTimedOut
from moto.stepfunctions.parser.backend import execution as execution_module
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution
from moto.stepfunctions.parser.models import StepFunctionsParserBackend
from moto.stepfunctions.parser.utils import TMP_THREADS
from moto.stepfunctions.responses import StepFunctionResponse

from local.moto_patches.around import Around, Patches
from local.services.state_machines import ExecutionRefusedError

log = logging.getLogger(__name__)


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
        facts.start_time = as_json(self.start_date)
        return facts

    def now(**_: Any) -> Any:
        text = as_json(around.clock.datetime())
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


def replace_everywhere(name: str, original: Any, replacement: Any) -> None:
    for module in list(sys.modules.values()):
        in_moto = getattr(module, "__name__", "").startswith("moto.stepfunctions")
        if in_moto and getattr(module, name, None) is original:
            setattr(module, name, replacement)


def as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    if isinstance(value, datetime):
        text = value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
        return f"{text[:-3]}Z"
    if isinstance(value, StreamingBody):
        return value.read().decode("utf-8", "replace")
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value


PATCHES: Patches = (
    execute_state_machines,
    start_executions,
    finish_executions,
    write_context_times_as_text,
    describe_executions,
    run_untimed_programs_in_place,
    log_failures_quietly,
    iterate_without_recursion,
    scale_waits,
    catch_as_aws_does,
    stay_stopped,
)
