"""RequeueReview: what A2I's workers did not answer is asked on the console, once."""

from typing import Any

import pytest

from functions.requeue_review.app import lambda_handler
from labelloop import clock
from labelloop.aws import review_tasks
from labelloop.domain.detections import Outcome
from labelloop.errors import NotFoundError
from tests.unit import inference_log
from tests.unit.account import Account, Context, Json, event

FAILED = event("requeue_review.failed")
LOOP = FAILED["detail"]["humanLoopName"]
DETECTION = LOOP.removeprefix("detection-")


def _ended(**detail: Any) -> Json:
    return {**FAILED, "detail": {**FAILED["detail"], **detail}}


def _detected(**facts: Any) -> None:
    known = {"bucket": "b", "key": "a.jpg", "version_id": "v", "human_loop": LOOP, **facts}
    inference_log.record(DETECTION, Outcome.REVIEW, known, clock.now())


def test_its_image_becomes_a_task_and_the_operator_is_told_once_a_day(account: Account) -> None:
    _detected()
    assert lambda_handler(FAILED, Context()) == {"created": True}
    assert review_tasks.get(LOOP).key == "a.jpg"
    assert lambda_handler(FAILED, Context()) == {"created": False}
    (told,) = account.operator_facts()
    assert (told["loop"], told["status"]) == (LOOP, "Failed")


def test_what_was_answered_meanwhile_is_not_asked_again(account: Account) -> None:
    _detected(agreement="decided")
    assert lambda_handler(FAILED, Context()) == {"created": False}
    assert account.items("ReviewTasksTable") == []


def test_somebody_elses_loop_is_left_alone(account: Account) -> None:
    assert lambda_handler(_ended(humanLoopName="theirs"), Context()) == {"created": False}


def test_a_loop_about_nothing_that_is_known_is_no_success(account: Account) -> None:
    with pytest.raises(NotFoundError):
        lambda_handler(FAILED, Context())
