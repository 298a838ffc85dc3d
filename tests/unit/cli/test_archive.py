"""`labelloop archive`: records of before, batches that failed, and what days came to."""

import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest

from cli import archive
from cli.stack import Stack
from labelloop.aws import daily_figures, log_backfill
from labelloop.aws.daily_figures import Change
from tests.unit.cli.world import BUCKET, World, answering, aws_in_memory, error_of

KEPT = f"{archive.KEPT_FOLDER}uuid/shardId-1/2026/11/21/"


class Log(World):
    """A stack with an inference log, a bucket, and the function that archives."""

    def __init__(self) -> None:
        super().__init__({"BucketName": BUCKET, "ArchiveLogFunction": "archive-log"})
        self.s3 = boto3.client("s3")
        self.s3.create_bucket(Bucket=BUCKET)
        self.invoked: list[Any] = []
        self.failing = ""
        function = answering("lambda", {"Invoke": self._invoke})
        others = self.stack.client
        self.stack = Stack(
            "label-loop",
            self.stack.outputs,
            lambda service, **options: (
                function if service == "lambda" else others(service, **options)
            ),
        )

    def _invoke(self, request: dict[str, Any]) -> Mapping[str, Any]:
        told = json.loads(request["Payload"])
        self.invoked.append(told)
        if self.failing in str(told) and self.failing:
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(b'{"errorMessage": "so"}')}
        return {"Payload": io.BytesIO(b"{}")}

    def keep(self, name: str, payload: Any) -> None:
        body = json.dumps({"DDBStreamBatchInfo": {}, "payload": payload})
        self.s3.put_object(Bucket=BUCKET, Key=KEPT + name, Body=body.encode())

    def kept(self) -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=archive.KEPT_FOLDER)
        return [entry["Key"].rsplit("/", 1)[-1] for entry in listed.get("Contents", [])]

    def records(self) -> dict[str, Any]:
        table = self.stack.output("DetectionsTable")
        found = self.tables.scan(TableName=table)["Items"]
        return {item.pop("detection_id")["S"]: item for item in found}


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    with aws_in_memory(monkeypatch):
        yield Log()


def test_each_record_of_before_is_changed_once_in_nothing_but_that(log: Log) -> None:
    for number in range(archive.AT_A_TIME + 3):
        log.put("detections", detection_id=f"{number:032x}", outcome="confident", size_bytes=7)
    log.put("detections", detection_id="labelling", outcome="labeling")
    log.put("detections", detection_id="new", outcome="confident", archived=True)
    said = json.loads(log.run("archive", "--json").stdout)
    assert said == {"records": archive.AT_A_TIME + 3}
    records = log.records()
    assert "archived" not in records.pop("labelling")
    assert all(record["archived"] == {"BOOL": True} for record in records.values())
    assert records[f"{1:032x}"]["size_bytes"] == {"N": "7"}
    assert "The archive has every detection." in log.run("archive").stdout


def test_a_run_that_was_broken_off_goes_on_with_the_rest(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        log.put("detections", detection_id=str(number), outcome="confident")
    log.ask(lambda: log_backfill.archive("1"))
    assert json.loads(log.run("archive", "--json").stdout) == {"records": 2}


def test_a_record_that_is_gone_meanwhile_does_not_come_back(log: Log) -> None:
    log.ask(lambda: log_backfill.archive("gone"))
    log.ask(lambda: log_backfill.archive_again("gone"))
    assert log.records() == {}


def test_names_are_read_as_they_are_needed_however_many_there_are(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a hundred thousand take no more memory than a few."""
    read, archived, most = [0], [0], [0]

    def names(*, archived: bool) -> Iterator[str]:
        for number in range(100_000):
            read[0] += 1
            yield str(number)

    def archive_one(_: str) -> None:
        archived[0] += 1
        most[0] = max(most[0], read[0] - archived[0])

    monkeypatch.setattr(log_backfill, "detections", names)
    monkeypatch.setattr(log_backfill, "archive", archive_one)
    assert archive._backfill(again=False) == archived[0] == 100_000
    assert most[0] <= archive.AT_A_TIME


def test_what_is_archived_can_be_archived_again_as_it_is_now(log: Log) -> None:
    log.put("detections", detection_id="1", outcome="confident", archived=True)
    log.put("detections", detection_id="2", outcome="confident")
    assert json.loads(log.run("archive", "--again", "--json").stdout) == {"records": 2}
    assert all("archived" in record for record in log.records().values())


def test_batches_that_were_kept_are_archived_and_kept_no_more(log: Log) -> None:
    log.keep("1", json.dumps({"Records": [1]}))
    log.keep("2", {"Records": [2]})
    assert json.loads(log.run("archive", "--replay", "--json").stdout) == {"batches": 2}
    assert log.invoked == [{"Records": [1]}, {"Records": [2]}]
    assert log.kept() == []


def test_a_batch_that_fails_again_stays_and_keeps_no_other(log: Log) -> None:
    for name in ("1", "2", "3"):
        log.keep(name, json.dumps({"Records": [name]}))
    log.failing = "2"
    said = log.run("archive", "--replay")
    assert "/2 could not be archived" in error_of(said)
    assert '{"errorMessage": "so"}' in error_of(said)
    assert "2 batches were archived, and 1 kept" in error_of(said)
    assert log.kept() == ["2"]


def test_days_are_shown_as_they_were_counted(log: Log) -> None:
    today = "2026-11-21"
    figures = {(today, "outcome#confident"): 3, (today, "outcome#review"): 1, (today, "asked"): 1}
    log.ask(lambda: daily_figures.count([Change("1", 1e9, figures)]))
    shown = log.run("archive", "--days", "36500").stdout
    assert [line.split() for line in shown.splitlines()] == [
        ["day", "detections", "asked", "decided", "agreed", "outcomes"],
        [today, "4", "1", "0", "0", "3", "confident,", "1", "review"],
    ]


def test_no_more_days_are_shown_than_a_date_can_tell(log: Log) -> None:
    assert log.run("archive", "--days", "1000000").exit_code == 2


def test_only_one_thing_is_done_at_a_time(log: Log) -> None:
    said = log.run("archive", "--replay", "--again")
    assert (said.exit_code, log.invoked) == (2, [])
