"""labelloop.domain.mails.to_consumer: what became of an image, for people and programs."""

import json
from dataclasses import replace
from typing import Any

import pytest

from labelloop.domain.annotations import MOST_BOXES, ModelType
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.detections import Outcome
from labelloop.domain.image_labels import HumanLabel, Label, LabelBox
from labelloop.domain.images import ImageObject
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.mails import to_consumer
from labelloop.domain.mails.to_consumer import DetectionResult
from labelloop.domain.messages import Message
from tests.unit.domain.mails.samples import IMAGE, PLACE, check


def _result(**changes: Any) -> DetectionResult:
    given = {
        "image": IMAGE,
        "detection_id": "d1",
        "outcome": Outcome.CONFIDENT,
        "model_type": ModelType.CLASSIFICATION,
        "version": "v1",
        "label": None,
        "labels": [],
        "labels_left_out": 0,
        "reason": None,
        "human_loop": None,
        "review_enabled": False,
        "minimum_confidence_pct": 70.0,
        "unsure": [],
    }
    return DetectionResult(**{**given, **changes})


def _told(result: DetectionResult) -> Message:
    return to_consumer.detection_result(result, PLACE)


@pytest.mark.parametrize(
    ("outcome", "label", "subject", "sentence"),
    [
        (Outcome.CONFIDENT, Label("cat", 91.26), "?nder.jpg: cat", "found cat (91.3 %)."),
        (Outcome.REVIEW, Label("cat", 20.0), "?nder.jpg: cat", "a person is being asked"),
        (Outcome.REVIEW, None, "?nder.jpg: nothing found", "found nothing that it knows."),
        (Outcome.DEFERRED, Label("cat", 2.0), "?nder.jpg: cat", "human review is switched off"),
        (Outcome.REJECTED, None, "?nder.jpg: not an image we can use", "was refused. Too big."),
    ],
)
def test_a_message_to_the_consumer_says_what_became_of_the_image(
    outcome: Outcome, label: Label | None, subject: str, sentence: str
) -> None:
    labels = [label, Label("dog", 1.0)] if label else []
    message = _told(_result(outcome=outcome, label=label, labels=labels, reason="Too big."))
    check(message)
    assert message.subject == subject
    assert sentence in message.text
    assert "dog" not in message.text, "a classification model finds one label"


@pytest.mark.parametrize(
    ("outcome", "pct", "sentence"),
    [
        (Outcome.CONFIDENT, 91.3, "(91.3 %).\n"),
        (Outcome.REVIEW, 91.3, "People have not said often enough yet that it is right about"),
        (Outcome.REVIEW, 69.0, "That is not certain enough, so a person is being asked."),
    ],
)
def test_an_image_that_is_none_of_the_labels_is_told_as_such(
    outcome: Outcome, pct: float, sentence: str
) -> None:
    label = Label(NONE_OF_THEM, pct)
    result = _result(outcome=outcome, label=label, labels=[label, Label("cat", 1.0)])
    message = _told(result)
    check(message)
    assert message.subject == "?nder.jpg: none of them"
    assert f"takes {IMAGE.key} for none of its labels ({pct} %)." in message.text
    assert sentence in message.text
    assert message.data["label"] == "none of them"
    assert json.loads(to_consumer.filter_label(result)) == ["none of them"]


def test_the_consumer_hears_that_a_doubtful_image_waits_where_a_day_has_a_budget() -> None:
    result = _result(outcome=Outcome.DEFERRED, label=Label("cat", 2.0), review_enabled=True)
    message = _told(result)
    assert "It waits: a person is asked if it is among the most useful" in message.text
    assert "switched off" not in message.text


@pytest.mark.parametrize("model_type", [ModelType.MULTI_LABEL, ModelType.DETECTION])
def test_several_labels_or_boxes_are_said_in_words_and_programs_get_all(
    model_type: ModelType,
) -> None:
    box = LabelBox(-0.01, 0.2, 0.3, 0.4) if model_type is ModelType.DETECTION else None
    labels = [Label("gear", 95.0, box), Label("bolt", 92.0, box), Label("gear", 61.04, box)]
    message = _told(
        _result(
            outcome=Outcome.REVIEW, model_type=model_type, labels=labels[::-1], label=labels[-1]
        )
    )
    check(message)
    assert message.subject == "?nder.jpg: gear and bolt"
    assert (
        "found gear (95.0 %), bolt (92.0 %) and gear (61.0 %). The least sure is gear (61.0 %)"
        in (message.text)
    )
    assert message.data["labels"] == [label.as_json() for label in labels]
    assert ("box" in message.data["labels"][0]) == (model_type is ModelType.DETECTION)


