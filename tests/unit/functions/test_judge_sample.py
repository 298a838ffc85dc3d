"""JudgeSample: whether the model was right where nobody had doubted it, and whether it still is."""

import pytest

from functions.judge_sample.app import lambda_handler
from labelloop import clock
from labelloop.aws import none_answers, sampled_answers
from labelloop.domain.accuracy import LEAST_ANSWERS, Accuracy, Sample
from labelloop.domain.detections import Outcome
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.rejection import NoneAnswer
from labelloop.errors import NotFoundError
from tests.unit import inference_log, version_records
from tests.unit.account import Account, Context, Json, event

DETECTION = event("judge_sample.answered")["detection_id"]
NONE = [{"name": NONE_OF_THEM, "confidence_pct": 96.5}, {"name": "dent", "confidence_pct": 3.5}]
FOUND = [{"name": "dent", "confidence_pct": 97.5}, {"name": "scratch", "confidence_pct": 2.5}]


@pytest.fixture
def tested(account: Account) -> Account:
    """An account with a version whose F1 score was 0.9."""
    version_records.add("v1", {"number": 1, "f1": 0.9})
    return account


def _answer(account: Account, label: str, detection: str = DETECTION) -> Json:
    """What comes of an answer to a sampled detection; an empty label is one taken back."""
    account.clock.advance(1)
    facts = {"version": "v1", "label": "dent", "labels": FOUND, "sampled": True}
    inference_log.record(detection, Outcome.CONFIDENT, facts, clock.now())
    said = {
        "agreement": {"": "undecided", "-": "none"}.get(label, "decided"),
        "human_labels": [{"name": label}] if label.isalpha() else [],
        "completed": clock.iso(clock.now()),
    }
    inference_log.note(detection, said)
    return _judge(detection)


def _judge(detection: str = DETECTION) -> Json:
    return lambda_handler({"detection_id": detection}, Context())


def _many(account: Account, right: int, wrong: int) -> Json:
    answer: Json = {}
    for number, label in enumerate(["dent"] * right + ["scratch"] * wrong):
        answer = _answer(account, label, f"{number:032x}")
    return answer


@pytest.mark.parametrize(("label", "right"), [("dent", 1), ("scratch", 0), ("-", 0)])
def test_an_answer_counts_once_however_often_it_comes(
    tested: Account, label: str, right: int
) -> None:
    first = _answer(tested, label)
    assert (first["version"], first["right"], first["answers"]) == ("v1", right, 1)
    assert _judge() == first
    assert sampled_answers.of_version("v1") == [Sample(("dent",), bool(right))]


def test_a_changed_answer_takes_the_former_ones_place(tested: Account) -> None:
    _answer(tested, "scratch")
    assert _answer(tested, "dent")["right"] == 1
    assert len(sampled_answers.of_version("v1")) == 1


def test_an_answer_that_was_taken_back_does_not_count(tested: Account) -> None:
    _answer(tested, "dent")
    assert _answer(tested, "")["answers"] == 0
    assert sampled_answers.of_version("v1") == []


def test_an_earlier_answer_that_comes_late_changes_nothing(tested: Account) -> None:
    _answer(tested, "dent")
    early = clock.iso(clock.now()).replace("2026", "2025")
    sampled_answers.note("v1", DETECTION, Sample(("dent",), False), early)
    assert sampled_answers.of_version("v1") == [Sample(("dent",), True)]


def _answer_none(account: Account, label: str, detection: str, outcome: Outcome) -> Json:
    """What comes of an answer to a detection that v1 took for none of its labels."""
    facts = {"version": "v1", "label": NONE_OF_THEM, "confidence_pct": 96.5, "labels": NONE}
    inference_log.record(detection, outcome, facts, clock.now())
    return _answer(account, label, detection)


@pytest.mark.parametrize("outcome", [Outcome.REVIEW, Outcome.CONFIDENT])
@pytest.mark.parametrize(("label", "right"), [("-", True), ("dent", False), ("", None)])
def test_an_image_that_is_none_of_the_labels_counts_by_itself_accepted_or_not(
    tested: Account, outcome: Outcome, label: str, right: bool | None
) -> None:
    first = _answer_none(tested, label, DETECTION, outcome)
    assert first == _judge()
    assert first["answers"] == 0, "of what was accepted as one of the labels"
    completed = clock.iso(clock.now())
    assert none_answers.read() == (NoneAnswer(DETECTION, "v1", 96.5, right, completed),)


def test_two_answers_at_once_about_such_images_both_count(tested: Account) -> None:
    others = iter(f"{number:032x}" for number in range(3))

    def meanwhile(**_: object) -> None:
        tested.unhook()
        _answer_none(tested, "-", next(others), Outcome.REVIEW)

    facts = {"version": "v1", "label": NONE_OF_THEM, "confidence_pct": 96.5, "labels": NONE}
    inference_log.record(DETECTION, Outcome.REVIEW, facts, clock.now())
    said = {"agreement": "none", "human_labels": [], "completed": clock.iso(clock.now())}
    inference_log.note(DETECTION, said)
    tested.hook("dynamodb", "before-call.dynamodb.PutItem", meanwhile)
    _judge()
    assert {each.detection_id for each in none_answers.read()} == {
        DETECTION,
        f"{0:032x}",
    }


def test_the_operator_is_to_hear_of_a_version_that_is_surely_worse_than_it_was(
    tested: Account,
) -> None:
    answer = _many(tested, right=20, wrong=LEAST_ANSWERS - 20)
    assert (answer["drifted"], answer["right"], answer["answers"]) == (True, 20, LEAST_ANSWERS)
    assert answer["at_most"] == Accuracy(20, LEAST_ANSWERS).interval[1] < answer["f1"] == 0.9


def test_it_is_held_to_what_it_was_right_about_where_it_was_sure(tested: Account) -> None:
    accepted = {"value": 0.75, "low": 0.6, "high": 0.85, "images": 40, "effective_images": 40.0}
    version_records.note("v1", {"figures": {"accepted": accepted}})
    answer = _many(tested, right=22, wrong=LEAST_ANSWERS - 22)
    assert (answer["drifted"], answer["accepted"]) == (False, accepted)
    version_records.note("v1", {"figures": {"accepted": {**accepted, "value": 0.99, "low": 0.97}}})
    assert _judge("0" * 32)["drifted"] is True


def test_a_version_of_which_the_operator_has_heard_is_not_told_of_again(tested: Account) -> None:
    _many(tested, right=0, wrong=LEAST_ANSWERS)
    version_records.note("v1", {"drift_told": "2026-11-21T09:15:27.000Z"})
    assert _judge("0" * 32)["drifted"] is False


def test_a_version_that_is_as_good_as_it_was_has_not_drifted(tested: Account) -> None:
    assert _many(tested, right=LEAST_ANSWERS - 3, wrong=3)["drifted"] is False


def test_a_version_of_which_no_figures_are_known_cannot_drift(account: Account) -> None:
    answer = _many(account, right=0, wrong=LEAST_ANSWERS)
    assert (answer["drifted"], answer["f1"]) == (False, 0.0)


def test_a_detection_that_is_gone_is_an_error(account: Account) -> None:
    with pytest.raises(NotFoundError):
        _judge()


def test_an_answer_of_who_has_sent_the_image_does_not_count(tested: Account) -> None:
    _answer(tested, "dent")
    inference_log.note(DETECTION, {"answered_by_sender": True})
    assert _answer(tested, "dent")["answers"] == 0
    assert sampled_answers.of_version("v1") == []
    inference_log.note(DETECTION, {"answered_by_sender": False})
    assert _answer(tested, "dent")["answers"] == 1
