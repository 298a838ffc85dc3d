"""ReadAnswers: what people said about an image, whatever backend they used."""

import json

import pytest

from functions.read_answers.app import lambda_handler
from labelloop import clock
from labelloop.domain.detections import Outcome, detection_of_loop
from labelloop.domain.human_loops import loop_of_key
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.errors import MalformedAnswerError, NotFoundError
from tests.unit import inference_log
from tests.unit.account import Account, Context, Json, event

ANSWERS = event("read_answers.answers")
KEY = ANSWERS["detail"]["object"]["key"]
DETECTION = str(detection_of_loop(loop_of_key(KEY)))


@pytest.fixture
def asked(account: Account) -> Account:
    """A detection that people were asked about, and two labels."""
    for label in ("scratch", "dent"):
        account.put(f"images_labeled_by_folder/{label}/1.jpg", b"\xff\xd8\xff")
    facts = {"bucket": account.bucket, "key": "images_for_detection/gear.jpg"}
    inference_log.record(DETECTION, Outcome.REVIEW, facts, clock.now())
    return account


def _say(account: Account, *labels: str) -> Json:
    return _fill_in(account, *({"crowd-image-classifier": {"label": label}} for label in labels))


def _fill_in(account: Account, *contents: Json) -> Json:
    """What is read when people have filled in their tasks so."""
    answers = [
        {"workerId": f"worker {i}", "answerContent": content} for i, content in enumerate(contents)
    ]
    account.put(KEY, json.dumps({"humanAnswers": answers}).encode())
    return lambda_handler(ANSWERS, Context())


def test_a_label_that_people_agree_on_trains(asked: Account) -> None:
    said = _say(asked, "scratch", "scratch", "dent")
    assert said == {
        "detection_id": DETECTION,
        "agreement": "decided",
        "answers": 3,
        "label": "scratch",
        "human_labels": [{"name": "scratch"}],
        "audits": False,
        "answered_by_sender": False,
        "training": {"labels": ["scratch"]},
        "completed": "2026-11-21T09:15:27.000Z",
    }
    assert lambda_handler(ANSWERS, Context()) == said


@pytest.mark.parametrize(
    ("labels", "agreement"),
    [([], "undecided"), (["scratch", "dent"], "undecided")],
)
def test_what_is_undecided_trains_nothing(
    asked: Account, labels: list[str], agreement: str
) -> None:
    said = _say(asked, *labels)
    assert (said["agreement"], said["label"], said["human_labels"]) == (agreement, "", [])
    assert said["training"] == {"labels": []}


@pytest.mark.parametrize(
    ("model_type", "content", "taught"),
    [
        ("classification", {"w": {"label": "None of the Above"}}, [NONE_OF_THEM]),
        ("multi-label", {"w": {"labels": []}}, []),
        ("detection", {"w": {"boundingBoxes": []}}, []),
    ],
)
def test_none_of_the_labels_teaches_a_model_that_gives_each_image_one(
    asked: Account,
    monkeypatch: pytest.MonkeyPatch,
    model_type: str,
    content: Json,
    taught: list[str],
) -> None:
    monkeypatch.setenv("MODEL_TYPE", model_type)
    said = _fill_in(asked, content)
    assert (said["agreement"], said["label"], said["human_labels"]) == ("none", "", [])
    assert said["training"] == {"labels": taught}


def test_what_the_object_holds_now_counts_however_late_its_event_comes(asked: Account) -> None:
    _say(asked, "scratch")
    assert _say(asked, "dent")["label"] == "dent"


def test_a_slow_run_has_the_time_before_it_read(asked: Account) -> None:
    newer: list[Json] = []

    def meanwhile(**_: object) -> None:
        asked.unhook()
        asked.clock.advance(1)
        newer.append(_say(asked, "dent"))
        asked.clock.advance(1)

    asked.hook("s3", "after-call.s3.GetObject", meanwhile)
    older = _say(asked, "scratch")
    assert (older["label"], newer[0]["label"]) == ("scratch", "dent")
    assert older["completed"] < newer[0]["completed"]


def test_a_sampled_answer_goes_to_the_training_data_too(asked: Account) -> None:
    inference_log.note(DETECTION, {"sampled": True})
    said = _say(asked, "scratch")
    assert (said["label"], said["training"]) == ("scratch", {"labels": ["scratch"]})


@pytest.mark.parametrize(
    ("facts", "audits"),
    [
        ({"label": "dent"}, False),
        ({"label": "dent", "sampled": True}, False),
        ({"label": "dent", "outcome": "confident", "sampled": True}, True),
        ({"label": NONE_OF_THEM}, True),
        ({"label": NONE_OF_THEM, "outcome": "confident", "sampled": True}, True),
    ],
)
def test_an_answer_audits_what_was_accepted_and_what_is_none_of_the_labels(
    asked: Account, facts: Json, audits: bool
) -> None:
    inference_log.note(DETECTION, facts)
    assert _say(asked, "scratch")["audits"] is audits


