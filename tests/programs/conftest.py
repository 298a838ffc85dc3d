"""One running application for all the programs, and pictures in its S3 for them to train on."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import boto3
import pytest
from botocore.config import Config

from labelloop_pages import machine_parts
from tests.unit.local.small_stack import SmallStack, launch_small

LABELS = ("bolt", "gear")
REGION = "us-east-1"


@pytest.fixture(scope="session")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallStack]:
    """A small stack whose trainings and starts take half a second or so."""
    data_dir = tmp_path_factory.mktemp("programs")
    stack = launch_small(data_dir, LABELLOOP_REKOGNITION_SPEED="30")
    yield stack
    assert stack.stop() == 0
    for stream in (stack.process.stdout, stack.process.stderr):
        if stream is not None:
            stream.close()


def client_of(application: SmallStack, service: str, **settings: Any) -> Any:
    """A client as a program makes it: with any keys, the SDK's own settings, and its Region."""
    chosen = {
        "region_name": REGION,
        "aws_access_key_id": "somebody",
        "aws_secret_access_key": "anything",
        **settings,
    }
    session: Any = boto3.session.Session()  # its type knows services by literal only
    config = Config(inject_host_prefix=False)
    return session.client(service, endpoint_url=application.endpoint, config=config, **chosen)


@dataclass(frozen=True)
class Pictures:
    """A bucket with pictures, and the lines of manifests that label them."""

    bucket: str
    s3: Any

    def lines(self, folder: str, count: int) -> list[str]:
        """A line for each of so many new pictures of each label."""
        return [
            _line(self.bucket, self.put(f"{folder}/{label}/{number}.jpg", label), label)
            for label in LABELS
            for number in range(count)
        ]

    def put(self, key: str, label: str) -> str:
        """The key of a new picture."""
        content = BytesIO()
        machine_parts.draw(label, random.Random(key)).save(content, "JPEG")
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=content.getvalue())
        return key

    def read(self, key: str) -> bytes:
        """An object's content."""
        content: bytes = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return content

    def manifest(self, lines: Iterable[str]) -> dict[str, Any]:
        """A new manifest, as requests name it."""
        name = f"manifests/{uuid.uuid4()}.manifest"
        self.s3.put_object(Bucket=self.bucket, Key=name, Body="\n".join(lines).encode())
        return {"GroundTruthManifest": {"S3Object": {"Bucket": self.bucket, "Name": name}}}


def _line(bucket: str, key: str, label: str) -> str:
    metadata = {
        "confidence": 1,
        "job-name": "labels",
        "class-name": label,
        "human-annotated": "yes",
        "creation-date": "2026-11-21T08:00:00.000000",
        "type": "groundtruth/image-classification",
    }
    return json.dumps(
        {"source-ref": f"s3://{bucket}/{key}", "label": 1, "label-metadata": metadata}
    )


@pytest.fixture(scope="session")
def pictures(application: SmallStack) -> Pictures:
    s3 = client_of(application, "s3")
    bucket = f"pictures-{uuid.uuid4()}"
    s3.create_bucket(Bucket=bucket)
    return Pictures(bucket, s3)
