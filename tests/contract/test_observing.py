"""Alarms and dashboard ↔ what is measured, by us and by AWS ↔ the resources that they are about."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

from cli.__main__ import main
from labelloop.domain import metrics
from labelloop.domain.detections import Outcome
from tests.contract import files

ALARMS = files.resources("AWS::CloudWatch::Alarm")

STATES = "AWS::Serverless::StateMachine"
RULE = "AWS::Events::Rule"
QUEUE = "AWS::SQS::Queue"
FUNCTION = "AWS::Serverless::Function"
MAPPING = "AWS::Lambda::EventSourceMapping"
OF_AWS = {
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): ("QueueName", QUEUE),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): ("QueueName", QUEUE),
    # https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
    ("AWS/States", "ExecutionsStarted"): ("StateMachineArn", STATES),
    ("AWS/States", "ExecutionsFailed"): ("StateMachineArn", STATES),
    ("AWS/States", "ExecutionsTimedOut"): ("StateMachineArn", STATES),
    ("AWS/States", "ExecutionsAborted"): ("StateMachineArn", STATES),
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
    ("AWS/Events", "FailedInvocations"): ("RuleName", RULE),
    ("AWS/Events", "InvocationsFailedToBeSentToDlq"): ("RuleName", RULE),
    # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    ("AWS/Lambda", "Errors"): ("FunctionName", FUNCTION),
    ("AWS/Lambda", "IteratorAge"): ("FunctionName", FUNCTION),
    ("AWS/Lambda", "DroppedEventCount"): ("EventSourceMappingUUID", MAPPING),
    ("AWS/Lambda", "OnFailureDestinationDeliveredEventCount"): (
        "EventSourceMappingUUID",
        MAPPING,
    ),
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html
    ("AWS/ApiGateway", "Count"): ("ApiId", "AWS::ApiGatewayV2::Api"),
}
"""What AWS measures, by namespace and name: by which dimension, and of which resources."""

VALUES = {"Outcome": {outcome.value for outcome in Outcome}}
"""The values of those of our dimensions that are known beforehand."""


@dataclass(frozen=True)
class Watched:
    """One metric that an alarm watches or the dashboard draws."""

    namespace: str
    name: str
    dimensions: dict[str, Any]
    """With what the template says of their values."""

    @property
    def about(self) -> set[str]:
        """The resources that it is about, by their logical names."""
        return files.references(list(self.dimensions.values()))


# --- Alarms ---------------------------------------------------------------------------------------


def _watched_by(alarm: str) -> list[Watched]:
    properties = ALARMS[alarm]["Properties"]
    queries = [query["MetricStat"]["Metric"] for query in _queries(alarm)] or [properties]
    return [
        Watched(
            query["Namespace"],
            query["MetricName"],
            {dimension["Name"]: dimension["Value"] for dimension in query["Dimensions"]},
        )
        for query in queries
    ]


def _queries(alarm: str) -> list[dict[str, Any]]:
    """What an alarm's expression is made of; nothing where it watches one metric."""
    given = ALARMS[alarm]["Properties"].get("Metrics", [])
    return [query for query in given if "MetricStat" in query]


def _all_watched() -> set[tuple[str, str]]:
    """The resources that are watched, each with the metric by which they are."""
    return {
        (about, metric.name)
        for alarm in ALARMS
        for metric in _watched_by(alarm)
        for about in metric.about
    }


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_tells_the_operator_what_has_happened_and_what_to_do(alarm: str) -> None:
    properties = ALARMS[alarm]["Properties"]
    assert properties["AlarmActions"] == [{"Ref": "OperatorTopic"}]
    text = properties["AlarmDescription"]
    assert len(text) <= 1024, "CloudWatch takes no more"
    what_has_happened, *what_to_do = re.split(r"(?<=[.;:]) ", text)
    assert what_has_happened
    assert any(
        re.search(r"\b([Ll]ook|[Oo]pen|[Ss]ee|[Rr]un|send|stop)\b", words) for words in what_to_do
    )
    for command in re.findall(r"labelloop ([a-z]+)", text):
        assert command in main.commands
    for logged in re.findall(r"log of (\w+)", text):
        assert f"{logged}Function" in files.functions()


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_watches_what_is_measured(alarm: str) -> None:
    watched = _watched_by(alarm)
    assert watched
    for metric in watched:
        _check_measured(metric)


