"""labelloop.aws.forgotten_detections: what is not to be archived any more."""

from labelloop.aws import forgotten_detections
from tests.unit.account import Account


def test_what_was_forgotten_stays_so_however_often_that_is_noted(account: Account) -> None:
    assert forgotten_detections.noted() == set()
    for _ in range(2):
        forgotten_detections.note(["a" * 32, "b" * 32])
    assert forgotten_detections.noted() == {"a" * 32, "b" * 32}
