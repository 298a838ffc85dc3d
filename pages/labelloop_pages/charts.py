"""Charts as inline SVG, coloured by the page's style: bars, a course over versions, a heat map, and
how often what was said with a confidence is so.

Places across are percentages, so that a chart fits any width while its text keeps its size; the
heat map alone has a size of its own, since its cells must stay readable. Called by
``report_page`` and ``evaluate_page``, and by the demo for its own report.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

Series = Sequence[tuple[str, str]]
"""Each by its name and its colour in the style: v1, v2 or v3."""
Value = float | tuple[float, float, float]
"""A figure from 0 to 1, or one with the ends of its interval."""
Group = tuple[str, str, Sequence[Value]]
"""A name, an explanation and a value for each of the series."""

BAR_PX, BAR_GAP_PX, GROUP_GAP_PX, NAME_PX, AXIS_PX = 14, 4, 18, 20, 22
WIDEST_BAR_PCT = 88.0
"""The rest is for the figure behind the bar."""
COURSE_PX, COURSE_TOP_PX, COURSE_FOOT_PX = 260, 16, 30
COURSE_FROM_PCT, COURSE_TO_PCT = 9.0, 97.0
MOST_NAMES_ACROSS = 10
NAME_CHARACTERS, HEADING_CHARACTERS = 18, 28
FAINTEST, STRONGEST = 0.15, 0.62
"""How strong a cell's colour is: it must be seen, and the figure in it must stay readable."""


def bars(groups: Sequence[Group], series: Series) -> str:
    """A group of bars under each name."""
    group_px = NAME_PX + len(series) * (BAR_PX + BAR_GAP_PX) + GROUP_GAP_PX
    height = len(groups) * group_px + AXIS_PX
    parts = [_scale_across(height - AXIS_PX)]
    for number, (name, explanation, values) in enumerate(groups):
        top = number * group_px
        parts.append(_heading(top + 14, name, explanation))
        for position, (value, (_, colour)) in enumerate(zip(values, series, strict=True)):
            parts.append(_bar(top + NAME_PX + position * (BAR_PX + BAR_GAP_PX), value, colour))
    told = "; ".join(f"{name}: {_told(series, values)}" for name, _, values in groups)
    return legend(series) + _svg(told, "100%", height, parts)


def _told(series: Series, values: Sequence[Value]) -> str:
    parts = []
    for (name, _), value in zip(series, values, strict=True):
        span = "" if isinstance(value, float | int) else f" ({value[1]:.2f} to {value[2]:.2f})"
        parts.append(f"{name} {_middle(value):.2f}{span}")
    return ", ".join(parts)


def _middle(value: Value) -> float:
    return value if isinstance(value, float | int) else value[0]


def _ends(value: Value) -> tuple[float, float] | None:
    """The ends of the value's interval, inside the picture; None where it has none."""
    return None if isinstance(value, float | int) else (_inside(value[1]), _inside(value[2]))


def _inside(value: float) -> float:
    return min(1.0, max(0.0, value))


def _heading(y: float, name: str, explanation: str) -> str:
    note = f' <tspan class="note" font-weight="400">{escape(explanation)}</tspan>'
    text = _titled(name, HEADING_CHARACTERS) + (note if explanation else "")
    return f'<text class="name" x="0" y="{y}">{text}</text>'


def _bar(top: float, value: Value, colour: str) -> str:
    width = end = WIDEST_BAR_PCT * _inside(_middle(value))
    span = ""
    ends = _ends(value)
    if ends:
        start, end = (WIDEST_BAR_PCT * one for one in ends)
        y = top + BAR_PX / 2
        span = f'<line class="span" x1="{start:.2f}%" x2="{end:.2f}%" y1="{y}" y2="{y}"/>'
    return (
        f'<rect class="{colour}" x="0" y="{top}" width="{width:.2f}%" height="{BAR_PX}" rx="3"/>'
        f"{span}"
        f'<text x="{max(width, end):.2f}%" dx="6" y="{top + BAR_PX - 3}">'
        f"{_middle(value):.2f}</text>"
    )


def _scale_across(height: float) -> str:
    lines = []
    for quarter in range(5):
        x = WIDEST_BAR_PCT * quarter / 4
        anchor = "middle" if quarter else "start"
        lines.append(f'<line x1="{x:.2f}%" x2="{x:.2f}%" y1="0" y2="{height}"/>')
        place = f'x="{x:.2f}%" y="{height + 16}" text-anchor="{anchor}"'
        lines.append(f'<text class="axis" {place}>{quarter / 4:g}</text>')
    return "".join(lines)


