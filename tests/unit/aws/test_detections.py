"""labelloop.aws.detections: one record for each object version."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from labelloop import clock
from labelloop.aws import detections, detections_by_time
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.detections import Outcome, human_loop_name
from labelloop.domain.image_labels import Label, LabelBox
from labelloop.domain.images import ImageObject
from labelloop.errors import NotFoundError
from tests.unit import inference_log
from tests.unit.account import Account

IMAGE = ImageObject("bucket", "a.jpg", "v1", "etag", 1)


def _id(number: int) -> str:
    return f"{number * 7919:032x}"


def test_the_first_record_counts(account: Account) -> None:
    first = inference_log.record(_id(1), Outcome.REVIEW, {"label": "cat"}, clock.now())
    account.clock.advance(60)
    second = inference_log.record(_id(1), Outcome.CONFIDENT, {"label": "dog"}, clock.now())
    assert second.record == first.record == detections.get(_id(1))
    assert (first.is_news, second.is_news) == (True, False)


@pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.WAITING}))
def test_a_record_that_waits_gives_way_and_no_other_does(
    account: Account, outcome: Outcome
) -> None:
    made = [
        inference_log.record(_id(1), each, {}, clock.now())
        for each in (Outcome.WAITING, Outcome.WAITING, outcome, Outcome.WAITING)
    ]
    assert [each.record.outcome for each in made] == ["waiting", "waiting", outcome, outcome]
    assert [each.is_news for each in made] == [True, False, True, False]
    assert list(detections_by_time.waiting()) == []


def test_records_expire_where_the_deployment_says_so(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = inference_log.record(_id(1), Outcome.CONFIDENT, {}, clock.now())
    assert first.record.expires is None
    monkeypatch.setenv("DETECTION_RETENTION_DAYS", "30")
    record = inference_log.record(_id(2), Outcome.CONFIDENT, {}, clock.now()).record
    assert record.expires == clock.epoch_s(clock.now(), timedelta(days=30))


def test_an_image_that_waits_for_a_model_waits_however_long_that_takes(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DETECTION_RETENTION_DAYS", "1")
    waiting = inference_log.record(_id(1), Outcome.WAITING, {}, clock.now()).record
    assert waiting.expires is None
    made = inference_log.record(_id(1), Outcome.CONFIDENT, {}, clock.now())
    assert made.record.expires is not None


@pytest.mark.parametrize(
    ("outcome", "ask"),
    [
        (Outcome.REVIEW, detections.get),
        (Outcome.DEFERRED, detections.turn_to_review),
        (Outcome.CONFIDENT, lambda detection: detections.sample(detection, 0.001)),
    ],
)
@pytest.mark.parametrize("key", ["images_labeled_by_folder/cat/1.jpg", ""])
def test_a_record_about_which_people_are_asked_stays_until_they_have_answered(
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    outcome: Outcome,
    ask: Callable[[str], DetectionRecord],
    key: str,
) -> None:
    monkeypatch.setenv("DETECTION_RETENTION_DAYS", "7")
    inference_log.record(_id(1), outcome, {}, clock.now())
    record = ask(_id(1))
    assert record.expires is None
    account.clock.advance(timedelta(days=8).total_seconds())
    detections.begin_to_copy(record, key, clock.iso(clock.now()))
    expires = inference_log.recorded(_id(1))["expires"]
    assert expires == clock.epoch_s(clock.now(), timedelta(days=7))


def test_the_record_of_an_image_to_be_labelled_never_expires(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DETECTION_RETENTION_DAYS", "7")
    record = detections.record_labeling_once(IMAGE, clock.now())
    detections.begin_to_copy(record, "", clock.iso(clock.now()))
    assert detections.get(record.detection_id).expires is None


def test_what_is_not_there_is_not_found_and_cannot_be_added_to(account: Account) -> None:
    with pytest.raises(NotFoundError):
        inference_log.recorded(_id(1))
    with pytest.raises(NotFoundError):
        detections.note_asked(_id(1), human_loop_name(_id(1)))
    assert account.items("DetectionsTable") == []


def test_what_a_later_release_has_written_is_kept(account: Account) -> None:
    inference_log.record(_id(1), Outcome.REVIEW, {"key": "a.jpg", "mood": {"of": 1}}, clock.now())
    detections.note_review_problem(_id(1), "It cannot be read.")
    record = detections.get(_id(1))
    assert (record.unknown, record.key) == ({"mood": {"of": 1}}, "a.jpg")
    assert record.review_problem == "It cannot be read."


def test_numbers_that_dynamodb_would_refuse_are_recorded_as_what_they_come_to(
    account: Account,
) -> None:
    labels = [
        Label("cat", 5e-324, LabelBox(-1e-200, 1 / 3, 1e-7, 1.0)),
        Label("dog", 97.10000610351562),
    ]
    facts = {"labels": [label.as_json() for label in labels]}
    inference_log.record(_id(1), Outcome.REVIEW, facts, clock.now())
    cat, dog = (Label.from_json(entry) for entry in inference_log.recorded(_id(1))["labels"])
    assert cat == Label("cat", 0.0, LabelBox(0.0, 0.333333, 0.0, 1.0))
    assert dog == Label("dog", 97.100006)
