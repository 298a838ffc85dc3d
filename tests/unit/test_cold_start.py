"""What the hot path may import: an image that meets a cold function waits for all of it.

`benchmarks/cold_start.py` measures the time, which no test can hold a machine to. This holds the
imports to what that time was measured with.
"""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
HEAVY = ("annotated_types", "aws_lambda_powertools", "pydantic", "pydantic_core")
"""Pydantic alone takes 80 ms of a processor."""
MOST_MODULES_BEYOND_BOTO3 = 47


@cache
def _imported(code: str) -> frozenset[str]:
    """The modules of a fresh process, on the path that ``DetectLabels`` has, after this code."""
    path = [ROOT / "functions/detect_labels", ROOT / "layers/common"]
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"{code}; import sys; print(*sys.modules)"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(map(str, path))},
        capture_output=True,
        text=True,
        check=True,
    )
    return frozenset(done.stdout.split())


@pytest.mark.parametrize("name", HEAVY)
def test_detection_starts_without_what_is_heavy(name: str) -> None:
    assert name not in _imported("import app")


def test_detection_starts_with_little_beyond_boto3() -> None:
    beyond = _imported("import app") - _imported("import boto3")
    assert "labelloop.task" in beyond
    assert len(beyond) <= MOST_MODULES_BEYOND_BOTO3, sorted(beyond)


def test_nothing_is_asked_of_aws_before_the_first_event() -> None:
    """A client loads its service's model: only those are made that an event needs."""
    made = (
        "import app; from labelloop.aws.clients import own_client as made; "
        "assert not made.cache_info().currsize"
    )
    assert "app" in _imported(made)
