"""ArchiveLog: write what changed in the inference log into its archive, and count it by day.

Invoked by  the stream of DetectionsTable, with a batch of some minutes; `labelloop archive
            --replay`, with a batch that failed
Raises      any error fails the batch: Lambda halves it and tries again, and keeps what goes on
            failing, with its records
Idempotent  yes; a batch that comes again writes the same objects, and what was counted stays so
"""

from typing import Any

from pydantic import Field

from labelloop.aws.items import from_item
from labelloop.domain.archive import revision
from labelloop.domain.detection_records import DetectionRecord
from labelloop.entrypoint import Strict, Tolerant, logger, task
from labelloop.services import log_archive
from labelloop.services.log_archive import Told

Image = dict[str, dict[str, Any]]
"""A record in DynamoDB's form."""


class Changed(Tolerant):
    """What became of an item; one that is new has no old image, one that is deleted no new one."""

    sequence_number: str = Field(alias="SequenceNumber")
    moment_s: float = Field(alias="ApproximateCreationDateTime")
    old: Image | None = Field(None, alias="OldImage")
    new: Image | None = Field(None, alias="NewImage")


class Identity(Tolerant):
    """Who deleted an item, where that was DynamoDB itself."""

    principal: str = Field("", alias="principalId")


class StreamRecord(Tolerant):
    """One change of an item."""

    event_id: str = Field(alias="eventID")
    stream_arn: str = Field(alias="eventSourceARN")
    dynamodb: Changed
    by: Identity | None = Field(None, alias="userIdentity")


class Input(Tolerant):
    """What Lambda takes from a shard of the stream."""

    records: list[StreamRecord] = Field(alias="Records")


class Output(Strict):
    """What became of a batch."""

    changes: int
    lines: int
    """How many of them the archive got a line of."""


@task
def lambda_handler(batch: Input) -> Output:
    """Archive a batch; what expires in the table stays in the archive."""
    told = [_told(record) for record in batch.records if not _has_expired(record)]
    output = Output(changes=len(batch.records), lines=log_archive.write(told))
    logger.info("archived", extra=output.as_json())
    return output


def _has_expired(record: StreamRecord) -> bool:
    return record.by is not None and record.by.principal == "dynamodb.amazonaws.com"


def _told(record: StreamRecord) -> Told:
    changed = record.dynamodb
    return Told(
        name=record.event_id,
        moment_s=changed.moment_s,
        revision=revision(record.stream_arn, changed.sequence_number),
        before=_read(changed.old),
        after=_read(changed.new),
    )


def _read(image: Image | None) -> DetectionRecord | None:
    return DetectionRecord.from_json(from_item(image)) if image else None
