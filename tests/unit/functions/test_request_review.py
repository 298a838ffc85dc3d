"""RequestReview: a doubtful image becomes one task."""

import pytest

from functions.request_review.app import lambda_handler
from labelloop import clock
from labelloop.aws import detections, review_tasks
from labelloop.domain.detections import Outcome, human_loop_name
from labelloop.errors import NotFoundError
from tests.unit.account import Account, Context, Json, event

DOUBTFUL = event("request_review.doubtful")
DETECTION = DOUBTFUL["detection_id"]


def test_a_task_is_made_once_and_keeps_what_happened_to_it(account: Account) -> None:
    loop = human_loop_name(DETECTION)
    facts: Json = {"bucket": "b", "key": "a.jpg", "version_id": "v", "label": "cat"}
    facts |= {"confidence_pct": 12.5, "human_loop": loop}
    detections.record_once(DETECTION, Outcome.REVIEW, facts, clock.now())
    assert lambda_handler(DOUBTFUL, Context()) == {"human_loop": loop, "created": True}
    task = review_tasks.get(loop)
    assert (task.key, task.suggested_label, task.suggested_confidence_pct) == ("a.jpg", "cat", 12.5)
    review_tasks.replace_with(task.claimed("ann", clock.now()), clock.now())
    assert lambda_handler(DOUBTFUL, Context()) == {"human_loop": loop, "created": False}
    assert "ann" in review_tasks.get(loop).claims


def test_nothing_found_is_asked_about_too(account: Account) -> None:
    loop = human_loop_name(DETECTION)
    facts = {"bucket": "b", "key": "a.jpg", "human_loop": loop}
    detections.record_once(DETECTION, Outcome.REVIEW, facts, clock.now())
    lambda_handler(DOUBTFUL, Context())
    assert review_tasks.get(loop).suggested_label is None


def test_a_detection_that_is_not_in_the_log_is_not_found(account: Account) -> None:
    with pytest.raises(NotFoundError):
        lambda_handler(DOUBTFUL, Context())
