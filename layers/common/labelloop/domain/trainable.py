"""Which images train and test, and which labels can be trained."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from labelloop.domain import labels as label_names
from labelloop.domain import splits
from labelloop.domain.annotations import ModelType
from labelloop.domain.consensus import NONE_OF_THE_LABELS
from labelloop.domain.inventory import Candidate, LeftOut
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.manifests import (
    LABELLED_FOLDER,
    SplitImage,
)
from labelloop.domain.origins import Origin, Provenance
from labelloop.domain.splits import Ledger, Split
from labelloop.domain.wording import one_line
from labelloop.errors import InvalidRequestError, UntrainableError

FEWEST_LABELS: Mapping[ModelType, int] = {
    ModelType.CLASSIFICATION: 2,
    ModelType.MULTI_LABEL: 2,
    ModelType.DETECTION: 1,
}
"""With fewer the service refuses: https://docs.aws.amazon.com/rekognition/latest/customlabels-dg/limits.html"""
MOST_LABELS = 250
MOST_IMAGES = 250_000


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
