"""The exports that docs/data.md shows do what is written beside them."""

import itertools
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.__main__ import main
from labelloop.aws import deployed_version
from tests.unit.account import account
from tests.unit.cli.exports.test_export import DETECTION, World, answered, boxes, make, world
from tests.unit.functions.preparation import prepare

__all__ = ["account", "answered", "boxes", "make", "world"]
PAGE = (Path(__file__).parents[4] / "docs/data.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^    \./labelloop (export .*)$", PAGE, re.MULTILINE)
SAID = ("that serves", "of another version", "a training would have", "people answered since")
WRITTEN = {
    "coco": {"annotations/instances_train.json", "annotations/instances_test.json"},
    "csv": {"labels.csv"},
    "folders": set(),
    "manifest": {"train.manifest", "test.manifest"},
}


def test_there_is_one_of_each_kind() -> None:
    assert [said in example for said, example in zip(SAID, EXAMPLES, strict=True)] == [True] * 4


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_writes_what_it_is_said_to(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, example: str
) -> None:
    words = shlex.split(example, comments=True)
    values = dict(itertools.pairwise(words))
    format_ = values.get("--format", "manifest")
    shown: World = request.getfixturevalue("boxes" if format_ == "coco" else "world")
    if "--since" in words:
        request.getfixturevalue("answered")
    named = values.get("--version", "v1")
    _call(shown, prepare()["version"], named)
    deployed_version.switch(named, "arn:v", None)
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(main, words, obj=shown.stack)

    assert result.exit_code == 0, result.output
    shown.folder = tmp_path / values["export"]
    sources = shown.sources()
    images = {one["image"] for one in sources if "--images" in words}
    further = {"sources.jsonl", "export.json"} | images
    assert shown.files().keys() == WRITTEN[format_] | further
    found = {one.get("detection_id") or None for one in sources}
    assert found == ({DETECTION} if "--since" in words else {None})
    counts = {"coco": 10, "csv": 1, "folders": 16, "manifest": 20}
    assert len(sources) == counts[format_]


def _call(shown: World, version: str, named: str) -> None:
    """Let a version be called as on the page."""
    for key in shown.account.keys(f"manifests/training/{version}/"):
        content = shown.account.read(key)
        shown.account.put(key.replace(version, named), content)
