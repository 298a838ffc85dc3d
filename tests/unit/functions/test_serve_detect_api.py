"""ServeDetectApi: an image in, labels out; what is logged is logged and detected once."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from functions.detect_labels.app import lambda_handler as detect_labels
from functions.request_review.app import lambda_handler as request_review
from functions.serve_detect_api.app import lambda_handler
from labelloop import clock, http_api
from labelloop.aws import deployed_version, model_use, none_answers, review_tasks
from labelloop.aws.review_tasks import Person
from labelloop.clock import iso
from labelloop.domain.annotations import Annotation
from labelloop.domain.detections import Outcome, detection_id
from labelloop.domain.images import MAX_BYTES, MAX_REQUEST_BYTES, ImageObject
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.parameters import API_IMAGES, MODEL_HOURS
from labelloop.domain.rejection import NoneAnswer
from local.rekognition.service_error import ServiceError
from tests.unit import api, calibrated, inference_log
from tests.unit.account import Account, Context, Json, event, refuses, version_arn

SERVING = "v7-0a1b2c3d"
KEY = "images_for_detection/line 3/gear.jpg"
IMAGE = base64.b64decode(event("serve_detect_api.image")["body"])
BOX = {"Left": -0.0625, "Top": 0.0, "Width": 0.25, "Height": 0.5}


def _finds(account: Account, *labels: tuple[str, float], box: Json | None = None) -> None:
    """Let the model give every image these labels."""
    found: list[Json] = [{"Name": name, "Confidence": pct} for name, pct in labels]
    for label in found if box else []:
        label["Geometry"] = {"BoundingBox": box}
    account.rekognition.answers["DetectCustomLabels"] = lambda _: {"CustomLabels": found}


def _detected(account: Account) -> list[Json]:
    """What the model was asked."""
    return account.rekognition.asked("DetectCustomLabels")


@pytest.fixture
def started(account: Account) -> list[Json]:
    """The functions that were started, with what they were given."""
    calls: list[Json] = []

    class Taken:
        status_code = 202

    def take(params: Json, **_: Any) -> tuple[Any, Json]:
        name = params["url_path"].split("/")[-2]
        calls.append({"function": name, "payload": json.loads(params["body"])})
        return Taken(), {"StatusCode": 202, "ResponseMetadata": {}}

    account.hook("lambda", "before-call.lambda.Invoke", take)
    return calls


@pytest.fixture
def serving(account: Account, started: list[Json]) -> Account:
    """An account whose model serves and is certain, and whose workflow detects and logs."""
    deployed_version.switch(SERVING, version_arn(SERVING), None)
    _finds(account, ("dent", 3.5), ("scratch", 96.5))
    account.stepfunctions.answers["StartSyncExecution"] = _workflow
    return account


def _workflow(request: Json) -> Json:
    """What the detection workflow does first."""
    try:
        output = detect_labels(json.loads(request["input"]), Context())
    except Exception as error:
        return _ended("FAILED", error=type(error).__name__, cause=str(error))
    return _ended("SUCCEEDED", output=json.dumps(output))


def _ended(status: str, **how: str) -> Json:
    base = "arn:aws:states:eu-west-1:123456789012:express:label-loop-detection:a:b"
    return {"executionArn": base, "status": status, "startDate": 1, "stopDate": 2, **how}


def _answer(case: str, **changes: Any) -> tuple[int, Any, Json]:
    """Status, content and headers of the answer to a sample request."""
    headers = changes.pop("headers", {})
    request = event(f"serve_detect_api.{case}")
    request = {**request, **changes, "headers": request["headers"] | headers}
    answer = lambda_handler(request, Context())
    content = json.loads(answer["body"])
    api.check("POST /detect", answer["statusCode"], content)
    assert answer["headers"].items() >= http_api.HEADERS.items()
    return answer["statusCode"], content, answer["headers"]


def _ask(case: str, **changes: Any) -> tuple[int, Any]:
    return _answer(case, **changes)[:2]


def _image(content: bytes, **changes: Any) -> tuple[int, Any]:
    return _ask("image", body=base64.b64encode(content).decode(), **changes)


def _records(account: Account) -> list[Json]:
    return account.items("DetectionsTable")


# --- At once --------------------------------------------------------------------------------------


def test_an_image_is_answered_with_all_that_the_model_said_and_leaves_no_trace(
    serving: Account,
) -> None:
    assert _ask("image") == (
        200,
        {
            "outcome": "confident",
            "version": SERVING,
            "label": "scratch",
            "confidence_pct": 96.5,
            "minimum_confidence_pct": 70.0,
            "labels": [
                {"name": "scratch", "confidence_pct": 96.5},
                {"name": "dent", "confidence_pct": 3.5},
            ],
        },
    )
    (request,) = _detected(serving)
    assert base64.b64decode(request["Image"]["Bytes"]) == IMAGE
    assert request["MinConfidence"] == 0
    assert not _records(serving)
    assert not serving.keys()


def test_an_object_is_looked_at_in_its_latest_version(serving: Account) -> None:
    serving.put(KEY, b"old")
    latest = serving.put(KEY, IMAGE)
    status, _ = _ask("object")
    assert status == 200
    (request,) = _detected(serving)
    assert request["Image"] == {
        "S3Object": {"Bucket": serving.bucket, "Name": KEY, "Version": latest}
    }


def test_boxes_are_told_and_the_least_sure_one_decides(
    serving: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_TYPE", "detection")
    _finds(serving, ("dent", 71.0), ("dent", 93.0), box=BOX)
    _, found = _ask("image")
    assert (found["outcome"], found["confidence_pct"]) == ("confident", 71.0)
    assert [label["confidence_pct"] for label in found["labels"]] == [93.0, 71.0]
    assert found["labels"][0]["box"] == {side.lower(): ratio for side, ratio in BOX.items()}


@pytest.mark.parametrize(("bolt_pct", "outcome"), [(96.0, "confident"), (97.5, "deferred")])
def test_what_was_not_found_and_may_be_there_is_told_apart(
    serving: Account, monkeypatch: pytest.MonkeyPatch, bolt_pct: float, outcome: str
) -> None:
    monkeypatch.setenv("MODEL_TYPE", "multi-label")
    calibrated.keep(serving, SERVING)
    _finds(serving, ("bolt", bolt_pct), ("gear", 9.0))
    _, found = _ask("image")
    assert (found["outcome"], found["label"], found["confidence_pct"]) == (outcome, "gear", 9.0)
    assert [label["name"] for label in found["labels"]] == ["gear"]
    assert [label["name"] for label in found["unsure"]] == ["bolt"]
    _, logged = _ask("image_to_log")
    assert (logged["labels"], logged["unsure"]) == (found["labels"], found["unsure"])
    assert logged["outcome"] == ("review" if outcome == "deferred" else outcome)


def test_an_image_that_is_none_of_the_labels_is_sure_when_people_have_said_enough(
    serving: Account,
) -> None:
    _finds(serving, (NONE_OF_THEM, 96.5), ("dent", 3.5))
    _, found = _ask("image")
    assert (found["outcome"], found["label"]) == ("deferred", "none of them")
    for number in range(30):
        at = f"2026-11-21T09:00:{number:02}.000Z"
        none_answers.note(NoneAnswer(f"{number}", SERVING, 96.5, True, at))
    serving.clock.advance(60)
    _, found = _ask("image")
    assert (found["outcome"], found["label"]) == ("confident", "none of them")


@pytest.mark.parametrize("labels", [[("scratch", 69.9)], []])
def test_what_is_doubtful_is_deferred_as_nobody_hears_of_it(
    serving: Account, labels: list[tuple[str, float]]
) -> None:
    _finds(serving, *labels)
    _, found = _ask("image")
    assert found["outcome"] == "deferred"
    assert "human_loop" not in found
    assert found["label"] == (labels[0][0] if labels else None)


@pytest.mark.parametrize("groups", ["[reviewers]", "[operators]"])
def test_people_of_both_groups_may_detect(serving: Account, groups: str) -> None:
    request = event("serve_detect_api.image")["requestContext"]
    person = event("serve_detect_api.object")["requestContext"]["authorizer"]
    person["jwt"]["claims"]["cognito:groups"] = groups
    assert _ask("image", requestContext={**request, "authorizer": person})[0] == 200


def test_a_model_that_took_over_meanwhile_is_the_one_that_answers(serving: Account) -> None:
    _ask("image")
    deployed_version.switch("v8", version_arn("v8"), deployed_version.now())

    def only_the_new(request: Json) -> Json:
        if request["ProjectVersionArn"] != version_arn("v8"):
            raise ServiceError("ResourceNotReadyException", "stopped")
        return {"CustomLabels": []}

    serving.rekognition.answers["DetectCustomLabels"] = only_the_new
    assert _ask("image")[1]["version"] == "v8"


# --- Refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "InvalidRequest"),
        (b"just words", 422, "InvalidImage"),
        (IMAGE[:20], 422, "InvalidImage"),
        (IMAGE[:16] + (63).to_bytes(4, "big") * 2 + IMAGE[24:], 422, "InvalidImage"),
        (IMAGE[:16] + (4097).to_bytes(4, "big") * 2 + IMAGE[24:], 422, "InvalidImage"),
        (b"\xff\xd8\xff" + bytes(MAX_REQUEST_BYTES), 413, "TooLarge"),
    ],
)
@pytest.mark.parametrize("log", ["false", "true"])
def test_what_is_no_image_for_the_model_is_refused_before_it_is_asked(
    serving: Account, content: bytes, status: int, code: str, log: str
) -> None:
    got, refusal = _image(content, queryStringParameters={"log": log})
    assert (got, refusal["error"]["code"]) == (status, code)
    assert refusal["error"]["message"]
    assert not _detected(serving)
    assert not serving.keys()


def test_an_image_of_exactly_four_megabytes_is_taken(serving: Account) -> None:
    assert _image(IMAGE + bytes(MAX_REQUEST_BYTES - len(IMAGE)))[0] == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 400),
        ("{}", 400),
        ("[]", 400),
        ('{"key": "images_for_detection/a.jpg", "bucket": "another"}', 400),
        ('{"key": "manifests/splits"}', 400),
        ('{"key": "images_labeled_by_folder/gear/1.jpg"}', 400),
        ('{"key": "images_for_detection/../manifests/splits.jpg"}', 400),
        ('{"key": "images_for_detection//a.jpg"}', 400),
        ('{"key": "images_for_detection/"}', 400),
        ('{"key": "images_for_detection/./a.jpg"}', 400),
        ('{"key": "images_for_detection/.hidden/..a/...jpg"}', 404),
        ('{"key": "images_for_detection/' + "ä" * 502 + '"}', 400),
        ('{"key": "images_for_detection/' + "x" * 1_000_000 + '"}', 400),
        ('{"key": 1' + "0" * 100_000 + "}", 400),
        ("[" * 100_000, 400),
        ('{"key": "images_for_detection/not there.jpg"}', 404),
        ('{"key": "images_for_detection/.DS_Store"}', 422),
        ('{"key": "images_for_detection/large.jpg"}', 422),
    ],
)
def test_only_images_of_the_folder_for_detection_can_be_named(
    serving: Account, body: str, status: int
) -> None:
    serving.put("images_for_detection/.DS_Store", b"no image")
    serving.put("images_for_detection/large.jpg", bytes(MAX_BYTES + 1))
    assert _ask("object", body=body)[0] == status
    assert not _detected(serving)


def test_json_is_json_whatever_its_character_set_and_encoding(serving: Account) -> None:
    serving.put(KEY, IMAGE)
    body = base64.b64encode(event("serve_detect_api.object")["body"].encode()).decode()
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert _ask("object", body=body, isBase64Encoded=True, headers=headers)[0] == 200


def test_a_form_is_refused_with_how_to_send_the_bytes(serving: Account) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x"}
    status, refusal = _ask("image", headers=headers)
    assert (status, refusal["error"]["code"]) == (400, "InvalidRequest")
    assert "--data-binary" in refusal["error"]["message"]
    assert not _detected(serving)


def test_an_image_is_an_image_under_the_type_that_generated_clients_send(serving: Account) -> None:
    headers = {"content-type": "application/octet-stream"}
    assert _ask("image", headers=headers) == _ask("image")
    assert _ask("image")[0] == 200


def test_who_is_in_no_group_and_has_no_such_scope_may_not(serving: Account) -> None:
    status, refusal = _ask("stranger")
    assert (status, refusal["error"]["code"]) == (403, "NotAllowed")
    assert not _detected(serving)


def test_a_program_that_may_detect_alone_gets_no_image_logged(serving: Account) -> None:
    request = event("serve_detect_api.image_to_log")["requestContext"]
    request["authorizer"]["jwt"]["claims"]["scope"] = "labelloop/detect"
    assert _ask("image", requestContext=request)[0] == 200
    before = len(_detected(serving))
    status, refusal = _ask("image_to_log", requestContext=request)
    assert (status, refusal["error"]["code"]) == (403, "NotAllowed")
    assert "labelloop/log" in refusal["error"]["message"]
    assert len(_detected(serving)) == before
    assert _records(serving) == []
    assert not serving.keys("images_from_api/")


@pytest.mark.parametrize("groups", api.NO_GROUPS)
def test_a_group_of_another_name_gives_no_rights(serving: Account, groups: str) -> None:
    request = event("serve_detect_api.object")
    request["requestContext"]["authorizer"]["jwt"]["claims"]["cognito:groups"] = groups
    assert _ask("object", requestContext=request["requestContext"])[0] == 403


def test_log_is_true_or_false(serving: Account) -> None:
    assert _ask("image", queryStringParameters={"log": "yes"})[0] == 400


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ProvisionedThroughputExceededException", 429),
        ("ThrottlingException", 429),
        ("InternalServerError", 503),
        ("InvalidImageFormatException", 422),
        ("ImageTooLargeException", 422),
        ("InvalidS3ObjectException", 404),
    ],
)
def test_what_the_service_refuses_is_told_with_a_status_that_says_what_to_do(
    serving: Account, code: str, status: int
) -> None:
    serving.rekognition.answers["DetectCustomLabels"] = refuses(code)
    got, _, headers = _answer("image")
    assert got == status
    assert ("Retry-After" in headers) is (status in {429, 503})
    assert len(_detected(serving)) == 1


# --- Without a model ------------------------------------------------------------------------------


def test_before_there_is_a_model_nobody_is_asked_to_start_one(
    account: Account, started: list[Json]
) -> None:
    status, refusal, headers = _answer("image")
    assert (status, refusal["error"]["code"]) == (503, "ModelNotReady")
    assert "No model has been deployed yet" in refusal["error"]["message"]
    assert int(headers["Retry-After"]) > 0
    assert not started


@pytest.fixture
def stopped(serving: Account) -> Account:
    """An account whose model does not run."""
    serving.rekognition.answers["DetectCustomLabels"] = refuses("ResourceNotReadyException")
    return serving


def test_a_model_that_does_not_run_is_asked_to_start(stopped: Account, started: list[Json]) -> None:
    status, refusal, headers = _answer("image")
    assert status == 503
    assert "asked to start" in refusal["error"]["message"]
    assert headers["Retry-After"] == "120"
    assert started == [
        {"function": "label-loop-HostModelFunction", "payload": {"images_wait": True}}
    ]


def test_a_model_that_was_stopped_by_hand_is_not(stopped: Account, started: list[Json]) -> None:
    stopped.pause_hosting()
    status, refusal = _ask("image")
    assert status == 503
    assert "stopped by hand" in refusal["error"]["message"]
    assert not started


# --- Work that leaves no record -------------------------------------------------------------------


def test_asking_without_the_log_counts_as_work_and_is_noted_once_a_minute(
    serving: Account,
) -> None:
    written: list[Json] = []
    serving.hook(
        "dynamodb", "before-call.dynamodb.PutItem", lambda params, **_: written.append(params)
    )
    for _ in range(5):
        _ask("image")
        serving.clock.advance(20)
    assert len(written) == 2
    assert model_use.asked_directly_since(clock.now())
    serving.clock.advance(180)
    assert not model_use.asked_directly_since(clock.now())


def test_a_model_that_does_not_answer_does_no_work(stopped: Account) -> None:
    _ask("image")
    assert not model_use.asked_directly_since(clock.now())


# --- With the log ---------------------------------------------------------------------------------


def test_an_image_is_kept_detected_and_logged_once_however_often_it_is_sent(
    serving: Account,
) -> None:
    answers = [_ask("image_to_log") for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    status, found = answers[0]
    assert (status, found["outcome"], found["label"]) == (200, "confident", "scratch")
    (key,) = serving.keys()
    assert key.startswith(f"images_from_api/{iso(clock.now())[:10]}/")
    assert key.endswith(".png")
    assert serving.read(key) == IMAGE
    assert len(_records(serving)) == len(_detected(serving)) == 1
    record = inference_log.recorded(found["detection_id"])
    assert (record["key"], record["size_bytes"]) == (key, len(IMAGE))


def test_the_same_image_on_another_day_is_another_record(serving: Account) -> None:
    first = _ask("image_to_log")[1]["detection_id"]
    serving.clock.advance(86_400)
    assert _ask("image_to_log")[1]["detection_id"] != first


def test_a_doubtful_image_is_told_with_the_task_that_people_have(serving: Account) -> None:
    _finds(serving, ("dent", 42.0))
    _, found = _ask("image_to_log")
    assert found["outcome"] == "review"
    assert found["human_loop"] == f"detection-{found['detection_id']}"


def _as_person(case: str, sub: str) -> tuple[int, Any]:
    """The answer to a sample request, made by a reviewer."""
    context = event(f"serve_detect_api.{case}")["requestContext"]
    person = event("serve_detect_api.object")["requestContext"]["authorizer"]
    person["jwt"]["claims"]["sub"] = sub
    return _ask(case, requestContext={**context, "authorizer": person})


def test_who_sends_an_image_is_kept_with_its_record_and_its_task(serving: Account) -> None:
    _finds(serving, ("dent", 42.0))
    _, found = _as_person("image_to_log", "ann")
    detection, task = found["detection_id"], found["human_loop"]
    assert inference_log.recorded(detection)["senders"] == ["ann"]
    request_review({"detection_id": detection}, Context())
    assert review_tasks.get(task).senders == {"ann"}

    before = review_tasks.get(task)
    for _ in range(2):
        assert _as_person("image_to_log", "bob") == (200, found)
    assert inference_log.recorded(detection)["senders"] == ["ann", "bob"]
    after = review_tasks.get(task)
    assert after.senders == {"ann", "bob"}
    assert after.revision == before.revision + 1


def test_who_sends_an_image_is_kept_whenever_the_process_dies(serving: Account) -> None:
    _finds(serving, ("dent", 42.0))
    _, found = _as_person("image_to_log", "ann")
    request_review({"detection_id": found["detection_id"]}, Context())

    class Died(BaseException):
        pass

    for nth in (1, 2):  # The task's write, and the record's.
        writes: list[str] = []

        def die(writes: list[str] = writes, nth: int = nth, **_: Any) -> None:
            writes.append("")
            if len(writes) == nth:
                raise Died

        person = f"person {nth}"
        serving.hook("dynamodb", "before-call.dynamodb.UpdateItem", die)
        with pytest.raises(Died):
            _as_person("image_to_log", person)
        serving.unhook()
        _as_person("image_to_log", person)
        assert person in inference_log.recorded(found["detection_id"])["senders"]
        assert person in review_tasks.get(found["human_loop"]).senders


def test_a_task_that_is_done_keeps_the_senders_that_it_was_done_with(serving: Account) -> None:
    _finds(serving, ("dent", 42.0))
    _, found = _as_person("image_to_log", "ann")
    request_review({"detection_id": found["detection_id"]}, Context())
    task, now = review_tasks.get(found["human_loop"]), clock.now()
    said = Annotation.of_labels(["dent"])
    done = task.claimed("cho", now).answered("cho", said, now).handed_on()
    review_tasks.change(task, done, Person("cho", "cho"), now)
    _as_person("image_to_log", "bob")
    assert review_tasks.get(task.task_id).senders == {"ann"}


def test_who_sends_an_image_that_people_have_answered_is_no_sender_of_it(
    serving: Account,
) -> None:
    """Nobody takes an answer out of the samples by sending its image afterwards."""
    _finds(serving, ("dent", 42.0))
    _, found = _as_person("image_to_log", "ann")
    inference_log.note(found["detection_id"], {"agreement": "decided"})
    _as_person("image_to_log", "bob")
    assert inference_log.recorded(found["detection_id"])["senders"] == ["ann"]


def test_a_program_is_no_sender(serving: Account) -> None:
    _, found = _ask("image_to_log")
    assert "senders" not in inference_log.recorded(found["detection_id"])


def test_who_names_an_image_of_the_bucket_is_not_asked_about_it_either(serving: Account) -> None:
    serving.put(KEY, IMAGE)
    serving.clock.advance(300)
    _, found = _as_person("object_to_log", "ann")
    assert inference_log.recorded(found["detection_id"])["senders"] == ["ann"]


def test_who_sends_an_image_without_the_log_leaves_no_trace(serving: Account) -> None:
    assert _as_person("image", "ann")[0] == 200
    assert not _records(serving)


def test_asking_again_is_answered_with_what_people_have_said_meanwhile(serving: Account) -> None:
    _finds(serving, ("scratch", 41.0), ("dent", 3.5))
    _, first = _ask("image_to_log")
    assert (first["outcome"], first["decided_by"], first["final_labels"]) == ("review", None, [])
    said = {"agreement": "decided", "human_labels": [{"name": "dent"}]}
    inference_log.note(first["detection_id"], said)
    final = {"agreement": "decided", "decided_by": "people", "final_labels": [{"name": "dent"}]}
    assert _ask("image_to_log") == (200, {**first, **final})


def test_sending_an_image_again_asks_no_more_of_the_log_than_before(serving: Account) -> None:
    _as_person("image_to_log", "ann")
    asked: list[str] = []
    serving.hook("dynamodb", "before-call.dynamodb.*", lambda model, **_: asked.append(model.name))
    _as_person("image_to_log", "ann")
    _ask("image_to_log")
    assert asked == ["GetItem"] * 2


def test_a_doubtful_image_that_nobody_was_asked_about_is_seen_to_when_it_comes_again(
    serving: Account,
) -> None:
    """The workflow of the first request ended behind the record, and so did who started it."""
    _finds(serving, ("dent", 42.0))
    _, first = _ask("image_to_log")
    assert _ask("image_to_log") == (200, first)
    assert len(serving.stepfunctions.asked("StartSyncExecution")) == 2
    request_review({"detection_id": first["detection_id"]}, Context())
    assert _ask("image_to_log") == (200, first)
    assert len(serving.stepfunctions.asked("StartSyncExecution")) == 2
    assert len(_detected(serving)) == 1


def _detection(account: Account, version_id: str) -> str:
    return detection_id(ImageObject(account.bucket, KEY, version_id, "", 0))


def test_an_object_that_is_logged_already_is_answered_from_the_log(serving: Account) -> None:
    version_id = serving.put(KEY, IMAGE)
    sample = json.loads(json.dumps(event("detect_labels.image")))
    sample["detail"]["bucket"]["name"] = serving.bucket
    sample["detail"]["object"] |= {"key": KEY, "version-id": version_id}
    detect_labels(sample, Context())
    status, found = _ask("object_to_log")
    assert (status, found["detection_id"]) == (200, _detection(serving, version_id))
    assert len(_detected(serving)) == 1


def test_a_new_object_is_given_time_to_come_through_the_queue(serving: Account) -> None:
    """moto writes objects at the real time, long before or after the test's."""
    version_id = serving.put(KEY, IMAGE)
    written = serving.boto3("s3").head_object(Bucket=serving.bucket, Key=KEY)["LastModified"]
    serving.clock.now_s = written.timestamp() + 1
    began_s = serving.clock.now_s
    _, found = _ask("object_to_log")
    assert 4 < serving.clock.now_s - began_s < 6
    assert found["detection_id"] == _detection(serving, version_id)
    _ask("object_to_log")
    assert len(_records(serving)) == len(_detected(serving)) == 1


