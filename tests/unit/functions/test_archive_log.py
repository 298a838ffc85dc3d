"""ArchiveLog: one last state of each detection, and each day counted once, whatever is repeated."""

import json
import random
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.archive_log.app import lambda_handler
from labelloop.aws import daily_figures, forgotten_detections
from labelloop.aws.clients import client
from labelloop.domain.archive import revision
from labelloop.domain.daily_figures import DayFigures
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.image_labels import HumanLabel, Label
from tests.unit import archived
from tests.unit.account import Account, Context, Json, event
from tests.unit.archived import change

DETECTED, DECIDED = event("archive_log.detected"), event("archive_log.decided")
DAY = date(2026, 11, 21)


def _archive(*records: Json) -> Json:
    return lambda_handler({"Records": list(records)}, Context())


def _figures(day: date = DAY) -> DayFigures | None:
    return next(iter(daily_figures.of_days(day, day)), None)


def _record(number: int, **facts: Any) -> DetectionRecord:
    return DetectionRecord(
        detection_id=f"{number:032x}",
        **{
            "outcome": "confident",
            "date": "2026-11-21T09:15:27.000Z",
            "label": "dent",
            "labels": (Label("dent", 96.5),),
            "confidence_pct": 96.5,
            "version": "v1",
            "archived": True,
            **facts,
        },
    )


def test_a_detection_and_what_people_say_of_it_days_later_lie_under_its_day(
    account: Account,
) -> None:
    assert lambda_handler(DETECTED, Context()) == {"changes": 1, "lines": 1}
    assert lambda_handler(DECIDED, Context()) == {"changes": 1, "lines": 1}
    first, last = sorted(archived.lines("2026-11-21"), key=lambda line: str(line["revision"]))
    assert "decided_by" not in first
    assert (last["decided_by"], last["model_right"]) == ("people", True)
    assert _figures() == DayFigures(
        "2026-11-21", {"review": 1}, {"dent": 1}, {"v1": 1}, asked=1, decided=1, agreed=1
    )


def test_what_expires_in_the_table_stays_in_the_archive_and_counted(account: Account) -> None:
    for told in (DETECTED, DECIDED):
        lambda_handler(told, Context())
    before = (list(archived.lines()), _figures())
    assert lambda_handler(event("archive_log.expired"), Context()) == {"changes": 1, "lines": 0}
    assert (list(archived.lines()), _figures()) == before


def test_what_is_forgotten_is_counted_no_more_and_gets_no_line(account: Account) -> None:
    lambda_handler(DETECTED, Context())
    (detection,) = archived.view()
    forgotten_detections.note([detection])
    lambda_handler(DECIDED, Context())
    lambda_handler(event("archive_log.forgotten"), Context())
    assert [line.get("agreement") for line in archived.lines()] == [None]
    figures = _figures()
    assert figures is not None
    assert (figures.detections, figures.asked, figures.decided, figures.label) == (0, 0, 0, {})


def test_a_change_of_nothing_that_the_archive_tells_makes_no_line(account: Account) -> None:
    before = _record(1)
    after = replace(before, expires=1, trace_id="another")
    assert _archive(change(1, before, after))["lines"] == 0


def test_what_was_deferred_and_is_asked_about_later_counts_as_what_it_became(
    account: Account,
) -> None:
    deferred = _record(1, outcome="deferred")
    asked = replace(deferred, outcome="review", human_loop="detection-1")
    _archive(change(1, None, deferred))
    _archive(change(2, deferred, asked))
    figures = _figures()
    assert figures is not None
    assert (figures.outcome, figures.asked) == ({"review": 1}, 1)


def test_what_waits_for_a_model_is_of_the_day_when_one_has_looked_alone(account: Account) -> None:
    first = _record(1, outcome="waiting", labels=None, date="2026-11-19T23:59:59.000Z")
    again = replace(first, date="2026-11-20T12:00:00.000Z")
    seen = replace(again, outcome="confident", date="2026-11-21T00:00:01.000Z")
    told = [change(1, None, first), change(2, first, again), change(3, again, seen)]
    assert [_archive(one)["lines"] for one in told] == [1, 1, 1]
    assert archived.view()[seen.detection_id]["detected_at"] == seen.date
    _archive(*reversed(told))
    assert archived.view()[seen.detection_id]["detected_at"] == seen.date
    left = {"detection_id": seen.detection_id, "revision": revision(archived.STREAM, "2")}
    assert left in list(archived.lines("2026-11-19"))


def test_records_of_before_the_archive_count_once_they_are_archived_and_never_before(
    account: Account,
) -> None:
    old = _record(1, archived=False)
    answered = replace(old, agreement="decided", human_labels=(HumanLabel("dent"),))
    _archive(change(1, old, answered))
    assert _figures() is None
    assert archived.view()[old.detection_id]["agreement"] == "decided"
    _archive(change(2, answered, replace(answered, archived=True)))
    figures = _figures()
    assert figures is not None
    assert (figures.detections, figures.decided, figures.agreed) == (1, 1, 1)


