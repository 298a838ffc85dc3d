"""`labelloop missed` against moto: the bucket is compared with the log."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest

from labelloop import clock
from labelloop.domain.detections import detection_id
from labelloop.domain.images import ImageObject
from tests.unit.cli.world import BUCKET, World, aws_in_memory

FOLDER = "images_for_detection/"


class Bucket(World):
    """A stack with images, of which the log knows some."""

    def __init__(self) -> None:
        queue = boto3.client("sqs").create_queue(QueueName="images")["QueueUrl"]
        super().__init__({"BucketName": BUCKET, "DetectionQueueUrl": queue})
        self.s3 = boto3.client("s3")
        self.s3.create_bucket(Bucket=BUCKET)

    def keep_versions(self) -> None:
        status: Any = {"Status": "Enabled"}
        self.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration=status)

    def upload(self, name: str, body: bytes = b"x", *, seen: bool) -> None:
        answer = self.s3.put_object(Bucket=BUCKET, Key=FOLDER + name, Body=body)
        etag, version = answer["ETag"].strip('"'), answer.get("VersionId")
        if seen:
            name = detection_id(ImageObject(BUCKET, FOLDER + name, version, etag, len(body)))
            self.put("detections", detection_id=name)

    def missed(self, *words: str) -> Any:
        return json.loads(self.run("missed", "--json", *words).stdout)

    def queued(self) -> list[str]:
        return sorted(key for key, _ in self.queued_versions())

    def queued_versions(self) -> list[tuple[str, str | None]]:
        url = self.stack.output("DetectionQueueUrl")
        found = self.queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        events = [json.loads(message["Body"])["detail"] for message in found.get("Messages", [])]
        assert all(event["again"] for event in events)
        return [(event["object"]["key"], event["object"]["version-id"]) for event in events]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    with aws_in_memory(monkeypatch):
        yield Bucket()


@pytest.mark.parametrize("versioned", [True, False])
def test_what_was_never_seen_is_sent_and_what_was_seen_is_not(
    bucket: Bucket, versioned: bool
) -> None:
    if versioned:
        bucket.keep_versions()
    bucket.upload("", b"", seen=False)
    bucket.upload("seen.jpg", seen=True)
    bucket.upload("lost.jpg", seen=False)
    bucket.upload("replaced.jpg", b"before", seen=True)
    bucket.upload("replaced.jpg", b"after", seen=False)
    dry = bucket.missed("--dry-run")
    assert dry["images"] == [f"{FOLDER}lost.jpg", f"{FOLDER}replaced.jpg"]
    assert not bucket.queued()
    assert bucket.missed()["sent"] == 2
    assert bucket.queued() == dry["images"]


def test_what_lies_there_for_longer_is_left_alone(bucket: Bucket) -> None:
    bucket.upload("lost.jpg", seen=False)
    later = clock.now() + timedelta(days=31)
    bucket.stack = replace(bucket.stack, time_now=later.timestamp)
    assert bucket.missed()["images"] == []
    assert bucket.missed("--days", "60")["images"] == [f"{FOLDER}lost.jpg"]


def test_what_came_before_versions_were_kept_is_sent_as_its_own_event_tells_of_it(
    bucket: Bucket,
) -> None:
    """Else it would be recorded twice, under two names, where that event comes after all."""
    bucket.upload("old.jpg", seen=False)
    bucket.keep_versions()
    assert bucket.missed()["images"] == [f"{FOLDER}old.jpg"]
    assert bucket.queued_versions() == [(f"{FOLDER}old.jpg", None)]