def test_an_object_that_has_waited_long_enough_is_detected_now(serving: Account) -> None:
    serving.put(KEY, IMAGE)
    written = serving.boto3("s3").head_object(Bucket=serving.bucket, Key=KEY)["LastModified"]
    serving.clock.now_s = began_s = written.timestamp() + 61
    assert _ask("object_to_log")[0] == 200
    assert serving.clock.now_s == began_s


def test_the_workflow_is_told_to_look_for_a_record_first(serving: Account) -> None:
    _ask("image_to_log")
    (request,) = serving.stepfunctions.asked("StartSyncExecution")
    assert json.loads(request["input"])["detail"]["again"] is True


def test_without_a_model_an_image_is_logged_and_waits(stopped: Account) -> None:
    status, found = _ask("image_to_log")
    assert status == 202
    assert found == {"outcome": "waiting", "detection_id": found["detection_id"]}
    assert inference_log.recorded(found["detection_id"])["outcome"] == Outcome.WAITING
    _finds(stopped, ("scratch", 96.5))
    status, later = _ask("image_to_log")
    assert (status, later["detection_id"]) == (200, found["detection_id"])
    assert len(_records(stopped)) == 1


def test_what_the_service_never_takes_is_logged_and_refused_with_the_reason(
    serving: Account,
) -> None:
    serving.rekognition.answers["DetectCustomLabels"] = refuses("InvalidImageFormatException", "X.")
    for _ in range(2):
        status, refusal = _ask("image_to_log")
        assert (status, refusal["error"]["code"]) == (422, "InvalidImage")
        assert "Rekognition does not take it: X." in refusal["error"]["message"]
    assert len(_detected(serving)) == 1


