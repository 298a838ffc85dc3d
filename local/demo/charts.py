"""Bars as inline SVG, coloured by the page's own style sheet. Called by ``report``."""

from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 48, 16, 34, 56
BAR, GAP = 84, 14
GRID_STEPS = 5

Group = tuple[str, str, tuple[float, ...]]


def grouped_bars(groups: Sequence[Group], series: Sequence[str]) -> str:
    """Groups of (name, explanation, values from 0 to 1), a bar for each of the series."""
    room = (WIDTH - LEFT - RIGHT) / len(groups)
    parts = [_legend(series), _grid()]
    for number, (name, explanation, values) in enumerate(groups):
        centre = LEFT + room * (number + 0.5)
        left = centre - (len(values) * BAR + (len(values) - 1) * GAP) / 2
        parts += [
            _bar(left + position * (BAR + GAP), value, position + 1)
            for position, value in enumerate(values)
        ]
        parts.append(_text(centre, HEIGHT - BOTTOM + 24, name, "name"))
        parts.append(_text(centre, HEIGHT - BOTTOM + 44, explanation, "note"))
    told = "; ".join(
        f"{name}: " + ", ".join(f"{s} {v:.2f}" for s, v in zip(series, values, strict=True))
        for name, _, values in groups
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(told)}">'
        f"{''.join(parts)}</svg>"
    )


def _height(value: float) -> float:
    return (HEIGHT - TOP - BOTTOM) * min(1.0, max(0.0, value))


def _bar(left: float, value: float, series: int) -> str:
    height = _height(value)
    top = HEIGHT - BOTTOM - height
    return (
        f'<rect class="v{series}" x="{left:.1f}" y="{top:.1f}" width="{BAR}" '
        f'height="{height:.1f}" rx="4"/>' + _text(left + BAR / 2, top - 8, f"{value:.2f}", "value")
    )


def _grid() -> str:
    lines = []
    for step in range(GRID_STEPS + 1):
        value = step / GRID_STEPS
        y = HEIGHT - BOTTOM - _height(value)
        lines.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        place = f'x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end"'
        lines.append(f'<text class="axis" {place}>{value:.1f}</text>')
    return "".join(lines)


def _legend(series: Sequence[str]) -> str:
    parts = []
    for number, name in enumerate(series, start=1):
        left = LEFT + (number - 1) * 110
        parts.append(f'<rect class="v{number}" x="{left}" y="2" width="12" height="12" rx="3"/>')
        parts.append(f'<text class="axis" x="{left + 18}" y="13">{escape(name)}</text>')
    return "".join(parts)


def _text(x: float, y: float, text: str, kind: str) -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{escape(text)}</text>'
    )
