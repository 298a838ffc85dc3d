"""labelloop.services.version_answers: what a version said is remembered, and read in the log."""

from typing import Any

import pytest

from labelloop import clock
from labelloop.aws import detections_by_id
from labelloop.domain.annotations import Annotation, Box, ModelType
from labelloop.domain.answers import Answer, Finding
from labelloop.domain.comparison import Case
from labelloop.domain.detections import Outcome
from labelloop.domain.image_labels import Label, LabelBox
from labelloop.domain.origins import GIVEN, Origin, Provenance
from labelloop.services import version_answers
from tests.unit import inference_log
from tests.unit.account import Account

VERSION, OTHER = "v11-9f8e7d6c", "v12-0a1b2c3d"
CAT = Annotation.of_labels(["cat"])


def _id(number: int) -> str:
    return f"{number * 7919:032x}"


def _case(number: int, shows: Annotation = CAT, **known: Any) -> Case:
    return Case(f"content {number}", shows, Provenance(Origin.DOUBTFUL, _id(number), **known))


def _detected(number: int, version: str = VERSION, **facts: Any) -> None:
    labels = [Label("cat", 80.0).as_json(), Label("dog", 15.0).as_json()]
    known = {"etag": "e", "version": version, "label": "cat", "labels": labels, **facts}
    inference_log.record(_id(number), Outcome.REVIEW, known, clock.now())


def _answer(number: int, *findings: Finding, complete: bool = True) -> Answer:
    return Answer(f"content {number}", findings, complete)


def test_what_was_asked_is_remembered_and_what_is_asked_again_takes_its_place(
    account: Account,
) -> None:
    assert version_answers.remembered(VERSION) == {}
    cat, dog = Finding("cat", 0.5), Finding("dog", 0.25)
    version_answers.remember(VERSION, [_answer(1, cat, dog), _answer(2)])
    version_answers.remember(VERSION, [_answer(2, dog), _answer(3, cat)])
    assert version_answers.remembered(VERSION) == {
        "content 1": _answer(1, cat, dog),
        "content 2": _answer(2, dog),
        "content 3": _answer(3, cat),
    }
    assert version_answers.remembered(OTHER) == {}


def _logged(cases: list[Case], model_type: ModelType) -> list[Answer]:
    etags = {case.content: "e" for case in cases}
    found = version_answers.logged(VERSION, cases, model_type, etags)
    return sorted(found, key=lambda answer: answer.content)


def test_the_log_has_what_the_version_said_of_what_it_detected(account: Account) -> None:
    _detected(1)
    _detected(2, OTHER)
    _detected(3, labels_left_out=7)
    inference_log.record(_id(4), Outcome.WAITING, {"version": VERSION}, clock.now())
    given = Case("x", CAT, GIVEN)
    # Of the fifth the log has nothing any more, and the sixth another version detected.
    cases = [given, *(_case(number) for number in range(1, 6)), _case(6, version=OTHER)]
    findings = (Finding("cat", 0.8), Finding("dog", 0.15))
    assert _logged(cases, ModelType.CLASSIFICATION) == [
        _answer(1, *findings),
        _answer(3, *findings, complete=False),
    ]


def test_what_another_version_is_known_to_have_detected_is_not_looked_up(account: Account) -> None:
    _detected(1)
    assert _logged([_case(1, version=OTHER)], ModelType.CLASSIFICATION) == []
    assert len(_logged([_case(1, version=VERSION)], ModelType.CLASSIFICATION)) == 1


def test_what_was_under_the_thresholds_is_not_in_the_log_of_other_types(account: Account) -> None:
    _detected(1)
    (answer,) = _logged([_case(1)], ModelType.MULTI_LABEL)
    assert not answer.complete


def test_it_is_complete_where_all_that_was_likely_was_asked_for(account: Account) -> None:
    under = [Label("emu", 3.0, chance_pct=20.0).as_json()]
    _detected(1, unsure=under, complete=True)
    _detected(2, unsure=under)
    findings = (Finding("cat", 0.8), Finding("dog", 0.15), Finding("emu", 0.03))
    assert _logged([_case(1), _case(2)], ModelType.MULTI_LABEL) == [
        _answer(1, *findings),
        _answer(2, *findings, complete=False),
    ]


def test_boxes_are_measured_in_the_images_pixels(account: Account) -> None:
    box = LabelBox(left=0.1, top=0.5, width=0.2, height=0.25)
    _detected(1, labels=[Label("nut", 75.0, box).as_json()])
    shows = Annotation.of_boxes([Box("nut", 1, 1, 9, 9)], (200, 80))
    (answer,) = _logged([_case(1, shows)], ModelType.DETECTION)
    assert answer.findings == (Finding("nut", 0.75, Box("nut", 20, 40, 40, 20)),)


def test_boxes_of_an_image_that_was_turned_for_its_copy_are_not_those_of_the_copy(
    account: Account,
) -> None:
    _detected(1, etag="shown turned")
    assert _logged([_case(1)], ModelType.DETECTION) == []
    assert len(_logged([_case(1)], ModelType.MULTI_LABEL)) == 1


def test_any_number_of_images_is_looked_up(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detections_by_id, "LOOKED_UP_AT_ONCE", 2)
    for number in range(1, 6):
        _detected(number)
    cases = [_case(number) for number in range(1, 6)]
    assert len(_logged(cases, ModelType.CLASSIFICATION)) == 5
