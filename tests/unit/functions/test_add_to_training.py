"""AddToTraining: the version that was detected becomes an image that trains, and no other."""

import io
import json
from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError
from PIL import Image

from functions.add_to_training.app import lambda_handler
from labelloop import clock
from labelloop.domain import origins
from labelloop.domain.annotations import Annotation, Box
from labelloop.domain.detection_records import LABELING
from labelloop.domain.detections import Outcome
from labelloop.domain.imported_lines import ImportedLine
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.origins import Origin, Provenance
from labelloop.errors import (
    ConflictError,
    InvalidRequestError,
    MalformedAnswerError,
    NotFoundError,
    ServiceFailedError,
)
from labelloop.services import training_data
from tests.contract import files
from tests.unit import inference_log
from tests.unit.account import ACCOUNT_ID, REGION, Account, Context, Json, event

AGREED = event("add_to_training.agreed")
TAKEN_BACK = event("add_to_training.taken_back")
BOXES = event("add_to_training.boxes")
SEVERAL = {**AGREED, "said": {"labels": ["dent", "scratch"]}}
DETECTION = AGREED["detection_id"]
KEY = "images_for_detection/gear.jpg"
FOLDERS = ("images_imported/", "images_labeled_by_folder/", "manifests/")
COPY = f"images_labeled_by_folder/scratch/{DETECTION}-gear.jpg"
REVIEWED = f"images_imported/reviewed/{DETECTION}-gear.jpg"
MANIFEST = f"manifests/imported/reviewed/{DETECTION}.manifest"
TAG = 0x0112


def _jpeg(turned: int = 1) -> bytes:
    """An image that is shown with 100 x 80 pixels."""
    exif = Image.Exif()
    exif[TAG] = turned
    file = io.BytesIO()
    size_px = (80, 100) if turned >= 5 else (100, 80)
    Image.new("RGB", size_px, "gray").save(file, "JPEG", exif=exif)
    return file.getvalue()


@pytest.fixture
def detect(account: Account, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Account]:
    """Makes a detection whose image was overwritten and deleted afterwards."""

    def make(model_type: str = "classification", content: bytes | None = None) -> Account:
        monkeypatch.setenv("MODEL_TYPE", model_type)
        version_id = account.put(KEY, content or _jpeg())
        account.put(KEY, b"\xff\xd8\xff something else")
        account.boto3("s3").delete_object(Bucket=account.bucket, Key=KEY)
        facts = {"bucket": account.bucket, "key": KEY, "version_id": version_id}
        inference_log.record(DETECTION, Outcome.REVIEW, facts, clock.now())
        return account

    return make


def _add(request: Json) -> str:
    key: str = lambda_handler(request, Context())["copied_key"]
    return key


def _keys(account: Account) -> list[str]:
    return [key for folder in FOLDERS for key in account.keys(folder)]


def _lines() -> dict[str, ImportedLine]:
    """What a training reads in the imported lines, none of which is bad."""
    lines, collection = training_data.imported_lines(training_data.imported_manifests())
    assert not collection.bad.count
    return lines


def test_the_version_that_people_saw_is_copied_and_twice_is_once(
    detect: Callable[..., Account],
) -> None:
    detected = detect()
    for _ in range(2):
        assert _add(AGREED) == COPY
        assert detected.read(COPY) == _jpeg()
        assert _keys(detected) == [COPY]


@pytest.mark.parametrize(
    ("model_type", "request_"), [("multi-label", SEVERAL), ("detection", BOXES)]
)
def test_what_has_several_labels_or_boxes_trains_by_one_line_and_twice_is_once(
    detect: Callable[..., Account], model_type: str, request_: Json
) -> None:
    detected = detect(model_type)
    for _ in range(2):
        assert _add(request_) == REVIEWED
        assert _keys(detected) == [REVIEWED, MANIFEST]
        assert detected.read(REVIEWED) == _jpeg()
        (line,) = _lines().values()
        assert line == ImportedLine(
            detected.bucket,
            REVIEWED,
            Annotation.from_json(request_["said"]),
            "2026-11-21T09:15:30.000000",
        )


