"""TakeTrainingLock: one at a time, and the dead hold nothing."""

import pytest

from functions.take_training_lock.app import lambda_handler
from labelloop.aws import training_lock
from labelloop.aws.training_lock import Lock
from labelloop.errors import TrainingInProgressError
from tests.unit.account import Account, Context, Json, event, refuses

EXECUTION = event("take_training_lock.execution")
ME = EXECUTION["execution_arn"]
OTHER = ME[:-1] + "f"
HELD = Lock(OTHER, None, in_place=False)


def _other_is(account: Account, status: str) -> None:
    def answer(_: Json) -> Json:
        machine = "arn:aws:states:eu-west-1:123456789012:stateMachine:x"
        return {"executionArn": OTHER, "stateMachineArn": machine, "status": status, "startDate": 1}

    account.stepfunctions.answers["DescribeExecution"] = answer


def test_a_free_lock_is_taken_and_may_be_taken_again_by_its_holder(account: Account) -> None:
    for _ in range(2):
        assert lambda_handler(EXECUTION, Context()) == {"unfinished": None}
        assert training_lock.read() == Lock(ME, None, in_place=False)


def test_a_second_training_is_refused_while_one_is_running(account: Account) -> None:
    training_lock.take(HELD)
    _other_is(account, "RUNNING")
    with pytest.raises(TrainingInProgressError):
        lambda_handler(EXECUTION, Context())
    assert training_lock.read() == HELD


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_a_lock_whose_holder_has_died_is_taken_from_it(account: Account, status: str) -> None:
    training_lock.take(HELD)
    _other_is(account, status)
    for _ in range(2):
        assert lambda_handler(EXECUTION, Context()) == {"unfinished": OTHER}, "asked again, too"


def test_a_holder_that_succeeded_has_left_nothing_undone(account: Account) -> None:
    training_lock.take(HELD)
    _other_is(account, "SUCCEEDED")
    assert lambda_handler(EXECUTION, Context()) == {"unfinished": None}


def test_a_holder_that_nobody_remembers_holds_nothing(account: Account) -> None:
    training_lock.take(HELD)
    account.stepfunctions.answers["DescribeExecution"] = refuses("ExecutionDoesNotExist")
    assert lambda_handler(EXECUTION, Context()) == {"unfinished": OTHER}


def test_of_two_that_find_the_same_dead_holder_one_gets_the_lock(account: Account) -> None:
    training_lock.take(HELD)
    training_lock.take(Lock(ME, OTHER, in_place=True), from_owner=OTHER)
    assert training_lock.read() == Lock(ME, OTHER, in_place=True)
    with pytest.raises(TrainingInProgressError):
        training_lock.take(Lock("a third one", OTHER, in_place=False), from_owner=OTHER)
