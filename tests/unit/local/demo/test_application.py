import os
import signal
from pathlib import Path

import pytest

from local.demo.application import Application
from local.demo.failure import DemoError
from local.launch import wait_for


def test_it_starts_in_an_empty_directory_and_its_death_is_told(tmp_path: Path) -> None:
    left_over = tmp_path / "left-over"
    left_over.touch()
    with Application(tmp_path, {}) as running:
        stack = running.start()
        assert not left_over.exists()
        running.check()
        os.kill(stack.pid, signal.SIGKILL)
        wait_for(lambda: not stack.is_alive(), "the end of the application")
        with pytest.raises(DemoError, match=r"ended by itself.*runtime\.log"):
            running.check()


def test_one_that_cannot_start_is_an_error_with_its_last_words_and_its_log(tmp_path: Path) -> None:
    words = r"Nonsense.*runtime\.log"
    application = Application(tmp_path, {"Nonsense": "1"})
    with application as running, pytest.raises(DemoError, match=words):
        running.start()


def test_one_that_was_not_started_does_not_run(tmp_path: Path) -> None:
    with Application(tmp_path, {}) as running, pytest.raises(DemoError):
        running.check()
