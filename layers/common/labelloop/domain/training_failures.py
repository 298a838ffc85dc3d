"""What the service says of a training that failed, in words: what is wrong, where, what to do.

The service names its findings by codes, in three places: the version's status message, the manifest
summary, and the validation manifests, which have every line that was sent with what is wrong with
it. A manifest may have 250,000 lines, so they are read one by one.

Codes: https://docs.aws.amazon.com/rekognition/latest/customlabels-dg/tm-debugging.html
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from labelloop.domain.splits import Split
from labelloop.errors import UNREADABLE

MOST_CHARACTERS = 3000
"""Of the text: it goes into an e-mail and into the version's record."""
EXAMPLES = 5
"""How many images are named for one finding; the rest is counted."""
_KEY_CHARACTERS = 120
_MESSAGE_CHARACTERS = 600

_CODE = re.compile(r"\b(?:ERROR|WARNING)_[A-Z0-9_]+")
_LISTS = frozenset({"errors", "warnings", "cl-errors"})
"""What problems are listed under: in validation manifests, and in a dataset's entries."""
_LISTED = tuple(f'"{name}"'.encode() for name in sorted(_LISTS))
_DATASETS = {Split.TRAIN: "training", Split.TEST: "testing"}
"""The name of each split in the manifest summary."""
_NAMES = {Split.TRAIN: "training", Split.TEST: "test"}

