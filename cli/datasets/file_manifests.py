"""A manifest whose lines name images by their paths, beside it or below, instead of in a bucket."""

import json
from itertools import islice
from pathlib import PurePosixPath

from labelloop.domain import layouts
from labelloop.domain.annotations import ModelType, training_line
from labelloop.domain.imported_lines import ImportedLine, read_line
from labelloop.domain.labels import SHOWN_AS_NONE
from labelloop.domain.line_attributes import BadLineError, IgnoredLineError

from .values import DataSet, Drawn, Example, Files, Place, no_image
from .written import Images, Put

NAME = "manifest"
_LOOKED_AT = 100


def names_files(text: str) -> bool:
    """Whether it is one, by its first lines: one that names objects too is of a bucket."""
    lines = (line for line in text.split("\n") if line.strip())
    named = list(filter(None, map(_reference, islice(lines, _LOOKED_AT))))
    return bool(named) and not any("://" in reference for reference in named)


def _reference(line: str) -> str:
    try:
        return str(json.loads(line)["source-ref"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""


def read(files: Files, file: str, model_type: ModelType, into: DataSet) -> None:
    """Take what the lines say to a model of this type; boxes, where they say nothing to it."""
    by_image: dict[str, tuple[str, Example]] = {}
    split = layouts.split_named(PurePosixPath(file).stem)
    # As in the bucket, lines end with line feeds alone: JSON may have others within its texts.
    for count, text in enumerate(files.text(file).split("\n"), start=1):
        place = Place(file, f"line {count}")
        if not text.strip():
            continue
        try:
            line = _line(text, model_type)
        except (BadLineError, IgnoredLineError) as error:
            into.leave_out(*place, str(error))
            continue
        image = None if line.bucket else files.image(line.key, file)
        if image is None:
            into.leave_out(*place, _in_s3(line) if line.bucket else no_image(line.key))
            continue
        for problem in line.problems:
            into.leave_out(*place, problem)
        said = line.annotation
        boxes = [
            Drawn(box.label, box.left, box.top, box.width, box.height, place) for box in said.boxes
        ]
        labels = [] if said.size_px else list(said.labels)
        if model_type is ModelType.CLASSIFICATION and not labels and not said.size_px:
            # Such a line can only say that it is none of the labels.
            labels = [SHOWN_AS_NONE]
        example = Example(image, place, labels, boxes, said.size_px, split)
        # The newest line about an image counts, as it does in the bucket.
        if image not in by_image or by_image[image][0] <= line.created:
            by_image[image] = (line.created, example)
    into.examples += [example for _, example in by_image.values()]


def _line(text: str, model_type: ModelType) -> ImportedLine:
    try:
        return read_line(text, model_type, files=True)
    except IgnoredLineError:
        return read_line(text, ModelType.DETECTION, files=True)


def _in_s3(line: ImportedLine) -> str:
    return (
        f"It names s3://{line.bucket}/{line.key}, and others name files: import such lines in a "
        "manifest of their own."
    )


def write(images: Images, put: Put) -> None:
    """Write a manifest a split, as a version trains from."""
    for split in images.splits:
        lines = (
            training_line(one.reference, one.annotation, one.said_at) + "\n"
            for one in images.of(split)
        )
        put(f"{split}.manifest", lines)
