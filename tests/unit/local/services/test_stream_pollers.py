from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.services.queue_pollers import MappingRefusedError
from local.services.stream_pollers import StreamPollers, StreamSettings
from tests.unit.local.conftest import REGION

SETTINGS: dict[str, Any] = {
    "batch_size": 100,
    "window_s": 20.0,
    "filters": (),
    "bisect": True,
    "retries": 2,
    "max_age_s": 1e9,
}
NOTHING_OF_B = {"dynamodb": {"Keys": {"name": {"S": [{"anything-but": ["b"]}]}}}}


class Stream:
    """A table with a stream, a bucket for what fails, and a function behind them."""

    def __init__(self, runtime: Any) -> None:
        self.runtime = runtime
        self.name = f"t{uuid.uuid4()}"
        self.pollers = StreamPollers(runtime.clock, runtime, runtime.authorizer, runtime.functions)
        self.dynamodb = runtime.client("dynamodb")
        made = self.dynamodb.create_table(
            TableName=self.name,
            AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        self.arn = made["TableDescription"]["LatestStreamArn"]
        runtime.client("s3").create_bucket(Bucket=self.name)

    def map(self, handler: str = "sample.changes", **changes: Any) -> str:
        function = self.runtime.add_function(handler, name=self.name[:20])
        settings = StreamSettings(**{**SETTINGS, "bucket": self.name, **changes})
        return self.pollers.add(function, self.arn, settings)

    def write(self, name: str, **facts: str) -> None:
        item = {key: {"S": value} for key, value in {"name": name, **facts}.items()}
        self.dynamodb.put_item(TableName=self.name, Item=item)

    def batches(self) -> list[list[str]]:
        """The names of the items in each batch that the function got."""
        file: Path = self.runtime.functions._log_dir / f"{self.name[:20]}.log"
        lines = file.read_text().splitlines() if file.exists() else []
        return [
            [one["dynamodb"]["Keys"]["name"]["S"] for one in json.loads(line)["Records"]]
            for line in lines
            if line.startswith('{"Records"')
        ]

    def kept(self) -> list[tuple[str, Any]]:
        s3 = self.runtime.client("s3")
        listed = s3.list_objects_v2(Bucket=self.name).get("Contents", [])
        return [
            (one["Key"], json.loads(s3.get_object(Bucket=self.name, Key=one["Key"])["Body"].read()))
            for one in listed
        ]


@pytest.fixture
def stream(runtime: Any) -> Iterator[Stream]:
    stream = Stream(runtime)
    yield stream
    stream.pollers.close()


def test_what_comes_within_the_window_is_one_batch_as_lambda_shapes_it(
    stream: Stream, eventually: Callable[..., Any]
) -> None:
    for name in ("a", "b", "c"):
        stream.write(name)
    stream.map()
    assert eventually(stream.batches) == [["a", "b", "c"]]
    log = stream.runtime.functions._log_dir / f"{stream.name[:20]}.log"
    record = json.loads(log.read_text().splitlines()[0])["Records"][0]
    assert set(record) == {
        "eventID", "eventName", "eventVersion", "eventSource", "awsRegion", "dynamodb",
        "eventSourceARN",
    }  # fmt: skip
    assert (record["eventName"], record["awsRegion"]) == ("INSERT", REGION)
    assert record["eventSourceARN"] == stream.arn
    assert abs(record["dynamodb"]["ApproximateCreationDateTime"] - stream.runtime.clock.now()) < 3e4


def test_a_write_that_changes_nothing_and_what_no_filter_wants_are_passed_over(
    stream: Stream, eventually: Callable[..., Any]
) -> None:
    for name in ("a", "b", "a", "c"):
        stream.write(name)
    stream.map(filters=[NOTHING_OF_B])
    assert eventually(stream.batches) == [["a", "c"]]


def test_a_full_batch_does_not_wait_for_its_window(
    stream: Stream, eventually: Callable[..., Any]
) -> None:
    for name in ("a", "b", "c", "d"):
        stream.write(name)
    stream.map(batch_size=2, window_s=1e9)
    eventually(lambda: stream.batches() == [["a", "b"], ["c", "d"]])


def test_a_batch_that_fails_is_halved_until_what_is_at_fault_is_alone_and_kept(
    stream: Stream, eventually: Callable[..., Any]
) -> None:
    for name in ("a", "b", "poison", "d"):
        stream.write(name)
    mapping = stream.map()
    ((key, told),) = eventually(stream.kept)
    assert eventually(lambda: stream.batches()[-1] == ["d"])
    assert stream.batches() == [
        ["a", "b", "poison", "d"],
        ["a", "b"],
        ["poison", "d"],
        *[["poison"]] * 3,
        ["d"],
    ]
    assert key.startswith(f"aws/lambda/{mapping}/{told['DDBStreamBatchInfo']['shardId']}/")
    assert told["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert told["DDBStreamBatchInfo"]["batchSize"] == 1
    (record,) = json.loads(told["payload"])["Records"]
    assert record["dynamodb"]["NewImage"] == {"name": {"S": "poison"}}


def test_what_is_too_old_is_kept_without_being_tried(
    stream: Stream, eventually: Callable[..., Any]
) -> None:
    stream.write("a")
    stream.map(max_age_s=-1e6)
    ((_, told),) = eventually(stream.kept)
    assert told["requestContext"]["condition"] == "RecordAgeExceeded"
    assert stream.batches() == []


def test_a_mapping_that_is_changed_goes_on_where_it_was(
    stream: Stream, eventually: Callable[..., Any]
) -> None:
    stream.write("a")
    mapping = stream.map(window_s=0)
    eventually(lambda: stream.batches() == [["a"]])
    # It is noted a moment after the function has answered.
    eventually(lambda: list(stream.pollers._read.values()) == [1])
    stream.pollers.remove(mapping)
    stream.write("b")
    stream.map(window_s=0)
    eventually(lambda: stream.batches() == [["a"], ["b"]])


@pytest.mark.parametrize("action", ["GetRecords", "ListStreams"])
def test_a_role_that_may_not_read_the_stream_gets_no_mapping(stream: Stream, action: str) -> None:
    stream.runtime.authorizer.refused.add(f"dynamodb:{action}")
    try:
        with pytest.raises(MappingRefusedError, match="Cannot access stream"):
            stream.map()
    finally:
        stream.runtime.authorizer.refused.clear()


def test_there_is_no_mapping_of_a_stream_that_there_is_not(stream: Stream) -> None:
    stream.arn = stream.arn.replace("stream/2", "stream/3")
    with pytest.raises(MappingRefusedError, match="Stream not found"):
        stream.map()
