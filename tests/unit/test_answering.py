"""labelloop.answering: CloudFormation gets an answer even where the function cannot be loaded."""

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.files import LAYER
from tests.unit.cloudformation import CloudFormation, waiting

OWN = """
def lambda_handler(event, context):
    print("mine:", event["RequestType"])
"""


def _loaded(monkeypatch: pytest.MonkeyPatch, folder: Path, code: str) -> Any:
    """The module as Lambda loads it, beside a function of this code."""
    (folder / "app.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "app", raising=False)
    path = LAYER / "labelloop/answering.py"
    spec = importlib.util.spec_from_file_location("answering_anew", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules.pop("app", None)
    return module


@pytest.fixture(params=["import no_such_library", "raise KeyError('BUCKET_NAME')", "def ("])
def broken(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[CloudFormation]:
    """CloudFormation, waiting for a function that cannot be loaded."""
    module = _loaded(monkeypatch, tmp_path, request.param)
    with waiting("set_up_stack", module.lambda_handler) as made:
        yield made


@pytest.mark.parametrize("case", ["create", "update", "delete"])
def test_a_function_that_cannot_be_loaded_is_answered_for_and_says_why(
    broken: CloudFormation, case: str
) -> None:
    answer = broken.ask(case)
    assert answer["Status"] == "FAILED"
    assert answer["Reason"].split(":")[0] in {"ModuleNotFoundError", "KeyError", "SyntaxError"}
    assert "label-loop-functions" in answer["Reason"]
    expected = "never-made" if case == "create" else "arn:aws:rekognition:"
    assert answer["PhysicalResourceId"].startswith(expected)
    assert answer["LogicalResourceId"] == "Setup" and answer["RequestId"] and answer["StackId"]


def test_what_was_never_made_can_be_rolled_back_all_the_same(broken: CloudFormation) -> None:
    assert broken.ask("delete_of_nothing")["Status"] == "SUCCESS"


def test_a_function_that_can_be_loaded_answers_for_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _loaded(monkeypatch, tmp_path, OWN).lambda_handler({"RequestType": "Create"}, None)
    assert capsys.readouterr().out == "mine: Create\n"


def test_it_needs_no_library() -> None:
    code = f"import sys; sys.path.insert(0, {str(LAYER)!r}); import labelloop.answering"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)
