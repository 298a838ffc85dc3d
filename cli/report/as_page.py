"""A version's report as one self-contained HTML page with plots. Called by ``report``."""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape

from labelloop.domain.calibration import Outlook
from labelloop.domain.evaluation_report import (
    Confused,
    Data,
    LabelEstimates,
    Report,
    mistakes,
)
from labelloop.domain.evaluation_summary import LabelResult
from labelloop.domain.model_versions import Entries, VersionRecord
from labelloop.domain.scoring import METRICS, Metric
from labelloop_pages import charts
from labelloop_pages.charts import Point
from labelloop_pages.figures import counted
from labelloop_pages.page import page, table

from .. import minimums, models
from . import in_words

MOST_LABELS = 40
"""In a plot; the table has all of them."""
MOST_PAIRS = 20
NOTHING = "(nothing)"
OTHERS = "(others)"

FIGURES = (("F1", "v2"), ("precision", "v1"), ("recall", "v3"))
COLOURS = {"f1": ("F1", "v2"), "precision": ("precision", "v1"), "recall": ("recall", "v3")}

Records = Sequence[VersionRecord]


def html(report: Report, records: Records, serving: str | None, cost: Outlook | None) -> str:
    """The page. ``records`` are those of all versions, ``serving`` is the one in service.

    ``cost`` is what minimums would send to people, where that is known.
    """
    sections = [
        _verdict(report, serves=report.version == serving),
        section("All versions", _versions(report, records, serving)),
        section("Label by label", _labels(report)),
        section("What a minimum confidence would do", _minimums(cost) if cost else ""),
        section("What is taken for what", confusion(report.confusion)),
        section("Probably labelled wrong", _suspected(report)),
        section("Data", _data(report.data) if report.data else ""),
        section("Not taken by the service", _dropped(report.dropped())),
    ]
    return page(f"Label Loop: {report.version}", "\n".join(filter(None, sections)))


def section(title: str, content: str) -> str:
    """A part of the page under its title; nothing without content."""
    return f'<h2>{escape(title)}</h2>\n<div class="card">{content}</div>' if content else ""


def _verdict(report: Report, *, serves: bool) -> str:
    words = "Good enough" if report.promote else "Not good enough"
    if report.uncompared:
        words = "Not compared"
    if serves:
        words += ", and in service"
    kind = "good" if report.promote else "bad"
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in report.reasons)
    figures = "".join(
        f"<p>{escape(sentence)}</p>"
        for sentence in (*in_words.figures(report), *in_words.comparison(report))
    )
    return (
        f'<h1>{escape(report.version)}</h1>\n<p class="verdict {kind}">{words}</p>\n'
        f"<ul>{reasons}</ul>\n{figures}"
    )


def _minimums(cost: Outlook) -> str:
    note = (
        f"With {minimums.MINIMUM} at these values, on its test images. What it sends to people is "
        "judged as if each image had not been among them."
    )
    return f'<p class="dim">{note}</p>' + table(minimums.HEAD, minimums.cells(cost))


# --- All versions ---------------------------------------------------------------------------------


def _value(record: VersionRecord, metric: Metric) -> charts.Value:
    """A figure in a version's record, with its interval where that is known."""
    known = record.figures.get(metric)
    if known:
        return known.value, known.low, known.high
    return {"f1": record.f1, "precision": record.precision, "recall": record.recall}[metric] or 0.0


def _in_figures(record: VersionRecord, metric: Metric) -> str:
    value = _value(record, metric)
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value[0]:.2f} ({value[1]:.2f} to {value[2]:.2f})"


def _versions(report: Report, records: Records, serving: str | None) -> str:
    judged = [record for record in reversed(records) if record.is_judged]
    if not judged:
        return ""
    metrics = list(dict.fromkeys(("f1", report.metric)))
    points = [
        Point(
            f"v{record.number}",
            tuple(_value(record, metric) for metric in metrics),
            hollow=not record.promote,
            ringed=record.name == serving,
        )
        for record in judged
    ]
    name, _ = COLOURS[report.metric]
    least = None if report.minimum is None else (f"least {name}", report.minimum)
    note = (
        "Filled: good enough. Hollow: rejected. Ringed: in service. Each is measured on its own "
        "test images, which are not the same. Lines: 95 % intervals."
    )
    return (
        charts.course(points, [COLOURS[metric] for metric in metrics], least)
        + f'<p class="dim">{note}</p><details><summary>In figures</summary>'
        + table(
            ("Version", "F1", "Precision", "Recall", "Trained", "Tested", "Verdict"),
            [
                (
                    record.name,
                    *(_in_figures(record, metric) for metric in METRICS),
                    str(record.train_images),
                    str(record.test_images),
                    models.verdict(record, "good")
                    + (", in service" if record.name == serving else ""),
                )
                for record in reversed(judged)
            ],
        )
        + "</details>"
    )


# --- Labels ---------------------------------------------------------------------------------------


def _labels(report: Report) -> str:
    worst = report.worst_labels()
    if not worst:
        return ""
    shown = worst[:MOST_LABELS]
    known = report.estimates()
    groups = [
        (
            label.label,
            f"{label.test_images} test image{'' if label.test_images == 1 else 's'}",
            [_label_value(label, known.get(label.label), metric) for metric in METRICS],
        )
        for label in shown
    ]
    note = f'<p class="dim">The worst {len(shown)} of {len(worst)} labels.</p>'
    figures = table(
        ("Label", "F1", "Precision", "Recall", "Assumed threshold", "Test images"),
        in_words.label_cells(report, METRICS),
    )
    return (
        (note if len(shown) < len(worst) else "")
        + charts.bars(groups, FIGURES)
        + f"<details><summary>In figures</summary>{figures}</details>"
    )


