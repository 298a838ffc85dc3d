"""What there is to learn from: which listed images can be used, and what each of them shows.

Three things meet here: the listed objects, what imported lines say of them, and what reading them
told. Reading is what takes long, so it is done once for each object and remembered.
"""

import difflib
import hashlib
import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from labelloop.domain import labels as label_names
from labelloop.domain import layouts, orientation, senders, splits
from labelloop.domain.annotations import Annotation, ModelType
from labelloop.domain.consensus import NONE_OF_THE_LABELS
from labelloop.domain.detections import DetectionRecord
from labelloop.domain.fitness import RULES, UPRIGHT
from labelloop.domain.images import is_by_the_way
from labelloop.domain.imports import IMPORTED_MANIFESTS, MANIFEST_SUFFIXES, ImportedLine, merged
from labelloop.domain.labels import NONE_OF_THEM
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
from labelloop.domain.origins import GIVEN, Origin, Provenance
from labelloop.domain.splits import Ledger, Split
from labelloop.domain.wording import one_line
from labelloop.errors import UNREADABLE, InconsistentError, InvalidRequestError, UntrainableError

INSPECTED_FOLDER = "manifests/inspected/"
INSPECTION_FOLDER = "manifests/inspection/"
"""The batches of images that are to be inspected; each is deleted when it is."""
BATCH_IMAGES = 2500
"""A batch takes a minute or two, and holds less than a megabyte."""

FEWEST_LABELS: Mapping[ModelType, int] = {
    ModelType.CLASSIFICATION: 2,
    ModelType.MULTI_LABEL: 2,
    ModelType.DETECTION: 1,
}
"""With fewer the service refuses: https://docs.aws.amazon.com/rekognition/latest/customlabels-dg/limits.html"""
MOST_LABELS = 250
MOST_IMAGES = 250_000


# --- What reading an image told -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Inspected:
    """An object as it was read once: its content's identity and size, or why it is of no use."""

    key: str
    etag: str
    content: str = ""
    size_px: tuple[int, int] | None = None
    """As it is in the file."""
    refusal: str = ""
    provenance: Provenance | None = None
    """None where the object tells none."""
    orientation: int = UPRIGHT
    """How it is to be shown."""
    rules: int = RULES
    """By which it was judged: by those of ``fitness`` today, or earlier ones."""

    def as_line(self) -> str:
        """The line that ``read_inspected`` reads."""
        told: dict[str, Any] = {"refusal": self.refusal}
        if not self.refusal:
            told = {"content": self.content, "size_px": self.size_px}
            if self.orientation != UPRIGHT:
                told["orientation"] = self.orientation
        if self.provenance is not None:
            told["provenance"] = self.provenance.as_json()
        entry = {"key": self.key, "etag": self.etag, **told, "rules": self.rules}
        return json.dumps(entry, ensure_ascii=False)


def read_inspected(lines: Iterable[bytes]) -> Iterator[Inspected]:
    """What was remembered. A line that cannot be read is forgotten: the image is read again."""
    for line in lines:
        try:
            entry = json.loads(line)
            size_px, provenance = entry.get("size_px"), entry.get("provenance")
            yield Inspected(
                entry["key"],
                entry["etag"],
                entry.get("content", ""),
                (int(size_px[0]), int(size_px[1])) if size_px else None,
                entry.get("refusal", ""),
                Provenance.from_json(provenance) if provenance else None,
                int(entry.get("orientation", UPRIGHT)),
                int(entry.get("rules", 0)),
            )
        except UNREADABLE:
            continue


def as_logged(one: Inspected, record: DetectionRecord, *, all_asked: bool) -> Inspected:
    """The same with how it came, by the log's record of the detection after which it is named.

    ``all_asked`` says that people have been asked about every doubtful image so far, so that early
    records, which do not say it, mean it.
    """
    if not _is_copy(one, record.etag):
        return replace(one, provenance=GIVEN)
    provenance = senders.provenance(record)
    if all_asked and provenance.origin is Origin.DOUBTFUL and provenance.chance is None:
        provenance = replace(provenance, chance=1.0)
    return replace(one, provenance=provenance)


