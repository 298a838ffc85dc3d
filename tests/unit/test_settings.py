"""labelloop.settings: a function's wiring, checked when it is asked for."""

import pytest

from labelloop.errors import ConfigurationError
from labelloop.settings import Variable, Wiring


def test_a_variable_that_the_template_does_not_set_is_named() -> None:
    with pytest.raises(ConfigurationError, match="BUCKET_NAME"):
        Wiring({})[Variable.BUCKET_NAME]


def test_an_empty_variable_is_a_value() -> None:
    assert Wiring({"REVIEW_LABELS": ""})[Variable.REVIEW_LABELS] == ""


@pytest.mark.parametrize("text", ["", "1.5", "-1", "two", " 1"])
def test_what_is_no_whole_number_is_said(text: str) -> None:
    wiring = Wiring({"TEST_SET_PERCENTAGE": text})
    with pytest.raises(ConfigurationError, match="TEST_SET_PERCENTAGE"):
        wiring.whole_number(Variable.TEST_SET_PERCENTAGE)


def test_numbers_names_and_truths_are_read() -> None:
    wiring = Wiring(
        {"TEST_SET_PERCENTAGE": "20", "REVIEW_LABELS": " a b,,c ", "ALLOW_NEW_LABELS": "true"}
    )
    assert wiring.whole_number(Variable.TEST_SET_PERCENTAGE) == 20
    assert wiring.names(Variable.REVIEW_LABELS) == ("a b", "c")
    assert wiring.truth(Variable.ALLOW_NEW_LABELS) is True
    assert Wiring({"ALLOW_NEW_LABELS": "false"}).truth(Variable.ALLOW_NEW_LABELS) is False


def test_what_changes_in_the_environment_is_seen() -> None:
    environment = {"BUCKET_NAME": "one"}
    wiring = Wiring(environment)
    environment["BUCKET_NAME"] = "two"
    assert wiring[Variable.BUCKET_NAME] == "two"
