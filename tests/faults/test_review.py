"""Human review, from taking a task to the training copy, when any of its calls fails in any way."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import pytest

from labelloop.aws.items import to_item, to_value
from labelloop.domain.labels import NONE_OF_THEM
from local.launch import wait_for
from tests.faults.conftest import Intake
from tests.faults.places import FAILURES, Kind, Order, all_at_once, places
from tests.images import SIZE_PX
from tests.stack import Reviewer, Stack, Uploaded

LABEL = "circle"
REVIEWERS = 3
WAYS = ("refused", "answer lost", "caller killed after")
"""Of all failures one before the call, one after it, and the crash. A crash before a call leaves
what a crash after the call before it leaves; detection is given the other failures, too."""
IN_A_ROW = 30
"""So many tasks a person takes before looking up whether there are still any to do."""
TASKS = 100
DYING = (
    ("ServeReviewApi", "dynamodb", "PutItem", (20, 70)),
    ("ServeReviewApi", "dynamodb", "TransactWriteItems", (30, 80, 130)),
    ("ServeReviewApi", "s3", "PutObject", (10, 40)),
    ("ReadAnswers", "s3", "GetObject", (10,)),
    ("AddToTraining", "dynamodb", "UpdateItem", (15,)),
    ("AddToTraining", "s3", "CopyObject", (25,)),
)
"""Where processes die while many people answer: after so many calls of the kind."""
BOXES = json.dumps(
    {
        "humanAnswers": [
            {
                "workerId": "worker",
                "answerContent": {
                    "annotatedResult": {
                        "boundingBoxes": [
                            {"label": LABEL, "left": 8, "top": 9, "width": 50, "height": 60}
                        ],
                        "inputImageProperties": {"width": SIZE_PX, "height": SIZE_PX},
                    }
                },
            }
        ]
    }
).encode()
"""What A2I writes where a worker drew a box."""
SAID = json.dumps(
    {"humanAnswers": [{"workerId": "worker", "answerContent": {"label": {"label": LABEL}}}]}
).encode()
"""What A2I writes where a worker chose a label."""


@pytest.fixture
def doubtful(serving_stack: Stack, intake: Intake) -> Iterator["Doubtful"]:
    """Doubtful images whose tasks wait for somebody."""
    yield Doubtful(serving_stack, intake)
    serving_stack.wait_until_idle()


class Doubtful:
    """Makes doubtful images."""

    def __init__(self, stack: Stack, intake: Intake) -> None:
        self._stack = stack
        self._intake = intake

    def __call__(self, count: int = 1) -> list[Uploaded]:
        """So many images with open tasks: those that were left open before, and new ones."""
        uploads = [
            Uploaded(task["key"], task["version_id"], task["detection_id"])
            for task in self._stack.tasks()
            if not task["answers"] and task["key"].startswith("images_for_detection/fault-")
        ][:count]
        new = self._intake.upload(count - len(uploads))
        self._intake.report(new)
        wanted = {upload.task_id for upload in new}
        wait_for(
            lambda: wanted <= {task["task_id"] for task in self._stack.tasks()},
            f"{count} tasks",
        )
        self._stack.wait_until_idle()
        return uploads + new


def test_wherever_review_fails_there_is_one_consensus_one_copy_and_one_record(
    serving_stack: Stack, intake: Intake, doubtful: Doubtful
) -> None:
    reviewers = [serving_stack.add_reviewer() for _ in range(REVIEWERS)]
    found = places(
        serving_stack,
        lambda: doubtful()[0],
        lambda upload: _review(serving_stack, reviewers[:1], [upload]),
    )
    assert {place.kind.function for place in found} >= {
        "ServeReviewApi",
        "DispatchEvents",
        "ReadAnswers",
        "AddToTraining",
        "",
    }
    telling = {("sns", "Publish"), ("events", "PutEvents")}
    assert {Kind("AddToTraining", *call) for call in telling} <= {place.kind for place in found}
    scenarios = [(place, failure) for place in found for failure in place.failures(WAYS)]
    uploads = doubtful(len(scenarios))
    orders = [
        place.order(upload, failure)
        for (place, failure), upload in zip(scenarios, uploads, strict=True)
    ]
    with intake.patience(300), all_at_once(serving_stack, orders):
        _review(serving_stack, reviewers, uploads)
    problems = _problems(serving_stack, uploads)
    assert not {
        f"{place.kind} #{place.number} {failure}": problems[upload.key]
        for (place, failure), upload in zip(scenarios, uploads, strict=True)
        if upload.key in problems
    }
    assert _told(serving_stack, uploads) == {
        upload.detection_id: {(1, "decided", LABEL)} for upload in uploads
    }
    assert _names_of_decisions(serving_stack, uploads) == {
        upload.detection_id: {f"{upload.detection_id}-1"} for upload in uploads
    }
    assert intake.dead("AnswersDeadLetterQueue") == 0


def test_an_answer_that_was_not_handed_on_is_handed_on_by_the_next_visitor(
    serving_stack: Stack, doubtful: Doubtful
) -> None:
    (upload,) = doubtful()
    reviewer, visitor = serving_stack.add_reviewer(), serving_stack.add_reviewer()
    reviewer.take_task(upload)
    write = Kind("ServeReviewApi", "s3", "PutObject").order(
        upload.detection_id, **FAILURES["caller killed before"]
    )
    with all_at_once(serving_stack, [write]):
        status, _ = reviewer.ask("POST", f"/review/tasks/{upload.task_id}/answer", {"label": LABEL})
        assert status == 500
    # The answer is kept, and nobody is asked again.
    assert len(serving_stack.task(upload)["answers"]) == 1

    def handed_on() -> bool:
        visitor.take()
        return not _problems(serving_stack, [upload])

    wait_for(handed_on, "the consensus")


def test_answers_that_are_reported_again_and_late_change_nothing(
    serving_stack: Stack, intake: Intake, doubtful: Doubtful
) -> None:
    uploads = doubtful(2)
    reviewer = serving_stack.add_reviewer()
    _review(serving_stack, [reviewer], uploads)
    copies = _copies(serving_stack, uploads)
    records = [serving_stack.record(upload) for upload in uploads]
    for upload in uploads:
        content = (
            serving_stack.client("s3")
            .get_object(Bucket=serving_stack.bucket, Key=_answers(serving_stack, upload)[0])["Body"]
            .read()
        )
        serving_stack.upload(_answers(serving_stack, upload)[0], content)
    serving_stack.wait_until_idle()
    assert _copies(serving_stack, uploads) == copies
    for upload, before in zip(uploads, records, strict=True):
        after = serving_stack.record(upload)
        moments = {name: before[name] for name in ("completed", "answers_read", "expires")}
        assert {**after, **moments} == before


def test_whatever_fails_boxes_that_people_agree_on_train_once(
    serving_stack: Stack, intake: Intake, doubtful: Doubtful
) -> None:
    """The steps that differ by the model's type, which is changed when the images are detected."""

    def answer(upload: Uploaded) -> None:
        serving_stack.upload(f"a2i-human-loop-data/x/{upload.task_id}/output.json", BOXES)
        _wait_for_boxes(serving_stack, [upload])

    with _model_type(serving_stack, doubtful(2), "detection") as (first, second):
        made = iter((first, second))
        found = [
            place
            for place in places(serving_stack, lambda: next(made), answer)
            if place.kind.function == "AddToTraining"
        ]
    called = Counter(str(place.kind) for place in found)
    assert called.keys() >= {
        "AddToTraining: s3.GetObject",
        "AddToTraining: s3.CopyObject",
        "AddToTraining: s3.PutObject",
    }
    # Where the copy goes, and what people said.
    assert called["AddToTraining: dynamodb.UpdateItem"] == 2
    scenarios = [(place, failure) for place in found for failure in place.failures(WAYS)]
    with _model_type(serving_stack, doubtful(len(scenarios)), "detection") as uploads:
        orders = [
            place.order(upload, failure)
            for (place, failure), upload in zip(scenarios, uploads, strict=True)
        ]
        with intake.patience(300), all_at_once(serving_stack, orders):
            for upload in uploads:
                key = f"a2i-human-loop-data/x/{upload.task_id}/output.json"
                serving_stack.upload(key, BOXES)
            _wait_for_boxes(serving_stack, uploads)
            serving_stack.wait_until_idle()
        _wait_for_boxes(serving_stack, uploads)
    assert intake.dead("AnswersDeadLetterQueue") == 0


