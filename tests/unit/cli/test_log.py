"""`labelloop log` over records that detection itself has written."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.__main__ import main
from cli.stack import Stack
from labelloop.aws.wiring import wiring
from labelloop.domain.detections import Outcome, detection_id, human_loop_name
from labelloop.domain.images import ImageObject
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.settings import Variable
from tests.unit import inference_log
from tests.unit.account import Account, account
from tests.unit.cli.world import error_of

__all__ = ["account"]
NOW = datetime.now(UTC)


class Log:
    """A log, and the command that shows it."""

    def __init__(self, account: Account) -> None:
        self._account = account
        outputs = {"DetectionsTable": wiring[Variable.DETECTIONS_TABLE]}
        outputs["BucketName"] = account.bucket
        self.stack = Stack("label-loop", outputs, account.boto3)

    def add(
        self, name: str, outcome: Outcome, label: str | None, ago: timedelta = timedelta()
    ) -> str:
        """The id of a new detection."""
        key = f"images_for_detection/{name}.jpg"
        put = self._account.put(key, name.encode())
        image = ImageObject(self._account.bucket, key, put, "", 0)
        detection = detection_id(image)
        facts = {"key": key, "label": label, "confidence_pct": 91.25 if label else None}
        inference_log.record(detection, outcome, facts, NOW - ago)
        return detection

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(main, ["log", *words], obj=self.stack)

    def rows(self, *words: str) -> list[Any]:
        """The names of the images that are shown."""
        found: list[Any] = json.loads(self.run(*words, "--json").stdout)
        return [row["key"].removeprefix("images_for_detection/")[:-4] for row in found]


@pytest.fixture
def log(account: Account) -> Log:
    """Some detections of today and of the days before."""
    log = Log(account)
    log.add("a", Outcome.CONFIDENT, "gear", timedelta(minutes=1))
    log.add("b", Outcome.REVIEW, "bolt", timedelta(minutes=2))
    log.add("c", Outcome.CONFIDENT, "bolt", timedelta(minutes=3))
    log.add("d", Outcome.REJECTED, None, timedelta(minutes=4))
    log.add("old", Outcome.REVIEW, "gear", timedelta(days=3))
    return log


def test_the_newest_come_first_of_the_last_day(log: Log) -> None:
    assert log.rows() == ["a", "b", "c", "d"]
    assert log.rows("--limit", "2") == ["a", "b"]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["--label", "bolt"], ["b", "c"]),
        (["--outcome", "review"], ["b"]),
        (["--outcome", "confident"], ["a", "c"]),
        (["--outcome", "review", "--label", "gear", "--since", "7d"], ["old"]),
        (["--since", "7d", "--label", "gear"], ["a", "old"]),
        (["--since", "7d", "--until", "1d"], ["old"]),
        (["--since", "1m", "--label", "none of them"], []),
        (["--since", f"{NOW - timedelta(days=4):%Y-%m-%d}", "--outcome", "review"], ["b", "old"]),
    ],
)
def test_they_can_be_asked_for_by_time_label_and_outcome(
    log: Log, words: list[str], shown: list[str]
) -> None:
    assert log.rows(*words) == shown


def test_20_log_of_a_fast_stack(log: Log) -> None:
    log.stack = replace(log.stack, time_now=(NOW + timedelta(days=30)).timestamp)
    log.add("ahead", Outcome.CONFIDENT, "gear", timedelta(days=-30, minutes=1))
    assert log.rows() == ["ahead"]
    assert log.rows("--since", "30m") == ["ahead"]
    assert log.rows("--since", "40d", "--until", "20d") == ["a", "b", "c", "d", "old"]


def test_what_is_none_of_the_labels_is_shown_so_and_asked_for_so(log: Log) -> None:
    detection = log.add("none", Outcome.CONFIDENT, NONE_OF_THEM)
    assert log.rows("--label", "none of them") == ["none"]
    assert "none of them" in log.run().stdout.splitlines()[1]
    assert "none of them" in log.run(detection).stdout
    assert NONE_OF_THEM not in log.run("--csv").stdout + log.run("--json").stdout


def test_a_label_is_asked_for_as_somebody_writes_it(log: Log) -> None:
    log.add("apple", Outcome.CONFIDENT, "\u00c4pfel")
    assert log.rows("--label", " A\u0308pfel") == ["apple"]


def test_all_versions_of_a_key_are_shown_whole(log: Log) -> None:
    log.add("a", Outcome.REVIEW, "nut")
    text = log.run("images_for_detection/a.jpg").stdout
    assert text.count("confidence_pct") == 2 and "gear" in text and "nut" in text


def test_one_is_found_by_its_id_and_by_its_human_loop(log: Log) -> None:
    detection = log.add("e", Outcome.REVIEW, "nut")
    for name in (detection, human_loop_name(detection)):
        (found,) = json.loads(log.run(name, "--json").stdout)
        assert found["detection_id"] == detection


def test_people_get_a_table_and_spreadsheets_get_csv(log: Log) -> None:
    lines = log.run().stdout.splitlines()
    assert lines[0].split() == [
        "date",
        "outcome",
        "label",
        "confidence",
        "version",
        "human_label",
        "key",
    ]
    assert "91.2" in lines[1] and lines[1].endswith("images_for_detection/a.jpg")
    rows = list(csv.DictReader(io.StringIO(log.run("--csv").stdout)))
    assert [row["label"] for row in rows] == ["gear", "bolt", "bolt", ""]


def test_no_name_is_obeyed_by_a_terminal_or_a_spreadsheet(log: Log) -> None:
    detection = log.add("=1\x1b[2J\n+1", Outcome.CONFIDENT, "@gear")
    written = "=1\\x1b[2J\\n+1"
    for words in ((), ("--csv",), (detection,)):
        shown = log.run(*words).stdout
        assert "\x1b" not in shown and written in shown
    row = next(csv.DictReader(io.StringIO(log.run("--csv").stdout)))
    assert (row["label"], row["key"]) == ("'@gear", f"images_for_detection/{written}.jpg")
    assert "\x1b" not in log.run("--since", "x\x1b[2J").stderr


def test_what_is_not_there_is_said(log: Log) -> None:
    assert "knows nothing of x.jpg" in error_of(log.run("x.jpg"))
    assert "Nothing was detected then" in log.run("--until", "2020-01-01").stdout
    assert log.run("--since", "yesterday").exit_code == 2
