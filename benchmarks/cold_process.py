"""A fresh process that starts as a cold Lambda does, and measures itself.

Started by ``cold_start`` with the function's own environment and folder:

    python -P benchmarks/cold_process.py find        prints the service that the handler asks first
    python -P benchmarks/cold_process.py bare        boto3 and one client
    python -P benchmarks/cold_process.py function    the handler's module and its first client

The last two print processor seconds and megabytes. Little is imported that is not measured.
"""

import importlib
import os
import resource
import sys


def main(what: str, service: str) -> None:
    """Do one of the three."""
    if what == "find":
        _find()
        return
    if what == "bare":
        importlib.import_module("boto3").client("rekognition")
    else:
        importlib.import_module("app")  # the function's, which lies on its path
        if service:
            importlib.import_module("labelloop.aws.clients").client(service)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(usage.ru_utime + usage.ru_stime, _peak_mb(usage.ru_maxrss))


def _find() -> None:
    """Invoke the handler with the event on standard input until it makes a client."""

    def found(service: str, **_: object) -> None:
        print(service, flush=True)
        os._exit(0)

    setattr(importlib.import_module("boto3"), "client", found)  # noqa: B010 - a plain module to mypy
    handler = importlib.import_module("app").lambda_handler
    context = importlib.import_module("types").SimpleNamespace(
        aws_request_id="measured",
        invoked_function_arn="measured",
        get_remaining_time_in_millis=lambda: 60_000,
    )
    handler(importlib.import_module("json").load(sys.stdin), context)


def _peak_mb(maxrss: int) -> float:
    """The most memory that this program had.

    Linux counts in ``ru_maxrss`` what the process was before it became this program.
    """
    if os.path.exists("/proc/self/status"):  # noqa: PTH110 - pathlib would be measured
        with open("/proc/self/status", encoding="ascii", errors="replace") as lines:  # noqa: PTH123
            return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024
    return maxrss / (1024**2 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")
