"""The demo report's HTML frame and style: light and dark, nothing from elsewhere."""

from string import Template

STYLE = """
:root {
  color-scheme: light dark;
  --ground: #f6f7f9; --card: #ffffff; --ink: #1b2330; --dim: #5b6675; --line: #dfe4ea;
  --v1: #9aa7b8; --v2: #2f6fed; --good: #14804a; --bad: #c0362c; --unsure: #9a6700;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #11151b; --card: #1a2029; --ink: #e6eaf0; --dim: #98a4b3; --line: #2c3542;
    --v1: #66758a; --v2: #6ea0ff; --good: #4cc38a; --bad: #ff8177; --unsure: #e2b341;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 1rem; letter-spacing: -0.01em; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 0.75rem; }
p { margin: 0 0 0.75rem; }
.verdict { font-size: 1.2rem; font-weight: 600; border-left: 5px solid;
  padding: 0.2rem 0 0.2rem 1rem; }
.verdict.good { border-color: var(--good); } .verdict.bad { border-color: var(--bad); }
.dim, small, .note { color: var(--dim); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 1rem 1.25rem; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: 0.55rem 0.8rem 0.55rem 0;
  border-bottom: 1px solid var(--line); }
thead th { font-size: 0.9rem; } tbody tr:last-child > * { border-bottom: 0; }
tbody th, .versions td { white-space: nowrap; }
small { display: block; font-weight: 400; font-size: 0.8rem; line-height: 1.35; }
.key { display: inline-block; width: 0.7em; height: 0.7em; border-radius: 3px;
  margin-right: 0.4em; }
.key.v1 { background: var(--v1); } .key.v2 { background: var(--v2); }
svg { display: block; width: 100%; min-width: 30rem; height: auto; }
svg text { fill: var(--ink); font-size: 14px; }
svg text.axis, svg text.note { fill: var(--dim); font-size: 13px; }
svg text.name, svg text.value { font-weight: 600; }
svg line { stroke: var(--line); } svg .v1 { fill: var(--v1); } svg .v2 { fill: var(--v2); }
.pictures { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  overflow: hidden; }
figure img { display: block; width: 100%; height: auto; aspect-ratio: 1; object-fit: cover; }
figcaption { padding: 0.6rem 0.8rem 0.75rem; font-size: 0.88rem; }
.said { display: block; white-space: nowrap; }
.right { color: var(--good); font-weight: 700; } .wrong { color: var(--bad); font-weight: 700; }
.doubt { color: var(--unsure); font-size: 0.78rem; }
.steps td:last-child { text-align: right; white-space: nowrap; padding-right: 0; }
.steps .time { width: 28%; vertical-align: middle; }
.bar { display: block; height: 0.6rem; min-width: 2px; border-radius: 3px; background: var(--v2); }
details { border-bottom: 1px solid var(--line); padding: 0.45rem 0; }
details:last-child { border-bottom: 0; }
summary { cursor: pointer; }
pre { white-space: pre-wrap; font: inherit; color: var(--dim); margin: 0.5rem 0 0.25rem 1.1rem; }
footer { margin-top: 2.5rem; font-size: 0.88rem; color: var(--dim); }
"""

TEMPLATE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Label Loop: the demo's report</title>
<style>$style</style>
</head>
<body><main>
<h1>Label Loop: a model that learned from its doubts</h1>
<p class="verdict $verdict_class">$verdict</p>
<p>$story</p>

<h2>By model version</h2>
<div class="card">$table</div>

<h2>Is it better?</h2>
<div class="card">$chart</div>
<p class="dim" style="margin-top:.75rem">Only the left pair compares like with like: the same
images, never shown to either version. Each F1 is on the version's own test images, which grow
with every answer, and the new ones are those that version 1 was unsure of.</p>
$reasons

<h2>Images that neither version was trained on</h2>
<p>$changes</p>
<div class="pictures">$pictures</div>

<h2>What happened, in $seconds seconds</h2>
<div class="card"><table class="steps"><tbody>$steps</tbody></table></div>

<h2>What the operator got by e-mail</h2>
<div class="card">$mails</div>

<footer>The application ran on one machine, from the same template, workflows and functions that are
deployed to AWS. Emulated: the model service, which really trains a small model, and time, which ran
faster for everything that waits. Made by <code>make demo</code> with seed $seed; another seed draws
other images: <code>python -m local.demo --seed N</code>.</footer>
</main></body>
</html>
""")
