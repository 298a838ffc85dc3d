"""SelectReviews: ask people about the most useful doubtful images, where a day has a budget, and
about some that are drawn at random.

Invoked by  SelectionSchedule, every 15 minutes
Raises      whatever fails it: the schedule comes again, and an alarm tells of it where it goes on
Idempotent  yes; what was chosen is counted and kept before anybody is asked, a run that died is
            finished by the next one, and of two at once one is refused
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain, islice

from labelloop import clock
from labelloop.aws import detections, detections_by_id, detections_by_time, parameters, review_day
from labelloop.aws.wiring import wiring
from labelloop.clock import iso
from labelloop.domain import sampling, selection
from labelloop.domain.annotations import ModelType
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.detections import Outcome
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.parameters import OperatorSettings
from labelloop.domain.selection import Candidate, Day
from labelloop.entrypoint import Strict, task
from labelloop.errors import NotFoundError
from labelloop.services import review_requests
from labelloop.settings import Variable

WAITS_AT_MOST = timedelta(days=7)
"""An older image stays deferred: the model that doubted it has mostly been replaced."""
MOST_LOOKED_AT = 5000
"""The newest are compared: an image's record may have some kilobytes. Where more come between two
looks, the others are not drawn either."""
SETTLED_AFTER = timedelta(minutes=5)
"""Younger ones are left to the next look: late records could still come before them."""


class Input(Strict):
    """Nothing: the log knows what is deferred."""


class Output(Strict):
    """About how many images people are asked now."""

    asked: int


@task
def lambda_handler(_: Input) -> Output:
    """Finish what a run before has left, choose as many as are due, and ask about them."""
    settings, now = parameters.settings(), clock.now()
    before = _ask_about_chosen(review_day.read(), now)
    if not settings.review_enabled or not settings.daily_review_budget:
        return Output(asked=0)
    waiting = [
        record
        for record in islice(detections_by_time.deferred(now - WAITS_AT_MOST), MOST_LOOKED_AT)
        if _may_be_asked(record)
    ]
    today = before.at(now)
    drawn = _draw(today, waiting, settings, now)
    chosen, gone = _choose(drawn, waiting, today.share(settings.daily_review_budget, now))
    after = drawn.without(gone)
    if chosen or after != today:
        after = after.choosing(chosen)
        review_day.keep(before, after)
        _ask_about_chosen(after, now)
    return Output(asked=len(chosen))


def _ask_about_chosen(day: Day, now: datetime) -> Day:
    """Ask people about what has been chosen, unless they are asked; the day after that."""
    if not day.chosen:
        return day
    for detection in day.chosen:
        try:
            record = detections.turn_to_review(detection, day.drawn.get(detection))
            review_requests.request(record, now)
        except NotFoundError:
            continue  # Its record has expired since.
    after = day.all_asked()
    review_day.keep(day, after)
    return after


def _draw(
    today: Day, waiting: Sequence[DetectionRecord], settings: OperatorSettings, now: datetime
) -> Day:
    """The day when it is decided which of those that came since the last look are drawn."""
    to = f"{iso(now - SETTLED_AFTER)}~"
    if not today.drawn_to:
        return today.drawing({}, to, 0.0)
    fresh = [record for record in waiting if today.drawn_to < record.date_id <= to]
    if not fresh:
        return today
    yesterday = iso(now - timedelta(days=1))
    a_day = sum(record.date_id > yesterday for record in waiting) + sum(today.asked.values())
    rate = selection.rate(settings.daily_review_budget, a_day)
    drawn = {
        record.detection_id: selection.either(rate, _chance_to_be_sampled(record, settings))
        for record in fresh
        if selection.is_drawn(record.detection_id, rate)
    }
    return today.drawing(drawn, to, rate)


def _chance_to_be_sampled(record: DetectionRecord, settings: OperatorSettings) -> float:
    if not settings.sampling_enabled:
        return 0.0
    is_none = record.label == NONE_OF_THEM
    interval = settings.sampling_interval
    return 1 / (sampling.interval_of_nones(interval) if is_none else interval)


def _choose(
    today: Day, waiting: Sequence[DetectionRecord], count: int
) -> tuple[list[Candidate], list[str]]:
    """Those that were drawn and the most useful of the others, up to that many; and the detections
    that were drawn and wait no more.
    """
    model_type = ModelType(wiring[Variable.MODEL_TYPE])
    decided = [
        _candidate(record, model_type)
        for record in _with_unsure(waiting if count else ())
        if record.date_id <= today.drawn_to and record.detection_id not in today.drawn
    ]
    useful = selection.most_useful_first(decided, today.asked)
    ordered = chain(sorted(today.drawn), (each.detection_id for each in useful))
    chosen: list[Candidate] = []
    gone = []
    while len(chosen) < count and (detection := next(ordered, None)):
        # The index may lag behind the table.
        record = _record(detection)
        if record is not None and _may_be_asked(record):
            chosen.append(_candidate(record, model_type))
        elif detection in today.drawn:
            gone.append(detection)
    return chosen, gone


def _with_unsure(waiting: Sequence[DetectionRecord]) -> Iterator[DetectionRecord]:
    """The records with what was not found, and may be there: the index has nothing of that."""
    ids = [record.detection_id for record in waiting if _is_calibrated(record)]
    unsure = detections_by_id.unsure(ids)
    for record in waiting:
        yield replace(record, unsure=unsure.get(record.detection_id))


def _is_calibrated(record: DetectionRecord) -> bool:
    """Whether chances are known; where nothing was found, they make no difference."""
    return any(label.chance_pct is not None for label in record.labels or ())


def _candidate(record: DetectionRecord, model_type: ModelType) -> Candidate:
    return selection.candidate(
        record.detection_id, record.label, record.labels or (), model_type, record.unsure or ()
    )


def _may_be_asked(record: DetectionRecord) -> bool:
    """Whether it waits for its turn; what came while review was switched off does not."""
    waits = record.outcome == Outcome.DEFERRED and record.human_loop is None
    return waits and bool(record.review_enabled)


def _record(detection: str) -> DetectionRecord | None:
    try:
        return detections.get(detection)
    except NotFoundError:
        return None