@pytest.mark.parametrize("turned", [3, 6, 8])
def test_boxes_in_an_image_of_a_turned_camera_are_where_they_are_in_the_file(
    detect: Callable[..., Account], turned: int
) -> None:
    detected = detect("detection", _jpeg(turned))
    _add(BOXES)
    (line,) = _lines().values()
    with Image.open(io.BytesIO(detected.read(REVIEWED))) as copy:
        assert copy.getexif()[TAG] == 1
        assert line.annotation.size_px == copy.size
    box = {
        3: Box("gear", 48, 42, 40, 30),
        6: Box("gear", 8, 48, 30, 40),
        8: Box("gear", 42, 12, 30, 40),
    }
    assert line.annotation.boxes == (box[turned],)


def test_boxes_that_were_drawn_in_another_image_are_refused(detect: Callable[..., Account]) -> None:
    detected = detect("detection", _jpeg(6))
    other = {**BOXES["said"], "size_px": [80, 100]}
    with pytest.raises(MalformedAnswerError, match="100"):
        _add({**BOXES, "said": other})
    assert _keys(detected) == []


def _came(account: Account, key: str) -> Provenance | None:
    metadata = account.boto3("s3").head_object(Bucket=account.bucket, Key=key)["Metadata"]
    return origins.from_metadata(metadata, account.bucket)


@pytest.mark.parametrize(
    ("model_type", "request_", "turned"),
    [
        ("classification", AGREED, 1),
        ("multi-label", SEVERAL, 1),
        ("detection", BOXES, 1),
        ("detection", BOXES, 6),
    ],
)
def test_how_it_came_goes_with_the_image(
    detect: Callable[..., Account], model_type: str, request_: Json, turned: int
) -> None:
    detected = detect(model_type, _jpeg(turned))
    inference_log.note(DETECTION, {"version": "v1", "chance": 1})
    key = _add(request_)
    assert _came(detected, key) == Provenance(Origin.DOUBTFUL, DETECTION, "v1", False, 1.0)
    head = detected.boto3("s3").head_object(Bucket=detected.bucket, Key=key)
    assert head["ContentType"] == "image/jpeg"


def test_what_is_none_of_the_labels_lies_by_itself_until_somebody_says_otherwise(
    detect: Callable[..., Account],
) -> None:
    detected = detect()
    none = {**AGREED, "said": {"labels": [NONE_OF_THEM]}}
    for _ in range(2):
        assert _add(none) == f"images_imported/none_of_them/{DETECTION}-gear.jpg"
        assert _keys(detected) == [f"images_imported/none_of_them/{DETECTION}-gear.jpg"]
    later = {**AGREED, "read": "2026-11-21T09:15:31.000Z"}
    assert _add(later) == COPY
    assert _keys(detected) == [COPY]
    assert _add({**none, "read": "2026-11-21T09:15:32.000Z"}).startswith("images_imported/none")
    assert _add({**TAKEN_BACK, "read": "2026-11-21T09:15:33.000Z"}) == ""
    assert _keys(detected) == []


@pytest.mark.parametrize(
    ("model_type", "request_", "folder"),
    [
        ("classification", AGREED, "images_labeled_by_folder/scratch/"),
        ("multi-label", SEVERAL, "images_imported/reviewed/"),
    ],
)
def test_a_sampled_image_has_a_name_that_says_so(
    detect: Callable[..., Account], model_type: str, request_: Json, folder: str
) -> None:
    detected = detect(model_type)
    inference_log.note(DETECTION, {"outcome": Outcome.CONFIDENT, "sampled": True, "chance": 0.1})
    key = _add(request_)
    assert key == f"{folder}sampled-{DETECTION}-gear.jpg"
    assert _came(detected, key) == Provenance(Origin.SAMPLED, DETECTION, "", True, 0.1)
    assert _add(TAKEN_BACK) == ""
    assert _keys(detected) == []