@pytest.mark.parametrize("alarm", [name for name in ALARMS if _queries(name)])
def test_an_expression_is_made_of_the_metrics_that_stand_with_it(alarm: str) -> None:
    queries = _queries(alarm)
    assert len(queries) <= 10, "CloudWatch takes no more"
    assert not any(query["ReturnData"] for query in queries)
    (expression,) = (
        query["Expression"]
        for query in ALARMS[alarm]["Properties"]["Metrics"]
        if "Expression" in query
    )
    assert set(re.findall(r"\b[a-z]\w*", expression)) == {query["Id"] for query in queries}


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_looks_back_no_further_than_cloudwatch_does(alarm: str) -> None:
    properties = ALARMS[alarm]["Properties"]
    periods_s = {query["MetricStat"]["Period"] for query in _queries(alarm)}
    (period_s,) = periods_s or {properties["Period"]}
    assert period_s * properties["EvaluationPeriods"] <= 86400


def test_the_costs_tell_of_the_alarms() -> None:
    """10 cents a month for each metric that an alarm watches; some are for A2I alone."""
    watched = sum(len(_watched_by(alarm)) for alarm in ALARMS)
    of_a2i = sum(
        len(_watched_by(alarm))
        for alarm, one in ALARMS.items()
        if one.get("Condition") == "UsesA2i"
    )
    page = (files.ROOT / "docs/costs.md").read_text(encoding="utf-8")
    own, most = f"US${(watched - of_a2i) / 10:.2f}", f"US${watched / 10:.2f}"
    assert f"{own} a month for the alarms, {most} with `ReviewBackend=a2i`" in " ".join(
        page.split()
    )


@pytest.mark.parametrize("workflow", files.WORKFLOWS)
def test_every_state_machine_is_watched_for_executions_that_do_not_succeed(workflow: str) -> None:
    machine = f"{files.camel(workflow)}StateMachine"
    ends = {"ExecutionsFailed", "ExecutionsTimedOut"}
    if files.state_machine(workflow).get("Type") != "EXPRESS":
        ends |= {"ExecutionsAborted"}
    assert {(machine, end) for end in ends} <= _all_watched()


@pytest.mark.parametrize("rule", files.resources(RULE))
def test_every_rule_is_watched_for_events_that_it_does_not_deliver(rule: str) -> None:
    wanted = {(rule, "FailedInvocations"), (rule, "InvocationsFailedToBeSentToDlq")}
    assert wanted <= _all_watched()


@pytest.mark.parametrize("schedule", files.resources("AWS::Scheduler::Schedule"))
def test_what_a_schedule_does_not_deliver_lies_in_a_queue_that_is_watched(schedule: str) -> None:
    target = files.resources("AWS::Scheduler::Schedule")[schedule]["Properties"]["Target"]
    (queue,) = files.references(target["DeadLetterConfig"])
    assert (queue, "ApproximateNumberOfMessagesVisible") in _all_watched()


@pytest.mark.parametrize("queue", files.resources(QUEUE))
def test_every_queue_is_watched_by_what_lies_in_it_or_how_long(queue: str) -> None:
    feeds = any(
        queue in files.references(mapping["Properties"]["EventSourceArn"])
        for mapping in files.resources("AWS::Lambda::EventSourceMapping").values()
    )
    name = "ApproximateAgeOfOldestMessage" if feeds else "ApproximateNumberOfMessagesVisible"
    assert (queue, name) in _all_watched()


# --- Dashboard ------------------------------------------------------------------------------------


