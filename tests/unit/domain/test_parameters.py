"""labelloop.domain.parameters: the catalogue, its patterns, and what values mean."""

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import parameters
from labelloop.domain.parameters import API_IMAGES, BY_NAME, CATALOGUE, MODEL_HOURS
from labelloop.errors import ConfigurationError

WHOLE_NUMBERS = {
    "Automatic-Training-Poll-Frequency": (1, 44640),
    "Minimum-Untrained-Images": (1, 250000),
    "Minimum-Inference-Units": (1, 5),
    "Maximum-Inference-Units": (1, 5),
    "Automatic-Human-Sampling-Frequency": (1, 44640),
    "Human-Sampling-Interval": (1, 1000000),
    "Idle-Minutes-Before-Stop": (5, 1440),
    "Maximum-Model-Versions": (3, 100),
    "Daily-Review-Budget": (0, 100000),
    MODEL_HOURS: (0, 1000),
    API_IMAGES: (0, 1000000),
}
FRACTIONS = {
    "Minimum-F1-Score": (Decimal(0), Decimal(1)),
    "Minimum-Label-Detection-Confidence": (Decimal(0), Decimal(100)),
    "Minimum-Improvement": (Decimal(-1), Decimal(1)),
}
CHOICES = {
    "Enable-Automatic-Training": {"true", "false"},
    "Enable-A2I-Workflow": {"true", "false"},
    "Enable-Automatic-Human-Sampling": {"true", "false"},
    "Show-Model-Answer": {"true", "false"},
    "Train-On-Sampled-Answers": {"true", "false"},
    "Train-None-Of-The-Above": {"true", "false"},
    "Minimum-Decides": {"first", "always"},
    "Evaluation-Metric": {"f1", "precision", "recall"},
    "Model-Hosting": {"on-demand", "always-on"},
    "Detection-Notifications": {"all", "low-confidence", "off"},
}


def test_every_parameter_is_tested_here() -> None:
    assert set(BY_NAME) == WHOLE_NUMBERS.keys() | FRACTIONS.keys() | CHOICES.keys()
    assert len(CATALOGUE) == len(BY_NAME) == 24


@pytest.mark.parametrize("name", BY_NAME)
def test_a_default_is_accepted_and_everything_is_said_to_people(name: str) -> None:
    parameter = BY_NAME[name]
    assert parameter.accepts(parameter.default)
    assert parameter.meaning.endswith(".")
    # Parameter Store takes descriptions and patterns of up to 1,024 characters.
    assert len(parameter.description) <= 1024
    assert len(parameter.pattern) <= 1024


@pytest.mark.parametrize("name", WHOLE_NUMBERS)
def test_a_pattern_accepts_exactly_the_numbers_in_the_range(name: str) -> None:
    """Parameter Store knows patterns only: range and pattern must be the same."""
    low, high = WHOLE_NUMBERS[name]
    pattern = re.compile(BY_NAME[name].pattern)
    near = range(max(0, low - 20), min(high, low + 2000))
    far = range(max(low, high - 2000), high + 2000)
    powers = [10**n + d for n in range(1, 8) for d in (-1, 0, 1)]
    every = range(high + 20) if high <= 50_000 else range(0, high, 997)
    for number in {*near, *far, *powers, *every}:
        assert bool(pattern.fullmatch(str(number))) == (low <= number <= high), number


@given(st.data(), st.sampled_from(sorted(WHOLE_NUMBERS)))
def test_a_number_is_accepted_when_it_is_in_the_range(data: st.DataObject, name: str) -> None:
    low, high = WHOLE_NUMBERS[name]
    number = data.draw(st.integers(-5, high * 12))
    assert BY_NAME[name].accepts(str(number)) == (low <= number <= high)


@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize(
    "text",
    ["", " ", "yes", "True", "1,5", "1e1", "+1", "0x1", "٣", "NaN", "1\n", " 1", "1 ", "007"],
)
def test_what_is_not_spelt_like_a_value_is_refused_by_every_parameter(name: str, text: str) -> None:
    assert not BY_NAME[name].accepts(text)


@pytest.mark.parametrize("name", FRACTIONS)
@given(hundredths=st.integers(-30000, 30000), digits=st.integers(0, 3))
def test_a_fraction_is_accepted_when_it_is_in_the_range(
    name: str, hundredths: int, digits: int
) -> None:
    low, high = FRACTIONS[name]
    value = Decimal(hundredths) / 10**digits
    is_share = BY_NAME[name].values.startswith("a percentage") and 0 < value < 1
    assert BY_NAME[name].accepts(f"{value:f}") == (low <= value <= high and not is_share)


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_accepts_its_words_and_no_others(name: str) -> None:
    for word in {word for words in CHOICES.values() for word in words}:
        assert BY_NAME[name].accepts(word) == (word in CHOICES[name])


def test_without_values_the_settings_fall_back_to_the_defaults() -> None:
    settings = parameters.parse({})
    # All but what is billed: one that was deleted starts nothing.
    assert settings.automatic_training is False
    assert settings.training_poll_minutes == 600
    assert settings.minimum_metric == Decimal("0.80")
    assert settings.minimum_decides == "first"
    assert settings.minimum_confidence_pct == Decimal("70.0")
    assert settings.notifications == "low-confidence"
    assert settings.train_on_sampled_answers is False
    assert settings.train_none_of_the_above is True


def test_values_of_parameters_that_nobody_knows_are_passed_over() -> None:
    assert parameters.parse({"For-System-Use-Only": "{}"}) == parameters.parse({})


def test_a_bad_value_is_refused_with_words_that_help() -> None:
    with pytest.raises(ConfigurationError, match="Minimum-F1-Score is '0,8'; it must be a number"):
        BY_NAME["Minimum-F1-Score"].check("0,8")


@pytest.mark.parametrize("name", BY_NAME)
def test_each_setting_falls_back_by_itself(name: str) -> None:
    good = {parameter.name: parameter.default for parameter in CATALOGUE}
    fallback = parameters.parse({**good, name: BY_NAME[name].fallback})
    missing = {other: value for other, value in good.items() if other != name}
    for values in ({**good, name: "?"}, missing):
        assert parameters.parse(values) == fallback
        (one,) = parameters.unusable(values)
        assert str(one).startswith(f"{name} is ")
        assert f"labelloop params set {name} VALUE" in str(one)
    assert BY_NAME[name].accepts(BY_NAME[name].fallback)
    assert not parameters.unusable(good)


@pytest.mark.parametrize("value", ["0.7", "0.99", "0.001"])
def test_a_share_is_no_percentage(value: str) -> None:
    """0.7 for 70 percent would let nothing be doubtful, without a word."""
    assert not BY_NAME["Minimum-Label-Detection-Confidence"].accepts(value)


def test_a_maximum_under_the_minimum_counts_as_the_minimum() -> None:
    settings = parameters.parse({"Minimum-Inference-Units": "3", "Maximum-Inference-Units": "2"})
    assert (settings.minimum_inference_units, settings.maximum_inference_units) == (3, 3)
