"""The images of `labelloop detect` on their way into the bucket."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from labelloop.aws.failures import code_of
from labelloop.domain.detections import detection_id
from labelloop.domain.fitness import refusal_of_limits
from labelloop.domain.images import (
    NO_VERSION,
    ImageObject,
    media_type,
    refusal_of_size,
)
from labelloop.domain.manifests import DETECTION_FOLDER, MAX_KEY_BYTES

from .. import files
from ..parallel import bar, in_parallel
from ..stack import Stack
from .batch import Batch, Image


def upload(stack: Stack, batch: Batch) -> None:
    """Bring the images into the bucket, where they are not there."""
    folder = _BucketFolder(stack, f"{DETECTION_FOLDER}{batch.name}/")
    todo = [image for image in batch.images if not image.failure]
    with bar(len(todo), "Uploading") as move_on, in_parallel(folder.bring, todo) as brought:
        for _ in brought:
            move_on(1)


class _BucketFolder:
    """The batch's folder in the bucket, as it was found."""

    def __init__(self, stack: Stack, prefix: str) -> None:
        self._s3 = stack.client("s3")
        self._bucket = stack.output("BucketName")
        pages = self._s3.get_paginator("list_object_versions").paginate(
            Bucket=self._bucket, Prefix=prefix
        )
        self._latest = {
            version["Key"]: version
            for page in pages
            for version in page.get("Versions", ())
            if version["IsLatest"]
        }

    def bring(self, image: Image) -> None:
        """Bring an image in, and note what its detection is called, or why there is none."""
        try:
            image.refusal = _refusal_of_key(image.key) or refusal_of_size(image.path.stat().st_size)
            content = b"" if image.refusal else image.path.read_bytes()
        except OSError as error:
            image.failure = files.unreadable(error)
            return
        # What else may be wrong with it, the service says itself.
        image.refusal = image.refusal or refusal_of_limits(content)
        if image.refusal:
            return
        etags = {files.digest(content), *files.part_etags(content)}
        latest = self._latest.get(image.key)
        if latest and latest["ETag"].strip('"') in etags:
            image.was_there = True
            self._note(image, content, latest)
        else:
            image.failure = files.failure_of(lambda: self._put(image, content, new=latest is None))

    def _put(self, image: Image, content: bytes, *, new: bool) -> None:
        # On condition where there was no object: an upload whose answer was lost, so that the SDK
        # tried again, would make two versions, and each is detected.
        condition = {"IfNoneMatch": "*"} if new else {}
        try:
            answer = self._s3.put_object(
                Bucket=self._bucket,
                Key=image.key,
                Body=content,
                ContentType=media_type(content),
                **condition,
            )
        except ClientError as error:
            if code_of(error) != "PreconditionFailed":
                raise
            answer = self._s3.head_object(Bucket=self._bucket, Key=image.key)
            if answer["ETag"].strip('"') != files.digest(content):
                self._put(image, content, new=False)
                return
        self._note(image, content, answer)

    def _note(self, image: Image, content: bytes, version: Mapping[str, Any]) -> None:
        version_id = version.get("VersionId")
        image.detection_id = detection_id(
            ImageObject(
                self._bucket,
                image.key,
                None if version_id == NO_VERSION else version_id,
                version["ETag"].strip('"'),
                len(content),
            )
        )


def _refusal_of_key(key: str) -> str | None:
    try:
        too_long = len(key.encode()) > MAX_KEY_BYTES
    except UnicodeEncodeError:
        return "The file's name is not UTF-8."
    return "The file's path is too long for a name in the bucket." if too_long else None
