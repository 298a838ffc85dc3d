"""What a version says of an image, wherever that was found out, so that it is asked once."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from labelloop.domain.annotations import Box
from labelloop.domain.image_labels import Label
from labelloop.domain.labels import composed
from labelloop.errors import UNREADABLE, InconsistentError


@dataclass(frozen=True, slots=True)
class Finding:
    """A label, or a box, that a model is said to have found."""

    label: str
    confidence: float
    """From 0 to 1."""
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """All that a version said of an image's content, the surest first."""

    content: str
    findings: tuple[Finding, ...]
    complete: bool
    """Whether what is under the assumed thresholds is in it, too."""


def of_labels(
    content: str, labels: Sequence[Label], size_px: tuple[int, int] | None, *, complete: bool
) -> Answer:
    """The answer that a model's labels are; ``size_px`` is the image's, where they have boxes."""
    findings = [
        Finding(label.name, label.confidence_pct / 100, _box(label, size_px)) for label in labels
    ]
    findings.sort(key=lambda finding: (-finding.confidence, finding.label))
    return Answer(content, tuple(findings), complete)


def _box(label: Label, size_px: tuple[int, int] | None) -> Box | None:
    if label.box is None or size_px is None:
        return None
    (width, height), box = size_px, label.box
    return Box(
        label.name,
        round(box.left * width),
        round(box.top * height),
        round(box.width * width),
        round(box.height * height),
    )


def lines(answers: Iterable[Answer]) -> Iterator[str]:
    """The answers as ``read`` reads them, a line each."""
    for answer in answers:
        told: dict[str, Any] = {"content": answer.content, "complete": answer.complete}
        told["findings"] = [_told(finding) for finding in answer.findings]
        yield json.dumps(told, ensure_ascii=False)


def _told(finding: Finding) -> list[Any]:
    told: list[Any] = [finding.label, round(finding.confidence, 6)]
    if finding.box is not None:
        told += [finding.box.left, finding.box.top, finding.box.width, finding.box.height]
    return told


def read(answer_lines: Iterable[bytes]) -> Iterator[Answer]:
    """The answers in these lines. Raises InconsistentError for a line that is none."""
    for number, line in enumerate(answer_lines, start=1):
        try:
            entry = json.loads(line)
            findings = tuple(_finding(told) for told in entry["findings"])
            yield Answer(entry["content"], findings, entry["complete"])
        except UNREADABLE as error:
            raise InconsistentError(
                f"Line {number} of a version's answers cannot be read: {error!r}"
            ) from error


def _finding(told: Sequence[Any]) -> Finding:
    name, confidence, *sides = told
    label = composed(str(name))
    return Finding(label, float(confidence), Box(label, *sides) if sides else None)
