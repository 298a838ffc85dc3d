"""RequestReview: a doubtful image becomes one task."""

import json

import pytest
from botocore.exceptions import EndpointConnectionError

from functions.request_review.app import lambda_handler
from labelloop import clock
from labelloop.aws import review_tasks
from labelloop.aws.review_tasks import Person
from labelloop.domain.annotations import ModelType
from labelloop.domain.detections import Outcome, human_loop_name
from labelloop.domain.fitness import shape_of
from labelloop.domain.image_labels import Label
from labelloop.errors import NotFoundError, RetryableError
from tests.images import draw
from tests.unit import inference_log
from tests.unit.account import Account, Context, Json, event, refuses

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
    inference_log.record(DETECTION, Outcome.REVIEW, facts, clock.now())
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
    inference_log.record(DETECTION, Outcome.REVIEW, facts, clock.now())
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
    inference_log.record(DETECTION, Outcome.REVIEW, facts, clock.now())
    lambda_handler(DOUBTFUL, Context())
    task = review_tasks.get(loop)
    assert task.model_type is ModelType.DETECTION
    assert [label.as_json() for label in task.suggestion] == labels


def test_a_detection_that_is_not_in_the_log_is_not_found(account: Account) -> None:
    with pytest.raises(NotFoundError):
        lambda_handler(DOUBTFUL, Context())


# --- Amazon A2I -----------------------------------------------------------------------------------

FLOW = "arn:aws:sagemaker:eu-west-1:123456789012:flow-definition/label-loop-1-2"


@pytest.fixture
def a2i(account: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    """An account whose deployment asks workers of A2I, and an image that was detected."""
    monkeypatch.setenv("FLOW_DEFINITION_ARN", FLOW)
    monkeypatch.setenv("REVIEW_LABELS", "cat,dog")
    account.sagemaker.answers["StartHumanLoop"] = lambda _: {"HumanLoopArn": "arn:aws:x:y:z:a:b"}
    _detected(account, draw("circle", 1))
    return account


def _detected(account: Account, content: bytes, **facts: object) -> None:
    version = account.put("images_for_detection/a.jpg", content)
    known: Json = {"bucket": account.bucket, "key": "images_for_detection/a.jpg"}
    known["version_id"] = version
    known |= {"human_loop": human_loop_name(DETECTION), **facts}
    inference_log.record(DETECTION, Outcome.REVIEW, known, clock.now())


def _input(account: Account) -> Json:
    (request,) = account.sagemaker.asked("StartHumanLoop")
    content: Json = json.loads(request["HumanLoopInput"]["InputContent"])
    return content


def test_a_human_loop_shows_a_copy_of_what_was_detected(a2i: Account) -> None:
    assert lambda_handler(DOUBTFUL, Context())["created"]
    content = _input(a2i)
    assert content["labels"] == ["cat", "dog", "None of the Above"]
    shown = content["taskObject"].removeprefix(f"s3://{a2i.bucket}/")
    assert shown == f"images_in_review/{human_loop_name(DETECTION)}-a.jpg"
    assert a2i.read(shown) == draw("circle", 1)
    told = a2i.boto3("s3").head_object(Bucket=a2i.bucket, Key=shown)
    assert told["ContentType"] == "image/jpeg"
    assert a2i.items("ReviewTasksTable") == []


def test_a_loop_that_has_begun_is_not_begun_again(a2i: Account) -> None:
    a2i.sagemaker.answers["StartHumanLoop"] = refuses("ConflictException", status=409)
    assert lambda_handler(DOUBTFUL, Context())["created"] is False
    assert a2i.items("ReviewTasksTable") == []


def test_what_people_have_answered_is_not_asked_about_again(a2i: Account) -> None:
    inference_log.note(DETECTION, {"agreement": "undecided"})
    assert lambda_handler(DOUBTFUL, Context())["created"] is False
    assert a2i.sagemaker.requests == []


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AccessDeniedException", 400),
        ("ValidationException", 400),
        ("ServiceQuotaExceededException", 402),
        ("ResourceNotFoundException", 404),
    ],
)
def test_a_refusal_puts_it_into_the_review_queue_and_is_told_once(
    a2i: Account, code: str, status: int
) -> None:
    a2i.sagemaker.answers["StartHumanLoop"] = refuses(code, "Not you.", status)
    assert lambda_handler(DOUBTFUL, Context())["created"]
    assert review_tasks.get(human_loop_name(DETECTION)).wanted == 1
    # Taken again when A2I takes it, it is not asked about in two places.
    a2i.sagemaker.answers["StartHumanLoop"] = lambda _: {"HumanLoopArn": "arn:aws:x:y:z:a:b"}
    assert lambda_handler(DOUBTFUL, Context())["created"] is False
    assert len(a2i.sagemaker.asked("StartHumanLoop")) == 1
    (told,) = a2i.operator_facts()
    assert "Not you." in told["cause"]


