"""An evaluation of versions as one self-contained HTML page, with small copies of pictures.

Called by ``evaluate``. Pictures that are not shown are in its JSON.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from botocore.exceptions import BotoCoreError, ClientError

from labelloop.domain.evaluation_report import Confused
from labelloop.domain.scoring import METRICS, Metric
from labelloop_pages import charts
from labelloop_pages.charts import Claim
from labelloop_pages.figures import counted
from labelloop_pages.page import page, table

from .. import extras, terminal
from ..parallel import bar, in_parallel
from ..report.as_page import COLOURS, MOST_LABELS, confusion, folded, section
from ..sections import NOTHING
from ..stack import Stack
from . import as_text
from .labelled_pictures import Picture
from .trials import Evaluation, LabelResult, Pair, Seen, Trial

MOST_PICTURES = 60
"""Of each kind."""
SIDE_PX = 200
TRUE, FOUND = "#14a05a", "#ff7a1a"
"""The colours of boxes: where things are, and where a version found them."""
SERIES = ("v1", "v2", "v3")
"""The style's colours: as many versions are drawn beside each other."""

_STYLE = """
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr));
  gap: 1rem; }
figure { margin: 0; min-width: 0; font-size: 0.85rem; line-height: 1.4;
  overflow-wrap: anywhere; }
figure span { display: block; }
figure img { display: block; max-width: 100%; height: auto; border-radius: 6px; }
.said.yes::before { content: "✓ "; color: var(--good); }
.said.no::before { content: "✗ "; color: var(--bad); }
"""


def html(stack: Stack, evaluation: Evaluation) -> str:
    """The page."""
    galleries = [*map(_differing, evaluation.pairs), _wrong(evaluation)]
    thumbnails = _thumbnails(stack, galleries)
    sections = [
        f"<h1>{escape(', '.join(trial.version for trial in evaluation.trials))}</h1>",
        f"<p>On the pictures of {escape(evaluation.source)}.</p>",
        section("In all", _in_all(evaluation)),
        *(
            section(_against(pair), _paragraphs(as_text.in_words(pair)))
            for pair in evaluation.pairs
        ),
        *(section(gallery.title, _gallery(gallery, thumbnails)) for gallery in galleries),
        section("Label by label", _labels(evaluation.trials)),
        *(_of_version(trial) for trial in evaluation.trials),
        section("Not counted", _not_counted(evaluation)),
    ]
    return page("Label Loop: evaluation", "\n".join(filter(None, sections)), _STYLE)


def _against(pair: Pair) -> str:
    return f"{pair.other.version} against {pair.first.version}"


def _in_all(evaluation: Evaluation) -> str:
    head, *rows = as_text.figures(evaluation)
    note = "In brackets: 95 % intervals, where the true figure lies, most likely."
    return table(head, rows) + f'<p class="dim">{note}</p>'


def _paragraphs(sentences: Iterable[str]) -> str:
    return "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)


# --- Figures --------------------------------------------------------------------------------------


def _labels(tried: Sequence[Trial]) -> str:
    head, *rows = as_text.labels(tried)
    if not rows:
        return ""
    if len(tried) == 1:
        series = [COLOURS[metric] for metric in METRICS]
        groups = [
            (one.label, _pictures(one), [_value(one, metric) for metric in METRICS])
            for one in tried[0].labels[:MOST_LABELS]
        ]
    else:
        drawn = tried[: len(SERIES)]
        series = [
            (f"F1 of {trial.version}", colour) for trial, colour in zip(drawn, SERIES, strict=False)
        ]
        by_version = [{one.label: one for one in trial.labels} for trial in drawn]
        both = [label for label in by_version[0] if all(label in of for of in by_version)]
        groups = [
            (
                label,
                _pictures(by_version[0][label]),
                [_value(of[label], "f1") for of in by_version],
            )
            for label in both[:MOST_LABELS]
        ]
    note = f"The worst {MOST_LABELS} of {len(rows)} labels." if len(rows) > MOST_LABELS else ""
    return (
        (f'<p class="dim">{note}</p>' if note else "")
        + charts.bars(groups, series)
        + folded("In figures", head, rows)
    )


def _pictures(one: LabelResult) -> str:
    return counted(one.images, "picture")


def _value(one: LabelResult, metric: Metric) -> charts.Value:
    figure = one.figure(metric)
    return figure.value, figure.low, figure.high


def _of_version(trial: Trial) -> str:
    pairs = [
        Confused(truth=truth, predicted=said, images=count)
        for (truth, said), count in trial.confusion.items()
    ]
    return (
        section(f"What {trial.version} takes for what", confusion(pairs))
        + section(f"How sure {trial.version} is, and how often it is so", _calibration(trial))
        + section(
            f"What {trial.version} does not know",
            _paragraphs(
                f"{sentence[0].upper()}{sentence[1:]}" for sentence in as_text.unknown(trial)
            ),
        )
    )


def _calibration(trial: Trial) -> str:
    claims = [
        Claim(one.confidence, (one.right.value, *one.right.interval), one.right.whole)
        for one in trial.calibration
    ]
    if not claims:
        return ""
    what = as_text.what_it_claims(trial)
    note = (
        f"Upwards: {what}. On the dashed line it is so as often as it is sure. The lines are 95 % "
        "intervals, the numbers below how many it is about."
    )
    rows = [
        (
            as_text.claimed(one),
            f"{100 * one.confidence:.1f} %",
            as_text.share(one.right),
        )
        for one in reversed(trial.calibration)
    ]
    return (
        charts.reliability(claims, what)
        + f'<p class="dim">{note}</p>'
        + folded("In figures", ("How sure", "In the mean", what.capitalize()), rows)
    )


