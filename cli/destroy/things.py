"""What there is, for people: each thing, and what it costs a month as long as it stays."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from labelloop import clock
from labelloop.aws import rekognition
from labelloop.aws.failures import code_of
from labelloop.aws.rekognition import VersionStatus

from .. import costs, models
from ..stack import Stack
from .traces import BUCKET, TABLE, USER_POOL, Traces

GIB = 1024**3
MOST_PAGES = 10
"""So many thousand versions of objects are looked at; of more, CloudWatch knows the size."""
_ALARM, _DASHBOARD = "AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard"


@dataclass(frozen=True)
class Thing:
    """One thing that there is."""

    kind: str
    name: str
    usd_a_month: float = 0.0
    about: str = ""

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def everything(stack: Stack, traces: Traces) -> list[Thing]:
    """All that there is of the stack, in the order in which it is deleted."""
    return [
        *_stack(stack, traces),
        *_models(stack, traces),
        *(_bucket(stack, one.physical_id) for one in traces.of_type(BUCKET)),
        *_tables(stack, traces),
        *(
            Thing("user pool", one.physical_id)
            for one in traces.of_type(USER_POOL)
            if one.physical_id not in traces.shared_pools
        ),
        *(
            Thing("client", client.name, costs.CLIENT_MONTH_USD, f"in the user pool {pool}")
            for pool, client in traces.clients
        ),
        *(Thing("parameter", name) for name in traces.parameters),
        *(
            Thing("log group", name, size / GIB * costs.LOG_GB_MONTH_USD, _bytes(size))
            for name, size in traces.log_groups.items()
        ),
    ]


def _stack(stack: Stack, traces: Traces) -> Iterator[Thing]:
    if traces.stack_id is None:
        return
    alarms = sum(one.type_name == _ALARM for one in traces.in_stack)
    logs = traces.log_bytes_in_stack
    yield Thing(
        "stack",
        stack.name,
        alarms * costs.ALARM_MONTH_USD + logs / GIB * costs.LOG_GB_MONTH_USD,
        f"{len(traces.in_stack)} resources, of which {alarms} alarms cost, and logs of "
        f"{_bytes(logs)}; the others do by use",
    )


def _models(stack: Stack, traces: Traces) -> Iterator[Thing]:
    if traces.project_arn is None:
        return
    for version in rekognition.listed(traces.project_arn):
        hour = version.inference_units * models.unit_hour_usd(stack)
        runs = rekognition.is_active(version.status)
        about = str(version.status)
        if version.status == VersionStatus.TRAINING_IN_PROGRESS:
            about = f"{about}: {costs.of_training()}"
        yield Thing("version", version.name, hour * costs.HOURS_A_MONTH if runs else 0.0, about)
    for arn in datasets(stack, traces.project_arn):
        yield Thing("dataset", arn.split(":project/")[1])
    yield Thing("project", stack.name)


def datasets(stack: Stack, project_arn: str) -> list[str]:
    """The ARNs of the project's datasets."""
    name = project_arn.split("/")[1]
    answer = stack.client("rekognition").describe_projects(ProjectNames=[name])
    return [
        str(entry["DatasetArn"])
        for project in answer["ProjectDescriptions"]
        if project["ProjectArn"] == project_arn
        for entry in project.get("Datasets", [])
    ]


def _tables(stack: Stack, traces: Traces) -> Iterator[Thing]:
    for one in traces.of_type(TABLE):
        try:
            table = stack.client("dynamodb").describe_table(TableName=one.physical_id)["Table"]
        except ClientError as error:
            if code_of(error) != "ResourceNotFoundException":
                raise
            continue
        size = int(table.get("TableSizeBytes", 0))
        usd = size / GIB * (costs.TABLE_GB_MONTH_USD + costs.TABLE_BACKUP_GB_MONTH_USD)
        about = f"about {table.get('ItemCount', 0):,} records, {_bytes(size)}"
        yield Thing("table", one.physical_id, usd, about)


def _bucket(stack: Stack, name: str) -> Thing:
    """By listing where that takes few calls; else as CloudWatch measured it within two days."""
    pages = stack.client("s3").get_paginator("list_object_versions").paginate(Bucket=name)
    count = size = 0
    for number, page in enumerate(pages, start=1):
        versions = page.get("Versions", [])
        count += len(versions)
        size += sum(version["Size"] for version in versions)
        if number == MOST_PAGES and page["IsTruncated"]:
            measured = _measured_bytes(stack, name)
            counted = f"more than {count:,} versions of objects"
            if measured is None:
                about = f"{counted}, which are more than {_bytes(size)}"
                return Thing("bucket", name, size / GIB * costs.STORED_GB_MONTH_USD, about)
            size = measured
            break
    else:
        counted = f"{count:,} versions of objects"
    return Thing(
        "bucket", name, size / GIB * costs.STORED_GB_MONTH_USD, f"{counted}, {_bytes(size)}"
    )


def _measured_bytes(stack: Stack, bucket: str) -> int | None:
    """As S3 tells CloudWatch once a day; None where it has not yet."""
    now = clock.now()
    points = stack.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/S3",
        MetricName="BucketSizeBytes",
        Dimensions=[
            {"Name": "BucketName", "Value": bucket},
            {"Name": "StorageType", "Value": "StandardStorage"},
        ],
        StartTime=now - timedelta(days=3),
        EndTime=now,
        Period=86400,
        Statistics=["Average"],
    )["Datapoints"]
    latest = max(points, key=lambda point: point["Timestamp"], default=None)
    return None if latest is None else int(latest["Average"])


def _bytes(size: int) -> str:
    return f"{size / GIB:.1f} GB" if size >= GIB / 10 else f"{size / 1024**2:.1f} MB"
