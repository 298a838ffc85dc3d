"""Schedules: EventBridge Scheduler's, and rules that have a ScheduleExpression.

moto keeps them, the product changes them with UpdateSchedule, and one thread here runs them on the
runtime's clock. It sleeps until the next one is due.
"""

from __future__ import annotations

import calendar
import logging
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.scheduler.models import scheduler_backends

from local.clock import Clock
from local.constants import ACCOUNT_ID, REGION
from local.services.event_bus import EVENTS, SCHEDULER, EventBus
from local.services.event_targets import Origin

log = logging.getLogger(__name__)

_UNITS_S = {"minute": 60, "hour": 3600, "day": 86_400}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")

Next = Callable[[datetime], datetime | None]
"""The first time after the given one; None when there is none any more."""


class InvalidScheduleError(ValueError):
    """An expression that AWS refuses, or that the embedded runtime does not support."""


class UnknownScheduleError(KeyError):
    """There is no schedule or scheduled rule of that name."""


def parse_expression(expression: str) -> Next:
    """``rate(...)``, ``cron(...)`` or ``at(...)``, in UTC."""
    match = re.fullmatch(r"(rate|cron|at)\((.*)\)", expression.strip())
    if match is None:
        raise InvalidScheduleError(f"Invalid Schedule Expression {expression}.")
    kind, text = match.groups()
    if kind == "rate":
        return _rate(expression, text)
    if kind == "at":
        return _at(expression, text)
    return _cron(expression, text)


def _rate(expression: str, text: str) -> Next:
    match = re.fullmatch(r"(\d+) (minute|hour|day)(s?)", text)
    # AWS insists on the grammar: `rate(1 minutes)` is as wrong as `rate(5 minute)`
    if match is None or int(match[1]) < 1 or (match[3] == "s") != (int(match[1]) > 1):
        raise InvalidScheduleError(f"Invalid Schedule Expression {expression}.")
    interval = timedelta(seconds=int(match[1]) * _UNITS_S[match[2]])
    return lambda after: after + interval


def _at(expression: str, text: str) -> Next:
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        raise InvalidScheduleError(f"Invalid Schedule Expression {expression}.") from None
    return lambda after: moment if moment > after else None


def _cron(expression: str, text: str) -> Next:
    fields = text.split()
    if len(fields) != 6 or (fields[2] == "?") == (fields[4] == "?"):
        raise InvalidScheduleError(f"Invalid Schedule Expression {expression}.")
    try:
        minutes = _field(fields[0], 0, 59)
        hours = _field(fields[1], 0, 23)
        days = _field(fields[2], 1, 31)
        months = _field(fields[3], 1, 12, _MONTHS)
        weekdays = _field(fields[4], 1, 7, _DAYS)
        years = _field(fields[5], 1970, 2199)
    except ValueError as error:
        raise InvalidScheduleError(f"Invalid Schedule Expression {expression}: {error}") from error

    return _Cron(minutes, hours, days, months, weekdays, years).next_after


@dataclass(frozen=True)
class _Cron:
    """The values that each field of a cron expression allows."""

    minutes: set[int]
    hours: set[int]
    days: set[int]
    months: set[int]
    weekdays: set[int]
    years: set[int]

    def next_after(self, after: datetime) -> datetime | None:
        first = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
        day = first.replace(hour=0, minute=0)
        while day.year <= max(self.years):
            if day.year not in self.years:
                day = day.replace(year=day.year + 1, month=1, day=1)
            elif day.month not in self.months:
                last = calendar.monthrange(day.year, day.month)[1]
                day = day.replace(day=last) + timedelta(days=1)
            else:
                moment = self._on(day, first)
                if moment is not None:
                    return moment
                day += timedelta(days=1)
        return None

    def _on(self, day: datetime, first: datetime) -> datetime | None:
        """The first time on that day that is not before ``first``."""
        # SUN is 1 in cron and 7 in isoweekday
        if day.day not in self.days or day.isoweekday() % 7 + 1 not in self.weekdays:
            return None
        for hour in sorted(self.hours):
            for minute in sorted(self.minutes):
                moment = day.replace(hour=hour, minute=minute)
                if moment >= first:
                    return moment
        return None


def _field(text: str, low: int, high: int, names: tuple[str, ...] = ()) -> set[int]:
    """The values that one field of a cron expression allows."""
    allowed: set[int] = set()
    for part in text.upper().split(","):
        span, _, step_text = part.partition("/")
        step = int(step_text) if step_text else 1
        if span in ("*", "?"):
            first, last = low, high
        else:
            first_text, dash, last_text = span.partition("-")
            first = _number(first_text, low, names)
            last = _number(last_text, low, names) if dash else high if step_text else first
        if not low <= first <= last <= high or step < 1:
            raise ValueError(f"{part} is not within {low}-{high}")
        allowed.update(range(first, last + 1, step))
    return allowed


