"""The inference log is archived as it changes; what could not be is kept whole, and archived later.

Records are written as detections write them: what comes of them does not depend on any model.
"""

import gzip
import json
import uuid
from typing import Any

from labelloop.aws.items import to_item
from labelloop.domain.archive import FOLDER
from local.launch import wait_for
from tests.stack import Stack

WINDOW_S = 300

Json = dict[str, Any]


def _write(stack: Stack, **facts: Any) -> str:
    """A record of the inference log; its name."""
    detection = uuid.uuid4().hex
    record = {
        "detection_id": detection,
        "outcome": "confident",
        "date": "2026-01-02T10:00:00.000Z",
        **facts,
    }
    stack.client("dynamodb").put_item(
        TableName=stack.outputs["DetectionsTable"], Item=to_item(record)
    )
    return detection


def _lines(stack: Stack, detection: str) -> list[Json]:
    """What the archive has of a detection, in its order."""
    found = [
        json.loads(line)
        for key in stack.keys(FOLDER)
        for line in gzip.decompress(stack.read(key)).splitlines()
    ]
    mine = [line for line in found if line["detection_id"] == detection]
    return sorted(mine, key=lambda line: str(line["revision"]))


def _wait_for_lines(stack: Stack, detection: str, count: int) -> list[Json]:
    stack.leap(WINDOW_S)
    wait_for(lambda: len(_lines(stack, detection)) >= count, f"{count} lines of {detection}")
    return _lines(stack, detection)


def _counted(stack: Stack, label: str) -> int:
    """How often the second of January has a label."""
    figures = stack.item("ModelVersionsTable", kind="day", name="2026-01-02")
    return int(figures.get(f"label#{label}", 0))


def test_what_could_not_be_archived_is_kept_and_is_archived_by_the_operators_command(
    empty_stack: Stack,
) -> None:
    stack = empty_stack
    detection = _write(stack, archived=True, label="gear")
    (line,) = _wait_for_lines(stack, detection, 1)
    assert (line["outcome"], line["label"]) == ("confident", "gear")
    sql = f"SELECT outcome, label FROM detections WHERE detection_id = '{detection}'"  # noqa: S608
    asked = stack.labelloop("query", sql, "--json")
    assert json.loads(asked.stdout) == [{"outcome": "confident", "label": "gear"}], asked.stderr
    wait_for(lambda: _counted(stack, "gear") == 1, "figures of the day")
    refused = {
        "service": "s3",
        "operation": "PutObject",
        "function": "ArchiveLog",
        "containing": FOLDER,
        "error": "AccessDenied",
        "times": -1,
    }
    with stack.faults(refused):
        failing = [_write(stack, archived=True, label="gear") for _ in range(2)]
        stack.leap(WINDOW_S)
        wait_for(lambda: len(stack.keys("aws/lambda/")) == 2, "batches that are kept")
        assert stack.labelloop("archive", "--replay").exit_code == 1
        assert len(stack.keys("aws/lambda/")) == 2
    said = stack.labelloop("archive", "--replay")
    assert (said.exit_code, said.stdout) == (0, "2 batches were archived.\n")
    assert stack.keys("aws/lambda/") == []
    assert [len(_lines(stack, one)) for one in failing] == [1, 1]
    assert _counted(stack, "gear") == 3


def test_records_of_before_the_archive_are_archived_and_counted_once(empty_stack: Stack) -> None:
    stack = empty_stack
    old = _write(stack, label="bolt")
    assert _wait_for_lines(stack, old, 1)
    assert _counted(stack, "bolt") == 0
    for _ in range(2):
        assert stack.labelloop("archive").exit_code == 0
        _wait_for_lines(stack, old, 2)
    wait_for(lambda: _counted(stack, "bolt") == 1, "figures of the day")
    said = stack.labelloop("archive", "--json")
    assert json.loads(said.stdout) == {"records": 0}
