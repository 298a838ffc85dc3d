"""A labelled image's origin survives its way through files, and says whether it may estimate."""

import json
from typing import Any

import pytest

from labelloop.domain import origins
from labelloop.domain.detection_records import LABELING, DetectionRecord
from labelloop.domain.detections import Outcome
from labelloop.domain.origins import GIVEN, Origin, Provenance


@pytest.mark.parametrize(
    "provenance",
    [
        GIVEN,
        Provenance(Origin.DOUBTFUL, "d" * 32, "v3-0a1b2c3d", False, 1.0),
        Provenance(Origin.SAMPLED, "d" * 32, "v3-0a1b2c3d", True, 0.001),
        Provenance(Origin.CHOSEN, "d" * 32, "v3-0a1b2c3d", False),
        Provenance(Origin.LABELLING, "d" * 32),
    ],
)
def test_what_was_told_is_read(provenance: Provenance) -> None:
    assert Provenance.from_json(provenance.as_json()) == provenance


@pytest.mark.parametrize(
    "entry",
    [
        {},
        [],
        {"origin": "elsewhere"},
        {"origin": "given", "chance": []},
        {"origin": "sampled", "chance": 0},
        {"origin": "sampled", "chance": 1.5},
        {"origin": "sampled", "chance": "nan"},
        {"origin": "sampled", "accepted": "yes"},
    ],
)
def test_what_is_no_provenance_is_refused(entry: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        Provenance.from_json(entry)


def test_only_a_known_chance_estimates_what_comes_in() -> None:
    assert Provenance(Origin.SAMPLED, "d", "v1", True, 0.001).estimates
    assert Provenance(Origin.DOUBTFUL, "d", "v1", False, 1.0).estimates
    assert not Provenance(Origin.SAMPLED, "d", "v1", True).estimates
    assert not Provenance(Origin.CHOSEN, "d", "v1", False, 0.5).estimates
    assert not GIVEN.estimates


def _record(outcome: str, **facts: object) -> DetectionRecord:
    told = {"detection_id": "d", "version": "v1", "sampled": False, "outcome": outcome, **facts}
    return DetectionRecord.from_json(told)


@pytest.mark.parametrize(
    ("record", "origin", "accepted", "chance"),
    [
        (_record(Outcome.CONFIDENT, sampled=True, chance=0.001), Origin.SAMPLED, True, 0.001),
        (_record(Outcome.REVIEW, chance=1), Origin.DOUBTFUL, False, 1.0),
        (_record(Outcome.REVIEW, drawn=False), Origin.CHOSEN, False, None),
        (_record(Outcome.REVIEW, drawn=True, chance=0.25), Origin.DRAWN, False, 0.25),
        (_record(Outcome.DEFERRED, sampled=True, chance=0.01), Origin.DRAWN, False, 0.01),
        (_record(Outcome.CONFIDENT, sampled=True), Origin.SAMPLED, True, None),
        (_record(Outcome.REVIEW), Origin.DOUBTFUL, False, None),
    ],
)
def test_a_record_tells_how_its_image_came_to_people(
    record: DetectionRecord, origin: Origin, accepted: bool, chance: float | None
) -> None:
    assert origins.of_record(record) == Provenance(origin, "d", "v1", accepted, chance)


def test_an_image_that_was_labelled_from_nothing_was_not_detected() -> None:
    record = DetectionRecord(detection_id="d", outcome=LABELING)
    assert origins.of_record(record) == Provenance(Origin.LABELLING, "d")


def test_what_goes_with_an_image_is_ascii_and_read_as_it_was_told() -> None:
    provenance = Provenance(Origin.DOUBTFUL, "d", "v1-ü", False, 1.0)
    metadata = origins.as_metadata(provenance, "ours")
    assert all(text.isascii() for pair in metadata.items() for text in pair)
    assert origins.from_metadata(metadata, "ours") == provenance
    assert origins.from_metadata({"camera": "7"}, "ours") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "doubtful",
        "[]",
        '"given"',
        "[" * 100_000,
        '{"origin": "doubtful"}',
        '{"origin": "guessed", "bucket": "ours"}',
        '{"origin": "sampled", "chance": 7, "bucket": "ours"}',
        json.dumps({"origin": "sampled", "chance": 0.5, "bucket": "theirs"}),
    ],
)
def test_metadata_that_is_broken_or_of_another_bucket_is_nothing_that_we_know(text: str) -> None:
    assert origins.from_metadata({"provenance": text}, "ours") == GIVEN
