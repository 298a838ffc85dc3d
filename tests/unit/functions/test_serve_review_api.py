"""ServeReviewApi: people take tasks, answer them, think again; nobody gets in another's way."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest

from functions.serve_review_api.app import lambda_handler
from labelloop import clock
from labelloop.aws import review_tasks
from labelloop.domain import human_loops
from labelloop.domain.review_tasks import LEASE, ReviewTask
from tests.unit import api
from tests.unit.account import Account, Context, Json, event

ANN, BOB, CHO = "ann", "bob", "cho"


@pytest.fixture
def queue(account: Account) -> Account:
    """An account with two labels and two tasks for one reviewer each, the first one older."""
    for label in ("scratch", "dent"):
        account.put(f"images_labeled_by_folder/{label}/1.jpg", b"\xff\xd8\xff")
    _add(account, 1)
    _add(account, 2)
    return account


def _add(account: Account, number: int, wanted: int = 1, minutes_ago: int = 60) -> str:
    key = f"images_for_detection/{number}.jpg"
    version_id = account.put(key, b"\xff\xd8\xff")
    now = clock.now()
    task = ReviewTask(
        task_id=f"detection-{number:032x}",
        detection_id=f"{number:032x}",
        bucket=account.bucket,
        key=key,
        version_id=version_id,
        suggested_label="dent",
        suggested_confidence_pct=42.0,
        wanted=wanted,
        created=now - timedelta(minutes=minutes_ago, seconds=-number),
        answers={},
        claims={},
    )
    review_tasks.create_once(task, now)
    return task.task_id


def _ask(case: str, person: str = ANN, task: str = "", **changes: Any) -> tuple[int, Any]:
    """(status, content) of the answer to a sample request, made by a person about a task."""
    request = event(f"serve_review_api.{case}") | changes
    request["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = person
    if task:
        old = request["pathParameters"]["id"]
        request = json.loads(json.dumps(request).replace(old, task))
    answer = lambda_handler(request, Context())
    content = json.loads(answer["body"]) if answer.get("body") else None
    api.check(request["routeKey"], answer["statusCode"], content)
    return answer["statusCode"], content


def _next(person: str = ANN) -> Json:
    status, shown = _ask("next", person)
    assert status == 200
    return dict(shown)


def _outputs(account: Account) -> list[Json]:
    return [json.loads(account.read(key)) for key in account.keys(human_loops.FOLDER)]


def test_a_person_is_given_the_oldest_task_with_the_picture_and_the_labels(queue: Account) -> None:
    shown = _next()
    assert shown["task_id"].endswith("1")
    assert shown["labels"] == ["dent", "scratch"]
    assert shown["file_name"] == "1.jpg"
    assert "versionId=" in shown["image_url"]


def test_nobody_sees_what_the_model_or_others_said(queue: Account) -> None:
    assert set(_next()) == {
        "task_id",
        "image_url",
        "file_name",
        "labels",
        "none",
        "lease_until",
    }


def test_two_people_get_two_tasks_and_a_third_gets_none(queue: Account) -> None:
    assert _next(ANN)["task_id"] != _next(BOB)["task_id"]
    assert _ask("next", CHO) == (204, None)


def test_a_task_comes_back_when_its_lease_ends(queue: Account) -> None:
    first = _next(ANN)["task_id"]
    queue.clock.advance(LEASE.total_seconds() + 1)
    assert first in {_next(BOB)["task_id"], _next(CHO)["task_id"]}


def test_an_answer_is_handed_on_in_a2is_format_and_the_task_leaves_the_queue(
    queue: Account,
) -> None:
    task = _next()["task_id"]
    assert _ask("answer", task=task) == (
        200,
        {"task_id": task, "answers": 1, "complete": True},
    )
    (output,) = _outputs(queue)
    (read,) = human_loops.read(json.dumps(output).encode())
    assert (read.worker, read.label) == (ANN, "scratch")
    assert output["humanLoopName"] == task
    assert _ask("summary") == (200, {"open": 1})


def test_the_same_answer_twice_is_one_answer(queue: Account) -> None:
    task = _next()["task_id"]
    first = _ask("answer", task=task)
    before = queue.items("ReviewTasksTable")
    assert _ask("answer", task=task) == first
    assert queue.items("ReviewTasksTable") == before
    assert len(queue.keys(human_loops.FOLDER)) == 1


def test_an_answer_under_another_type_than_json_is_taken_all_the_same(queue: Account) -> None:
    """API Gateway puts what curl sends by itself into base64."""
    task = _next()["task_id"]
    body = base64.b64encode(b'{"label": "dent"}').decode()
    assert _ask("answer", task=task, body=body, isBase64Encoded=True)[0] == 200


def test_none_of_the_labels_is_an_answer(queue: Account) -> None:
    task = _next()["task_id"]
    assert _ask("none", task=task)[0] == 200
    (output,) = _outputs(queue)
    (read,) = human_loops.read(json.dumps(output).encode())
    assert read.label is None


def test_a_tie_asks_one_more_and_only_then_is_it_handed_on(account: Account) -> None:
    account.put("images_labeled_by_folder/scratch/1.jpg", b"\xff\xd8\xff")
    task = _add(account, 1, wanted=2)
    for person, case, complete in (
        (ANN, "answer", False),
        (BOB, "none", False),
        (CHO, "none", True),
    ):
        assert _next(person)["task_id"] == task
        assert _ask(case, person, task)[1]["complete"] is complete
        assert bool(_outputs(account)) is complete
    assert len(_outputs(account)[0]["humanAnswers"]) == 3


def test_a_person_who_has_answered_many_tasks_still_gets_the_next_one(account: Account) -> None:
    """Tasks that wait for a second reviewer are the oldest in the queue: more than one page."""
    account.put("images_labeled_by_folder/scratch/1.jpg", b"\xff\xd8\xff")
    account.hook(
        "dynamodb",
        "provide-client-params.dynamodb.Query",
        lambda params, **_: {**params, "Limit": 2},
    )
    for number in range(5):
        _add(account, number, wanted=2)
    seen = set()
    for _ in range(5):
        task = _next(ANN)["task_id"]
        _ask("answer", ANN, task)
        seen.add(task)
    assert len(seen) == 5
    assert _ask("next", ANN) == (204, None)


def test_an_answer_taken_back_can_be_given_anew_and_the_last_one_counts(queue: Account) -> None:
    task = _next()["task_id"]
    _ask("answer", task=task)
    status, shown = _ask("undo", task=task)
    assert (status, shown["task_id"]) == (200, task)
    _ask("none", task=task)
    (output,) = _outputs(queue)
    (read,) = human_loops.read(json.dumps(output).encode())
    assert read.label is None


def test_a_released_task_is_the_next_persons(queue: Account) -> None:
    task = _next(ANN)["task_id"]
    assert _ask("release", ANN, task)[0] == 200
    assert _next(BOB)["task_id"] == task


def test_a_task_whose_answers_were_never_handed_on_is_handed_on_by_the_next_person(
    queue: Account,
) -> None:
    task = review_tasks.get(_next(ANN)["task_id"])
    died = task.answered(ANN, "dent", clock.now())
    review_tasks.replace_with(died, clock.now())
    queue.clock.advance(LEASE.total_seconds() + 1)
    assert _next(BOB)["task_id"] != task.task_id
    assert _ask("next", CHO) == (204, None)
    (output,) = _outputs(queue)
    assert output["humanLoopName"] == task.task_id


def test_the_list_shows_what_may_be_taken_now(queue: Account) -> None:
    _next()
    status, listed = _ask("list")
    assert status == 200
    (task,) = listed["tasks"]
    assert (task["answers"], task["wanted"]) == (0, 1)
    assert task["task_id"].endswith("2")


@pytest.mark.parametrize(
    ("case", "changes", "status", "code"),
    [
        ("stranger", {}, 403, "NotAllowed"),
        ("list", {"queryStringParameters": {"status": "closed"}}, 400, "InvalidRequest"),
        ("answer", {"body": None}, 400, "InvalidRequest"),
        ("answer", {"body": "[]"}, 400, "InvalidRequest"),
        ("answer", {"body": "{}"}, 400, "InvalidRequest"),
        ("answer", {"body": '{"label": "dent", "none": true}'}, 400, "InvalidRequest"),
        ("answer", {"body": '{"label": "rust"}'}, 400, "MalformedAnswer"),
        ("answer", {"body": '{"label": "a/b"}'}, 400, "MalformedAnswer"),
        ("answer", {}, 404, "NotFound"),
        ("release", {}, 404, "NotFound"),
        ("undo", {}, 404, "NotFound"),
    ],
)
def test_what_is_the_callers_fault_is_said_with_a_code(
    queue: Account, case: str, changes: Json, status: int, code: str
) -> None:
    got, content = _ask(case, **changes)
    assert (got, content["error"]["code"]) == (status, code)
    assert content["error"]["message"]


def test_what_was_not_claimed_or_answered_cannot_be_answered_or_taken_back(queue: Account) -> None:
    task = _next(ANN)["task_id"]
    assert _ask("answer", BOB, task)[0] == 400
    assert _ask("undo", BOB, task)[0] == 400


def test_a_machines_token_opens_no_review(queue: Account) -> None:
    machine = event("serve_detect_api.image")["requestContext"]["authorizer"]
    for case in ("list", "summary", "next", "answer", "release", "undo"):
        context = {**event(f"serve_review_api.{case}")["requestContext"], "authorizer": machine}
        status, refusal = _ask(case, requestContext=context)
        assert (status, refusal["error"]["code"]) == (403, "NotAllowed")


def test_new_labels_are_taken_where_the_deployment_allows_them(
    queue: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALLOW_NEW_LABELS", "true")
    task = _next()["task_id"]
    assert _ask("answer", task=task, body='{"label": "rust"}')[0] == 200
