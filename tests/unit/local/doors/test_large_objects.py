"""S3 as the training uses it: uploads in parts, parts of objects, copies, listings by prefix."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from local.constants import ACCOUNT_ID
from tests.unit.local.small_stack import SmallStack

MEBIBYTE = 1024**2
CONTENT = os.urandom(9 * MEBIBYTE + 5)  # over boto3's threshold of 8 MiB: in parts
FOREIGN = "photos/a b+ü.png"


@pytest.fixture
def importer(small_stack: SmallStack) -> Any:
    """An S3 client with the permissions of ImportFunction."""
    return small_stack.client("s3", small_stack.key_of("ImportFunctionRole", "Import"))


@pytest.fixture
def bucket(small_stack: SmallStack) -> str:
    return small_stack.outputs["BucketName"]


@pytest.fixture
def foreign(small_stack: SmallStack) -> str:
    """Another bucket; the object FOREIGN is in it."""
    name = small_stack.outputs["ImportBucketName"]
    small_stack.client("s3").put_object(Bucket=name, Key=FOREIGN, Body=b"a picture")
    return name


@pytest.fixture(autouse=True)
def _no_faults_stay(small_stack: SmallStack) -> Iterator[None]:
    yield
    small_stack.control("DELETE", "faults")


def counted(stack: SmallStack) -> dict[str, int]:
    return dict(stack.control("GET", "summary")["calls"])


def test_a_large_upload_goes_in_parts(small_stack: SmallStack, importer: Any, bucket: str) -> None:
    before = counted(small_stack)
    importer.upload_fileobj(io.BytesIO(CONTENT), bucket, "imported/large.bin")
    after = counted(small_stack)
    made = {name: after[name] - before.get(name, 0) for name in after if name.startswith("s3.")}
    assert {name: count for name, count in made.items() if count} == {
        "s3.CreateMultipartUpload": 1,
        "s3.UploadPart": 2,
        "s3.CompleteMultipartUpload": 1,
    }
    back = io.BytesIO()
    importer.download_fileobj(bucket, "imported/large.bin", back)
    assert back.getvalue() == CONTENT


@pytest.mark.parametrize(
    "operation", ["CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"]
)
def test_each_step_of_an_upload_in_parts_can_fail(
    small_stack: SmallStack, bucket: str, operation: str
) -> None:
    order = {"service": "s3", "operation": operation, "error": "SlowDown"}
    small_stack.control("PUT", "faults", [order])
    key = small_stack.key_of("ImportFunctionRole", "Import")
    once = small_stack.client("s3", key)
    with pytest.raises(Exception, match="SlowDown"):
        once.upload_fileobj(io.BytesIO(CONTENT), bucket, "imported/failing.bin")
    small_stack.control("PUT", "faults", [order])
    patient = small_stack.client("s3", key, retries={"total_max_attempts": 3})
    patient.upload_fileobj(io.BytesIO(CONTENT), bucket, "imported/failing.bin")
    assert once.head_object(Bucket=bucket, Key="imported/failing.bin")["ContentLength"] == len(
        CONTENT
    )


def test_a_failed_upload_in_parts_is_given_up_where_that_is_allowed(
    small_stack: SmallStack, importer: Any, bucket: str
) -> None:
    order = {"service": "s3", "operation": "UploadPart", "error": "SlowDown", "times": -1}
    small_stack.control("PUT", "faults", [order])
    before = counted(small_stack).get("s3.AbortMultipartUpload", 0)
    with pytest.raises(Exception, match="SlowDown"):
        importer.upload_fileobj(io.BytesIO(CONTENT), bucket, "imported/none.bin")
    assert counted(small_stack)["s3.AbortMultipartUpload"] == before + 1
    uploads = small_stack.client("s3").list_multipart_uploads(Bucket=bucket)
    assert "imported/none.bin" not in [upload["Key"] for upload in uploads.get("Uploads", [])]


def test_an_upload_in_parts_needs_the_permission_to_put(importer: Any, bucket: str) -> None:
    with pytest.raises(ClientError, match=r"AccessDenied.*s3:PutObject"):
        importer.create_multipart_upload(Bucket=bucket, Key="elsewhere/large.bin")


def test_a_part_of_an_object_can_be_read(importer: Any, bucket: str) -> None:
    importer.upload_fileobj(io.BytesIO(CONTENT), bucket, "imported/large.bin")
    answer = importer.get_object(Bucket=bucket, Key="imported/large.bin", Range="bytes=10-65545")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert answer["ContentRange"] == f"bytes 10-65545/{len(CONTENT)}"
    assert answer["Body"].read() == CONTENT[10:65546]


def test_a_part_that_is_longer_than_the_object_ends_with_it(importer: Any, bucket: str) -> None:
    importer.put_object(Bucket=bucket, Key="imported/short", Body=b"short")
    answer = importer.get_object(Bucket=bucket, Key="imported/short", Range="bytes=0-65535")
    assert (answer["ContentRange"], answer["Body"].read()) == ("bytes 0-4/5", b"short")


def test_no_part_of_an_empty_object_can_be_read(importer: Any, bucket: str) -> None:
    importer.put_object(Bucket=bucket, Key="imported/empty", Body=b"")
    with pytest.raises(ClientError, match="InvalidRange") as refused:
        importer.get_object(Bucket=bucket, Key="imported/empty", Range="bytes=0-65535")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 416


def test_an_object_is_read_only_if_it_is_still_the_same(importer: Any, bucket: str) -> None:
    etag = importer.put_object(Bucket=bucket, Key="imported/changing", Body=b"1")["ETag"]
    assert importer.get_object(Bucket=bucket, Key="imported/changing", IfMatch=etag)
    importer.put_object(Bucket=bucket, Key="imported/changing", Body=b"2")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        importer.get_object(Bucket=bucket, Key="imported/changing", IfMatch=etag)


def test_an_object_is_copied_from_another_bucket(
    importer: Any, bucket: str, foreign: str, small_stack: SmallStack
) -> None:
    target = f"imported/{foreign}/{FOREIGN}"
    source = {"Bucket": foreign, "Key": FOREIGN}
    importer.copy_object(Bucket=bucket, Key=target, CopySource=source)
    assert importer.get_object(Bucket=bucket, Key=target)["Body"].read() == b"a picture"
    with pytest.raises(ClientError, match=r"AccessDenied.*s3:PutObject"):
        importer.copy_object(Bucket=bucket, Key="elsewhere", CopySource=source)
    small_stack.client("s3").put_object(Bucket=bucket, Key="secret", Body=b"s")
    with pytest.raises(ClientError, match=r"AccessDenied.*s3:GetObject on.*/secret"):
        importer.copy_object(Bucket=bucket, Key=target, CopySource=f"{bucket}/secret")


@pytest.mark.parametrize("word", ["ExpectedBucketOwner", "ExpectedSourceBucketOwner"])
def test_a_copy_is_refused_where_a_bucket_is_expected_to_be_somebody_elses(
    importer: Any, bucket: str, foreign: str, word: str
) -> None:
    asked = {"Bucket": bucket, "Key": f"imported/{word}", "CopySource": f"{foreign}/{FOREIGN}"}
    with pytest.raises(ClientError, match="AccessDenied"):
        importer.copy_object(**asked, **{word: "999999999999"})
    assert importer.copy_object(**asked, **{word: ACCOUNT_ID})


def test_a_copy_takes_the_tags_along_if_it_may(
    importer: Any, bucket: str, foreign: str, small_stack: SmallStack
) -> None:
    small_stack.client("s3").put_object(Bucket=foreign, Key="tagged", Body=b"t", Tagging="a=b")
    asked = {"Bucket": bucket, "Key": "imported/tagged", "CopySource": f"{foreign}/tagged"}
    with pytest.raises(ClientError, match=r"AccessDenied.*s3:GetObjectTagging on.*/tagged"):
        importer.copy_object(**asked)
    importer.copy_object(**asked, TaggingDirective="REPLACE")


def test_a_copy_of_nothing_is_a_secret_from_who_may_not_list(
    importer: Any, bucket: str, foreign: str, small_stack: SmallStack
) -> None:
    asked = {"Bucket": bucket, "Key": "imported/none", "CopySource": f"{foreign}/none"}
    with pytest.raises(ClientError, match=r"AccessDenied.*s3:ListBucket"):
        importer.copy_object(**asked)
    with pytest.raises(ClientError, match="NoSuchKey"):
        small_stack.client("s3").copy_object(**asked)


def test_a_large_object_is_copied_in_parts(
    importer: Any, bucket: str, foreign: str, small_stack: SmallStack
) -> None:
    small_stack.client("s3").upload_fileobj(io.BytesIO(CONTENT), foreign, "large")
    parts = TransferConfig(multipart_threshold=8 * MEBIBYTE, multipart_chunksize=8 * MEBIBYTE)
    importer.copy({"Bucket": foreign, "Key": "large"}, bucket, "imported/copy", Config=parts)
    assert importer.get_object(Bucket=bucket, Key="imported/copy")["Body"].read() == CONTENT


def test_only_the_allowed_prefix_can_be_listed(importer: Any, bucket: str) -> None:
    importer.put_object(Bucket=bucket, Key="imported/listed/1", Body=b"1")
    pages = importer.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix="imported/listed/"
    )
    found = [each["Key"] for page in pages for each in page.get("Contents", [])]
    assert found == ["imported/listed/1"]
    for asked in ({}, {"Prefix": ""}, {"Prefix": "secret/"}, {"Prefix": "imported"}):
        with pytest.raises(ClientError, match=r"AccessDenied.*s3:ListBucket"):
            importer.list_objects_v2(Bucket=bucket, **asked)
