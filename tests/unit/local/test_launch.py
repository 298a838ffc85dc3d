"""Launching the application as a process: it starts, or says why not, and never stays."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local.launch import ROOT, LaunchError, launch, wait_for

LAUNCH_AND_SAY_WHO = """
import time
from local.launch import launch
with launch() as stack:
    print(stack.pid, flush=True)
    time.sleep(60)
"""


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_a_stack_answers_until_its_block_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "somebody-elses")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    with launch(time_scale=100, data_dir=tmp_path) as stack:
        buckets = stack.client("s3").list_buckets()["Buckets"]
        assert [bucket["Name"] for bucket in buckets] == [stack.outputs["BucketName"]]
        assert stack.control("GET", "health")["status"] == "ok"
        with pytest.raises(LaunchError, match="404"):
            stack.control("GET", "nothing")

    assert not stack.is_alive() and not _runs(stack.pid)
    with pytest.raises(LaunchError, match="does not answer"):
        stack.control("GET", "health")


def test_what_cannot_start_says_why() -> None:
    with pytest.raises(LaunchError, match="no parameters"), launch(parameters={"Nonsense": "1"}):
        pass


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into Linux's /proc")
def test_the_application_ends_with_the_process_that_launched_it() -> None:
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCH_AND_SAY_WHO], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert launcher.stdout is not None
    pid = int(launcher.stdout.readline())

    os.kill(launcher.pid, signal.SIGKILL)
    launcher.communicate()

    assert wait_for(lambda: not _runs(pid), "the application's end")


def test_waiting_says_what_it_waited_for() -> None:
    with pytest.raises(TimeoutError, match=r"rain: not within 0\.2 s; the last answer: \[\]"):
        wait_for(list, "rain", timeout_s=0.2)
