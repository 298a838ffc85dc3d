from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from local.clock import Clock
from local.launch import PATIENCE_S
from local.services.function_pool import FunctionNotFoundError, PoolClosedError
from tests.unit.local.conftest import ACCOUNT, REGION, TestRuntime


def call(runtime: Any, function: str, event: Any = None) -> tuple[Any, str | None]:
    answer = runtime.functions.invoke(function, json.dumps(event or {}).encode())
    return json.loads(answer.body), answer.error


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_handler_gets_the_event_and_its_answer_comes_back(runtime: Any) -> None:
    arn = runtime.add_function("sample.echo")
    body, error = call(runtime, arn, {"key": "ä"})
    assert error is None
    assert body["event"] == {"key": "ä"}
    uuid.UUID(body["request_id"])


def test_a_function_is_found_by_name_arn_and_qualified_arn(runtime: Any) -> None:
    arn = runtime.add_function("sample.echo")
    names = ("sample-echo", arn, f"{arn}:$LATEST")
    assert [runtime.functions.spec(name).arn for name in names] == [arn] * 3
    with pytest.raises(FunctionNotFoundError):
        runtime.functions.invoke("nothing", b"{}")


def test_a_worker_is_used_again(runtime: Any) -> None:
    arn = runtime.add_function("sample.echo", name="again")
    assert call(runtime, arn)[0]["pid"] == call(runtime, arn)[0]["pid"]


