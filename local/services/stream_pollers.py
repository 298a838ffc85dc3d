"""Event source mappings: what Lambda's pollers do between a table's stream and a function.

They read moto's stream inside the process, which has one shard a table. A batch is what came in the
window, as far as it matches a filter. One that fails is halved, each half tried again by itself,
and what goes on failing, or is too old, is put whole into the mapping's bucket: then the stream
goes on. All of it happens under the function's role.
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.events.models import EventPattern

from local.clock import Clock
from local.constants import ACCOUNT_ID
from local.permissions.authorization import Authorizer
from local.role_clients import Clients
from local.services.function_pool import FunctionNotFoundError, FunctionPool, PoolClosedError
from local.services.queue_pollers import MappingRefusedError

log = logging.getLogger(__name__)

READER_ACTIONS = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
LOOK_EVERY_S = 0.1
"""Of real time."""
MOST_BYTES = 6 * 1024 * 1024
"""Of a batch, however few records it has."""
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
"""Between attempts; how long Lambda waits it does not tell."""


@dataclass(frozen=True)
class StreamSettings:
    """How a stream is read; the names are CreateEventSourceMapping's."""

    batch_size: int
    window_s: float
    filters: Sequence[Mapping[str, Any]]
    """Patterns; a record that matches none is passed over, and without any all are read."""
    bisect: bool
    retries: int
    max_age_s: float
    bucket: str | None
    """Where what failed for good is kept."""


@dataclass
class _Mapping:
    id: str
    function_arn: str
    role_arn: str
    stream_arn: str
    settings: StreamSettings
    stopped: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class _Failure:
    """Why a batch is given up."""

    condition: str
    attempts: int
    request_id: str


