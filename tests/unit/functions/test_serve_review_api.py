"""ServeReviewApi: people take tasks, answer them, think again; nobody gets in another's way."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest

from functions.serve_review_api.app import lambda_handler
from labelloop import clock, http_api
from labelloop.aws import deployed_version, review_tasks
from labelloop.aws.review_tasks import Person
from labelloop.domain import human_loops
from labelloop.domain.annotations import Annotation, Box, ModelType
from labelloop.domain.image_labels import Label, LabelBox
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.review_tasks import LEASE, SKIPPED_FOR, ReviewTask
from tests.unit import api
from tests.unit.account import Account, Context, Json, event

ANN, BOB, CHO = "ann", "bob", "cho"
SUGGESTIONS = {
    ModelType.CLASSIFICATION: (Label("dent", 42.0),),
    ModelType.MULTI_LABEL: (Label("dent", 42.0), Label("scratch", 41.0)),
    ModelType.DETECTION: (Label("dent", 42.0, LabelBox(-0.1, 0.5, 0.4, 0.6)),),
}
BOXES: Json = {
    "boxes": [{"label": "scratch", "left": 12, "top": 8, "width": 40, "height": 30}],
    "size": {"width": 640, "height": 480},
}


@pytest.fixture
def queue(account: Account) -> Account:
    """An account with two labels and two tasks for one reviewer each, the first one older."""
    for label in ("scratch", "dent"):
        account.put(f"images_labeled_by_folder/{label}/1.jpg", b"\xff\xd8\xff")
    _add(account, 1)
    _add(account, 2)
    return account


@pytest.fixture
def boxes(account: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    """An account whose model gives boxes, with a label and a task."""
    monkeypatch.setenv("MODEL_TYPE", "detection")
    monkeypatch.setenv("REVIEW_LABELS", "scratch,dent")
    _add(account, 1, model_type=ModelType.DETECTION)
    return account


@pytest.fixture
def several(account: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    """An account whose model gives several labels, with two labels and a task."""
    monkeypatch.setenv("MODEL_TYPE", "multi-label")
    monkeypatch.setenv("REVIEW_LABELS", "scratch,dent")
    _add(account, 1, model_type=ModelType.MULTI_LABEL)
    return account


def _add(
    account: Account,
    number: int,
    wanted: int = 1,
    minutes_ago: int = 60,
    model_type: ModelType = ModelType.CLASSIFICATION,
    *,
    suggestion: tuple[Label, ...] = (),
    senders: frozenset[str] = frozenset(),
) -> str:
    key = f"images_for_detection/{number}.jpg"
    version_id = account.put(key, b"\xff\xd8\xff")
    now = clock.now()
    task = ReviewTask(
        task_id=f"detection-{number:032x}",
        detection_id=f"{number:032x}",
        bucket=account.bucket,
        key=key,
        version_id=version_id,
        model_type=model_type,
        suggestion=suggestion or SUGGESTIONS[model_type],
        wanted=wanted,
        created=now - timedelta(minutes=minutes_ago, seconds=-number),
        senders=senders,
    )
    review_tasks.create_once(task, now)
    return task.task_id


def _ask(case: str, person: str = ANN, task: str = "", **changes: Any) -> tuple[int, Any]:
    """(status, content) of the answer to a sample request, made by a person about a task."""
    request = event(f"serve_review_api.{case}") | changes
    claims = request["requestContext"]["authorizer"]["jwt"]["claims"]
    claims |= {"sub": person, "email": f"{person}@example.com"}
    for change, value in list(changes.items()):
        if change == "groups":
            claims["cognito:groups"] = value
            del request["groups"]
    if task:
        old = request["pathParameters"]["id"]
        request = json.loads(json.dumps(request).replace(old, task))
    answer = lambda_handler(request, Context())
    content = json.loads(answer["body"]) if answer.get("body") else None
    api.check(request["routeKey"], answer["statusCode"], content)
    assert answer["headers"].items() >= http_api.HEADERS.items()
    return answer["statusCode"], content


def _next(person: str = ANN) -> Json:
    status, shown = _ask("next", person)
    assert status == 200
    (task,) = shown["tasks"]
    return dict(task)


def _next_but(person: str, *but_not: str, count: int = 1) -> list[str]:
    """The names of the tasks that a person gets who has these in hand."""
    body = json.dumps({"count": count, "except": but_not})
    status, shown = _ask("next_some", person, body=body)
    assert status in {200, 204}
    return [task["task_id"] for task in shown["tasks"]] if shown else []


def _said(account: Account) -> list[Annotation]:
    """What the only answers that were handed on say."""
    (output,) = _outputs(account)
    return [answer.said for answer in human_loops.read(json.dumps(output).encode())]


def _outputs(account: Account) -> list[Json]:
    return [json.loads(account.read(key)) for key in account.keys(human_loops.FOLDER)]


def test_a_person_is_given_the_oldest_task_with_the_picture(queue: Account) -> None:
    shown = _next()
    assert shown["task_id"].endswith("1")
    assert shown["file_name"] == "1.jpg"
    assert "versionId=" in shown["image_url"]


def test_each_act_leaves_one_line_that_names_no_address(
    queue: Account, caplog: pytest.LogCaptureFixture
) -> None:
    task = _next()["task_id"]
    queue.clock.advance(60)
    _ask("extend", task=task)
    _ask("answer", task=task)
    _ask("answer", task=task)  # delivered twice
    _ask("undo", task=task)
    _ask("undo", task=task)
    _ask("release", task=task)
    _ask("answer", BOB, task=task)  # not his: refused

    acts = [(record.message, record.__dict__["facts"]) for record in caplog.records]
    assert [message for message, _ in acts] == [
        "task claimed",
        "task extended",
        "task answered",
        "answer undone",
        "task released",
    ]
    assert {(facts["person"], facts["task_id"]) for _, facts in acts} == {(ANN, task)}
    assert acts[2][1]["labels"] == ("scratch",) and "labels" not in acts[3][1]
    assert acts[0][1]["request_id"] and acts[0][1]["detection_id"]
    assert "@" not in str(acts)


def test_nobody_sees_what_the_model_or_others_said(queue: Account) -> None:
    shown = _next()
    assert set(shown) == {
        "task_id",
        "image_url",
        "file_name",
        "lease_until",
        "suggestion",
        "answer",
    }
    assert (shown["suggestion"], shown["answer"]) == (None, None)


def test_people_see_what_the_model_said_where_the_operator_wants_it(queue: Account) -> None:
    queue.set_parameter("Show-Model-Answer", "true")
    assert _next()["suggestion"] == {"labels": [{"name": "dent", "confidence_pct": 42.0}]}


def test_that_the_model_says_none_of_the_labels_is_shown_as_that_answer(account: Account) -> None:
    account.set_parameter("Show-Model-Answer", "true")
    _add(account, 1, suggestion=(Label(NONE_OF_THEM, 95.0),))
    name = _ask("session")[1]["none"]
    assert _next()["suggestion"] == {"labels": [{"name": name, "confidence_pct": 95.0}]}


def test_boxes_are_drawn_from_those_of_the_model_as_far_as_they_are_in_the_image(
    boxes: Account,
) -> None:
    (label,) = _next()["suggestion"]["labels"]
    assert label["box"] == {"left": 0.0, "top": 0.5, "width": 0.3, "height": 0.5}


def test_the_page_is_told_once_what_it_needs_to_know(queue: Account) -> None:
    assert _ask("session") == (
        200,
        {
            "model_type": "classification",
            "labels": ["dent", "scratch"],
            "none": "None of the Above",
            "allow_new_labels": False,
            "show_model_answer": False,
            "lease_s": 300,
            "most_boxes": 50,
            "name": "ann@example.com",
        },
    )


def test_the_labels_of_the_model_that_serves_can_be_chosen_too(queue: Account) -> None:
    deployed_version.switch("v1", "arn:v1", None)
    report = {"labels": [{"label": "rust"}, {"label": "dent"}]}
    queue.put("evaluation/v1/report.json", json.dumps(report).encode())
    assert _ask("session")[1]["labels"] == ["dent", "rust", "scratch"]
    task = _next()["task_id"]
    assert _ask("answer", task=task, body='{"label": "rust"}')[0] == 200


def test_some_tasks_are_claimed_at_once_and_a_reloaded_page_gets_its_own_again(
    queue: Account,
) -> None:
    first, second = _next_but(ANN, count=3)
    assert _next_but(BOB, count=3) == []
    assert _next_but(ANN, first, second) == []
    assert _next_but(ANN, first) == [second]
    assert _next_but(ANN, count=3) == [first, second]


def test_who_needs_longer_says_so_before_somebody_else_has_the_task(queue: Account) -> None:
    task = _next(ANN)["task_id"]
    queue.clock.advance(240)
    status, extended = _ask("extend", ANN, task)
    assert (status, extended["task_id"]) == (200, task)
    assert extended["lease_until"] == clock.iso(clock.now() + LEASE)
    queue.clock.advance(LEASE.total_seconds() + 1)
    assert _next(BOB)["task_id"] == task
    assert _ask("extend", ANN, task)[0] == 409


def test_a_skipped_task_is_others_for_an_hour(queue: Account) -> None:
    task = _next(ANN)["task_id"]
    assert _ask("skip", ANN, task)[0] == 200
    assert _next_but(ANN, count=2) != [task]
    assert task not in _next_but(ANN, count=2)
    assert _next(BOB)["task_id"] == task
    assert _ask("release", BOB, task)[0] == 200
    queue.clock.advance(SKIPPED_FOR.total_seconds())
    assert task in _next_but(ANN, count=2)


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
    assert (read.worker, read.said) == (ANN, Annotation.of_labels(["scratch"]))
    assert output["humanLoopName"] == task
    assert _ask("summary") == (
        200,
        {"open": 1, "compared": 0, "agreed": 0},
    )


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
    assert _said(queue) == [Annotation.of_labels([])]


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
    assert shown["answer"] == {"label": "scratch"}
    assert _ask("undo", task=task)[1]["answer"] is None
    _ask("none", task=task)
    assert _said(queue) == [Annotation.of_labels([])]


def test_an_answer_taken_back_leaves_what_was_handed_on_at_once(queue: Account) -> None:
    task = _next()["task_id"]
    _ask("answer", task=task)
    assert _ask("undo", task=task)[0] == 200
    assert _said(queue) == []
    assert _ask("summary")[1]["open"] == 2
    before = queue.items("ReviewTasksTable")
    assert _ask("undo", task=task)[0] == 200
    assert queue.items("ReviewTasksTable") == before


def test_of_several_answers_none_is_handed_on_when_one_is_taken_back(account: Account) -> None:
    account.put("images_labeled_by_folder/scratch/1.jpg", b"\xff\xd8\xff")
    task = _add(account, 1, wanted=2)
    for person in (ANN, BOB):
        _next(person)
        _ask("answer", person, task)
    assert len(_said(account)) == 2
    assert _ask("undo", BOB, task)[0] == 200
    assert _said(account) == []


def test_an_answer_taken_back_that_was_not_taken_out_is_taken_out_by_a_second_try_or_by_others(
    queue: Account,
) -> None:
    """The process dies between the two writes."""

    def died(task_id: str) -> None:
        task = review_tasks.get(task_id)
        undone = task.undone(ANN, clock.now())
        review_tasks.change(task, undone, Person(ANN, "Ann"), clock.now())

    task = _next()["task_id"]
    _ask("answer", task=task)
    died(task)
    assert _ask("undo", task=task)[0] == 200
    assert _said(queue) == []

    _ask("answer", task=task)
    assert len(_said(queue)) == 1
    died(task)
    queue.clock.advance(LEASE.total_seconds() + 1)
    assert _next(BOB)["task_id"] == task
    assert _said(queue) == []
    _ask("none", BOB, task)
    assert _said(queue) == [Annotation.of_labels([])]


def test_what_is_taken_out_late_gives_way_to_a_newer_answer(queue: Account) -> None:
    task = _next()["task_id"]
    _ask("answer", task=task)

    def meanwhile(**_: object) -> None:
        queue.unhook()
        assert _ask("undo", ANN, task)[0] == 200
        assert _ask("none", ANN, task)[0] == 200

    queue.hook("s3", "before-call.s3.PutObject", meanwhile)
    assert _ask("undo", ANN, task)[0] == 200
    assert _said(queue) == [Annotation.of_labels([])]


def test_a_released_task_is_the_next_persons(queue: Account) -> None:
    task = _next(ANN)["task_id"]
    assert _ask("release", ANN, task)[0] == 200
    assert _next(BOB)["task_id"] == task


def test_a_task_that_was_taken_anew_is_not_given_back_for_an_older_lease(queue: Account) -> None:
    """A page that is reloaded gives back what it had, and claims it again: in either order."""
    first = _next(ANN)
    queue.clock.advance(1)
    again = _next(ANN)
    assert again["task_id"] == first["task_id"]
    for shown, other in ((first, "2"), (again, "1")):
        body = json.dumps({"lease_until": shown["lease_until"]})
        assert _ask("release", ANN, first["task_id"], body=body)[0] == 200
        assert _next(BOB)["task_id"].endswith(other)
        _ask("release", BOB, first["task_id"][:-1] + other)


def test_several_labels_are_an_answer_where_the_model_gives_several(several: Account) -> None:
    task = _next()["task_id"]
    assert _ask("labels", task=task)[0] == 200
    assert _said(several) == [Annotation.of_labels(["dent", "scratch"])]
    assert _ask("undo", task=task)[1]["answer"] == {"labels": ["dent", "scratch"]}
    assert _ask("labels", task=task, body='{"labels": []}')[0] == 200
    assert _said(several) == [Annotation.of_labels([])]


def test_boxes_are_an_answer_where_the_model_gives_boxes(boxes: Account) -> None:
    task = _next()["task_id"]
    assert _ask("boxes", task=task)[0] == 200
    expected = Annotation.of_boxes([Box("scratch", 12, 8, 40, 30)], (640, 480))
    assert _said(boxes) == [expected]
    assert _ask("undo", task=task)[1]["answer"] == BOXES
    assert _ask("none", task=task)[0] == 200
    assert _said(boxes) == [Annotation.of_labels([])]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": None}, "size"),
        ({"size": {"width": 0, "height": 480}}, "size.width"),
        ({"boxes": [{**BOXES["boxes"][0], "left": 601}]}, "not inside the image"),
        ({"boxes": [{**BOXES["boxes"][0], "top": -1}]}, "boxes.0.top"),
        ({"boxes": [{**BOXES["boxes"][0], "width": 1}]}, "too small"),
        ({"boxes": [{**BOXES["boxes"][0], "width": 10**400}]}, "boxes.0.width"),
        ({"boxes": [{**BOXES["boxes"][0], "left": -(10**400)}]}, "boxes.0.left"),
        ({"boxes": [{**BOXES["boxes"][0], "top": True}]}, "boxes.0.top"),
        ({"boxes": [{**BOXES["boxes"][0], "top": "8"}]}, "boxes.0.top"),
        ({"boxes": [{**BOXES["boxes"][0], "label": ""}]}, "boxes.0.label"),
        ({"boxes": [{**BOXES["boxes"][0], "label": "x" * 2000}]}, "boxes.0.label"),
        ({"boxes": [{**BOXES["boxes"][0], "height": 30.5}]}, "boxes.0.height"),
        ({"boxes": [{**BOXES["boxes"][0], "label": "rust"}]}, "none of the labels"),
        ({"boxes": [{**BOXES["boxes"][0], "score": 1}]}, "boxes.0.score"),
        ({"boxes": [{"label": "dent"}]}, "boxes.0.left"),
        ({"boxes": BOXES["boxes"] * 51}, "50"),
        ({"boxes": None, "label": "dent"}, "either boxes or none"),
        ({"none": True}, "either boxes or none"),
    ],
)
def test_boxes_that_teach_nothing_are_refused_in_words(
    boxes: Account, change: Json, message: str
) -> None:
    task = _next()["task_id"]
    status, answer = _ask("boxes", task=task, body=json.dumps(BOXES | change))
    assert (status, message in answer["error"]["message"]) == (400, True), answer
    assert review_tasks.get(task).answers == {}


@pytest.mark.parametrize("body", [{"label": "dent"}, {"labels": ["x"] * 51}, {"labels": ["rust"]}])
def test_other_answers_than_known_labels_are_refused_where_several_are_wanted(
    several: Account, body: Json
) -> None:
    task = _next()["task_id"]
    assert _ask("labels", task=task, body=json.dumps(body))[0] == 400


def test_a_number_is_whole_as_json_schema_has_it(boxes: Account) -> None:
    task = _next()["task_id"]
    whole = json.dumps(BOXES).replace("12", "12.0").replace("640", "6.4e2")
    assert _ask("boxes", task=task, body=whole)[0] == 200
    assert _said(boxes) == [Annotation.of_boxes([Box("scratch", 12, 8, 40, 30)], (640, 480))]


@pytest.mark.parametrize(
    ("case", "body"),
    [
        ("answer", '{"none": "yes"}'),
        ("answer", '{"none": 1}'),
        ("skip", '{"skip": "true"}'),
        ("next_some", '{"count": true}'),
        ("next_some", '{"except": ["' + "x" * 1_000_000 + '"]}'),
        ("answer", '{"label": "' + "a\u0301\u0316" * 200_000 + '"}'),
        ("answer", '{"' + "x" * 1_000_000 + '": 1}'),
        ("answer", "[" * 100_000),
        ("answer", '{"label": 1' + "0" * 100_000 + "}"),
    ],
)
def test_what_is_no_body_is_refused_in_a_few_words(queue: Account, case: str, body: str) -> None:
    task = "" if case == "next_some" else _next()["task_id"]
    status, answer = _ask(case, task=task, body=body)
    assert status == 400
    assert len(answer["error"]["message"]) <= http_api.MOST_MESSAGE + 1


def test_a_body_that_is_no_text_is_refused(queue: Account) -> None:
    status, answer = _ask("answer", task=_next()["task_id"], body="x", isBase64Encoded=True)
    assert (status, answer["error"]["message"]) == (400, "The body is no text.")


@pytest.mark.parametrize("task", ["x" * 5000, "detection-", f"detection-{'G' * 32}"])
def test_what_is_no_tasks_name_is_looked_up_nowhere(queue: Account, task: str) -> None:
    asked: list[Json] = []
    queue.hook("dynamodb", "before-call.dynamodb.GetItem", lambda params, **_: asked.append(params))
    for case in ("extend", "answer", "release", "undo"):
        assert _ask(case, task=task)[0] == 404
    assert asked == []


def test_an_image_is_told_as_one_whatever_its_uploader_says(queue: Account) -> None:
    assert "response-content-type=image%2Fjpeg" in _next()["image_url"]


def test_people_see_how_often_the_others_agreed_with_them_and_operators_see_all(
    account: Account,
) -> None:
    account.put("images_labeled_by_folder/scratch/1.jpg", b"\xff\xd8\xff")
    for number in (1, 2):
        task = _add(account, number, wanted=3)
        for person, case in ((ANN, "answer"), (BOB, "answer"), (CHO, "none")):
            assert _next(person)["task_id"] == task
            _ask(case, person, task)
    compared = {"compared": 2}
    assert _ask("summary", ANN)[1] == {"open": 0, **compared, "agreed": 2}
    assert _ask("summary", CHO)[1] == {"open": 0, **compared, "agreed": 0}
    assert _ask("summary", ANN, groups="[operators]")[1]["reviewers"] == [
        {"sub": person, "name": f"{person}@example.com", **compared, "agreed": agreed}
        for person, agreed in ((ANN, 2), (BOB, 2), (CHO, 0))
    ]


def test_a_task_whose_answers_were_never_handed_on_is_handed_on_by_the_next_person(
    queue: Account,
) -> None:
    task = review_tasks.get(_next(ANN)["task_id"])
    died = task.answered(ANN, Annotation.of_labels(["dent"]), clock.now())
    review_tasks.change(task, died, Person(ANN, "Ann"), clock.now())
    queue.clock.advance(LEASE.total_seconds() + 1)
    assert _next(BOB)["task_id"] != task.task_id
    assert _ask("next", CHO) == (204, None)
    (output,) = _outputs(queue)
    assert output["humanLoopName"] == task.task_id


@pytest.mark.parametrize("whose", [ANN, BOB])
def test_answers_that_are_handed_on_late_give_way_to_newer_ones(queue: Account, whose: str) -> None:
    """A person's own request may be slow, and so may that of another one who came across them."""
    task = review_tasks.get(_next(ANN)["task_id"])

    def meanwhile(**_: object) -> None:
        queue.unhook()
        assert _ask("answer", ANN, task.task_id)[0] == 200
        assert _ask("undo", ANN, task.task_id)[0] == 200
        assert _ask("none", ANN, task.task_id)[0] == 200

    if whose == BOB:
        died = task.answered(ANN, Annotation.of_labels(["scratch"]), clock.now())
        review_tasks.change(task, died, Person(ANN, "Ann"), clock.now())
        queue.clock.advance(LEASE.total_seconds() + 1)
    queue.hook("s3", "before-call.s3.PutObject", meanwhile)
    if whose == ANN:
        assert _ask("answer", ANN, task.task_id)[1]["complete"] is True
    else:
        _next(BOB)
    assert _said(queue) == [Annotation.of_labels([])]