@pytest.mark.parametrize(
    ("count", "left_out", "end"),
    [
        (10, 0, "label 8 (90.0 %) and label 9 (90.0 %)."),
        (11, 0, "label 9 (90.0 %) and 1 more."),
        (10, 3, "label 9 (90.0 %) and 3 more."),
        (12, 3, "label 9 (90.0 %) and 5 more."),
    ],
)
def test_up_to_ten_are_said_and_how_many_more_there_are(
    count: int, left_out: int, end: str
) -> None:
    labels = [Label(f"label {number}", 90.0) for number in range(count)]
    message = _told(
        _result(
            model_type=ModelType.MULTI_LABEL,
            labels=labels,
            label=labels[-1],
            labels_left_out=left_out,
        )
    )
    assert end in message.text
    assert message.data["labels_left_out"] == left_out


def test_of_as_many_boxes_as_can_be_trained_it_is_said_that_some_may_be_missing() -> None:
    labels = [Label("gear", 99.0, LabelBox(0.1, 0.2, 0.3, 0.4))] * 50
    facts = {"model_type": ModelType.DETECTION, "labels": labels, "label": labels[0]}
    message = _told(_result(outcome=Outcome.REVIEW, **facts))
    check(message)
    assert "50 boxes or more, some may be missing, so a person is being asked." in message.text


def test_a_detections_message_is_json_whose_first_field_people_read() -> None:
    label = Label("cat", 91.5)
    message = _told(_result(label=label, labels=[label]))
    assert message.as_json().splitlines()[1].startswith('  "summary": "In images_for_detection/')
    assert json.loads(message.as_json()) == {
        "summary": message.text.strip(),
        "detection_id": "d1",
        "bucket": "bucket",
        "key": "images_for_detection/ünder.jpg",
        "version_id": "v1",
        "outcome": "confident",
        "version": "v1",
        "label": "cat",
        "confidence_pct": 91.5,
        "labels": [{"name": "cat", "confidence_pct": 91.5}],
        "labels_left_out": 0,
        "reason": None,
        "human_loop": None,
        "stack": "sorting",
        "region": "eu-west-1",
        "image_url": "https://console.aws.amazon.com/s3/object/sorting-bucket?region=eu-west-1"
        "&prefix=images_for_detection%2F%C3%BCnder.jpg&versionId=v1",
    }


def test_a_detections_message_leads_to_the_review_page_where_a_person_is_asked_there() -> None:
    asked = _result(outcome=Outcome.REVIEW)
    assert _told(asked).data["review_url"] == PLACE.review_page
    elsewhere = replace(PLACE, review_page="")
    assert "review_url" not in to_consumer.detection_result(asked, elsewhere).data


@pytest.mark.parametrize(
    ("changes", "values"),
    [
        (
            {"label": Label("cat", 91.26), "labels": [Label("cat", 91.26), Label("dog", 1.0)]},
            ('["cat"]', "91.26000", "v1"),
        ),
        (
            {
                "model_type": ModelType.MULTI_LABEL,
                "label": Label("dög", 1e-9),
                "labels": [Label("dög", 1e-9), Label("cat", 2.0), Label("cat", 1.0)],
            },
            ('["cat", "dög"]', "0.00000", "v1"),
        ),
        ({"outcome": Outcome.REVIEW}, ("[null]", "0.00000", "v1")),
        ({"outcome": Outcome.REJECTED, "version": None}, ("[null]", "0.00000", "none")),
    ],
)
def test_messages_can_be_filtered_by_label_confidence_and_version_whatever_became_of_the_image(
    changes: dict[str, Any], values: tuple[str, str, str]
) -> None:
    result = _result(**changes)
    assert values == (
        to_consumer.filter_label(result),
        to_consumer.filter_confidence(result),
        to_consumer.filter_version(result),
    )


