"""The steps of `labelloop smoke` that look whether somebody would hear of failures."""

import time
from datetime import timedelta

from labelloop import clock
from labelloop.domain.metrics import DETECTIONS, F1, MODEL_RUNNING, NAMESPACE, STACK

from ..failures import CommandError
from ..progress import Progress
from ..stack import Stack
from .run import Run

LONGEST_METRIC_S = 900.0


def metrics(run: Run) -> list[str]:
    """Look whether CloudWatch has what functions wrote to their logs."""
    stack = run.stack
    wanted = {metric.name for metric in (DETECTIONS, F1, MODEL_RUNNING)}
    began, progress = time.monotonic(), Progress()
    while absent := {name for name in wanted if not _is_measured(stack, name)}:
        if time.monotonic() - began > LONGEST_METRIC_S:
            raise CommandError(f"CloudWatch does not have {', '.join(sorted(absent))}.")
        progress.say(f"waiting for {', '.join(sorted(absent))}")
        time.sleep(stack.look_every_s)
    progress.end()
    return [f"CloudWatch has {', '.join(sorted(wanted))}."]


def _is_measured(stack: Stack, name: str) -> bool:
    answer = stack.client("cloudwatch").list_metrics(
        Namespace=NAMESPACE,
        MetricName=name,
        Dimensions=[{"Name": STACK, "Value": stack.name}],
    )
    return bool(answer["Metrics"])


def alarms(run: Run) -> list[str]:
    """Look at every alarm, and let one of them tell the operator."""
    stack = run.stack
    pages = stack.client("cloudwatch").get_paginator("describe_alarms").paginate()
    topic = stack.output("OperatorTopic")
    own = [
        alarm
        for page in pages
        for alarm in page["MetricAlarms"]
        if topic in alarm.get("AlarmActions", ())
    ]
    if not own:
        raise CommandError("The stack has no alarm that tells the operator.")
    raised = [alarm["AlarmName"] for alarm in own if alarm["StateValue"] == "ALARM"]
    if raised:
        raise CommandError(f"These alarms are raised: {', '.join(raised)}.")
    unknown = [alarm["AlarmName"] for alarm in own if alarm["StateValue"] != "OK"]
    found = [f"None of {len(own)} alarms is raised."]
    if unknown and not stack.on_this_machine:
        found.append(f"CloudWatch has too little data for {', '.join(sorted(unknown))}.")
    if stack.on_this_machine:
        return [*found, "Alarms are kept on this machine, never raised: none was tried."]
    return [*found, _told_by(stack, min(alarm["AlarmName"] for alarm in own))]


def _told_by(stack: Stack, alarm: str) -> str:
    """Raise an alarm, and see whether its message leaves CloudWatch."""
    cloudwatch, since = stack.client("cloudwatch"), clock.now()
    why = "labelloop smoke tries whether this alarm is heard. Nothing is wrong."
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason=why)
    began, progress = time.monotonic(), Progress()
    while time.monotonic() - began < LONGEST_METRIC_S:
        answer = cloudwatch.describe_alarm_history(
            AlarmName=alarm, HistoryItemType="Action", StartDate=since - timedelta(minutes=1)
        )
        for item in answer["AlarmHistoryItems"]:
            progress.end()
            if "Successfully" not in item["HistorySummary"]:
                raise CommandError(f"{alarm} could not tell: {item['HistorySummary']}")
            return f"{alarm} was raised, and told: its e-mail says that nothing is wrong."
        progress.say(f"waiting for {alarm} to tell")
        time.sleep(stack.look_every_s)
    progress.end()
    raise CommandError(f"{alarm} was raised, and told nobody.")
