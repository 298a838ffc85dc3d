"""labelloop.domain.human_loops: A2I's output format, in every shape that it documents."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import human_loops
from labelloop.domain.annotations import Annotation, Box, ModelType
from labelloop.domain.human_loops import Answer, TimedAnswer
from labelloop.domain.labels import composed, says_none
from labelloop.errors import MalformedAnswerError

ONE, SEVERAL, BOXES = ModelType.CLASSIFICATION, ModelType.MULTI_LABEL, ModelType.DETECTION
NOW = datetime(2026, 11, 21, 9, 15, 27, 123_000, tzinfo=UTC)


def _says(*labels: str) -> Annotation:
    return Annotation.of_labels(labels)


def _answer(content: Any, worker: Any = "worker-1", **others: Any) -> dict[str, Any]:
    return {"workerId": worker, "answerContent": content, **others}


def _output(*answers: Any, **others: Any) -> bytes:
    """An output.json as A2I writes it."""
    return json.dumps(
        {
            "flowDefinitionArn": "arn:aws:sagemaker:eu-west-1:123456789012:flow-definition/x",
            "humanLoopName": "detection-1",
            "inputContent": {"taskObject": "s3://bucket/a.jpg"},
            "humanAnswers": list(answers),
            **others,
        }
    ).encode()


BOX = {"height": 33, "label": " Dog ", "left": 5, "top": 15, "width": 43}
SIZE = {"height": 372, "width": 266}


def _boxes(boxes: Any, size: Any = SIZE) -> dict[str, Any]:
    widget = {"boundingBoxes": boxes} | ({"inputImageProperties": size} if size else {})
    return _answer({"annotatedResult": widget})


def test_a_classifiers_answer_is_read_whatever_the_widget_is_called() -> None:
    body = _output(_answer({"crowd-image-classifier": {"label": "scratch"}}))
    assert human_loops.read(body) == (Answer("worker-1", _says("scratch")),)


def test_everything_else_that_a2i_notes_is_passed_over() -> None:
    answer = _answer(
        {"workerComment": "hard to see", "label": {"label": " scratch "}},
        acceptanceTime="2026-11-21T09:15:27.123Z",
        submissionTime="2026-11-21T09:15:40.001Z",
        timeSpentInSeconds=12.878,
        workerMetadata={"identityData": {"identityProviderType": "Cognito", "sub": "s"}},
    )
    assert human_loops.read(_output(answer, newField={})) == (Answer("worker-1", _says("scratch")),)


def test_a_multi_selects_answer_is_read() -> None:
    body = _output(_answer({"crowd-image-classifier-multi-select": {"labels": ["dent", " a "]}}))
    assert human_loops.read(body) == (Answer("worker-1", _says("a", "dent")),)


@pytest.mark.parametrize("labels", [[], ["None of the Above"], ["none of the above"]])
def test_none_of_several_labels_is_none(labels: list[str]) -> None:
    body = _output(_answer({"w": {"labels": labels}}))
    assert human_loops.read(body) == (Answer("worker-1", _says()),)


def test_boxes_are_read_in_pixels_of_the_image_that_they_were_drawn_in() -> None:
    body = _output(_boxes([{**BOX, "initialValueModified": True}, {**BOX, "left": 50.4}]))
    expected = Annotation.of_boxes(
        [Box("Dog", 5, 15, 43, 33), Box("Dog", 50, 15, 43, 33)], (266, 372)
    )
    assert human_loops.read(body) == (Answer("worker-1", expected),)


@pytest.mark.parametrize("size", [SIZE, None])
def test_no_boxes_are_an_answer(size: Any) -> None:
    (answer,) = human_loops.read(_output(_boxes([], size)))
    assert not answer.said.labels


def test_the_answers_of_several_workers_are_read_in_their_order() -> None:
    body = _output(
        _answer({"w": {"labels": ["b"]}}, "ann"), _answer({"w": {"labels": ["a"]}}, "bob")
    )
    assert human_loops.read(body) == (Answer("ann", _says("b")), Answer("bob", _says("a")))


@pytest.mark.parametrize(
    "label", ["None of the Above", "none of the above", "NONE OF THE ABOVE ", "none of them"]
)
def test_none_of_the_above_is_no_label_however_it_is_spelt(label: str) -> None:
    body = _output(_answer({"label": {"label": label}}))
    assert human_loops.read(body) == (Answer("worker-1", _says()),)


@pytest.mark.parametrize(
    "body", [_output(), b'{"humanAnswers": null}', b'{"humanLoopName": "x"}', b"{}"]
)
def test_a_loop_that_ended_without_answers_has_none(body: bytes) -> None:
    assert human_loops.read(body) == ()


def test_answers_without_a_workers_name_are_different_peoples() -> None:
    body = _output(*(_answer({"w": {"label": "a"}}, worker=None) for _ in range(3)))
    assert len({answer.worker for answer in human_loops.read(body)}) == 3


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe\x00",
        b"not json",
        b"[]",
        b'"text"',
        b'{"humanAnswers": {}}',
        b'{"humanAnswers": [1]}',
        _output({"workerId": "w"}),
        _output(_answer(None)),
        _output(_answer({})),
        _output(_answer({"w": {"label": 5}})),
        _output(_answer({"w": "scratch"})),
        _output(_answer({"w": {"labels": ["scratch", 5]}})),
        _output(_answer({"w": {"labels": "scratch"}})),
        _output(_answer({"w": {"boundingBoxes": {}}})),
        _output(_boxes([{}])),
        _output(_boxes([{"label": "a", "left": 1, "top": 1, "width": 9}])),
        _output(_boxes([{"label": "a", "left": True, "top": 1, "width": 9, "height": 9}])),
        _output(_boxes([{"label": 5, "left": 1, "top": 1, "width": 9, "height": 9}])),
        _output(_boxes([BOX], None)),
        _output(_boxes([BOX], {"width": 0, "height": 9})),
        _output(_boxes([BOX], {"width": 9})),
        b'{"humanAnswers": [{"answerContent": {"w": {"boundingBoxes": [], '
        b'"inputImageProperties": {"width": 1e999, "height": 1}}}}]}',
        b"[" * 100_000,
    ],
)
def test_what_is_not_the_format_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedAnswerError):
        human_loops.read(body)


labels = st.text(min_size=1).map(composed).filter(lambda text: text and not says_none(text))
sides = st.integers(0, 5000)
saids = {
    ONE: st.lists(labels, max_size=1).map(Annotation.of_labels),
    SEVERAL: st.lists(labels, max_size=4).map(Annotation.of_labels),
    BOXES: st.lists(st.builds(Box, labels, sides, sides, sides, sides), max_size=4).map(
        lambda boxes: Annotation.of_boxes(boxes, (640, 480))
    ),
}


@pytest.mark.parametrize("model_type", ModelType)
@given(data=st.data())
def test_what_the_review_queue_writes_is_read_as_it_was_given(
    data: st.DataObject, model_type: ModelType
) -> None:
    given_answers = data.draw(
        st.lists(st.tuples(st.uuids().map(str), saids[model_type]), max_size=4)
    )
    answers = [Answer(worker, said) for worker, said in given_answers]
    timed = [TimedAnswer(answer, NOW, NOW + timedelta(seconds=9.5), "iss") for answer in answers]
    content = human_loops.write("detection-1", {"detection_id": "1"}, timed, model_type)
    assert human_loops.read(json.dumps(content).encode()) == tuple(answers)


@pytest.mark.parametrize(
    ("model_type", "said", "content"),
    [
        (ONE, _says("scratch"), {"label": {"label": "scratch"}}),
        (ONE, _says(), {"label": {"label": "None of the Above"}}),
        (SEVERAL, _says("b", "a"), {"labels": {"labels": ["a", "b"]}}),
        (
            BOXES,
            Annotation.of_boxes([Box("Dog", 5, 15, 43, 33)], (266, 372)),
            {"boxes": {"boundingBoxes": [{**BOX, "label": "Dog"}], "inputImageProperties": SIZE}},
        ),
        (BOXES, _says(), {"boxes": {"boundingBoxes": []}}),
    ],
)
def test_what_the_review_queue_writes_has_all_that_a2i_writes(
    model_type: ModelType, said: Annotation, content: dict[str, Any]
) -> None:
    timed = TimedAnswer(Answer("worker-1", said), NOW, NOW + timedelta(seconds=9.5), "issuer")
    written = human_loops.write("detection-1", {"taskObject": "s3://b/k"}, [timed], model_type)
    assert set(written) == {"flowDefinitionArn", "humanLoopName", "inputContent", "humanAnswers"}
    assert written["humanAnswers"] == [
        {
            "acceptanceTime": "2026-11-21T09:15:27.123Z",
            "submissionTime": "2026-11-21T09:15:36.623Z",
            "timeSpentInSeconds": 9.5,
            "workerId": "worker-1",
            "workerMetadata": {
                "identityData": {
                    "identityProviderType": "Cognito",
                    "issuer": "issuer",
                    "sub": "worker-1",
                }
            },
            "answerContent": content,
        }
    ]


@pytest.mark.parametrize(
    ("model_type", "said"),
    [
        (ONE, _says("a", "b")),
        (ONE, Annotation.of_boxes([Box("a", 0, 0, 9, 9)], (90, 90))),
        (SEVERAL, Annotation.of_boxes([Box("a", 0, 0, 9, 9)], (90, 90))),
        (SEVERAL, _says(*(f"label {n}" for n in range(51)))),
        (BOXES, _says("a")),
        (BOXES, Annotation.of_boxes([Box("a", 85, 0, 9, 9)], (90, 90))),
        (BOXES, Annotation.of_boxes([Box("a", -1, 0, 9, 9)], (90, 90))),
        (BOXES, Annotation.of_boxes([Box("a", 0, 0, 1, 9)], (90, 90))),
        (BOXES, Annotation.of_boxes([Box("a", n, 0, 9, 9) for n in range(51)], (90, 90))),
    ],
)
def test_an_answer_from_which_the_model_learns_nothing_is_refused(
    model_type: ModelType, said: Annotation
) -> None:
    human_loops.check([Answer("ann", _says())], model_type)
    with pytest.raises(MalformedAnswerError, match=r"humanAnswers\[1\]"):
        human_loops.check([Answer("ann", _says()), Answer("bob", said)], model_type)


def test_answers_lie_where_a2i_would_put_them_and_the_key_leads_back_to_the_loop() -> None:
    key = human_loops.output_key("detection-1", NOW)
    assert key == "a2i-human-loop-data/console/2026/11/21/09/15/27/detection-1/output.json"
    assert human_loops.loop_of_key(key) == "detection-1"


@pytest.mark.parametrize(
    "key",
    ["a2i-human-loop-data/output.json", "other/x/output.json", "a2i-human-loop-data/x/input.json"],
)
def test_a_key_that_a2i_would_not_write_names_no_loop(key: str) -> None:
    with pytest.raises(MalformedAnswerError):
        human_loops.loop_of_key(key)


def test_the_people_behind_answers_are_those_that_cognito_has_named() -> None:
    def by(worker: str, **metadata: object) -> dict[str, object]:
        return {"workerId": worker, "workerMetadata": metadata, "answerContent": {}}

    content = {
        "humanAnswers": [
            by("a2i-1", identityData={"identityProviderType": "Cognito", "sub": "ann"}),
            by("a2i-2", identityData={"sub": 5}),
            by("a2i-3", identityData=None),
            by("a2i-4"),
            {"workerId": "a2i-5", "workerMetadata": "?"},
        ]
    }
    assert human_loops.people(json.dumps(content).encode()) == {"ann"}
    for empty in ("{}", '{"humanAnswers": null}', '{"humanAnswers": []}'):
        assert human_loops.people(empty.encode()) == frozenset()
