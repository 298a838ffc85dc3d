from typing import Any

import pytest

from labelloop.domain.annotations import Annotation, Box
from local.demo.box_review import left_as_they_were
from local.demo.failure import DemoError

SHOWS = Annotation.of_boxes([Box("nut", 10, 10, 40, 40), Box("nut", 100, 10, 40, 40)], (200, 100))


def task(*labels: dict[str, Any]) -> dict[str, Any]:
    return {"suggestion": {"labels": [{"confidence_pct": 60, **label} for label in labels]}}


def around(name: str, left: float) -> dict[str, Any]:
    return {"name": name, "box": {"left": left, "top": 0.1, "width": 0.2, "height": 0.4}}


def test_a_box_is_left_that_is_around_something_of_its_label() -> None:
    suggested = task(around("nut", 0.06), around("nut", 0.05), around("bolt", 0.5))
    assert [there for _, there in left_as_they_were(suggested, SHOWS)] == [SHOWS.boxes[0]]
    both = task(around("nut", 0.06), around("nut", 0.5))
    assert len(left_as_they_were(both, SHOWS)) == 2


def test_where_images_have_labels_alone_there_is_no_box_to_leave() -> None:
    assert left_as_they_were(task({"name": "nut"}), Annotation.of_labels(["nut"])) == []


def test_a_box_that_the_model_left_out_ends_the_demo() -> None:
    with pytest.raises(DemoError, match="nut without a box"):
        left_as_they_were(task({"name": "nut"}), SHOWS)