def _label_value(label: LabelResult, known: LabelEstimates | None, metric: str) -> charts.Value:
    figure = known.figure(metric) if known else None
    if figure is None:
        return label.figure(metric)
    return figure.value, figure.low, figure.high


def confusion(pairs: Sequence[Confused]) -> str:
    """What is taken for what, as a heat map and as a table; nothing where that is not known."""
    if not pairs:
        return ""
    wrong_pairs = mistakes(pairs)
    wrong: Counter[str] = Counter()
    for pair in wrong_pairs:
        wrong[pair.truth] += pair.images
        if pair.predicted:
            wrong[pair.predicted] += pair.images
    names = sorted(
        {pair.truth for pair in pairs} | {pair.predicted for pair in pairs if pair.predicted},
        key=lambda name: (-wrong[name], name),
    )
    shown = sorted(names[:MOST_LABELS])
    counts: Counter[tuple[str, str]] = Counter()
    for pair in pairs:
        if pair.truth in shown:
            predicted = NOTHING if pair.predicted is None else pair.predicted
            counts[pair.truth, predicted if predicted in {*shown, NOTHING} else OTHERS] += (
                pair.images
            )
    columns = [
        *shown,
        *(extra for extra in (OTHERS, NOTHING) if any(c == extra for _, c in counts)),
    ]
    rows = [
        (pair.truth, pair.predicted or NOTHING, str(pair.images))
        for pair in wrong_pairs[:MOST_PAIRS]
    ]
    told = f"Confusion of {len(shown)} labels. " + (
        "; ".join(f"{truth} taken for {said}: {count}" for truth, said, count in rows[:5])
        or "None is taken for another."
    )
    note = "A row for each true label, a column for what the model was surest of."
    if len(shown) < len(names):
        note += f" The {len(shown)} of {len(names)} labels with the most mistakes."
    return (
        f'<p class="dim">{note}</p>'
        + charts.heat_map(shown, columns, counts, told)
        + (
            "<h3>Most frequent mistakes</h3>" + table(("True label", "Taken for", "Images"), rows)
            if rows
            else ""
        )
    )


# --- Data -----------------------------------------------------------------------------------------


def _suspected(report: Report) -> str:
    if not report.suspected_label_errors:
        return ""
    note = "The model is sure of something else here. Please look at these test images."
    return f'<p class="dim">{note}</p>' + table(
        ("Image", "Labelled", "Looks like", "Confidence"),
        [
            (
                image.key,
                ", ".join(image.labels) or NOTHING,
                ", ".join(image.predicted) or NOTHING,
                f"{image.confidence_pct:.1f} %",
            )
            for image in report.suspected_label_errors
        ],
    )


def _data(data: Data) -> str:
    change = data.changes
    parts = [
        f"<p>{data.images} images: {data.train_images} train, {data.test_images} test. Since the "
        f"version before: {change.added} added, {change.replaced} replaced, {change.removed} "
        f"removed, {change.moved} moved or renamed.</p>"
    ]
    for title, what, told in (
        (f"Left out: {counted(data.left_out.images, 'image')}", "Image", data.left_out),
        (f"Not looked at: {counted(data.passed_over.files, 'file')}", "File", data.passed_over),
    ):
        if told.examples:
            reasons = [(why, str(count)) for why, count in told.by_reason.items()]
            examples = [(image.key, image.reason) for image in told.examples]
            parts += [
                f"<h3>{title}</h3>",
                table(("Reason", f"{what}s"), reasons),
                folded(f"{len(examples)} of them by name", (what, "Reason"), examples),
            ]
    if data.labels_left_out:
        labels = [(one.label, str(one.images), one.reason) for one in data.labels_left_out]
        parts += ["<h3>Labels left out</h3>", table(("Label", "Images", "Reason"), labels)]
    for title, noted in data.noted_lines():
        bad = [(one.file, str(one.line), one.reason) for one in noted.examples]
        parts += [
            f"<h3>{title[0].upper()}{title[1:]}</h3>",
            folded(f"{len(bad)} of them", ("File", "Line", "Reason"), bad),
        ]
    if data.no_manifests.count:
        files = [(name,) for name in data.no_manifests.examples]
        title = f"Files that are no manifests, {data.no_manifests.count}"
        parts += [f"<h3>{title}</h3>", folded(f"{len(files)} of them", ("File",), files)]
    return "".join(parts)


def folded(summary: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table that is shown when somebody wants it."""
    if not rows:
        return ""
    return f"<details><summary>{escape(summary)}</summary>{table(columns, rows)}</details>"


def _dropped(dropped: Mapping[str, Entries]) -> str:
    parts = []
    for name, entries in dropped.items():
        errors = "".join(f"<li>{escape(error)}</li>" for error in entries.errors)
        parts.append(
            f"<p>{entries.stored} of the {entries.sent} entries sent to the {escape(name)} "
            f"dataset were taken.</p><ul>{errors}</ul>"
        )
    return "".join(parts)
