import os
import signal
from pathlib import Path

import pytest

from local.demo import application
from local.demo.application import Application, environment
from local.demo.failure import DemoError


def stand_in(monkeypatch: pytest.MonkeyPatch, folder: Path, code: str) -> None:
    """Let another program take the application's place."""
    (folder / "local").mkdir()
    (folder / "local" / "__main__.py").write_text(code)
    monkeypatch.setattr(application, "REPOSITORY", folder)


DESCRIBE = """
import pathlib, sys, time
data_dir = pathlib.Path(sys.argv[sys.argv.index("--data-dir") + 1])
(data_dir / "stack.json").write_text('{"endpoint": "here"}')
"""


def test_it_is_started_in_an_empty_directory_and_stopped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stand_in(monkeypatch, tmp_path, DESCRIBE + "time.sleep(60)")
    left_over = tmp_path / "data" / "left-over"
    left_over.parent.mkdir()
    left_over.touch()
    with Application(tmp_path / "data") as running:
        running.start()
        assert running.stack == {"endpoint": "here"}
        assert not left_over.exists()
        running.check()
        process = running._process
    assert process is not None
    assert process.returncode == -signal.SIGTERM


def test_one_that_does_not_end_when_asked_is_ended_by_force(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    stand_in(monkeypatch, tmp_path, ignore + DESCRIBE + "time.sleep(60)")
    monkeypatch.setattr(application, "LONGEST_STOP_S", 0.2)
    with Application(tmp_path / "data") as running:
        running.start()
        process = running._process
    assert process is not None
    assert process.returncode == -signal.SIGKILL


def test_one_that_cannot_start_is_an_error_with_its_last_words_and_its_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stand_in(monkeypatch, tmp_path, "import sys; print('no such template'); sys.exit(3)")
    words = r"exit status 3.*no such template.*runtime\.log"
    with Application(tmp_path / "data") as running, pytest.raises(DemoError, match=words):
        running.start()


def test_one_that_dies_later_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stand_in(monkeypatch, tmp_path, DESCRIBE + "time.sleep(60)")
    with Application(tmp_path / "data") as running:
        running.start()
        assert running._process is not None
        os.kill(running._process.pid, signal.SIGKILL)
        running._process.wait()
        with pytest.raises(DemoError, match=r"ended by itself \(signal SIGKILL\)"):
            running.check()


def test_one_that_is_never_ready_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stand_in(monkeypatch, tmp_path, "import time; time.sleep(60)")
    monkeypatch.setattr(application, "LONGEST_START_S", 0.3)
    with Application(tmp_path / "data") as running, pytest.raises(DemoError, match="did not start"):
        running.start()


def test_the_developers_own_aws_settings_stay_out_and_proxies_are_not_asked() -> None:
    own = {"AWS_PROFILE": "work", "AWS_ENDPOINT_URL": "x", "PATH": "p", "NO_PROXY": "intranet"}
    made = environment(own)
    assert "AWS_PROFILE" not in made and "AWS_ENDPOINT_URL" not in made
    assert made["PATH"] == "p"
    assert made["NO_PROXY"] == "intranet,127.0.0.1,localhost"
    assert made["no_proxy"] == "127.0.0.1,localhost"
