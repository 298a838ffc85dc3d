"""labelloop.domain.detections: identity, doubt, and who hears of it."""

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import detections
from labelloop.domain.detections import Label, Outcome
from labelloop.domain.images import ImageObject

IMAGE = ImageObject("bucket", "images_for_detection/a.jpg", "v1", "etag", 1000)
keys = st.text(min_size=1, max_size=40)


def _image(**changes: object) -> ImageObject:
    return ImageObject(**{**IMAGE.__dict__, **changes})


def test_one_object_version_is_one_detection_whatever_else_its_event_says() -> None:
    assert detections.detection_id(IMAGE) == detections.detection_id(
        _image(etag="other", size_bytes=5)
    )


@pytest.mark.parametrize("changes", [{"bucket": "b"}, {"key": "k"}, {"version_id": "v2"}])
def test_another_object_version_is_another_detection(changes: dict[str, str]) -> None:
    assert detections.detection_id(IMAGE) != detections.detection_id(_image(**changes))


def test_unversioned_objects_are_told_apart_by_their_etag() -> None:
    one, other = _image(version_id=None), _image(version_id=None, etag="changed")
    assert detections.detection_id(one) != detections.detection_id(other)


@given(keys, keys)
def test_a_human_loops_name_is_one_that_a2i_takes_and_leads_back(key: str, version: str) -> None:
    detection = detections.detection_id(_image(key=key, version_id=version))
    name = detections.human_loop_name(detection)
    assert re.fullmatch(r"[a-z0-9](-*[a-z0-9])*", name)
    assert len(name) <= 63
    assert detections.detection_of_loop(name) == detection


@pytest.mark.parametrize(
    "name", ["", "detection", "detection-", "detection-1234", "label-" + "a" * 32]
)
def test_a_loop_of_another_kind_is_about_no_detection(name: str) -> None:
    assert detections.detection_of_loop(name) is None


def test_the_label_with_the_most_confidence_counts_in_whatever_order_they_come() -> None:
    labels = [Label("cat", 20.0), Label("dog", 90.0), Label("cow", 50.0)]
    decision = detections.decide(labels, Decimal(70), review_enabled=True)
    assert decision == detections.Decision(Outcome.CONFIDENT, Label("dog", 90.0))


@pytest.mark.parametrize(
    ("confidence_pct", "outcome"),
    [(70.0, Outcome.CONFIDENT), (69.999, Outcome.REVIEW), (0.0, Outcome.REVIEW)],
)
def test_a_confidence_equal_to_the_minimum_is_certain(
    confidence_pct: float, outcome: Outcome
) -> None:
    labels = [Label("cat", confidence_pct)]
    assert detections.decide(labels, Decimal("70.0"), review_enabled=True).outcome is outcome


def test_nothing_found_is_a_result_that_goes_to_a_person() -> None:
    decision = detections.decide([], Decimal(0), review_enabled=True)
    assert decision == detections.Decision(Outcome.REVIEW, None)


def test_without_review_a_doubtful_detection_is_deferred() -> None:
    decision = detections.decide([Label("cat", 10.0)], Decimal(70), review_enabled=False)
    assert decision == detections.Decision(Outcome.DEFERRED, Label("cat", 10.0))


@given(st.lists(st.floats(0, 100)), st.decimals(0, 100, places=3), st.booleans())
def test_a_decision_is_confident_exactly_when_some_label_reaches_the_minimum(
    confidences: list[float], minimum: Decimal, review: bool
) -> None:
    labels = [Label(f"label {i}", pct) for i, pct in enumerate(confidences)]
    decision = detections.decide(labels, minimum, review)
    certain = any(Decimal(str(pct)) >= minimum for pct in confidences)
    assert (decision.outcome is Outcome.CONFIDENT) == certain
    assert (decision.label is None) == (not labels)


@pytest.mark.parametrize(
    ("notifications", "told"),
    [
        ("all", {Outcome.CONFIDENT, Outcome.REVIEW, Outcome.DEFERRED, Outcome.REJECTED}),
        ("low-confidence", {Outcome.REVIEW, Outcome.DEFERRED, Outcome.REJECTED}),
        ("off", set()),
    ],
)
def test_the_consumer_hears_of_what_the_operator_chose_and_never_of_waiting(
    notifications: object, told: set[Outcome]
) -> None:
    heard = {
        outcome
        for outcome in Outcome
        if detections.wants_message(outcome, notifications)  # type: ignore[arg-type]
    }
    assert heard == told


def test_only_what_was_not_confident_is_in_the_index_of_outcomes() -> None:
    detection = detections.detection_id(IMAGE)
    assert detections.outcome_shard(Outcome.CONFIDENT, detection) is None
    for outcome in set(Outcome) - {Outcome.CONFIDENT}:
        shard = detections.outcome_shard(outcome, detection)
        assert shard in detections.outcome_shards(outcome)