def _number(text: str, low: int, names: tuple[str, ...]) -> int:
    if text in names:
        return names.index(text) + low
    if not text.isdigit():  # L, W and # are AWS's too, and not supported here
        raise ValueError(f"{text!r} is not supported")
    return int(text)


@dataclass
class _Planned:
    version: tuple[Any, ...]
    next_after: Next
    due: datetime | None


@dataclass(frozen=True)
class _Entry:
    """A schedule or scheduled rule as it stands in moto now."""

    key: str
    name: str
    expression: str
    enabled: bool
    version: tuple[Any, ...]
    source: Any


class Schedules:
    """Runs what is due."""

    def __init__(self, clock: Clock, bus: EventBus) -> None:
        self._clock = clock
        self._bus = bus
        self._plan: dict[str, _Planned] = {}
        self._wake = threading.Condition()
        self._dirty = False
        self._closed = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="schedules", daemon=True)
        self._thread.start()

    def changed(self) -> None:
        """Some schedule was created, changed or deleted."""
        with self._wake:
            self._dirty = True
            self._wake.notify_all()

    def fire(self, name: str) -> dict[str, Any]:
        """Runs the schedule or scheduled rule once, now, also a disabled one.

        Gives the started execution's ARN, if it starts one. Raises UnknownScheduleError, and
        DeliveryError when the target refuses.
        """
        for entry in self._entries():
            if entry.name == name:
                results = [
                    self._bus.deliver_now(*delivery)
                    for delivery in self._deliveries(entry, self._clock.datetime())
                ]
                return {"schedule": name, "executionArns": [arn for arn in results if arn]}
        raise UnknownScheduleError(name)

    def close(self) -> None:
        with self._wake:
            self._closed = True
            self._wake.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while True:
            with self._wake:
                if self._closed:
                    return
                self._dirty = False
            try:
                wait_s = self._run_due()
            except Exception:
                log.exception("schedules")
                wait_s = 60.0
            with self._wake:
                if not self._dirty and not self._closed:
                    self._wake.wait(wait_s)

    def _run_due(self) -> float | None:
        """Runs what is due and says after how many real seconds to look again."""
        clock = self._clock
        now = clock.datetime()
        entries = {entry.key: entry for entry in self._entries() if entry.enabled}
        for key in set(self._plan) - set(entries):
            del self._plan[key]
        for key, entry in entries.items():
            planned = self._plan.get(key)
            if planned is None or planned.version != entry.version:
                next_after = parse_expression(entry.expression)
                self._plan[key] = _Planned(entry.version, next_after, next_after(now))
            elif planned.due is not None and planned.due <= now:
                due = planned.due
                # one run for what was missed while the machine slept
                planned.due = planned.next_after(due)
                if planned.due is not None and planned.due <= now:
                    planned.due = planned.next_after(now)
                for delivery in self._deliveries(entry, due):
                    self._bus.deliver(*delivery)
        dues = [planned.due for planned in self._plan.values() if planned.due is not None]
        if not dues:
            return None
        return max(0.0, clock.real((min(dues) - clock.datetime()).total_seconds()))

    def _entries(self) -> Iterator[_Entry]:
        for group in list(scheduler_backends[ACCOUNT_ID][REGION].schedule_groups.values()):
            for schedule in list(group.schedules.values()):
                yield _Entry(
                    key=schedule.arn,
                    name=schedule.name,
                    expression=schedule.schedule_expression,
                    enabled=schedule.state == "ENABLED",
                    version=(schedule.creation_date, schedule.last_modified_date),
                    source=schedule,
                )
        for rule in self._bus.rules():
            if rule.scheduled_expression:
                yield _Entry(
                    key=rule.arn,
                    name=rule.name,
                    expression=rule.scheduled_expression,
                    enabled=rule.state.startswith("ENABLED"),
                    version=(id(rule), rule.scheduled_expression),
                    source=rule,
                )

    def _deliveries(
        self, entry: _Entry, due: datetime
    ) -> Iterator[tuple[Origin, dict[str, Any], dict[str, Any]]]:
        if entry.key.split(":")[2] == "events":
            origin = Origin(EVENTS, entry.key, entry.name)
            event = self._bus.event("aws.events", "Scheduled Event", {}, [entry.key])
            for target in list(entry.source.targets):
                yield origin, target, event
            return
        origin = Origin(SCHEDULER, entry.key, entry.name)
        target = dict(entry.source.target)
        execution_id = str(uuid.uuid4())
        target["Input"] = _with_context(
            target.get("Input") or "{}",
            {
                "aws.scheduler.schedule-arn": entry.key,
                "aws.scheduler.scheduled-time": due.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "aws.scheduler.execution-id": execution_id,
                "aws.scheduler.attempt-number": "1",
            },
        )
        yield origin, target, {"id": execution_id}


def _with_context(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"<{name}>", value)
    return text