def _is_copy(one: Inspected, etag: str) -> bool:
    """Whether the object may hold what was detected, whose ETag this is.

    Copies have other ETags than objects that were uploaded in parts, and those with boxes may have
    been turned upright.
    """
    return "-" in etag or folder_label(one.key) is None or etag == one.etag


@dataclass(frozen=True, slots=True)
class ToInspect:
    """An image to read, after it was copied in where it lies elsewhere."""

    key: str
    etag: str
    """Empty where the object is not there yet."""
    source_bucket: str = ""
    source_key: str = ""

    def as_line(self) -> str:
        """The line that ``read_batch`` reads."""
        entry = {"key": self.key, "etag": self.etag}
        if self.source_bucket:
            entry |= {"source_bucket": self.source_bucket, "source_key": self.source_key}
        return json.dumps(entry, ensure_ascii=False)


def read_batch(lines: Iterable[bytes]) -> list[ToInspect]:
    """The images of a batch. Raises InconsistentError for a line that is none."""
    try:
        return [ToInspect(**json.loads(line)) for line in lines]
    except UNREADABLE as error:
        raise InconsistentError(f"A batch of images to inspect cannot be read: {error}") from error


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


# --- Which of them train and test -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LabelLeftOut:
    """A label that cannot be trained yet, and why: a sentence."""

    label: str
    images: int
    reason: str


_FULL = f"A label of its has {splits.MAX_TEST_IMAGES_PER_LABEL} test images already."
_ENOUGH_NONES = "As many that are none of the labels train already as images of the median label."
_NO_LABEL = "None of its labels can be trained yet."


@dataclass
class Selection:
    """What a version is made of."""

    images: list[SplitImage]
    left_out: list[LeftOut]
    labels_left_out: list[LabelLeftOut]
    contradictions: list[tuple[str, str]] = field(default_factory=list)
    """Two images each that hold the same picture, and of which different labels are said."""


def select(candidates: Iterable[Candidate], ledger: Ledger, model_type: ModelType) -> Selection:
    """The images of the labels that can be trained and tested, with their splits.

    ``ledger`` has the split of every content. Raises UntrainableError when too few labels can.
    """
    decided = ledger.splits
    everything = sorted(candidates, key=lambda candidate: candidate.key)
    names = {label for one in everything for label in one.annotation.labels}
    refused = _refused_names(names - {NONE_OF_THEM})
    surplus = splits.over_the_limit(
        (
            (one.annotation.labels, one.content)
            for one in everything
            if decided[one.content] is Split.TEST
        ),
        sampled_contents(everything),
    )
    images_by_label: Counter[str] = Counter()
    splits_by_label: defaultdict[str, set[Split]] = defaultdict(set)
    for one in everything:
        images_by_label.update(one.annotation.labels)
        if one.content not in surplus:
            for label in one.annotation.labels:
                splits_by_label[label].add(decided[one.content])
    labels_left_out = [
        LabelLeftOut(label, images_by_label[label], reason) for label, reason in refused.items()
    ]
    labels_left_out += [
        LabelLeftOut(
            label,
            count,
            "It needs three different images at least: one to test with, and others to train on.",
        )
        for label, count in images_by_label.items()
        if label not in refused and splits_by_label[label] != {Split.TRAIN, Split.TEST}
    ]
    usable = images_by_label.keys() - {entry.label for entry in labels_left_out}
    _check_labels(usable - {NONE_OF_THEM}, images_by_label, model_type)
    if NONE_OF_THEM in usable and len(usable) > MOST_LABELS:
        usable.remove(NONE_OF_THEM)
        reason = f"There are {MOST_LABELS} labels without it, as many as can be trained."
        left_out = LabelLeftOut(NONE_OF_THEM, images_by_label[NONE_OF_THEM], reason)
        labels_left_out.append(left_out)
    selection = Selection([], [], sorted(labels_left_out, key=lambda entry: entry.label))
    reasons = {one.key: _FULL for one in everything if one.content in surplus}
    reasons |= dict.fromkeys(_nones_over_the_median(everything, decided, usable), _ENOUGH_NONES)
    selection.contradictions = _contradictions(everything)
    for one in everything:
        annotation = one.annotation
        if not usable.issuperset(annotation.labels):
            annotation = annotation.only(usable)
        reason = reasons.get(one.key) or ("" if annotation.labels else _NO_LABEL)
        if reason:
            selection.left_out.append(LeftOut(one.key, one.etag, one.shown, reason))
        else:
            selection.images.append(
                SplitImage(
                    one.key,
                    one.etag,
                    one.content,
                    decided[one.content],
                    annotation,
                    one.shown,
                    _as_tested(one, ledger),
                    one.said_at,
                )
            )
    if len(selection.images) > MOST_IMAGES:
        raise UntrainableError(
            f"There are {len(selection.images)} labelled images; Rekognition Custom Labels trains "
            f"on {MOST_IMAGES} at most. Take some out of {LABELLED_FOLDER}."
        )
    return selection


