"""labelloop.domain.wording: how people read it."""

from typing import Any

import pytest

from labelloop.domain import wording
from tests.unit.domain.mails.samples import CAUSE


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"cause": CAUSE, "error": "E"}, "The service was busy."),
        ({"cause": "Plain words.", "error": "E"}, "Plain words."),
        ({"cause": "", "error": "States.Timeout"}, "States.Timeout"),
        ({"cause": "[1]"}, "[1]"),
        ({}, "no cause was given"),
    ],
)
def test_a_cause_is_said_in_the_words_of_the_error(facts: dict[str, Any], words: str) -> None:
    assert wording.cause_in_words(facts) == words
