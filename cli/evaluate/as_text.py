"""An evaluation of versions, in words and tables for a terminal. Called by ``evaluate``."""

from collections import Counter
from collections.abc import Iterable, Sequence

from labelloop.domain.annotations import ModelType
from labelloop.domain.answers import Finding
from labelloop.domain.comparison import Difference
from labelloop.domain.scoring import METRICS
from labelloop.domain.wording import one_line
from labelloop_pages.figures import counted, estimated, signed

from ..report.in_words import metric_name
from ..sections import MOST_LINES, NOTHING, aligned, some
from .trials import Bin, Evaluation, LabelResult, Pair, Share, Trial

WHOLLY_RIGHT = {
    ModelType.CLASSIFICATION: "right",
    ModelType.MULTI_LABEL: "all labels right",
    ModelType.DETECTION: "all boxes right",
}
MOST_SAID = 5
"""Of what a version found in a picture, the surest are named."""
SCORES = {ModelType.MULTI_LABEL: "labels", ModelType.DETECTION: "boxes"}
"""Of what a picture's score is; a classification model is right about a picture or wrong."""


def text(evaluation: Evaluation) -> str:
    """All that there is to say, but for the pictures themselves."""
    sections = [
        aligned(figures(evaluation)),
        ["The figures in brackets are 95 % intervals: where the true figure lies, most likely."],
        *[_pair(pair) for pair in evaluation.pairs],
        _labels(evaluation.trials),
        *[_mistakes(trial, evaluation) for trial in evaluation.trials],
        _calibration(evaluation.trials),
        *[_unknown(trial) for trial in evaluation.trials],
        _not_counted(evaluation),
    ]
    return "\n\n".join("\n".join(map(one_line, lines)) for lines in sections if lines)


