"""EventBridge Scheduler's schedules that follow the operator's parameters."""

from labelloop.aws.clients import client
from labelloop.aws.failures import translated

_KEPT = (
    "Name",
    "GroupName",
    "Description",
    "FlexibleTimeWindow",
    "ScheduleExpressionTimezone",
    "Target",
)


def is_off(name: str) -> bool:
    """Whether the schedule does not run at all."""
    with translated():
        state: str = client("scheduler").get_schedule(Name=name)["State"]
    return state == "DISABLED"


def set_rate(name: str, minutes: int, enabled: bool) -> bool:
    """Let the schedule run every so many minutes, or not at all; whether that was a change.

    The rest of it stays as the template made it.
    """
    expression = f"rate({minutes} minute{'' if minutes == 1 else 's'})"
    state = "ENABLED" if enabled else "DISABLED"
    scheduler = client("scheduler")
    with translated():
        current = scheduler.get_schedule(Name=name)
        if current["ScheduleExpression"] == expression and current["State"] == state:
            return False
        # UpdateSchedule replaces everything: what is left out would be gone.
        kept = {part: current[part] for part in _KEPT if part in current}
        scheduler.update_schedule(**kept, ScheduleExpression=expression, State=state)
    return True
