"""RequestReview: a doubtful image becomes one task."""

import pytest

from functions.request_review.app import lambda_handler
from labelloop import clock
from labelloop.aws import detections, review_tasks
from labelloop.aws.review_tasks import Person
from labelloop.domain.annotations import ModelType
from labelloop.domain.detections import Label, Outcome, human_loop_name
from labelloop.errors import NotFoundError
from tests.unit.account import Account, Context, Json, event

DOUBTFUL = event("request_review.doubtful")
DETECTION = DOUBTFUL["detection_id"]


def test_a_task_is_made_once_and_keeps_what_happened_to_it(account: Account) -> None:
    loop = human_loop_name(DETECTION)
    facts: Json = {"bucket": "b", "key": "a.jpg", "version_id": "v", "label": "cat"}
    facts |= {"confidence_pct": 12.5, "human_loop": loop}
    facts["labels"] = [
        {"name": "cat", "confidence_pct": 12.5},
        {"name": "dog", "confidence_pct": 5},
    ]
    detections.record_once(DETECTION, Outcome.REVIEW, facts, clock.now())
    assert lambda_handler(DOUBTFUL, Context()) == {"human_loop": loop, "created": True}
    task = review_tasks.get(loop)
    assert (task.key, task.suggestion) == ("a.jpg", (Label("cat", 12.5),))
    ann = Person("ann", "ann@example.com")
    review_tasks.change(task, task.claimed("ann", clock.now()), ann, clock.now())
    assert lambda_handler(DOUBTFUL, Context()) == {"human_loop": loop, "created": False}
    assert "ann" in review_tasks.get(loop).claims


def test_nothing_found_is_asked_about_too(account: Account) -> None:
    loop = human_loop_name(DETECTION)
    facts = {"bucket": "b", "key": "a.jpg", "human_loop": loop}
    detections.record_once(DETECTION, Outcome.REVIEW, facts, clock.now())
    lambda_handler(DOUBTFUL, Context())
    assert review_tasks.get(loop).suggestion == ()


def test_the_boxes_that_the_model_found_are_what_people_begin_with(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_TYPE", "detection")
    box = {"left": 0.1, "top": 0.2, "width": 0.3, "height": 0.4}
    labels = [{"name": name, "confidence_pct": 60, "box": box} for name in ("cat", "dog")]
    loop = human_loop_name(DETECTION)
    facts = {"bucket": "b", "key": "a.jpg", "human_loop": loop, "labels": labels}
    detections.record_once(DETECTION, Outcome.REVIEW, facts, clock.now())
    lambda_handler(DOUBTFUL, Context())
    task = review_tasks.get(loop)
    assert task.model_type is ModelType.DETECTION
    assert [label.as_json() for label in task.suggestion] == labels


def test_a_detection_that_is_not_in_the_log_is_not_found(account: Account) -> None:
    with pytest.raises(NotFoundError):
        lambda_handler(DOUBTFUL, Context())