def test_the_environment_is_lambdas_and_nothing_of_the_developers(
    runtime: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("MY_SECRET", "s")
    arn = runtime.add_function(
        "sample.environment", name="env", environment={"TABLE": "t"}, memory_mb=256
    )
    environment, _ = call(runtime, arn)
    assert environment["TABLE"] == "t"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "env"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert environment["AWS_ENDPOINT_URL"] == runtime.endpoint
    assert environment["AWS_ACCESS_KEY_ID"] == "FUNCTIONKEY"
    assert environment["AWS_SESSION_TOKEN"]
    assert environment["AWS_CONFIG_FILE"] == os.devnull
    assert not {"AWS_PROFILE", "MY_SECRET", "HOME"} & set(environment)


def test_an_exception_is_answered_as_lambda_does(runtime: Any) -> None:
    body, error = call(runtime, runtime.add_function("sample.fail"))
    assert error == "Unhandled"
    assert body["errorType"] == "QuotaExceededError"
    assert body["errorMessage"] == "too many"
    assert "sample.py" in body["stackTrace"][0]


def test_a_handler_that_takes_too_long_is_stopped(runtime: Any, eventually: Any) -> None:
    arn = runtime.add_function("sample.sleep", name="slow", timeout_s=3)
    pid, _ = call(runtime, arn, {"seconds": 0})
    body, error = call(runtime, arn, {"seconds": 60})
    assert error == "Unhandled"
    assert body["errorType"] == "Sandbox.Timedout"
    assert body["errorMessage"].endswith("Error: Task timed out after 3.00 seconds")
    eventually(lambda: not is_alive(pid))
    assert call(runtime, arn, {"seconds": 0})[1] is None


def test_the_context_knows_the_real_time_that_is_left(runtime: Any) -> None:
    left_ms, _ = call(runtime, runtime.add_function("sample.remaining", timeout_s=7))
    assert 0 < left_ms <= 7_000


def test_a_process_that_leaves_is_an_exit_error_and_is_replaced(runtime: Any) -> None:
    arn = runtime.add_function("sample.leave")
    for _ in range(2):
        body, error = call(runtime, arn)
        assert error == "Unhandled"
        assert body["errorType"] == "Runtime.ExitError"
        assert body["errorMessage"].endswith("Runtime exited with error: exit status 3")


def test_a_worker_that_was_killed_while_idle_is_replaced(runtime: Any, eventually: Any) -> None:
    arn = runtime.add_function("sample.echo", name="idle")
    pid = call(runtime, arn)[0]["pid"]
    (worker,) = runtime.functions._function(arn).workers
    os.kill(pid, signal.SIGKILL)
    eventually(worker.has_exited)
    body, error = call(runtime, arn)
    assert error is None
    assert body["pid"] != pid


@pytest.mark.parametrize(
    ("handler", "error_type"),
    [
        ("broken.handler", "RuntimeError"),
        ("missing.handler", "Runtime.ImportModuleError"),
        ("sample.nothing", "Runtime.HandlerNotFound"),
    ],
)
def test_a_function_that_cannot_be_loaded_says_why(
    runtime: Any, handler: str, error_type: str
) -> None:
    body, error = call(runtime, runtime.add_function(handler))
    assert (error, body["errorType"]) == ("Unhandled", error_type)


def test_an_answer_above_six_megabytes_is_refused(runtime: Any) -> None:
    body, error = call(runtime, runtime.add_function("sample.large"))
    assert (error, body["errorType"]) == ("Unhandled", "Function.ResponseSizeTooLarge")


def test_the_worker_whose_session_token_is_given_is_killed_in_the_midst(
    runtime: Any, eventually: Any
) -> None:
    arn = runtime.add_function("sample.sleep", name="victim")
    function = runtime.functions._function(arn)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(call, runtime, arn, {"seconds": 60})
        (worker,) = eventually(lambda: list(function.workers))
        assert (
            worker.session_token
            in worker._environment(runtime.functions._around)["AWS_SESSION_TOKEN"]
        )
        time.sleep(0.5)
        assert runtime.functions.kill_worker(worker.session_token)
        body, error = running.result(timeout=PATIENCE_S)
    assert (error, body["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert body["errorMessage"].endswith("signal: killed")
    assert not runtime.functions.kill_worker("nobody")


def test_a_function_is_busy_until_its_invocation_ends(runtime: Any, eventually: Any) -> None:
    arn = runtime.add_function("sample.sleep", name="at-work")
    pid, _ = call(runtime, arn, {"seconds": 0})
    assert "at-work" not in runtime.functions.busy()
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(call, runtime, arn, {"seconds": 60})
        eventually(lambda: runtime.functions.busy().get("at-work") == 1)
        os.kill(pid, signal.SIGKILL)
        running.result(timeout=PATIENCE_S)
    assert "at-work" not in runtime.functions.busy()


def test_no_more_than_the_reserved_concurrency_run_at_once(runtime: Any) -> None:
    arn = runtime.add_function("sample.sleep", name="narrow", reserved_concurrency=2)
    with ThreadPoolExecutor(6) as threads:
        pids = list(threads.map(lambda _: call(runtime, arn, {"seconds": 0.1})[0], range(6)))
    assert len(set(pids)) == 2


def test_a_function_registered_anew_runs_with_its_new_environment(
    runtime: Any, eventually: Any
) -> None:
    arn = runtime.add_function("sample.environment", name="changed", environment={"V": "1"})
    first = call(runtime, arn)[0]
    runtime.add_function("sample.environment", name="changed", environment={"V": "2"})
    second = call(runtime, arn)[0]
    assert (first["V"], second["V"]) == ("1", "2")


def test_lines_go_to_the_file_the_log_group_and_the_answer(runtime: Any, eventually: Any) -> None:
    logs = runtime.client("logs")
    logs.create_log_group(logGroupName="/aws/lambda/logged")
    arn = runtime.add_function("sample.echo", name="logged")
    runtime.functions.invoke(arn, b'{"a": 1}')
    line = '{"saw": {"a": 1}}'
    file = runtime.functions._log_dir / "logged.log"
    eventually(lambda: line in file.read_text())

    def messages() -> list[str]:
        events = logs.filter_log_events(logGroupName="/aws/lambda/logged")["events"]
        return [event["message"] for event in events]

    eventually(lambda: line in messages())
    assert eventually(lambda: line in runtime.functions.invoke(arn, b"{}").log)


def test_a_role_that_may_not_write_logs_writes_none(runtime: Any, eventually: Any) -> None:
    logs = runtime.client("logs")
    logs.create_log_group(logGroupName="/aws/lambda/silent")
    runtime.authorizer.refused.add("logs:PutLogEvents")
    runtime.functions.invoke(runtime.add_function("sample.echo", name="silent"), b"{}")
    file = runtime.functions._log_dir / "silent.log"
    eventually(lambda: "saw" in file.read_text())
    assert logs.filter_log_events(logGroupName="/aws/lambda/silent")["events"] == []


def test_an_asynchronous_event_is_tried_three_times_and_then_kept(
    runtime: Any, eventually: Any
) -> None:
    sqs = runtime.client("sqs")
    url = sqs.create_queue(QueueName="lost")["QueueUrl"]
    arn = runtime.add_function(
        "sample.fail", name="flaky", on_failure_arn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:lost"
    )
    began = time.monotonic()
    runtime.functions.invoke_async(arn, b'{"n": 1}')
    (message,) = eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))
    assert (time.monotonic() - began) * runtime.clock.scale >= 180
    record = json.loads(message["Body"])
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["requestPayload"] == {"n": 1}
    assert record["responsePayload"]["errorType"] == "QuotaExceededError"
    assert runtime.functions.counts()["flaky"] == 3


def test_the_products_clock_is_the_runtimes(runtime: Any, tmp_path: Path) -> None:
    package = tmp_path / "layer" / "labelloop"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "clock.py").write_text("import time\n_time = time.time\n_sleep = time.sleep\n")
    code = tmp_path / "code"
    code.mkdir()
    (code / "app.py").write_text(
        "import time\n"
        "from labelloop import clock\n"
        "def handler(e, c):\n"
        "    began = time.monotonic()\n"
        "    clock._sleep(10)\n"
        "    return clock._time(), time.monotonic() - began\n"
    )
    arn = runtime.add_function(
        "app.handler", name="timed", code_dir=code, python_path=(package.parent,)
    )
    before = runtime.clock.now()
    (told, slept_s), error = call(runtime, arn)
    assert error is None
    assert before <= told <= runtime.clock.now()
    assert slept_s < 10  # for so long it sleeps by the machine's own clock


