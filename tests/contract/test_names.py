"""A file's name says in one guess where something is: no two of different rooms have one name,
unless they are twins of one thing. Tests mirror the rooms of what they test, and have its names.
"""

from collections import defaultdict
from pathlib import Path

from tests.contract.files import ROOT

ROOMS = ("benchmarks", "cli", "functions", "layers", "local", "pages", "scripts")
EACH_ROOM_HAS_ONE = {"__init__.py", "__main__.py"}
EACH_FUNCTION_HAS_ONE = {"app.py"}

TWINS = {
    "accuracy.py": "how often versions were right: the rule, and the command that shows it",
    "as_page.py": "what `labelloop report` and `labelloop evaluate` say, each as a page of its own",
    "as_text.py": "and each in words for a terminal",
    "annotations.py": "what a line of a manifest says, as Rekognition reads it and as we do",
    "archive.py": "the log's archive: its columns, and the command that fills it up",
    "ceilings.py": "what a day may come to: the rule, and what `labelloop status` says of it",
    "clock.py": "the functions' clock, which the embedded runtime sets to its own",
    "command.py": "what each command that has a folder is typed as, and does",
    "daily_figures.py": "what a day's detections came to: the rule, and the table that keeps it",
    "detections.py": "the inference log: its records and rules, and its table",
    "doubt.py": "which answers are doubtful: the rule, and what it sends to people and catches",
    "event_bus.py": "the account's default bus: what is put on it, and the emulated one",
    "executions.py": "executions of workflows: the calls, and the command line that follows them",
    "failures.py": "what AWS refuses: as gateways raise it, and as commands say it",
    "hosting.py": "whether the model runs: the rule, and the commands that start and stop it",
    "human_loops.py": "Amazon A2I's loops: their files, the calls, and who answers these here",
    "images.py": "which files Rekognition takes for images, and as we tell beforehand",
    "labeling_jobs.py": "Ground Truth's jobs: their files, the calls, and who answers these here",
    "last_look.py": "the last look at the labelled images: what it came to, and where that is kept",
    "machine_clients.py": "programs that ask the API: the rules, and the calls",
    "metrics.py": "CloudWatch's metrics: which there are, and how one is told",
    "model_versions.py": "what is known of a version: its record, and the table that keeps it",
    "parameters.py": "the operator's parameters: the catalogue, and the calls",
    "rejection.py": "images that are none of the labels: the rule, and how commands show it",
    "review_tasks.py": "review tasks: the records and their rules, and their table",
    "schedules.py": "the stack's schedules: the calls, and what each does, in words",
    "service.py": "what each emulator is asked by",
    "versions.py": "a model's versions: the commands about them, and those that benchmarks teach",
}
"""By the name that files share: of what they are twins."""


def test_files_share_a_name_with_twins_alone() -> None:
    rooms: defaultdict[str, set[Path]] = defaultdict(set)
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            rooms[path.name].add(path.parent.relative_to(ROOT))
    shared = {name for name, folders in rooms.items() if len(folders) > 1}

    assert shared - EACH_ROOM_HAS_ONE - EACH_FUNCTION_HAS_ONE == set(TWINS)
