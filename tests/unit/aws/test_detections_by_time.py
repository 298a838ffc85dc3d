"""labelloop.aws.detections_by_time: the log's two indexes."""

from datetime import timedelta

from labelloop import clock
from labelloop.aws import detections, detections_by_time
from labelloop.domain.detections import Outcome
from tests.unit import inference_log
from tests.unit.account import Account


def _id(number: int) -> str:
    return f"{number * 7919:032x}"


def test_records_come_in_the_order_of_time_over_days_partitions_and_pages(
    account: Account,
) -> None:
    account.hook(
        "dynamodb",
        "provide-client-params.dynamodb.Query",
        lambda params, **_: {**params, "Limit": 2},
    )
    since = clock.iso(clock.now())
    ids = []
    for number in range(40):
        account.clock.advance(7200)
        facts = {"label": f"label {number % 5}"}
        made = inference_log.record(_id(number), Outcome.REVIEW, facts, clock.now())
        ids.append(made.record.detection_id)
    found = list(detections_by_time.in_time_order(since, clock.now()))
    assert [record.detection_id for record in found] == ids
    later = list(detections_by_time.in_time_order(found[24].date_id, clock.now()))
    assert later == found[25:]


def test_a_position_later_than_the_end_has_nothing_after_it(account: Account) -> None:
    """The clock of the run before may have been ahead; DynamoDB refuses a range that is turned."""
    inference_log.record(_id(1), Outcome.REVIEW, {}, clock.now())
    after = f"{clock.iso(clock.now())}#{_id(1)}"
    until = clock.now() - timedelta(seconds=2)
    assert list(detections_by_time.in_time_order(after, until)) == []


def test_records_of_a_time_come_the_newest_first_those_of_a_label_alone_where_it_is_named(
    account: Account,
) -> None:
    began = clock.now()
    for number, label in enumerate(["cat", "dog", "cat"]):
        inference_log.record(_id(number), Outcome.CONFIDENT, {"label": label}, clock.now())
        account.clock.advance(24 * 3600)
    names = [record.detection_id for record in detections_by_time.of_time(began, clock.now())]
    assert names == [_id(2), _id(1), _id(0)]
    cats = detections_by_time.of_time(began, clock.now(), "cat")
    assert [record.detection_id for record in cats] == [_id(2), _id(0)]
    later = detections_by_time.of_time(began + timedelta(hours=36), clock.now())
    assert [record.detection_id for record in later] == [_id(2)]


def test_records_of_an_outcome_are_those_of_the_time_that_is_asked_for(account: Account) -> None:
    began = clock.now()
    for number, outcome in enumerate([Outcome.WAITING, Outcome.REVIEW, Outcome.WAITING]):
        inference_log.record(_id(number), outcome, {}, clock.now())
        account.clock.advance(3600)
    assert detections_by_time.count_waiting() == 2
    found = detections_by_time.of_outcome(Outcome.WAITING, began + timedelta(hours=1), clock.now())
    assert [record.detection_id for record in found] == [_id(2)]


def test_records_are_found_by_the_folder_of_their_images_and_forgotten(account: Account) -> None:
    for number, key in enumerate(["a/1.jpg", "b/1.jpg"]):
        inference_log.record(_id(number), Outcome.CONFIDENT, {"key": key}, clock.now())
    assert [record.key for record in detections_by_time.under("a/")] == ["a/1.jpg"]
    detections.forget(_id(0))
    detections.forget(_id(0))
    assert list(detections_by_time.under("a/")) == [] and detections.find(_id(1))
