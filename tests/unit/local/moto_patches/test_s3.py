"""Buckets as moto has them patched."""

from __future__ import annotations

import urllib.request
import uuid
from typing import Any

import pytest


@pytest.fixture
def bucket(runtime: Any) -> str:
    s3, name = runtime.client("s3"), f"b{uuid.uuid4()}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(
        Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    return name


def of(bucket: str) -> dict[str, Any]:
    return {"source": ["aws.s3"], "detail": {"bucket": {"name": [bucket]}}}


def test_an_upload_makes_one_event_as_s3_writes_it(runtime: Any, bucket: str, seen: Any) -> None:
    fetch = seen(of(bucket))
    put = runtime.client("s3").put_object(Bucket=bucket, Key="a+b c%20d ä.png", Body=b"12345")
    (event,) = fetch(1)
    assert event["detail-type"] == "Object Created"
    assert event["resources"] == [f"arn:aws:s3:::{bucket}"]
    detail = event["detail"]
    assert detail["reason"] == "PutObject"
    assert detail["object"] == {
        "key": "a+b c%20d ä.png",
        "size": 5,
        "etag": put["ETag"].strip('"'),
        "version-id": put["VersionId"],
        "sequencer": detail["object"]["sequencer"],
    }


def test_objects_bear_the_virtual_time(runtime: Any, bucket: str) -> None:
    s3 = runtime.client("s3")
    before = runtime.clock.datetime().replace(microsecond=0)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    written = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    assert before <= written <= runtime.clock.datetime()


def test_sequencers_of_one_key_grow(runtime: Any, bucket: str, seen: Any) -> None:
    fetch = seen(of(bucket))
    versions = [
        runtime.client("s3").put_object(Bucket=bucket, Key="k", Body=b"x")["VersionId"]
        for _ in range(3)
    ]
    objects = [event["detail"]["object"] for event in fetch(3)]
    by_sequence = sorted(objects, key=lambda each: each["sequencer"])
    assert [each["version-id"] for each in by_sequence] == versions


def test_a_copy_and_a_multipart_upload_make_one_event_each(
    runtime: Any, bucket: str, seen: Any
) -> None:
    s3 = runtime.client("s3")
    s3.put_object(Bucket=bucket, Key="source", Body=b"x")
    fetch = seen(of(bucket))
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "source"})
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"y")
    s3.complete_multipart_upload(
        Bucket=bucket,
        Key="parts",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )
    reasons = {e["detail"]["object"]["key"]: e["detail"]["reason"] for e in fetch(2)}
    assert reasons == {"copy": "CopyObject", "parts": "CompleteMultipartUpload"}
    assert len(fetch(0)) == 2


def test_a_link_to_a_version_chooses_how_it_is_answered_though_the_object_is_deleted(
    runtime: Any, bucket: str
) -> None:
    s3 = runtime.client("s3")
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["VersionId"]
    s3.delete_object(Bucket=bucket, Key="k")
    wanted = {"VersionId": version, "ResponseContentType": "image/png"}
    link = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k", **wanted})
    with urllib.request.urlopen(link) as answer:  # noqa: S310
        assert (answer.read(), answer.headers["Content-Type"]) == (b"x", "image/png")


def test_deletions_make_events(runtime: Any, bucket: str, seen: Any) -> None:
    s3 = runtime.client("s3")
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["VersionId"]
    fetch = seen({**of(bucket), "detail-type": ["Object Deleted"]})
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_object(Bucket=bucket, Key="k", VersionId=version)
    types = {e["detail"]["deletion-type"]: e["detail"] for e in fetch(2)}
    assert set(types) == {"Delete Marker Created", "Permanently Deleted"}
    assert types["Permanently Deleted"]["object"]["version-id"] == version
    assert types["Permanently Deleted"]["reason"] == "DeleteObject"


def test_a_bucket_without_the_switch_makes_no_events(runtime: Any, seen: Any) -> None:
    name = f"b{uuid.uuid4()}"
    runtime.client("s3").create_bucket(Bucket=name)
    fetch = seen(of(name))
    runtime.client("s3").put_object(Bucket=name, Key="k", Body=b"x")
    assert fetch(0) == []
