"""labelloop.domain.detections: identity, doubt, and who hears of it."""

import re
from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import detections
from labelloop.domain.annotations import ModelType
from labelloop.domain.detections import Outcome
from labelloop.domain.image_labels import Label, LabelBox
from labelloop.domain.images import ImageObject

CLASSIFICATION = ModelType.CLASSIFICATION
MULTI_LABEL = ModelType.MULTI_LABEL
DETECTION = ModelType.DETECTION
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


# --- Doubt ----------------------------------------------------------------------------------------


def _box(confidence_pct: float) -> Label:
    return Label("gear", confidence_pct, LabelBox(0.1, 0.2, 0.3, 0.4))


@pytest.mark.parametrize(
    ("model_type", "outcome", "deciding"),
    [
        (CLASSIFICATION, Outcome.CONFIDENT, Label("dog", 90.0)),
        (MULTI_LABEL, Outcome.REVIEW, Label("cat", 20.0)),
        (DETECTION, Outcome.REVIEW, Label("cat", 20.0)),
    ],
)
def test_the_surest_label_decides_or_the_least_sure_in_whatever_order_they_come(
    model_type: ModelType, outcome: Outcome, deciding: Label
) -> None:
    labels = [Label("cat", 20.0), Label("dog", 90.0), Label("cow", 50.0)]
    for ordered in permutations(labels):
        decision = detections.decide(ordered, model_type, Decimal(70), asked_at_once=True)
        assert decision == detections.Decision(outcome, deciding)


@pytest.mark.parametrize("model_type", ModelType)
@pytest.mark.parametrize(
    ("confidence_pct", "outcome"),
    [(70.0, Outcome.CONFIDENT), (69.999, Outcome.REVIEW), (0.0, Outcome.REVIEW)],
)
def test_a_confidence_equal_to_the_minimum_is_certain(
    model_type: ModelType, confidence_pct: float, outcome: Outcome
) -> None:
    labels = [Label("cat", confidence_pct)]
    decision = detections.decide(labels, model_type, Decimal("70.0"), asked_at_once=True)
    assert decision.outcome is outcome


def test_a_chance_counts_for_the_confidence_where_it_is_known() -> None:
    rightly_low, wrongly_high = Label("cat", 2.0, chance_pct=90.0), Label("dog", 99.0, None, 69.0)
    decision = detections.decide([rightly_low], MULTI_LABEL, Decimal(70), asked_at_once=True)
    assert decision == detections.Decision(Outcome.CONFIDENT, rightly_low)
    both = [wrongly_high, rightly_low]
    decision = detections.decide(both, MULTI_LABEL, Decimal(70), asked_at_once=True)
    assert decision == detections.Decision(Outcome.REVIEW, wrongly_high)


@pytest.mark.parametrize("model_type", [MULTI_LABEL, DETECTION])
@pytest.mark.parametrize(
    ("chance_pct", "outcome"), [(30.0, Outcome.CONFIDENT), (30.01, Outcome.REVIEW)]
)
def test_what_was_not_found_and_may_be_there_is_doubtful(
    model_type: ModelType, chance_pct: float, outcome: Outcome
) -> None:
    found = [Label("cat", 99.0, chance_pct=99.0)]
    unsure = [Label("dog", 0.5, chance_pct=chance_pct), Label("emu", 60.0, chance_pct=3.0)]
    decision = detections.decide(found, model_type, Decimal(70), asked_at_once=True, unsure=unsure)
    assert decision == detections.Decision(outcome, found[0])


def test_at_a_minimum_of_a_hundred_all_is_doubtful_and_of_nothing_what_was_found_is_not() -> None:
    found, unsure = [Label("cat", 99.0, chance_pct=99.98)], [Label("dog", 1.0, chance_pct=49.0)]
    outcomes = [
        detections.decide(found, MULTI_LABEL, Decimal(pct), True, unsure=given).outcome
        for pct, given in ((100, []), (100, unsure), (0, unsure))
    ]
    assert outcomes == [Outcome.REVIEW, Outcome.REVIEW, Outcome.CONFIDENT]


