"""Where a path can fail, found by watching it work, and the ways in which it then fails.

A place is one AWS call of a path: who makes it, which, and the how manieth of its kind about one
image. Clean runs tell them: the first which kinds of calls there are, the second, with orders that
count and never fire, which of an image's names each of them carries. So a call that is added to
the product is failed by these tests, too, without anybody listing it.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.stack import Stack, Uploaded

Order = Mapping[str, Any]

FAILURES: Mapping[str, Order] = {
    "refused": {"error": "AccessDeniedException", "status": 403},
    "throttled": {"error": "ThrottlingException", "status": 400},
    "failed": {"error": "InternalServerError", "status": 500},
    "refused after all": {"error": "AccessDeniedException", "status": 403, "when": "after"},
    "answer lost": {"error": "InternalServerError", "status": 500, "when": "after"},
    "caller killed before": {"kill": True},
    "caller killed after": {"kill": True, "when": "after"},
    "caller out of time before": {"hang": True},
    "caller out of time after": {"hang": True, "when": "after"},
}
"""Each is one failure of one call. The SDK tries again by itself where it may: after ``throttled``,
``failed`` and ``answer lost``; a refusal reaches the caller. Functions and states run
out of time."""

MOST_FAILURES = 4
"""Of calls by one function at a time. A step is tried again six times, and two of the failures are
the state machine's own, when it calls the first function."""
_NEVER = 1_000_000
_OTHER_WORK = (
    *("ApplyParameters", "TellChanges", "ParameterC", "DeploymentRule", "HostModel"),
    *("SelectReviews", "Selection", "Labeling", "RequestLabels", "ArchiveLog"),
)
"""The looks by schedule and after a deployment, and the archiving of what was long before, which
pass by whatever is tested."""


@dataclass(frozen=True, order=True)
class Kind:
    """Calls of one operation by one function; without a function, by a state machine itself."""

    function: str
    service: str
    operation: str

    def order(self, containing: str = "", **failure: Any) -> Order:
        """The order to the runtime that such a call fails."""
        return {
            "service": self.service,
            "operation": self.operation,
            "function": self.function or None,
            "containing": containing,
            **failure,
        }

    def __str__(self) -> str:
        return f"{self.function or 'state machine'}: {self.service}.{self.operation}"


@dataclass(frozen=True, order=True)
class Place:
    """One call of a path. ``name`` says by which of an image's names it is known; empty where the
    call is about no image in particular."""

    kind: Kind
    name: str
    number: int

    def order(self, upload: Uploaded, failure: str) -> Order:
        """The order that this call fails when it is about that image."""
        text = _names(upload)[self.name] if self.name else ""
        return self.kind.order(text, after=self.number, **FAILURES[failure])

    def failures(self, wanted: Collection[str] = FAILURES) -> Iterator[str]:
        """The wanted ways in which this call can fail; only a function's process can be killed."""
        for failure in wanted:
            if self.kind.function or not FAILURES[failure].get("kill"):
                yield failure


def _names(upload: Uploaded) -> dict[str, str]:
    return {"file": upload.key.rsplit("/", 1)[-1], "detection": upload.detection_id}


def calls(stack: Stack, since: int = 0) -> list[Mapping[str, Any]]:
    """The calls that the product has made, without those of the first ``since`` log lines."""
    return [
        call
        for call in stack.local.control("GET", "calls")[since:]
        if call["role"] and not any(name in call["role"] for name in _OTHER_WORK)
    ]


def kinds(stack: Stack, run: Callable[[], object]) -> Counter[Kind]:
    """Which calls, and how many, the product makes in a clean run."""
    before = len(stack.local.control("GET", "calls"))
    run()
    return Counter(
        Kind(call["function"] or "", call["service"], call["operation"])
        for call in calls(stack, before)
    )


def places(
    stack: Stack, make: Callable[[], Uploaded], run: Callable[[Uploaded], object]
) -> list[Place]:
    """Every call of the path that ``run`` takes with an image that ``make`` makes."""
    first = make()
    known = kinds(stack, lambda: run(first))
    upload = make()
    probes = {
        (kind, name): kind.order(text, error="Never", after=_NEVER)
        for kind in sorted(known)
        for name, text in _names(upload).items()
    }
    with stack.faults(*probes.values()):
        run(upload)
        left = stack.local.control("GET", "faults")
    met = {probe: _NEVER - order["after"] for probe, order in zip(probes, left, strict=True)}
    return [place for kind in sorted(known) for place in _places(kind, known[kind], met)]


def _places(kind: Kind, count: int, met: Mapping[tuple[Kind, str], int]) -> Iterator[Place]:
    counts = {name: number for (probed, name), number in met.items() if probed == kind and number}
    complete = [name for name, number in counts.items() if number >= count]
    for name in complete[:1] or counts:
        yield from (Place(kind, name, number) for number in range(counts[name]))
    if not counts:
        yield Place(kind, "", 0)


@contextmanager
def all_at_once(stack: Stack, orders: list[Order]) -> Iterator[None]:
    """These failures for the length of a block, each of which must have come by its end."""
    with stack.faults(*orders):
        yield
        left = stack.local.control("GET", "faults")
    missed = [
        f"{order['function'] or 'state machine'}: {order['service']}.{order['operation']}"
        for order in left
        if not order["fired"]
    ]
    assert not missed, f"these calls were never made: {missed}"


def waves(found: Iterable[Kind]) -> Iterator[list[Order]]:
    """An order for each failure that passes, no more at once than a step is tried again after."""
    by_function: dict[str, list[tuple[Kind, str]]] = {}
    for kind in found:
        failures = ((kind, error) for error in _passing(kind))
        by_function.setdefault(kind.function, []).extend(failures)
    for start in range(0, max(map(len, by_function.values())), MOST_FAILURES):
        yield [
            order
            for failures in by_function.values()
            for order in _one_after_the_other(failures[start : start + MOST_FAILURES])
        ]


def _one_after_the_other(failures: Iterable[tuple[Kind, str]]) -> Iterator[Order]:
    """An order for each, those of a kind for its first calls."""
    before: Counter[Kind] = Counter()
    for kind, error in failures:
        yield kind.order(error=error, status=400, after=before[kind])
        before[kind] += 1


def _passing(kind: Kind) -> tuple[str, ...]:
    """The errors that the first calls of a kind meet.

    With the status 400 the SDK takes none of them for a passing one but throttling: the function
    fails, and the state machine tries again. Throttled are those services alone that have quotas
    for what is called here: the SDK waits half a second then, whatever the service.
    """
    if kind.service == "lambda":
        return "ServiceException", "TooManyRequestsException"
    if kind.service == "rekognition":
        return "InternalServerError", "ThrottlingException"
    return ("InternalServerError",)