def test_each_label_is_weighed_by_itself_where_the_model_gives_several(
    asked: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_TYPE", "multi-label")
    choices = (["scratch", "dent"], ["dent", "scratch"], ["dent"])
    said = _fill_in(asked, *({"w": {"labels": chosen}} for chosen in choices))
    assert (said["agreement"], said["label"]) == ("decided", "dent, scratch")
    assert said["training"] == {"labels": ["dent", "scratch"]}


def _drawn(left: int, label: str = "dent") -> Json:
    box = {"label": label, "left": left, "top": 10, "width": 40, "height": 20}
    size = {"width": 200, "height": 100}
    return {"annotatedResult": {"boundingBoxes": [box], "inputImageProperties": size}}


def test_boxes_are_brought_together_where_the_model_gives_boxes(
    asked: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_TYPE", "detection")
    said = _fill_in(asked, _drawn(10), _drawn(12), _drawn(20))
    assert (said["agreement"], said["label"]) == ("decided", "dent")
    (label,) = said["human_labels"]
    assert label == {
        "name": "dent",
        "box": {"left": 0.06, "top": 0.1, "width": 0.2, "height": 0.2},
    }
    assert said["training"] == {
        "labels": ["dent"],
        "boxes": [{"label": "dent", "left": 12, "top": 10, "width": 40, "height": 20}],
        "size_px": [200, 100],
    }


@pytest.mark.parametrize(
    ("model_type", "content"),
    [
        ("classification", {"w": {"labels": ["dent", "scratch"]}}),
        ("classification", _drawn(10)),
        ("multi-label", _drawn(10)),
        ("detection", {"w": {"label": "dent"}}),
        ("detection", _drawn(170)),
        ("detection", _drawn(10, "rust")),
    ],
)
def test_answers_from_which_this_model_cannot_learn_are_refused(
    asked: Account, monkeypatch: pytest.MonkeyPatch, model_type: str, content: Json
) -> None:
    monkeypatch.setenv("MODEL_TYPE", model_type)
    with pytest.raises(MalformedAnswerError):
        _fill_in(asked, content)


def test_a_label_that_nobody_may_choose_is_refused_with_a_way_out(asked: Account) -> None:
    with pytest.raises(MalformedAnswerError, match="make a folder of that name"):
        _say(asked, "rust")


def test_answers_about_no_detection_of_ours_are_refused(asked: Account) -> None:
    foreign = json.loads(json.dumps(ANSWERS).replace(f"detection-{DETECTION}", "somebody-elses"))
    with pytest.raises(MalformedAnswerError, match="names no loop"):
        lambda_handler(foreign, Context())


def test_answers_about_a_detection_that_is_not_in_the_log_are_said_to_be_so(
    account: Account,
) -> None:
    account.put("images_labeled_by_folder/scratch/1.jpg", b"\xff\xd8\xff")
    with pytest.raises(NotFoundError):
        _say(account, "scratch")


@pytest.mark.parametrize(
    ("senders", "people", "own"),
    [
        ({"ann"}, ["ann"], True),
        ({"ann"}, ["bob", "ann"], True),
        ({"ann"}, ["bob"], False),
        (None, ["ann"], False),
    ],
)
def test_an_answer_of_who_has_sent_the_image_is_marked_as_that(
    account: Account, senders: set[str] | None, people: list[str], own: bool
) -> None:
    account.put("images_labeled_by_folder/scratch/1.jpg", b"\xff\xd8\xff")
    facts = {"bucket": account.bucket, "key": "images_from_api/gear.jpg", "senders": senders}
    inference_log.record(DETECTION, Outcome.REVIEW, facts, clock.now())
    answers = [
        {
            "workerId": f"worker of {sub}",
            "workerMetadata": {"identityData": {"sub": sub}},
            "answerContent": {"label": {"label": "scratch"}},
        }
        for sub in people
    ]
    account.put(KEY, json.dumps({"humanAnswers": answers}).encode())
    said = lambda_handler(ANSWERS, Context())
    assert (said["agreement"], said["label"]) == ("decided", "scratch")
    assert said["answered_by_sender"] is own


@pytest.mark.parametrize(("days", "marked"), [("0", False), ("7", True)])
def test_answers_are_marked_once_they_are_read_where_records_expire(
    asked: Account, monkeypatch: pytest.MonkeyPatch, days: str, marked: bool
) -> None:
    """What is not marked the bucket keeps: it could not be read, and its message comes again."""
    monkeypatch.setenv("DETECTION_RETENTION_DAYS", days)
    with pytest.raises(MalformedAnswerError):
        _fill_in(asked, {"crowd-image-classifier": {"label": "no label of ours"}})
    assert _tags(asked) == []

    _say(asked, "scratch")
    assert _tags(asked) == ([{"Key": "read", "Value": "true"}] if marked else [])


def _tags(account: Account) -> list[dict[str, str]]:
    answer = account.boto3("s3").get_object_tagging(Bucket=account.bucket, Key=KEY)
    found: list[dict[str, str]] = answer["TagSet"]
    return found
