"""SampleDetections: send every n-th detection to a person, whatever its confidence.

More of those that the model took for none of its labels go, unless people are asked about them all.

Invoked by  statemachine/human_sampling.asl.yaml, state ``SampleDetections``
Raises      ChangedMeanwhileError    retried: another run has counted on
            ThrottledError, ServiceFailedError   retried by the state machine
Idempotent  yes; the position moves after the tasks exist, and tasks have their loop's name
"""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

from labelloop import clock
from labelloop.aws import detections, detections_by_time, parameters, review_day, sampling_position
from labelloop.clock import iso
from labelloop.domain import sampling, selection
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.detections import Outcome
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.entrypoint import Strict, task
from labelloop.errors import NotFoundError
from labelloop.services import review_requests

SETTLED_AFTER = timedelta(minutes=5)
"""Younger records are left for the next run: late writes could still come before them."""
LATEST = timedelta(days=1)
"""The next run need not look for anything older than so long before this one."""
LONGEST_GAP = timedelta(days=31)
"""The longest time between two runs that the parameters allow: no run looks back further."""
PORTION = 20_000
"""So many images are held at once, in some 13 MB, before the position moves."""


class Input(Strict):
    """Nothing: the position is kept in the table."""


class Output(Strict):
    """How many detections were counted, and how many of them go to people."""

    counted: int
    sampled: int


@task
def lambda_handler(_: Input) -> Output:
    """Count on from the last position, ask people about every n-th, keep the new position."""
    settings = parameters.settings()
    if not settings.sampling_enabled:
        return Output(counted=0, sampled=0)
    now = clock.now()
    position = sampling_position.read()
    if position.after > f"{iso(now)}~":
        # A run has counted whose clock was ahead: it has seen all that there was.
        back = replace(position, after=iso(now - SETTLED_AFTER))
        sampling_position.move(position, back)
        position = back
    records = detections_by_time.in_time_order(
        position.not_before(iso(now - LONGEST_GAP)).after, now - SETTLED_AFTER
    )
    counted = sampled = 0
    interval = settings.sampling_interval
    while passed := list(islice(records, PORTION)):
        portion = {
            record.date_id: record for record in passed if record.outcome in sampling.COUNTED
        }
        nones = {date_id for date_id, record in portion.items() if _is_unseen_none(record)}
        taken, after = sampling.take(portion, position, interval, nones)
        for date_id in taken:
            every = sampling.interval_of_nones(interval) if date_id in nones else interval
            waits = portion[date_id].outcome == Outcome.DEFERRED and settings.review_enabled
            drawn = _rate() if waits and settings.daily_review_budget else 0.0
            chance = selection.either(1 / every, drawn)
            _ask(portion[date_id].detection_id, chance, now)
        after = replace(after, after=passed[-1].date_id, log=position.log.counting(passed))
        sampling_position.move(position, after)
        position = after
        counted, sampled = counted + len(portion), sampled + len(taken)
    after = position.not_before(iso(now - LATEST))
    if after != position:
        sampling_position.move(position, after)
    return Output(counted=counted, sampled=sampled)


def _is_unseen_none(record: DetectionRecord) -> bool:
    is_none = record.label == NONE_OF_THEM
    return is_none and record.outcome in {Outcome.CONFIDENT, Outcome.DEFERRED}


def _rate() -> float:
    """With what chance images that wait are drawn for review anyway: about as it was for these."""
    return review_day.read().rate


def _ask(detection: str, chance: float, now: datetime) -> None:
    try:
        review_requests.request(detections.sample(detection, chance), now)
    except NotFoundError:
        return  # It has expired, and the index lags.
