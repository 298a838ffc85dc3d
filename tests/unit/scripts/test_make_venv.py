"""How environments are made: beside the old one, and never over one that others may use.

The tests run in their order: the last gives the environment another release.
"""

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.files import ROOT

SAY = "import sys, made_up, labelloop; print(made_up.RELEASE, labelloop.NAME, flush=True)"
ASK = f"{SAY}; sys.stdin.read(); import json.tool; print(made_up.RELEASE)"
"""Says what it imports, and, when its input ends, once more."""


class Checkout:
    """A folder with requirements of one package that is nobody's, and code of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.venv = root / ".venv"
        self.requirements = root / "fake.txt"
        package = root / "layers/common/labelloop"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("NAME = 'this checkout'\n")
        (root / "pages").mkdir()

    def require(self, release: int) -> None:
        """Publish a release, and require it."""
        wheel = self.root / f"made_up-{release}-py3-none-any.whl"
        about = f"made_up-{release}.dist-info"
        with zipfile.ZipFile(wheel, "w") as file:
            file.writestr("made_up.py", f"RELEASE = {release}\ndef main(): print(RELEASE)\n")
            file.writestr(f"{about}/METADATA", f"Name: made-up\nVersion: {release}\n")
            file.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
            file.writestr(f"{about}/RECORD", "")
            file.writestr(
                f"{about}/entry_points.txt", "[console_scripts]\nmade-up = made_up:main\n"
            )
            # pip compiles it, into a folder beside the programs.
            file.writestr(f"made_up-{release}.data/scripts/said.py", "#!python\nprint('said')\n")
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        self.requirements.write_text(f"made-up=={release} --hash=sha256:{digest}\n")

    def make(self, directory: Path | None = None) -> "subprocess.CompletedProcess[str]":
        """What the Makefile runs."""
        return subprocess.run(
            [
                sys.executable,
                ROOT / "scripts/make_venv.py",
                "--checkout",
                directory or self.venv,
                self.requirements,
            ],
            env={**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.root)},
            capture_output=True,
            text=True,
            check=False,
        )

    def python(self, code: str) -> "subprocess.Popen[str]":
        """A process of the environment, somewhere else."""
        return subprocess.Popen(
            [self.venv / "bin/python", "-c", code],
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def says(self) -> str:
        """What its code imports."""
        return self.python(SAY).communicate()[0]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """One whose environment has the first release."""
    made = Checkout(tmp_path_factory.mktemp("checkout"))
    made.require(1)
    assert made.make().returncode == 0
    return made


@pytest.fixture
def running(checkout: Checkout) -> Iterator["subprocess.Popen[str]"]:
    """An application that runs from the environment and has imported what it needs so far."""
    with checkout.python(ASK) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1 this checkout\n"
        yield process


def test_one_that_cannot_be_made_leaves_the_old_one(checkout: Checkout) -> None:
    required = checkout.requirements.read_text()
    checkout.requirements.write_text("made-up==1 --hash=sha256:" + "0" * 64)
    done = checkout.make()
    checkout.requirements.write_text(required)
    assert done.returncode == 1
    assert done.stderr.endswith(
        f"{checkout.requirements} could not be installed: see above. .venv stays as it was.\n"
    )
    assert checkout.says() == "1 this checkout\n"


def test_through_a_link_nothing_is_made_and_each_checkout_imports_its_own(
    checkout: Checkout, tmp_path: Path
) -> None:
    other = Checkout(tmp_path)
    (tmp_path / "layers/common/labelloop/__init__.py").write_text("NAME = 'the other one'\n")
    other.require(2)
    other.venv.symlink_to(checkout.venv)
    done = other.make()
    assert done.returncode == 1
    assert f"a link to {checkout.venv}: others may use what lies there" in done.stderr
    assert other.says() == "1 the other one\n"
    assert checkout.says() == "1 this checkout\n"


def test_a_new_one_takes_the_place_of_one_from_which_an_application_runs(
    checkout: Checkout, running: "subprocess.Popen[str]"
) -> None:
    checkout.require(2)
    done = checkout.make()
    assert done.returncode == 0
    assert ".venv is a new one now. What was started from the old one goes on" in done.stderr
    assert running.communicate()[0] == "1\n"
    assert running.returncode == 0
    assert checkout.says() == "2 this checkout\n"
    script = subprocess.run(
        [checkout.venv / "bin/made-up"], capture_output=True, text=True, check=True
    )
    assert script.stdout == "2\n"
    assert checkout.make().stderr == ""
    left = {path.name for path in checkout.root.glob(".venv*")}
    assert left == {".venv", ".venv.lock"}


def test_an_older_python_is_told_which_it_takes(tmp_path: Path) -> None:
    code = (
        "import runpy, sys; sys.version_info = (3, 10); "
        f"runpy.run_path({str(ROOT / 'scripts/make_venv.py')!r}, run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Label Loop needs Python 3.11 or newer;")
