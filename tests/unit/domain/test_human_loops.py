"""labelloop.domain.human_loops: A2I's output format, in every shape that it documents."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import human_loops
from labelloop.domain.human_loops import Answer, TimedAnswer
from labelloop.errors import MalformedAnswerError

NOW = datetime(2026, 11, 21, 9, 15, 27, 123_000, tzinfo=UTC)


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


def test_a_classifiers_answer_is_read_whatever_the_widget_is_called() -> None:
    body = _output(_answer({"crowd-image-classifier": {"label": "scratch"}}))
    assert human_loops.read(body) == (Answer("worker-1", "scratch"),)


def test_everything_else_that_a2i_notes_is_passed_over() -> None:
    answer = _answer(
        {"workerComment": "hard to see", "label": {"label": " scratch "}},
        acceptanceTime="2026-11-21T09:15:27.123Z",
        submissionTime="2026-11-21T09:15:40.001Z",
        timeSpentInSeconds=12.878,
        workerMetadata={"identityData": {"identityProviderType": "Cognito", "sub": "s"}},
    )
    assert human_loops.read(_output(answer, newField={})) == (Answer("worker-1", "scratch"),)


@pytest.mark.parametrize("label", ["None of the Above", "none of the above", "NONE OF THE ABOVE "])
def test_none_of_the_above_is_no_label_however_it_is_spelt(label: str) -> None:
    body = _output(_answer({"label": {"label": label}}))
    assert human_loops.read(body) == (Answer("worker-1", None),)


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
        # Widgets for which this model type has no use.
        _output(_answer({"w": {"labels": ["scratch", "dent"]}})),
        _output(
            _answer({"w": {"boundingBoxes": [], "inputImageProperties": {"height": 1, "width": 1}}})
        ),
    ],
)
def test_what_is_not_the_format_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedAnswerError):
        human_loops.read(body)


labels = st.none() | st.text(min_size=1).map(str.strip).filter(
    lambda text: text and text.casefold() != human_loops.NONE_OF_THE_ABOVE.casefold()
)


@given(st.lists(st.tuples(st.uuids().map(str), labels), max_size=4))
def test_what_the_review_queue_writes_is_read_as_it_was_given(
    given_answers: list[tuple[str, str | None]],
) -> None:
    answers = [Answer(worker, label) for worker, label in given_answers]
    timed = [TimedAnswer(answer, NOW, NOW + timedelta(seconds=9.5), "iss") for answer in answers]
    body = json.dumps(human_loops.write("detection-1", {"detection_id": "1"}, timed)).encode()
    assert human_loops.read(body) == tuple(answers)


def test_what_the_review_queue_writes_has_all_that_a2i_writes() -> None:
    timed = TimedAnswer(Answer("worker-1", "scratch"), NOW, NOW + timedelta(seconds=9.5), "issuer")
    written = human_loops.write("detection-1", {"taskObject": "s3://b/k"}, [timed])
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
            "answerContent": {"label": {"label": "scratch"}},
        }
    ]


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
