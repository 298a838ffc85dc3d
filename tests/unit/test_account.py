"""The account in memory that unit tests run in."""

from datetime import datetime

import boto3
import pytest
from moto.s3 import models as s3_models

from tests.contract import files
from tests.unit.account import Account, account, in_memory

__all__ = ["account"]


def test_its_objects_are_dated_by_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runtime's tests, in the same process, leave moto with a clock that has run ahead."""
    monkeypatch.setattr(s3_models, "utcnow", lambda: datetime(2100, 1, 1))  # noqa: DTZ001 - moto's
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with in_memory():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="images")
        s3.put_object(Bucket="images", Key="1.jpg", Body=b"1")
        assert s3.head_object(Bucket="images", Key="1.jpg")["LastModified"].year < 2100


def test_what_is_made_in_moto_itself_is_what_requests_would_have_made(account: Account) -> None:
    s3, sqs, dynamodb = (account.boto3(service) for service in ("s3", "sqs", "dynamodb"))
    assert s3.get_bucket_versioning(Bucket=account.bucket)["Status"] == "Enabled"
    for name in ("operator-inbox", "detection", "answers"):
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        assert url == sqs.create_queue(QueueName=name)["QueueUrl"]
    for name, made in account._names.items():
        properties = files.template()["Resources"][name]["Properties"]
        wanted = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
        given = {word: properties[word] for word in wanted if word in properties}
        asked = dynamodb.create_table(TableName="asked-for", **given)["TableDescription"]
        found = dynamodb.describe_table(TableName=made)["Table"]
        own = ("TableName", "TableArn", "TableId", "CreationDateTime")
        assert {word: found[word] for word in found if word not in own} == {
            word: asked[word] for word in asked if word not in own
        }
        dynamodb.delete_table(TableName="asked-for")
