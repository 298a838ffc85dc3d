"""The account in memory that unit tests run in."""

from datetime import datetime

import boto3
import pytest
from moto.s3 import models as s3_models

from tests.unit.account import in_memory


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
