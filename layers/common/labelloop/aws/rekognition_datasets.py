"""The two datasets of the Rekognition project, and what became of their manifests' lines."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from labelloop.aws.clients import client
from labelloop.aws.failures import translated
from labelloop.aws.rekognition import project_arn, tags_in
from labelloop.errors import NotFoundError

DatasetType = Literal["TRAIN", "TEST"]


@dataclass(frozen=True)
class Dataset:
    """One of the project's two datasets."""

    arn: str
    dataset_type: DatasetType
    status: str
    status_message: str


def datasets() -> dict[DatasetType, Dataset]:
    """The project's datasets by type."""
    arn = project_arn()
    with translated():
        answer = client("rekognition").describe_projects(ProjectNames=[arn.split("/")[1]])
    for project in answer["ProjectDescriptions"]:
        if project["ProjectArn"] == arn:
            return {
                entry["DatasetType"]: Dataset(
                    entry["DatasetArn"],
                    entry["DatasetType"],
                    entry["Status"],
                    entry.get("StatusMessage", ""),
                )
                for entry in project.get("Datasets", [])
            }
    raise NotFoundError(f"The project {arn} does not exist.")


def create_dataset(dataset_type: DatasetType, bucket: str, manifest_key: str) -> str:
    """Begin to make a dataset from a manifest; its ARN. Raises BusyError where one exists."""
    with translated():
        arn: str = client("rekognition").create_dataset(
            ProjectArn=project_arn(),
            DatasetType=dataset_type,
            DatasetSource={
                "GroundTruthManifest": {"S3Object": {"Bucket": bucket, "Name": manifest_key}}
            },
            Tags=tags_in(project_arn()),
        )["DatasetArn"]
    return arn


def delete_dataset(arn: str) -> None:
    """Begin to delete a dataset, if there is one. Raises BusyError while it is changing."""
    try:
        with translated():
            client("rekognition").delete_dataset(DatasetArn=arn)
    except NotFoundError:
        return


@dataclass(frozen=True)
class EntryCounts:
    """How many lines of a manifest have become entries of a dataset."""

    total: int
    with_errors: int


def entry_counts(arn: str) -> EntryCounts:
    """How many entries a dataset has. Raises NotFoundError."""
    with translated():
        answer = client("rekognition").describe_dataset(DatasetArn=arn)
    stats = answer["DatasetDescription"].get("DatasetStats", {})
    return EntryCounts(stats.get("TotalEntries", 0), stats.get("ErrorEntries", 0))


def entries_with_errors(arn: str, most: int) -> list[str]:
    """Entries that the service found fault with, as JSON lines: at most so many."""
    with translated():
        answer = client("rekognition").list_dataset_entries(
            DatasetArn=arn, HasErrors=True, MaxResults=most
        )
    entries: list[str] = answer["DatasetEntries"]
    return entries


def has_entry(arn: str, sources: Iterable[str]) -> bool:
    """Whether a dataset has an entry of one of these sources, ``s3://…``."""
    for source in sources:
        pages = (
            client("rekognition")
            .get_paginator("list_dataset_entries")
            .paginate(DatasetArn=arn, SourceRefContains=source)
        )
        with translated():
            entries = (json.loads(entry) for page in pages for entry in page["DatasetEntries"])
            if any(entry.get("source-ref") == source for entry in entries):
                return True
    return False
