"""``make test-times``: where the time of the tests went when each part of them last ran.

pytest leaves a record a part in ``.local/times``. A test's time holds what was set up for it and
taken down after it: the first test of a shared application pays for its start.
"""

import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

TIMES = Path(__file__).parent.parent / ".local/times"
MOST_FILES, MOST_TESTS = 15, 30


def main() -> int:
    """Print them; 1 where no test has run."""
    lines = slowest(TIMES)
    sys.stdout.write("\n".join(lines or ["No test has run here: make test"]) + "\n")
    return 0 if lines else 1


def slowest(folder: Path) -> list[str]:
    """The slowest files, and the slowest tests, with their seconds; nothing without a record."""
    files: dict[str, float] = defaultdict(float)
    tests: dict[str, float] = defaultdict(float)
    for record in sorted(folder.glob("*.xml")):
        for case in ElementTree.parse(record).iter("testcase"):  # noqa: S314 - pytest's own
            file, _, group = case.attrib["classname"].partition(".Test")
            seconds = float(case.attrib["time"])
            files[file] += seconds
            tests[f"{file}: {group and f'Test{group}: '}{case.attrib['name']}"] += seconds
    if not tests:
        return []
    return [
        f"{sum(tests.values()):8.1f} s in all, most of them in these files:",
        *_longest(files, MOST_FILES),
        "and in these tests:",
        *_longest(tests, MOST_TESTS),
    ]


def _longest(times: Mapping[str, float], count: int) -> list[str]:
    found = sorted(times.items(), key=lambda entry: -entry[1])[:count]
    return [f"{seconds:8.1f} s  {name}" for name, seconds in found]


if __name__ == "__main__":
    sys.exit(main())
