"""DetectLabels: one record for each object version, whatever happens twice."""

import json
from typing import Any

import pytest

from functions.detect_labels.app import lambda_handler
from labelloop import clock
from labelloop.aws import deployed_version, detections, detections_by_time, none_answers
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.rejection import NoneAnswer
from labelloop.errors import (
    InvalidRequestError,
    ObjectUnreadableError,
    ServiceFailedError,
    ThrottledError,
)
from labelloop.services import version_doubt
from labelloop.settings import Variable
from tests import event_schemas
from tests.unit import calibrated, inference_log
from tests.unit.account import Account, Context, Json, event, measured, refuses, version_arn
from tests.unit.calibrated import CALIBRATION

IMAGE = event("detect_labels.image")


def _labels(*labels: tuple[str, float]) -> Json:
    return {"CustomLabels": [{"Name": name, "Confidence": pct} for name, pct in labels]}


def _boxes(*labels: tuple[str, float]) -> Json:
    """Boxes that reach over the image's left edge."""
    box = {"Left": -0.0625, "Top": 0.0, "Width": 0.25, "Height": 1 / 3}
    answer = _labels(*labels)
    for label in answer["CustomLabels"]:
        label["Geometry"] = {"BoundingBox": box}
    return answer


@pytest.fixture
def serving(account: Account) -> Account:
    """An account in which v1 serves and is certain of what it sees."""
    deployed_version.switch("v1", version_arn("v1"), None)
    account.rekognition.answers["DetectCustomLabels"] = lambda _: _labels(
        ("dent", 3.5), ("scratch", 96.5)
    )
    return account


def _detect(image: Json = IMAGE) -> Json:
    return lambda_handler(image, Context())


def test_a_certain_detection_is_logged_with_all_that_the_model_said(serving: Account) -> None:
    output = _detect()
    assert (output["outcome"], output["version"]) == ("confident", "v1")
    assert output["notify"] is False
    record = inference_log.recorded(output["detection_id"])
    assert record["label"] == "scratch"
    assert record["confidence_pct"] == 96.5
    assert record["labels"] == [
        {"name": "scratch", "confidence_pct": 96.5},
        {"name": "dent", "confidence_pct": 3.5},
    ]
    assert "outcome_shard" not in record
    assert not {"human_loop", "chance"} & record.keys()


def test_it_is_said_whether_the_model_was_asked(account: Account) -> None:
    """Not for an image that waits, nor one that is known: neither tells how fast the model is."""
    assert _detect()["asked_model"] is False
    deployed_version.switch("v1", version_arn("v1"), None)
    deployed_version.lately(at_once=True)
    account.rekognition.answers["DetectCustomLabels"] = lambda _: _labels(("dent", 99.0))
    assert _detect()["asked_model"] is True
    again = event("detect_labels.image")
    again["detail"]["again"] = True
    assert _detect(again)["asked_model"] is False


def test_the_very_version_of_the_object_is_looked_at_with_all_its_labels(serving: Account) -> None:
    _detect()
    (request,) = serving.rekognition.asked("DetectCustomLabels")
    image = IMAGE["detail"]["object"]
    assert request["Image"]["S3Object"]["Version"] == image["version-id"]
    assert request["Image"]["S3Object"]["Name"] == image["key"]
    assert request["MinConfidence"] == 0


