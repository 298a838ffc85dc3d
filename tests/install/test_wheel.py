"""The command as others install it: a wheel in an empty environment, beside a running application.

On the oldest and the newest of the Pythons that are here and that it takes, with what pip brings.
"""

import functools
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli import __version__
from cli.__main__ import main
from tests import images
from tests.contract.files import ROOT
from tests.stack import Stack, launched

MOST_BYTES = 120_000_000
FUNCTIONS_PYTHON = "python3.13"
OURS = {"labelloop", "labelloop_cli", "labelloop_pages"}
EXTRAS = {"PIL", "duckdb", "numpy", "sqlglot"}
LAMBDAS_OWN = {"aws_lambda_powertools", "typing_extensions"}
"""What functions import of the layer's libraries, and no command does."""


@functools.cache
def pythons() -> list[str]:
    """The oldest one that the command may be installed into, and that of the functions, or the
    newest where that is not there.
    """
    found = {}
    for minor in range(11, 15):
        name = f"python3.{minor}"
        theirs = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
        for python in (shutil.which(name), *theirs.glob(f"3.{minor}.*/bin/{name}")):
            # pyenv puts commands on the path that only tell that it runs another Python, and
            # Debian's own makes no environments.
            probe = [str(python), "-c", "import ensurepip"]
            if python and not subprocess.run(probe, capture_output=True, check=False).returncode:
                found[name] = str(python)
    oldest = next(iter(found.values()), sys.executable)
    newest = found.get(FUNCTIONS_PYTHON) or [oldest, *found.values()][-1]
    return list(dict.fromkeys([oldest, newest]))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--wheel-dir", folder, ROOT], check=True)
    (built,) = folder.glob("*.whl")
    return built


class Installed:
    """The command in an environment of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str, cwd: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
        """What the command does, somewhere else, with nothing of this process's environment."""
        return subprocess.run(
            [f"{self.folder}/bin/labelloop", *words],
            cwd=cwd,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def python(self, code: str) -> str:
        """What a program prints there."""
        words = [f"{self.folder}/bin/python", "-I", "-c", code]
        return subprocess.run(words, capture_output=True, text=True, check=True, cwd="/").stdout


@pytest.fixture(scope="module", params=pythons())
def installed(
    request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Installed:
    """The wheel in an empty environment."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([request.param, "-m", "venv", folder], check=True)
    pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([folder / "bin/python", *pip, wheel], check=True)
    return Installed(folder)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running application, whose files lie as those of `make local` do."""
    with launched(data_dir=tmp_path_factory.mktemp("checkout") / ".local") as running:
        yield running


def test_the_wheel_has_the_commands_packages_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = {Path(name).parts[0] for name in file.namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == OURS


def test_it_tells_its_release(installed: Installed, tmp_path: Path) -> None:
    done = installed.run("--version", cwd=tmp_path)
    assert done.stdout == f"labelloop {__version__}\n", done.stderr


def test_it_takes_little(installed: Installed) -> None:
    files = (path for path in installed.folder.rglob("*") if not path.is_symlink())
    assert sum(path.stat().st_size for path in files if path.is_file()) < MOST_BYTES


def test_all_its_modules_need_but_what_it_brings_and_its_extras(installed: Installed) -> None:
    walk = (
        "import importlib, json, pkgutil, labelloop, labelloop_cli, labelloop_pages\n"
        "missing = {}\n"
        "for package in (labelloop, labelloop_cli, labelloop_pages):\n"
        "    for found in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        try: importlib.import_module(found.name)\n"
        "        except ImportError as error: missing[found.name] = error.name\n"
        "print(json.dumps(missing))"
    )
    missing: dict[str, str] = json.loads(installed.python(walk))
    assert {missing[name] for name in missing if name.startswith("labelloop.")} <= LAMBDAS_OWN
    assert {missing[name] for name in missing if not name.startswith("labelloop.")} == EXTRAS


def test_the_shell_is_told_the_commands(installed: Installed, tmp_path: Path) -> None:
    source = installed.run(cwd=tmp_path, _LABELLOOP_COMPLETE="zsh_source")
    assert source.stdout.startswith("#compdef labelloop")
    asked = {"_LABELLOOP_COMPLETE": "zsh_complete", "COMP_WORDS": "labelloop ", "COMP_CWORD": "1"}
    told = installed.run(cwd=tmp_path, **asked).stdout.splitlines()
    assert set(main.commands) <= set(told)


def test_what_needs_an_extra_names_it(installed: Installed, stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(images.draw(images.LABELS[0], 1))
    local = ("--local", "--data-dir", str(stack.local.data_dir))
    drawing = installed.run("detect", ".", "--draw", "drawn", *local, cwd=tmp_path)
    smoke = installed.run("smoke", "--yes", *local, cwd=tmp_path)
    (tmp_path / "boxes.csv").write_text("1.jpg,circle,0,0,64,64\n")
    cutting = installed.run("import", ".", "--crop", "--yes", *local, cwd=tmp_path)
    asking = installed.run("query", "SELECT 1", *local, cwd=tmp_path)
    python = installed.folder / "bin/python"
    for done, extra in (
        (drawing, "pictures: "),
        (smoke, "smoke: "),
        (cutting, "pictures: "),
        (asking, "query: "),
    ):
        assert done.returncode == 1
        assert f"needs the extra {extra}" in done.stderr and f"{python} -m pip" in done.stderr


def test_without_an_application_it_says_how_to_name_one(
    installed: Installed, tmp_path: Path
) -> None:
    done = installed.run("status", "--local", cwd=tmp_path)
    assert done.returncode == 1
    assert f"No local application has left its description in {tmp_path}/.local" in done.stderr
    assert "make local" in done.stderr and "--data-dir" in done.stderr


def test_it_works_with_a_running_application(
    installed: Installed, stack: Stack, tmp_path: Path
) -> None:
    for label in images.LABELS[:2]:
        (tmp_path / label).mkdir()
        for number in stack.numbers(2):
            (tmp_path / label / f"{number}.jpg").write_bytes(images.draw(label, number))
    checkout = stack.local.data_dir.parent
    brought = installed.run("import", str(tmp_path), "--local", "--json", cwd=checkout)
    assert brought.returncode == 0, brought.stderr
    assert json.loads(brought.stdout)["taken"] == 4

    (checkout / "inner").mkdir(exist_ok=True)
    told = installed.run("status", "--local", "--json", cwd=checkout / "inner")
    assert told.returncode == 0, told.stderr
    status: dict[str, Any] = json.loads(told.stdout)
    assert status["stack"] == stack.local.name