@dataclass(frozen=True)
class Point:
    """One version's figures, a value for each of the series."""

    name: str
    values: tuple[Value, ...]
    hollow: bool = False
    """Drawn as a circle: it was rejected."""
    ringed: bool = False
    """Drawn with a ring around it: it is in service."""


def course(points: Sequence[Point], series: Series, least: tuple[str, float] | None = None) -> str:
    """The series from the oldest to the newest point; ``least`` is a line across, by its name."""
    parts = [_scale_up()]
    if least:
        y = _course_y(least[1])
        parts.append(f'<line class="least" x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>')
    for number, (_, colour) in enumerate(series):
        heights = [_course_y(_middle(point.values[number])) for point in points]
        for at, (before, after) in enumerate(pairwise(heights)):
            parts.append(
                f'<line class="path {colour}" '
                f'x1="{_course_x(at, points)}" y1="{before:.1f}" '
                f'x2="{_course_x(at + 1, points)}" y2="{after:.1f}"/>'
            )
        for at, point in enumerate(points):
            x = _course_x(at, points)
            parts.append(_span_up(point.values[number], x, _aside_px(number, len(series))))
            parts.append(_dot(point, number, x, colour))
    parts += [
        _ring(point, _course_x(at, points)) for at, point in enumerate(points) if point.ringed
    ]
    if least:
        place = f'x="100%" y="{_course_y(least[1]) - 5:.1f}" text-anchor="end"'
        parts.append(f'<text class="axis" {place}>{escape(least[0])} {least[1]:.2f}</text>')
    every = -(-len(points) // MOST_NAMES_ACROSS)
    # Counted from the newest, which always has its name.
    for at in range(len(points) - 1, -1, -every):
        place = f'x="{_course_x(at, points)}" y="{COURSE_PX - 8}" text-anchor="middle"'
        parts.append(f'<text class="axis" {place}>{escape(points[at].name)}</text>')
    told = "; ".join(
        f"{point.name}: {_told(series, point.values)}"
        + (", rejected" if point.hollow else "")
        + (", in service" if point.ringed else "")
        for point in points
    )
    return legend(series) + _svg(told, "100%", COURSE_PX, parts)


def _aside_px(number: int, count: int) -> float:
    """How far beside its dot an interval stands, so that those of several series are told apart."""
    return 4.0 * (number - (count - 1) / 2)


def _span_up(value: Value, x: str, aside_px: float = 0.0) -> str:
    ends = _ends(value)
    if not ends:
        return ""
    low, high = (_course_y(end) for end in ends)
    moved = f' transform="translate({aside_px:g})"' if aside_px else ""
    return f'<line class="span" x1="{x}" x2="{x}" y1="{high:.1f}" y2="{low:.1f}"{moved}/>'


def _dot(point: Point, number: int, x: str, colour: str) -> str:
    value = _middle(point.values[number])
    y = _course_y(value)
    hollow = " hollow" if point.hollow else ""
    title = f"<title>{escape(point.name)}: {value:.2f}</title>"
    return f'<circle class="{colour}{hollow}" cx="{x}" cy="{y:.1f}" r="4">{title}</circle>'


def _ring(point: Point, x: str) -> str:
    """Around all dots of the point."""
    values = [_middle(value) for value in point.values]
    top, bottom = _course_y(max(values)) - 9, _course_y(min(values)) + 9
    # A rectangle has no place for its middle, so it is moved by half its width.
    return (
        f'<rect class="ring" x="{x}" y="{top:.1f}" width="18" height="{bottom - top:.1f}" '
        'rx="9" transform="translate(-9)"/>'
    )


def _scale_up() -> str:
    lines = []
    for quarter in range(5):
        y = _course_y(quarter / 4)
        lines.append(f'<line x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>')
        lines.append(f'<text class="axis" x="0" y="{y - 4:.1f}">{quarter / 4:g}</text>')
    return "".join(lines)


def _course_y(value: float) -> float:
    room = COURSE_PX - COURSE_TOP_PX - COURSE_FOOT_PX
    return COURSE_TOP_PX + room * (1 - _inside(value))


def _course_x(at: int, points: Sequence[Point]) -> str:
    step = (COURSE_TO_PCT - COURSE_FROM_PCT) / len(points)
    return f"{COURSE_FROM_PCT + step * (at + 0.5):.2f}%"


@dataclass(frozen=True)
class Claim:
    """What was said with about the same confidence: of so many, so much is so."""

    confidence: float
    """From 0 to 1, in the mean."""
    right: tuple[float, float, float]
    """The share that is so, with the ends of its interval."""
    count: int


def reliability(claims: Sequence[Claim], told: str) -> str:
    """How often it is so, over how sure it was: on the dashed line where both are the same.

    Under each dot stands how many it is about. ``told`` says in words what is so.
    """
    bottom, top = _course_y(0), _course_y(1)
    ends = f'x1="{_claim_x(0)}" y1="{bottom:.1f}" x2="{_claim_x(1)}" y2="{top:.1f}"'
    parts = [_scale_up(), f'<line class="least" {ends}/>']
    for claim in claims:
        x, (share, low, high) = _claim_x(claim.confidence), claim.right
        words = f"{100 * claim.confidence:.0f} % sure: {100 * share:.0f} % of {claim.count}"
        dot = f'<circle class="v2" cx="{x}" cy="{_course_y(share):.1f}" r="4">'
        parts.append(_span_up((share, low, high), x))
        parts.append(f"{dot}<title>{words}</title></circle>")
        place = f'x="{x}" y="{bottom + 15:.1f}" text-anchor="middle"'
        parts.append(f'<text class="axis" {place}>{claim.count}</text>')
    for quarter in range(5):
        place = f'x="{_claim_x(quarter / 4)}" y="{COURSE_PX + 8}" text-anchor="middle"'
        parts.append(f'<text class="axis" {place}>{25 * quarter} % sure</text>')
    shares = "; ".join(
        f"{100 * claim.confidence:.0f} % sure: {100 * claim.right[0]:.0f} % of {claim.count}"
        for claim in claims
    )
    return _svg(f"{told}: {shares}", "100%", COURSE_PX + 14, parts)


def _claim_x(confidence: float) -> str:
    return f"{COURSE_FROM_PCT + (93 - COURSE_FROM_PCT) * confidence:.2f}%"


def heat_map(
    rows: Sequence[str], columns: Sequence[str], counts: Mapping[tuple[str, str], int], told: str
) -> str:
    """Counts by row and column, each cell as strong as its share of its row.

    ``told`` says in words what the picture shows.
    """
    cell = 44 if len(columns) <= 10 else 30 if len(columns) <= 20 else 20
    left = 16 + 7.2 * max((len(_short(name)) for name in rows), default=0)
    top = 12 + 5.6 * max((len(_short(name)) for name in columns), default=0)
    parts = [_across(column, left + (n + 0.5) * cell, top) for n, column in enumerate(columns)]
    for number, row in enumerate(rows):
        y = top + number * cell
        parts.append(
            f'<text x="{left - 8:.0f}" y="{y + cell / 2 + 4:.1f}" text-anchor="end">'
            f"{_titled(row)}</text>"
        )
        total = sum(counts.get((row, column), 0) for column in columns)
        for place, column in enumerate(columns):
            count = counts.get((row, column), 0)
            kind = "empty" if not count else "right" if row == column else "wrong"
            strength = FAINTEST + (STRONGEST - FAINTEST) * count / total if count else None
            title = f"{row} taken for {column}: {count} of {total}"
            parts.append(
                f'<g transform="translate({left + place * cell:.1f} {y:.1f})">'
                f"{_square(cell, strength, kind, title)}{_figure(cell, count) if count else ''}</g>"
            )
    # A slanted name reaches beyond its column.
    width = left + len(columns) * cell + top * 0.8
    height = top + len(rows) * cell
    return f'<div class="wide">{_svg(told, f"{width:.0f}", height, parts)}</div>'


def _square(cell: float, strength: float | None, kind: str, title: str) -> str:
    shade = "" if strength is None else f' fill-opacity="{strength:.2f}"'
    return (
        f'<rect class="{kind}" width="{cell - 2}" height="{cell - 2}" rx="3"{shade}>'
        f"<title>{escape(title)}</title></rect>"
    )


def _figure(cell: float, count: int) -> str:
    place = f'x="{cell / 2 - 1}" y="{cell / 2 + 3.5}" text-anchor="middle"'
    small = ' style="font-size:10px"' if cell < 30 else ""
    return f'<text {place}{small} pointer-events="none">{count}</text>'


def _across(name: str, x: float, bottom: float) -> str:
    turned = f'transform="translate({x:.1f} {bottom - 6:.1f}) rotate(-50)"'
    return f"<text {turned}>{_titled(name)}</text>"


def _titled(name: str, most: int = NAME_CHARACTERS) -> str:
    short = _short(name, most)
    return escape(short) if short == name else f"{escape(short)}<title>{escape(name)}</title>"


def _short(name: str, most: int = NAME_CHARACTERS) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def legend(series: Series) -> str:
    """The names of the series beside their colours."""
    entries = "".join(
        f'<span><i class="key {colour}"></i>{escape(name)}</span>' for name, colour in series
    )
    return f'<p class="legend">{entries}</p>'


def _svg(told: str, width: str, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg width="{width}" height="{height:.0f}" role="img" aria-label="{escape(told)}">'
        f"{''.join(parts)}</svg>"
    )
