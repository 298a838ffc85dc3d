"""What a version was made of and what was left out, for its report and for e-mails."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

from labelloop.domain.imports import Collection, Noted
from labelloop.domain.inventory import LeftOut
from labelloop.domain.manifests import Changes
from labelloop.domain.splits import Split
from labelloop.domain.trainable import LabelLeftOut, Selection
from labelloop.domain.wording import alike, images_in_words, listed, one_line

EXAMPLES = 100
"""How many images, reasons or lines a report names; the rest is counted."""
_REASONS_IN_WORDS = 5


def report(
    selection: Selection,
    left_out: Sequence[LeftOut],
    passed_over: Sequence[LeftOut],
    collection: Collection,
    changes: Changes,
) -> dict[str, Any]:
    """The data report of a version, as JSON can have it."""
    by_label: defaultdict[str, Counter[Split]] = defaultdict(Counter)
    by_split: Counter[Split] = Counter()
    for image in selection.images:
        by_split[image.split] += 1
        for label in image.annotation.labels:
            by_label[label][image.split] += 1
    return {
        "images": len(selection.images),
        "train_images": by_split[Split.TRAIN],
        "test_images": by_split[Split.TEST],
        "labels": {
            label: {"train": counts[Split.TRAIN], "test": counts[Split.TEST]}
            for label, counts in sorted(by_label.items())
        },
        "changes": asdict(changes),
        "left_out": {"images": len(left_out), **_with_reasons(left_out)},
        "passed_over": {"files": len(passed_over), **_with_reasons(passed_over)},
        "labels_left_out": [asdict(entry) for entry in selection.labels_left_out],
        "under_several_labels": {
            "count": len(selection.contradictions),
            "examples": [list(keys) for keys in selection.contradictions[:EXAMPLES]],
        },
        "bad_lines": {**_noted(collection.bad), "of": collection.line_count},
        "ignored_lines": _noted(collection.ignored),
        "lines_in_part": _noted(collection.in_part),
        "no_manifests": {
            "count": len(collection.no_manifests),
            "examples": collection.no_manifests[:EXAMPLES],
        },
    }


def _with_reasons(things: Sequence[LeftOut]) -> dict[str, Any]:
    return {
        "by_reason": dict(Counter(one.reason for one in things).most_common(EXAMPLES)),
        "examples": [{"key": one.key, "reason": one.reason} for one in things[:EXAMPLES]],
    }


def _noted(noted: Noted) -> dict[str, Any]:
    return {"count": noted.count, "examples": [asdict(line) for line in noted.first]}


def in_words(
    left_out: Sequence[LeftOut],
    passed_over: Sequence[LeftOut],
    labels: Sequence[LabelLeftOut],
    collection: Collection,
) -> list[str]:
    """What was left out and why, the most frequent reasons first: a few sentences, a line each.

    Files at which nothing looks are no images: they are counted by themselves.
    """
    sentences = _by_kind(left_out, lambda count: f"{images_in_words(count).capitalize()} left out")
    sentences += _labels_in_words(labels)
    sentences += _by_kind(passed_over, lambda count: f"{_files(count)} not looked at")
    sentences += _lines_in_words(collection)
    return list(map(one_line, sentences))


def _by_kind(things: Sequence[LeftOut], said: Callable[[int], str]) -> list[str]:
    kinds = alike((one.key, one.reason) for one in things)
    sentences = [
        f"{said(count)}, such as {key}: {reason}"
        for count, key, reason in kinds[:_REASONS_IN_WORDS]
    ]
    others = sum(count for count, _, _ in kinds[_REASONS_IN_WORDS:])
    return [*sentences, f"{said(others)} for other reasons."] if others else sentences


def _labels_in_words(labels: Iterable[LabelLeftOut]) -> list[str]:
    """A sentence for each reason, with the labels that it is true of."""
    by_reason: defaultdict[str, list[LabelLeftOut]] = defaultdict(list)
    for entry in labels:
        by_reason[entry.reason].append(entry)
    return [
        f"{_labels(entries)} left out: {reason}"
        for reason, entries in sorted(by_reason.items(), key=lambda one: -len(one[1]))
    ]


def _labels(entries: Sequence[LabelLeftOut]) -> str:
    named = listed([f"{entry.label} ({images_in_words(entry.images)})" for entry in entries])
    return f"The label {named} was" if len(entries) == 1 else f"The labels {named} were"


def _files(count: int) -> str:
    return "One file" if count == 1 else f"{count} files"


def contradictions_in_words(selection: Selection) -> list[str]:
    """That the same picture lies under different labels, where it does: a sentence."""
    if not selection.contradictions:
        return []
    first, second = selection.contradictions[0]
    return [
        f"The same picture is under different labels, {len(selection.contradictions)} times, such "
        f"as {one_line(first)} and {one_line(second)}. Both train: take the wrong one out."
    ]


def _lines_in_words(collection: Collection) -> list[str]:
    """What was left out of the imported manifests, and of the files beside them."""
    of = f"of {collection.line_count} lines of imported manifests"
    sentences = [
        f"{noted.count} {of} {what}, such as line {first.line} of {first.file}: {first.reason}"
        for noted, what in (
            (collection.bad, "are bad"),
            (collection.ignored, "have nothing to learn"),
            (collection.in_part, "are used in part"),
        )
        for first in noted.first[:1]
    ]
    if collection.no_manifests:
        files = _files(len(collection.no_manifests))
        sentences.append(
            f"{files} under manifests/imported/ left out, such as "
            f"{collection.no_manifests[0]}: not a manifest, since no line of it has a "
            "source-ref."
        )
    return sentences
