"""The documentation's generated parts."""

from typing import Any

import pytest

from labelloop.domain.mails import to_operator
from scripts.make_docs import DOCS, PARTS, DocsError, keys, operators_parameters, parts, with_parts

TEMPLATE = {
    "Parameters": {
        "Email": {"Default": "", "AllowedPattern": "^$|@", "Type": "String", "Description": "Whom"},
        "Days": {
            "Default": 3,
            "MinValue": 1,
            "MaxValue": 9,
            "Type": "Number",
            "Description": "a|b",
        },
    },
    "Outputs": {"Url": {"Description": "Where it is."}},
    "Resources": {
        "Topic": {"Type": "AWS::SNS::Topic"},
        "FullAlarm": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {"AlarmDescription": "It is full. Empty it."},
        },
    },
}


def test_a_part_replaces_what_was_between_its_markers() -> None:
    text = "before\n<!-- a:begin -->\nold\nold\n<!-- a:end -->\nafter\n"

    written = with_parts(text, {"a": r"new \1"})

    assert written == "before\n<!-- a:begin -->\nnew \\1\n<!-- a:end -->\nafter\n"
    assert with_parts(written, {"a": r"new \1"}) == written


def test_missing_or_doubled_markers_are_told() -> None:
    with pytest.raises(DocsError, match="0 places for the part a"):
        with_parts("nothing", {"a": "new"})


def test_the_template_s_parameters_and_outputs_become_rows() -> None:
    made = parts(TEMPLATE)

    assert "| `Email` | (empty) | an e-mail address, or empty | Whom |" in made["deployment"]
    assert r"| `Days` | `3` | 1 to 9 | a\|b |" in made["deployment"]
    assert "| `Url` | Where it is. |" in made["outputs"]
    assert "| `FullAlarm` | It is full. Empty it. |" in made["alarms"]
    assert "Topic" not in made["alarms"]


def test_every_part_has_its_page() -> None:
    assert sorted(name for names in PARTS.values() for name in names) == sorted(parts(TEMPLATE))


def test_every_metric_is_described() -> None:
    assert "| `Confidence` | Percent |  | The confidence" in parts(TEMPLATE)["metrics"]
    assert "| `Detections` | Count | Outcome | Images" in parts(TEMPLATE)["metrics"]


def test_every_parameter_is_described_with_its_default() -> None:
    assert "| `Minimum-F1-Score` | `0.80` | a number from 0.00 to 1.00 |" in operators_parameters()


@pytest.mark.parametrize("kind", sorted(to_operator.MAILS))
def test_the_documentation_tells_of_every_message_to_the_operator(kind: str) -> None:
    facts: dict[str, Any] = dict.fromkeys(
        ("version", "workflow", "cause", "execution", "report", "key", "why_not_stopped"), "XXX"
    )
    facts |= dict.fromkeys(("new_images", "train_images", "test_images"), 3)
    facts |= {"reasons": ["x"], "stopped": [], "serves": True, "proven": None}
    facts |= {"images_wait": True, "status": "STOPPED", "idle_minutes": 30}
    facts |= dict.fromkeys(("hours", "usd", "usd_per_hour", "at_most", "f1"), 1.0)
    facts |= {"right": 1, "answers": 1, "ceiling": 3}
    facts |= {"loop": "XXX", "job": "XXX", "labelled": 3, "on_console": 2}
    facts |= {"refused": 1, "left_out": [{"key": "XXX", "reason": "x"}], "to_mend": ["x"]}
    subject = to_operator.MAILS[kind](facts).subject.replace("XXX", "…")

    rows = [
        line.split("|")
        for line in (DOCS / "operating.md").read_text().splitlines()
        if line.startswith("|")
    ]
    told = [cells[2].strip() for cells in rows]

    assert any(beginning and subject.startswith(beginning) for beginning in told), subject


KEYS_TS = """const ALL = ["classification", "detection"] as const;
const TABLE = [
  {
    key: "1", signs: ["1"], at: "image", kinds: ALL, command: "label", ends: true,
    words: "answer, or not",
  },
] as const satisfies readonly Key[];
"""


def test_each_row_of_the_page_s_keys_becomes_a_row() -> None:
    assert keys(KEYS_TS).splitlines()[2:] == [
        "| `1` | classification, detection | answer, or not |"
    ]


@pytest.mark.parametrize(
    ("written", "otherwise"),
    [
        ("kinds: ALL", "kinds: [...ALL]"),
        ('words: "answer, or not"', "words: `answer`"),
        ('words: "answer, or not"', r'words: "\u0061nswer"'),
        ("  {\n", "  ...OTHERS,\n  {\n"),
        ("const TABLE", "const ROWS"),
    ],
)
def test_a_table_of_keys_that_cannot_be_read_is_told(written: str, otherwise: str) -> None:
    with pytest.raises(DocsError, match=r"^has "):
        keys(KEYS_TS.replace(written, otherwise))
