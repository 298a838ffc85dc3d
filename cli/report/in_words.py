"""What a version's report says, in sentences. Called by ``report`` and ``as_page``."""

from collections.abc import Sequence

from labelloop.domain.estimates import Estimate
from labelloop.domain.evaluation_report import Comparison, Difference, Figures, Report
from labelloop_pages.figures import counted, estimated, signed

METRIC_NAMES = {"f1": "F1", "precision": "precision", "recall": "recall"}


def metric_name(metric: str) -> str:
    """The metric's name for people."""
    return METRIC_NAMES[metric]


def figures(report: Report) -> list[str]:
    """How good the version is: by its own evaluation, and by the labels of today."""
    least = "" if report.minimum is None else f", at least {report.minimum:.2f} is wanted"
    sentences = [
        f"F1 {report.f1:.3f}   precision {report.precision:.3f}   recall {report.recall:.3f}"
        f"   (judged by {METRIC_NAMES[report.metric]}{least})",
        f"{report.train_images} images trained it, {report.test_images} tested it.",
    ]
    if report.figures:
        sentences += _with_intervals(report.figures, report.metric)
    return sentences


def _with_intervals(found: Figures, metric: str) -> list[str]:
    means = [
        f"{METRIC_NAMES[name]} {estimated(figure)}"
        for name in METRIC_NAMES
        if (figure := getattr(found, name)) is not None
    ]
    sentences = ["By the labels of today, with 95 % intervals:"]
    if means:
        sentences.append(f"  means over labels: {', '.join(means)}")
    by = "" if metric == "f1" else f", by {METRIC_NAMES[metric]}"
    sentences.append(f"  score of a test image{by}: {estimated(found.test_set)}")
    if found.incoming:
        of = counted(found.incoming.images, "test image")
        sentences.append(
            f"  score of what comes in: {estimated(found.incoming)}, by {of} that say as much as "
            f"{found.incoming.effective_images:.0f} and speak of {found.covers:.0%} of the "
            "inference log"
        )
    sentences += [
        f"  nothing is known of what was {name}: {share:.0%} of the inference log"
        for name, share in found.empty.items()
    ]
    if found.accepted:
        sentences.append(
            f"  wholly right where it is sure: {estimated(found.accepted)}, of "
            f"{counted(found.accepted.images, 'test image')}"
        )
    return sentences


def comparison(report: Report) -> list[str]:
    """How it compares with the version that served; nothing where none did."""
    both = report.comparison
    if both is None:
        return []
    shared = (
        f"On the {both.shared_images} test images that it shares with {report.champion}: "
        f"{both.candidate_score:.3f} against {both.champion_score:.3f}; it is better on "
        f"{both.candidate_better} of them and worse on {both.champion_better} "
        f"(sign test for being worse: p = {both.p_worse:.3f})."
    )
    return [shared, *_differences(both), *_rest(both), *_asked(report)]


def _asked(report: Report) -> list[str]:
    """What was asked of the version that served, what it cost, and what could not be asked."""
    sentences, asked = [], report.asked
    if asked and (asked.answered or asked.run):
        about = f"{asked.answered} of {counted(asked.images, 'image')}"
        told = f"{asked.version} has answered about {about} for this"
        how = "as it ran anyway"
        if asked.run:
            how = (
                f"and was started for it, for {asked.run.hours:.1f} hours, which cost about "
                f"US${asked.run.usd:.2f}"
            )
        sentences.append(f"{told}, {how}.")
    if report.uncompared:
        sentences += [
            f"What kept it from being asked: {report.uncompared}",
            "To go on when that is mended: labelloop train --force",
        ]
    return sentences


def _differences(both: Comparison) -> list[str]:
    named = [
        ("What comes in", both.incoming, "incoming"),
        ("Each test image counting once", both.test_set, "test_set"),
        ("The same with the thresholds as deployed", both.as_deployed, ""),
        ("Images that came since the deployed one was trained", both.fresh, ""),
    ]
    return [
        f"{name}: {_in_words(one)}{', which decides' if basis == both.basis else ''}."
        for name, one, basis in named
        if one is not None
    ]


def _in_words(one: Difference) -> str:
    of = counted(one.images, "image")
    if one.effective_images < one.images - 0.5:
        of += f" that say as much as {one.effective_images:.0f}"
    return (
        f"{signed(one.gain, one.interval)}, {_value(one.candidate)} against "
        f"{_value(one.champion)}, on {of}"
    )


def _value(one: Estimate) -> str:
    return f"{one.value:.3f}"


def _rest(both: Comparison) -> list[str]:
    sentences = []
    if len(both.groups) > 1:
        sentences.append(f"By how images came: {_groups(both)}.")
    worse = [
        f"{one.label} ({one.champion_better} against {one.candidate_better})"
        for one in both.labels
        if one.is_worse
    ]
    if worse:
        sentences.append(f"Worse for sure at: {', '.join(worse)}.")
    if both.apart:
        apart = (
            f"{one.label}{'' if one.score is None else f' {one.score:.2f}'} of "
            f"{counted(one.images, 'image')}"
            for one in both.apart
        )
        sentences.append(f"Only one of them knows: {', '.join(apart)}.")
    if both.missing:
        sentences.append(
            f"Of {counted(both.missing, 'test image')} it is not known what the deployed one says."
        )
    if both.error_rates:
        rates = ", ".join(
            f"{100 * one.difference:.0f} points {one.wrong_way:.0%}" for one in both.error_rates
        )
        sentences.append(f"How often so many images judge a difference the wrong way: {rates}.")
    return sentences


def _groups(both: Comparison) -> str:
    return "; ".join(
        f"{one.name}, {counted(one.images, 'image')}, better on {one.candidate_better} and worse "
        f"on {one.champion_better}"
        for one in both.groups
    )


def label_cells(report: Report, metrics: Sequence[str]) -> list[tuple[str, ...]]:
    """Each label with its figures, those with the lowest ones first."""
    known = report.estimates()
    rows = []
    for label in report.worst_labels():
        of_label = known.get(label.label)
        cells = []
        for metric in metrics:
            figure = of_label.figure(metric) if of_label else None
            cells.append(estimated(figure) if figure else f"{label.figure(metric):.3f}")
        rows.append((label.label, *cells, f"{label.assumed_threshold:.2f}", str(label.test_images)))
    return rows
