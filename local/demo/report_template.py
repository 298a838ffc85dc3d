"""What the demo's report has beyond any page of ours: its text, its pictures and its steps."""

from string import Template

STYLE = """
tbody th { white-space: nowrap; }
.gain line.span { stroke: var(--v2); stroke-width: 3px; }
.pictures { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  overflow: hidden; }
figure img { display: block; width: 100%; height: auto; aspect-ratio: 1; object-fit: cover; }
figcaption { padding: 0.6rem 0.8rem 0.75rem; font-size: 0.88rem; }
.said { display: block; white-space: nowrap; }
.right { color: var(--good); font-weight: 700; } .wrong { color: var(--bad); font-weight: 700; }
.steps td:last-child { text-align: right; white-space: nowrap; padding-right: 0; }
.steps .time { width: 28%; vertical-align: middle; }
.bar { display: block; height: 0.6rem; min-width: 2px; border-radius: 3px; background: var(--v2); }
details { border-bottom: 1px solid var(--line); padding: 0.45rem 0; }
details:last-child { border-bottom: 0; }
pre { white-space: pre-wrap; font: inherit; color: var(--dim); margin: 0.5rem 0 0.25rem 1.1rem; }
"""

BODY = Template("""<h1>Label Loop: a model that learned from its doubts</h1>
<p class="verdict $verdict_class">$verdict</p>
<p>$story</p>

<h2>By model version</h2>
<div class="card">$table</div>

<h2>Is it better?</h2>
<div class="card">$chart</div>
<p class="dim" style="margin-top:.75rem">Only the first group compares like with like: the same
images, never shown to any version. A version's own test images grow with every answer, and the new
ones are those that the version before was unsure of. That is why no version's own figures decide:
the verdicts rest on both models' answers about the same test images.</p>

<h2>The verdicts</h2>
<div class="card">$verdicts</div>

<h2>Images that no version was trained on</h2>
<p>$changes</p>
<div class="pictures">$pictures</div>

<h2>What happened, in $seconds seconds</h2>
<div class="card"><table class="steps"><tbody>$steps</tbody></table></div>

<h2>What the operator got by e-mail</h2>
<div class="card">$mails</div>

<footer>The application ran on one machine, from the same template, workflows and functions that are
deployed to AWS. Emulated: the model service, which really trains a small model, and time, which ran
faster for everything that waits. $about Made by <code>make demo</code> with seed $seed; another
seed chooses other images: <code>make demo SEED=N</code>.</footer>
""")