def _nones_over_the_median(
    candidates: Iterable[Candidate], decided: Mapping[str, Split], usable: Collection[str]
) -> set[str]:
    """The keys of the images that are none of the labels, and train no more.

    A label that is anything else would else grow over all others. Those that test all stay, and so
    do the same ones of those that train while others come, as far as there is room for them.
    """
    trained: Counter[str] = Counter()
    nones = []
    for one in candidates:
        if decided[one.content] is Split.TRAIN:
            trained.update(one.annotation.labels)
            if one.annotation == NONE_OF_THE_LABELS:
                nones.append(one)
    others = [trained[label] for label in usable if label != NONE_OF_THEM]
    most = int(statistics.median(others)) if others else 0
    return {one.key for one in sorted(nones, key=lambda one: (one.content, one.key))[most:]}


def sampled_contents(candidates: Iterable[Candidate]) -> set[str]:
    """The contents of which some image was sampled."""
    return {one.content for one in candidates if one.provenance.origin is Origin.SAMPLED}


def _as_tested(one: Candidate, ledger: Ledger) -> Provenance:
    """How it came, with the chance that it tests, too."""
    came, share = one.provenance, ledger.shares.get(one.content)
    if came.origin is not Origin.SAMPLED or came.chance is None or share is None:
        return came
    return replace(came, chance=came.chance * share)


def _contradictions(images: Iterable[Candidate]) -> list[tuple[str, str]]:
    first: dict[str, Candidate] = {}
    found = []
    for one in images:
        before = first.setdefault(one.content, one)
        if before.annotation.labels != one.annotation.labels:
            found.append((before.key, one.key))
    return found


def _refused_names(names: Iterable[str]) -> dict[str, str]:
    """The labels whose names the service would not take, and why."""
    refused = {}
    for name in names:
        try:
            label_names.check(name)
        except InvalidRequestError as error:
            refused[name] = str(error)
    return refused


def _check_labels(
    usable: set[str], images_by_label: Mapping[str, int], model_type: ModelType
) -> None:
    fewest = FEWEST_LABELS[model_type]
    if len(usable) < fewest:
        have = [one_line(f"{label}: {count}") for label, count in sorted(images_by_label.items())]
        more = f" and {len(have) - 20} more" if len(have) > 20 else ""
        raise UntrainableError(
            f"A model needs at least {'two labels' if fewest > 1 else 'one label'} with three "
            f"different images each, {_WHERE[model_type]}. Images by label now: "
            f"{', '.join(have[:20]) or 'none'}{more}."
        )
    if len(usable) > MOST_LABELS:
        raise UntrainableError(
            f"There are {len(usable)} labels; Rekognition Custom Labels trains {MOST_LABELS} at "
            "most."
        )


_WHERE = {
    ModelType.CLASSIFICATION: f"in folders {LABELLED_FOLDER}<label>/",
    ModelType.MULTI_LABEL: (
        f"in folders {LABELLED_FOLDER}<label>/ or in lines under manifests/imported/"
    ),
    ModelType.DETECTION: "as bounding boxes in lines under manifests/imported/",
}


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
