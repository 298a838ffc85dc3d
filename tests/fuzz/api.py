"""``make test-api``: what the HTTP API makes of requests that are made up from its own description.

Schemathesis sends them to the application on this machine, valid ones and others, and holds each
answer against ``openapi.json``. It lives in an environment of its own.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from labelloop.domain.detections import detection_of_loop
from local.launch import ROOT
from tests import images
from tests.stack import Stack, launched, train_first_model

PROGRAM = ROOT / ".venv-api/bin/schemathesis"
DESCRIPTION = ROOT / "functions/serve_console/openapi.json"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
)
TASKS = 5


def main() -> None:
    """Test for so many seconds; end as Schemathesis does."""
    with launched() as stack, tempfile.TemporaryDirectory() as folder:
        train_first_model(stack)
        doubtful = images.draw_doubtful
        uploads = [
            stack.upload(f"images_for_detection/{number}.jpg", doubtful(number))
            for number in range(TASKS)
        ]
        tasks = [str(stack.wait_for_task(upload)["task_id"]) for upload in uploads]
        sys.exit(_test(stack, Path(folder), tasks, sys.argv[1]))


def _test(stack: Stack, folder: Path, tasks: list[str], seconds: str) -> int:
    described, answers = folder / "openapi.json", folder / "answers.har"
    described.write_text(json.dumps(_with_tasks(tasks)))
    token = stack.add_reviewer("operators").token
    done = subprocess.run(
        [
            *(PROGRAM, "run", described, "--url", stack.outputs["ApiUrl"]),
            *("--checks", ",".join(CHECKS), "--phases", "coverage,fuzzing"),
            *("--header", f"Authorization: Bearer {token}", "--max-time", seconds),
            *("--continue-on-failure", "--request-timeout", "60", "--warnings", "off"),
            *("--report", "har", "--report-har-path", answers),
        ],
        check=False,
        cwd=folder,
    )
    entries = json.loads(answers.read_text())["log"]["entries"]
    if not any(entry["response"]["status"] == 200 for entry in entries):
        sys.exit("No request was answered with 200: the requests test nothing.")
    return done.returncode


def _with_tasks(tasks: list[str]) -> dict[str, Any]:
    """The description with the names of tasks and detections that there are, which nobody would
    make up.
    """
    detections = [detection_of_loop(task) for task in tasks]
    document: dict[str, Any] = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
    for methods in document["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path":
                    names = detections if parameter["name"] == "detection_id" else tasks
                    parameter["schema"] = {"anyOf": [{"enum": names}, parameter["schema"]]}
    return document


if __name__ == "__main__":
    main()