def test_a_changed_answer_moves_the_image(detect: Callable[..., Account]) -> None:
    detected = detect()
    _add(AGREED)
    for _ in range(2):
        copied = _add({**AGREED, "said": {"labels": ["dent"]}})
        assert _keys(detected) == [copied]
        assert copied.startswith("images_labeled_by_folder/dent/")


def test_a_changed_answer_changes_the_line(detect: Callable[..., Account]) -> None:
    detected = detect("multi-label")
    _add(SEVERAL)
    _add({**AGREED, "read": "2026-11-21T09:20:00.000Z"})
    assert _keys(detected) == [REVIEWED, MANIFEST]
    assert _lines()[REVIEWED].annotation.labels == ("scratch",)


@pytest.mark.parametrize(
    ("model_type", "request_"),
    [("classification", AGREED), ("multi-label", SEVERAL), ("detection", BOXES)],
)
@pytest.mark.parametrize("recorded", [True, False])
def test_an_answer_taken_back_takes_the_image_out_again_even_if_the_workflow_had_died(
    detect: Callable[..., Account], model_type: str, request_: Json, recorded: bool
) -> None:
    detected = detect(model_type)
    _add(request_)
    if not recorded:
        inference_log.note(DETECTION, {"copied_key": ""})
    for _ in range(2):
        assert _add(TAKEN_BACK) == ""
        assert _keys(detected) == []


def test_what_people_said_is_in_the_log_and_a_problem_of_before_is_not(
    detect: Callable[..., Account],
) -> None:
    detect()
    inference_log.note(DETECTION, {"review_problem": "It could not be read."})
    for _ in range(2):
        _add(AGREED)
        record = inference_log.recorded(DETECTION)
        assert record["agreement"] == "decided"
        assert (record["human_label"], record["human_labels"]) == ("scratch", [{"name": "scratch"}])
        assert (record["copied_key"], record["completed"]) == (COPY, AGREED["read"])
        assert record["answered_by_sender"] is False
        assert "review_problem" not in record


def test_an_answer_is_not_logged_where_a_later_one_was_read_while_it_was_copied(
    detect: Callable[..., Account],
) -> None:
    detected = detect()
    later = {"answers_read": "2026-11-21T09:15:31.000Z"}

    def meanwhile(**_: object) -> None:
        inference_log.note(DETECTION, later)

    detected.hook("s3", "before-call.s3.CopyObject", meanwhile)
    with pytest.raises(ConflictError):
        _add(AGREED)
    assert "agreement" not in inference_log.recorded(DETECTION)


def test_an_execution_from_before_an_update_fails_and_its_message_is_done_again(
    detect: Callable[..., Account],
) -> None:
    """Its state machine has recorded the answer itself, which is no longer permitted to it."""
    detected = detect()
    of_before = {name: AGREED[name] for name in ("detection_id", "said", "read")}
    with pytest.raises(InvalidRequestError):
        _add(of_before)
    assert _keys(detected) == []
    assert _add(AGREED) == COPY


def test_answers_that_were_read_again_meanwhile_are_not_put_back(
    detect: Callable[..., Account],
) -> None:
    detected = detect()
    later = {**AGREED, "said": {"labels": ["dent"]}, "read": "2026-11-21T09:15:31.000Z"}
    copied = _add(later)
    with pytest.raises(ConflictError):
        _add(AGREED)
    assert _add({**later, "read": "2026-11-21T09:15:32.000Z"}) == copied
    assert _keys(detected) == [copied]


