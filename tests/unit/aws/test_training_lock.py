"""labelloop.aws.training_lock: one training or deployment at a time."""

import pytest

from labelloop.aws import training_lock
from labelloop.aws.training_lock import Lock
from labelloop.errors import TrainingInProgressError
from tests.unit.account import Account


def test_the_lock_is_one_executions_until_it_is_known_to_be_dead(account: Account) -> None:
    assert training_lock.read() is None
    one, two = Lock("one", None, in_place=False), Lock("two", "one", in_place=True)
    training_lock.take(one)
    training_lock.take(one)
    with pytest.raises(TrainingInProgressError):
        training_lock.take(two)
    training_lock.take(two, from_owner="one")
    assert training_lock.read() == two
    with pytest.raises(TrainingInProgressError):
        training_lock.take(one)
