"""A report in words and tables for a terminal. Called by ``report``."""

from labelloop.domain.calibration import Outlook
from labelloop.domain.evaluation_report import Data, Report, mistakes
from labelloop.domain.scoring import METRICS
from labelloop.domain.wording import one_line
from labelloop_pages.figures import counted

from .. import minimums
from ..sections import MOST_LINES, NOTHING, aligned, some
from . import in_words


def text(found: Report, cost: Outlook | None, *, serves: bool) -> str:
    sections = [
        _verdict(found, serves),
        _figures(found),
        _labels(found),
        _minimums(cost) if cost else [],
        _mistakes(found),
        _suspected(found),
        _data(found.data) if found.data else [],
        _dropped(found),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines)


def _verdict(found: Report, serves: bool) -> list[str]:
    judged = "not compared" if found.uncompared else "not good enough"
    state = "in service" if serves else "good" if found.promote else judged
    return [f"{found.version}: {state}", *(f"- {reason}" for reason in found.reasons)]


def _figures(found: Report) -> list[str]:
    return [*in_words.figures(found), *in_words.comparison(found)]


def _labels(found: Report) -> list[str]:
    head = ("label, the worst first", "F1", "precision", "recall", "threshold", "test images")
    return aligned([head, *in_words.label_cells(found, METRICS)])


def _minimums(cost: Outlook) -> list[str]:
    return [
        f"what {minimums.MINIMUM} would do, on its test images",
        *aligned([minimums.HEAD, *minimums.cells(cost)]),
    ]


def _mistakes(found: Report) -> list[str]:
    pairs = [
        f"  {pair.truth} taken for {pair.predicted or NOTHING}: {pair.images}"
        for pair in mistakes(found.confusion)
    ]
    return some("most confused, in test images", pairs)


def _suspected(found: Report) -> list[str]:
    images = [
        f"  {one_line(image.key)}: labelled {', '.join(image.labels) or NOTHING}, looks like "
        f"{', '.join(image.predicted) or NOTHING} ({image.confidence_pct:.1f} %)"
        for image in found.suspected_label_errors
    ]
    return some("probably labelled wrong; please look at these", images)


def _data(data: Data) -> list[str]:
    change = data.changes
    lines = [
        f"data: {data.images} images, of which {data.train_images} train and "
        f"{data.test_images} test",
        f"  since the version before: {change.added} added, {change.replaced} replaced, "
        f"{change.removed} removed, {change.moved} moved or renamed",
    ]
    for what, found, told in (
        ("left out", counted(data.left_out.images, "image"), data.left_out),
        ("not looked at", counted(data.passed_over.files, "file"), data.passed_over),
    ):
        if told.examples:
            reasons = [f"  {count}: {why}" for why, count in told.by_reason.items()]
            lines += ["", f"{what}, {found} in all", *reasons]
            examples = [f"  {image.key}: {image.reason}" for image in told.examples]
            lines += ["", *some("of these", examples)]
    if data.labels_left_out:
        labels = [
            f"  {one.label} ({one.images} images): {one.reason}" for one in data.labels_left_out
        ]
        lines += ["", *some("labels left out", labels)]
    for title, noted in data.noted_lines():
        bad = [f"  {one.file}, line {one.line}: {one.reason}" for one in noted.examples]
        lines += ["", *some(title, bad)]
    files = [f"  {name}: not a manifest" for name in data.no_manifests.examples]
    if files:
        lines += ["", *some(f"files that are no manifests, {data.no_manifests.count}", files)]
    return list(map(one_line, lines))


def _dropped(found: Report) -> list[str]:
    lines = []
    for name, entries in found.dropped().items():
        lines.append(
            f"The service took {entries.stored} of the {entries.sent} entries sent to the {name} "
            "dataset."
        )
        lines += [f"  {error}" for error in entries.errors[:MOST_LINES]]
    return lines