@pytest.fixture(params=["ProvisionedThroughputExceededException", "InternalServerError"])
def failing(serving: Account, request: pytest.FixtureRequest) -> Iterator[tuple[Account, int]]:
    """An account whose model fails, and the status that tells of it."""
    serving.rekognition.answers["DetectCustomLabels"] = refuses(request.param)
    return serving, 429 if request.param.startswith("Prov") else 503  # type: ignore[return-value]


def test_what_fails_is_left_to_the_queue_and_the_caller_may_ask_again(
    failing: tuple[Account, int],
) -> None:
    account, expected = failing
    status, refusal, headers = _answer("image_to_log")
    assert status == expected
    assert "It is logged as soon as it can be" in refusal["error"]["message"]
    assert "Retry-After" in headers
    (message,) = account.queued_for_detection()
    _finds(account, ("scratch", 96.5))
    detect_labels(message, Context())
    asked = len(_detected(account))
    assert _ask("image_to_log")[0] == 200
    assert len(_detected(account)) == asked


@pytest.mark.parametrize(
    "end",
    [
        {"status": "FAILED", "error": "States.TaskFailed"},
        {"status": "TIMED_OUT"},
        {"status": "SUCCEEDED", "output": '{"told": false}'},
    ],
)
def test_a_record_is_answered_though_a_later_step_failed_which_the_queue_makes_good(
    serving: Account, end: Json
) -> None:
    def fails_later(request: Json) -> Json:
        _workflow(request)
        return _ended(**end)

    serving.stepfunctions.answers["StartSyncExecution"] = fails_later
    status, found = _ask("image_to_log")
    assert (status, found["label"]) == (200, "scratch")
    (message,) = serving.queued_for_detection()
    assert message["detail"]["object"]["key"] == serving.keys()[0]


