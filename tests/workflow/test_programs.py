"""Programs as people write them: what the command shows, and what the documentation does."""

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from local.launch import PATIENCE_S, ROOT
from tests.detect_api import clients, post, token_of
from tests.stack import Stack

API = (ROOT / "docs/api.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"^```python\n(.*?)^```$", API, re.MULTILINE | re.DOTALL)
RUN = {
    "curl": ["bash", "-euc"],
    "python": [sys.executable, "-c"],
    "javascript": ["node", "--input-type=module", "-e"],
}


def _said(language: str, program: str, folder: Path, **environment: str) -> str:
    """What the program writes, in a folder that has an image."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [*RUN[language], program],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(ROOT / "layers/common"), **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _commands(section: str) -> str:
    """What a section of the documentation shows to be typed to ask the API."""
    text = API.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    blocks = map(textwrap.dedent, re.findall(r"(?:^    .*\n)+", text, re.MULTILINE))
    return "".join(block for block in blocks if block.startswith(("TOKEN=", "curl")))


def _answers(text: str) -> list[Any]:
    """The JSON values that stand in a text one after the other."""
    found, decoder = [], json.JSONDecoder()
    while text:
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:].lstrip()
    return found


@pytest.fixture
def folder(serving_stack: Stack, tmp_path: Path) -> Path:
    (tmp_path / "image.jpg").write_bytes(serving_stack.new_image("circle"))
    (tmp_path / "images").mkdir()
    (tmp_path / "images/stripes.jpg").write_bytes(serving_stack.new_image("stripes"))
    (tmp_path / "images/broken.jpg").write_bytes(b"no image")
    return tmp_path


def test_what_a_new_program_is_shown_runs_as_it_is(serving_stack: Stack, folder: Path) -> None:
    made = clients(serving_stack.local.data_dir, "add", "shown")
    for language, program in made["snippets"].items():
        assert "circle" in _said(language, program, folder)
    made = clients(serving_stack.local.data_dir, "add", "dashboard", "--scope", "read")
    serving_stack.wait_for_record(serving_stack.detect("circle"), "confident")
    for language, program in made["snippets"].items():
        assert "circle" in _said(language, program, folder)


def test_the_example_of_the_documentation_runs(serving_stack: Stack, folder: Path) -> None:
    scopes = [word for scope in ("detect", "log", "read") for word in ("--scope", scope)]
    made = clients(serving_stack.local.data_dir, "add", "documented", *scopes)
    said = _said(
        "python",
        EXAMPLE,
        folder,
        LABELLOOP_URL=made["api"],
        LABELLOOP_ID=made["client_id"],
        LABELLOOP_SECRET=made["client_secret"],
    ).splitlines()
    assert (said[0], said[-1]) == ("circle", "model ['circle']")
    told = sorted(said[1:-1])
    assert re.fullmatch(r"images/broken\.jpg was refused: .+", told[0])
    assert re.fullmatch(r"images/stripes\.jpg confident stripes \d+\.\d+", told[1])


def test_the_commands_of_the_documentation_run(serving_stack: Stack, folder: Path) -> None:
    made = clients(
        serving_stack.local.data_dir, "add", "typed", "--scope", "detect", "--scope", "read"
    )
    image = (folder / "image.jpg").read_bytes()
    upload = serving_stack.upload("images_for_detection/image.jpg", image)
    serving_stack.wait_for_record(upload, "confident")
    sent, by_key, one, versions, doubtful = _answers(
        _said(
            "curl",
            _commands("Detecting at once") + _commands("Asking for a result"),
            folder,
            CLIENT=made["client_id"],
            SECRET=made["client_secret"],
            TOKEN_URL=serving_stack.outputs["TokenUrl"],
            API=made["api"],
            DETECTION_ID=upload.detection_id,
        )
    )
    assert sent["label"] == by_key["label"] == one["label"] == "circle"
    assert versions == {"detections": [one]}
    assert {each["outcome"] for each in doubtful["detections"]} <= {"review"}


def test_a_program_may_do_no_more_than_it_was_let(serving_stack: Stack) -> None:
    made = clients(serving_stack.local.data_dir, "add", "narrow")
    token = token_of(serving_stack, made["client_id"], made["client_secret"])["access_token"]
    image = serving_stack.new_image("circle")
    assert post(serving_stack, token, image).status == 200
    refused = post(serving_stack, token, image, query="?log=true")
    assert (refused.status, refused.code) == (403, "NotAllowed")
