"""What versions said of images, beside what their evaluations say of their own test images."""

from collections.abc import Iterable, Iterator, Mapping

from labelloop.aws import detections_by_id, objects
from labelloop.aws.line_files import write_lines
from labelloop.domain import answers
from labelloop.domain.annotations import ModelType
from labelloop.domain.answers import Answer
from labelloop.domain.comparison import Case
from labelloop.domain.version_files import VersionFiles
from labelloop.errors import NotFoundError


def remembered(version: str) -> dict[str, Answer]:
    """What the version answered when it was asked to be compared, by content."""
    try:
        lines = objects.lines(VersionFiles(version).answers)
        return {answer.content: answer for answer in answers.read(lines)}
    except NotFoundError:
        return {}


def remember(version: str, new: Iterable[Answer]) -> None:
    """Keep answers beside those that are kept. Only the holder of the training lock does so."""
    kept = remembered(version) | {answer.content: answer for answer in new}
    write_lines(VersionFiles(version).answers, answers.lines(kept.values()))


def logged(
    version: str, cases: Iterable[Case], model_type: ModelType, etags: Mapping[str, str]
) -> Iterator[Answer]:
    """What the version said of images when they came in, as far as the inference log has it.

    ``etags`` has that of the object with each content. Boxes count where that very object was
    detected: a copy may have been made of what was to be shown turned, and then they lie elsewhere.
    """
    detected = {
        case.provenance.detection_id: case
        for case in cases
        # Where the version is not known of an image, the log may know it.
        if case.provenance.detection_id and case.provenance.version in {version, ""}
    }
    for record in detections_by_id.answers(detected):
        case = detected[record.detection_id]
        is_same = model_type is not ModelType.DETECTION or (record.etag == etags.get(case.content))
        if record.version != version or not is_same:
            continue
        labels = [*(record.labels or ()), *(record.unsure or ())]
        # Models of the other types may have been asked for what reaches their thresholds alone.
        complete = record.complete
        if model_type is ModelType.CLASSIFICATION:
            complete = not record.labels_left_out
        yield answers.of_labels(case.content, labels, case.truth.size_px, complete=complete)