def test_the_list_shows_what_may_be_taken_now(queue: Account) -> None:
    _next(BOB)
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
        ("answer", {"body": '{"label": "<b>dent"}'}, 400, "MalformedAnswer"),
        ("answer", {"body": '{"label": ".."}'}, 400, "MalformedAnswer"),
        ("answer", {"body": '{"label": "None of the Above"}'}, 400, "MalformedAnswer"),
        ("answer", {"body": '{"label": "dent", "key": "x"}'}, 400, "InvalidRequest"),
        ("answer", {"body": '{"labels": ["dent"]}'}, 400, "InvalidRequest"),
        ("answer", {"body": "/w==", "isBase64Encoded": True}, 400, "InvalidRequest"),
        ("answer", {"body": '{"label": "' + "x" * 2**20 + '"}'}, 413, "TooLarge"),
        ("next_some", {"body": '{"count": 0}'}, 400, "InvalidRequest"),
        ("next_some", {"body": '{"count": 11}'}, 400, "InvalidRequest"),
        ("next_some", {"body": '{"count": "2"}'}, 400, "InvalidRequest"),
        ("next_some", {"body": '{"except": "all"}'}, 400, "InvalidRequest"),
        ("undo", {}, 409, "Conflict"),
    ],
)
def test_what_is_the_callers_fault_is_said_with_a_code(
    queue: Account, case: str, changes: Json, status: int, code: str
) -> None:
    task = "" if case in {"stranger", "list", "next_some"} else _next()["task_id"]
    if case == "undo":
        _ask("release", task=task)
    got, content = _ask(case, task=task, **changes)
    assert (got, content["error"]["code"]) == (status, code)
    assert content["error"]["message"]


