"""EventBridge's default bus: where programs outside hear of what happens."""

import json
from collections.abc import Iterator, Sequence

from labelloop.aws.clients import client
from labelloop.aws.failures import BY_CODE, translated
from labelloop.aws.wiring import wiring
from labelloop.domain.events import SOURCE, Event
from labelloop.errors import LabelLoopError, ServiceFailedError, ThrottledError
from labelloop.settings import Variable

_MOST_AT_ONCE = 10
_MOST_BYTES_AT_ONCE = 256 * 1024
_ATTEMPTS = 3

_Entry = dict[str, str | list[str]]


def put(events: Sequence[Event]) -> None:
    """Send the events, in this order.

    The service may take some and refuse others: those are sent again. Raises ThrottledError or
    ServiceFailedError where some were still refused then: sending all again does no harm, since an
    event keeps its ``event_id``.
    """
    for batch in _batches([_entry(event) for event in events]):
        _put(batch)


def _entry(event: Event) -> _Entry:
    stack = wiring[Variable.STACK_NAME]
    return {
        "Source": SOURCE,
        "DetailType": event.type.value,
        "Resources": [stack],
        "Detail": json.dumps(event.detail(stack), ensure_ascii=False),
    }


def _batches(entries: Sequence[_Entry]) -> Iterator[list[_Entry]]:
    """The entries in parts that one call takes."""
    batch: list[_Entry] = []
    size = 0
    for entry in entries:
        size += _bytes_of(entry)
        if batch and (len(batch) == _MOST_AT_ONCE or size > _MOST_BYTES_AT_ONCE):
            yield batch
            batch, size = [], _bytes_of(entry)
        batch.append(entry)
    if batch:
        yield batch


def _bytes_of(entry: _Entry) -> int:
    """What the service counts, which is the texts alone."""
    return sum(len("".join(value).encode()) for value in entry.values())


def _put(batch: list[_Entry]) -> None:
    for _ in range(_ATTEMPTS):
        with translated():
            answer = client("events").put_events(Entries=batch)
        if not answer["FailedEntryCount"]:
            return
        # The answers stand in the order of what was asked.
        answers = list(zip(batch, answer["Entries"], strict=True))
        batch = [entry for entry, said in answers if "ErrorCode" in said]
        refused = [said for _, said in answers if "ErrorCode" in said]
    raise _failure([said["ErrorCode"] for said in refused])(f"Events were refused: {refused}")


def _failure(codes: list[str]) -> type[LabelLoopError]:
    throttled = all(BY_CODE.get(code) is ThrottledError for code in codes)
    return ThrottledError if throttled else ServiceFailedError
