"""A virtual environment of locked requirements: built beside the old one, then put in its place.

Run by the Makefile, with the Python that the environment gets, as
``make_venv.py [--checkout] DIRECTORY REQUIREMENTS...``. What runs from the old one meanwhile is let
alone, and where the new one cannot be made the old one stays. The file ``made`` tells that all of
the first requirements is in it, ``<name>-made`` the same of each of the others. Earlier releases
wrote ``ready``: their environments import no checkout.

With ``--checkout`` the environment imports the code of the checkout in which it lies, as an
editable installation does, but by a relative path: through a link, too, each checkout imports its
own.
"""

from __future__ import annotations  # for an older Python, which is to be told so

import argparse
import fcntl
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOTS = ("", "layers/common", "layers/vision", "pages")
"""The folders of the checkout that hold packages."""


def main() -> None:
    """Make what the words say, or end with a sentence that tells why not."""
    if sys.version_info < (3, 11):  # noqa: UP036 - this is what tells it
        sys.exit(
            "Label Loop needs Python 3.11 or newer; %s is older. Name another: "  # noqa: UP031
            "make PYTHON=python3.13 ..." % sys.executable
        )
    parser = argparse.ArgumentParser()
    parser.add_argument("--checkout", action="store_true")
    parser.add_argument("directory", type=Path)
    parser.add_argument("requirements", type=Path, nargs="+")
    words = parser.parse_args()
    directory: Path = words.directory.absolute()
    if directory.is_symlink():
        sys.exit(
            f"{directory} is out of date, but a link to {directory.resolve()}: others may use what "
            "lies there. Make it where it lies, or remove the link for one of this checkout's own."
        )
    with directory.with_name(f"{directory.name}.lock").open("w") as lock:
        # Another make may be at it: what it has made is not made again.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_made(directory, words.requirements):
            make(directory, words.requirements, checkout=words.checkout)


def made_files(directory: Path, requirements: list[Path]) -> list[Path]:
    """What tells of each file of requirements that it is in the environment."""
    return [
        directory / "made",
        *(directory / f"{further.stem}-made" for further in requirements[1:]),
    ]


def is_made(directory: Path, requirements: list[Path]) -> bool:
    """Whether the environment was made after its requirements were written."""
    return all(
        made.exists() and made.stat().st_mtime >= of.stat().st_mtime
        for made, of in zip(made_files(directory, requirements), requirements, strict=True)
    )


def make(directory: Path, requirements: list[Path], *, checkout: bool) -> None:
    """Build it beside, and swap."""
    beside, old = (directory.with_name(f"{directory.name}.{end}") for end in ("new", "old"))
    say(f"Making the virtual environment {directory.name} (a minute or two) ...")
    for left in (beside, old):
        # Of one that was killed.
        shutil.rmtree(left, ignore_errors=True)
    venv.create(beside, with_pip=True)
    pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if not checkout:
        # Of a tool the most is never imported, and what is is compiled then.
        pip.append("--no-compile")
    locked = ["--require-hashes", "--no-deps", "-r"]
    for file in requirements:
        if subprocess.call([beside / "bin/python", *pip, *locked, file]):
            stays = f" {directory.name} stays as it was." if directory.exists() else ""
            sys.exit(f"{file} could not be installed: see above.{stays}")
    if checkout:
        import_checkout(beside)
    rename_within(beside, directory)
    for made in made_files(beside, requirements):
        made.touch()
    if directory.exists():
        directory.rename(old)
        say(
            f"{directory.name} is a new one now. What was started from the old one goes on; start "
            "it anew to run the new one."
        )
    beside.rename(directory)
    shutil.rmtree(old, ignore_errors=True)


def import_checkout(directory: Path) -> None:
    """Let the environment import the packages of the checkout that it will lie in."""
    (packages,) = directory.glob("lib/python*/site-packages")
    up = Path(os.path.relpath(directory.parent, packages))
    (packages / "labelloop_checkout.pth").write_text("".join(f"{up / root}\n" for root in ROOTS))


def rename_within(directory: Path, name: Path) -> None:
    """Write the later name where an environment has its own: in its scripts."""
    for file in [directory / "pyvenv.cfg", *(directory / "bin").iterdir()]:
        if file.is_symlink() or file.is_dir():
            continue
        content = file.read_bytes()
        if b"\0" not in content:
            file.write_bytes(content.replace(bytes(directory), bytes(name)))


def say(text: str) -> None:
    """Tell whoever runs make."""
    print(text, file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
