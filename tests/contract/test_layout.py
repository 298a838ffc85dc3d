"""How template and state machines are written: nothing three times, in order, readable."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.contract.files import ROOT

TEMPLATE = ROOT / "template.yaml"
DEFINITIONS = sorted((ROOT / "statemachine").glob("*.asl.yaml"))
LONGEST_LINE = 160
BAR = f"  # {'=' * 96}\n"


@pytest.mark.parametrize("file", [TEMPLATE, *DEFINITIONS], ids=lambda file: file.name)
def test_no_line_is_longer_than_a_screen_is_wide(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    assert not [line for line in lines if len(line) > LONGEST_LINE]


# --- Said once ------------------------------------------------------------------------------------


def _threes(text: str) -> Iterator[str]:
    """Each three parts of a mapping or a list that follow each other, a line or more each.

    Without indentation and comments. What an alias stands for is written where its anchor is, and
    is looked at there alone.
    """
    lines = [line.strip().removeprefix("- ") for line in text.splitlines()]
    met: set[int] = set()
    todo = [yaml.compose(text, Loader=yaml.SafeLoader)]
    while todo:
        node = todo.pop()
        if not isinstance(node, yaml.CollectionNode) or id(node) in met:
            continue
        met.add(id(node))
        pairs = isinstance(node, yaml.MappingNode)
        parts = [part[0] if pairs else part for part in node.value]
        todo += [member for part in node.value for member in (part if pairs else (part,))]
        starts = [part.start_mark.line for part in parts]
        if node.flow_style or starts != sorted(starts):
            continue
        ends = [*starts[1:], node.end_mark.line]
        for first in range(len(parts) - 2):
            written = lines[starts[first] : ends[first + 2]]
            yield "\n".join(line for line in written if line and not line.startswith("#"))


def test_nothing_of_three_lines_is_said_more_than_twice_in_the_template() -> None:
    """A permission, what an alarm or a route has in common: an anchor says it once."""
    often = Counter(_threes(TEMPLATE.read_text(encoding="utf-8")))
    assert sum(often.values()) > 1000
    assert not {said: times for said, times in often.items() if times > 2}


def test_what_is_said_three_times_is_found_however_it_is_indented_and_beside_what() -> None:
    text = """
one:
- Effect: Allow
  Action: s3:GetObject
  Resource: images
- Sid: Two
  # Why it may.
  Effect: Allow
  Action: s3:GetObject
  Resource: images
two:
      Effect: Allow
      Action: s3:GetObject
      Resource: images
"""
    said = "Effect: Allow\nAction: s3:GetObject\nResource: images"
    assert Counter(_threes(text))[said] == 3


def test_state_machines_have_no_anchors_and_no_aliases() -> None:
    """The SAM CLI uploads a definition as it is, and CloudFormation reads ``*name`` as a name.

    In a template the SAM CLI writes out what they stand for. The handler of
    AWS::StepFunctions::StateMachine reads a definition with Jackson, which knows no aliases: the
    deployment would fail, or a state would have a name where a list should be.
    """
    for file in DEFINITIONS:
        tokens = yaml.scan(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        found = [one for one in tokens if isinstance(one, yaml.AnchorToken | yaml.AliasToken)]
        assert not found, f"{file.name}:{found[0].start_mark.line + 1}"


# --- In order -------------------------------------------------------------------------------------


def test_the_template_has_the_sections_that_the_architecture_tells_in_its_order() -> None:
    text = TEMPLATE.read_text(encoding="utf-8")
    sections = re.findall(f"(?:Resources:|\n)\n{BAR}  # ([^:.\n]+)", text)
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    table = page.split("| Section | What it holds |\n| --- | --- |\n")[1].split("\n\n")[0]
    assert re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE) == sections