@pytest.mark.parametrize("model_type", ModelType)
def test_nothing_found_is_a_result_that_goes_to_a_person(model_type: ModelType) -> None:
    decision = detections.decide([], model_type, Decimal(0), asked_at_once=True)
    assert decision == detections.Decision(Outcome.REVIEW, None)


@pytest.mark.parametrize("model_type", ModelType)
def test_without_review_a_doubtful_detection_is_deferred(model_type: ModelType) -> None:
    labels = [Label("cat", 10.0)]
    decision = detections.decide(labels, model_type, Decimal(70), asked_at_once=False)
    assert decision == detections.Decision(Outcome.DEFERRED, Label("cat", 10.0))


@pytest.mark.parametrize(("count", "outcome"), [(49, Outcome.CONFIDENT), (50, Outcome.REVIEW)])
def test_as_many_boxes_as_can_be_trained_are_doubtful_however_sure(
    count: int, outcome: Outcome
) -> None:
    decision = detections.decide([_box(99.0)] * count, DETECTION, Decimal(70), asked_at_once=True)
    assert decision == detections.Decision(outcome, _box(99.0))


def test_many_labels_of_a_whole_image_are_not_doubtful() -> None:
    labels = [Label(f"label {number}", 99.0) for number in range(50)]
    decision = detections.decide(labels, MULTI_LABEL, Decimal(70), asked_at_once=True)
    assert decision.outcome is Outcome.CONFIDENT


confidences = st.lists(st.floats(0, 100), max_size=60)
minima = st.decimals(0, 100, places=3)


@given(confidences, minima, st.booleans())
def test_a_classification_is_confident_exactly_when_some_label_reaches_the_minimum(
    given_pct: list[float], minimum: Decimal, review: bool
) -> None:
    labels = [Label(f"label {i}", pct) for i, pct in enumerate(given_pct)]
    decision = detections.decide(labels, CLASSIFICATION, minimum, review)
    certain = any(Decimal(str(pct)) >= minimum for pct in given_pct)
    assert (decision.outcome is Outcome.CONFIDENT) == certain
    assert (decision.label is None) == (not labels)


@given(confidences, minima, st.booleans(), st.booleans())
def test_several_labels_or_boxes_are_confident_exactly_when_each_reaches_the_minimum(
    given_pct: list[float], minimum: Decimal, boxes: bool, review: bool
) -> None:
    labels = [_box(pct) if boxes else Label("gear", pct) for pct in given_pct]
    decision = detections.decide(labels, DETECTION if boxes else MULTI_LABEL, minimum, review)
    certain = bool(labels) and all(Decimal(str(pct)) >= minimum for pct in given_pct)
    assert (decision.outcome is Outcome.CONFIDENT) == (certain and not (boxes and len(labels) > 49))
    if labels:
        assert decision.label
        assert decision.label.confidence_pct == min(given_pct)


# --- Who hears of it -------------------------------------------------------


@pytest.mark.parametrize(
    ("notifications", "told"),
    [
        ("all", {Outcome.CONFIDENT, Outcome.REVIEW, Outcome.DEFERRED, Outcome.REJECTED}),
        ("low-confidence", {Outcome.REVIEW, Outcome.DEFERRED, Outcome.REJECTED}),
        ("decisions", set()),
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


@pytest.mark.parametrize(
    ("notifications", "told"),
    [
        ("all", {"confident", "review", "deferred"}),
        ("low-confidence", {"review", "deferred"}),
        ("decisions", {"confident", "review", "deferred"}),
        ("off", set()),
    ],
)
def test_who_heard_of_a_detection_hears_what_people_say_of_it(
    notifications: object, told: set[str]
) -> None:
    heard = {
        outcome
        for outcome in ("confident", "review", "deferred")
        if detections.wants_decision(outcome, notifications)  # type: ignore[arg-type]
    }
    assert heard == told
