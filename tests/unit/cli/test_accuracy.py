"""`labelloop accuracy` over answers that the functions have counted."""

import json

import pytest
from click.testing import CliRunner, Result

from cli.__main__ import main
from cli.stack import Stack
from labelloop.aws import none_answers, sampled_answers
from labelloop.aws.wiring import wiring
from labelloop.domain.accuracy import Sample
from labelloop.domain.rejection import NoneAnswer
from labelloop.settings import Variable
from tests.unit import version_records
from tests.unit.account import Account, account
from tests.unit.cli.world import error_of

__all__ = ["account"]


@pytest.fixture
def stack(account: Account) -> Stack:
    """Two versions; of one, ten of whose sampled detections were answered."""
    outputs = {"ModelVersionsTable": wiring[Variable.MODEL_VERSIONS_TABLE]}
    for number in (1, 2):
        version_records.add(f"v{number}", {"number": number, "f1": 0.9, "test_images": 20})
    for number in range(10):
        sample = Sample(("gear",) if number else ("bolt",), number > 1)
        sampled_answers.note("v2", str(number), sample, "2026-11-21")
    return Stack("label-loop", outputs, account.boto3)


def _run(stack: Stack, *words: str) -> Result:
    return CliRunner().invoke(main, ["accuracy", *words], obj=stack)


def test_each_label_and_all_together_have_their_share_and_its_interval(stack: Stack) -> None:
    rows = json.loads(_run(stack, "--json").stdout)
    assert [(row["version"], row["label"], row["right"], row["answers"]) for row in rows] == [
        ("v2", None, 8, 10),
        ("v2", "bolt", 0, 1),
        ("v2", "gear", 8, 9),
    ]
    assert (rows[0]["accuracy"], rows[0]["low"], rows[0]["high"]) == (0.8, 0.4902, 0.9433)
    _, total, *labels = _run(stack, "v2").stdout.splitlines()
    assert "8 of 10     80.0%   49.0% to 94.3%   when tested: F1 0.90 of 20 test images" in total
    assert len(labels) == 2


def test_what_it_was_sure_of_in_its_test_stands_beside_where_that_is_known(stack: Stack) -> None:
    accepted = {"value": 0.95, "low": 0.76, "high": 0.99, "images": 20, "effective_images": 20}
    version_records.note("v2", {"figures": {"accepted": accepted}})
    _, total, *_ = _run(stack, "v2").stdout.splitlines()
    assert "when tested: 95.0% (76.0% to 99.0%) of 20 test images that it was sure of" in total


def test_a_version_that_has_become_worse_is_marked(stack: Stack) -> None:
    version_records.note("v2", {"drift_told": "2026-11-21"})
    assert _run(stack).stdout.count("worse by now") == 1


def test_what_a_version_took_for_none_of_its_labels_has_a_line_of_its_own(stack: Stack) -> None:
    outputs = {**stack.outputs, "ParameterPrefix": wiring[Variable.PARAMETER_PREFIX]}
    stack = Stack("label-loop", outputs, stack.client)
    for number in range(40):
        at = f"2026-11-21T09:00:{number:02}.000Z"
        pct = 95.0 if number < 30 else 60.0
        answer = NoneAnswer(str(number), "v2", pct, number > 1, at)
        none_answers.note(answer)
    rows = json.loads(_run(stack, "--json").stdout)
    assert [row["label"] for row in rows] == [None, "bolt", "gear", "none of them"]
    assert (rows[-1]["right"], rows[-1]["answers"], rows[-1]["accepted"]) == (28, 30, True)
    line = _run(stack, "v2").stdout.splitlines()[-1]
    assert "none of them" in line and "28 of 30     93.3%   78.7% to 98.2%   accepted;" in line


def test_without_answers_it_says_so(stack: Stack) -> None:
    assert _run(stack, "v1").stdout == "No sampled answer has come yet.\n"


def test_an_unknown_version_is_an_error(stack: Stack) -> None:
    assert "There is no version v9" in error_of(_run(stack, "v9"))
