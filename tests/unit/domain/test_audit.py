"""labelloop.domain.audit: what people's answer says of a sampled detection."""

import pytest

from labelloop.domain import audit
from labelloop.domain.accuracy import Sample
from labelloop.domain.annotations import ModelType
from labelloop.domain.image_labels import HumanLabel, Label, LabelBox
from labelloop.domain.labels import NONE_OF_THEM

CLASSIFICATION, MULTI_LABEL, DETECTION = ModelType


def _labels(*names: str) -> list[Label]:
    """Those names, the surest first."""
    return [Label(name, 99.0 - place) for place, name in enumerate(names)]


def _box(name: str, left: float, width: float = 0.2) -> Label:
    return Label(name, 90.0, LabelBox(left, 0.1, width, 0.2))


def _said(labels: list[Label]) -> list[HumanLabel]:
    return [HumanLabel(label.name, label.box) for label in labels]


@pytest.mark.parametrize(
    ("model_type", "found", "said", "right"),
    [
        (CLASSIFICATION, _labels("cat", "dog"), _labels("cat"), True),
        (CLASSIFICATION, _labels("cat", "dog"), _labels("dog"), False),
        (CLASSIFICATION, _labels("cat"), [], False),
        (CLASSIFICATION, _labels(NONE_OF_THEM, "cat"), [], True),
        (CLASSIFICATION, _labels(NONE_OF_THEM, "cat"), _labels("cat"), False),
        (MULTI_LABEL, _labels("cat", "dog"), _labels("dog", "cat"), True),
        (MULTI_LABEL, _labels("cat", "dog"), _labels("cat"), False),
        (MULTI_LABEL, _labels("cat"), _labels("cat", "dog"), False),
        (DETECTION, [_box("cat", 0.1)], [_box("cat", 0.15)], True),
        (DETECTION, [_box("cat", 0.1)], [_box("cat", 0.2)], False),
        (DETECTION, [_box("cat", 0.1)], [_box("dog", 0.1)], False),
        (DETECTION, [_box("cat", 0.1), _box("cat", 0.11)], [_box("cat", 0.1)], False),
        (DETECTION, [_box("cat", 0.1)], [_box("cat", 0.1), _box("cat", 0.6)], False),
        (DETECTION, [_box("cat", 0.1)], [], False),
    ],
)
def test_right_is_what_people_said_and_nothing_else(
    model_type: ModelType, found: list[Label], said: list[Label], right: bool
) -> None:
    assert audit.judged(found, _said(said), model_type).right is right


def test_boxes_are_compared_where_they_are_whatever_order_they_come_in() -> None:
    found = [_box("cat", 0.1), _box("cat", 0.25), _box("dog", 0.6)]
    assert audit.judged(found, _said(found[::-1]), DETECTION) == Sample(("cat", "dog"), True)
