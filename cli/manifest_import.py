"""Manifests of Ground Truth and Custom Labels, from a file or from a dataset, with their images.

A manifest goes to where trainings look for it. Its images that a training would not find are copied
into the bucket, within S3 and with the operator's own rights: a training may read no other bucket.
"""

import contextlib
import hashlib
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from botocore.exceptions import BotoCoreError, ClientError

from labelloop.aws.failures import code_of
from labelloop.domain.annotations import ModelType
from labelloop.domain.imports import (
    IMPORTED_IMAGES,
    IMPORTED_MANIFESTS,
    MANIFEST_SUFFIXES,
    MOST_BAD_SHARE,
    Collection,
    Noted,
    imported_key,
    without_service_fields,
)
from labelloop.domain.manifests import LABELLED_FOLDER
from labelloop.domain.wording import one_line

from . import costs, terminal
from .failures import CommandError
from .parallel import bar, concerns_all, in_parallel
from .stack import Stack

SHOWN = 20
"""How many files, lines or images of each kind are named to people; programs get all of them."""


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
        }


@dataclass(frozen=True)
class Manifest:
    """A manifest on this machine."""

    name: str
    """Without suffix."""
    suffix: str
    content: BinaryIO

    @property
    def file(self) -> str:
        """What to call it."""
        return self.name + self.suffix


def run(
    stack: Stack, manifests: Iterable[Manifest], model_type: ModelType, *, dry_run: bool
) -> list[ManifestImport]:
    """Take manifests in, all of them or none. Raises CommandError for one that is no good."""
    checked = [(manifest, _checked(manifest, model_type)) for manifest in manifests]
    for sentence in costs.of_import(stack, sum(lines.line_count for _, lines in checked)):
        terminal.say(sentence, err=True)
    return [_take(stack, manifest, lines, dry_run) for manifest, lines in checked]


@contextlib.contextmanager
def from_file(path: Path) -> Iterator[list[Manifest]]:
    """The manifest in a file. Raises CommandError where it cannot be one."""
    if path.suffix.lower() not in MANIFEST_SUFFIXES:
        raise CommandError(
            f"{path} is neither a folder of images nor a manifest, whose name ends in "
            f"{', '.join(MANIFEST_SUFFIXES[:-1])} or {MANIFEST_SUFFIXES[-1]}."
        )
    try:
        content = path.open("rb")
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
    with content:
        name = path.stem.encode(errors="replace").decode()
        yield [Manifest(name, path.suffix.lower(), content)]


# --- One manifest ---------------------------------------------------------------------------------


def _checked(manifest: Manifest, model_type: ModelType) -> Collection:
    """What its lines say. Raises CommandError where too many say nothing."""
    collection = Collection(model_type)
    manifest.content.seek(0)
    collection.add(manifest.file, "", manifest.content)
    if collection.no_manifests:
        raise CommandError(
            f"{manifest.file} is no manifest: no line of it has a source-ref, which names an image."
        )
    if not collection.line_count:
        raise CommandError(f"{manifest.file} has no lines: there is nothing to import.")
    if not collection.too_many_bad:
        if not collection.images:
            first = collection.ignored.first[0]
            raise CommandError(
                f"{manifest.file} has nothing to learn for a {model_type} model, which this stack "
                f"trains. Line {first.line}: {first.reason}"
            )
        return collection
    bad, count = collection.bad.first, collection.line_count
    if any(line.reason != bad[0].reason for line in bad):
        for line in bad[:SHOWN]:
            terminal.say(one_line(f"{line.file}:{line.line}: {line.reason}"), err=True)
    share = f"{collection.bad.count} of the {count} lines"
    if collection.bad.count == count:
        share = f"All {count} lines" if count > 1 else "The only line"
    raise CommandError(
        f"{share} of {manifest.file} cannot be used for a {model_type} model, which this stack "
        f"trains; up to {MOST_BAD_SHARE:.0%} may be bad. Line {bad[0].line}: {bad[0].reason} "
        "Nothing was imported: mend or take out such lines first."
    )


