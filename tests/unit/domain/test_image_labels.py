"""labelloop.domain.image_labels: what records and messages have of them."""

import json

from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import image_labels
from labelloop.domain.image_labels import Label, LabelBox
from labelloop.domain.labels import composed

ratios = st.floats(-1, 2)
boxes = st.builds(LabelBox, ratios, ratios, ratios, ratios)
any_labels = st.builds(Label, st.text().map(composed), st.floats(0, 100), st.none() | boxes)


@given(any_labels)
def test_what_is_told_of_a_label_is_read_again(label: Label) -> None:
    told = label.as_json()
    again = Label.from_json(json.loads(json.dumps(told)))
    assert (again.name, again.as_json()) == (label.name, told)
    assert abs(again.confidence_pct - label.confidence_pct) < 1e-6
    assert (again.box is None) == (label.box is None)
    if again.box and label.box:
        assert abs(again.box.left - label.box.left) < 1e-6
        assert abs(again.box.height - label.box.height) < 1e-6


def test_confidences_that_the_service_tells_apart_stay_apart() -> None:
    """It has single precision: the next number below 70 is 69.99999237."""
    assert Label("cat", 69.99999237060547).as_json() == {"name": "cat", "confidence_pct": 69.999992}


@given(st.lists(any_labels, max_size=30), st.integers(0, 3000))
def test_the_surest_labels_are_kept_and_as_many_as_fit(labels: list[Label], most: int) -> None:
    def taken(kept: list[Label]) -> int:
        texts = [json.dumps(label.as_json(), ensure_ascii=False) for label in kept]
        in_messages = [json.dumps(text, ensure_ascii=False) for text in texts]
        return sum(len(json.dumps(text, ensure_ascii=False).encode()) for text in in_messages)

    ordered = image_labels.surest_first(labels)
    kept = image_labels.surest_that_fit(labels, most)
    assert kept == ordered[: len(kept)]
    assert taken(kept) <= most
    assert len(kept) == len(labels) or taken(ordered[: len(kept) + 1]) > most
