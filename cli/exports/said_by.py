"""Who said what an image shows, and when, as far as the log and the review queue still have it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from labelloop.aws import detections_by_id, review_tasks
from labelloop.clock import iso
from labelloop.domain.consensus import Agreement
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.detections import human_loop_name
from labelloop.domain.labels import NONE_OF_THEM, shown
from labelloop.domain.manifests import SplitImage, detection_of_key
from labelloop.domain.review_tasks import Given


@dataclass(frozen=True, slots=True)
class Said:
    """One label of an image."""

    label: str
    by: tuple[str, ...]
    """The ids of who said so; empty where somebody brought it, or nothing knows any more."""
    at: str
    """When, in UTC; empty where nothing knows."""


@dataclass(frozen=True, slots=True)
class Traced:
    """An image with where its labels come from."""

    image: SplitImage
    detection: str
    """The one whose image it is; empty for one that somebody brought."""
    said: tuple[Said, ...]
    answered: str
    """When people answered in review; empty where they did not."""


def trace(images: Iterable[SplitImage]) -> Iterator[Traced]:
    """The images in their order, a batch of them looked up at a time."""
    rest = iter(images)
    while batch := list(islice(rest, detections_by_id.LOOKED_UP_AT_ONCE)):
        names = {image.key: _detection(image) for image in batch}
        known = sorted({*filter(None, names.values())})
        records = {one.detection_id: one for one in detections_by_id.what_people_said(known)}
        tasks = review_tasks.those(map(human_loop_name, known)) if known else ()
        answers = {task.detection_id: task.answers for task in tasks}
        for image in batch:
            detection = names[image.key]
            said = answers.get(detection, {})
            yield _traced(image, detection, records.get(detection), said)


def _detection(image: SplitImage) -> str:
    return image.provenance.detection_id or detection_of_key(image.key) or ""


def _traced(
    image: SplitImage,
    detection: str,
    record: DetectionRecord | None,
    answers: Mapping[str, Given],
) -> Traced:
    said_at = _moment(image.said_at)
    # Somebody may have decided otherwise since, or given the file another label.
    agreed = record is not None and all(_said(record, one) for one in image.annotation.labels)
    at = (record.completed if record and agreed else None) or said_at
    said = tuple(
        Said(shown(label), _by(label, answers) if agreed else (), at)
        for label in image.annotation.labels
    )
    from_review = agreed or bool(image.provenance.detection_id)
    return Traced(image, detection if from_review else "", said, at if from_review else "")


def _said(record: DetectionRecord, label: str) -> bool:
    """Whether this is what people's answers came to."""
    if label == NONE_OF_THEM:
        return record.agreement == Agreement.NONE_OF_THE_ABOVE
    names = {one.name for one in record.human_labels or ()} or {record.human_label or ""}
    return label in names


def _by(label: str, answers: Mapping[str, Given]) -> tuple[str, ...]:
    found = (
        worker
        for worker, given in answers.items()
        if label in (given.said.labels or (NONE_OF_THEM,))
    )
    return tuple(sorted(found))


def _moment(said_at: str) -> str:
    """As the log has times; a line's date has no zone, and is UTC."""
    if not said_at:
        return ""
    moment = datetime.fromisoformat(said_at)
    return iso(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
