import random
from dataclasses import replace
from typing import Any

import pytest

from labelloop.domain.annotations import Annotation, Box, ModelType
from local.demo.failure import DemoError
from local.demo.pictures import Picture
from local.demo.report import choose_pictures
from local.demo.results import Look, looks
from tests.unit.local_demo.support import results, said, version

PICTURES = {
    name: Picture(name, truth, b"", Annotation.of_labels([truth] if truth else []))
    for name, truth in {"a.jpg": "nut", "b.jpg": "bolt", "stripes.jpg": None}.items()
}
ONE, SEVERAL, BOXES = ModelType.CLASSIFICATION, ModelType.MULTI_LABEL, ModelType.DETECTION


def record(file_name: str = "a.jpg", **facts: Any) -> dict[str, Any]:
    key = f"images_for_detection/held-back/v1/{file_name}"
    return {"key": key, "outcome": "confident", "label": "nut", "confidence_pct": 90, **facts}


def test_a_version_is_better_when_it_gets_more_of_the_same_images_right() -> None:
    measured = results(first_right=70, second_right=71)
    assert measured.better
    assert measured.verdict == (
        "Version 2 is better than version 1: right on 71.0% of the 100 images that no version was "
        "trained on, version 1 on 70.0%: +1.0 points (95 %: +0.0 to +3.0)."
    )


@pytest.mark.parametrize("second_right", [69, 70])
def test_as_good_is_not_better(second_right: int) -> None:
    measured = results(first_right=70, second_right=second_right)
    assert not measured.better
    assert measured.verdict.startswith("Version 2 is not better than version 1")


def test_the_last_version_is_the_one_that_serves_in_the_end() -> None:
    both = results(first_right=70, second_right=80)
    refused = version(name="v3-c", promoted=False)
    measured = replace(both, versions=(*both.versions, refused))
    assert measured.last.name == "v2-<b>" and measured.better
    by_command = replace(refused, by_command=True, looks=both.first.looks)
    assert replace(both, versions=(*both.versions, by_command)).last.name == "v3-c"


def test_where_every_later_version_was_refused_the_first_one_stays_and_that_is_said() -> None:
    both = results(first_right=70)
    refused = replace(both.versions[1], promoted=False)
    measured = replace(both, versions=(both.first, refused))
    assert not measured.better
    assert measured.verdict.startswith("No later version took version 1's place; it is right on 70")


def test_a_gain_has_an_interval_where_an_image_is_one_thing() -> None:
    gain = results(first_right=70, second_right=90).gain
    assert gain is not None
    assert gain.points == pytest.approx(0.2)
    assert 0.1 < gain.low < gain.points < gain.high < 0.3
    several = version(looks=(Look("a.jpg", "nut, bolt", "nut", 90.0, False, 1, things=2),))
    assert several.interval is None
    assert replace(results(), versions=(several, several)).gain is None


def test_figures_come_from_what_was_said_of_each_image() -> None:
    found = version(
        looks=(said("a.jpg", "nut", "nut", 80), said("b.jpg", "bolt", None, 0, doubtful=True)),
    )
    assert (found.right, found.accuracy) == (1, 0.5)
    assert found.mean_confidence_pct == 40.0
    assert found.interval == pytest.approx((0.0945, 0.9055), abs=0.001)


def test_records_become_looks_in_the_order_of_their_files() -> None:
    records = [
        record("b.jpg", outcome="deferred", label="nut", confidence_pct=40.5),
        record("a.jpg"),
    ]
    assert looks(records, PICTURES, ONE) == (
        said("a.jpg", "nut", "nut", 90.0),
        said("b.jpg", "bolt", "nut", 40.5, doubtful=True),
    )


def test_an_image_in_which_nothing_was_found_is_wrong_and_without_confidence() -> None:
    nothing = {"key": "x/a.jpg", "outcome": "deferred"}
    assert looks([nothing], PICTURES, ONE) == (said("a.jpg", "nut", None, 0.0, doubtful=True),)


def test_each_label_counts_where_an_image_has_several() -> None:
    shows = {"a.jpg": Picture("a.jpg", "bolt, nut", b"", Annotation.of_labels(["bolt", "nut"]))}
    found = [{"name": name, "confidence_pct": 60} for name in ("nut", "gear")]
    (look,) = looks([record(labels=found)], shows, SEVERAL)
    assert (look.label, look.hits, look.things, look.right) == ("gear, nut", 1, 3, False)


def test_each_box_counts_that_is_around_something_of_its_label() -> None:
    boxes = [Box("nut", 10, 10, 40, 40), Box("nut", 100, 10, 40, 40)]
    shows = {"a.jpg": Picture("a.jpg", "nut", b"", Annotation.of_boxes(boxes, (200, 100)))}

    def seen(name: str, left: float) -> dict[str, Any]:
        box = {"left": left, "top": 0.1, "width": 0.2, "height": 0.4}
        return {"name": name, "confidence_pct": 60, "box": box}

    found = [seen("nut", 0.06), seen("nut", 0.05), seen("bolt", 0.5)]
    (look,) = looks([record(labels=found)], shows, BOXES)
    assert (look.hits, look.things) == (1, 4)
    right = looks([record(labels=[seen("nut", 0.06), seen("nut", 0.5)])], shows, BOXES)
    assert right[0].right


@pytest.mark.parametrize("outcome", ["review", "rejected", "waiting"])
def test_a_held_back_image_that_went_anywhere_else_fails_the_demo(outcome: str) -> None:
    with pytest.raises(DemoError, match=r"held-back image a\.jpg"):
        looks([record(outcome=outcome)], PICTURES, ONE)


def test_pictures_show_what_was_learned_and_what_is_still_wrong() -> None:
    wrong, right = said("x", "nut", "bolt", 50), said("x", "nut", "nut", 90)
    unsure = said("x", "nut", "nut", 50, doubtful=True)
    pairs = [(right, right)] * 20 + [(wrong, right)] * 20 + [(wrong, wrong)] * 5
    pairs += [(right, wrong)] * 5 + [(unsure, right)] * 5
    random.Random(1).shuffle(pairs)
    chosen = choose_pictures(pairs, 12)
    counts = [chosen.count(kind) for kind in [(wrong, right), (wrong, wrong), (right, wrong)]]
    assert counts == [6, 2, 2]
    assert chosen.count((unsure, right)) == 2


def test_kinds_that_are_missing_leave_their_room() -> None:
    right = said("x", "nut", "nut", 90)
    assert len(choose_pictures([(right, right)] * 20, 12)) == 12
    assert len(choose_pictures([(right, right)] * 3, 12)) == 3