def test_whatever_fails_an_answer_about_what_is_none_of_the_labels_counts_once(
    serving_stack: Stack, intake: Intake, doubtful: Doubtful
) -> None:
    """The step that differs by what the model said, which is changed when images are detected."""

    def answer(upload: Uploaded) -> None:
        serving_stack.upload(f"a2i-human-loop-data/x/{upload.task_id}/output.json", SAID)
        _wait_for_none_answers(serving_stack, [upload])

    made = iter(_taken_for_none(serving_stack, doubtful(2)))
    found = [
        place
        for place in places(serving_stack, lambda: next(made), answer)
        if place.kind.function == "JudgeSample"
    ]
    assert {(place.kind.service, place.kind.operation) for place in found} >= {
        ("dynamodb", "GetItem"),
        ("dynamodb", "PutItem"),
    }
    scenarios = [(place, failure) for place in found for failure in place.failures(WAYS)]
    uploads = _taken_for_none(serving_stack, doubtful(len(scenarios)))
    orders = [
        place.order(upload, failure)
        for (place, failure), upload in zip(scenarios, uploads, strict=True)
    ]
    with intake.patience(300), all_at_once(serving_stack, orders):
        for upload in uploads:
            serving_stack.upload(f"a2i-human-loop-data/x/{upload.task_id}/output.json", SAID)
        _wait_for_none_answers(serving_stack, uploads)
        serving_stack.wait_until_idle()
    _wait_for_none_answers(serving_stack, uploads)
    assert intake.dead("AnswersDeadLetterQueue") == 0
    serving_stack.forget_tasks()


