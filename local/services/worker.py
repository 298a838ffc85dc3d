"""Where Lambda's worker processes come from: forks of one process that has imported what functions
import, each running the official runtime client on the runtime's clock.

Started by ``fork_server.py`` as ``python -P worker.py <descriptor>``. ``-P`` keeps this folder off
the import path, where its files could hide modules of the function.

A fork costs milliseconds and shares the memory of what was imported. A fresh interpreter for each
worker cost a third of a second and 45 MB.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import importlib.util
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

IMPORTED = (
    "asyncio",
    "boto3.session",
    "botocore.client",
    "botocore.httpsession",
    "botocore.parsers",
    "botocore.retries.standard",
    "concurrent.futures.thread",
    # What pydantic imports of its own only when the first model is made.
    "pydantic._internal._generate_schema",
    "pydantic.fields",
    "pydantic.functional_validators",
    "pydantic.json_schema",
    "pydantic.main",
    "pydantic.plugin._schema_validator",
    "pydantic.types",
)
"""What functions import of the layer's libraries. None of these reads the environment when it is
imported, which a worker has after its fork alone; the runtime client does, so it is not here.
"""

MODELS = ("dynamodb", "s3", "ssm")
"""The services that most functions call, whose models are large."""


def serve(control: socket.socket) -> None:
    """Forks a worker for each request, until the other end closes."""
    for name in IMPORTED:
        importlib.import_module(name)
    _read_models()
    gc.collect()
    gc.freeze()  # The collector would write into the memory that workers share.
    woken, wake = socket.socketpair()
    wake.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends this by ending the other end.
    endings: dict[int, int] = {}
    for request, descriptors in _requests(control, woken, endings):
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            for each in (control, woken, wake):
                each.close()
            for other in endings.values():
                os.close(other)
            _become_worker(request, *descriptors)
        stdin, output, endings[pid] = descriptors
        os.close(stdin)
        os.close(output)
        control.sendall(pid.to_bytes(4, "big"))


def _read_models() -> None:
    """Reads botocore's models of services for all workers: each reads them for its own session."""
    from botocore.loaders import JSONFileLoader  # noqa: PLC0415 - as late as the others
    from botocore.session import Session  # noqa: PLC0415

    read = functools.cache(JSONFileLoader().load_file)
    JSONFileLoader.load_file = lambda _, path: read(path)  # type: ignore[method-assign,assignment]
    session = Session()
    session.set_credentials("none", "none")
    for service in MODELS:
        session.create_client(service, "us-east-1")


def _requests(
    control: socket.socket, woken: socket.socket, endings: dict[int, int]
) -> Iterator[tuple[dict[str, Any], list[int]]]:
    """What to run, with its standard input, its output, and where its exit status goes."""
    # A poll knows descriptors of any number, and has none that children would inherit.
    selector = selectors.PollSelector()
    selector.register(control, selectors.EVENT_READ)
    selector.register(woken, selectors.EVENT_READ)
    while True:
        ready = {key.fileobj for key, _ in selector.select()}
        if woken in ready:
            woken.recv(4096)
            _tell_endings(endings)
        if control in ready:
            length, descriptors, _, _ = socket.recv_fds(control, 4, 3)
            if not length:
                return
            body = b""
            while len(body) < int.from_bytes(length, "big"):
                chunk = control.recv(65_536)
                if not chunk:
                    return
                body += chunk
            yield json.loads(body), descriptors


def _tell_endings(endings: dict[int, int]) -> None:
    while endings:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        ending = endings.pop(pid)
        with contextlib.suppress(BrokenPipeError):
            os.write(ending, str(os.waitstatus_to_exitcode(status)).encode())
        os.close(ending)


def _become_worker(request: dict[str, Any], stdin: int, output: int, ending: int) -> NoReturn:
    """Runs the function as a process of its own would."""
    status = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.dup2(stdin, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        for descriptor in (stdin, output, ending):
            os.close(descriptor)
        os.environ.clear()
        os.environ.update(request["environment"])
        time.tzset()
        os.chdir(request["folder"])
        sys.path[:0] = os.environ["PYTHONPATH"].split(os.pathsep)
        sys.argv[1:] = [request["handler"]]
        run()
        status = 0
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else int(left.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def follow_parent() -> None:
    """Ends this process when the runtime's server ends, however it ends.

    Standard input is a pipe whose other end only the server holds: it closes even on SIGKILL.
    (Linux's PR_SET_PDEATHSIG would fire as soon as the *thread* that started the worker is gone.)
    """

    def watch() -> None:
        while os.read(0, 1):
            pass
        os._exit(0)

    threading.Thread(target=watch, name="follow-parent", daemon=True).start()


def set_clock() -> None:
    """Puts the function's ``labelloop.clock`` on the runtime's clock, if the function has that
    module.
    """
    setting = os.environ.get("LABELLOOP_LOCAL_CLOCK")
    if setting is None or importlib.util.find_spec("labelloop") is None:
        return
    if importlib.util.find_spec("labelloop.clock") is None:
        return
    module = runpy.run_path(str(Path(__file__).parents[1].joinpath("clock.py")))
    source = module["Clock"].from_env(setting)
    clock = importlib.import_module("labelloop.clock")
    clock._time = source.now  # type: ignore[attr-defined]
    clock._sleep = source.sleep  # type: ignore[attr-defined]


def run() -> None:
    """Serves invocations of the function until it is told to end."""
    follow_parent()
    set_clock()
    from awslambdaric.__main__ import main  # noqa: PLC0415 - it reads the environment

    main(sys.argv)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
