"""What docs/getting-started.md lets people type does what it says, in its order."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.launch import PATIENCE_S, ROOT, LocalStack, wait_for
from tests import images
from tests.stack import Stack

GUIDE = (ROOT / "docs" / "getting-started.md").read_text(encoding="utf-8")
PORT = "4566"
"""The guide's. The test takes a free one, in case somebody follows the guide just now."""
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
"""What is typed on this machine. The blocks for AWS are marked ``sh aws``."""


class Desk:
    """A folder that has the checkout's files and somebody's own pictures, and two terminals."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self._port = str(port)
        self._own = {
            k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "LABELLOOP_"))
        }

    def start(self, commands: str) -> subprocess.Popen[bytes]:
        """What the commands have begun; its output is in a file."""
        with (self.folder / "first-terminal.log").open("wb") as output:
            return subprocess.Popen(
                ["bash", "-ec", commands.replace(PORT, self._port)],
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def type(self, commands: str) -> None:
        done = subprocess.run(
            ["bash", "-ec", commands.replace(PORT, self._port)],
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, (commands, done.stdout, done.stderr)

    def _environment(self) -> dict[str, str]:
        programs = [str(Path(sys.executable).parent), self._own["PATH"]]
        return {**self._own, "PATH": os.pathsep.join(programs), "LABELLOOP_PORT": self._port}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    for each in ROOT.iterdir():
        if each.name not in {".local", ".git"}:
            (tmp_path / each.name).symlink_to(each)
    for label in images.LABELS:
        for folder, count in (("my-pictures", 6), ("my-labelled-images", 1)):
            (tmp_path / folder / label).mkdir(parents=True)
            for number in range(count):
                path = tmp_path / folder / label / f"{number}.jpg"
                path.write_bytes(images.draw(label, number + 100 * len(folder)))
    (tmp_path / "new-pictures").mkdir()
    for number in range(12):
        (tmp_path / "new-pictures" / f"{number}.jpg").write_bytes(images.draw_doubtful(number))
    (tmp_path / "image.jpg").write_bytes(images.draw("circle", 999))
    with socket.create_server(("127.0.0.1", 0)) as free:
        return Desk(tmp_path, free.getsockname()[1])


@pytest.fixture
def stack(desk: Desk) -> Iterator[Stack]:
    """What the first block starts."""
    process = desk.start(BLOCKS[0])
    try:
        described = desk.folder / ".local" / "stack.json"
        log = desk.folder / "first-terminal.log"
        wait_for(
            lambda: described.exists() and "Ctrl-C stops it" in log.read_text(encoding="utf-8"),
            "the application runs",
        )
        yield Stack(LocalStack(process, described.parent), 60)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def test_the_guide_leads_from_pictures_to_the_second_model(desk: Desk, stack: Stack) -> None:
    _, first, second, by_any_client = BLOCKS
    desk.type(first)
    assert len((desk.folder / "new-pictures.csv").read_text().splitlines()) == 1 + 12
    version = stack.deployed()
    assert version
    reviewer = stack.add_reviewer()
    for _ in range(12):
        task = reviewer.take()
        assert task is not None
        path = f"/review/tasks/{task['task_id']}/answer"
        assert reviewer.ask("POST", path, {"label": "circle"})[0] == 200
    wait_for(lambda: len(stack.keys("images_labeled_by_folder/circle/")) >= 6 + 10, "the answers")
    desk.type(second)
    assert (desk.folder / "report.html").stat().st_size > 10_000
    desk.type(by_any_client)
    assert stack.keys("images_for_detection/image.jpg")
