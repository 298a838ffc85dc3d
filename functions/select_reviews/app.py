"""SelectReviews: ask people about the most useful doubtful images, where a day has a budget.

Invoked by  SelectionSchedule, every 15 minutes
Raises      whatever fails it: the schedule comes again, and an alarm tells of it where it goes on
Idempotent  yes; what was chosen is counted and kept before anybody is asked, a run that died is
            finished by the next one, and of two at once one is refused
"""

from datetime import datetime, timedelta
from itertools import islice

from labelloop import clock
from labelloop.aws import detections, model_registry, parameters, review_requests
from labelloop.aws.wiring import wiring
from labelloop.domain import selection
from labelloop.domain.annotations import ModelType
from labelloop.domain.detections import Label, Outcome
from labelloop.domain.selection import Candidate, Day
from labelloop.entrypoint import Strict, task
from labelloop.errors import NotFoundError
from labelloop.settings import Variable

WAITS_AT_MOST = timedelta(days=7)
"""An older image stays deferred: the model that doubted it has mostly been replaced."""
MOST_LOOKED_AT = 5000
"""The newest are compared: an image's record may have some kilobytes."""


class Input(Strict):
    """Nothing: the log knows what is deferred."""


class Output(Strict):
    """About how many images people are asked now."""

    asked: int


@task
def lambda_handler(_: Input) -> Output:
    """Finish what a run before has left, choose as many as are due, and ask about them."""
    settings, now = parameters.settings(), clock.now()
    before = _ask_about_chosen(model_registry.review_day(), now)
    if not settings.review_enabled or not settings.daily_review_budget:
        return Output(asked=0)
    today = before.at(now)
    chosen = _choose(today, today.share(settings.daily_review_budget, now), now)
    if chosen:
        after = today.choosing(chosen)
        model_registry.keep_review_day(before, after)
        _ask_about_chosen(after, now)
    return Output(asked=len(chosen))


def _ask_about_chosen(day: Day, now: datetime) -> Day:
    """Ask people about what has been chosen, unless they are asked; the day after that."""
    if not day.chosen:
        return day
    for detection in day.chosen:
        try:
            review_requests.request(detections.turn_to_review(detection), now)
        except NotFoundError:
            continue  # Its record has expired since.
    after = day.all_asked()
    model_registry.keep_review_day(day, after)
    return after


def _choose(today: Day, count: int, now: datetime) -> list[Candidate]:
    """The most useful of what is deferred, up to that many."""
    if not count:
        return []
    model_type = ModelType(wiring[Variable.MODEL_TYPE])
    candidates = [
        _candidate(record, model_type)
        for record in islice(detections.deferred(now - WAITS_AT_MOST), MOST_LOOKED_AT)
        if _may_be_asked(record)
    ]
    useful = selection.most_useful_first(candidates, today.asked)
    return list(islice((each for each in useful if _still_waits(each)), count))


def _candidate(record: detections.Record, model_type: ModelType) -> Candidate:
    labels = [Label.from_json(entry) for entry in record.get("labels", [])]
    return selection.candidate(record["detection_id"], record.get("label"), labels, model_type)


def _may_be_asked(record: detections.Record) -> bool:
    """Whether it waits for its turn; what came while review was switched off does not."""
    asked = "human_loop" in record
    return record["outcome"] == Outcome.DEFERRED and record["review_enabled"] and not asked


def _still_waits(candidate: Candidate) -> bool:
    """Whether the table says so, too: the index may lag."""
    try:
        return _may_be_asked(detections.get(candidate.detection_id))
    except NotFoundError:
        return False
