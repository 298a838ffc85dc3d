"""What a stack may be called."""

import pytest

from labelloop.domain.stack_names import refusal


@pytest.mark.parametrize("name", ["label-loop", "a" * 54, "laws", "Label-Loop-2", "s-s-m", "aw-s"])
def test_a_name_that_all_that_is_made_of_it_can_bear_is_taken(name: str) -> None:
    assert refusal(name) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a" * 55, "has 55 letters, but may have 54"),
        ("aws-labels", "begins with aws"),
        ("AwsLabels", "begins with Aws"),
        ("ssm", "begins with ssm"),
    ],
)
def test_a_name_that_would_fail_later_is_refused_with_what_to_do(name: str, reason: str) -> None:
    told = refusal(name)
    assert told and reason in told and "sam deploy --stack-name" in told
