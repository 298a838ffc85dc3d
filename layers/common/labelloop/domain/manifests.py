"""What a version is made of: its images, their manifests, and what has changed since the last one.

Formats: https://docs.aws.amazon.com/rekognition/latest/customlabels-dg/md-create-manifest-file.html
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from labelloop.domain.annotations import Annotation, training_line
from labelloop.domain.labels import composed
from labelloop.domain.origins import GIVEN, Provenance
from labelloop.domain.splits import Split
from labelloop.errors import UNREADABLE, InconsistentError

LABELLED_FOLDER = "images_labeled_by_folder/"
REVIEWED_IMAGES = "images_imported/reviewed/"
"""Images that people gave several labels, or boxes; what they said is in the folder beside."""
NONE_IMAGES = "images_imported/none_of_them/"
"""Images that people found to be none of the labels, for a model that gives an image one label."""
LABELLING_IMAGES = "images_imported/labeling/"
"""Copies for labelling jobs, which know no versions and train from what they saw."""
SHOWN_IMAGES = "images_in_review/"
"""Copies of images for workers of A2I; the bucket forgets them after a month."""
REVIEWED_MANIFESTS = "manifests/imported/reviewed/"
UNLABELLED_FOLDER = "images_to_label/"
DETECTION_FOLDER = "images_for_detection/"
MAX_KEY_BYTES = 1024
_SAMPLED = "sampled-"
_REVIEWED_NAME = re.compile(rf"({_SAMPLED})?([0-9a-f]{{32}})-")


@dataclass(frozen=True, slots=True)
class SplitImage:
    """An image that a version trains or is tested on: one line of the version's index."""

    key: str
    etag: str
    content: str
    split: Split
    annotation: Annotation
    shown: str = ""
    """The fingerprint of all that the image shows, labels included that were not trained."""
    provenance: Provenance = GIVEN
    said_at: str = ""
    """When it was said, in UTC: the line's date, or when the object was written; empty in the index
    of an earlier release."""


def folder_label(key: str) -> str | None:
    """The label of an image under ``images_labeled_by_folder/``; None where the key is elsewhere.

    It is the name of the first folder, composed: folders inside it are the owner's own order.
    """
    if not key.startswith(LABELLED_FOLDER):
        return None
    label, slash, _ = key.removeprefix(LABELLED_FOLDER).partition("/")
    return composed(label) if slash else None


def labelled_key(label: str, detection: str, source_key: str, *, sampled: bool = False) -> str:
    """Where the image of a detection goes when people gave it a label.

    The detection's name makes it unique, the file's own name is for people; S3 keys have up to
    1,024 bytes, so a long name loses its beginning. ``label`` is one that fits a folder.
    """
    return _reviewed(f"{LABELLED_FOLDER}{label}/", detection, source_key, sampled=sampled)


def reviewed_key(detection: str, source_key: str, *, sampled: bool = False) -> str:
    """Where the image of a detection goes when people gave it several labels, or boxes."""
    return _reviewed(REVIEWED_IMAGES, detection, source_key, sampled=sampled)


def none_key(detection: str, source_key: str, *, sampled: bool = False) -> str:
    """Where the image of a detection goes when people found it to be none of the labels."""
    return _reviewed(NONE_IMAGES, detection, source_key, sampled=sampled)


def _reviewed(folder: str, detection: str, source_key: str, *, sampled: bool) -> str:
    """A name that tells a listing, which knows no more, what only tests perhaps."""
    return _named_after(f"{folder}{_SAMPLED if sampled else ''}{detection}-", source_key)


def shown_key(human_loop: str, source_key: str) -> str:
    """Where the workers of a human loop see its image: a copy, since they are shown no versions."""
    return _named_after(f"{SHOWN_IMAGES}{human_loop}-", source_key)


def labelling_copy_key(detection: str, source_key: str) -> str:
    """Where the version of an image is that a labelling job asks about."""
    return _named_after(f"{LABELLING_IMAGES}{detection}-", source_key)


def reviewed_manifest(detection: str) -> str:
    """The key of the manifest with the one line about that image."""
    return f"{REVIEWED_MANIFESTS}{detection}.manifest"


