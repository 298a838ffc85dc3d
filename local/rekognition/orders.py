"""Outcomes on order: what `PUT /_local/rekognition` has the emulator do to the next models.

Calls that fail are ordered from the gateway (local/services/faults.py). Here are the ends that the
service's own work can come to, and that no request brings about. An order fires once, for the first
version whose name it matches, unless it says how many ``times`` (-1: every time).
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any


class Outcome(StrEnum):
    """What becomes of a version."""

    TRAINING_FAILS = "training_fails"
    """With ``text`` as its StatusMessage, and no files; nothing is trained."""
    F1_IS_MISSING = "f1_is_missing"
    """The training ends well, but DescribeProjectVersions gives no F1Score."""
    START_FAILS = "start_fails"
    """Its status is FAILED when it should be RUNNING."""
    STATUS = "status"
    """Its status is ``text``, one of the service's or one that nobody knows, until it is started or
    the order is taken back. It is for all versions that match, those that are there and those to
    come."""


class OrderError(ValueError):
    """The order itself cannot be understood."""


@dataclass
class Order:
    """One order, and how often it still fires."""

    outcome: Outcome
    version: str
    text: str
    times: int


class Orders:
    """The orders in force, in the order in which they were given."""

    def __init__(self) -> None:
        self._orders: list[Order] = []
        self._lock = threading.Lock()

    def replace(self, orders: Any) -> None:
        """Put these orders in the place of all earlier ones."""
        if not isinstance(orders, list):
            raise OrderError("outcomes: expected a JSON list of objects")
        read = [_read(order) for order in orders]
        with self._lock:
            self._orders = read

    def take(self, outcome: Outcome, version_name: str) -> Order | None:
        """The order that the version meets, counted as fired; None where there is none."""
        with self._lock:
            for order in self._orders:
                fits = order.outcome is outcome and fnmatchcase(version_name, order.version)
                if fits and order.times != 0:
                    order.times -= 1 if order.times > 0 else 0
                    return order
        return None

    def status_of(self, version_name: str) -> str | None:
        """The status that the version has by order."""
        with self._lock:
            for order in self._orders:
                if order.outcome is Outcome.STATUS and fnmatchcase(version_name, order.version):
                    return order.text
        return None

    def as_json(self) -> list[dict[str, Any]]:
        """The orders in force, with what is left of each."""
        with self._lock:
            return [dict(vars(order)) for order in self._orders]


def _read(order: Any) -> Order:
    if not isinstance(order, Mapping) or set(order) - {"outcome", "version", "text", "times"}:
        raise OrderError(f"outcomes: expected outcome, version, text and times, got {order!r}")
    try:
        outcome = Outcome(str(order.get("outcome")))
    except ValueError as error:
        known = ", ".join(Outcome)
        raise OrderError(f"outcomes: {order.get('outcome')} is none of {known}") from error
    text, times = str(order.get("text") or ""), order.get("times", 1)
    if type(times) is not int:
        raise OrderError(f"outcomes: times is a whole number, not {times!r}")
    if outcome is Outcome.STATUS and not text:
        raise OrderError("outcomes: a status needs the text of it")
    return Order(
        outcome,
        str(order.get("version", "*")),
        text or "Amazon Rekognition experienced a service issue. Try again.",
        times,
    )