def test_a_region_without_a2i_is_a_refusal_too(a2i: Account) -> None:
    def nowhere(_: Json) -> Json:
        raise EndpointConnectionError(endpoint_url="https://a2i-runtime.sagemaker.xx.example")

    a2i.sagemaker.answers["StartHumanLoop"] = nowhere
    assert lambda_handler(DOUBTFUL, Context())["created"]
    assert "cannot be reached" in a2i.operator_facts()[0]["cause"]


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalServerException"])
def test_what_may_pass_is_no_refusal(a2i: Account, code: str) -> None:
    a2i.sagemaker.answers["StartHumanLoop"] = refuses(code, status=500)
    with pytest.raises(RetryableError):
        lambda_handler(DOUBTFUL, Context())
    assert a2i.items("ReviewTasksTable") == []
    assert a2i.operator_mail() == []


def test_more_labels_than_the_page_takes_are_asked_about_on_the_console(
    a2i: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVIEW_LABELS", ",".join(f"label-{number}" for number in range(10)))
    assert lambda_handler(DOUBTFUL, Context())["created"]
    assert "takes 9 labels" in a2i.operator_facts()[0]["cause"]
    assert a2i.sagemaker.requests == []


def test_where_a2i_was_refused_at_the_deployment_the_console_is_asked(
    a2i: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOW_DEFINITION_ARN", "unavailable")
    assert lambda_handler(DOUBTFUL, Context())["created"]
    assert "SetUpHumanReview" in a2i.operator_facts()[0]["cause"]


def test_an_image_that_is_gone_goes_to_the_console_and_is_no_refusal(a2i: Account) -> None:
    record = inference_log.recorded(DETECTION)
    a2i.boto3("s3").delete_object(
        Bucket=a2i.bucket, Key=record["key"], VersionId=record["version_id"]
    )
    assert lambda_handler(DOUBTFUL, Context())["created"]
    assert a2i.operator_mail() == []


def test_boxes_begin_where_the_model_found_them(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOW_DEFINITION_ARN", FLOW)
    monkeypatch.setenv("REVIEW_LABELS", "cat")
    monkeypatch.setenv("MODEL_TYPE", "detection")
    account.sagemaker.answers["StartHumanLoop"] = lambda _: {"HumanLoopArn": "arn:aws:x:y:z:a:b"}
    box = {"left": 0.25, "top": 0.5, "width": 0.5, "height": 0.25}
    found = [{"name": "cat", "confidence_pct": 60, "box": box}]
    content = draw("circle", 1)
    _detected(account, content, labels=found)
    lambda_handler(DOUBTFUL, Context())
    size_px = shape_of(content).size_px
    assert size_px
    (initial,) = _input(account)["initialBoxes"]
    assert initial == {
        "label": "cat",
        "left": size_px[0] // 4,
        "top": size_px[1] // 2,
        "width": size_px[0] // 2,
        "height": size_px[1] // 4,
    }
    assert _input(account)["labels"] == ["cat"]


def test_a_task_knows_who_has_sent_its_image(account: Account) -> None:
    loop = human_loop_name(DETECTION)
    facts: Json = {"bucket": "b", "key": "a.jpg", "human_loop": loop, "senders": {"ann"}}
    inference_log.record(DETECTION, Outcome.REVIEW, facts, clock.now())
    lambda_handler(DOUBTFUL, Context())
    assert review_tasks.get(loop).senders == {"ann"}
