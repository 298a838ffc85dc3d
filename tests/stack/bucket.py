"""The stack's bucket: images that a test draws and uploads, and objects that are read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from labelloop.domain.detections import detection_id, human_loop_name
from labelloop.domain.images import ImageObject
from tests import images
from tests.stack.deployed import Deployed


@dataclass(frozen=True)
class Uploaded:
    """One version of one object in the bucket."""

    key: str
    version_id: str
    detection_id: str
    """The name that its detection has in the log."""

    @property
    def task_id(self) -> str:
        """The name that its review task has, if there is one."""
        return human_loop_name(self.detection_id)


class Bucket(Deployed):
    """What is put into the bucket, and found in it."""

    _drawn = 0

    def upload(self, key: str, content: bytes) -> Uploaded:
        """Put an object into the bucket."""
        answer = self.client("s3").put_object(Bucket=self.bucket, Key=key, Body=content)
        version, etag = answer["VersionId"], answer["ETag"].strip('"')
        image = ImageObject(self.bucket, key, version, etag, len(content))
        return Uploaded(key, version, detection_id(image))

    def label(self, counts: Mapping[str, int], folder: str = "") -> list[Uploaded]:
        """Put that many new images under each label; the labels are those of ``tests.images``."""
        drawn = [
            (f"images_labeled_by_folder/{label}/{folder}{number}.jpg", images.draw(label, number))
            for label, count in counts.items()
            for number in self.numbers(count)
        ]
        with ThreadPoolExecutor(4) as threads:
            return list(threads.map(lambda file: self.upload(*file), drawn))

    def numbers(self, count: int) -> range:
        """Numbers that no image of this stack has had yet."""
        self._drawn += count
        return range(self._drawn - count, self._drawn)

    def new_image(self, label: str | None = None) -> bytes:
        """An image that the stack has not seen: of a label, or one that no model is sure of."""
        (number,) = self.numbers(1)
        return images.draw(label, number) if label else images.draw_doubtful(number)

    def detect(self, label: str | None = None, key: str | None = None) -> Uploaded:
        """Upload a new image for detection: of a label, or a doubtful one."""
        content = self.new_image(label)
        return self.upload(key or f"images_for_detection/{self._drawn - 1}.jpg", content)

    def keys(self, prefix: str) -> list[str]:
        """The keys in the bucket that begin so."""
        pages = (
            self.client("s3")
            .get_paginator("list_objects_v2")
            .paginate(Bucket=self.bucket, Prefix=prefix)
        )
        return [entry["Key"] for page in pages for entry in page.get("Contents", ())]

    def read(self, key: str) -> bytes:
        """The content of an object in the bucket."""
        content: bytes = self.client("s3").get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return content

    def read_json(self, key: str) -> Any:
        """The content of a JSON object in the bucket."""
        return json.loads(self.read(key))
