"""The running application that the demo uses: `python -m local` in a process of its own.

Called by ``__main__``, which keeps it running for the length of the story and always stops it.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from local.constants import HOST
from local.demo.failure import DemoError

REPOSITORY = Path(__file__).parents[2]
TIME_SCALE = 240
"""How many times faster than on AWS every wait passes: a training of half an hour in 7.5 s."""
IMAGES_PER_SECOND = 50
"""What one inference unit of the emulated model takes; more than this machine brings."""
DEPLOYED_WITH = {
    "NotificationEmail": "operator@example.com",
    # More images to test with than by default: of six labelled images a label, two.
    "TestSetPercentage": "30",
}
LONGEST_START_S = 90.0
LONGEST_STOP_S = 10.0


class Application:
    """A context in which the application runs; ``stack`` is its description then."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._process: subprocess.Popen[bytes] | None = None
        self.stack: dict[str, Any] = {}

    @property
    def log(self) -> Path:
        """What the application printed. Its functions' own logs are in ``logs`` beside it."""
        return self._data_dir / "runtime.log"

    def __enter__(self) -> "Application":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it in an empty data directory and wait until it is deployed. Raises DemoError."""
        shutil.rmtree(self._data_dir, ignore_errors=True)
        self._data_dir.mkdir(parents=True)
        command = [sys.executable, "-m", "local", "--port", "0"]
        command += ["--time-scale", str(TIME_SCALE), "--data-dir", str(self._data_dir)]
        for name, value in DEPLOYED_WITH.items():
            command += ["--parameter", f"{name}={value}"]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env={
                    **environment(os.environ),
                    "LABELLOOP_TPS_PER_INFERENCE_UNIT": str(IMAGES_PER_SECOND),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for the demo, which then stops the application in an orderly way.
                start_new_session=True,
            )
        deadline = time.monotonic() + LONGEST_START_S
        while not self._is_described():
            self.check()
            if time.monotonic() > deadline:
                raise DemoError(
                    f"The application did not start in {LONGEST_START_S:.0f} s. Its log: {self.log}"
                )
            time.sleep(0.1)

    def _is_described(self) -> bool:
        try:
            text = (self._data_dir / "stack.json").read_text(encoding="utf-8")
            self.stack = json.loads(text)
        except (OSError, ValueError):  # Not written yet, or being written.
            return False
        return True

    def check(self) -> None:
        """Raise DemoError unless the application runs."""
        if self._process is None:
            raise DemoError("The application was not started.")
        status = self._process.poll()
        if status is not None:
            raise DemoError(
                f"The application ended by itself ({_how(status)}){self._last_words()}. "
                f"Its log: {self.log}"
            )

    def _last_words(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f", saying: {lines[-1]}" if lines else ""

    def stop(self) -> None:
        """End the application, by force where it does not end when asked."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(LONGEST_STOP_S)
        except subprocess.TimeoutExpired:
            pass
        finally:  # Whoever cannot wait presses Ctrl-C again: then by force, too.
            process.kill()
            process.wait()


def _how(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    return f"signal {signal.Signals(-status).name}"


def environment(own: "os._Environ[str] | dict[str, str]") -> dict[str, str]:
    """The environment without AWS settings of the developer's, and with no proxy to ourselves."""
    kept = {name: value for name, value in own.items() if not name.startswith("AWS_")}
    for name in ("NO_PROXY", "no_proxy"):
        kept[name] = ",".join(filter(None, (kept.get(name), HOST, "localhost")))
    return {
        **kept,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