def _taken_for_none(stack: Stack, uploads: list[Uploaded]) -> list[Uploaded]:
    """The images, as though the model had taken them for none of its labels."""
    for upload in uploads:
        stack.client("dynamodb").update_item(
            TableName=stack.outputs["DetectionsTable"],
            Key={"detection_id": {"S": upload.detection_id}},
            UpdateExpression="SET label = :none, labels = :labels",
            ExpressionAttributeValues={
                ":none": {"S": NONE_OF_THEM},
                ":labels": to_value([{"name": NONE_OF_THEM, "confidence_pct": 90}]),
            },
        )
    return uploads


def _wait_for_none_answers(stack: Stack, uploads: Sequence[Uploaded]) -> None:
    """Wait until every image's answer is noted, once, and says that the model was wrong."""

    def missing() -> list[str]:
        noted = stack.item("ModelVersionsTable", kind="state", name="none_answers")
        said = Counter((each["detection_id"], each["right"]) for each in noted.get("answers", ()))
        return [upload.key for upload in uploads if said[upload.detection_id, False] != 1]

    try:
        wait_for(lambda: not missing(), "every answer", every_s=2.0)
    except TimeoutError as error:
        raise AssertionError(missing()) from error


@contextmanager
def _model_type(stack: Stack, uploads: list[Uploaded], model_type: str) -> Iterator[list[Uploaded]]:
    """The same stack with another type of model, for images that it has detected already."""
    _deploy_as(stack, model_type)
    try:
        yield uploads
    finally:
        _deploy_as(stack, "classification")
        stack.forget_tasks()


def _deploy_as(stack: Stack, model_type: str) -> None:
    """Deploy with that type, as though the stack's version were of it: else it is refused."""
    stack.client("dynamodb").put_item(
        TableName=stack.outputs["ModelVersionsTable"],
        Item=to_item({"kind": "state", "name": "model_type", "model_type": model_type}),
    )
    stack.local.control("PUT", "stack", {"parameters": {"ModelType": model_type}})


