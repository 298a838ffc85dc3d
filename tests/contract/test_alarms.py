"""Alarms fire when they should, as documented, on a stack that never failed before, too."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.contract import files
from tests.contract.cloudwatch import COMPARISONS, Math, Points, UndocumentedError, state

B, G, U = 9.0, 0.0, None
"""In the guide's tables: breaching, not breaching, missing."""

LOOKS_BACK = 2
"""So many periods more than it evaluates an alarm looks at, as in the guide's tables."""


def _alarm(name: str) -> dict[str, Any]:
    """The properties of an alarm, with the parameters' defaults."""
    properties: dict[str, Any] = dict(ALARMS[name]["Properties"])
    threshold = properties["Threshold"]
    if isinstance(threshold, dict):
        properties["Threshold"] = files.template()["Parameters"][threshold["Ref"]]["Default"]
    return properties


ALARMS = files.resources("AWS::CloudWatch::Alarm")
OF_ONE_METRIC = [name for name in ALARMS if "Metrics" not in ALARMS[name]["Properties"]]
OF_SHARES = [name for name in ALARMS if "Metrics" in ALARMS[name]["Properties"]]


# --- The evaluator, by the guide's own tables -----------------------------------------------------

TABLES: Sequence[tuple[int, Points, str, str]] = [
    # Datapoints to alarm, the five newest data points, and the state with missing data treated as
    # breaching, and as not breaching.
    (3, [G, U, B, U, B], "OK", "OK"),
    (3, [G, U, U, U, U], "OK", "OK"),
    (3, [U, U, U, U, U], "ALARM", "OK"),
    (3, [G, B, B, U, B], "ALARM", "ALARM"),
    (3, [U, U, U, U, B], "ALARM", "OK"),
    (3, [B, U, U, U, U], "ALARM", "OK"),
    (2, [G, U, B, U, B], "ALARM", "ALARM"),
    (2, [G, G, B, G, B], "ALARM", "ALARM"),
    (2, [G, U, B, U, U], "ALARM", "OK"),
    (2, [U, U, U, U, G], "ALARM", "OK"),
    (2, [U, U, U, U, B], "ALARM", "OK"),
]


