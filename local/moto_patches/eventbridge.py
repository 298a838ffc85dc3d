"""What is changed of moto's EventBridge and its Scheduler."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.events.exceptions import ValidationException
from moto.events.models import EventsBackend, Rule
from moto.scheduler.models import EventBridgeSchedulerBackend

from local.moto_patches.around import Around, Patches
from local.services.event_targets import check_target_arn
from local.services.scheduler import InvalidScheduleError, parse_expression


def deliver_events(around: Around) -> None:
    """moto ignores DISABLED, lets rules that have only a schedule match everything, and knows no
    Step Functions target.
    """

    def send_to_targets(self: Any, original_event: dict[str, Any], **_: Any) -> None:
        event = {key: value for key, value in original_event.items() if key != "ingestion-time"}
        if isinstance(event.get("time"), (int, float)):
            event["time"] = around.clock.iso()
        around.bus.offer(self, event)

    put_targets = EventsBackend.put_targets

    def put_checked_targets(
        self: Any, name: str, event_bus_arn: str | None, targets: list[dict[str, Any]]
    ) -> None:
        for target in targets:
            try:
                check_target_arn(target["Arn"])
            except NotImplementedError as error:
                raise ValidationException(str(error)) from error
        put_targets(self, name, event_bus_arn, targets)

    Rule.send_to_targets = send_to_targets
    EventsBackend.put_targets = put_checked_targets


def watch_schedules(around: Around) -> None:
    """moto holds schedules and never runs them; it takes any expression."""

    def watched(method: Callable[..., Any], argument: str) -> Callable[..., Any]:
        @functools.wraps(method)
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            expression = kwargs.get(argument)
            if expression:
                try:
                    parse_expression(expression)
                except InvalidScheduleError as error:
                    raise JsonRESTError("ValidationException", str(error)) from error
            result = method(self, *args, **kwargs)
            around.schedules.changed()
            return result

        return call

    for name in ("create_schedule", "update_schedule", "delete_schedule"):
        method = getattr(EventBridgeSchedulerBackend, name)
        setattr(EventBridgeSchedulerBackend, name, watched(method, "schedule_expression"))
    for name in ("put_rule", "delete_rule", "enable_rule", "disable_rule"):
        method = getattr(EventsBackend, name)
        setattr(EventsBackend, name, watched(method, "scheduled_expression"))


PATCHES: Patches = (
    deliver_events,
    watch_schedules,
)