@pytest.mark.parametrize("sign", ["g", "ü", "日", '"', "\\"])
@pytest.mark.parametrize("model_type", ModelType)
def test_however_much_is_found_sns_and_the_state_machine_take_it(
    model_type: ModelType, sign: str
) -> None:
    box = LabelBox(-0.123456, 0.123456, 0.123456, 0.123456)
    names = [f"{number:03}{sign * 252}" for number in range(250)]
    labels = [
        Label(
            names[number % 250], 90.123456, None if model_type is not ModelType.DETECTION else box
        )
        for number in range(5000 if model_type is ModelType.DETECTION else 250)
    ]
    result = _result(
        image=ImageObject("b" * 63, "k" * 1024, "v" * 1024, "etag", 10),
        outcome=Outcome.REVIEW,
        model_type=model_type,
        label=labels[-1],
        labels=labels,
        unsure=[replace(label, chance_pct=49.123456) for label in labels[:50]],
        reason="r" * 1024,
    )
    message = _told(result)
    sent = [message.subject, message.as_json(), to_consumer.filter_label(result)]
    assert sum(len(text.encode()) for text in sent) < 256 * 1024
    assert len(json.dumps(sent, ensure_ascii=False).encode()) < 256 * 1024
    told = len(message.data["labels"])
    assert told + message.data["labels_left_out"] == len(labels)
    assert told >= MOST_BOXES
    if sign == "g":
        assert told >= 250


# --- What people said -----------------------------------------------------------------------------


def _decided(**changes: Any) -> DetectionRecord:
    given = {
        "detection_id": "d1",
        "bucket": IMAGE.bucket,
        "key": IMAGE.key,
        "version_id": "v1",
        "outcome": Outcome.REVIEW,
        "version": "v7",
        "label": "cat",
        "confidence_pct": 41.0,
        "labels": (Label("cat", 41.0), Label("dog", 1.0)),
        "human_loop": "detection-d1",
        "agreement": "decided",
        "answers": 1,
        "revision": 1,
        "human_label": "dog",
        "human_labels": (HumanLabel("dog"),),
    }
    return DetectionRecord(**{**given, **changes})


NOBODY = {"agreement": "undecided", "answers": 0, "human_label": "", "human_labels": ()}


def _told_of(record: DetectionRecord, model_type: ModelType = ModelType.CLASSIFICATION) -> Message:
    return to_consumer.decision(record, model_type, PLACE)


@pytest.mark.parametrize(
    ("changes", "subject", "sentence"),
    [
        ({}, "dog, people say", "people found dog. In images"),
        (
            {**NOBODY, "agreement": "none", "answers": 2},
            "none of the labels, people say",
            "people found none of the labels.",
        ),
        ({**NOBODY, "answers": 4}, "people do not agree", "people do not agree."),
        ({**NOBODY, "revision": 2}, "taken back", "was taken back."),
        (NOBODY, "nobody has answered", "were asked, and nobody has answered."),
        ({"label": NONE_OF_THEM}, "dog, people say", "for none of its labels (41.0 %)."),
        ({"label": None, "labels": ()}, "dog, people say", "the model found nothing that it knows"),
    ],
)
def test_a_message_says_what_people_said_and_what_the_model_had(
    changes: dict[str, Any], subject: str, sentence: str
) -> None:
    message = _told_of(_decided(**changes))
    check(message)
    assert message.subject == f"?nder.jpg: {subject}"
    assert sentence in message.text


def test_what_people_said_has_the_shape_of_what_a_model_found() -> None:
    record = _decided()
    told = json.loads(_told_of(record).as_json())
    nobody_is_asked = replace(record, outcome=Outcome.DEFERRED)
    of_the_model = _told(DetectionResult.of(nobody_is_asked, ModelType.CLASSIFICATION)).data
    assert list(told)[1 : len(of_the_model) + 1] == list(of_the_model)
    assert {name: told.pop(name) for name in list(told)[-5:]} == {
        "revision": 1,
        "decided_by": "people",
        "agreement": "decided",
        "answers": 1,
        "model": {
            "outcome": "review",
            "label": "cat",
            "confidence_pct": 41.0,
            "labels": [
                {"name": "cat", "confidence_pct": 41.0},
                {"name": "dog", "confidence_pct": 1.0},
            ],
            "labels_left_out": 0,
        },
    }
    changed = {"outcome": "decided", "label": "dog", "confidence_pct": 100.0}
    changed |= {"labels": [{"name": "dog", "confidence_pct": 100.0}]}
    del told["summary"]
    assert told == {name: changed.get(name, value) for name, value in of_the_model.items()}


