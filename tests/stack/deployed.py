"""The way to a running stack: its clients, its clock, and what its tables hold."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError
from click.testing import CliRunner, Result

from cli.__main__ import main
from local.launch import LocalStack

Record = Mapping[str, Any]


class Deployed:
    """A deployed stack, and the ways to it that all concerns share."""

    def __init__(self, local: LocalStack, time_scale: float) -> None:
        self.local = local
        self.endpoint = local.endpoint
        self.outputs = local.outputs
        self.bucket = local.outputs["BucketName"]
        self.time_scale = time_scale

    def client(self, service: str) -> Any:
        """The operator's client for a service."""
        return self.local.client(service)

    def labelloop(self, *words: str) -> Result:
        """What a ``labelloop`` command of the operator says."""
        options = ("--local", "--data-dir", str(self.local.data_dir))
        return CliRunner().invoke(main, [*words, *options])

    def physical_id(self, logical_id: str) -> str:
        """The name that a resource of the template has; of a queue, its URL."""
        resources = self.local.control("GET", "stack")["resources"]
        found: str = resources[logical_id]["physical_id"]
        return found

    def now(self) -> datetime:
        """What the stack's own clock says."""
        return datetime.fromtimestamp(self.local.control("GET", "clock")["epoch_s"], UTC)

    def leap(self, seconds: float) -> None:
        """Let that many of the stack's own seconds be over at once."""
        self.local.control("POST", "clock", {"leap_s": seconds})

    def sleep(self, seconds: float) -> None:
        """Let that many of the stack's own seconds pass, with all that happens meanwhile."""
        time.sleep(seconds / self.time_scale)

    def item(self, table: str, **key: str) -> Record:
        """An item of the table with that output name; empty when there is none."""
        answer = self.client("dynamodb").get_item(
            TableName=self.outputs[table],
            Key={name: {"S": value} for name, value in key.items()},
            ConsistentRead=True,
        )
        return _plain_item(answer.get("Item", {}))

    def raw_items(self, table: str) -> list[dict[str, Any]]:
        """Every item of the table with that output name, as DynamoDB has it."""
        return self._raw_items("scan", TableName=self.outputs[table])

    def _items(self, operation: str, **request: Any) -> list[Record]:
        return [_plain_item(item) for item in self._raw_items(operation, **request)]

    def _raw_items(self, operation: str, **request: Any) -> list[dict[str, Any]]:
        pages = self.client("dynamodb").get_paginator(operation).paginate(**request)
        return [item for page in pages for item in page["Items"]]


def refused(ask: Callable[[], Any]) -> str:
    """The code of the error that the call ends in."""
    try:
        ask()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    raise AssertionError("the call was not refused")


_deserialize = TypeDeserializer().deserialize


def _plain_item(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(_deserialize(value)) for name, value in item.items()}


def _plain(value: Any) -> Any:
    """Numbers as Python's own, at any depth."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value