def test_an_execution_that_cannot_be_started_is_left_to_the_queue(serving: Account) -> None:
    serving.stepfunctions.answers["StartSyncExecution"] = refuses("InternalFailure", status=500)
    assert _ask("image_to_log")[0] == 503
    assert len(serving.queued_for_detection()) == 1


# --- The day's ceilings ---------------------------------------------------------------------------


UNTIL_MIDNIGHT_S = 14 * 3600 + 44 * 60 + 33
"""From the time that the clock stands at."""


def _another(number: int) -> bytes:
    """A PNG of another content: what follows the end of an image is no part of it."""
    return IMAGE + bytes([number])


@pytest.mark.parametrize("logged", [False, True])
def test_over_the_days_images_the_caller_is_told_to_come_again_tomorrow(
    serving: Account, logged: bool
) -> None:
    serving.set_parameter(API_IMAGES, "2")
    changes: Json = {"queryStringParameters": {"log": "true"}} if logged else {}
    for number in range(2):
        assert _image(_another(number), **changes)[0] == 200
    for number in range(2, 5):
        body = base64.b64encode(_another(number)).decode()
        status, refusal, headers = _answer("image", body=body, **changes)
        assert (status, refusal["error"]["code"]) == (429, "ApiImagesSpent")
        assert "Maximum-Daily-API-Images" in refusal["error"]["message"]
        assert headers["Retry-After"] == str(UNTIL_MIDNIGHT_S)
    assert len(_detected(serving)) == 2
    assert len(serving.keys()) == len(_records(serving)) == (2 if logged else 0)
    serving.clock.advance(UNTIL_MIDNIGHT_S - 1)
    assert _image(_another(2), **changes)[0] == 429
    serving.clock.advance(1)
    assert _image(_another(2), **changes)[0] == 200


