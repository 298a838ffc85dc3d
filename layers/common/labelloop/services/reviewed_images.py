"""The images that people agreed on, where trainings find them.

An image with one label lies in the folder of its label, one that is none of the labels in a folder
for those. One with several labels or with boxes lies
in a folder of its own, with a manifest of one line beside the manifests that were imported. How it
came to people goes with the image, wherever it is moved to.
"""

from labelloop.aws import objects
from labelloop.aws.wiring import wiring
from labelloop.domain import consensus, orientation, origins, senders
from labelloop.domain.annotations import Annotation, ModelType, training_line
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.fitness import UPRIGHT, shape_of
from labelloop.domain.images import NO_VERSION, media_type
from labelloop.domain.labels import fits_a_folder
from labelloop.domain.manifests import (
    REVIEWED_IMAGES,
    labelled_key,
    none_key,
    reviewed_key,
    reviewed_manifest,
)
from labelloop.domain.origins import Origin
from labelloop.errors import MalformedAnswerError
from labelloop.settings import Variable


def key_of(record: DetectionRecord, said: Annotation) -> str:
    """Where the image of a detection goes when people say this of it; empty where nowhere."""
    if not said.labels or not senders.teaches(record):
        return ""
    detection, key = record.detection_id, record.key
    sampled = senders.provenance(record).origin is Origin.SAMPLED
    if said == consensus.NONE_OF_THE_LABELS:
        return none_key(detection, key, sampled=sampled)
    if wiring[Variable.MODEL_TYPE] == ModelType.CLASSIFICATION and fits_a_folder(said.labels[0]):
        return labelled_key(said.labels[0], detection, key, sampled=sampled)
    return reviewed_key(detection, key, sampled=sampled)


def add(record: DetectionRecord, said: Annotation, key: str, when: str) -> None:
    """Copy the version that was detected to this key, and write the line that teaches it.

    ``when`` is a UTC time in ISO 8601 without zone. Raises NotFoundError where the version is gone,
    MalformedAnswerError where boxes are not for this image.
    """
    source, version_id = record.key, record.version_id or NO_VERSION
    metadata = origins.as_metadata(senders.provenance(record), objects.bucket())
    if said.size_px is None:
        objects.copy(source, version_id, key, metadata=metadata)
    else:
        content = objects.read(source, version_id)
        said = _as_stored(said, content)
        if shape_of(content).orientation == UPRIGHT:
            objects.copy(source, version_id, key, metadata=metadata)
        else:
            upright = orientation.as_stored(content)
            objects.write(key, upright, media_type(content), metadata)
    if key.startswith(REVIEWED_IMAGES):
        line = training_line(f"s3://{objects.bucket()}/{key}", said, when)
        manifest = reviewed_manifest(record.detection_id)
        objects.write(manifest, f"{line}\n".encode(), "application/jsonl")


def _as_stored(said: Annotation, content: bytes) -> Annotation:
    """Boxes of the image as people saw it, in the image as it is in the file."""
    shape = shape_of(content)
    shown_px = shape.size_px and orientation.shown_size(shape.size_px, shape.orientation)
    if shape.size_px is None or shown_px != said.size_px:
        raise MalformedAnswerError(
            f"The boxes are for an image of {said.size_px} px, but it is shown with {shown_px} px."
        )
    return orientation.boxes_as_stored(said, shape.size_px, shape.orientation)


def remove(detection: str, key: str) -> None:
    """Take the image at this key out again, and its line."""
    objects.delete(key)
    if key.startswith(REVIEWED_IMAGES):
        objects.delete(reviewed_manifest(detection))
