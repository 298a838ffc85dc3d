"""labelloop.aws.parameters: the operator's settings, a minute old at most."""

from labelloop.aws import parameters
from labelloop.aws.failures import BY_CODE
from labelloop.domain.parameters import BY_NAME
from labelloop.errors import InvalidRequestError
from tests.unit.account import PREFIX, Account

INTERVAL = BY_NAME["Human-Sampling-Interval"]


def _operator_sets(account: Account, value: str) -> None:
    account.boto3("ssm").put_parameter(
        Name=PREFIX + INTERVAL.name, Value=value, Type="String", Overwrite=True
    )


def test_a_change_is_seen_after_a_minute_or_at_once_when_asked_so(account: Account) -> None:
    assert parameters.settings().sampling_interval == 1000
    _operator_sets(account, "5")
    account.clock.advance(59)
    assert parameters.settings().sampling_interval == 1000
    assert parameters.settings(at_once=True).sampling_interval == 5
    _operator_sets(account, "6")
    assert parameters.settings().sampling_interval == 5
    account.clock.advance(60)
    assert parameters.settings().sampling_interval == 6


def test_a_bad_value_falls_back_alone_and_a_mended_one_works(account: Account) -> None:
    account.set_parameter("Model-Hosting", "always-on")
    _operator_sets(account, "many")
    settings = parameters.settings(at_once=True)
    assert (settings.sampling_interval, settings.model_hosting) == (1000, "always-on")
    assert [one.value for one in parameters.unusable() if one.parameter == INTERVAL] == ["many"]
    _operator_sets(account, "7")
    assert parameters.settings(at_once=True).sampling_interval == 7


def test_a_parameter_is_created_once(account: Account) -> None:
    assert parameters.create(INTERVAL, INTERVAL.default) is True
    _operator_sets(account, "5")
    assert parameters.create(INTERVAL, INTERVAL.default) is False
    assert parameters.stored()[INTERVAL.name] == ("5", 2)


def test_all_parameters_are_read_over_all_pages_and_no_other_stacks(account: Account) -> None:
    for parameter in BY_NAME.values():
        parameters.create(parameter, parameter.default)
    account.boto3("ssm").put_parameter(Name="/label-loop-2/x", Value="1", Type="String")
    assert set(parameters.stored()) == set(BY_NAME)
    assert set(parameters.described()) == set(BY_NAME)


def test_what_a_parameter_was_in_a_former_version_is_known(account: Account) -> None:
    parameters.create(INTERVAL, INTERVAL.default)
    _operator_sets(account, "5")
    assert parameters.redefine(INTERVAL, "6") == 3
    assert parameters.value_of_version(INTERVAL.name, 2) == "5"
    assert parameters.value_of_version(INTERVAL.name, 9) is None


def test_the_display_copy_is_no_setting(account: Account) -> None:
    parameters.show_system_record({"deployed": "v1", "previous": None})
    parameters.show_system_record({"deployed": "v2", "previous": "v1"})
    assert parameters.stored()["For-System-Use-Only"][1] == 2
    assert parameters.settings(at_once=True).sampling_interval == 1000


def test_a_value_that_the_pattern_refuses_is_refused_where_it_is_typed(account: Account) -> None:
    """By Parameter Store itself; should it ever happen to us, it is our request that is wrong."""
    assert BY_CODE["ParameterPatternMismatchException"] is InvalidRequestError