@pytest.mark.parametrize("case", ["answer", "extend", "release", "undo"])
@pytest.mark.parametrize("task", ["detection-0", "reviewer#ann", "../ReviewTasksTable", "%2e%2e"])
def test_what_is_no_task_is_not_found(queue: Account, case: str, task: str) -> None:
    _ask("answer", ANN, _next(ANN)["task_id"])
    status, content = _ask(case, ANN, task)
    assert (status, content["error"]["code"]) == (404, "NotFound")


def test_what_was_not_claimed_or_answered_is_somebody_elses(queue: Account) -> None:
    task = _next(ANN)["task_id"]
    for case in ("answer", "extend", "undo"):
        status, content = _ask(case, BOB, task)
        assert (status, content["error"]["code"]) == (409, "Conflict")


class _Pool:
    """A user pool with people who may review."""

    def __init__(self, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        self._cognito = account.boto3("cognito-idp")
        pool = self._cognito.create_user_pool(PoolName="people", UsernameAttributes=["email"])
        self._pool = pool["UserPool"]["Id"]
        monkeypatch.setenv("USER_POOL_ID", self._pool)
        for group in ("reviewers", "operators", "visitors"):
            self._cognito.create_group(UserPoolId=self._pool, GroupName=group)

    def add(self, name: str, group: str = "reviewers", *, signed_in: bool = True) -> str:
        """Somebody of a group, by ``sub``."""
        user = {"UserPoolId": self._pool, "Username": f"{name}@example.com"}
        self._cognito.admin_create_user(**user, MessageAction="SUPPRESS")
        self._cognito.admin_add_user_to_group(**user, GroupName=group)
        if signed_in:
            self._cognito.admin_set_user_password(**user, Password="Abc1-" * 3, Permanent=True)
        return str(self._cognito.admin_get_user(**user)["Username"])

    def disable(self, name: str) -> None:
        """What an operator does in the console."""
        self._cognito.admin_disable_user(UserPoolId=self._pool, Username=f"{name}@example.com")


@pytest.fixture
def people(account: Account, monkeypatch: pytest.MonkeyPatch) -> _Pool:
    return _Pool(account, monkeypatch)


def _is_given(person: str) -> list[str]:
    """Which tasks a person gets and sees, by their numbers; they are given back."""
    status, shown = _ask("next_some", person, body='{"count": 10}')
    taken = [task["task_id"] for task in shown["tasks"]] if status == 200 else []
    for task in taken:
        _ask("release", person, task)
    listed = [task["task_id"] for task in _ask("list", person)[1]["tasks"]]
    assert sorted(listed) == sorted(taken)
    return [task[-1] for task in taken]


def test_who_has_sent_an_image_is_not_asked_about_it_while_somebody_else_may_be(
    queue: Account, people: _Pool
) -> None:
    ann, bob = people.add("ann"), people.add("bob", "operators")
    _add(queue, 3, senders=frozenset({ann}))
    assert _is_given(ann) == ["1", "2"]
    assert _is_given(bob) == ["1", "2", "3"]


@pytest.mark.parametrize("other", ["nobody", "visitor", "invited", "disabled"])
def test_who_has_sent_an_image_is_asked_about_it_where_nobody_else_may_be(
    queue: Account, people: _Pool, other: str
) -> None:
    ann = people.add("ann")
    if other == "visitor":
        people.add("bob", "visitors")
    elif other != "nobody":
        people.add("bob", signed_in=other == "disabled")
        if other == "disabled":
            people.disable("bob")
    _add(queue, 3, senders=frozenset({ann}))
    assert _is_given(ann) == ["1", "2", "3"]


def test_a_sender_is_the_last_to_be_asked_where_others_do_not_agree(
    queue: Account, people: _Pool
) -> None:
    ann, bob, cho = (people.add(name) for name in ("ann", "bob", "cho"))
    task = _add(queue, 3, wanted=2, minutes_ago=120, senders=frozenset({ann}))
    for person, label in ((bob, "dent"), (cho, "scratch")):
        assert "3" not in _is_given(ann)
        assert _next(person)["task_id"] == task
        _ask("answer", person, task, body=json.dumps({"label": label}))
    assert _next(ann)["task_id"] == task
    assert _ask("answer", ann, task, body='{"label": "dent"}')[1]["complete"] is True
    assert _ask("summary", bob)[1]["compared"] == 0


def test_somebody_who_joins_ends_that(queue: Account, people: _Pool) -> None:
    ann = people.add("ann")
    _add(queue, 3, senders=frozenset({ann}))
    assert "3" in _is_given(ann)
    people.add("bob")
    queue.clock.advance(301)
    assert "3" not in _is_given(ann)


def test_who_sends_the_image_while_holding_its_task_gets_no_more_of_it(
    queue: Account, people: _Pool
) -> None:
    ann, _ = people.add("ann"), people.add("bob")
    task = _next(ann)["task_id"]
    review_tasks.note_sender(task, ann)
    assert task not in _next_but(ann, count=10)


def test_nobody_is_looked_up_for_tasks_that_others_have_sent(queue: Account, people: _Pool) -> None:
    asked: list[str] = []
    queue.hook(
        "cognito-idp", "before-call.cognito-idp.*", lambda model, **_: asked.append(model.name)
    )
    ann, bob = people.add("ann"), people.add("bob")
    _add(queue, 3, senders=frozenset({bob}))
    _is_given(ann)
    assert not asked
    for _ in range(3):
        _is_given(bob)
    assert asked == ["ListUsersInGroup"] * 2


@pytest.mark.parametrize("groups", api.NO_GROUPS)
def test_a_group_of_another_name_opens_no_review(queue: Account, groups: str) -> None:
    assert _ask("summary", groups=groups)[0] == 403
    assert _ask("next", groups=groups)[0] == 403


@pytest.mark.parametrize("groups", ["[reviewers x,operators]", "[operators,x reviewers]"])
def test_a_reviewer_in_such_a_group_sees_no_others_figures(queue: Account, groups: str) -> None:
    status, seen = _ask("summary", groups=groups)
    assert status == 200
    assert "reviewers" not in seen


def test_an_address_that_is_not_verified_is_nobodys_name(queue: Account) -> None:
    request = event("serve_review_api.session")["requestContext"]
    claims = request["authorizer"]["jwt"]["claims"]
    assert _ask("session")[1]["name"] == "ann@example.com"
    claims["email_verified"] = "false"
    assert _ask("session", requestContext=request)[1]["name"] == ANN


def test_a_machines_token_opens_no_review(queue: Account) -> None:
    machine = event("serve_detect_api.image")["requestContext"]["authorizer"]
    for case in ("session", "list", "summary", "next", "extend", "answer", "release", "undo"):
        context = {**event(f"serve_review_api.{case}")["requestContext"], "authorizer": machine}
        status, refusal = _ask(case, requestContext=context)
        assert (status, refusal["error"]["code"]) == (403, "NotAllowed")


def test_new_labels_are_taken_where_the_deployment_allows_them(
    queue: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALLOW_NEW_LABELS", "true")
    task = _next()["task_id"]
    for name in ("a/b", "<i>", "a\nb", ".."):
        assert _ask("answer", task=task, body=json.dumps({"label": name}))[0] == 400
    assert _ask("answer", task=task, body='{"label": "rust"}')[0] == 200