WORDS: Mapping[str, str] = {
    # A whole dataset
    "ERROR_MANIFEST_INACCESSIBLE_OR_UNSUPPORTED_FORMAT": (
        "the manifest cannot be read or is no JSON Lines file; train again, and if that does not "
        "help, see whether the bucket's policy or encryption keeps Rekognition out"
    ),
    "ERROR_MANIFEST_SIZE_TOO_LARGE": "the manifest is over 1 GB; take images out",
    "ERROR_MANIFEST_ROWS_EXCEEDS_MAXIMUM": (
        "there are more than 250,000 images in one dataset; take images out"
    ),
    "ERROR_INVALID_PERMISSIONS_MANIFEST_S3_BUCKET": (
        "Rekognition may not read the manifest; see whether the bucket's policy or encryption "
        "keeps it out"
    ),
    "ERROR_TOO_MANY_RECORDS_IN_ERROR": (
        "too many lines of a manifest have errors; mend or remove the images that are named here"
    ),
    "ERROR_MANIFEST_TOO_MANY_LABELS": (
        "there are more than 250 labels; join labels, or take some out"
    ),
    "ERROR_INSUFFICIENT_IMAGES_PER_LABEL_FOR_DISTRIBUTE": (
        "a label has too few images to be divided into training and test; add images to it"
    ),
    "ERROR_TOO_MANY_INVALID_ROWS_IN_MANIFEST": (
        "more than 20 % of a manifest's lines have errors, so nothing was trained; mend or remove "
        "the images that are named here"
    ),
    "ERROR_IMAGES_IN_MULTIPLE_S3_BUCKETS": (
        "the images are in more than one bucket; remove the datasets in Rekognition's console that "
        "were not made by Label Loop, and train again"
    ),
    "ERROR_INVALID_PERMISSIONS_IMAGES_S3_BUCKET": (
        "Rekognition may not read the images; see whether the bucket's policy or encryption keeps "
        "it out"
    ),
    "ERROR_INVALID_IMAGES_S3_BUCKET_OWNER": (
        "the images' bucket belongs to another account; Rekognition takes images from a bucket of "
        "its own account only"
    ),
    "ERROR_INSUFFICIENT_IMAGES_PER_LABEL_FOR_AUTOSPLIT": (
        "a label has too few images to be divided into training and test; add images to it"
    ),
    "ERROR_MANIFEST_TOO_FEW_LABELS": (
        "there are too few labels: two are the least, or one for object detection; add images of "
        "another label"
    ),
    "ERROR_INSUFFICIENT_LABEL_OVERLAP": (
        "less than half of the labels have test images; add images to the labels that have fewest"
    ),
    "ERROR_MANIFEST_TOO_FEW_USABLE_LABELS": (
        "too few labels are left when images with errors are left out: two are the least, or one "
        "for object detection; mend the images that are named here, or add others"
    ),
    "ERROR_INSUFFICIENT_USABLE_LABEL_OVERLAP": (
        "less than half of the labels have test images when images with errors are left out; mend "
        "the images that are named here, or add others"
    ),
    "ERROR_FAILED_IMAGES_S3_COPY": (
        "Rekognition could not copy the images; see whether some were deleted while it trained, "
        "or may not be read, and train again"
    ),
    # A line of a manifest
    "ERROR_MISSING_SOURCE_REF": "the line names no image; add a source-ref",
    "ERROR_INVALID_SOURCE_REF_FORMAT": (
        "the image's address is not of the form s3://bucket/key; mend the source-ref"
    ),
    "ERROR_NO_LABEL_ATTRIBUTES": "the line has no label; label the image, or take it out",
    "ERROR_INVALID_LABEL_ATTRIBUTE_FORMAT": (
        "the label's value is not of the documented form; mend the line"
    ),
    "ERROR_INVALID_LABEL_ATTRIBUTE_METADATA_FORMAT": (
        "the label's metadata is not of the documented form; mend the line"
    ),
    "ERROR_NO_VALID_LABEL_ATTRIBUTES": (
        "none of the line's labels can be used; mend the line, or label the image anew"
    ),
    "ERROR_MISSING_BOUNDING_BOX_CONFIDENCE": (
        "a box has no confidence; add one to the objects in the metadata"
    ),
    "ERROR_MISSING_CLASS_MAP_ID": (
        "a box has a class_id that the class-map does not name; add it to the class-map"
    ),
    "ERROR_INVALID_JSON_LINE": "the line is not JSON; mend the line",
    "ERROR_INVALID_IMAGE": (
        "the image is missing, broken, or neither PNG nor JPEG; put a good one in its place, or "
        "delete it"
    ),
    "ERROR_INVALID_IMAGE_DIMENSION": (
        "the image is under 64 or over 4096 pixels a side, or over 20 times longer than wide; "
        "scale or crop it"
    ),
    "ERROR_INVALID_BOUNDING_BOX": "a box is not inside the image; mend the box",
    "ERROR_NO_VALID_ANNOTATIONS": "none of the image's boxes can be used; mend them",
    "ERROR_BOUNDING_BOX_TOO_SMALL": (
        "a box is no more than a pixel wide or high when the image is scaled to 1280 pixels; "
        "enlarge the box, or remove it"
    ),
    "ERROR_TOO_MANY_BOUNDING_BOXES": "the image has more than 50 boxes; remove some",
    "ERROR_UNSUPPORTED_USE_CASE_TYPE": (
        "the label is of a kind that Custom Labels does not train on; give the image a label or "
        "boxes instead"
    ),
    "ERROR_INVALID_LABEL_NAME_LENGTH": (
        "the label's name is empty or over 255 characters; rename the label"
    ),
    "WARNING_UNANNOTATED_RECORD": "the image has no label and was not used; label it",
    "WARNING_NO_ANNOTATIONS": "the image has no boxes and was not used; draw some",
    "WARNING_NO_ATTRIBUTE_ANNOTATIONS": (
        "one of the image's attributes has no boxes and was not used; draw some, or remove it"
    ),
}
"""Each documented code in words: what is wrong, and what to do about it."""


@dataclass(frozen=True)
class Explanation:
    """Why a training failed."""

    sentences: tuple[str, ...]
    text: str
    """The sentences, a line each, as many as an e-mail should have."""


@dataclass
class _Finding:
    """One code in the lines of one dataset."""

    message: str
    images: int = 0
    examples: list[str] = field(default_factory=list)


def explain(
    reason: str, summary: bytes | None, validations: Mapping[Split, Iterable[bytes]]
) -> Explanation:
    """What the service found, the gravest first.

    ``reason`` is its own message; ``summary`` the manifest summary and ``validations`` the lines of
    the validation manifests, where it wrote any: it writes none when it cannot read a manifest.
    """
    sentences = [_ended(_cut(" ".join(reason.split()), _MESSAGE_CHARACTERS))]
    sentences += [_sentence(code, "") for code in _CODE.findall(reason) if code in WORDS]
    if summary is not None:
        sentences += _of_summary(summary)
    for split, lines in validations.items():
        sentences += _of_lines(_NAMES[split], lines)
    distinct = tuple(dict.fromkeys(sentences))
    return Explanation(distinct, _text(distinct))


