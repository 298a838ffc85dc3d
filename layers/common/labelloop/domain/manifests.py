"""Labelled images, and the manifests that Rekognition Custom Labels trains on.

Format: https://docs.aws.amazon.com/rekognition/latest/customlabels-dg/md-create-manifest-file-classification.html
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from labelloop.domain.images import MAX_BYTES, has_image_suffix, is_folder_marker
from labelloop.domain.splits import Split
from labelloop.errors import InconsistentError

LABELLED_FOLDER = "images_labeled_by_folder/"
TRAINING_FOLDER = "manifests/training/"
MAX_KEY_BYTES = 1024
MINIMUM_LABELS = 2
"""With fewer there is nothing to tell apart, and the service refuses."""


@dataclass(frozen=True, order=True)
class LabelledImage:
    """One image under ``images_labeled_by_folder/<label>/``, as a listing shows it."""

    key: str
    etag: str
    size_bytes: int

    @property
    def label(self) -> str:
        """The name of the first folder: folders inside it are the owner's own order."""
        return self.key.removeprefix(LABELLED_FOLDER).split("/", 1)[0]


@dataclass(frozen=True, order=True)
class SplitImage:
    """A labelled image and what it is used for: one line of a version's index."""

    key: str
    etag: str
    label: str
    content: str
    split: Split


def labelled_images(listing: Iterable[tuple[str, str, int]]) -> list[LabelledImage]:
    """The labelled images among listed objects, given as (key, etag, bytes), sorted by key.

    Folder markers, files that are no images, and files beside the label folders are passed over.
    """
    return sorted(
        LabelledImage(key, etag, size_bytes)
        for key, etag, size_bytes in listing
        if not is_folder_marker(key)
        and has_image_suffix(key)
        and 0 < size_bytes <= MAX_BYTES
        and "/" in key.removeprefix(LABELLED_FOLDER)
    )


def labelled_key(label: str, detection: str, source_key: str) -> str:
    """Where the image of a detection goes when people gave it a label.

    The detection's name makes it unique, the file's own name is for people; S3 keys have up to
    1,024 bytes, so a long name loses its beginning. ``label`` is one that ``labels.check`` takes.
    """
    folder = f"{LABELLED_FOLDER}{label}/{detection}-"
    room = MAX_KEY_BYTES - len(folder.encode())
    name = source_key.rsplit("/", 1)[-1].encode()[-room:].decode(errors="ignore")
    return folder + name


def count_new(images: Iterable[LabelledImage], trained: Iterable[SplitImage]) -> int:
    """How many images the trained index does not hold, by key and ETag."""
    known = {(image.key, image.etag) for image in trained}
    return sum((image.key, image.etag) not in known for image in images)


def data_hash(images: Iterable[SplitImage]) -> str:
    """The identity of a training's data: 16 hexadecimal digits.

    The same images with the same labels in the same splits make the same one.
    """
    text = "\n".join(
        f"{image.label}\t{image.content}\t{image.split}"
        for image in sorted(images, key=_by_content)
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _by_content(image: SplitImage) -> tuple[str, str, str]:
    return image.content, image.label, image.key


def manifest(bucket: str, images: Iterable[SplitImage], split: Split, created: str) -> bytes:
    """The manifest of one split: a line for each image, in the order of the keys.

    ``created`` is a UTC time in ISO 8601 without zone, as the service's examples have it.
    """
    lines = [_line(bucket, image, created) for image in sorted(images) if image.split is split]
    return "".join(f"{line}\n" for line in lines).encode()


def _line(bucket: str, image: SplitImage, created: str) -> str:
    return json.dumps(
        {
            "source-ref": f"s3://{bucket}/{image.key}",
            "label": 1,
            "label-metadata": {
                "confidence": 1.0,
                "class-name": image.label,
                "human-annotated": "yes",
                "creation-date": created,
                "type": "groundtruth/image-classification",
            },
        },
        ensure_ascii=False,
    )


def index(images: Iterable[SplitImage]) -> bytes:
    """The index of a version: which objects it was made of. ``read_index`` reads it."""
    lines = (
        json.dumps(
            {
                "key": image.key,
                "etag": image.etag,
                "label": image.label,
                "content": image.content,
                "split": image.split,
            },
            ensure_ascii=False,
        )
        for image in sorted(images)
    )
    return "".join(f"{line}\n" for line in lines).encode()


def read_index(body: bytes) -> list[SplitImage]:
    """The images in an index. Raises InconsistentError when it is not one."""
    try:
        entries: list[Mapping[str, str]] = [json.loads(line) for line in body.splitlines()]
        return [
            SplitImage(e["key"], e["etag"], e["label"], e["content"], Split(e["split"]))
            for e in entries
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise InconsistentError(f"The index of a version cannot be read: {error}") from error


@dataclass(frozen=True)
class VersionFiles:
    """Where a version's files are in the bucket."""

    version: str

    @property
    def train_manifest(self) -> str:
        """The images that train."""
        return f"{TRAINING_FOLDER}{self.version}/train.manifest"

    @property
    def test_manifest(self) -> str:
        """The images that test."""
        return f"{TRAINING_FOLDER}{self.version}/test.manifest"

    @property
    def index(self) -> str:
        """Every image with its ETag, content and split."""
        return f"{TRAINING_FOLDER}{self.version}/index.jsonl"

    @property
    def evaluation_folder(self) -> str:
        """What the service and we found out about it; without a slash at the end."""
        return f"evaluation/{self.version}"

    @property
    def report(self) -> str:
        """The verdict and its reasons."""
        return f"{self.evaluation_folder}/report.json"


def version_name(number: int, data: str) -> str:
    """The name of the version of this number on this data: ``v12-0a1b2c3d``."""
    return f"v{number}-{data[:8]}"
