"""The images of a manifest that is imported, brought to where a training finds them."""

from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from labelloop.aws.failures import code_of
from labelloop.domain.imports import IMPORTED_IMAGES, Collection, imported_key
from labelloop.domain.manifests import LABELLED_FOLDER

from ..parallel import bar, concerns_all, in_parallel
from .given_tests import GivenTests


@dataclass
class ManifestImport:
    """What became of a manifest and its images."""

    file: str
    key: str
    """Where in the bucket it is, or would be."""
    was_there: bool
    lines: int
    bad_lines: int
    bad_examples: list[dict[str, Any]]
    ignored_lines: int = 0
    """Those without anything to learn."""
    ignored_examples: list[dict[str, Any]] = field(default_factory=list)
    lines_in_part: int = 0
    """What is left out of lines that are used."""
    in_part_examples: list[dict[str, Any]] = field(default_factory=list)
    copied: int = 0
    already_there: int = 0
    """Images that a training finds without a copy."""
    missing: list[dict[str, str]] = field(default_factory=list)
    """Images that could not be copied, or are not where the manifest says."""
    tests: GivenTests | None = None
    """Where it is said to be of test images."""

    @property
    def images(self) -> int:
        """How many there are."""
        return self.copied + self.already_there + len(self.missing)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "file": self.file,
            "key": self.key,
            "was_there": self.was_there,
            "lines": self.lines,
            "bad_lines": {"count": self.bad_lines, "examples": self.bad_examples},
            "ignored_lines": {"count": self.ignored_lines, "examples": self.ignored_examples},
            "lines_in_part": {"count": self.lines_in_part, "examples": self.in_part_examples},
            "images": {
                "copied": self.copied,
                "already_there": self.already_there,
                "missing": self.missing,
            },
            **({"tests": self.tests.as_json()} if self.tests else {}),
        }


@dataclass(frozen=True)
class Target:
    """Where images are copied to: a bucket, and the account that must have it."""

    bucket: str
    owner: str


@dataclass(frozen=True)
class _Copy:
    """An image, and where it is to be."""

    bucket: str
    key: str
    target: str


def bring_images(
    s3: Any, into: Target, collection: Collection, outcome: ManifestImport, dry_run: bool
) -> None:
    """Copy the images that a training would not find."""
    bucket = into.bucket
    there = keys_under(s3, bucket, IMPORTED_IMAGES)
    if any(
        source == bucket and key.startswith(LABELLED_FOLDER) for source, key in collection.images
    ):
        there |= keys_under(s3, bucket, LABELLED_FOLDER)
    copies: dict[str, _Copy] = {}
    for source, key in collection.images:
        target = imported_key(bucket, source, key)
        if target in there:
            outcome.already_there += 1
        elif source == bucket and key == target:
            outcome.missing.append(_named(source, key, _REASONS["NoSuchKey"]))
        else:
            copies[target] = _Copy(source, key, target)
    if dry_run:
        outcome.copied = len(copies)
        return

    def copy(image: _Copy) -> str | None:
        return _copy(s3, into, image)

    with (
        bar(len(copies), "Copying images") as move_on,
        in_parallel(copy, copies.values()) as done,
    ):
        for image, reason in done:
            if reason:
                outcome.missing.append(_named(image.bucket, image.key, reason))
            else:
                outcome.copied += 1
            move_on(1)


def keys_under(s3: Any, bucket: str, prefix: str) -> set[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {entry["Key"] for page in pages for entry in page.get("Contents", [])}


def _named(bucket: str, key: str, reason: str) -> dict[str, str]:
    return {"image": f"s3://{bucket}/{key}", "reason": reason}


_REASONS = {
    "NoSuchKey": "The object does not exist. Upload it again, or take its line out.",
    "NoSuchBucket": "The bucket does not exist.",
    "AccessDenied": (
        "You may not copy it: s3:GetObject on it, s3:PutObject on the stack's bucket, and "
        "kms:Decrypt where it is encrypted with a key of KMS are needed."
    ),
    "InvalidObjectState": "It is archived. Restore it first.",
}


def _copy(s3: Any, into: Target, image: _Copy) -> str | None:
    """Copy an image; why it could not be, in a sentence."""
    try:
        s3.copy_object(
            Bucket=into.bucket,
            Key=image.target,
            ExpectedBucketOwner=into.owner,
            CopySource={"Bucket": image.bucket, "Key": image.key},
            # Who copies the tags too needs permissions for them.
            TaggingDirective="REPLACE",
        )
    except ClientError as error:
        if concerns_all(error):
            raise
        return _REASONS.get(code_of(error), f"S3 refused to copy it: {error}")
    except BotoCoreError as error:
        if concerns_all(error):
            raise
        return f"It was not copied: {error}"
    return None
