"""The demo's results for people: a table for the terminal and one self-contained HTML page.

Called by ``__main__``. Everything shown was measured, and is in ``Results``.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from rich.table import Table

from cli import charts
from cli.page import page
from local.demo.page import BODY, STYLE
from local.demo.pictures import PictureSets, thumbnail
from local.demo.results import Look, Results, StepTime, VersionResult

THUMBNAIL_PX = 176
MOST_PICTURES = 12

COLUMNS: tuple[tuple[str, str], ...] = (
    ("Version", ""),
    ("Images trained on", "and images it was tested on"),
    ("F1", "on its own test images"),
    ("Right on images never shown", "the same ones for both versions"),
    ("Mean confidence", "on the images never shown"),
    ("Sent to people", "of the images that came in while it served"),
)


def _cells(version: VersionResult) -> tuple[str, ...]:
    return (
        version.name,
        f"{version.train_images} + {version.test_images}",
        f"{version.f1:.2f}",
        f"{version.accuracy:.1%} ({version.right} of {version.things})",
        f"{version.mean_confidence_pct:.1f} %",
        f"{version.sent_share:.0%} ({version.sent_to_people} of {version.incoming})",
    )


def table(results: Results) -> Table:
    """The versions side by side."""
    shown = Table(title="Label Loop, by model version", title_style="bold")
    for name, explanation in COLUMNS:
        header = f"{name}\n[dim]{explanation}[/dim]" if explanation else name
        shown.add_column(header, justify="right" if explanation else "left")
    for version in (results.first, results.second):
        shown.add_row(*_cells(version))
    return shown


def plain_table(results: Results) -> str:
    """The versions side by side, where nobody sees a terminal: a line for each figure."""
    versions = (results.first, results.second)
    names = [f"{name}, {why}" if why else name for name, why in COLUMNS]
    rows = [list(row) for row in zip(names, *(_cells(v) for v in versions), strict=True)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def html(results: Results, pictures: PictureSets, steps: Sequence[StepTime]) -> str:
    """The whole page, with its pictures inside and nothing to load from elsewhere."""
    first, second = results.first, results.second
    body = BODY.substitute(
        verdict_class="good" if results.better else "bad",
        verdict=escape(results.verdict),
        story=escape(_story(results)),
        table=_html_table(results),
        chart=charts.bars(
            [
                (
                    "Right on images never shown",
                    f"{len(second.looks)} images, the same for both",
                    (first.accuracy, second.accuracy),
                ),
                (
                    "F1 on its own test images",
                    f"{first.test_images} and {second.test_images} images",
                    (first.f1, second.f1),
                ),
            ],
            (("Version 1", "v1"), ("Version 2", "v2")),
        ),
        reasons="".join(_reasons(version) for version in (first, second)),
        changes=escape(_changes(results)),
        pictures=_cards(results, {p.file_name: p.content for p in pictures.held_back}),
        steps=_steps(steps),
        mails="".join(_mail(mail) for mail in results.mails),
        seconds=f"{sum(step.seconds for step in steps):.0f}",
        seed=str(results.seed),
    )
    return page("Label Loop: the demo's report", body, STYLE)


def _story(results: Results) -> str:
    first, second = results.first, results.second
    return (
        f"Version 1 learned from {first.train_images} labelled images. Of the {first.incoming} "
        f"that then came in it was unsure of {first.sent_to_people}; a reviewer answered those, "
        f"{results.answered_none} of them with none of the labels. Version 2 learned from "
        f"{second.train_images} images and took version 1's place without anybody's doing."
    )


def _html_table(results: Results) -> str:
    versions = (results.first, results.second)
    head = "".join(
        f'<th scope="col">{escape(name)}<small>{escape(explanation)}</small></th>'
        for name, explanation in COLUMNS
    )
    rows = "".join(
        f'<tr><th scope="row"><i class="key v{number}"></i>{escape(cells[0])}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells[1:])
        + "</tr>"
        for number, cells in enumerate((_cells(version) for version in versions), start=1)
    )
    head = f"<thead><tr>{head}</tr></thead>"
    return f'<table class="versions">{head}<tbody>{rows}</tbody></table>'


def _reasons(version: VersionResult) -> str:
    sentences = " ".join(version.reasons)
    return f"<p><b>{escape(version.name)}</b> was put into service: {escape(sentences)}</p>"


# --- Pictures -------------------------------------------------------------------------------------

Pair = tuple[Look, Look]


def _pairs(results: Results) -> list[Pair]:
    """What the two versions said of the same image."""
    second = {look.file_name: look for look in results.second.looks}
    return [(look, second[look.file_name]) for look in results.first.looks]


def _changes(results: Results) -> str:
    pairs = _pairs(results)
    learned = sum(not before.right and after.right for before, after in pairs)
    lost = sum(before.right and not after.right for before, after in pairs)
    missed = sum(not before.right and not after.right for before, after in pairs)
    return (
        f"Of {len(pairs)} images, {learned} went from wrong to right, {lost} from right to wrong, "
        f"and {missed} are wrong in both versions. Some of each:"
    )


def choose_pictures(pairs: Iterable[Pair], most: int = MOST_PICTURES) -> list[Pair]:
    """Images to show: half of them learned, the rest what is still wrong, lost or grown surer.

    Kinds that have too few images leave their room to the others, in this order.
    """
    kinds: dict[str, list[Pair]] = {"learned": [], "missed": [], "lost": [], "surer": [], "": []}
    for before, after in pairs:
        if after.right and not before.right:
            kind = "learned"
        elif not after.right:
            kind = "lost" if before.right else "missed"
        else:
            kind = "surer" if before.doubtful and not after.doubtful else ""
        kinds[kind].append((before, after))
    rooms = {"learned": most // 2, "missed": most // 6, "lost": most // 6, "surer": most // 6}
    chosen = [pair for kind, room in rooms.items() for pair in kinds[kind][:room]]
    rest = [pair for kind in kinds for pair in kinds[kind][rooms.get(kind, 0) :]]
    return (chosen + rest)[:most]


def _cards(results: Results, contents: Mapping[str, bytes]) -> str:
    return "".join(
        f'<figure><img alt="{escape(before.truth)}" width="{THUMBNAIL_PX}" '
        f'height="{THUMBNAIL_PX}" src="data:image/jpeg;base64,'
        f'{base64.b64encode(thumbnail(contents[before.file_name], THUMBNAIL_PX)).decode()}">'
        f"<figcaption><b>{escape(before.truth)}</b>{_said(1, before)}{_said(2, after)}"
        "</figcaption></figure>"
        for before, after in choose_pictures(_pairs(results))
    )


def _said(version: int, look: Look) -> str:
    mark, kind = ("✓", "right") if look.right else ("✗", "wrong")
    doubt = ' <span class="doubt" title="A person would be asked">unsure</span>'
    return (
        f'<span class="said"><i class="key v{version}"></i>v{version} '
        f'<span class="{kind}">{mark}</span> {escape(look.label or "nothing")} '
        f"{look.confidence_pct:.0f} %{doubt if look.doubtful else ''}</span>"
    )


# --- Steps and e-mails ----------------------------------------------------------------------------


def _steps(steps: Sequence[StepTime]) -> str:
    longest = max((step.seconds for step in steps), default=1.0)
    rows = []
    for step in steps:
        bar = f'<span class="bar" style="width:{step.seconds / longest:.1%}"></span>'
        rows.append(
            f"<tr><td>{escape(step.title)}<small>{escape(step.note)}</small></td>"
            f'<td class="time">{bar}</td><td>{step.seconds:.1f} s</td></tr>'
        )
    return "".join(rows)


def _mail(mail: Mapping[str, str]) -> str:
    return (
        f"<details><summary>{escape(mail['subject'])}</summary>"
        f"<pre>{escape(mail['message'])}</pre></details>"
    )
