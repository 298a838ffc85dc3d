"""What people's answer says of a sampled detection: whether the model was right about it."""

from collections.abc import Sequence

from labelloop.domain.accuracy import Sample
from labelloop.domain.annotations import Annotation, Box, ModelType
from labelloop.domain.consensus import agree
from labelloop.domain.image_labels import HumanLabel, Label, found
from labelloop.domain.labels import NONE_OF_THEM

_SIDE_PX = 10_000


def judged(labels: Sequence[Label], said: Sequence[HumanLabel], model_type: ModelType) -> Sample:
    """What people's answer says of a detection.

    Right is the same label, or none where the model took the image for none; the same set of
    labels; or boxes around the same things, none missing and none too many.
    """
    what = found(labels, model_type)
    names = tuple(sorted({label.name for label in what}))
    shown = [label for label in what if label.name != NONE_OF_THEM]
    return Sample(names, agree(_shown(shown), _shown(said)))


def _shown(labels: Sequence[Label | HumanLabel]) -> Annotation:
    """What an image with these shows; boxes are in ratios here, so its size is any."""
    boxes = [
        Box(
            label.name,
            round(label.box.left * _SIDE_PX),
            round(label.box.top * _SIDE_PX),
            round(label.box.width * _SIDE_PX),
            round(label.box.height * _SIDE_PX),
        )
        for label in labels
        if label.box is not None
    ]
    if boxes:
        return Annotation.of_boxes(boxes, (_SIDE_PX, _SIDE_PX))
    return Annotation.of_labels(label.name for label in labels)
