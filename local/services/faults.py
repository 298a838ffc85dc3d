"""Failures on order: what `PUT /_local/faults` asks the gateway to do to the calls that pass.

A fault names a call by service and operation, by function when only one caller's calls should fail
(`*` stands for all of either, for functions alone, not for the operator), and by a text that the
request contains when only calls about one thing should. It lets `after` matching calls through,
then fires `times` times (-1: every time).

A call can be answered with an error, its caller's process can be killed, or the call can hang: then
the time of the function or of the state that makes it has run out, and nobody waits for that. A
failure that is held comes when the order is withdrawn: until then its caller gets no further. A
call can be made ``late_s`` seconds later, of the stack's own.

What nobody calls can be late, too, come ``twice`` or be ``lost``: the operation ``Deliver`` of the
service ``events`` is an event on its way to a target, the one of ``sqs`` a message that was worked
up by its function. Messages do not get lost, and what is late is overtaken.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

DELIVER = "Deliver"
"""Stands for the operation where AWS itself brings something to somebody."""
_SAME_SERVICE = {"stepfunctions": "states", "cognitoidp": "cognito-idp", "monitoring": "cloudwatch"}
_SERVER_ERRORS = {
    "InternalError": 500,
    "InternalFailure": 500,
    "InternalServerError": 500,
    "ServiceException": 500,
    "ServiceUnavailable": 503,
    "SlowDown": 503,
}


class FaultError(ValueError):
    """The order itself cannot be understood."""


@dataclass
class Fault:
    """One order, and how much of it is still to come."""

    service: str
    operation: str
    function: str | None
    containing: str
    error: str | None
    message: str
    status: int
    after: int
    times: int
    when: str
    kill: bool
    hang: bool
    hold: bool
    late_s: float
    twice: bool
    lost: bool
    fired: int = field(default=0)
    _withdrawn: threading.Event = field(default_factory=threading.Event, init=False)

    def wait(self) -> None:
        """Wait for as long as the failure is held."""
        if self.hold:
            self._withdrawn.wait()

    def withdraw(self) -> None:
        """Let what is held come."""
        self._withdrawn.set()

    def as_json(self) -> dict[str, Any]:
        """The order, with what is left of it."""
        return {name: value for name, value in vars(self).items() if name != "_withdrawn"}

    def matches(self, service: str, operation: str, function: str | None, content: str) -> bool:
        """Whether the call is one of those that this fault is about."""
        return (
            self.service in ("*", service)
            and (self.operation == operation or (self.operation == "*" and operation != DELIVER))
            and (self.function in (None, function) or (self.function == "*" and bool(function)))
            and self.containing in content
        )


class Faults:
    """The faults in force, in the order in which they were given."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def replace(self, orders: Any) -> None:
        """Put these faults in the place of all earlier ones."""
        if not isinstance(orders, list):
            raise FaultError("faults: expected a JSON list of objects")
        faults = [_parse(order) for order in orders]
        self._put(faults)

    def clear(self) -> None:
        """Let every call through again."""
        self._put([])

    def _put(self, faults: list[Fault]) -> None:
        with self._lock:
            earlier, self._faults = self._faults, faults
        for fault in earlier:
            fault.withdraw()

    def take(
        self, service: str, operation: str, function: str | None, content: Callable[[], str]
    ) -> Fault | None:
        """The fault that this call meets, counted as fired; None when it goes through.

        ``content`` gives the request's own text, and is asked only while there are faults. Each
        fault counts every call that matches it, also when an earlier one fires.
        """
        if not self._faults:
            return None
        met: Fault | None = None
        text = content()
        with self._lock:
            for fault in self._faults:
                if not fault.matches(service, operation, function, text):
                    continue
                if fault.after > 0:
                    fault.after -= 1
                elif met is None and fault.times != 0:
                    fault.times -= 1 if fault.times > 0 else 0
                    fault.fired += 1
                    met = fault
        return met

    def as_json(self) -> list[dict[str, Any]]:
        """The faults in force, with what is left of each."""
        with self._lock:
            return [fault.as_json() for fault in self._faults]


_KEYS = frozenset(
    (
        "service",
        "operation",
        "function",
        "containing",
        "error",
        "message",
        "status",
        "after",
        "times",
        "when",
        "kill",
        "hang",
        "hold",
        "late_s",
        "twice",
        "lost",
    )
)


def _parse(order: Any) -> Fault:
    if not isinstance(order, Mapping):
        raise FaultError(f"faults: expected an object, got {order!r}")
    unknown = set(order) - _KEYS
    if unknown:
        raise FaultError(f"faults: unknown keys {sorted(unknown)}; known are {sorted(_KEYS)}")
    service, operation = order.get("service"), order.get("operation")
    if not isinstance(service, str) or not isinstance(operation, str):
        raise FaultError("faults: service and operation are needed")
    error, kill = order.get("error"), bool(order.get("kill", False))
    hang = bool(order.get("hang", False))
    late_s = float(order.get("late_s", 0))
    twice, lost = bool(order.get("twice", False)), bool(order.get("lost", False))
    if error is None and not (kill or hang or late_s > 0 or twice or lost):
        raise FaultError("faults: one of error, kill, hang, late_s, twice and lost is needed")
    if operation == DELIVER:
        known = {"events": late_s > 0 or twice or lost, "sqs": twice}
        if not known.get(service) or error is not None or kill or hang:
            raise FaultError("faults: events are late, come twice or are lost; messages come twice")
    elif twice or lost:
        raise FaultError(f"faults: only what is delivered comes twice or is lost, not {operation}")
    when = order.get("when", "before")
    if when not in ("before", "after"):
        raise FaultError(f"faults: when is before or after, not {when!r}")
    return Fault(
        service=_SAME_SERVICE.get(service, service),
        operation=operation,
        function=order.get("function"),
        containing=str(order.get("containing", "")),
        error=error,
        message=str(order.get("message") or f"{error} ordered by /_local/faults"),
        status=int(order.get("status") or _SERVER_ERRORS.get(str(error), 400)),
        after=int(order.get("after", 0)),
        times=int(order.get("times", 1)),
        when=when,
        kill=kill,
        hang=hang,
        hold=bool(order.get("hold", False)),
        late_s=late_s,
        twice=twice,
        lost=lost,
    )