def test_an_object_that_is_asked_about_at_once_is_counted_too(serving: Account) -> None:
    serving.set_parameter(API_IMAGES, "1")
    serving.put(KEY, IMAGE)
    assert _ask("object")[0] == 200
    assert _ask("object")[0] == 429


def test_what_is_in_the_log_is_answered_when_the_day_takes_no_more_images(
    serving: Account,
) -> None:
    serving.set_parameter(API_IMAGES, "1")
    first = _ask("image_to_log")
    assert first[0] == 200
    assert _ask("image_to_log") == first
    new = base64.b64encode(_another(1)).decode()
    assert _ask("image_to_log", body=new)[0] == 429


def test_asking_again_for_an_image_that_is_logged_is_not_counted(serving: Account) -> None:
    serving.set_parameter(API_IMAGES, "2")
    for _ in range(5):
        assert _ask("image_to_log")[0] == 200
    new = base64.b64encode(_another(1)).decode()
    assert _ask("image_to_log", body=new)[0] == 200


def test_what_is_no_image_is_not_counted(serving: Account) -> None:
    serving.set_parameter(API_IMAGES, "1")
    assert _image(b"a text file")[0] == 422
    assert _image(b"")[0] == 400
    assert _image(IMAGE)[0] == 200


def test_when_the_days_model_hours_are_spent_nobody_waits_for_a_start(
    serving: Account, started: list[Json]
) -> None:
    serving.set_parameter(MODEL_HOURS, "3")
    serving.models_ran(3)
    serving.rekognition.answers["DetectCustomLabels"] = refuses("ResourceNotReadyException")
    status, refusal, headers = _answer("image")
    assert (status, refusal["error"]["code"]) == (503, "ModelHoursSpent")
    assert "Maximum-Daily-Model-Hours" in refusal["error"]["message"]
    assert headers["Retry-After"] == str(UNTIL_MIDNIGHT_S)
    assert started == []
    assert _ask("image_to_log")[0] == 202, "it waits, and is not lost"
    serving.clock.advance(UNTIL_MIDNIGHT_S)
    assert _answer("image")[1]["error"]["code"] == "ModelNotReady"
    assert len(started) == 1
