"""To the consumer: what became of an image, what people then said of it, and by what subscribers
choose which they hear of.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labelloop.domain.annotations import MOST_BOXES, ModelType
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.detections import Outcome
from labelloop.domain.image_labels import (
    Label,
    first_that_fit,
    found,
    may_lack_boxes,
    surest_that_fit,
)
from labelloop.domain.images import ImageObject
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.messages import Message, message
from labelloop.domain.places import Place
from labelloop.domain.wording import MOST_SAID, listed, one_line

MOST_BYTES_OF_LABELS = 120_000
"""A message and a state machine's data have up to 256 KB; labels are in both the message and what
it may be filtered by."""
MOST_BYTES_OF_UNSURE = 10_000


@dataclass(frozen=True)
class DetectionResult:
    """What became of an image."""

    image: ImageObject
    detection_id: str
    outcome: Outcome
    model_type: ModelType
    version: str | None
    label: Label | None
    """The one that decided; None where nothing was found."""
    labels: Sequence[Label]
    """All that the model gave."""
    labels_left_out: int
    """How many more there were, less sure ones."""
    unsure: Sequence[Label]
    """What the model did not find, and may be there; the likeliest first."""
    reason: str | None
    human_loop: str | None
    review_enabled: bool
    """Whether people are asked about what is doubtful, be it later."""
    minimum_confidence_pct: float
    """With less than this, it is doubtful."""

    @classmethod
    def of(cls, record: DetectionRecord, model_type: ModelType) -> "DetectionResult":
        """What the record says became of it."""
        return cls(
            image=record.image,
            detection_id=record.detection_id,
            outcome=Outcome(record.outcome),
            model_type=model_type,
            version=record.version,
            label=record.deciding,
            labels=record.labels or (),
            labels_left_out=record.labels_left_out,
            unsure=record.unsure or (),
            reason=record.reason,
            human_loop=record.human_loop,
            review_enabled=bool(record.review_enabled),
            minimum_confidence_pct=record.minimum_confidence_pct or 0.0,
        )


def detection_result(result: DetectionResult, place: Place) -> Message:
    """The message about what became of an image, with addresses to see it and to answer."""
    image, data = result.image, _data(result, place)
    if result.outcome is Outcome.REVIEW and place.review_page:
        data["review_url"] = place.review_page
    key = one_line(image.key)
    if result.outcome is Outcome.REJECTED:
        return message(
            f"{_file_name(key)}: not an image we can use",
            [f"{key} was refused. {result.reason}"],
            data,
        )
    names = list(dict.fromkeys(each.shown().name for each in _found(result)))
    return message(
        f"{_file_name(key)}: {listed(names) or 'nothing found'}",
        [" ".join([*_what_was_found(result), *_what_is_done(result)])],
        data,
    )


def _data(result: DetectionResult, place: Place) -> dict[str, Any]:
    """What programs are told."""
    image, label = result.image, result.label.shown() if result.label else None
    labels = surest_that_fit([each.shown() for each in result.labels], MOST_BYTES_OF_LABELS)
    unsure = first_that_fit(result.unsure[:MOST_SAID], MOST_BYTES_OF_UNSURE)
    data: dict[str, Any] = {
        "detection_id": result.detection_id,
        "bucket": image.bucket,
        "key": image.key,
        "version_id": image.version_id,
        "outcome": result.outcome.value,
        "version": result.version,
        "label": label.name if label else None,
        "confidence_pct": label.confidence_pct if label else None,
        "labels": [each.as_json() for each in labels],
        "labels_left_out": result.labels_left_out + len(result.labels) - len(labels),
        "reason": result.reason,
        "human_loop": result.human_loop,
    }
    if unsure:
        data["unsure"] = [each.as_json() for each in unsure]
    data |= {"stack": place.stack, "region": place.region}
    data["image_url"] = place.file(image.key, image.version_id)
    return data


def _file_name(key: str) -> str:
    return key.rsplit("/", 1)[-1]


def filter_label(result: DetectionResult) -> str:
    """The names of the labels that were found, as a JSON array: SNS's type ``String.Array``.

    Nothing found is the value null, since SNS takes no empty text.
    """
    labels = surest_that_fit(_found(result), MOST_BYTES_OF_LABELS)
    names = list(dict.fromkeys(label.shown().name for label in labels))
    return json.dumps(names or [None], ensure_ascii=False)


def filter_confidence(result: DetectionResult) -> str:
    """The confidence that decided, in percent, to the five decimals that SNS compares; else 0."""
    return f"{result.label.confidence_pct if result.label else 0:.5f}"


def filter_version(result: DetectionResult) -> str:
    """The version that looked at the image; ``none`` where none has."""
    return result.version or "none"


# --- What people said -----------------------------------------------------------------------------

OF_THE_MODEL = ("outcome", "label", "confidence_pct", "labels", "labels_left_out", "unsure")
"""What stands in the same places of a message about what people said, and is theirs there."""


def decision(record: DetectionRecord, model_type: ModelType, place: Place) -> Message:
    """The message about what people have said of an image, with the model's own answer beside it.

    People are certain: what they said has 100 percent.
    """
    result = DetectionResult.of(record, model_type)
    data = _data(result, place)
    model = {name: data[name] for name in OF_THE_MODEL if name in data}
    data.pop("unsure", None)
    data |= {
        "outcome": record.agreement,
        "label": record.human_label or None,
        "confidence_pct": _certainty_pct(record),
        "labels": [
            Label(label.name, 100.0, label.box).as_json() for label in record.human_labels or ()
        ],
        "labels_left_out": 0,
        "revision": record.revision,
        "decided_by": record.decided_by,
        "agreement": record.agreement,
        "answers": record.answers,
        "model": model,
    }
    key = one_line(record.key)
    subject, sentence = _what_people_said(record, key)
    paragraphs = [" ".join([sentence, *_what_was_found(result)])]
    return message(f"{_file_name(key)}: {subject}", paragraphs, data)


def decision_filters(record: DetectionRecord) -> dict[str, str]:
    """By what that message may be filtered, as one about a detection."""
    return {
        "outcome": record.agreement or "",
        "detection_id": record.detection_id,
        "label": json.dumps(_names_by_people(record) or [None], ensure_ascii=False),
        "confidence": f"{_certainty_pct(record) or 0:.5f}",
        "version": record.version or "none",
    }


def _certainty_pct(record: DetectionRecord) -> float | None:
    return 100.0 if record.decided_by == "people" else None


def _names_by_people(record: DetectionRecord) -> list[str]:
    return list(dict.fromkeys(label.name for label in record.human_labels or ()))


def _what_people_said(record: DetectionRecord, key: str) -> tuple[str, str]:
    """It in a few words, and in a sentence."""
    names = _names_by_people(record)
    if names:
        return f"{listed(names)}, people say", f"In {key} people found {listed(names)}."
    if record.decided_by == "people":
        return "none of the labels, people say", f"In {key} people found none of the labels."
    if record.answers:
        return "people do not agree", f"About {key} people do not agree."
    if record.revision > 1:
        return "taken back", f"What people said about {key} was taken back."
    return "nobody has answered", f"About {key} people were asked, and nobody has answered."


# --- What the model found, and what is done about it ----------------------------------------------


def _found(result: DetectionResult) -> list[Label]:
    return found(result.labels, result.model_type)


def _what_was_found(result: DetectionResult) -> list[str]:
    if result.label and result.label.name == NONE_OF_THEM:
        pct = result.label.confidence_pct
        return [
            f"The model takes {one_line(result.image.key)} for none of its labels ({pct:.1f} %)."
        ]
    said = [_with_confidence(label) for label in _found(result)]
    # What a classification model gave beside its one label, it did not find.
    more = 0 if result.model_type is ModelType.CLASSIFICATION else result.labels_left_out
    found_here = listed(said, more) or "nothing that it knows"
    sentences = [f"In {one_line(result.image.key)} the model found {found_here}."]
    if result.label and len(said) > 1:
        sentences.append(f"The least sure is {_with_confidence(result.label)}.")
    chances = _chances(result)
    if chances:
        sentences.append(f"By its test results, the chance is {listed(chances)}.")
    return sentences


def _chances(result: DetectionResult) -> list[str]:
    """How likely that is which is not certain enough, where a chance is known."""
    least_pct = result.minimum_confidence_pct
    found_here = [
        f"{label.chance_pct:.0f} % that there is {label.name}"
        for label in _found(result)
        if label.chance_pct is not None and label.chance_pct < least_pct
    ]
    missed = [
        f"{label.sure_pct:.0f} % that there is {label.name}, which it did not find"
        for label in result.unsure
        if 100 - label.sure_pct < least_pct
    ]
    return found_here + missed


def _what_is_done(result: DetectionResult) -> list[str]:
    why = "That is not certain enough"
    if _is_sure_of_none(result):
        why = "People have not said often enough yet that it is right about such images"
    if may_lack_boxes(result.labels):
        why = f"Where there are {MOST_BOXES} boxes or more, some may be missing"
    if result.outcome is Outcome.REVIEW:
        return [f"{why}, so a person is being asked."]
    if result.outcome is Outcome.DEFERRED and result.review_enabled:
        return [f"{why}. It waits: a person is asked if it is among the most useful images."]
    if result.outcome is Outcome.DEFERRED:
        return [f"{why}, and human review is switched off."]
    return []


def _is_sure_of_none(result: DetectionResult) -> bool:
    label = result.label
    return (
        label is not None
        and label.name == NONE_OF_THEM
        and label.confidence_pct >= result.minimum_confidence_pct
    )


def _with_confidence(label: Label) -> str:
    return f"{label.name} ({label.confidence_pct:.1f} %)"