def _wait_for_boxes(stack: Stack, uploads: Sequence[Uploaded]) -> None:
    """Wait until every image has its record, its copy and its line, one each."""

    def wrong() -> list[str]:
        images = Counter(key.split("/")[-1][:32] for key in stack.keys("images_imported/reviewed/"))
        lines = Counter(
            key.split("/")[-1][:32] for key in stack.keys("manifests/imported/reviewed/")
        )
        return [
            upload.key
            for upload in uploads
            if (images[upload.detection_id], lines[upload.detection_id]) != (1, 1)
            or stack.record(upload).get("human_label") != LABEL
        ]

    try:
        wait_for(lambda: not wrong(), "every image's boxes", every_s=2.0)
    except TimeoutError as error:
        raise AssertionError(wrong()) from error


def test_two_hundred_answers_of_eight_people_at_once_are_two_hundred_whatever_dies(
    serving_stack: Stack, intake: Intake
) -> None:
    stack = serving_stack
    stack.local.control("PUT", "stack", {"parameters": {"ReviewersPerImage": "2"}})
    try:
        uploads = intake.upload(TASKS, "fault-many")
        intake.report(uploads)
        wanted = {upload.task_id for upload in uploads}
        wait_for(lambda: wanted <= {task["task_id"] for task in stack.tasks()}, "the tasks")
    finally:
        stack.local.control("PUT", "stack", {"parameters": {"ReviewersPerImage": "1"}})
    reviewers = [stack.add_reviewer() for _ in range(8)]
    orders: list[Order] = [
        {**Kind(function, service, operation).order(), "after": after, **FAILURES[failure]}
        for function, service, operation, afters in DYING
        for after in afters
        for failure in ("caller killed before", "caller killed after")
    ]
    with intake.patience(300), all_at_once(stack, orders):
        with ThreadPoolExecutor(len(reviewers)) as threads:
            list(threads.map(lambda reviewer: _work_twice(stack, reviewer, wanted), reviewers))
        for upload in uploads[::10]:
            # Its event comes again, while others are worked on.
            (key,) = _answers(stack, upload)
            stack.upload(key, stack.read(key))
        wait_for(lambda: not _problems(stack, uploads), "every image", every_s=2.0)
        stack.wait_until_idle()
    assert not _problems(stack, uploads)
    answers = [task["answers"] for task in stack.tasks() if task["task_id"] in wanted]
    assert [len(given) for given in answers] == [2] * TASKS
    figures = [reviewer.ask("GET", "/review/summary")[1] for reviewer in reviewers]
    for count in ("compared", "agreed"):
        assert sum(one[count] for one in figures) == 2 * TASKS
    assert intake.dead("AnswersDeadLetterQueue") == 0


def _work_twice(stack: Stack, reviewer: Reviewer, wanted: set[str]) -> None:
    """Answer what there is, each answer twice, until every task has been handed on."""

    def open_ones() -> set[str]:
        return {task["task_id"] for task in stack.tasks() if not task["finished"]} & wanted

    def has_answered() -> bool:
        status, answer = reviewer.ask("POST", "/review/tasks/next")
        if status != 200:
            return False
        (task,) = answer["tasks"]
        for _ in range(2):
            _say(reviewer, task["task_id"])
        return True

    def goes_on(left: set[str]) -> bool:
        return has_answered() or open_ones() != left

    while left := open_ones():
        while has_answered():
            pass
        wait_for(partial(goes_on, left), "an answer by anybody", every_s=0.5)


def _review(stack: Stack, reviewers: Sequence[Reviewer], uploads: Sequence[Uploaded]) -> None:
    """Let people answer until every image has its consensus, and nothing is left to do."""
    wanted = {upload.task_id for upload in uploads}
    with ThreadPoolExecutor(len(reviewers)) as threads:
        list(threads.map(lambda reviewer: _work(stack, reviewer, wanted), reviewers))
    try:
        wait_for(lambda: not _problems(stack, uploads), "every image", every_s=2.0)
    except TimeoutError as error:
        raise AssertionError(_problems(stack, uploads)) from error
    stack.wait_until_idle()


