"""labelloop.domain.detection_records: whose answer counts, and what is kept."""

from dataclasses import replace

import pytest

from labelloop.domain import detection_records, detections
from labelloop.domain.annotations import Annotation, Box
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.detections import Outcome
from labelloop.domain.image_labels import HumanLabel, Label, LabelBox, human_labels
from labelloop.domain.images import ImageObject


@pytest.mark.parametrize(
    ("outcome", "agreement", "who"),
    [
        ("review", None, None),
        ("review", "decided", "people"),
        ("deferred", "none", "people"),
        ("review", "undecided", None),
        ("confident", None, "model"),
        ("confident", "undecided", "model"),
        ("confident", "decided", "people"),
        ("rejected", None, None),
    ],
)
def test_people_decide_where_they_have_and_else_a_model_that_is_sure(
    outcome: str, agreement: str | None, who: str | None
) -> None:
    record = DetectionRecord(detection_id="d", outcome=outcome, agreement=agreement)
    assert record.decided_by == who


def test_what_people_say_has_a_new_number_only_where_it_is_something_else() -> None:
    first = DetectionRecord(
        detection_id="d", agreement="decided", answers=1, human_labels=(HumanLabel("cat"),)
    )
    told = first.revised(DetectionRecord(detection_id="d"))
    assert told.revision == 1
    assert first.revised(told) == told
    for other in (
        {"human_labels": (HumanLabel("dog"),)},
        {"answers": 2},
        {"agreement": "undecided", "answers": 0, "human_labels": ()},
    ):
        changed = replace(first, **other).revised(told)
        assert changed.revision == 2
        assert first.revised(changed).revision == 3


def test_what_people_said_before_that_was_counted_is_the_first_thing_they_said() -> None:
    before = DetectionRecord(
        detection_id="d", agreement="decided", human_labels=(HumanLabel("cat"),)
    )
    assert replace(before, answers=1).revised(before).revision == 1
    taken_back = replace(before, agreement="undecided", answers=0, human_labels=())
    assert taken_back.revised(before).revision == 2


def test_only_what_was_not_confident_is_in_the_index_of_outcomes() -> None:
    detection = detections.detection_id(ImageObject("bucket", "a.jpg", "v1", "etag", 1000))
    assert detection_records.outcome_shard(Outcome.CONFIDENT, detection) is None
    for outcome in set(Outcome) - {Outcome.CONFIDENT}:
        shard = detection_records.outcome_shard(outcome, detection)
        assert shard in detection_records.outcome_shards(outcome)


def test_a_record_is_read_as_it_was_kept_with_what_a_later_release_wrote() -> None:
    said = Annotation.of_boxes([Box("cat", 10, 20, 30, 40)], (100, 200))
    record = DetectionRecord(
        detection_id="d",
        outcome=Outcome.REVIEW,
        confidence_pct=97.5,
        labels=(Label("cat", 97.5, LabelBox(0.1, 0.2, 0.3, 0.4), 88.0),),
        unsure=(),
        senders=frozenset({"bob", "ann"}),
        answered_by_sender=False,
        human_labels=human_labels(said),
        copied_key="",
        unknown={"mood": {"of": 1}},
    )
    told = record.as_json()
    assert told["mood"] == {"of": 1} and told["senders"] == ["ann", "bob"]
    assert DetectionRecord.from_json(told) == record


def test_a_record_tells_nothing_of_what_does_not_apply_and_all_that_does() -> None:
    assert DetectionRecord(detection_id="d").as_json() == {"detection_id": "d"}
    said = {"detection_id": "d", "labels": [], "human_label": "", "sampled": False}
    assert DetectionRecord.from_json(said).as_json() == said


def test_an_outcome_that_a_later_release_knows_is_kept() -> None:
    stored = {"detection_id": "d", "outcome": "elsewhere"}
    assert DetectionRecord.from_json(stored).as_json() == stored


def test_what_people_said_is_kept_without_a_confidence() -> None:
    said = Annotation.of_labels(["cat"])
    assert [label.as_json() for label in human_labels(said)] == [{"name": "cat"}]
