"""One invocation of a function in a fresh process, measured, as on a cold Lambda.

Started by ``manifest_scale`` as ``python -P benchmarks/invocation.py`` with the function's own
environment and the event on standard input. What it measured is the last line of its output.
"""

import time

BEGAN = time.monotonic()

import importlib  # noqa: E402 - what is imported is part of what is measured
import json  # noqa: E402
import os  # noqa: E402
import resource  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402
from types import SimpleNamespace  # noqa: E402


def main() -> None:
    """Invoke the handler that the environment names."""
    event = json.load(sys.stdin)
    module, _, name = os.environ["_HANDLER"].rpartition(".")
    handler = getattr(importlib.import_module(module), name)
    context = SimpleNamespace(aws_request_id="measured", function_name="measured")
    output = handler(event, context)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    measured = {
        "output": output,
        "seconds": time.monotonic() - BEGAN,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mb": peak_mb(usage.ru_maxrss),
    }
    print(json.dumps(measured), flush=True)


def peak_mb(maxrss: int) -> float:
    """The most memory that this program had.

    Linux counts in ``ru_maxrss`` what the process was before it became this program.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024
    return maxrss / (1024**2 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
