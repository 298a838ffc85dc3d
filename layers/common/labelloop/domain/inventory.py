"""What there is to learn from: which listed images can be used, and what each of them shows.

Three things meet here: the listed objects, what imported lines say of them, and what reading them
told (``inspections``). Which of them train is said by ``trainable``.
"""

import difflib
import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from labelloop.domain import layouts, orientation
from labelloop.domain.annotations import Annotation, ModelType
from labelloop.domain.consensus import NONE_OF_THE_LABELS
from labelloop.domain.fitness import UPRIGHT
from labelloop.domain.images import is_by_the_way
from labelloop.domain.imported_lines import ImportedLine
from labelloop.domain.imports import IMPORTED_MANIFESTS, MANIFEST_SUFFIXES, merged
from labelloop.domain.inspections import Inspected
from labelloop.domain.listed import Listed
from labelloop.domain.manifests import (
    DETECTION_FOLDER,
    LABELLED_FOLDER,
    NONE_IMAGES,
    UNLABELLED_FOLDER,
    Seen,
    SplitImage,
    fingerprint,
    folder_label,
)
from labelloop.domain.origins import GIVEN, Provenance
from labelloop.errors import UNREADABLE, InconsistentError

# --- Which images can be used ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Candidate:
    """An image that the service takes, with what it shows."""

    key: str
    etag: str
    content: str
    annotation: Annotation
    provenance: Provenance = GIVEN
    said: str = ""
    """The fingerprint of what was said of it, where boxes were drawn in the image as shown."""
    said_at: str = ""
    """When it was said, in UTC."""

    @property
    def shown(self) -> str:
        """The fingerprint of what it shows."""
        return self.said or fingerprint(self.annotation)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An image that is not used, and why: a sentence."""

    key: str
    etag: str
    shown: str
    """The fingerprint of what it shows, as in ``SplitImage``."""
    reason: str

    def as_line(self) -> str:
        """The line that ``read_left_out`` reads."""
        return json.dumps(
            {"key": self.key, "etag": self.etag, "shown": self.shown, "reason": self.reason},
            ensure_ascii=False,
        )


def read_left_out(lines: Iterable[bytes]) -> Iterator[LeftOut]:
    """The images that a version left out. Raises InconsistentError for a line that is none."""
    try:
        for line in lines:
            yield LeftOut(**json.loads(line))
    except UNREADABLE as error:
        raise InconsistentError(f"What a version left out cannot be read: {error}") from error


def is_image_object(key: str) -> bool:
    """Whether a listed object is somebody's file, not a folder or a file that nothing looks at."""
    return not key.endswith("/") and not passed_over(key)


def passed_over(key: str) -> str:
    """Why nothing looks at an object of this name, in a sentence; empty where a training does."""
    if key.startswith(LABELLED_FOLDER):
        if folder_label(key) is None:
            return "It is in no label's folder."
        if is_by_the_way(key.removeprefix(LABELLED_FOLDER)):
            return "It is hidden, or another program has left it there."
    elif key.startswith(IMPORTED_MANIFESTS):
        if not key.lower().endswith(MANIFEST_SUFFIXES):
            ends = ", ".join(MANIFEST_SUFFIXES[:-1])
            return (
                f"It is no manifest by its name, which ends in {ends} or {MANIFEST_SUFFIXES[-1]}."
            )
    elif "/" not in key:
        odd = "has backslashes where S3 has slashes, so it" if "\\" in key else "has no folder: it"
        return f"Its name {odd} is at the bucket's root, where nothing looks for images."
    return ""


def misspelt(folder: str) -> str:
    """Why nothing looks into a folder at the bucket's root that may be meant for one that people
    fill, in a sentence; empty for any other.
    """
    if folder in _FILLED_BY_PEOPLE:
        return ""
    if folder == "/":
        return "Nothing looks into it: the keys of its objects begin with a slash."
    close = difflib.get_close_matches(folder.lower(), _FILLED_BY_PEOPLE, 1, _CLOSE)
    return f"Nothing looks into it. Was it meant to be {close[0]}?" if close else ""


_FILLED_BY_PEOPLE = (LABELLED_FOLDER, DETECTION_FOLDER, UNLABELLED_FOLDER)
_CLOSE = 0.85
"""Of 1; folders that are somebody's own are called otherwise."""


def annotation_of(
    key: str, lines: Mapping[str, ImportedLine], model_type: ModelType
) -> Annotation | None:
    """What folders and imported lines together say that an image shows; None for nothing."""
    if is_none(key) and key not in lines and model_type is ModelType.CLASSIFICATION:
        return NONE_OF_THE_LABELS
    return merged(model_type, folder_label(key), lines.get(key))


def is_none(key: str) -> bool:
    """Whether an image lies among those that are none of the labels."""
    return key.startswith(NONE_IMAGES)


def without_nones(listed: Iterable[Listed]) -> list[Listed]:
    """The objects that may train where images that are none of the labels do not."""
    return [entry for entry in listed if not is_none(entry.key)]


@dataclass
class Examined:
    """The images there are: those that can be used, and the others."""

    candidates: list[Candidate] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    uninspected: int = 0
    """They came while others were inspected, and wait for the next training."""
    missing: int = 0
    """Imported lines name them, but they are not in the bucket."""
    passed_over: list[LeftOut] = field(default_factory=list)
    """Files at which nothing looks: they are told of, and change nothing."""