def _work(stack: Stack, reviewer: Reviewer, wanted: set[str]) -> None:
    """Take and answer the wanted tasks as long as there are any, again where the page says 500."""

    passed_by: list[str] = []

    def all_answered() -> bool:
        for _ in range(IN_A_ROW):
            status, answer = reviewer.ask("POST", "/review/tasks/next", {"except": passed_by})
            if status == 204:
                break
            if status == 200:
                (task,) = answer["tasks"]
                if task["task_id"] in wanted:
                    _say(reviewer, task["task_id"])
                else:
                    passed_by.append(task["task_id"])
        return all(task["answers"] for task in stack.tasks() if task["task_id"] in wanted)

    wait_for(all_answered, "every answer", every_s=2.0)


def _say(reviewer: Reviewer, task_id: str) -> None:
    """Give the answer, and once more, as people do, where the page says that it failed.

    Who hears that somebody else has the task, or is told to take it again, leaves it there.
    """
    for _ in range(5):
        status, answer = reviewer.ask("POST", f"/review/tasks/{task_id}/answer", {"label": LABEL})
        if status < 500:
            assert status in {200, 400, 409}, answer
            return
    raise AssertionError(f"no answer was taken for {task_id}")


def _problems(stack: Stack, uploads: Sequence[Uploaded]) -> Mapping[str, Mapping[str, object]]:
    """What is not as it should be about each reviewed image: nothing, in the end."""
    records = stack.records("images_for_detection/fault-")
    by_id = {record["detection_id"]: record for record in records}
    counts = Counter(record["key"] for record in records)
    tasks = {task["task_id"]: task for task in stack.tasks()}
    answers = Counter(key.split("/")[-2] for key in stack.keys("a2i-human-loop-data/"))
    copies = Counter(key.split("/")[-1][:32] for key in stack.keys("images_labeled_by_folder/"))
    states = {
        upload: {
            "records": counts[upload.key],
            "label": by_id.get(upload.detection_id, {}).get("human_label"),
            "agreement": by_id.get(upload.detection_id, {}).get("agreement"),
            "finished": tasks.get(upload.task_id, {}).get("finished"),
            "answer files": answers[upload.task_id],
            "copies": copies[upload.detection_id],
        }
        for upload in uploads
    }
    return {
        upload.key: state
        for upload, state in states.items()
        if state
        != {
            "records": 1,
            "label": LABEL,
            "agreement": "decided",
            "finished": True,
            "answer files": 1,
            "copies": 1,
        }
    }


def _told(
    stack: Stack, uploads: Sequence[Uploaded]
) -> Mapping[str, set[tuple[int, str, str | None]]]:
    """What the consumer was told that people said of each image: its number, outcome and label."""
    found: dict[str, set[tuple[int, str, str | None]]] = {}
    wanted = {upload.detection_id for upload in uploads}
    for mail in stack.local.control("GET", "mail"):
        if mail["attributes"].get("detection_id") in wanted:
            told = json.loads(mail["message"])
            if "revision" in told:
                said = (told["revision"], told["outcome"], told["label"])
                found.setdefault(told["detection_id"], set()).add(said)
    return found


def _names_of_decisions(stack: Stack, uploads: Sequence[Uploaded]) -> Mapping[str, set[str]]:
    """The names that the events of what people said of each image have had."""
    found: dict[str, set[str]] = {}
    wanted = {upload.detection_id for upload in uploads}
    for event in stack.events("Image Decided"):
        told = event["detail"]
        if told["detection_id"] in wanted:
            found.setdefault(told["detection_id"], set()).add(told["event_id"])
    return found


def _answers(stack: Stack, upload: Uploaded) -> list[str]:
    return [key for key in stack.keys("a2i-human-loop-data/") if upload.task_id in key]


def _copies(stack: Stack, uploads: Sequence[Uploaded]) -> list[str]:
    wanted = {upload.detection_id for upload in uploads}
    keys = stack.keys("images_labeled_by_folder/")
    return [key for key in keys if key.split("/")[-1][:32] in wanted]
