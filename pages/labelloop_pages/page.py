"""One HTML page that needs nothing from elsewhere: its frame, its style and its tables.

Light or dark as the reader's system is, and readable on a narrow screen. Called by
``report_page`` and ``evaluate_page``, and by the demo for its own report.
"""

from collections.abc import Iterable, Sequence
from html import escape
from string import Template

_STYLE = """
:root {
  color-scheme: light dark;
  --ground: #f6f7f9; --card: #ffffff; --ink: #1b2330; --dim: #5b6675; --line: #dfe4ea;
  --v1: #7f8da0; --v2: #2f6fed; --v3: #b4690e;
  --good: #14804a; --bad: #c0362c; --unsure: #9a6700;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #11151b; --card: #1a2029; --ink: #e6eaf0; --dim: #98a4b3; --line: #2c3542;
    --v1: #7c8ca1; --v2: #6ea0ff; --v3: #e5a34f;
    --good: #4cc38a; --bad: #ff8177; --unsure: #e2b341;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 1rem; letter-spacing: -0.01em;
  overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 0.75rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 0.5rem; }
p { margin: 0 0 0.75rem; }
ul { margin: 0 0 0.75rem; padding-left: 1.25rem; }
.verdict { font-size: 1.2rem; font-weight: 600; border-left: 5px solid;
  padding: 0.2rem 0 0.2rem 1rem; }
.verdict.good { border-color: var(--good); } .verdict.bad { border-color: var(--bad); }
.dim, small, .note { color: var(--dim); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 1rem 1.25rem; overflow-x: auto; }
.wide { overflow-x: auto; }
.card > :last-child { margin-bottom: 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: 0.55rem 0.8rem 0.55rem 0;
  border-bottom: 1px solid var(--line); }
thead th { font-size: 0.9rem; } tbody tr:last-child > * { border-bottom: 0; }
th.number, td.number { text-align: right; white-space: nowrap; }
tbody th, td.text { overflow-wrap: anywhere; min-width: 7rem; }
small { display: block; font-weight: 400; font-size: 0.8rem; line-height: 1.35; }
.legend { display: flex; flex-wrap: wrap; gap: 0.2rem 1.1rem; font-size: 0.9rem; }
.key { display: inline-block; width: 0.7em; height: 0.7em; border-radius: 3px;
  margin-right: 0.4em; }
.key.v1 { background: var(--v1); } .key.v2 { background: var(--v2); }
.key.v3 { background: var(--v3); }
svg { display: block; overflow: visible; }
svg text { fill: var(--ink); font-size: 13px; }
svg text.axis { fill: var(--dim); font-size: 12px; stroke: var(--card); stroke-width: 3px;
  paint-order: stroke; }
svg text.name { font-weight: 600; font-size: 14px; }
svg line { stroke: var(--line); }
svg line.least { stroke: var(--dim); stroke-dasharray: 5 4; }
svg line.span { stroke: var(--ink); stroke-width: 1.5; }
svg .v1 { fill: var(--v1); stroke: var(--v1); } svg .v2 { fill: var(--v2); stroke: var(--v2); }
svg .v3 { fill: var(--v3); stroke: var(--v3); }
svg rect { stroke: none; } svg line.path { stroke-width: 2; }
svg circle { stroke-width: 2; } svg .hollow { fill: var(--card); }
svg rect.ring { fill: none; stroke: var(--ink); stroke-width: 1.5; }
svg .right { fill: var(--v2); } svg .wrong { fill: var(--bad); }
svg .empty { fill: var(--line); fill-opacity: 0.45; }
summary { cursor: pointer; }
footer { margin-top: 2.5rem; font-size: 0.88rem; color: var(--dim); }
@media (max-width: 36rem) {
  main { padding: 1.5rem 0.9rem 3rem; } h1 { font-size: 1.5rem; }
  .card { padding: 0.8rem 0.9rem; } th, td { padding-right: 0.6rem; }
  table { font-size: 0.88rem; }
}
"""

_FRAME = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>$style</style>
</head>
<body><main>
$body
</main></body>
</html>
""")


def page(title: str, body: str, more_style: str = "") -> str:
    """The whole page around a body that is HTML already."""
    return _FRAME.substitute(title=escape(title), style=_STYLE + more_style, body=body)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts; the first column names its row, one whose cells are figures is aligned."""
    cells = [list(row) for row in rows]
    kinds = [
        "number" if number and all(_is_figure(row[number]) for row in cells) else "text"
        for number in range(len(columns))
    ]
    head = "".join(
        f'<th scope="col" class="{kind}">{escape(name)}</th>'
        for name, kind in zip(columns, kinds, strict=True)
    )
    body = "".join(f"<tr>{_row(row, kinds)}</tr>" for row in cells)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _row(row: Sequence[str], kinds: Sequence[str]) -> str:
    name = f'<th scope="row">{escape(row[0])}</th>'
    return name + "".join(
        f'<td class="{kind}">{escape(cell)}</td>'
        for cell, kind in zip(row[1:], kinds[1:], strict=True)
    )


def _is_figure(text: str) -> bool:
    return not text.strip("0123456789.,%- ")
