"""What a cold start of each function costs: its imports, and the first client that it makes.

Every run is a process of its own, with the environment that the embedded runtime gives the
function, which has imported nothing yet. ``bare_client`` is what no function of ours can do
without: boto3 and one client. The compiled files are there, for all alike. A layer as ``sam build``
makes it has none, and there a cold start compiles what it imports, too.

Processor time is measured, on a whole processor of this machine: Lambda gives a function of
1,769 MB as much, and less to smaller ones, but lends them a whole one until the handler begins.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.launch import launch

RUNS = 9
BARE = "bare_client"
PROCESS = Path(__file__).with_name("cold_process.py")
EVENTS = Path(__file__).parent.parent / "events"


def run() -> list[dict[str, object]]:
    """A row a function, and one for the bare client; medians of `RUNS` runs, taken in turn."""
    with launch(parameters={"ReviewBackend": "a2i"}) as stack:  # which has every function
        functions: Mapping[str, Any] = stack.control("GET", "functions")
        environments = {
            Path(facts["environment"]["LAMBDA_TASK_ROOT"]).name: facts["environment"]
            for facts in functions.values()
        }
        # Finding them has the files compiled.
        first = {stem: _first_client(stem, environments[stem]) for stem in sorted(environments)}
        measured: dict[str, list[tuple[float, float]]] = {BARE: [], **{stem: [] for stem in first}}
        for _ in range(RUNS):
            measured[BARE].append(_measured(["bare"], next(iter(environments.values()))))
            for stem, service in first.items():
                measured[stem].append(_measured(["function", service], environments[stem]))
    return [
        {
            "target": target,
            "cpu_ms": round(statistics.median(cpu_s for cpu_s, _ in runs) * 1000),
            "rss_mb": round(statistics.median(peak_mb for _, peak_mb in runs)),
            "first_client": first.get(target, "rekognition") or "none",
        }
        for target, runs in measured.items()
    ]


def _first_client(stem: str, environment: Mapping[str, str]) -> str:
    """The service that the function asks first in one of its sample events; empty for none."""
    for path in sorted(EVENTS.glob(f"{stem}.*.json")):
        event = json.loads(path.read_text(encoding="utf-8"))
        for message in event.get("Records", []):
            if message["eventSource"] == "aws:sqs":
                queue = environment["DETECTION_QUEUE_URL"].rsplit("/", 1)[-1]
                message["eventSourceARN"] = f"arn:aws:sqs:::{queue}"
        service = _process(["find"], environment, json.dumps(event)).strip()
        if service:
            return service
    return ""


def _measured(arguments: list[str], environment: Mapping[str, str]) -> tuple[float, float]:
    cpu_s, peak_mb = _process(arguments, environment).split()
    return float(cpu_s), float(peak_mb)


def _process(arguments: list[str], environment: Mapping[str, str], given: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-P", PROCESS, *arguments],
        input=given,
        env=environment,
        cwd=environment["LAMBDA_TASK_ROOT"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{arguments} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done.stdout
