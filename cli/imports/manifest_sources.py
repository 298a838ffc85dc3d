"""Where manifests come from that are imported: a file, or a dataset or version of Rekognition."""

import contextlib
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from botocore.exceptions import ClientError

from labelloop.aws.failures import code_of
from labelloop.domain import layouts
from labelloop.domain.imported_lines import without_service_fields
from labelloop.domain.imports import MANIFEST_SUFFIXES

from ..datasets.values import TEST
from ..failures import CommandError
from ..parallel import bar
from ..stack import Stack


@dataclass(frozen=True)
class Manifest:
    """A manifest on this machine."""

    name: str
    """Without suffix."""
    suffix: str
    content: BinaryIO
    is_test: bool = False
    """Whether it is a data set's own test split."""

    @property
    def file(self) -> str:
        """What to call it."""
        return self.name + self.suffix


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
        is_test = layouts.split_named(name) == TEST
        yield [Manifest(name, path.suffix.lower(), content, is_test)]


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
                _stored(files, f"version-{parts['version']}-{kind}", lines, kind == TEST)
                for kind, lines in _version_lines(stack, arn, parts)
            ]
        else:
            name = f"dataset-{parts['kind']}-{parts['number']}"
            yield [_stored(files, name, _dataset_lines(stack, arn), parts["kind"] == TEST)]


def _stored(
    files: contextlib.ExitStack, name: str, lines: Iterable[str], is_test: bool
) -> Manifest:
    """The lines, without what the service added, in a file that is gone at the end."""
    content = files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
    for line in lines:
        content.write(without_service_fields(line).encode(errors="replace") + b"\n")
    return Manifest(name, ".jsonl", content, is_test)


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