def of_entries(split: Split, entries: Iterable[str]) -> list[str]:
    """A sentence for each error in a dataset's entries, as ListDatasetEntries gives them."""
    return _of_lines(_NAMES[split], (entry.encode() for entry in entries))


def _of_summary(body: bytes) -> list[str]:
    try:
        content = json.loads(body)
        statistics = content.get("statistics", {})
        problems = list(content.get("errors", []))
        sentences = []
        for split, name in _DATASETS.items():
            dataset = statistics.get(name, {})
            problems += dataset.get("errors", [])
            invalid = int(dataset.get("invalid_json_lines", 0))
            if invalid:
                sentences.append(
                    f"{invalid} of {dataset['total_json_lines']} {_NAMES[split]} images have "
                    "errors."
                )
        return [_sentence(*problem) for problem in map(_problem, problems)] + sentences
    except UNREADABLE:
        # The training has failed anyway, and the other files may say why.
        return ["The service's manifest summary cannot be read."]


def _of_lines(name: str, lines: Iterable[bytes]) -> list[str]:
    """A sentence for each code in a validation manifest: errors first, then the most frequent."""
    findings: dict[str, _Finding] = {}
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        # Most lines are good, and looking is quicker than reading.
        if not text or (text.endswith(b"}") and not any(name in text for name in _LISTED)):
            continue
        image, problems = _line(number, text)
        for code, message in problems.items():
            finding = findings.setdefault(code, _Finding(message))
            finding.images += 1
            if len(finding.examples) < EXAMPLES:
                finding.examples.append(image)
    ranked = sorted(
        findings.items(), key=lambda item: (item[0].startswith("WARNING_"), -item[1].images)
    )
    return [_of_finding(name, code, finding) for code, finding in ranked]


def _line(number: int, line: bytes) -> tuple[str, dict[str, str]]:
    """The image that a line is about, and the problems it has: their messages by code."""
    try:
        entry = json.loads(line)
    except ValueError:
        return f"line {number}", {"ERROR_INVALID_JSON_LINE": ""}
    source = entry.get("source-ref") if isinstance(entry, dict) else None
    image = f"line {number}"
    if isinstance(source, str):
        image = cut_left(source.removeprefix("s3://").partition("/")[2] or source)
    problems: dict[str, str] = {}
    for code, message in _problems(entry):
        problems.setdefault(code, message)
    return image, problems


def _problems(part: Any) -> Iterator[tuple[str, str]]:
    """The errors and warnings of a line, and of its attributes, their boxes and metadata."""
    if isinstance(part, list):
        for member in part:
            yield from _problems(member)
    elif isinstance(part, dict):
        for name, value in part.items():
            if name in _LISTS and isinstance(value, list):
                yield from map(_problem, value)
            else:
                yield from _problems(value)


def _problem(described: Any) -> tuple[str, str]:
    """Code and message of a problem."""
    if not isinstance(described, dict):
        return "", str(described)
    return str(described.get("code", "")), str(described.get("message", ""))


def _sentence(code: str, message: str) -> str:
    words = _words(code, message)
    return _ended(words[:1].upper() + words[1:])


def _of_finding(name: str, code: str, finding: _Finding) -> str:
    count = f"One {name} image" if finding.images == 1 else f"{finding.images} {name} images"
    words = _words(code, finding.message).rstrip(".")
    unnamed = finding.images - len(finding.examples)
    more = f" and {unnamed} more" if unnamed else ""
    return f"{count}: {words}: {', '.join(finding.examples)}{more}."


def _words(code: str, message: str) -> str:
    """What a code means; of one that is not documented, the service's own words."""
    own = _cut(" ".join(message.split()), _MESSAGE_CHARACTERS)
    return WORDS.get(code) or own or code or "the service does not say what is wrong"


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[: characters - 1]}…"


def cut_left(key: str) -> str:
    """The end of a long key, which tells more than its beginning."""
    return key if len(key) <= _KEY_CHARACTERS else f"…{key[1 - _KEY_CHARACTERS :]}"


def _text(sentences: tuple[str, ...]) -> str:
    lines: list[str] = []
    left = MOST_CHARACTERS - 40
    for position, sentence in enumerate(sentences):
        line = sentence if position == 0 else f"- {sentence}"
        left -= len(line) + 1
        if left < 0:
            lines.append(f"- {len(sentences) - position} more findings.")
            break
        lines.append(line)
    return "\n".join(lines)
