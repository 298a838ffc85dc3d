"""Images as they are listed, read and annotated, for tests of what is made of them."""

from labelloop.domain import splits
from labelloop.domain.annotations import Annotation, Box, ModelType
from labelloop.domain.imported_lines import ImportedLine
from labelloop.domain.inspections import Inspected
from labelloop.domain.inventory import Candidate
from labelloop.domain.listed import Listed
from labelloop.domain.splits import Ledger
from labelloop.domain.trainable import Selection, select

SIZE_PX = (640, 480)
MODIFIED = "2026-11-21T09:15:27.000Z"


def listed_image(key: str, etag: str = "e") -> Listed:
    return Listed(key, etag, 100, MODIFIED)


def inspected_image(key: str, etag: str = "e", content: str = "") -> Inspected:
    return Inspected(key, etag, content or f"content of {key}", SIZE_PX)


def line_of(key: str, annotation: Annotation) -> ImportedLine:
    return ImportedLine("bucket", key, annotation, "2026-11-21T09:15:27.000000")


def labels_of(*names: str) -> Annotation:
    return Annotation.of_labels(names)


def boxes_of(*names: str, size_px: tuple[int, int] = SIZE_PX) -> Annotation:
    return Annotation.of_boxes([Box(name, 1, 2, 30, 40) for name in names], size_px)


def trained(candidates: list[Candidate], model_type: ModelType) -> Selection:
    labelled = [(one.annotation.labels, one.content) for one in candidates]
    return select(candidates, Ledger(splits.assign(labelled, {}, 20)), model_type)