def detection_of_key(key: str) -> str | None:
    """The detection whose image human review has put under this file name; None for another one.

    People move such files to other folders, and leave them their names.
    """
    found = _REVIEWED_NAME.match(key.rsplit("/", 1)[-1])
    return found[2] if found else None


def is_sampled(key: str) -> bool:
    """Whether human review has put the image of a sampled detection under this file name."""
    found = _REVIEWED_NAME.match(key.rsplit("/", 1)[-1])
    return found is not None and found[1] is not None


def _named_after(folder: str, source_key: str) -> str:
    room = MAX_KEY_BYTES - len(folder.encode())
    name = source_key.rsplit("/", 1)[-1].encode()[-room:].decode(errors="ignore")
    return folder + name


# --- What is new ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Changes:
    """How the labelled images differ from those that the last version was made of.

    An image that was moved or renamed, as to another label, counts once.
    """

    added: int = 0
    replaced: int = 0
    removed: int = 0
    moved: int = 0

    @property
    def total(self) -> int:
        """How many images changed."""
        return self.added + self.replaced + self.removed + self.moved


Seen = tuple[str, str]
"""What an image was when it was looked at: its ETag, and the fingerprint of its annotation."""


def changes(now: Mapping[str, Seen], before: Iterable[tuple[str, Seen]]) -> Changes:
    """What became of the images that were seen before, both by key."""
    replaced = 0
    removed: Counter[str] = Counter()
    still_there = set()
    for key, (etag, annotation) in before:
        current = now.get(key)
        if current is None:
            removed[etag] += 1
            continue
        still_there.add(key)
        replaced += current != (etag, annotation)
    added = Counter(etag for key, (etag, _) in now.items() if key not in still_there)
    moved = (added & removed).total()
    return Changes(added.total() - moved, replaced, removed.total() - moved, moved)


@lru_cache(maxsize=4096)
def fingerprint(annotation: Annotation | None) -> str:
    """A short name for what an image shows; the empty one where nothing is known of it."""
    if annotation is None:
        return ""
    text = json.dumps(annotation.as_json(), ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]


# --- A version and its files ----------------------------------------------------------------------


def data_hash(images: Iterable[SplitImage]) -> str:
    """The identity of a training's data: 16 hexadecimal digits.

    The same images with the same labels in the same splits make the same one.
    """
    digest = hashlib.sha256()
    lines = sorted(
        f"{image.content}\t{fingerprint(image.annotation)}\t{image.split}" for image in images
    )
    for line in lines:
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()[:16]


def version_name(number: int, data: str, attempt: int = 1) -> str:
    """The name of the version of this number on this data: ``v12-0a1b2c3d``.

    A further attempt on the same data says so: ``v13-0a1b2c3d-2``.
    """
    return f"v{number}-{data[:8]}" + (f"-{attempt}" if attempt > 1 else "")


def manifest_lines(
    bucket: str, images: Iterable[SplitImage], split: Split, created: str
) -> Iterator[str]:
    """The manifest of one split: a line for each of its images, in their order.

    ``created`` is a UTC time in ISO 8601 without zone, as the service's examples have it.
    """
    for image in images:
        if image.split is split:
            yield training_line(f"s3://{bucket}/{image.key}", image.annotation, created)


def index_lines(images: Iterable[SplitImage]) -> Iterator[str]:
    """The index of a version: which objects it was made of. ``read_index`` reads it."""
    for image in images:
        yield json.dumps(
            {
                "key": image.key,
                "etag": image.etag,
                "content": image.content,
                "split": image.split,
                "shown": image.shown,
                "provenance": image.provenance.as_json(),
                "said_at": image.said_at,
                **image.annotation.as_json(),
            },
            ensure_ascii=False,
        )


def read_index(lines: Iterable[bytes]) -> Iterator[SplitImage]:
    """The images in an index's lines. Raises InconsistentError when they are not one's."""
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
            yield SplitImage(
                entry["key"],
                entry["etag"],
                entry["content"],
                Split(entry["split"]),
                Annotation.from_json(entry),
                entry.get("shown", ""),
                Provenance.from_json(entry["provenance"]) if "provenance" in entry else GIVEN,
                entry.get("said_at", ""),
            )
        except UNREADABLE as error:
            raise InconsistentError(
                f"Line {number} of a version's index cannot be read: {error!r}"
            ) from error