def examine(
    listed: Collection[Listed],
    lines: Mapping[str, ImportedLine],
    inspected: Mapping[str, Inspected],
    model_type: ModelType,
) -> Examined:
    """Tell the images that can be used from the others, in the order of the listing.

    ``lines`` has the newest imported line for each key where its image is or should be;
    ``inspected`` what reading the objects told, as they are listed.
    """
    found = Examined()
    missing = dict.fromkeys(lines)
    parts = _parts_of_data_sets(listed, inspected, model_type)
    for entry in listed:
        missing.pop(entry.key, None)
        told = inspected.get(entry.key)
        if told is None:
            found.uninspected += 1
            continue
        line = lines.get(entry.key)
        annotation = annotation_of(entry.key, lines, model_type)
        shown = fingerprint(annotation)
        said = reason = ""
        if parts and _folder(entry.key) in parts:
            annotation, said = line.annotation if line else None, shown
            reason = "" if line else _in_a_part(entry.key)
        if annotation is not None and annotation.size_px and told.size_px:
            said = shown if told.orientation != UPRIGHT else ""
            annotation = orientation.in_the_file(annotation, told.size_px, told.orientation)
        reason = told.refusal or reason or _no_use(annotation, told, model_type)
        if reason or annotation is None:
            found.left_out.append(LeftOut(entry.key, entry.etag, shown, reason))
        else:
            provenance = told.provenance or GIVEN
            found.candidates.append(
                Candidate(
                    entry.key,
                    entry.etag,
                    told.content,
                    annotation,
                    provenance,
                    said,
                    line.created if line else entry.modified,
                )
            )
    for key in missing:
        told = inspected.get(key)
        shown = fingerprint(annotation_of(key, lines, model_type))
        refusal = told.refusal if told else ""
        found.left_out.append(LeftOut(key, "", shown, refusal or _not_there(key, lines[key])))
        found.missing += bool(refusal)
    return found


def _parts_of_data_sets(
    listed: Iterable[Listed], inspected: Mapping[str, Inspected], model_type: ModelType
) -> Collection[str]:
    """The folders among those of labels that are parts of data sets, where folders say anything."""
    if model_type is ModelType.DETECTION:
        return ()
    return layouts.parts(
        entry.key.split("/")[1:]
        for entry in listed
        if entry.key.startswith(LABELLED_FOLDER)
        and (told := inspected.get(entry.key)) is not None
        and not told.refusal
    )


def _folder(key: str) -> str:
    """The folder in that of the labelled images; empty for a key elsewhere."""
    return key.split("/")[1] if key.startswith(LABELLED_FOLDER) else ""


def _in_a_part(key: str) -> str:
    return (
        f"It is in {LABELLED_FOLDER}{_folder(key)}/, which is part of a data set by its name, or "
        f"has such parts, not a label. Put the folders of its labels into {LABELLED_FOLDER} "
        "themselves, or take it with: labelloop import"
    )


def _not_there(key: str, line: ImportedLine) -> str:
    if line.key == key:
        return "An imported line names the image, but it is not in the bucket."
    return (
        f"An imported line names s3://{line.bucket}/{line.key}. Images of other buckets are copied "
        "in where the deployment's parameter ImportBuckets names their bucket, or by: labelloop "
        "import"
    )


def _no_use(annotation: Annotation | None, told: Inspected, model_type: ModelType) -> str:
    if annotation is None or not annotation.labels:
        if model_type is ModelType.DETECTION:
            return "It has no bounding boxes, so a detection model cannot learn from it."
        return "Nobody said what it shows: it has no label."
    if annotation.size_px and told.size_px and annotation.size_px != told.size_px:
        stated, real = annotation.size_px, told.size_px
        return (
            f"Its boxes are for an image of {stated[0]} x {stated[1]} px, but it has "
            f"{real[0]} x {real[1]} px."
        )
    return ""


def seen_now(
    listed: Iterable[Listed], lines: Mapping[str, ImportedLine], model_type: ModelType
) -> dict[str, Seen]:
    """What every image is now, by key; those that are still to be copied in have no ETag."""
    seen = {key: ("", fingerprint(annotation_of(key, lines, model_type))) for key in lines}
    for entry in listed:
        annotation = annotation_of(entry.key, lines, model_type)
        seen[entry.key] = (entry.etag, fingerprint(annotation))
    return seen


def seen_in(images: Iterable[SplitImage], left_out: Iterable[LeftOut]) -> dict[str, Seen]:
    """What every image was when these were told apart."""
    seen = {image.key: (image.etag, image.shown) for image in images}
    seen |= {one.key: (one.etag, one.shown) for one in left_out}
    return seen


# --- Telling it -----------------------------------------------------------------------------------


def digest(listed: Iterable[Listed], others: Iterable[str]) -> str:
    """The identity of a listing: the same objects make the same one, in any order of folders.

    ``others`` is what else decides about a training's data.
    """
    hashed = 0
    # Sums of hashes hang on no order, so that nothing has to be sorted or held.
    for entry in listed:
        hashed += _hash(f"{entry.key}\t{entry.etag}")
    return f"{(hashed + sum(_hash(text) for text in others)) % 2**256:064x}"


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode(errors="surrogatepass")).digest(), "big")