@pytest.mark.parametrize(
    ("changes", "filters"),
    [
        ({}, ("decided", '["dog"]', "100.00000")),
        ({**NOBODY, "agreement": "none", "answers": 1}, ("none", "[null]", "100.00000")),
        (NOBODY, ("undecided", "[null]", "0.00000")),
        (
            {"human_labels": (HumanLabel("dög"), HumanLabel("cat"), HumanLabel("dög"))},
            ("decided", '["dög", "cat"]', "100.00000"),
        ),
    ],
)
def test_what_people_said_is_filtered_as_what_a_model_found(
    changes: dict[str, Any], filters: tuple[str, str, str]
) -> None:
    said = to_consumer.decision_filters(_decided(**changes))
    assert (said["outcome"], said["label"], said["confidence"]) == filters
    assert (said["detection_id"], said["version"]) == ("d1", "v7")
    assert to_consumer.decision_filters(_decided(version=None))["version"] == "none"


def test_boxes_that_people_drew_are_told_as_a_models() -> None:
    box = LabelBox(0.1, 0.2, 0.3, 0.4)
    unsure = (Label("owl", 1.0, chance_pct=40.0),)
    told = _told_of(
        _decided(human_labels=(HumanLabel("dog", box),), unsure=unsure), ModelType.DETECTION
    ).data
    assert told["labels"] == [{"name": "dog", "confidence_pct": 100.0, "box": box.as_json()}]
    assert "unsure" not in told
    assert told["model"]["unsure"] == [unsure[0].as_json()]


@pytest.mark.parametrize("sign", ["g", "😀", '"'])
def test_however_much_both_said_sns_takes_it(sign: str) -> None:
    box = LabelBox(0.123456, 0.123456, 0.123456, 0.123456)
    names = [f"{number:03}{sign * 252}" for number in range(MOST_BOXES)]
    labels = tuple(Label(name, 90.123456, box, 49.12) for name in names * 10)
    record = _decided(
        key="k" * 1024,
        version_id="v" * 1024,
        label=names[0],
        labels=labels,
        unsure=labels[:50],
        human_label=names[0],
        human_labels=tuple(HumanLabel(name, box) for name in names),
    )
    message = _told_of(record, ModelType.DETECTION)
    sent = [message.subject, message.as_json(), *to_consumer.decision_filters(record).values()]
    assert sum(len(text.encode()) for text in sent) < 256 * 1024
    assert len(message.data["labels"]) == MOST_BOXES


def test_it_is_said_what_chances_make_an_image_doubtful() -> None:
    message = _told(
        _result(
            outcome=Outcome.REVIEW,
            model_type=ModelType.MULTI_LABEL,
            label=Label("cat", 98.1),
            labels=[Label("dog", 99.5, chance_pct=91.0), Label("cat", 98.1, chance_pct=62.0)],
            unsure=[Label("emu", 1.2, chance_pct=40.6), Label("owl", 1.1, chance_pct=29.0)],
        )
    )
    assert (
        "By its test results, the chance is 62 % that there is cat and 41 % that there is emu, "
        "which it did not find. That is not certain enough, so a person is being asked."
    ) in message.text
    assert message.data["labels"][0]["chance_pct"] == 91.0
    assert message.data["unsure"] == [
        {"name": "emu", "confidence_pct": 1.2, "chance_pct": 40.6},
        {"name": "owl", "confidence_pct": 1.1, "chance_pct": 29.0},
    ]


def test_nothing_is_said_of_chances_where_none_makes_it_doubtful() -> None:
    message = _told(
        _result(
            model_type=ModelType.MULTI_LABEL,
            label=Label("dog", 50.0),
            labels=[Label("dog", 50.0, chance_pct=70.0)],
            unsure=[Label("owl", 40.0, chance_pct=30.0)],
        )
    )
    assert "chance" not in message.text