def _take(
    stack: Stack, manifest: Manifest, collection: Collection, dry_run: bool
) -> ManifestImport:
    key = f"{IMPORTED_MANIFESTS}{manifest.name}-{_digest(manifest)[:8]}{manifest.suffix}"
    s3, bucket = stack.client("s3"), stack.output("BucketName")
    outcome = ManifestImport(
        manifest.file,
        key,
        key in _keys(s3, bucket, key),
        collection.line_count,
        collection.bad.count,
        _examples(collection.bad),
        ignored_lines=collection.ignored.count,
        ignored_examples=_examples(collection.ignored),
        lines_in_part=collection.in_part.count,
        in_part_examples=_examples(collection.in_part),
    )
    # The bucket of an output may have been deleted, and be somebody else's by now.
    owner = stack.output("ProjectArn").split(":")[4]
    _bring_images(s3, _Target(bucket, owner), collection, outcome, dry_run)
    # The images first: a training that begins meanwhile finds no lines without them.
    if not outcome.was_there and not dry_run:
        manifest.content.seek(0)
        s3.put_object(
            Bucket=bucket, Key=key, Body=manifest.content, ContentType="application/jsonl"
        )
    return outcome


def _examples(noted: Noted) -> list[dict[str, Any]]:
    return [{"line": line.line, "reason": line.reason} for line in noted.first]


def _digest(manifest: Manifest) -> str:
    manifest.content.seek(0)
    digest = hashlib.sha256()
    while chunk := manifest.content.read(1024 * 1024):
        digest.update(chunk)
    return digest.hexdigest()


# --- Its images -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Target:
    """Where images are copied to: a bucket, and the account that must have it."""

    bucket: str
    owner: str


@dataclass(frozen=True)
class _Copy:
    """An image, and where it is to be."""

    bucket: str
    key: str
    target: str


def _bring_images(
    s3: Any, into: _Target, collection: Collection, outcome: ManifestImport, dry_run: bool
) -> None:
    """Copy the images that a training would not find."""
    bucket = into.bucket
    there = _keys(s3, bucket, IMPORTED_IMAGES)
    if any(
        source == bucket and key.startswith(LABELLED_FOLDER) for source, key in collection.images
    ):
        there |= _keys(s3, bucket, LABELLED_FOLDER)
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


def _keys(s3: Any, bucket: str, prefix: str) -> set[str]:
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


def _copy(s3: Any, into: _Target, image: _Copy) -> str | None:
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


# --- Datasets and versions ------------------------------------------------------------------------

_ARN = re.compile(
    r"arn:[\w-]+:rekognition:(?P<region>[\w-]+):\d{12}:project/(?P<project>[\w.-]+)/"
    r"(?:dataset/(?P<kind>train|test)/(?P<number>\d+)|version/(?P<version>[\w.-]+)/\d+)"
)
_BEING_MADE = {"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"}


@contextlib.contextmanager
def from_dataset(stack: Stack, arn: str) -> Iterator[list[Manifest]]:
    """What a dataset holds, or a version was trained and tested with.

    Raises CommandError where that cannot be had.
    """
    parts = _ARN.fullmatch(arn)
    if parts is None:
        raise CommandError(
            f"{arn} is not the ARN of a dataset (arn:aws:rekognition:REGION:ACCOUNT:project/NAME/"
            "dataset/train/NUMBER) or of a version (…project/NAME/version/VERSION/NUMBER). To see "
            "those of datasets: aws rekognition describe-projects"
        )
    region = stack.client("rekognition").meta.region_name
    if parts["region"] != region:
        raise CommandError(
            f"{arn} is in {parts['region']}, but the stack is in {region}, and Rekognition trains "
            "on images of its own Region. Copy them to a bucket there, and import a manifest that "
            "names the copies."
        )
    with contextlib.ExitStack() as files:
        if parts["version"]:
            yield [
                _stored(files, f"version-{parts['version']}-{kind}", lines)
                for kind, lines in _version_lines(stack, arn, parts)
            ]
        else:
            name = f"dataset-{parts['kind']}-{parts['number']}"
            yield [_stored(files, name, _dataset_lines(stack, arn))]