def test_the_record_says_all_that_is_known_from_the_beginning(
    serving: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace_id = "1-692030cf-0c1f5a8d7e218f5e0a1c6d2b"
    monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root={trace_id};Parent=53995c3f42cd8ad8;Sampled=0")
    image = IMAGE["detail"]["object"]
    record = dict(inference_log.recorded(_detect()["detection_id"]))
    indexed = {record.pop(name) for name in ("date_id", "day_shard")}
    assert len(indexed) == 2
    assert record == {
        "detection_id": record["detection_id"],
        "request_id": Context().aws_request_id,
        "trace_id": trace_id,
        "archived": True,
        "date": clock.iso(clock.now()),
        "bucket": IMAGE["detail"]["bucket"]["name"],
        "key": image["key"],
        "version_id": image["version-id"],
        "etag": image["etag"],
        "size_bytes": image["size"],
        "outcome": "confident",
        "version": "v1",
        "label": "scratch",
        "confidence_pct": 96.5,
        "labels": [
            {"name": "scratch", "confidence_pct": 96.5},
            {"name": "dent", "confidence_pct": 3.5},
        ],
        "minimum_confidence_pct": 70,
        "review_enabled": True,
        "sampled": False,
    }


@pytest.mark.parametrize("model_type", ["multi-label", "detection"])
@pytest.mark.parametrize(("least_pct", "outcome"), [(70.0, "confident"), (69.9, "review")])
def test_the_least_sure_of_several_labels_or_boxes_decides(
    serving: Account,
    monkeypatch: pytest.MonkeyPatch,
    model_type: str,
    least_pct: float,
    outcome: str,
) -> None:
    monkeypatch.setenv(Variable.MODEL_TYPE, model_type)
    answer = _boxes if model_type == "detection" else _labels
    labels = [("gear", 99.5), ("gear", 80.0), ("bolt", least_pct)]
    serving.rekognition.answers["DetectCustomLabels"] = lambda _: answer(*labels)
    output = _detect()
    assert output == _detect()
    assert output["outcome"] == outcome
    (first, _) = serving.rekognition.asked("DetectCustomLabels")
    assert "MinConfidence" not in first, "each label has to reach its own assumed threshold"
    record = inference_log.recorded(output["detection_id"])
    assert (record["label"], record["confidence_pct"]) == ("bolt", least_pct)
    box = {"left": -0.0625, "top": 0, "width": 0.25, "height": 0.333333}
    of_detection = {"box": box} if model_type == "detection" else {}
    assert record["labels"] == [
        {"name": name, "confidence_pct": pct, **of_detection} for name, pct in labels
    ]
    data = json.loads(output["message"])
    assert (data["label"], data["labels"]) == ("bolt", record["labels"])


@pytest.fixture
def calibrated_v1(serving: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    """An account whose multi-label model is known to be right about low confidences of gears."""
    monkeypatch.setenv(Variable.MODEL_TYPE, "multi-label")
    calibrated.keep(serving)
    return serving


def test_thresholds_are_applied_here_where_it_is_known_how_sure_the_version_is(
    calibrated_v1: Account,
) -> None:
    calibrated_v1.rekognition.answers["DetectCustomLabels"] = lambda _: _labels(
        ("bolt", 97.0), ("gear", 9.0), ("washer", 0.02)
    )
    output = _detect()
    (request,) = calibrated_v1.rekognition.asked("DetectCustomLabels")
    assert request["MinConfidence"] == pytest.approx(CALIBRATION.least_confidence_pct)
    record = inference_log.recorded(output["detection_id"])
    assert [label["name"] for label in record["labels"]] == ["gear"]
    assert (record["label"], record["confidence_pct"]) == ("gear", 9)
    assert 80 < record["labels"][0]["chance_pct"] < 85
    (unsure,) = record["unsure"]
    assert (unsure["name"], unsure["confidence_pct"]) == ("bolt", 97)
    assert 30 < unsure["chance_pct"] < 35
    assert record["complete"] is True
    assert output["outcome"] == "review", "a bolt may be there, too"
    data = json.loads(output["message"])
    assert (data["label"], data["labels"], data["unsure"]) == (
        "gear",
        record["labels"],
        record["unsure"],
    )
    assert "% that there is bolt, which it did not find" in output["message"]
    assert json.loads(output["filter_label"]) == ["gear"]


@pytest.mark.parametrize(
    ("labels", "outcome"),
    [
        ([("gear", 9.0)], "confident"),
        ([("gear", 1.5)], "review"),
        ([("gear", 9.0), ("bolt", 96.0)], "confident"),
        ([("gear", 9.0), ("bolt", 97.5)], "review"),
        ([("gear", 9.0), ("bolt", 98.5)], "review"),
        ([("bolt", 99.9)], "confident"),
        ([("bolt", 97.9)], "review"),
    ],
)
def test_what_is_near_a_threshold_is_doubtful_on_either_side(
    calibrated_v1: Account, labels: list[tuple[str, float]], outcome: str
) -> None:
    calibrated_v1.rekognition.answers["DetectCustomLabels"] = lambda _: _labels(*labels)
    output = _detect()
    assert output["outcome"] == outcome
    assert output == _detect()


def test_how_sure_a_version_is_is_read_once_and_never_of_a_classification_model(
    calibrated_v1: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[object] = []
    calibrated_v1.hook("s3", "before-call.s3", lambda **_: reads.append(1))
    _detect()
    _detect(event("detect_labels.without_version"))
    assert len(reads) == 1
    version_doubt._known.clear()
    monkeypatch.setenv(Variable.MODEL_TYPE, "classification")
    _detect()
    assert len(reads) == 1


@pytest.mark.parametrize(
    ("code", "error"), [("InternalError", ServiceFailedError), ("SlowDown", ThrottledError)]
)
def test_while_that_cannot_be_read_nothing_is_recorded_and_the_image_may_come_again(
    calibrated_v1: Account, code: str, error: type[Exception]
) -> None:
    class Failed:
        status_code = 503

    def fail(**_: Any) -> tuple[Any, Json]:
        return Failed(), {"Error": {"Code": code, "Message": "No."}}

    calibrated_v1.hook("s3", "before-call.s3.GetObject", fail)
    with pytest.raises(error):
        _detect()
    assert calibrated_v1.items("DetectionsTable") == []
    calibrated_v1.unhook()
    calibrated_v1._hooks.clear()
    assert "complete" in inference_log.recorded(_detect()["detection_id"])


def test_what_may_be_there_is_kept_within_bounds(
    calibrated_v1: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not all that was likely is complete."""
    monkeypatch.setenv(Variable.MODEL_TYPE, "detection")
    names = [f"{number:03}" + 252 * "日" for number in range(200)]
    many = [("gear", 50.0), *((name, 49 - number / 100) for number, name in enumerate(names))]
    calibrated_v1.rekognition.answers["DetectCustomLabels"] = lambda _: _boxes(*many)
    record = inference_log.recorded(_detect()["detection_id"])
    assert 0 < len(record["unsure"]) < 50
    assert [entry["name"] for entry in record["unsure"]] == names[: len(record["unsure"])]
    assert "complete" not in record
    few = [("gear", 50.0), *((f"{number:03}", 40.0) for number in range(50))]
    calibrated_v1.rekognition.answers["DetectCustomLabels"] = lambda _: _boxes(*few)
    record = inference_log.recorded(_detect(event("detect_labels.without_version"))["detection_id"])
    assert (len(record["unsure"]), record["complete"]) == (50, True)


def test_nothing_found_is_doubtful_however_unlikely_all_else_is(calibrated_v1: Account) -> None:
    calibrated_v1.rekognition.answers["DetectCustomLabels"] = lambda _: _labels(("bolt", 60.0))
    output = _detect()
    assert output["outcome"] == "review"
    assert inference_log.recorded(output["detection_id"])["labels"] == []
    assert output["subject"].endswith("nothing found")


def test_what_messages_can_be_filtered_by_goes_with_each_of_them(
    serving: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(Variable.MODEL_TYPE, "multi-label")
    serving.rekognition.answers["DetectCustomLabels"] = lambda _: _labels(
        ("gear", 99.5), ("bolt", 71.25)
    )
    output = _detect()
    assert json.loads(output["filter_label"]) == ["gear", "bolt"]
    assert float(output["filter_confidence"]) == 71.25
    assert output["filter_version"] == "v1"
    for name in ("without_version", "no_image"):
        serving.rekognition.answers["DetectCustomLabels"] = lambda _: _labels()
        output = _detect(event(f"detect_labels.{name}"))
        assert json.loads(output["filter_label"]) == [None]
        assert float(output["filter_confidence"]) == 0
        assert output["filter_version"] in {"v1", "none"}


@pytest.mark.parametrize(
    ("model_type", "count", "kept"),
    [("classification", 250, 250), ("multi-label", 250, 250), ("detection", 5000, 250)],
)
def test_however_much_is_found_it_is_recorded_and_told(
    serving: Account,
    monkeypatch: pytest.MonkeyPatch,
    model_type: str,
    count: int,
    kept: int,
) -> None:
    """DynamoDB takes 400 KB, and so many labels as a model can have must fit in there."""
    monkeypatch.setenv(Variable.MODEL_TYPE, model_type)
    labels = [(f"{number % 250:03}" + 252 * "日", 99 - number / 100) for number in range(count)]
    answer = _boxes(*labels) if model_type == "detection" else _labels(*labels)
    serving.rekognition.answers["DetectCustomLabels"] = lambda _: answer
    output = _detect()
    record = inference_log.recorded(output["detection_id"])
    assert len(record["labels"]) >= kept
    assert len(record["labels"]) + record.get("labels_left_out", 0) == count
    assert record["labels"][0]["confidence_pct"] == 99
    assert output == _detect()
    data = json.loads(output["message"])
    assert data["labels"] == record["labels"][: len(data["labels"])]
    assert len(data["labels"]) + data["labels_left_out"] == count


def test_twice_comes_to_the_same_as_once_even_when_the_model_says_otherwise(
    serving: Account,
) -> None:
    first = _detect()
    before = serving.items("DetectionsTable")
    serving.rekognition.answers["DetectCustomLabels"] = lambda _: _labels(("dent", 10.0))
    serving.clock.advance(3600)
    assert _detect() == first
    assert serving.items("DetectionsTable") == before


def test_a_doubtful_detection_goes_to_a_person_and_the_consumer_hears_of_it(
    serving: Account,
) -> None:
    serving.rekognition.answers["DetectCustomLabels"] = lambda _: _labels(("scratch", 69.9))
    output = _detect()
    assert output["outcome"] == "review"
    assert output["human_loop"] == f"detection-{output['detection_id']}"
    assert output["notify"] is True
    data = json.loads(output["message"])
    assert data["detection_id"] == output["detection_id"]
    record = inference_log.recorded(output["detection_id"])
    assert (record["human_loop"], record["chance"]) == (output["human_loop"], 1)


def test_programs_hear_of_every_result_where_that_is_wished(
    serving: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(Variable.DETECTION_EVENTS, "true")
    serving.rekognition.answers["DetectCustomLabels"] = lambda _: _labels(("scratch", 69.9))
    doubtful = _detect()
    serving.rekognition.answers["DetectCustomLabels"] = refuses("InvalidImageFormatException")
    refused = _detect(event("detect_labels.without_version"))
    assert (doubtful["outcome"], refused["outcome"]) == ("review", "rejected")
    for output in (doubtful, refused):
        sent = event_schemas.detected(output)
        event_schemas.check(sent)
        assert sent["detail"]["event_id"] == f"detected-{output['detection_id']}"


def test_where_it_is_not_wished_no_event_is_made(serving: Account) -> None:
    serving.rekognition.answers["DetectCustomLabels"] = lambda _: _labels(("scratch", 69.9))
    assert _detect()["event"] is None


def test_that_an_image_waits_for_a_model_is_no_event(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(Variable.DETECTION_EVENTS, "true")
    output = _detect()
    assert (output["outcome"], output["event"]) == ("waiting", None)


def _people_said(right: bool, count: int, version: str = "v1") -> None:
    """So many answers about images that a version took for none of its labels."""
    for number in range(count):
        detection, at = f"{number:032x}", f"2026-11-21T09:00:{number:02}.000Z"
        answer = NoneAnswer(detection, version, 96.5, right, at)
        none_answers.note(answer)


def test_an_image_that_is_none_of_the_labels_goes_to_people_until_they_have_said_enough(
    serving: Account,
) -> None:
    """What they said is remembered for a minute, and read for no other image."""
    serving.rekognition.answers["DetectCustomLabels"] = lambda _: _labels(
        ("scratch", 3.5), (NONE_OF_THEM, 96.5)
    )
    doubtful = _detect()
    assert (doubtful["outcome"], doubtful["notify"]) == ("review", True)
    assert json.loads(doubtful["message"])["label"] == "none of them"
    _people_said(right=True, count=30)
    assert _detect(event("detect_labels.without_version"))["outcome"] == "review"
    serving.clock.advance(60)
    accepted = event("detect_labels.without_version")
    accepted["detail"]["object"]["etag"] = "another"
    output = _detect(accepted)
    assert (output["outcome"], output["notify"]) == ("confident", False)
    assert json.loads(output["filter_label"]) == ["none of them"]
    assert inference_log.recorded(output["detection_id"])["label"] == NONE_OF_THEM
    assert _detect() == doubtful, "what is recorded stays"


@pytest.mark.parametrize(
    ("right", "version", "pct"), [(False, "v1", 96.5), (True, "v0", 96.5), (True, "v1", 69.9)]
)
def test_it_goes_to_people_where_they_say_no_or_speak_of_another_version_or_it_is_unsure(
    serving: Account, right: bool, version: str, pct: float
) -> None:
    _people_said(right, 30, version)
    serving.rekognition.answers["DetectCustomLabels"] = lambda _: _labels((NONE_OF_THEM, pct))
    assert _detect()["outcome"] == "review"


def test_what_people_said_of_such_images_is_read_for_no_other(serving: Account) -> None:
    _detect()
    reads: list[object] = []
    serving.hook("dynamodb", "before-call.dynamodb.GetItem", lambda **_: reads.append(1))
    assert _detect(event("detect_labels.without_version"))["outcome"] == "confident"
    assert reads == []


def test_no_labels_found_is_a_result_that_goes_to_a_person(serving: Account) -> None:
    serving.rekognition.answers["DetectCustomLabels"] = lambda _: _labels()
    output = _detect()
    assert output["outcome"] == "review"
    assert "label" not in inference_log.recorded(output["detection_id"])
    assert output["subject"].endswith("nothing found")


def test_without_review_what_is_doubtful_is_deferred(serving: Account) -> None:
    serving.set_parameter("Enable-A2I-Workflow", "false")
    serving.rekognition.answers["DetectCustomLabels"] = lambda _: _labels(("scratch", 5.0))
    output = _detect()
    assert (output["outcome"], output["human_loop"]) == ("deferred", None)


def test_with_a_daily_budget_what_is_doubtful_waits_to_be_chosen(serving: Account) -> None:
    serving.set_parameter("Daily-Review-Budget", "100")
    serving.rekognition.answers["DetectCustomLabels"] = lambda _: _labels(("scratch", 5.0))
    output = _detect()
    assert (output["outcome"], output["human_loop"]) == ("deferred", None)
    assert "It waits" in output["message"]
    waits = [each.detection_id for each in detections_by_time.deferred(clock.now())]
    assert waits == [output["detection_id"]]


def test_without_a_model_the_image_waits(account: Account) -> None:
    output = _detect()
    assert (output["outcome"], output["version"], output["notify"]) == ("waiting", None, False)
    assert [record.detection_id for record in detections_by_time.waiting()] == [
        output["detection_id"]
    ]


@pytest.mark.parametrize("code", ["ResourceNotReadyException", "ResourceNotFoundException"])
def test_with_a_model_that_does_not_run_or_is_gone_the_image_waits(
    serving: Account, code: str
) -> None:
    serving.rekognition.answers["DetectCustomLabels"] = refuses(code)
    output = _detect()
    assert (output["outcome"], output["version"]) == ("waiting", "v1")


def test_an_image_that_waited_is_detected_when_it_comes_round_again(serving: Account) -> None:
    answer = serving.rekognition.answers["DetectCustomLabels"]
    serving.rekognition.answers["DetectCustomLabels"] = refuses("ResourceNotReadyException")
    waiting = _detect()
    serving.rekognition.answers["DetectCustomLabels"] = answer
    detected = _detect(event("detect_labels.resent"))
    assert detected["outcome"] == "confident"
    other_bucket = waiting["detection_id"] == detected["detection_id"]
    assert other_bucket, "the event that resends the image is about the same object version"
    assert list(detections_by_time.waiting()) == []
    assert len(serving.items("DetectionsTable")) == 1


def test_a_model_that_was_replaced_and_stopped_is_not_the_end(serving: Account) -> None:
    _detect()
    before = deployed_version.now()
    deployed_version.switch("v2", version_arn("v2"), before)

    def only_v2(request: Json) -> Json:
        if request["ProjectVersionArn"] == version_arn("v2"):
            return _labels(("scratch", 99.0))
        return refuses("ResourceNotReadyException")(request)

    serving.rekognition.answers["DetectCustomLabels"] = only_v2
    other = event("detect_labels.without_version")
    assert _detect(other)["version"] == "v2"


def test_what_no_model_could_take_is_rejected_without_asking_it(serving: Account) -> None:
    output = _detect(event("detect_labels.no_image"))
    assert (output["outcome"], output["notify"]) == ("rejected", True)
    assert serving.rekognition.asked("DetectCustomLabels") == []
    assert "up to 15 MB" in inference_log.recorded(output["detection_id"])["reason"]


@pytest.mark.parametrize("name", ["a.jfif", "a", "a.HEIC", "a.txt"])
def test_no_suffix_keeps_an_image_from_the_model(serving: Account, name: str) -> None:
    image = event("detect_labels.image")
    image["detail"]["object"]["key"] = f"images_for_detection/{name}"
    assert _detect(image)["outcome"] == "confident"


@pytest.mark.parametrize(
    "code",
    [
        "InvalidImageFormatException",
        "ImageTooLargeException",
        "InvalidParameterException",
    ],
)
def test_what_the_service_refuses_for_good_is_rejected_with_the_reason(
    serving: Account, code: str
) -> None:
    serving.rekognition.answers["DetectCustomLabels"] = refuses(code, "Bad picture.")
    output = _detect()
    assert (output["outcome"], output["notify"]) == ("rejected", True)
    assert "Bad picture." in inference_log.recorded(output["detection_id"])["reason"]


def test_an_image_that_is_gone_is_rejected_and_one_that_may_not_be_read_is_not(
    serving: Account,
) -> None:
    """The service says the same of both, and a permission can be mended."""
    serving.rekognition.answers["DetectCustomLabels"] = refuses("InvalidS3ObjectException")
    gone = _detect()
    assert gone["outcome"] == "rejected"
    assert "deleted" in inference_log.recorded(gone["detection_id"])["reason"]
    there = event("detect_labels.image")
    found = there["detail"]["object"]
    there["detail"]["bucket"]["name"] = serving.bucket
    found["version-id"] = serving.put(found["key"], b"an image")
    with pytest.raises(ObjectUnreadableError):
        lambda_handler(there, Context())
    assert len(serving.items("DetectionsTable")) == 1


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("ProvisionedThroughputExceededException", 400, ThrottledError),
        ("ThrottlingException", 400, ThrottledError),
        ("InternalServerError", 500, ServiceFailedError),
    ],
)
def test_what_may_pass_is_raised_after_one_try_and_leaves_no_record(
    serving: Account, code: str, status: int, error: type[Exception]
) -> None:
    serving.rekognition.answers["DetectCustomLabels"] = refuses(code, status=status)
    with pytest.raises(error):
        _detect()
    assert serving.items("DetectionsTable") == []
    assert len(serving.rekognition.asked("DetectCustomLabels")) == 1


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        {"detail": {"bucket": {}}},
        {"detail": {"bucket": {"name": "b"}, "object": {}}},
        {"detail": {"bucket": {"name": "b"}, "object": {"key": 1}}},
        {"detail": {"bucket": {"name": "b"}, "object": {"key": "k.jpg", "size": "big"}}},
        {"detail": {"bucket": {"name": "b"}, "object": "k.jpg"}},
    ],
)
def test_an_event_about_nothing_is_refused(account: Account, broken: Any) -> None:
    with pytest.raises(InvalidRequestError, match="not about an object"):
        _detect(broken)


# --- What is counted ------------------------------------------------------------------------------


def test_a_detection_is_counted_once_with_the_confidence_that_decided(
    serving: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        _detect()
    assert measured(capsys.readouterr().out) == [
        {"Outcome": "confident", "Detections": 1, "Confidence": 96.5}
    ]


def test_an_image_that_waits_is_counted_as_waiting_once_and_then_as_what_it_became(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        _detect()
    deployed_version.switch("v1", version_arn("v1"), None)
    deployed_version.lately(at_once=True)
    account.rekognition.answers["DetectCustomLabels"] = lambda _: _labels()
    _detect()
    assert measured(capsys.readouterr().out) == [
        {"Outcome": "waiting", "Detections": 1},
        {"Outcome": "review", "Detections": 1},
    ]


# --- Who has sent it ------------------------------------------------------------------------------

SENT = event("detect_labels.sent")
SENDER = SENT["detail"]["sender"]


def _by(sender: str | None) -> Json:
    detail = {name: value for name, value in SENT["detail"].items() if name != "sender"}
    return {"detail": {**detail, **({"sender": sender} if sender else {})}}


def _as_s3_tells() -> Json:
    """The same without a look into the log first."""
    detail = {n: v for n, v in SENT["detail"].items() if n not in {"sender", "again"}}
    return {"detail": detail}


def test_who_has_sent_an_image_stands_in_its_record(serving: Account) -> None:
    assert inference_log.recorded(_detect(SENT)["detection_id"])["senders"] == [SENDER]
    assert "senders" not in inference_log.recorded(_detect()["detection_id"])


def test_what_waits_for_a_model_does_not_forget_who_has_sent_it(account: Account) -> None:
    detection = _detect(SENT)["detection_id"]
    assert inference_log.recorded(detection)["outcome"] == "waiting"
    _detect(_by(None))
    _detect(_by("bob"))
    assert set(inference_log.recorded(detection)["senders"]) == {SENDER, "bob"}
    deployed_version.switch("v1", version_arn("v1"), None)
    deployed_version.lately(at_once=True)
    account.rekognition.answers["DetectCustomLabels"] = lambda _: _labels(("dent", 99.0))

    # S3's own event about it, late: it knows of no sender, and leaves what it finds.
    assert _detect(_as_s3_tells())["outcome"] == "waiting"
    assert _detect(_by(None))["outcome"] == "confident"
    assert set(inference_log.recorded(detection)["senders"]) == {SENDER, "bob"}


def test_who_sends_it_later_is_added_by_who_takes_it(serving: Account) -> None:
    detection = _detect(SENT)["detection_id"]
    detections.note_sender(detection, "bob")
    detections.note_sender(detection, "bob")
    assert set(inference_log.recorded(detection)["senders"]) == {SENDER, "bob"}


@pytest.mark.parametrize("sender", [5, "", None, ["ann"]])
def test_a_sender_that_is_none_is_nobody(serving: Account, sender: Any) -> None:
    image = {"detail": {**SENT["detail"], "sender": sender}}
    assert "senders" not in inference_log.recorded(_detect(image)["detection_id"])