@pytest.mark.parametrize(
    ("model_type", "request_", "changed", "left"),
    [
        ("classification", AGREED, {"labels": ["dent"]}, [COPY.replace("scratch", "dent")]),
        ("classification", AGREED, {"labels": []}, []),
        ("multi-label", SEVERAL, {"labels": []}, []),
        ("detection", BOXES, {"labels": []}, []),
    ],
)
def test_a_copy_that_lands_after_the_answers_were_changed_is_removed_by_the_next_run(
    detect: Callable[..., Account], model_type: str, request_: Json, changed: Json, left: list[str]
) -> None:
    detected = detect(model_type)

    def meanwhile(**_: object) -> None:
        detected.unhook()
        detected.clock.advance(1)
        _add({**request_, "said": changed, "read": "2026-11-21T09:15:31.000Z"})

    detected.hook("s3", "before-call.s3.CopyObject", meanwhile)
    # Its answer is not recorded, so that its message comes again.
    with pytest.raises(ConflictError):
        _add(request_)
    assert (COPY if model_type == "classification" else REVIEWED) in _keys(detected)
    _add({**request_, "said": changed, "read": "2026-11-21T09:25:31.000Z"})
    assert _keys(detected) == left


# --- What the consumer hears ----------------------------------------------------------------------

DENT = {**AGREED, "label": "dent", "human_labels": [{"name": "dent"}], "said": {"labels": ["dent"]}}


def _later(request: Json, seconds: int) -> Json:
    return {**request, "read": f"2026-11-21T09:16:{seconds:02}.000Z"}


def _told(account: Account) -> list[tuple[str, int, list[Json]]]:
    """The outcome, the revision and the labels of each message since the last look."""
    messages = [json.loads(mail["Message"]) for mail in account.consumer_mail()]
    return [(each["outcome"], each["revision"], each["labels"]) for each in messages]


SCRATCH: list[Json] = [{"name": "scratch", "confidence_pct": 100.0}]
A_DENT: list[Json] = [{"name": "dent", "confidence_pct": 100.0}]


def test_the_consumer_hears_what_people_said_however_often_with_one_revision(
    detect: Callable[..., Account],
) -> None:
    detected = detect()
    for seconds in range(3):
        _add(_later(AGREED, seconds))
        (mail,) = detected.consumer_mail()
        told, record = json.loads(mail["Message"]), inference_log.recorded(DETECTION)
        assert (told["detection_id"], told["outcome"]) == (DETECTION, "decided")
        assert (told["revision"], told["answers"], told["labels"]) == (1, 1, SCRATCH)
        assert (record["revision"], record["answers"]) == (1, 1)
        assert mail["MessageAttributes"]["label"] == {
            "Type": "String.Array",
            "Value": '["scratch"]',
        }
        assert set(mail["MessageAttributes"]) == _attributes_of_a_detection()


def _attributes_of_a_detection() -> set[str]:
    states = files.asl("detection")["States"]
    return set(states["TellConsumer"]["Parameters"]["MessageAttributes"])


def test_a_changed_answer_and_one_that_is_taken_back_are_further_revisions(
    detect: Callable[..., Account],
) -> None:
    detected = detect()
    for seconds, request in enumerate((AGREED, DENT, TAKEN_BACK, AGREED)):
        _add(_later(request, seconds))
    assert _told(detected) == [
        ("decided", 1, SCRATCH),
        ("decided", 2, A_DENT),
        ("undecided", 3, []),
        ("decided", 4, SCRATCH),
    ]


def test_an_answer_of_before_that_was_counted_is_said_to_be_taken_back(
    detect: Callable[..., Account],
) -> None:
    detected = detect()
    said = {"human_label": "scratch", "human_labels": [{"name": "scratch"}]}
    inference_log.note(DETECTION, {"agreement": "decided", **said})
    _add(TAKEN_BACK)
    (mail,) = detected.consumer_mail()
    assert mail["Subject"] == "gear.jpg: taken back"


def test_answers_that_have_been_read_again_since_are_told_by_that_run_alone(
    detect: Callable[..., Account],
) -> None:
    detected = detect()

    def meanwhile(**_: object) -> None:
        detected.unhook()
        _add(_later(DENT, 1))

    detected.hook("s3", "before-call.s3.CopyObject", meanwhile)
    with pytest.raises(ConflictError):
        _add(_later(AGREED, 0))
    _add(_later(DENT, 2))
    assert _told(detected) == [("decided", 1, A_DENT)] * 2