def _not_counted(evaluation: Evaluation) -> str:
    return _paragraphs(as_text.trained(evaluation)) + "".join(
        folded(title, ("Picture", "Reason"), rows)
        for title, rows in as_text.not_counted(evaluation)
    )


# --- Pictures -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shown:
    """A picture, and what versions say of it."""

    picture: Picture
    seen: Mapping[str, Seen]
    """By version."""


@dataclass(frozen=True)
class _Look:
    """A small copy of a picture, with the boxes that a version found where it finds boxes."""

    content: str
    version: str = ""


@dataclass(frozen=True)
class Gallery:
    """Pictures of a kind, those that tell most first."""

    title: str
    pictures: Sequence[Shown]

    @property
    def drawn(self) -> Sequence[Shown]:
        """Those that are shown."""
        return self.pictures[:MOST_PICTURES]


def _differing(pair: Pair) -> Gallery:
    def tells(both: tuple[Seen, Seen]) -> tuple[float, str]:
        mine, theirs = both
        return -abs(mine.score - theirs.score), mine.picture.name

    return Gallery(
        f"Pictures on which {pair.first.version} and {pair.other.version} differ",
        [
            Shown(mine.picture, {pair.first.version: mine, pair.other.version: theirs})
            for mine, theirs in sorted(pair.differ, key=tells)
        ],
    )


def _wrong(evaluation: Evaluation) -> Gallery:
    """The pictures that all versions get wrong, those of which the first one is surest first."""
    tried = evaluation.trials
    by_version = {
        trial.version: {one.picture.content: one for one in trial.seen if not one.is_right}
        for trial in tried
    }
    everywhere = set.intersection(*(set(wrong) for wrong in by_version.values()))

    def tells(content: str) -> tuple[float, str]:
        one = by_version[tried[0].version][content]
        return -max((what.confidence for what in one.found), default=0.0), one.picture.name

    found = []
    for content in sorted(everywhere, key=tells):
        seen = {version: wrong[content] for version, wrong in by_version.items()}
        found.append(Shown(seen[tried[0].version].picture, seen))
    who = f"{tried[0].version} gets" if len(tried) == 1 else "all of them get"
    return Gallery(f"Pictures that {who} wrong", found)


def _gallery(gallery: Gallery, thumbnails: Mapping[_Look, str]) -> str:
    if not gallery.pictures:
        return ""
    rest = len(gallery.pictures) - len(gallery.drawn)
    note = f'<p class="dim">{rest:,} more are in the JSON.</p>' if rest else ""
    figures = "".join(_figure(one, thumbnails) for one in gallery.drawn)
    if gallery.pictures[0].picture.truth.size_px is not None:
        note += '<p class="dim">Green: where things are. Orange: where a version found them.</p>'
    return f'<div class="pictures">{figures}</div>{note}'


def _figure(one: Shown, thumbnails: Mapping[_Look, str]) -> str:
    name, labels = one.picture.name, ", ".join(one.picture.truth.labels)
    parts = [f"<span>{escape(name)}</span><span><b>{escape(labels or NOTHING)}</b></span>"]
    for look in _looks(one):
        address = thumbnails.get(look)
        if address:
            parts.append(f'<img src="{address}" alt="{escape(name)}" loading="lazy">')
        parts += [
            f'<span class="said {"yes" if seen.is_right else "no"}">'
            f"{escape(version)}: {escape(as_text.said(seen.found))}</span>"
            for version, seen in one.seen.items()
            if look.version in {"", version}
        ]
    return f"<figure>{''.join(parts)}</figure>"


# --- Small copies ---------------------------------------------------------------------------------


def _looks(one: Shown) -> list[_Look]:
    """One copy of a picture or, where versions find boxes, one for each of them."""
    if one.picture.truth.size_px is None:
        return [_Look(one.picture.content)]
    return [_Look(one.picture.content, version) for version in one.seen]


def _thumbnails(stack: Stack, galleries: Iterable[Gallery]) -> dict[_Look, str]:
    """Small copies of the pictures that are shown, as addresses that hold them.

    None of those that cannot be read, and none at all without Pillow.
    """
    wanted = {look: one for gallery in galleries for one in gallery.drawn for look in _looks(one)}
    try:
        from . import thumbnails  # noqa: PLC0415 - all else works without Pillow
    except ImportError:
        lacking = extras.missing("To show pictures, the page", extras.PICTURES)
        terminal.say(lacking.format_message(), err=True)
        return {}

    def small(look: _Look) -> str | None:
        one = wanted[look]
        size_px, boxes = one.picture.truth.size_px, {}
        if size_px is not None:
            found = [what.box for what in one.seen[look.version].found if what.box]
            boxes = {TRUE: one.picture.truth.boxes, FOUND: found}
        try:
            return thumbnails.address(one.picture.read(stack), SIDE_PX, boxes, size_px)
        except (OSError, ValueError, SyntaxError, ClientError, BotoCoreError):
            return None

    drawn = {}
    with bar(len(wanted), "Drawing") as move_on, in_parallel(small, wanted) as done:
        for look, address in done:
            move_on(1)
            if address:
                drawn[look] = address
    return drawn
