"""What the inference log has of many detections that are known by their names."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from labelloop.aws.detections import read_item
from labelloop.aws.items import looked_up
from labelloop.aws.wiring import wiring
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.image_labels import Label
from labelloop.domain.origins import TOLD_BY
from labelloop.settings import Variable

LOOKED_UP_AT_ONCE = 100


def asked_about(detection_ids: Sequence[str]) -> set[str]:
    """Those of which people have been asked, of ``LOOKED_UP_AT_ONCE`` at most."""
    found = labelling(detection_ids)
    return {detection for detection, record in found.items() if record.human_loop}


def labelling(detection_ids: Sequence[str]) -> dict[str, DetectionRecord]:
    """What became of images to be labelled that have a record, of ``LOOKED_UP_AT_ONCE`` at most:
    whether people are asked, or why not.
    """
    fields = ("detection_id", "human_loop", "left_out", "left_out_by")
    return {record.detection_id: record for record in _looked_up(detection_ids, fields)}


def answers(detection_ids: Iterable[str]) -> Iterator[DetectionRecord]:
    """What models said of those that they have looked at, as far as the log still has them."""
    fields = (
        *("detection_id", "etag", "version", "labels", "labels_left_out"),
        *("unsure", "complete"),
    )
    yield from (record for record in _looked_up(detection_ids, fields) if record.labels is not None)


def unsure(detection_ids: Iterable[str]) -> dict[str, tuple[Label, ...]]:
    """What models did not find, and may be there, by detection, where that is known."""
    found = _looked_up(detection_ids, ("detection_id", "unsure"))
    return {record.detection_id: record.unsure for record in found if record.unsure is not None}


def how_they_came(detection_ids: Iterable[str]) -> Iterator[DetectionRecord]:
    """What ``senders.provenance`` reads of those that the log still has, and the images' ETags."""
    yield from _looked_up(detection_ids, (*TOLD_BY, "answered_by_sender", "etag"))


def what_people_said(detection_ids: Iterable[str]) -> Iterator[DetectionRecord]:
    """What people's answers about those have come to, and when, as far as the log has them."""
    fields = ("detection_id", "agreement", "human_label", "human_labels", "completed")
    yield from _looked_up(detection_ids, fields)


def known(detection_ids: Iterable[str]) -> set[str]:
    """Those that the log has."""
    return {record.detection_id for record in _looked_up(detection_ids, ("detection_id",))}


def those(detection_ids: Iterable[str]) -> Iterator[DetectionRecord]:
    """The records of those that the log has, in any order."""
    yield from _looked_up(detection_ids, ())


def _looked_up(detection_ids: Iterable[str], fields: Sequence[str]) -> Iterator[DetectionRecord]:
    """These fields of the records, those that they have; all of them where none is named."""
    rest = iter(detection_ids)
    while names := list(islice(rest, LOOKED_UP_AT_ONCE)):
        yield from map(
            read_item, looked_up(wiring[Variable.DETECTIONS_TABLE], "detection_id", names, fields)
        )