def test_modules_of_the_runtime_do_not_hide_the_functions_own(runtime: Any, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import queues\ndef handler(e, c):\n    return queues.MINE\n")
    (tmp_path / "queues.py").write_text("MINE = 1\n")
    arn = runtime.add_function("app.handler", name="own", code_dir=tmp_path)
    assert call(runtime, arn) == (1, None)


def test_a_worker_finds_imported_what_a_fresh_interpreter_would_import(runtime: Any) -> None:
    """By the processor's time: the machine may have no other for it."""
    arn = runtime.add_function("sample.processor_time")
    imported = "import time, boto3.session, pydantic; print(time.process_time())"
    fresh = subprocess.run([sys.executable, "-c", imported], capture_output=True, check=True)
    assert call(runtime, arn)[0] < float(fresh.stdout)


def test_closing_the_pool_ends_every_worker_and_every_wait(tmp_path: Path, eventually: Any) -> None:
    other = TestRuntime(tmp_path)
    arn = other.add_function("sample.sleep", reserved_concurrency=1)
    results: list[Any] = []

    def invoke() -> None:
        try:
            results.append(call(other, arn, {"seconds": 60})[0]["errorType"])
        except PoolClosedError:
            results.append("closed")

    threads = [threading.Thread(target=invoke) for _ in range(2)]
    for thread in threads:
        thread.start()
    (worker,) = eventually(lambda: list(other.functions._function(arn).workers))
    other.functions.close()
    for thread in threads:
        thread.join(timeout=PATIENCE_S)
    assert sorted(results) == ["Runtime.ExitError", "closed"]
    assert not is_alive(worker.pid)


def test_closing_the_pool_waits_for_workers_that_begin(
    tmp_path: Path, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = TestRuntime(tmp_path)
    arn = pool.add_function("sample.echo")
    forks, may_start, seen = pool.functions._forks, threading.Event(), []
    start, close = forks.start, forks.close

    def started(*given: Any) -> Any:
        may_start.wait()
        process = start(*given)
        seen.append("started")
        return process

    def closed() -> None:
        seen.append("closed")
        close()

    monkeypatch.setattr(forks, "start", started)
    monkeypatch.setattr(forks, "close", closed)
    with ThreadPoolExecutor(2) as threads:
        invoked = threads.submit(call, pool, arn)
        eventually(lambda: pool.functions._function(arn).starting)
        closing = threads.submit(pool.functions.close)
        eventually(lambda: pool.functions._closed)
        may_start.set()
        closing.result()
        with pytest.raises(PoolClosedError):
            invoked.result()
    assert seen == ["started", "closed"]


def test_workers_are_forked_anew_when_the_fork_server_was_killed(runtime: Any) -> None:
    first = runtime.add_function("sample.echo", name="before")
    kept = call(runtime, first)[0]["pid"]
    fork_server = runtime.functions._forks._process.pid
    os.kill(fork_server, signal.SIGKILL)
    second = runtime.add_function("sample.echo", name="after")
    other = call(runtime, second)[0]["pid"]
    assert call(runtime, first)[0]["pid"] == kept != other
    assert runtime.functions._forks._process.pid != fork_server


def test_the_processes_of_a_function_are_told(runtime: Any) -> None:
    pid = call(runtime, runtime.add_function("sample.echo", name="told"))[0]["pid"]
    told = [each["processes"] for each in runtime.functions.describe().values()]
    assert [pid] in told


SERVER = """
import json, time
from pathlib import Path
from tests.unit.local.conftest import TestRuntime
runtime = TestRuntime(Path({logs!r}))
arn = runtime.add_function("sample.echo")
print(json.loads(runtime.functions.invoke(arn, b"{{}}").body)["pid"], flush=True)
time.sleep(60)
"""


def test_workers_do_not_outlive_a_server_that_is_killed(
    tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    script = SERVER.format(logs=str(tmp_path))
    server = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert server.stdout is not None
    pid = int(server.stdout.readline())
    assert is_alive(pid)
    server.kill()
    server.wait()
    server.stdout.close()
    eventually(lambda: not is_alive(pid) or _is_zombie(pid))


def _is_zombie(pid: int) -> bool:
    """Where nobody reaps orphans (a container without an init) the ended process stays listed."""
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] == "Z"


def test_a_clock_in_the_environment_is_the_runtimes(runtime: Any) -> None:
    environment, _ = call(runtime, runtime.add_function("sample.environment"))
    assert Clock.from_env(environment["LABELLOOP_LOCAL_CLOCK"]).scale == runtime.clock.scale