@cache
def _widgets() -> list[dict[str, Any]]:
    """The dashboard's widgets, each name for something of the template as ``{"Fn::Sub": …}``."""
    dashboard = files.template()["Resources"]["Dashboard"]["Properties"]
    body, _ = dashboard["DashboardBody"]["Fn::Sub"]
    widgets: list[dict[str, Any]] = json.loads(body)["widgets"]
    return widgets


def _drawn() -> Iterator[Watched]:
    for widget in _widgets():
        for row in widget["properties"].get("metrics", []):
            parts = [part for part in row if isinstance(part, str)]
            if parts:
                namespace, name, *dimensions = parts
                pairs = zip(dimensions[::2], dimensions[1::2], strict=True)
                values = {key: {"Fn::Sub": value} for key, value in pairs}
                yield Watched(namespace, name, values)


def _searched() -> Iterator[tuple[str, list[str], str]]:
    """The metrics that are searched for: namespace, dimensions and name."""
    for widget in _widgets():
        for row in widget["properties"].get("metrics", []):
            for part in row:
                if isinstance(part, dict) and "SEARCH" in part.get("expression", ""):
                    found = re.search(r"\{([\w,/]+)\} MetricName=\"(\w+)\"", part["expression"])
                    assert found
                    namespace, *dimensions = found[1].split(",")
                    yield namespace, dimensions, found[2]


def test_everything_that_is_drawn_is_measured() -> None:
    drawn = list(_drawn())
    assert len(drawn) > 30
    for metric in drawn:
        _check_measured(metric)
    ours = {metric.name: metric for metric in metrics.CATALOGUE}
    for namespace, dimensions, name in _searched():
        assert namespace == metrics.NAMESPACE
        assert dimensions == [metrics.STACK, *ours[name].dimensions]


def test_everything_that_we_measure_is_drawn_and_each_of_its_known_values() -> None:
    drawn = {metric.name for metric in _drawn()} | {name for *_, name in _searched()}
    assert {metric.name for metric in metrics.CATALOGUE} <= drawn
    outcomes = {
        metric.dimensions["Outcome"]["Fn::Sub"]
        for metric in _drawn()
        if "Outcome" in metric.dimensions
    }
    assert outcomes == VALUES["Outcome"]


def test_a_graphs_title_says_its_unit() -> None:
    for widget in _widgets():
        if widget["type"] == "metric":
            assert re.search(r"\(.+\)", widget["properties"]["title"])
            assert widget["properties"]["region"] == "${AWS::Region}"


def test_widgets_lie_beside_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for widget in _widgets():
        cells = {
            (widget["x"] + column, widget["y"] + row)
            for column in range(widget["width"])
            for row in range(widget["height"])
        }
        assert not cells & taken
        assert all(column < 24 for column, _ in cells)
        taken |= cells


def test_the_dashboard_shows_every_alarm_that_every_deployment_has() -> None:
    (shown,) = (
        widget["properties"]["alarms"] for widget in _widgets() if widget["type"] == "alarm"
    )
    always = {name for name, alarm in ALARMS.items() if "Condition" not in alarm}
    assert set(shown) == {f"${{{name}.Arn}}" for name in always}


# --- What is measured -----------------------------------------------------------------------------


def _check_measured(metric: Watched) -> None:
    if metric.namespace == metrics.NAMESPACE:
        (ours,) = (known for known in metrics.CATALOGUE if known.name == metric.name)
        assert list(metric.dimensions) == [metrics.STACK, *ours.dimensions]
        assert metric.dimensions[metrics.STACK] in (
            {"Ref": "AWS::StackName"},
            {"Fn::Sub": "${AWS::StackName}"},
        )
        return
    dimension, type_name = OF_AWS[metric.namespace, metric.name]
    assert list(metric.dimensions) == [dimension]
    (about,) = metric.about
    assert about in files.resources(type_name)
    # A queue is known by its name, which is not what a reference to it gives.
    given = json.dumps(metric.dimensions[dimension])
    assert ("QueueName" in given) == (type_name == QUEUE)