@pytest.mark.parametrize(("wanted", "points", "breaching", "not_breaching"), TABLES)
def test_missing_data_is_treated_as_in_the_guides_tables(
    wanted: int, points: Points, breaching: str, not_breaching: str
) -> None:
    alarm = {
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": wanted,
        "Threshold": 5,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    assert state({**alarm, "TreatMissingData": "breaching"}, points) == breaching
    assert state({**alarm, "TreatMissingData": "notBreaching"}, points) == not_breaching


FOR_IF: Mapping[str, Points] = {
    "one": [1, 1, 0, 0, U],
    "two": [30, U, 0, 0, 30],
    "three": [0, 0, 20, U, 20],
}
FOR_OPERATORS: Mapping[str, Points] = {"one": [30, 20, 0, 0], "two": [20, U, 20, U]}


@pytest.mark.parametrize(
    ("series", "expression", "result"),
    [
        (FOR_IF, "IF(one, two, three)", [30, 0, 20, U, U]),
        (FOR_IF, "IF(one, 5, three)", [5, 5, 20, U, U]),
        (FOR_IF, "IF(one, two, 5)", [30, 0, 5, 5, U]),
        (FOR_IF, "IF(one, two)", [30, 0, U, U, U]),
        (FOR_OPERATORS, "one < two", [0, 0, 1, 0]),
        (FOR_OPERATORS, "one >= 30", [1, 0, 0, 0]),
        (FOR_OPERATORS, "one + two", [50, 20, 20, 0]),
        (FOR_OPERATORS, "one / two", [1.5, U, 0, U]),
    ],
)
def test_expressions_come_to_what_the_guide_says(
    series: Mapping[str, Points], expression: str, result: Points
) -> None:
    assert Math(series).value(expression) == result


@pytest.mark.parametrize(
    "expression", ["FILL(never, 0)", "FILL(late, 0)", "late + never", "never < late", "SUM(late)"]
)
def test_what_the_guide_leaves_open_is_no_value(expression: str) -> None:
    with pytest.raises(UndocumentedError):
        Math({"never": [U, U, U], "late": [1, 2, U]}).value(expression)


# --- Alarms on one metric -------------------------------------------------------------------------


def _values(alarm: Mapping[str, Any]) -> tuple[float, float]:
    """The values beside the threshold: the nearest that breaches, and the nearest that does not."""
    threshold = float(alarm["Threshold"])
    near = [threshold - 1, threshold, threshold + 1]
    breaches = COMPARISONS[alarm["ComparisonOperator"]]
    bad = [one for one in near if breaches(one, threshold)]
    good = [one for one in near if not breaches(one, threshold)]
    upwards = breaches(threshold + 1, threshold)
    return (min(bad), max(good)) if upwards else (max(bad), min(good))


@pytest.mark.parametrize("name", OF_ONE_METRIC)
def test_an_alarm_fires_once_its_metric_has_been_beyond_the_threshold_for_long_enough(
    name: str,
) -> None:
    alarm = _alarm(name)
    bad, good = _values(alarm)
    periods = alarm["EvaluationPeriods"]
    never_before: Points = [U] * LOOKS_BACK
    assert state(alarm, [*never_before, *[bad] * periods]) == "ALARM"
    assert state(alarm, [good, *[bad] * periods, U]) == "ALARM", "the newest value may be late"
    assert state(alarm, [good] * (periods + LOOKS_BACK)) == "OK"
    assert state(alarm, [*[bad] * (periods + 1), good]) == "OK", "it is over"


@pytest.mark.parametrize("name", OF_ONE_METRIC)
def test_only_silence_of_what_never_falls_silent_is_alarming(name: str) -> None:
    alarm = _alarm(name)
    silence: Points = [U] * (alarm["EvaluationPeriods"] + LOOKS_BACK)
    is_heartbeat = name == "HostingSilentAlarm"
    assert state(alarm, silence) == ("ALARM" if is_heartbeat else "OK")


# --- Alarms on shares -----------------------------------------------------------------------------


def _share_state(name: str, **series: Points) -> str:
    alarm = _alarm(name)
    ids = [query["Id"] for query in alarm["Metrics"] if "MetricStat" in query]
    length = alarm["EvaluationPeriods"] + LOOKS_BACK
    given = {identifier: series.get(identifier, [U] * length) for identifier in ids}
    assert set(series) <= set(ids)
    (expression,) = (query["Expression"] for query in alarm["Metrics"] if "Expression" in query)
    states = {state(alarm, Math(given, reading).value(expression)) for reading in (None, 0.0)}
    assert len(states) == 1, "it rests on what a missing value beside a number is"
    return states.pop()


def test_the_alarms_on_expressions_are_these() -> None:
    assert set(OF_SHARES) == {"DetectionFailuresAlarm", "ReviewFailuresAlarm"}


@pytest.mark.parametrize("name", OF_SHARES)
@pytest.mark.parametrize(
    ("failed", "timed_out"),
    [(8.0, None), (None, 8.0), (4.0, 4.0), (10.0, None), (None, 10.0)],
)
def test_four_of_five_executions_that_do_not_succeed_are_alarming_however_they_end(
    name: str, failed: float | None, timed_out: float | None
) -> None:
    """None: on this stack not one execution has ever ended so."""
    ends = {"failed": failed, "timed_out": timed_out}
    started: Points = [10.0] * 5
    assert _share_state(name, started=started, **{end: [ends[end]] * 5 for end in ends}) == "ALARM"
    late: Points = [*started[:-1], U]
    some = {end: [*[ends[end]] * 4, U] for end in ends}
    assert _share_state(name, started=late, **some) == "ALARM", "the newest values may be late"
    fewer = {end: [max(0.0, (count or 0.0) - 3.0) or None] * 5 for end, count in ends.items()}
    assert _share_state(name, started=started, **fewer) == "OK"


@pytest.mark.parametrize("name", OF_SHARES)
def test_few_failures_and_short_ones_are_not_alarming(name: str) -> None:
    assert _share_state(name) == "OK", "nothing has ever been started"
    assert _share_state(name, started=[10.0] * 5) == "OK", "nothing has ever failed"
    assert _share_state(name, started=[9.0] * 5, failed=[9.0] * 5) == "OK", "too few to tell"
    once: Points = [U, U, U, 10.0, 10.0]
    assert _share_state(name, started=[10.0] * 5, failed=once) == "OK", "two periods of three"


# --- All of them ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALARMS)
def test_no_alarm_rests_on_what_cloudwatch_says_nowhere(name: str) -> None:
    """Whichever of its metrics never had a value."""
    if name in OF_ONE_METRIC:
        return
    ids = [query["Id"] for query in _alarm(name)["Metrics"] if "MetricStat" in query]
    values: Points = [10.0, U, 10.0, 10.0, U]
    for there in itertools.chain.from_iterable(
        itertools.combinations(ids, count) for count in range(len(ids) + 1)
    ):
        _share_state(name, **{identifier: list(values) for identifier in there})
