"""labelloop.domain.archive: what the log's table has, and in which order a detection's states."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import archive
from labelloop.domain.annotations import ModelType
from labelloop.domain.archive import COLUMNS
from labelloop.domain.detection_records import LABELING, DetectionRecord
from labelloop.domain.image_labels import HumanLabel, Label, LabelBox
from labelloop.domain.labels import NONE_OF_THEM, SHOWN_AS_NONE

STREAM = "arn:aws:dynamodb:us-east-1:123456789012:table/log/stream/2026-11-21T10:00:00.123"
INTERNAL = {
    *("date_id", "day_shard", "outcome_shard", "request_id", "trace_id", "complete", "senders"),
    *(
        "expires",
        "archived",
        "labeling_job",
        "left_out",
        "left_out_by",
        "answers_read",
        "copy_keys",
    ),
    "unknown",
}
"""What the log needs itself, what names people, and what images to be labelled alone have."""
RECORD = DetectionRecord(
    detection_id="a" * 32,
    outcome="review",
    bucket="bucket",
    key="images_for_detection/a.jpg",
    date="2026-11-21T23:59:59.999Z",
    version="v1",
    label="cat",
    confidence_pct=60.0,
    labels=(Label("cat", 60.0), Label("dog", 30.0)),
    human_loop=f"detection-{'a' * 32}",
)
ANSWERED = replace(
    RECORD,
    agreement="decided",
    answers=1,
    revision=2,
    human_labels=(HumanLabel("dog"),),
    completed="2026-11-30T08:00:00.000Z",
)


def _line(record: DetectionRecord, model_type: ModelType = ModelType.CLASSIFICATION) -> object:
    return archive.line(record, archive.revision(STREAM, "1"), model_type)


def test_every_fact_of_a_record_is_a_column_or_is_left_out_on_purpose() -> None:
    names = {each.name for each in fields(DetectionRecord)}
    told = {field for field, _ in archive._OF_THE_RECORD.values()}
    assert told | INTERNAL == names
    assert not told & INTERNAL


def test_a_line_has_no_other_names_than_the_tables_columns() -> None:
    line = archive.line(ANSWERED, "r", ModelType.CLASSIFICATION)
    assert set(line) <= {column.name for column in COLUMNS}
    assert len({column.name for column in COLUMNS}) == len(COLUMNS)


def test_columns_have_the_types_of_what_records_hold() -> None:
    types = {column.name: column.sql_type for column in COLUMNS}
    box = "box:struct<left:double,top:double,width:double,height:double>"
    assert types["size_bytes"] == "bigint"
    assert types["sampled"] == "boolean"
    assert types["chance"] == "double"
    assert types["detected_at"] == types["decided_at"] == "timestamp"
    assert types["human_labels"] == f"array<struct<name:string,{box}>>"
    assert (
        types["labels"]
        == f"array<struct<name:string,confidence_pct:double,{box},chance_pct:double>>"
    )


def test_a_line_tells_what_people_said_and_whether_the_model_was_right() -> None:
    assert _line(ANSWERED) == {
        "detection_id": "a" * 32,
        "outcome": "review",
        "bucket": "bucket",
        "key": "images_for_detection/a.jpg",
        "detected_at": "2026-11-21T23:59:59.999Z",
        "version": "v1",
        "label": "cat",
        "confidence_pct": 60.0,
        "labels": [
            {"name": "cat", "confidence_pct": 60.0},
            {"name": "dog", "confidence_pct": 30.0},
        ],
        "human_loop": f"detection-{'a' * 32}",
        "agreement": "decided",
        "answers": 1,
        "answer_revision": 2,
        "human_labels": [{"name": "dog"}],
        "decided_at": "2026-11-30T08:00:00.000Z",
        "asked_as": "doubtful",
        "decided_by": "people",
        "final_labels": [{"name": "dog"}],
        "model_right": False,
        "revision": f"2026-11-21T10:00:00.123#{1:040}",
    }


def test_before_anybody_decides_a_line_says_nothing_of_it() -> None:
    line = archive.line(RECORD, "r", ModelType.CLASSIFICATION)
    assert not {"decided_by", "final_labels", "model_right", "agreement"} & set(line)


def test_a_model_that_found_nothing_and_was_sure_of_it_decides_for_nothing() -> None:
    sure = replace(
        RECORD, outcome="confident", label=NONE_OF_THEM, labels=(Label(NONE_OF_THEM, 99.0),)
    )
    line = archive.line(sure, "r", ModelType.CLASSIFICATION)
    assert line["label"] == SHOWN_AS_NONE
    assert line["labels"] == [{"name": SHOWN_AS_NONE, "confidence_pct": 99.0}]
    assert line["final_labels"] == []


def test_boxes_stand_in_a_line_as_they_do_in_the_log() -> None:
    box = LabelBox(0.1, 0.2, 0.3, 0.4)
    boxed = replace(RECORD, labels=(Label("gear", 90.0, box),))
    assert archive.line(boxed, "r", ModelType.DETECTION)["labels"][0]["box"] == box.as_json()


def test_the_day_is_that_of_the_detection_however_late_the_answer() -> None:
    assert archive.day_of(ANSWERED) == "2026-11-21"
    assert archive.object_key("2026-11-21", "n") == "analytics/detections/day=2026-11-21/n.jsonl.gz"


@pytest.mark.parametrize("record", [replace(RECORD, outcome=LABELING), replace(RECORD, date="")])
def test_images_to_be_labelled_from_nothing_are_no_detections(record: DetectionRecord) -> None:
    assert archive.belongs(RECORD)
    assert not archive.belongs(record)


numbers = st.integers(1, 10**40 - 1)


@given(numbers, numbers)
def test_revisions_are_in_the_order_of_their_numbers_however_long(one: int, other: int) -> None:
    first, second = (archive.revision(STREAM, str(number)) for number in (one, other))
    assert (first < second) == (one < other)


@given(numbers, numbers)
def test_a_tables_next_stream_comes_after_it_whatever_its_numbers(before: int, after: int) -> None:
    later = STREAM.replace("T10:00:00.123", "T10:00:00.124")
    assert archive.revision(STREAM, str(before)) < archive.revision(later, str(after))