def test_two_runs_at_once_that_read_different_answers_tell_different_revisions(
    detect: Callable[..., Account],
) -> None:
    detected = detect()

    def meanwhile(**_: object) -> None:
        detected.unhook()
        _add(_later(AGREED, 0))

    # The later run has the record by then, as it was.
    detected.hook("dynamodb", "before-call.dynamodb.UpdateItem", meanwhile)
    _add(_later(DENT, 1))
    assert _told(detected) == [("decided", 1, SCRATCH), ("decided", 2, A_DENT)]


@pytest.mark.parametrize(
    ("facts", "notifications", "hears"),
    [
        ({}, "decisions", True),
        ({}, "off", False),
        ({"outcome": "deferred", "sampled": True}, "low-confidence", True),
        ({"outcome": "confident", "sampled": True}, "low-confidence", False),
        ({"outcome": "confident", "sampled": True}, "all", True),
        ({"outcome": "confident", "sampled": True}, "decisions", True),
        ({"outcome": LABELING}, "all", False),
    ],
)
def test_who_is_not_to_hear_it_costs_no_message(
    detect: Callable[..., Account], facts: Json, notifications: str, hears: bool
) -> None:
    detected = detect()
    inference_log.note(DETECTION, {"human_loop": "any", **facts})
    detected.set_parameter("Detection-Notifications", notifications)
    _add(AGREED)
    assert bool(_told(detected)) is hears
    assert len(detected.sent_events()) == (facts.get("outcome") != LABELING)
    assert inference_log.recorded(DETECTION)["agreement"] == "decided"


