"""The running application that the demo uses, in a process of its own.

Called by ``__main__``, which keeps it running for the length of the story and always stops it.
"""

import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from local.demo.failure import DemoError
from local.launch import LaunchError, LocalStack, launch

TIME_SCALE = 240
"""How many times faster than on AWS every wait passes: a training of half an hour in 7.5 s."""
IMAGES_PER_SECOND = 50
"""What one inference unit of the emulated model takes; more than this machine brings."""
OPERATOR = "operator@example.com"


class Application:
    """A context at whose end the application is stopped, if it was started."""

    def __init__(self, data_dir: Path, parameters: Mapping[str, str]) -> None:
        self._data_dir = data_dir
        self._parameters = parameters
        self._running = ExitStack()
        self._stack: LocalStack | None = None

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
        self._running.close()

    def start(self) -> LocalStack:
        """The application, deployed in an empty data directory. Raises DemoError."""
        shutil.rmtree(self._data_dir, ignore_errors=True)
        try:
            self._stack = self._running.enter_context(
                launch(
                    time_scale=TIME_SCALE,
                    tps=IMAGES_PER_SECOND,
                    data_dir=self._data_dir,
                    parameters={"NotificationEmail": OPERATOR, **self._parameters},
                )
            )
        except LaunchError as error:
            last_words = str(error).strip().splitlines()[-1].rstrip(".")
            raise DemoError(f"{last_words}. Its log: {self.log}") from error
        return self._stack

    def check(self) -> None:
        """Raise DemoError unless the application runs."""
        if self._stack is None or not self._stack.is_alive():
            raise DemoError(f"The application ended by itself. Its log: {self.log}")
