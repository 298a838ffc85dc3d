"""RecordAnswerProblem: the record says that its answers cannot be used."""

from functions.record_answer_problem.app import lambda_handler
from labelloop import clock
from labelloop.domain.detections import Outcome, detection_of_loop
from labelloop.domain.human_loops import loop_of_key
from tests.unit import inference_log
from tests.unit.account import Account, Context, event

PROBLEM = event("record_answer_problem.unreadable")
DETECTION = str(detection_of_loop(loop_of_key(PROBLEM["key"])))


def test_the_record_has_the_reason_in_words_and_twice_is_once(account: Account) -> None:
    inference_log.record(DETECTION, Outcome.REVIEW, {"key": "a.jpg"}, clock.now())
    first = lambda_handler(PROBLEM, Context())
    assert first["reason"] == "humanAnswers[0] has no label."
    before = account.items("DetectionsTable")
    assert lambda_handler(PROBLEM, Context()) == first
    assert account.items("DetectionsTable") == before
    assert inference_log.recorded(DETECTION)["review_problem"] == first["reason"]


def test_answers_that_belong_to_no_record_are_told_of_all_the_same(account: Account) -> None:
    for key in (PROBLEM["key"], "a2i-human-loop-data/x/foreign/output.json", "nonsense"):
        told = lambda_handler({**PROBLEM, "key": key}, Context())
        assert told["once"].startswith("answer-problem-")
    assert account.items("DetectionsTable") == []


def test_another_problem_with_the_same_object_is_told_too(account: Account) -> None:
    first = lambda_handler(PROBLEM, Context())
    other = lambda_handler({**PROBLEM, "cause": "It is not JSON."}, Context())
    assert first["once"] != other["once"]
