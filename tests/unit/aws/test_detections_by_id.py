"""labelloop.aws.detections_by_id: many records at once."""

from labelloop import clock
from labelloop.aws import detections_by_id
from labelloop.domain.detections import Outcome
from tests.unit import inference_log
from tests.unit.account import Account


def _id(number: int) -> str:
    return f"{number * 7919:032x}"


def test_records_are_looked_up_by_name_more_than_dynamodb_gives_at_once(account: Account) -> None:
    names = [_id(number) for number in range(detections_by_id.LOOKED_UP_AT_ONCE + 3)]
    for name in names[:-1]:
        inference_log.record(name, Outcome.CONFIDENT, {"label": "cat"}, clock.now())
    assert detections_by_id.known(names) == set(names[:-1])
    assert {record.label for record in detections_by_id.those(names)} == {"cat"}
