"""What a Lambda worker process runs: the official runtime client, on the runtime's clock.

Started by ``function_pool.py`` as ``python -P worker.py <handler>``, with Lambda's own environment.
``-P`` keeps this folder off the import path, where its files could hide modules of the function.
"""

from __future__ import annotations

import importlib.util
import os
import runpy
import sys
import threading
from pathlib import Path

from awslambdaric.__main__ import main as run


def follow_parent() -> None:
    """Ends this process when the server ends, however it ends.

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


def main() -> None:
    follow_parent()
    set_clock()
    run(sys.argv)


if __name__ == "__main__":
    main()