def figures(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """A table of the versions' figures: a column for each of them."""
    tried = evaluation.trials
    rows = [
        ("", *(named(trial, evaluation.serving) for trial in tried)),
        ("pictures", *(f"{len(trial.seen):,}" for trial in tried)),
        (WHOLLY_RIGHT[evaluation.model_type], *(share(trial.right) for trial in tried)),
    ]
    of = SCORES.get(evaluation.model_type)
    if of:
        name = f"{metric_name(evaluation.metric)} of a picture's {of}"
        rows.append((name, *(estimated(trial.score) for trial in tried)))
    for metric in METRICS:
        cells = (estimated(trial.in_all[metric]) for trial in tried)
        rows.append((f"{metric_name(metric)}, mean over labels", *cells))
    return rows


def named(trial: Trial, serving: str | None) -> str:
    """The version's name, and whether it serves."""
    return f"{trial.version}, deployed" if trial.version == serving else trial.version


def share(of: Share) -> str:
    """A share with its interval and what it rests on."""
    if not of.whole:
        return "none"
    low, high = (100 * end for end in of.interval)
    return f"{of.part:,} of {of.whole:,}: {100 * of.value:.1f} % ({low:.1f} to {high:.1f})"


# --- Two versions ---------------------------------------------------------------------------------


def _pair(pair: Pair) -> list[str]:
    lines = [*in_words(pair), f"They differ on {counted(len(pair.differ), 'picture')}."]
    names = [
        f"  {mine.picture.name}: {', '.join(mine.picture.truth.labels) or NOTHING}; "
        f"{pair.first.version} says {said(mine.found)}, {pair.other.version} {said(theirs.found)}"
        for mine, theirs in pair.differ
    ]
    return [*lines, *some("the pictures on which they differ", names)]


def in_words(pair: Pair) -> list[str]:
    """How the two compare: sentences."""
    one, difference = pair.other.version, pair.difference
    sentences = [
        f"{one} against {pair.first.version}, on {counted(difference.images, 'picture')}: "
        f"{with_interval_of(difference)}. It is better on {difference.better} and worse on "
        f"{difference.worse} (sign test: p {_p(pair.p_value)}).",
        _conclusion(pair),
    ]
    worse = [
        f"{label.label} ({label.worse} against {label.better} pictures)"
        for label in pair.compared.worse_labels
    ]
    if worse:
        sentences.append(f"It is worse at these labels, which is no chance: {', '.join(worse)}.")
    sentences += [
        f"Only {one.known_to} knows {one.label}: {counted(one.score.images, 'picture')}, "
        f"{estimated(one.score)}."
        for one in pair.apart
    ]
    return sentences


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def with_interval_of(difference: Difference) -> str:
    """Both scores, and their difference with its interval."""
    return (
        f"{difference.candidate.value:.3f} against {difference.champion.value:.3f}, "
        f"{signed(difference.gain, (difference.low, difference.high))}"
    )


def _conclusion(pair: Pair) -> str:
    one, other, difference = pair.other.version, pair.first.version, pair.difference
    if difference.low > 0:
        return f"{one} is better on such pictures."
    if difference.high < 0:
        return f"{one} is worse on such pictures."
    return f"These pictures do not tell whether {one} or {other} is better."


def said(found: Iterable[Finding]) -> str:
    """What a version found, in short."""
    parts = [f"{finding.label} {100 * finding.confidence:.0f} %" for finding in found]
    more = [f"{len(parts) - MOST_SAID} more"] if len(parts) > MOST_SAID else []
    return ", ".join([*parts[:MOST_SAID], *more]) or NOTHING


# --- One version ----------------------------------------------------------------------------------


def _labels(tried: Sequence[Trial]) -> list[str]:
    table = labels(tried)
    lines = aligned(table)
    more = len(lines) - 1 - MOST_LINES
    rest = [f"  and {more} more: --html FILE, or --json"] if more > 0 else []
    return [*lines[: MOST_LINES + 1], *rest] if len(lines) > 1 else []


def labels(tried: Sequence[Trial]) -> list[tuple[str, ...]]:
    """A table of the labels, those with which the first version does worst first."""
    if len(tried) == 1:
        rows = [("label, the worst first", "F1", "precision", "recall", "pictures")]
        return [*rows, *map(_of_one, tried[0].labels)]
    by_version = [{one.label: one for one in trial.labels} for trial in tried]
    names = dict.fromkeys(one.label for trial in tried for one in trial.labels)
    pictures = {label: max(of[label].images for of in by_version if label in of) for label in names}
    return [
        ("label, the worst first", *(f"F1 of {trial.version}" for trial in tried), "pictures"),
        *(
            (label, *(_f1(of.get(label)) for of in by_version), str(pictures[label]))
            for label in names
        ),
    ]


def _of_one(one: LabelResult) -> tuple[str, ...]:
    return (one.label, *(estimated(one.figure(metric)) for metric in METRICS), str(one.images))


def _f1(one: LabelResult | None) -> str:
    return estimated(one.figure("f1")) if one else "-"


def _mistakes(trial: Trial, evaluation: Evaluation) -> list[str]:
    wrong = Counter(
        {
            (truth, predicted): count
            for (truth, predicted), count in trial.confusion.items()
            if truth != predicted
        }
    )
    lines = [
        f"  {truth} taken for {predicted or NOTHING}: {count}"
        for (truth, predicted), count in wrong.most_common()
    ]
    of = f" by {trial.version}" if len(evaluation.trials) > 1 else ""
    return some(f"most confused{of}, in pictures", lines)


def _calibration(tried: Sequence[Trial]) -> list[str]:
    by_version = [{one.low: one for one in trial.calibration} for trial in tried]
    lows = sorted({low for of in by_version for low in of}, reverse=True)
    if not lows:
        return []
    rows = [("how sure it is", *(trial.version for trial in tried))]
    for low in lows:
        bins = [of.get(low) for of in by_version]
        name = next(claimed(one) for one in bins if one)
        rows.append((name, *(share(one.right) if one else "never" for one in bins)))
    return [f"{what_it_claims(tried[0])}, by how sure the version is", *aligned(rows)]


def what_it_claims(trial: Trial) -> str:
    """What the figures of the calibration are about."""
    return {
        ModelType.CLASSIFICATION: "how often it is right",
        ModelType.MULTI_LABEL: "how often a label is there",
        ModelType.DETECTION: "how often a box is right",
    }[trial.model_type]


def claimed(one: Bin) -> str:
    """Of how much the answers of a bin are sure."""
    return f"{100 * one.low:.0f} to {100 * one.high:.0f} %"


def _unknown(trial: Trial) -> list[str]:
    return [f"{trial.version} does not know {sentence}" for sentence in unknown(trial)]


def unknown(trial: Trial) -> list[str]:
    """The labels that a version does not know: the rest of sentences."""
    sentences = []
    for label, taken in trial.unknown.items():
        words = f"{label} ({counted(taken.total(), 'picture')}, not in its figures)"
        if trial.model_type is ModelType.CLASSIFICATION:
            for_what = ", ".join(
                f"{name or NOTHING} {count}" for name, count in taken.most_common(5)
            )
            words += f", and takes it for: {for_what}"
        sentences.append(f"{words}.")
    return sentences


# --- What does not count --------------------------------------------------------------------------


def _not_counted(evaluation: Evaluation) -> list[str]:
    lines = trained(evaluation)
    for title, rows in not_counted(evaluation):
        lines += some(title, [f"  {name}: {why}" for name, why in rows])
    if evaluation.pictures.failed or any(trial.failed for trial in evaluation.trials):
        lines.append("To try these again, run the same command again: what was answered is kept.")
    return lines


def not_counted(evaluation: Evaluation) -> list[tuple[str, list[tuple[str, str]]]]:
    """The pictures that do not count, each with the reason, under their titles."""
    pictures = evaluation.pictures
    found = []
    for trial in evaluation.trials:
        for title, reasons in (("not taken", trial.refused), ("not answered", trial.failed)):
            rows = [(one.name, why) for one, why in reasons]
            found.append((f"{counted(len(rows), 'picture')} {title} by {trial.version}", rows))
    for title, entries in (("left out", pictures.left_out), ("not read", pictures.failed)):
        rows = [(entry["file"], entry["reason"]) for entry in entries]
        found.append((f"{counted(len(rows), 'picture')} {title}", rows))
    copies = [(entry["file"], f"the same as {entry['same_as']}") for entry in pictures.copies]
    found.append((f"{counted(len(copies), 'picture')} there again, counted once", copies))
    return [(title, rows) for title, rows in found if rows]


def trained(evaluation: Evaluation) -> list[str]:
    """What pictures that trained a version mean: sentences."""
    if evaluation.with_trained:
        return [
            f"{counted(len(trial.trained), 'picture')} trained {trial.version}, which flatters it."
            for trial in evaluation.trials
            if trial.trained
        ]
    of_any = {one.content for trial in evaluation.trials for one in trial.trained}
    if not of_any:
        return []
    return [
        f"Left out, since a version that learned them is right about them: "
        f"{counted(len(of_any), 'picture')}. To count them all the same: --with-trained"
    ]
