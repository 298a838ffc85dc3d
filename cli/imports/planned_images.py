"""What a model of the stack's type learns from a data set: its images, or parts of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from labelloop.domain.annotations import Annotation, Box, ModelType, training_line
from labelloop.domain.consensus import NONE_OF_THE_LABELS
from labelloop.domain.imported_lines import box_of, read_line
from labelloop.domain.labels import says_none, shown
from labelloop.domain.line_attributes import BadLineError, IgnoredLineError

from ..datasets.values import DataSet, Example, Place, Problem
from ..failures import CommandError
from .data_set_outcome import DataSetImport
from .given_tests import Splits


class Boxes(StrEnum):
    """What becomes of boxes where a model learns labels of whole images."""

    REFUSED = "refused"
    CROP = "crop"
    """Each becomes an image of its own."""
    LARGEST = "largest"
    """The largest one says what the image shows."""


@dataclass(frozen=True, slots=True)
class Planned:
    """An image, or a part of one, and what it teaches."""

    image: str
    """The path within the data set."""
    place: Place
    annotation: Annotation
    tests: bool
    part: Box | None = None
    drawn_in_px: tuple[int, int] | None = None
    """The size of the image that boxes were drawn in."""


def plan(
    data_set: DataSet, model_type: ModelType, boxes: Boxes, splits: Splits, outcome: DataSetImport
) -> list[Planned]:
    """What a model of this type learns from it. Raises CommandError where it cannot learn so."""
    _check_type(data_set, model_type, boxes)
    outcome.outlines = data_set.outlines
    outcome.leave_out(data_set.problems)
    planned: list[Planned] = []
    tests = splits.testing(data_set.examples)
    for example, is_test in zip(data_set.examples, tests, strict=True):
        problems: list[Problem] = []
        made = list(_planned(example, model_type, boxes, is_test, problems))
        planned += [one for one in made if _is_sound(one, model_type, problems)]
        outcome.leave_out(problems)
        outcome.unlabelled += not made and not problems
    return planned


def _check_type(data_set: DataSet, model_type: ModelType, boxes: Boxes) -> None:
    if model_type is ModelType.DETECTION:
        if boxes is not Boxes.REFUSED:
            raise CommandError(f"A detection model learns boxes as they are: without --{boxes}.")
        if not data_set.has_boxes and any(example.labels for example in data_set.examples):
            raise CommandError(
                "The stack trains a detection model, which learns from bounding boxes, and this "
                f"{data_set.format} data set has labels of whole images alone."
            )
    elif model_type is ModelType.CLASSIFICATION and data_set.has_boxes and boxes is Boxes.REFUSED:
        raise CommandError(
            f"This {data_set.format} data set has boxes, and the stack trains a classification "
            "model, which learns one label for each image. Say what shall become of them: --crop "
            "makes each box an image, --largest takes the label of the largest box."
        )
    elif boxes is not Boxes.REFUSED and not data_set.has_boxes:
        raise CommandError(f"This {data_set.format} data set has no boxes: without --{boxes}.")


def _planned(
    example: Example, model_type: ModelType, boxes: Boxes, tests: bool, problems: list[Problem]
) -> Iterator[Planned]:
    sound = _sound_boxes(example, problems)
    whole = Planned(example.image, example.place, Annotation(()), tests, None, example.size_px)
    if model_type is ModelType.DETECTION:
        if sound and example.size_px:
            yield replace(whole, annotation=Annotation.of_boxes(sound, example.size_px))
    elif boxes is Boxes.CROP:
        for box in sound:
            yield replace(whole, annotation=Annotation.of_labels([box.label]), part=box)
    else:
        names = [box.label for box in sound]
        if boxes is Boxes.LARGEST and sound:
            names = [max(sound, key=lambda box: box.width * box.height).label]
        names += example.labels
        if model_type is ModelType.CLASSIFICATION and names and all(map(says_none, names)):
            yield replace(whole, annotation=NONE_OF_THE_LABELS)
        elif names:
            yield replace(whole, annotation=Annotation.of_labels(names))


def _sound_boxes(example: Example, problems: list[Problem]) -> list[Box]:
    if not example.boxes:
        return []
    if example.size_px is None:
        reason = f"Width and height of {example.image} cannot be read, so its boxes have no place."
        problems.append(Problem(example.place, reason))
        return []
    found = []
    for drawn in example.boxes:
        try:
            found.append(box_of(drawn.label, drawn[1:5], example.size_px))
        except BadLineError as error:
            problems.append(Problem(drawn.place, str(error)))
    return found


def _is_sound(planned: Planned, model_type: ModelType, problems: list[Problem]) -> bool:
    """Whether a training takes the line about the image; why not, it says itself."""
    line = training_line("s3://bucket/image", planned.annotation, "2000-01-01T00:00:00")
    try:
        read_line(line, model_type)
    except (BadLineError, IgnoredLineError) as error:
        problems.append(Problem(planned.place, str(error)))
        return False
    return True


def counted(planned: Planned) -> Iterable[str]:
    """A label for each box, or for the image."""
    if planned.annotation.boxes:
        return [box.label for box in planned.annotation.boxes]
    return map(shown, planned.annotation.labels)
