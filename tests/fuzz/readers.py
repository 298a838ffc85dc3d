"""Every reader of bytes that come from outside, with what must hold of whatever it is given.

A fuzzer calls them (``make fuzz``), and so do the tests, with the corpus that it has left.
"""

import json
import math
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO

from PIL import Image

from labelloop.domain import (
    answers,
    evaluation_snapshot,
    evaluation_summary,
    fitness,
    human_loops,
    imported_lines,
    imports,
    inspections,
    inventory,
    labels,
    layouts,
    manifests,
    messages,
    orientation,
    origins,
    splits,
    wording,
)
from labelloop.domain.annotations import Annotation, Box, ModelType, training_line
from labelloop.domain.doubt import Calibration
from labelloop.domain.imports import Collection
from labelloop.domain.origins import Provenance
from labelloop.errors import (
    UNREADABLE,
    InconsistentError,
    InvalidRequestError,
    MalformedAnswerError,
)
from labelvision import fingerprints, quality, renditions
from labelvision import images as decoded_images
from labelvision.images import UnusableImageError

MOST_WORDS = 1000
"""Characters of a reason: what is told repeats little of what came."""
CREATED = "2026-11-21T08:00:00"


def images(data: bytes) -> None:
    """The structure of image files, and how they are to be shown."""
    looked = fitness.look_at(data)
    assert looked.refusal == "" or looked.refusal.endswith("."), looked
    assert len(looked.refusal) < MOST_WORDS
    size = 1 + len(data) % 97
    pieces = [data[:8], *(data[at : at + size] for at in range(8, len(data), size))]
    assert fitness.look(pieces, len(data)) == looked
    shape = fitness.shape_of(data)
    assert (shape.size_px, shape.orientation) == (looked.size_px, looked.orientation)
    assert bool(fitness.refusal_of_limits(data)) <= bool(looked.refusal)
    upright = orientation.as_stored(data)
    after = fitness.look_at(upright)
    assert len(upright) == len(data)
    assert (after.size_px, after.refusal) == (looked.size_px, looked.refusal)
    assert after.orientation == fitness.UPRIGHT
    assert orientation.as_stored(upright) == upright


def pictures(data: bytes) -> None:
    """What a decoder makes of image files, and what is told of the pictures."""
    try:
        seen = decoded_images.picture(data)
    except UnusableImageError as error:
        _check_words(error)
        return
    image = seen.image
    assert (image.mode, max(image.size) <= decoded_images.DETAIL_PX) == ("RGB", True)
    shown = decoded_images.upright(decoded_images.decode(data))
    assert (shown.width > shown.height) >= (image.width > image.height)
    assert 0 <= fingerprints.fingerprint(image) < 2**fingerprints.BITS
    assert all(math.isfinite(figure) for figure in quality.judge(image))
    for rendition in (renditions.thumbnail(image), renditions.preview(image)):
        Image.open(BytesIO(rendition)).load()


def manifest_lines(data: bytes) -> None:
    """What somebody imports: manifests of Ground Truth, of Custom Labels, and of nobody."""
    lines = data.splitlines()
    for model_type in ModelType:
        collection = Collection(model_type)
        collection.add("a.manifest", "2026", lines)
        told = [*collection.bad.first, *collection.ignored.first, *collection.in_part.first]
        assert all(len(line.reason) < MOST_WORDS for line in told), told
        assert collection.bad.count + collection.ignored.count <= collection.line_count
        for line in collection.images.values():
            key = imports.imported_key("ours", line.bucket, line.key)
            assert len(key.encode()) <= manifests.MAX_KEY_BYTES
            _can_train(line.annotation)
    for text in lines:
        with suppress(UnicodeDecodeError):
            cleaned = imported_lines.without_service_fields(text.decode())
            assert imported_lines.without_service_fields(cleaned) == cleaned


def _check_words(error: Exception, more: int = 0) -> None:
    assert len(str(error)) < MOST_WORDS + more, error


def _can_train(annotation: Annotation) -> None:
    """What was read is what a training reads again of the line that is written of it."""
    for label in annotation.labels:
        assert labels.check(label) == label
    if annotation.size_px:
        assert not any(box.problem(annotation.size_px) for box in annotation.boxes)
    if annotation.labels:
        model_type = ModelType.DETECTION if annotation.size_px else ModelType.MULTI_LABEL
        line = training_line("s3://bucket/a.jpg", annotation, CREATED)
        assert imported_lines.read_line(line, model_type).annotation == annotation
    assert Annotation.from_json(json.loads(json.dumps(annotation.as_json()))) == annotation


def peoples_answers(data: bytes) -> None:
    """What A2I, or the review queue, has written of what people answered."""
    try:
        found = human_loops.read(data)
    except MalformedAnswerError as error:
        _check_words(error)
        return
    for model_type in ModelType:
        try:
            human_loops.check(found, model_type)
        except MalformedAnswerError as error:
            _check_words(error)
            continue
        for answer in found:
            said = answer.said
            if said.size_px:
                assert not any(box.problem(said.size_px) for box in said.boxes)
            if said.labels:
                training_line("s3://bucket/a.jpg", said, CREATED)


def kept_files(data: bytes) -> None:
    """Files that the service or an earlier version has written, and that may be broken."""
    lines = data.splitlines()
    list(inspections.read_inspected(lines))
    for read in (
        answers.read,
        inspections.read_batch,
        inventory.read_left_out,
        manifests.read_index,
    ):
        with suppress(InconsistentError):
            list(read(lines))
    with suppress(InconsistentError):
        splits.read_ledger(lines)
    with suppress(InconsistentError):
        evaluation_summary.read_summary(data)
    for model_type in ModelType:
        with suppress(InconsistentError):
            list(evaluation_snapshot.read_snapshot(lines, model_type, {}))
    text = data.decode(errors="replace")
    assert isinstance(origins.from_metadata({"provenance": text}, "bucket"), Provenance | None)
    with suppress(*UNREADABLE):
        Calibration.from_json(json.loads(data))


def names(data: bytes) -> None:
    """Names of keys, folders, files and labels."""
    text = data.decode(errors="surrogateescape")
    shown = wording.one_line(text)
    assert shown.encode().decode() == shown == wording.one_line(shown)
    assert len(shown.splitlines()) <= 1
    assert messages.subject_line(text).isascii()
    for name in text.split("/"):
        for check in (labels.check, labels.check_folder):
            try:
                taken = check(name)
            except InvalidRequestError as error:
                _check_words(error, len(name))
            else:
                assert check(taken) == taken == labels.composed(name)
                assert wording.one_line(taken) == taken
    layouts.parts(path.split("/") for path in text.split("\n"))
    key = f"{manifests.LABELLED_FOLDER}{text}"
    label = manifests.folder_label(key)
    assert label is None or label == labels.composed(label)
    assert inventory.is_image_object(key) or inventory.passed_over(key) or key.endswith("/")
    assert len(imports.imported_key("ours", "theirs", shown).encode()) <= manifests.MAX_KEY_BYTES
    assert Box(shown, 0, 0, 9, 9).problem((9, 9)) == ""


READERS: dict[str, Callable[[bytes], None]] = {
    reader.__name__: reader
    for reader in (images, pictures, manifest_lines, peoples_answers, kept_files, names)
}
OF_JSON = {"manifest_lines", "peoples_answers", "kept_files"}