def _stored(files: contextlib.ExitStack, name: str, lines: Iterable[str]) -> Manifest:
    """The lines, without what the service added, in a file that is gone at the end."""
    content = files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
    for line in lines:
        content.write(without_service_fields(line).encode(errors="replace") + b"\n")
    return Manifest(name, ".jsonl", content)


def _dataset_lines(stack: Stack, arn: str) -> Iterator[str]:
    """The labelled images of a dataset."""
    service = stack.client("rekognition")
    try:
        described = service.describe_dataset(DatasetArn=arn)["DatasetDescription"]
        status = described["Status"]
        if status in _BEING_MADE:
            raise CommandError(f"The dataset {arn} is being changed ({status}): try again later.")
        count = described.get("DatasetStats", {}).get("LabeledEntries", 0)
        pages = service.get_paginator("list_dataset_entries").paginate(DatasetArn=arn, Labeled=True)
        with bar(count, "Listing the dataset") as move_on:
            for page in pages:
                yield from page["DatasetEntries"]
                move_on(len(page["DatasetEntries"]))
    except ClientError as error:
        raise _refused_arn(error, arn) from error


def _version_lines(
    stack: Stack, arn: str, parts: re.Match[str]
) -> Iterator[tuple[str, Iterator[str]]]:
    """The manifests of a version: "train" or "test", and the lines."""
    version = _described_version(stack, arn, parts)
    found = False
    for kind, member in (("train", "TrainingDataResult"), ("test", "TestingDataResult")):
        result = version.get(member, {})
        assets = _assets(result, "Output") or _assets(result, "Input")
        if assets:
            found = True
            yield kind, _object_lines(stack, assets)
    if not found:
        raise CommandError(
            f"Of the version {arn} no manifest is known; its status is {version['Status']}. Import "
            "the datasets of its project: aws rekognition describe-projects"
        )


def _assets(result: Mapping[str, Any], member: str) -> list[Mapping[str, str]]:
    assets = result.get(member, {}).get("Assets", [])
    return [
        asset["GroundTruthManifest"]["S3Object"]
        for asset in assets
        if "S3Object" in asset.get("GroundTruthManifest", {})
    ]


def _described_version(stack: Stack, arn: str, parts: re.Match[str]) -> Mapping[str, Any]:
    service = stack.client("rekognition")
    try:
        projects = service.describe_projects(ProjectNames=[parts["project"]])["ProjectDescriptions"]
        for project in projects:
            described = service.describe_project_versions(
                ProjectArn=project["ProjectArn"], VersionNames=[parts["version"]]
            )
            for version in described["ProjectVersionDescriptions"]:
                if version["ProjectVersionArn"] == arn:
                    found: Mapping[str, Any] = version
                    return found
    except ClientError as error:
        raise _refused_arn(error, arn) from error
    raise _missing(arn)


def _object_lines(stack: Stack, assets: Iterable[Mapping[str, str]]) -> Iterator[str]:
    for asset in assets:
        which = {"Bucket": asset["Bucket"], "Key": asset["Name"]}
        if asset.get("Version"):
            which["VersionId"] = asset["Version"]
        try:
            body = stack.client("s3").get_object(**which)["Body"]
        except ClientError as error:
            raise CommandError(
                f"The version's manifest s3://{which['Bucket']}/{which['Key']} cannot be read "
                f"({code_of(error)}). Where it is gone, import the datasets of its project."
            ) from error
        for line in body.iter_lines(chunk_size=1024 * 1024):
            yield line.decode(errors="replace")


def _refused_arn(error: ClientError, arn: str) -> Exception:
    if code_of(error) == "ResourceNotFoundException":
        return _missing(arn)
    if code_of(error) in {"ResourceNotReadyException", "ResourceInUseException"}:
        return CommandError(
            f"The dataset {arn} is not ready, as while it is created or changed: try again later. "
            f"The service says: {error.response['Error'].get('Message', '')}"
        )
    return error


def _missing(arn: str) -> CommandError:
    return CommandError(
        f"{arn} does not exist, or not any more, in this account. To see what there is: aws "
        "rekognition describe-projects"
    )