def _story(seed: int) -> list[Json]:
    """What the stream tells of thirty detections, each of them changed some times."""
    dice = random.Random(seed)
    told = []
    for number in range(30):
        day = dice.choice(["2026-11-20", "2026-11-21"])
        record = _record(number, outcome="waiting", labels=None, date=f"{day}T10:00:00.000Z")
        told.append((record, change(3 * number, None, record, moment_s=1e9 + 40 * number)))
        for step in range(1, dice.choice([1, 2, 3])):
            before = told[-1][0]
            outcome = dice.choice(["confident", "review"])
            said: Json = {"agreement": "decided", "human_labels": (HumanLabel("dent"),)}
            after = replace(before, outcome=outcome, **(said if step == 2 else {}))
            if step == 1 and dice.random() < 0.5:
                after = replace(after, date="2026-11-21T11:00:00.000Z")
            moment_s = 1e9 + 40 * number + 1000 * step
            told.append((after, change(3 * number + step, before, after, moment_s=moment_s)))
    return [one for _, one in told]


def _truth(story: list[Json]) -> tuple[Any, Any]:
    """What a reader sees where each batch came once, in its order."""
    _archive(*story)
    return archived.view(), daily_figures.of_days(date(2026, 11, 20), DAY)


@pytest.mark.parametrize("seed", range(4))
def test_repeats_halves_and_another_order_make_the_same_states_and_figures(
    account: Account, seed: int
) -> None:
    story, dice = _story(seed), random.Random(seed)
    for _ in range(6):
        begin = dice.randrange(len(story))
        _archive(*story[begin : begin + dice.randrange(1, 30)])
    seen = _truth(story)
    batches = [[one] for one in story]
    dice.shuffle(batches)
    for batch in batches:
        _archive(*batch)
    assert (archived.view(), daily_figures.of_days(date(2026, 11, 20), DAY)) == seen
    states = [line["revision"] for line in archived.lines()]
    assert len(set(states)) == len({one["dynamodb"]["SequenceNumber"] for one in story})
    counted = sum(figures.detections for figures in seen[1])
    assert counted == 30


CALLS = ("Query", "PutObject", "TransactWriteItems")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.parametrize("after_calls", range(2))
def test_whichever_call_fails_or_whose_answer_is_lost_the_next_attempt_makes_it_whole(
    account: Account, monkeypatch: pytest.MonkeyPatch, operation: str, when: str, after_calls: int
) -> None:
    story = _story(1)
    client_of = client("s3" if operation == "PutObject" else "dynamodb")
    made = [0]
    call = client_of._make_api_call

    def failing(name: str, parameters: Any) -> Any:
        made[0] += name == operation
        if name != operation or made[0] != after_calls + 1:
            return call(name, parameters)
        if when == "after":
            call(name, parameters)
        raise ClientError({"Error": {"Code": "AnAnswerThatNobodyKnows"}}, name)

    with monkeypatch.context() as patched:
        patched.setattr(client_of, "_make_api_call", failing)
        with pytest.raises(ClientError):
            _archive(*story)
    half = len(story) // 2
    _archive(*story[:half])
    _archive(*story[half:])
    figures = daily_figures.of_days(date(2026, 11, 20), DAY)
    assert sum(day.detections for day in figures) == 30
    states = {line["revision"] for line in archived.lines()}
    assert len(states) == len(story)
    assert _truth(story) == (archived.view(), figures)


def test_a_batch_may_be_of_many_days_and_labels(account: Account) -> None:
    """An expression, and a transaction, of DynamoDB may have so much and no more."""
    days = [f"2026-{month:02}-{day:02}" for month in (9, 10) for day in range(1, 31)]
    told = [
        change(n, None, _record(n, date=f"{day}T10:00:00.000Z", label=f"label {n % 7}"))
        for n, day in enumerate(days)
    ]
    told += [change(n, None, _record(n, label=f"label {n}")) for n in range(100, 400)]
    _archive(*told)
    figures = daily_figures.of_days(date(2026, 9, 1), DAY)
    assert len(figures) == 61
    assert sum(day.detections for day in figures) == 360
    assert len(figures[-1].label) == 300


def test_lines_are_text_that_every_reader_of_json_takes(account: Account) -> None:
    lambda_handler(DETECTED, Context())
    (line,) = archived.lines()
    assert line["key"].endswith("gear, front ünder.jpg")
    assert json.loads(json.dumps(line)) == line


def test_two_that_count_at_once_count_each_change_once(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that nobody waits for any more may be done while the batch is tried again."""
    told = [change(n, None, _record(n)) for n in range(6)]
    dynamodb, begun = client("dynamodb"), [False]
    call = dynamodb._make_api_call

    def meanwhile(name: str, parameters: Any) -> Any:
        if name == "TransactWriteItems" and not begun[0]:
            begun[0] = True
            _archive(*told[:4])
            _archive(*told[4:])
        return call(name, parameters)

    monkeypatch.setattr(dynamodb, "_make_api_call", meanwhile)
    _archive(*told)
    figures = _figures()
    assert figures is not None
    assert figures.detections == 6


def test_more_changes_at_once_than_a_part_has_lie_in_several_and_are_all_found_again(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daily_figures, "PART_CHANGES", 4)
    told = [change(n, None, _record(n)) for n in range(11)]
    for batch in (told[:3], told[:9], told):
        _archive(*batch)
    figures = _figures()
    assert figures is not None
    assert figures.detections == 11
