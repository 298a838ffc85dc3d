"""The benchmarks' S3 answers boto3 as S3 does, as far as trainings use it."""

import hashlib
import io
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

from benchmarks.s3_stub import S3Stub, launched
from labelloop.domain import fitness

MEBIBYTE = 1024**2
BUCKET = "images"


@pytest.fixture(scope="module")
def stub() -> Iterator[S3Stub]:
    with launched() as stub:
        yield stub


@pytest.fixture(scope="module")
def s3(stub: S3Stub) -> Any:
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=stub.endpoint,
        region_name="us-east-1",
        aws_access_key_id="anybody",
        aws_secret_access_key="anything",
        config=Config(retries={"total_max_attempts": 1}),
    )
    client.create_bucket(Bucket=BUCKET)
    return client


@pytest.fixture(autouse=True)
def _counted_from_zero(s3: Any, stub: S3Stub) -> None:
    stub.forget_calls()


def keys_of(s3: Any, **asked: Any) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, **asked)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def prefixes_of(s3: Any, **asked: Any) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, **asked)
    return [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", [])]


def code(refused: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    answer: Any = refused.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_a_listing_comes_in_pages_of_a_thousand_keys(s3: Any, stub: S3Stub) -> None:
    keys = [f"paged/{number:04}.png" for number in range(2500)]
    stub.put_images(BUCKET, keys)
    assert keys_of(s3, Prefix="paged/") == keys
    assert stub.calls() == {"ListObjectsV2": 3}
    first = s3.list_objects_v2(Bucket=BUCKET, Prefix="paged/")
    assert (first["KeyCount"], first["IsTruncated"]) == (1000, True)
    assert keys_of(s3, Prefix="paged/", StartAfter="paged/2497.png") == keys[2498:]
    assert keys_of(s3, Prefix="paged/", MaxKeys=700) == keys
    with pytest.raises(ClientError) as refused:
        s3.list_objects_v2(Bucket=BUCKET, ContinuationToken="nonsense!")
    assert code(refused) == ("InvalidArgument", 400)


def test_keys_come_in_the_order_of_their_bytes_whatever_is_in_them(s3: Any, stub: S3Stub) -> None:
    keys = ["odd/A", "odd/a b+c&d<e>.png", "odd/a%2Fb", "odd/ä", "odd/\u20ac", "odd/\U0001f600"]
    stub.put_images(BUCKET, list(reversed(keys)))
    assert keys_of(s3, Prefix="odd/") == sorted(keys, key=str.encode)
    for key in keys:
        assert s3.head_object(Bucket=BUCKET, Key=key)["ContentLength"] > 0


def test_folders_are_common_prefixes(s3: Any, stub: S3Stub) -> None:
    folders = [f"folders/label {number:04}/" for number in range(1500)]
    images = [f"{folder}{number}.png" for folder in folders for number in range(3)]
    stub.put_images(BUCKET, [*images, "folders/beside.png"])
    stub.forget_calls()
    assert prefixes_of(s3, Prefix="folders/", Delimiter="/") == folders
    assert stub.calls() == {"ListObjectsV2": 2}
    assert keys_of(s3, Prefix="folders/", Delimiter="/") == ["folders/beside.png"]
    assert keys_of(s3, Prefix=folders[7]) == images[21:24]


def test_an_image_is_the_same_whenever_and_however_it_is_read(s3: Any, stub: S3Stub) -> None:
    keys = ["made/1.png", "made/2.png"]
    stub.put_images(BUCKET, keys)
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix="made/")["Contents"]
    for entry in listed:
        asked = {"Bucket": BUCKET, "Key": entry["Key"]}
        head, answer = s3.head_object(**asked), s3.get_object(**asked)
        body = answer["Body"].read()
        assert entry["Size"] == head["ContentLength"] == len(body) > 64 * 1024 / 2
        assert entry["ETag"] == head["ETag"] == answer["ETag"]
        beginning = s3.get_object(**asked, Range="bytes=0-65535")
        assert beginning["Body"].read() == body[:65536]
        assert beginning["ContentRange"] == f"bytes 0-{min(65536, len(body)) - 1}/{len(body)}"
        assert s3.get_object(**asked, Range="bytes=100-199")["Body"].read() == body[100:200]
        assert s3.get_object(**asked, Range="bytes=-50")["Body"].read() == body[-50:]
        assert fitness.look_at(body).refusal == ""
    first, second = (s3.get_object(Bucket=BUCKET, Key=key)["Body"].read(65536) for key in keys)
    assert first != second
    assert listed[0]["ETag"] != listed[1]["ETag"]


def test_what_is_put_is_there_until_it_is_deleted(s3: Any) -> None:
    asked = {"Bucket": BUCKET, "Key": "put/ä b.json"}
    etag = s3.put_object(**asked, Body=b"{}")["ETag"]
    assert etag == f'"{hashlib.md5(b"{}", usedforsecurity=False).hexdigest()}"'
    assert s3.get_object(**asked, IfMatch=etag)["Body"].read() == b"{}"
    with pytest.raises(ClientError) as refused:
        s3.get_object(**asked, IfMatch='"another"')
    assert code(refused) == ("PreconditionFailed", 412)
    s3.put_object(Bucket=BUCKET, Key="put/empty", Body=b"")
    with pytest.raises(ClientError) as refused:
        s3.get_object(Bucket=BUCKET, Key="put/empty", Range="bytes=0-65535")
    assert code(refused) == ("InvalidRange", 416)
    s3.delete_object(**asked)
    with pytest.raises(ClientError) as refused:
        s3.get_object(**asked)
    assert code(refused) == ("NoSuchKey", 404)
    s3.put_object(**asked, Body=b"[]")
    s3.delete_objects(
        Bucket=BUCKET, Delete={"Objects": [{"Key": "put/ä b.json"}, {"Key": "put/empty"}]}
    )
    assert keys_of(s3, Prefix="put/") == []


def test_a_copy_has_the_content_of_its_source(s3: Any, stub: S3Stub) -> None:
    stub.put_images("elsewhere", ["a b/ü.png"])
    source = {"Bucket": "elsewhere", "Key": "a b/ü.png"}
    s3.copy_object(Bucket=BUCKET, Key="copied/1.png", CopySource=source)
    original = s3.get_object(**source)["Body"].read()
    assert s3.get_object(Bucket=BUCKET, Key="copied/1.png")["Body"].read() == original
    with pytest.raises(ClientError) as refused:
        s3.copy_object(Bucket=BUCKET, Key="copied/2", CopySource="elsewhere/none")
    assert code(refused) == ("NoSuchKey", 404)


def test_large_uploads_and_copies_go_in_parts(s3: Any, stub: S3Stub) -> None:
    content = bytes(range(256)) * (17 * MEBIBYTE // 256)
    s3.upload_fileobj(io.BytesIO(content), BUCKET, "large/1")
    assert stub.calls() == {
        "CreateMultipartUpload": 1,
        "UploadPart": 3,
        "CompleteMultipartUpload": 1,
    }
    assert s3.head_object(Bucket=BUCKET, Key="large/1")["ETag"].endswith('-3"')
    parts = TransferConfig(multipart_threshold=8 * MEBIBYTE)
    s3.copy({"Bucket": BUCKET, "Key": "large/1"}, BUCKET, "large/2", Config=parts)
    assert stub.calls()["UploadPartCopy"] == 3
    back = io.BytesIO()
    s3.download_fileobj(BUCKET, "large/2", back)
    assert back.getvalue() == content
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="large/3")["UploadId"]
    s3.abort_multipart_upload(Bucket=BUCKET, Key="large/3", UploadId=upload)
    assert "large/3" not in keys_of(s3, Prefix="large/")
    with pytest.raises(ClientError) as refused:
        s3.upload_part(Bucket=BUCKET, Key="large/3", UploadId=upload, PartNumber=1, Body=b"x")
    assert code(refused) == ("NoSuchUpload", 404)


def test_what_is_not_there_is_refused_as_s3_does(s3: Any) -> None:
    with pytest.raises(ClientError) as refused:
        s3.list_objects_v2(Bucket="nowhere")
    assert code(refused) == ("NoSuchBucket", 404)
    with pytest.raises(ClientError) as refused:
        s3.get_bucket_acl(Bucket=BUCKET)
    assert code(refused) == ("NotImplemented", 501)


def test_calls_are_counted_by_operation(s3: Any, stub: S3Stub) -> None:
    s3.put_object(Bucket=BUCKET, Key="counted", Body=b"1")
    for _ in range(3):
        s3.get_object(Bucket=BUCKET, Key="counted")
    assert stub.calls() == {"PutObject": 1, "GetObject": 3}
    stub.forget_calls()
    assert stub.calls() == {}
