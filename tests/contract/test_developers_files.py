"""What editors, hooks and CI read ↔ the project's own commands and versions.

``make validate`` holds workflow and hooks against their schemas. None of the devcontainer comes
with a package, so what its reference says of the members that it has stands here:
https://containers.dev/implementors/json_reference/
"""

import configparser
import json
import re
import tomllib
from typing import Annotated, Any

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from local.constants import DEFAULT_PORT
from tests.contract.files import ROOT, template

PROJECT: Any = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DEVCONTAINER: Any = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text("utf-8"))
(JOB,) = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))["jobs"].values()
Words = Annotated[str, Field(min_length=1)]


class Editor(BaseModel):
    """What an editor adds by its identifiers of extensions, ``publisher.name``."""

    model_config = ConfigDict(strict=True, extra="forbid")

    extensions: list[Annotated[str, Field(pattern=r"^[\w-]+\.[\w-]+$")]]


class Customizations(BaseModel):
    """By the name of a tool."""

    model_config = ConfigDict(strict=True, extra="forbid")

    vscode: Editor


class Devcontainer(BaseModel):
    """One that is made of an image; no member that nothing would read."""

    model_config = ConfigDict(strict=True, extra="forbid")

    name: Words
    image: Words
    onCreateCommand: Words  # noqa: N815 - the file's own names
    postCreateCommand: Words  # noqa: N815
    forwardPorts: list[Annotated[int, Field(ge=0, le=65_535)]]  # noqa: N815
    customizations: Customizations


TARGETS = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))


def test_the_workflow_runs_what_must_pass_and_nothing_else() -> None:
    assert [step["run"] for step in JOB["steps"] if "run" in step] == ["bash .ci/run"]
    assert (ROOT / ".ci/run").is_file()


def test_the_workflow_names_a_version_of_each_action() -> None:
    used = [step["uses"] for step in JOB["steps"] if "uses" in step]
    assert used
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", action) for action in used)


def test_a_commit_waits_for_what_lint_says() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    (local,) = hooks["repos"]
    assert [hook["entry"] for hook in local["hooks"]] == ["make lint"]
    assert "lint" in TARGETS


def test_containers_have_the_python_that_functions_run_on() -> None:
    """With pip, which the image's own has and Debian's has not: ``sam build`` needs it."""
    runtime = template()["Globals"]["Function"]["Runtime"].removeprefix("python")
    assert DEVCONTAINER["image"] == JOB["container"] == f"python:{runtime}-trixie"


def test_the_devcontainer_runs_a_command_that_there_is_and_shows_the_application() -> None:
    make, target = DEVCONTAINER["postCreateCommand"].split()
    assert make == "make" and target in TARGETS
    assert DEVCONTAINER["forwardPorts"] == [DEFAULT_PORT]


def test_the_devcontainer_has_what_its_reference_has() -> None:
    Devcontainer.model_validate(DEVCONTAINER)


@pytest.mark.parametrize(
    "wrong", [{"postCreatCommand": "make lint"}, {"forwardPorts": ["4566"]}, {"image": ""}]
)
def test_a_devcontainer_that_nothing_would_read_so_is_found(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Devcontainer.model_validate({**DEVCONTAINER, **wrong})


def test_editors_break_lines_where_the_linter_does() -> None:
    editors = configparser.ConfigParser()
    text = (ROOT / ".editorconfig").read_text(encoding="utf-8")
    editors.read_string(f"[DEFAULT]\n{text}")
    assert editors["*.py"].getint("max_line_length") == PROJECT["tool"]["ruff"]["line-length"]
    assert editors["Makefile"]["indent_style"] == "tab"
