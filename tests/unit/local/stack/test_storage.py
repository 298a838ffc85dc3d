"""Tables change in place where AWS changes them in place."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local.constants import REGION
from local.stack.resources.base import Resource
from local.stack.resources.storage import Table

TABLE: dict[str, Any] = {
    "TableName": "log",
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": "name", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "name", "KeyType": "HASH"}],
}
STREAMED = {**TABLE, "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"}}


def _resource(properties: dict[str, Any], before: dict[str, Any]) -> Resource:
    client = boto3.client("dynamodb", region_name=REGION)
    deployment: Any = SimpleNamespace(
        services=SimpleNamespace(clients=SimpleNamespace(client=lambda _: client))
    )
    return Resource(deployment, "Log", Table.type_name, properties, "log", {}, before)


def test_a_table_that_is_there_gets_a_stream_and_keeps_what_it_has() -> None:
    with mock_aws():
        created = Table().create(_resource(TABLE, {}))
        assert "StreamArn" not in created.attributes
        dynamodb = boto3.client("dynamodb", region_name=REGION)
        dynamodb.put_item(TableName="log", Item={"name": {"S": "old"}})
        updated = Table().update(_resource(STREAMED, TABLE))
        assert updated.physical_id == "log"
        assert "/stream/" in updated.attributes["StreamArn"]
        assert dynamodb.scan(TableName="log")["Count"] == 1
        again = Table().update(_resource({**STREAMED}, STREAMED))
        assert again.attributes == updated.attributes


def test_a_stream_is_not_changed_or_ended_without_saying_so() -> None:
    with mock_aws():
        Table().create(_resource(STREAMED, {}))
        with pytest.raises(NotImplementedError, match="stream"):
            Table().update(_resource(TABLE, STREAMED))
