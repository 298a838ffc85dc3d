"""Ordered faults fire where, when and as often as they were ordered."""

from __future__ import annotations

from typing import Any

import pytest

from local.services.faults import FaultError, Faults

PUT = ("dynamodb", "PutItem", "DetectLabels")


def ordered(**order: Any) -> Faults:
    faults = Faults()
    base = {"service": "dynamodb", "operation": "PutItem", "error": "ThrottlingException"}
    faults.replace([{**base, **order}])
    return faults


def fired(
    faults: Faults, calls: int, call: tuple[str, str, str | None] = PUT, content: str = ""
) -> list[bool]:
    return [faults.take(*call, lambda: content) is not None for _ in range(calls)]


def test_a_fault_fires_once_unless_told_otherwise() -> None:
    assert fired(ordered(), 3) == [True, False, False]


def test_calls_can_be_let_through_first() -> None:
    assert fired(ordered(after=2, times=2), 5) == [False, False, True, True, False]


def test_a_fault_without_end_fires_every_time() -> None:
    assert fired(ordered(times=-1), 4) == [True] * 4


def test_other_calls_are_left_alone_and_not_counted() -> None:
    faults = ordered(function="DetectLabels", after=1)
    assert fired(faults, 5, ("dynamodb", "PutItem", "Other")) == [False] * 5
    assert fired(faults, 5, ("dynamodb", "GetItem", "DetectLabels")) == [False] * 5
    assert fired(faults, 5, ("s3", "PutItem", "DetectLabels")) == [False] * 5
    assert fired(faults, 2) == [False, True]


def test_only_calls_that_contain_the_text_can_be_meant() -> None:
    faults = ordered(containing="image-7", times=-1)
    assert fired(faults, 2, content='{"pk": "image-8"}') == [False, False]
    assert fired(faults, 2, content='{"pk": "image-7"}') == [True, True]


def test_a_star_stands_for_every_operation() -> None:
    assert fired(ordered(operation="*"), 2, ("dynamodb", "GetItem", None)) == [True, False]


def test_boto3s_name_for_a_service_is_understood() -> None:
    faults = ordered(service="stepfunctions", operation="StartExecution")
    assert fired(faults, 1, ("states", "StartExecution", None)) == [True]


def test_clearing_lets_everything_through() -> None:
    faults = ordered(times=-1)
    faults.clear()
    assert fired(faults, 2) == [False, False]


@pytest.mark.parametrize(
    ("error", "given", "status"),
    [
        ("ThrottlingException", 429, 429),
        ("InternalServerError", None, 500),
        ("Whatever", None, 400),
    ],
)
def test_the_status_is_the_given_one_or_the_usual_one(
    error: str, given: int | None, status: int
) -> None:
    fault = ordered(error=error, status=given).take(*PUT, str)
    assert fault is not None and (fault.error, fault.status) == (error, status)


@pytest.mark.parametrize(
    "order",
    [
        {"operation": "PutItem", "error": "E"},
        {"service": "s3", "operation": "PutObject"},
        {"service": "s3", "operation": "PutObject", "error": "E", "when": "during"},
        {"service": "s3", "operation": "PutObject", "error": "E", "count": 2},
        "s3.PutObject",
    ],
)
def test_an_order_that_cannot_be_understood_is_refused(order: Any) -> None:
    with pytest.raises(FaultError):
        Faults().replace([order])


def test_a_star_stands_for_every_service_and_every_function_but_not_for_the_operator() -> None:
    order = {"service": "*", "operation": "*", "function": "*"}
    assert fired(ordered(**order), 1, ("s3", "GetObject", None)) == [False]
    assert fired(ordered(**order), 1, ("s3", "GetObject", "DetectLabels")) == [True]


def test_what_nobody_calls_is_met_by_the_orders_about_it_alone() -> None:
    faults = ordered(service="events", operation="Deliver", error=None, twice=True, late_s=5)
    assert fired(faults, 1, ("events", "PutEvents", None)) == [False]
    fault = faults.take("events", "Deliver", None, str)
    assert fault is not None and (fault.twice, fault.lost, fault.late_s) == (True, False, 5)
    everything = ordered(service="*", operation="*")
    assert fired(everything, 1, ("events", "Deliver", None)) == [False]


@pytest.mark.parametrize(
    "order",
    [
        {"service": "events", "operation": "Deliver", "error": "InternalError"},
        {"service": "events", "operation": "Deliver", "kill": True},
        {"service": "sqs", "operation": "Deliver", "lost": True},
        {"service": "s3", "operation": "Deliver", "twice": True},
        {"service": "s3", "operation": "PutObject", "twice": True},
        {"service": "s3", "operation": "PutObject", "late_s": 0},
    ],
)
def test_an_order_that_nothing_can_carry_out_is_refused(order: Any) -> None:
    with pytest.raises(FaultError):
        Faults().replace([order])