def test_what_could_not_be_told_is_in_the_log_and_told_by_the_next_run(
    detect: Callable[..., Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    detected = detect()
    with monkeypatch.context() as gone:
        gone.setenv("CONSUMER_TOPIC_ARN", f"arn:aws:sns:{REGION}:{ACCOUNT_ID}:no-topic")
        with pytest.raises(ClientError):
            _add(_later(AGREED, 0))
    assert inference_log.recorded(DETECTION)["agreement"] == "decided"
    assert _told(detected) == []
    _add(_later(AGREED, 1))
    assert _told(detected) == [("decided", 1, SCRATCH)]


def test_programs_hear_what_the_consumer_hears_however_often_by_one_name(
    detect: Callable[..., Account],
) -> None:
    detected = detect()
    inference_log.note(DETECTION, {"label": "dent", "confidence_pct": 41.5, "version": "v1"})
    for seconds, request in enumerate((AGREED, AGREED, TAKEN_BACK)):
        _add(_later(request, seconds))
    sent = detected.sent_events()
    assert {event["detail-type"] for event in sent} == {"Image Decided"}
    names = [event["detail"].pop("event_id") for event in sent]
    assert names == [f"{DETECTION}-{revision}" for revision in (1, 1, 2)]
    told = [json.loads(mail["Message"]) for mail in detected.consumer_mail()]
    assert [{**each, "schema_version": 1} for each in told] == [each["detail"] for each in sent]


def test_an_event_that_is_refused_inside_an_answer_fails_the_run_and_the_next_one_sends_it(
    detect: Callable[..., Account],
) -> None:
    detected = detect()
    takes = detected.events.answers["PutEvents"]
    detected.events.answers["PutEvents"] = lambda _: {
        "FailedEntryCount": 1,
        "Entries": [{"ErrorCode": "InternalFailure"}],
    }
    for seconds in range(3):
        with pytest.raises(ServiceFailedError):
            _add(_later(AGREED, seconds))
    assert inference_log.recorded(DETECTION)["revision"] == 1
    assert _told(detected) == [], "each try would be another message"
    detected.events.requests.clear()
    detected.events.answers["PutEvents"] = takes
    _add(_later(AGREED, 3))
    (event,) = detected.sent_events()
    assert event["detail"]["event_id"] == f"{DETECTION}-1"
    assert _told(detected) == [("decided", 1, SCRATCH)]


@pytest.mark.parametrize(("call", "mails"), [("sns.Publish", 2), ("events.PutEvents", 1)])
def test_whoever_dies_right_after_telling_tells_the_same_again(
    detect: Callable[..., Account], call: str, mails: int
) -> None:
    detected = detect()

    def die(**_: object) -> None:
        raise SystemExit

    detected.hook(call.split(".", maxsplit=1)[0], f"after-call.{call}", die)
    with pytest.raises(SystemExit):
        _add(_later(AGREED, 0))
    detected.unhook()
    _add(_later(AGREED, 1))
    assert _told(detected) == [("decided", 1, SCRATCH)] * mails
    assert {event["detail"]["event_id"] for event in detected.sent_events()} == {f"{DETECTION}-1"}


def test_nothing_is_told_that_the_log_has_not(detect: Callable[..., Account]) -> None:
    detected = detect()
    agreed: list[bool] = []

    def told(**_: object) -> None:
        agreed.append(inference_log.recorded(DETECTION).get("agreement") == "decided")

    detected.hook("sns", "before-call.sns.Publish", told)
    detected.hook("events", "before-call.events.PutEvents", told)
    _add(AGREED)
    assert agreed == [True, True]


# --- Versions that are gone for good --------------------------------------------------------------


def _gone(request: Json) -> None:
    """Add what people said of an image, of which the answer is that it is gone."""
    answer = lambda_handler(request, Context())
    assert answer["gone"]
    assert answer["copied_key"] == ""


def _delete_for_good(account: Account) -> None:
    s3 = account.boto3("s3")
    for version in s3.list_object_versions(Bucket=account.bucket, Prefix=KEY)["Versions"]:
        s3.delete_object(Bucket=account.bucket, Key=KEY, VersionId=version["VersionId"])


@pytest.mark.parametrize(
    ("model_type", "request_", "labels"),
    [("classification", AGREED, ["scratch"]), ("detection", BOXES, ["gear"])],
)
def test_of_an_image_that_is_gone_people_are_heard_and_then_it_is_said_to_be_gone(
    detect: Callable[..., Account], model_type: str, request_: Json, labels: list[str]
) -> None:
    detected = detect(model_type)
    _delete_for_good(detected)
    for seconds in range(3):
        request = _later(request_, seconds)
        _gone(request)
        record = inference_log.recorded(DETECTION)
        assert (record["agreement"], record["answers"]) == ("decided", 1)
        assert [label["name"] for label in record["human_labels"]] == labels
        assert (record["revision"], record["copied_key"]) == (1, "")
        assert record["completed"] == request["read"]
        assert _keys(detected) == []
    assert [told[:2] for told in _told(detected)] == [("decided", 1)] * 3
    assert [event["detail"]["event_id"] for event in detected.sent_events()] == [
        f"{DETECTION}-1"
    ] * 3


def test_an_answer_about_an_image_that_is_gone_can_be_changed_and_taken_back(
    detect: Callable[..., Account],
) -> None:
    detected = detect()
    _delete_for_good(detected)
    for seconds, request in enumerate((AGREED, DENT)):
        _gone(_later(request, seconds))
    inference_log.note(DETECTION, {"review_problem": "It is gone."})
    assert _add(_later(TAKEN_BACK, 2)) == ""
    assert _told(detected) == [
        ("decided", 1, SCRATCH),
        ("decided", 2, A_DENT),
        ("undecided", 3, []),
    ]
    record = inference_log.recorded(DETECTION)
    assert (record["agreement"], record["human_label"]) == ("undecided", "")
    assert "review_problem" not in record, "nothing is wanted of the image any more"


@pytest.mark.parametrize(
    ("model_type", "request_", "key", "left"),
    [
        ("classification", AGREED, COPY, [COPY]),
        ("multi-label", SEVERAL, REVIEWED, [REVIEWED, MANIFEST]),
        ("detection", BOXES, REVIEWED, [REVIEWED, MANIFEST]),
    ],
)
def test_an_image_that_is_gone_once_it_trains_goes_on_training_by_the_same_answer_alone(
    detect: Callable[..., Account], model_type: str, request_: Json, key: str, left: list[str]
) -> None:
    detected = detect(model_type)
    _add(_later(request_, 0))
    _delete_for_good(detected)
    for seconds in (1, 2):
        assert _add(_later(request_, seconds)) == key
        assert inference_log.recorded(DETECTION)["copied_key"] == key
        assert _keys(detected) == left
    _gone(_later(DENT, 3))
    assert inference_log.recorded(DETECTION)["copied_key"] == ""
    assert _keys(detected) == []


@pytest.mark.parametrize(
    "call", ["dynamodb.UpdateItem", "s3.DeleteObject", "events.PutEvents", "sns.Publish"]
)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_whoever_dies_over_an_image_that_is_gone_leaves_no_copy_and_the_next_one_tells(
    detect: Callable[..., Account], call: str, moment: str
) -> None:
    detected = detect()
    _add(_later(AGREED, 0))
    _delete_for_good(detected)
    _told(detected)

    def die(**_: object) -> None:
        raise SystemExit

    detected.hook(call.split(".", maxsplit=1)[0], f"{moment}-call.{call}", die)
    with pytest.raises(SystemExit):
        _add(_later(DENT, 1))
    detected.unhook()
    _gone(_later(DENT, 2))
    assert _keys(detected) == []
    assert set(map(str, _told(detected))) == {str(("decided", 2, A_DENT))}
    record = inference_log.recorded(DETECTION)
    assert (record["human_label"], record["revision"], record["copied_key"]) == ("dent", 2, "")


def test_of_an_image_that_is_gone_the_later_answer_counts_and_is_told_alone(
    detect: Callable[..., Account],
) -> None:
    detected = detect()
    _delete_for_good(detected)
    _gone(_later(DENT, 1))
    with pytest.raises(ConflictError):
        _add(_later(AGREED, 0))
    assert _told(detected) == [("decided", 1, A_DENT)]
    assert inference_log.recorded(DETECTION)["human_label"] == "dent"


def test_boxes_that_were_drawn_in_another_image_are_neither_logged_nor_told(
    detect: Callable[..., Account],
) -> None:
    detected = detect("detection")
    other = {**BOXES["said"], "size_px": [80, 100]}
    with pytest.raises(MalformedAnswerError):
        _add({**BOXES, "said": other})
    assert "agreement" not in inference_log.recorded(DETECTION)
    assert _told(detected) == []
    assert detected.sent_events() == []


def test_a_detection_that_is_not_in_the_log_is_not_found(account: Account) -> None:
    with pytest.raises(NotFoundError):
        _add(AGREED)


@pytest.mark.parametrize("model_type", ["classification", "multi-label"])
def test_what_its_sender_has_labelled_trains_as_a_given_image(
    detect: Callable[..., Account], model_type: str
) -> None:
    account = detect(model_type)
    key = _add({**AGREED, "answered_by_sender": True})
    assert key in {COPY, REVIEWED}
    told = origins.from_metadata(account.metadata(key), account.bucket)
    assert told == Provenance(Origin.GIVEN, DETECTION)


def test_a_sample_of_what_was_sure_that_its_sender_has_labelled_goes_nowhere(
    detect: Callable[..., Account],
) -> None:
    account = detect()
    inference_log.note(DETECTION, {"outcome": "confident", "sampled": True, "chance": 0.1})
    sampled = _add(AGREED)
    assert sampled and _keys(account) == [sampled]
    assert not _add({**AGREED, "answered_by_sender": True})
    assert not _keys(account)
