"""The demo's results for people: a table for the terminal and one self-contained HTML page.

Called by ``__main__``. Everything shown was measured, and is in ``Results``.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from rich.table import Table

from labelloop_pages import charts
from labelloop_pages.figures import counted
from labelloop_pages.page import page
from local.demo.material import Material
from local.demo.pictures import PictureSets, thumbnail
from local.demo.report_template import BODY, STYLE
from local.demo.results import Figure, Look, Results, StepTime, VersionResult

THUMBNAIL_PX = 176
MOST_PICTURES = 12
GAIN_REACHES = 0.2
"""How far from the middle a picture of a gain goes at least."""

COLUMNS: tuple[tuple[str, str], ...] = (
    ("Version", ""),
    ("Images trained on", "and images it was tested on"),
    ("F1", "on its own test images"),
    ("Against the one that served", "on the same test images; 95 % interval"),
    ("Verdict", ""),
    ("On images never shown", "the same ones for all versions; 95 % interval"),
    ("Wholly right", "of the images never shown"),
    ("Sent to people", "of the images that came in while it served"),
)
NONE = "–"


def _cells(version: VersionResult) -> tuple[str, ...]:
    gain, found = version.gain, version.measured
    sent = f"{version.sent_to_people} of {version.incoming}"
    return (
        version.name,
        f"{version.train_images} + {version.test_images}",
        f"{version.f1:.2f}",
        f"{gain.as_gain}, {counted(gain.images, 'image')}" if gain else NONE,
        _outcome(version),
        str(found.score),
        f"{found.right} of {len(found.looks)}",
        f"{sent} ({version.sent_to_people / version.incoming:.0%})" if version.incoming else NONE,
    )


def _outcome(version: VersionResult) -> str:
    if version.promoted:
        return "in service"
    return "refused, deployed by command" if version.by_command else "refused"


def table(results: Results) -> Table:
    """The versions side by side."""
    shown = Table(title="Label Loop, by model version", title_style="bold")
    for name, explanation in COLUMNS:
        header = f"{name}\n[dim]{explanation}[/dim]" if explanation else name
        shown.add_column(header, justify="right" if explanation else "left")
    for version in results.versions:
        shown.add_row(*_cells(version))
    return shown


def plain_table(results: Results) -> str:
    """The versions side by side, where nobody sees a terminal: a line for each figure."""
    names = [f"{name}, {why}" if why else name for name, why in COLUMNS]
    cells = [_cells(version) for version in results.versions]
    rows = [list(row) for row in zip(names, *cells, strict=True)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def html(
    results: Results, pictures: PictureSets, steps: Sequence[StepTime], material: Material
) -> str:
    """The whole page, with its pictures inside and nothing to load from elsewhere."""
    body = BODY.substitute(
        verdict_class="good" if results.better else "bad",
        verdict=escape(results.verdict),
        story=escape(_story(results)),
        table=_html_table(results),
        chart=charts.bars(
            [
                (
                    "On images never shown",
                    f"{counted(len(results.first.measured.looks), 'image')}, the same for all",
                    [_bar(version.measured.score) for version in results.versions],
                ),
                (
                    "On its own test images",
                    f"{', '.join(str(version.own.images) for version in results.versions)} images",
                    [_bar(version.own) for version in results.versions],
                ),
            ],
            [(_title(results, one), _colour(results, one)) for one in results.versions],
        ),
        verdicts="".join(_verdict(results, version) for version in results.versions),
        changes=escape(_changes(results)),
        pictures=_cards(results, {p.file_name: p.content for p in pictures.held_back}),
        steps=_steps(steps),
        mails="".join(_mail(mail) for mail in results.mails),
        seconds=f"{sum(step.seconds for step in steps):.0f}",
        seed=str(results.seed),
        about=escape(material.about),
    )
    return page("Label Loop: the demo's report", body, STYLE)


def _bar(figure: Figure) -> tuple[float, float, float]:
    return figure.value, *figure.interval


def _title(results: Results, version: VersionResult) -> str:
    return f"Version {results.versions.index(version) + 1}"


def _colour(results: Results, version: VersionResult) -> str:
    return f"v{results.versions.index(version) + 1}"


def _story(results: Results) -> str:
    first, *later = results.versions
    told = [f"Version 1 learned from {first.train_images} labelled images."]
    if first.by_command:
        told.append(
            "That was not enough for the minimum, so the operator put it into service by command."
        )
    asked = sum(version.sent_to_people for version in results.versions)
    told.append(
        f"Of {sum(version.incoming for version in results.versions)} images that then came in, "
        f"people were to look at {asked}; a reviewer gave {results.answered} answers before the "
        f"last version was trained, {results.answered_none} of them none of the labels."
    )
    for version in later:
        what = "took its place without anybody's doing" if version.promoted else "was refused"
        told.append(
            f"{_title(results, version)} learned from {version.train_images} images and {what}."
        )
    return " ".join(told)


def _html_table(results: Results) -> str:
    head = "".join(
        f'<th scope="col">{escape(name)}<small>{escape(explanation)}</small></th>'
        for name, explanation in COLUMNS
    )
    rows = "".join(
        f'<tr><th scope="row"><i class="key {_colour(results, version)}"></i>'
        f"{escape(version.name)}</th>"
        + "".join(f"<td>{escape(cell)}</td>" for cell in _cells(version)[1:])
        + "</tr>"
        for version in results.versions
    )
    head = f"<thead><tr>{head}</tr></thead>"
    return f'<table class="versions">{head}<tbody>{rows}</tbody></table>'


def _verdict(results: Results, version: VersionResult) -> str:
    """A version's verdict: its outcome, its gain as a picture, and the product's own sentences."""
    sentences = " ".join(version.reasons)
    gain = f"{gain_chart(version.gain)}<p>{version.gain.as_gain}</p>" if version.gain else ""
    return (
        f'<h3><i class="key {_colour(results, version)}"></i>{_title(results, version)}: '
        f"{escape(_outcome(version))}</h3>{gain}<p>{escape(sentences)}</p>"
    )


def gain_chart(gain: Figure) -> str:
    """The gain as a dot in its interval, beside the line on which both are the same."""
    reach = max(GAIN_REACHES, *map(abs, gain.interval))

    def x(value: float) -> str:
        return f"{50 + 50 * value / reach:.2f}%"

    return (
        f'<svg class="gain" width="100%" height="42" role="img" aria-label="{gain.as_gain}">'
        '<line class="least" x1="50%" x2="50%" y1="0" y2="24"/>'
        f'<line class="span" x1="{x(gain.low)}" x2="{x(gain.high)}" y1="12" y2="12"/>'
        f'<circle class="v2" cx="{x(gain.value)}" cy="12" r="5"/>'
        '<text class="axis" x="50%" y="40" text-anchor="middle">as good</text>'
        f'<text class="axis" x="0" y="40">{-reach:.2f}</text>'
        f'<text class="axis" x="100%" y="40" text-anchor="end">{reach:+.2f}</text>'
        "</svg>"
    )


# --- Pictures -------------------------------------------------------------------------------------

Pair = tuple[Look, Look]


def _changes(results: Results) -> str:
    pairs = results.pairs()
    learned = sum(not before.right and after.right for before, after in pairs)
    lost = sum(before.right and not after.right for before, after in pairs)
    missed = sum(not before.right and not after.right for before, after in pairs)
    return (
        f"Of {len(pairs)} images, {learned} went from wrong to right, {lost} from right to wrong, "
        f"and {missed} are wrong in both: in the first version and in the last. Some of each:"
    )


def choose_pictures(pairs: Iterable[Pair], most: int = MOST_PICTURES) -> list[Pair]:
    """Images to show: half of them learned, the rest what is still wrong, or lost.

    Kinds that have too few images leave their room to the others, in this order.
    """
    kinds: dict[str, list[Pair]] = {"learned": [], "missed": [], "lost": [], "": []}
    for before, after in pairs:
        if after.right and not before.right:
            kind = "learned"
        elif not after.right:
            kind = "lost" if before.right else "missed"
        else:
            kind = ""
        kinds[kind].append((before, after))
    rooms = {"learned": most // 2, "missed": most // 4, "lost": most // 4}
    chosen = [pair for kind, room in rooms.items() for pair in kinds[kind][:room]]
    rest = [pair for kind in kinds for pair in kinds[kind][rooms.get(kind, 0) :]]
    return (chosen + rest)[:most]


def _cards(results: Results, contents: Mapping[str, bytes]) -> str:
    last = results.versions.index(results.last) + 1
    return "".join(
        f'<figure><img alt="{escape(before.truth)}" width="{THUMBNAIL_PX}" '
        f'height="{THUMBNAIL_PX}" src="data:image/jpeg;base64,'
        f'{base64.b64encode(thumbnail(contents[before.file_name], THUMBNAIL_PX)).decode()}">'
        f"<figcaption><b>{escape(before.truth)}</b>"
        f"{_said(1, before)}{_said(last, after)}"
        "</figcaption></figure>"
        for before, after in choose_pictures(results.pairs())
    )


def _said(version: int, look: Look) -> str:
    mark, kind = ("✓", "right") if look.right else ("✗", "wrong")
    return (
        f'<span class="said"><i class="key v{version}"></i>v{version} '
        f'<span class="{kind}">{mark}</span> {escape(look.label or "nothing")} '
        f"{look.confidence_pct:.0f} %</span>"
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