class StreamPollers:
    """All event source mappings of streams."""

    def __init__(
        self, clock: Clock, clients: Clients, authorizer: Authorizer, functions: FunctionPool
    ) -> None:
        self._clock = clock
        self._clients = clients
        self._authorizer = authorizer
        self._functions = functions
        self._mappings: dict[str, _Mapping] = {}
        self._read: dict[tuple[str, str], int] = {}
        """How many of a stream's records a function is done with: a changed mapping goes on."""

    def add(self, function_arn: str, stream_arn: str, settings: StreamSettings) -> str:
        """Starts reading at the stream's beginning and gives the mapping's id.

        Raises MappingRefusedError for what CreateEventSourceMapping refuses.
        """
        spec = self._functions.spec(function_arn)
        if _shard(stream_arn) is None:
            raise MappingRefusedError(f"Stream not found: {stream_arn}")
        for action in READER_ACTIONS:
            if not self._authorizer.check(spec.role_arn, f"dynamodb:{action}", stream_arn).allowed:
                raise MappingRefusedError(
                    f"Cannot access stream {stream_arn}. Please ensure the role can perform the "
                    f"{', '.join(READER_ACTIONS)} Actions on your stream in IAM."
                )
        mapping = _Mapping(str(uuid.uuid4()), spec.arn, spec.role_arn, stream_arn, settings)
        self._mappings[mapping.id] = mapping
        threading.Thread(
            target=self._poll, args=(mapping,), name=f"stream-{spec.stem}", daemon=True
        ).start()
        return mapping.id

    def remove(self, mapping_id: str) -> None:
        """Stops reading; what is being worked on is finished."""
        self._mappings.pop(mapping_id).stopped.set()

    def close(self) -> None:
        for mapping in list(self._mappings.values()):
            mapping.stopped.set()

    def _poll(self, mapping: _Mapping) -> None:
        while not mapping.stopped.wait(LOOK_EVERY_S):
            shard = _shard(mapping.stream_arn)
            if shard is None:
                log.warning("the stream %s is gone: its mapping ends", mapping.stream_arn)
                return
            try:
                self._take_in(mapping, shard)
            except (PoolClosedError, FunctionNotFoundError):
                return
            except Exception:
                log.exception("reading %s", mapping.stream_arn)
                mapping.stopped.wait(1)

    def _take_in(self, mapping: _Mapping, shard: Any) -> None:
        """Work up what has come since, once the window is over."""
        done = self._read.get((mapping.function_arn, mapping.stream_arn), 0)
        batch: list[dict[str, Any]] = []
        bytes_taken, ends = 0, 0.0
        while not mapping.stopped.is_set():
            is_full = False
            for item in shard.items[done:]:
                record = self._record(item.to_json(), mapping)
                if record is not None:
                    size = len(json.dumps(record))
                    is_full = bytes_taken + size > MOST_BYTES
                    if is_full:
                        break
                    batch.append(record)
                    bytes_taken += size
                done += 1
                is_full = len(batch) == mapping.settings.batch_size
                if is_full:
                    break
            if batch and not ends:
                ends = self._clock.now() + mapping.settings.window_s
            if not batch or is_full or self._clock.now() >= ends:
                break
            mapping.stopped.wait(LOOK_EVERY_S)
        if batch and not mapping.stopped.is_set():
            self._process(mapping, shard, batch)
        if mapping.stopped.is_set():
            return
        before = self._read.get((mapping.function_arn, mapping.stream_arn), 0)
        self._read[mapping.function_arn, mapping.stream_arn] = done
        # What nobody reads again would be kept for as long as the runtime runs.
        shard.items[before:done] = [_FORGOTTEN] * (done - before)

    def _record(self, told: Any, mapping: _Mapping) -> dict[str, Any] | None:
        """What the function gets of a record; None where that is not to be delivered."""
        if told is None:
            return None
        change = told["dynamodb"]
        if change.get("OldImage") == change.get("NewImage"):
            return None  # DynamoDB tells nothing of a write that changes nothing; moto does.
        moment: datetime = change["ApproximateCreationDateTime"]
        real_s = moment.replace(tzinfo=UTC).timestamp()
        record = {
            **told,
            "awsRegion": mapping.stream_arn.split(":")[3],
            "dynamodb": {**change, "ApproximateCreationDateTime": int(self._clock.at(real_s))},
            "eventSourceARN": mapping.stream_arn,
        }
        filters = mapping.settings.filters
        matches = any(EventPattern(None, dict(one)).matches_event(record) for one in filters)
        return record if matches or not filters else None

    def _process(self, mapping: _Mapping, shard: Any, batch: list[dict[str, Any]]) -> None:
        """Let the function have the batch until it is done with it, or it is given up."""
        payload = json.dumps({"Records": batch}).encode()
        wait_s, attempts = FIRST_WAIT_S, 0
        while not mapping.stopped.is_set():
            if self._is_too_old(mapping, batch):
                failure = _Failure("RecordAgeExceeded", attempts, "")
                self._keep(mapping, shard, batch, payload, failure)
                return
            invocation = self._functions.invoke(mapping.function_arn, payload)
            if invocation.error is None:
                return
            attempts += 1
            log.warning("%s failed a batch: %s", mapping.function_arn, invocation.body[:500])
            if mapping.settings.bisect and len(batch) > 1:
                middle = len(batch) // 2
                self._process(mapping, shard, batch[:middle])
                self._process(mapping, shard, batch[middle:])
                return
            if attempts > mapping.settings.retries:
                failure = _Failure("RetryAttemptsExhausted", attempts, invocation.request_id)
                self._keep(mapping, shard, batch, payload, failure)
                return
            mapping.stopped.wait(self._clock.real(wait_s))
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def _is_too_old(self, mapping: _Mapping, batch: Sequence[Mapping[str, Any]]) -> bool:
        first_s = float(batch[0]["dynamodb"]["ApproximateCreationDateTime"])
        return self._clock.now() - first_s > mapping.settings.max_age_s

    def _keep(
        self,
        mapping: _Mapping,
        shard: Any,
        batch: Sequence[Mapping[str, Any]],
        payload: bytes,
        failure: _Failure,
    ) -> None:
        """Put what is given up into the bucket; where that fails, too, it is lost, as on AWS."""
        bucket = mapping.settings.bucket
        if bucket is None:
            return
        now = self._clock.datetime()
        times = [record["dynamodb"]["ApproximateCreationDateTime"] for record in batch]
        numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
        told = {
            "requestContext": {
                "requestId": failure.request_id,
                "functionArn": mapping.function_arn,
                "condition": failure.condition,
                "approximateInvokeCount": failure.attempts,
            },
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled",
            },
            "version": "1.0",
            "timestamp": now.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "DDBStreamBatchInfo": {
                "shardId": shard.id,
                "startSequenceNumber": numbers[0],
                "endSequenceNumber": numbers[-1],
                "approximateArrivalOfFirstRecord": _iso(times[0]),
                "approximateArrivalOfLastRecord": _iso(times[-1]),
                "batchSize": len(batch),
                "streamArn": mapping.stream_arn,
            },
            "payload": payload.decode(),
        }
        key = (
            f"aws/lambda/{mapping.id}/{shard.id}/{now:%Y/%m/%d}/"
            f"{now:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"
        )
        s3 = self._clients.client("s3", mapping.role_arn)
        try:
            s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
            s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(told).encode())
        except Exception:
            log.exception("%s records of %s are lost", len(batch), mapping.stream_arn)


class _Forgotten:
    """Stands where a record was that has been read."""

    def to_json(self) -> None:
        """Nothing is left of it."""


_FORGOTTEN = _Forgotten()


def _iso(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _shard(stream_arn: str) -> Any | None:
    """moto's shard of the stream; None where the table has no such stream any more."""
    region, table_name, label = (
        stream_arn.split(":")[3],
        stream_arn.split("/")[1],
        stream_arn.split("/", 3)[3],
    )
    table = dynamodb_backends[ACCOUNT_ID][region].tables.get(table_name)
    if table is None or table.latest_stream_label != label:
        return None
    return table.stream_shard
