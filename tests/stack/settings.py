"""The operator's settings: parameters, schedules, and what bounds models and people."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from datetime import timedelta

from labelloop.clock import iso
from local.launch import wait_for
from tests.stack.deployed import Deployed


class Settings(Deployed):
    """What an operator changes while the stack runs."""

    def parameter(self, name: str) -> str:
        """The value of one of the operator's parameters."""
        answer = self.client("ssm").get_parameter(Name=self.outputs["ParameterPrefix"] + name)
        value: str = answer["Parameter"]["Value"]
        return value

    def set_parameters(self, values: Mapping[str, str], wait: bool = True) -> None:
        """Change parameters, and wait for as long as a function may still know the old values."""
        for name, value in values.items():
            self.client("ssm").put_parameter(
                Name=self.outputs["ParameterPrefix"] + name, Value=value, Overwrite=True
            )
        if wait:
            self.leap(61)

    @contextlib.contextmanager
    def parameters(self, values: Mapping[str, str]) -> Iterator[None]:
        """Other values for the length of a block."""
        before = {name: self.parameter(name) for name in values}
        self.set_parameters(values)
        try:
            yield
        finally:
            self.set_parameters(before)

    @contextlib.contextmanager
    def sampling(self, interval: int) -> Iterator[None]:
        """Every so many detections sampled for the length of a block, none from before it.

        The schedule itself comes round once a month.
        """
        values = {
            "Enable-Automatic-Human-Sampling": "true",
            "Automatic-Human-Sampling-Frequency": "44640",
            "Human-Sampling-Interval": str(interval),
        }
        enabled = ("rate(44640 minutes)", "ENABLED")
        with self.parameters(values):
            wait_for(lambda: self.schedule("sampling") == enabled, "the schedule")
            yield

    def leave_model_alone(self) -> None:
        """Do what an operator does who wants no model started or stopped."""
        self.client("dynamodb").put_item(
            TableName=self.outputs["ModelVersionsTable"],
            Item={"kind": {"S": "state"}, "name": {"S": "hosting_pause"}},
        )
        self.disable("hosting")

    def start_nothing_by_itself(self) -> None:
        """Let no schedule come round that does not follow a parameter: as fast as the clock runs,
        each would be at work at any time, the more the slower the machine is.
        """
        for name in ("LabelingSchedule", "ParameterCheckSchedule", "SelectionSchedule"):
            self._switch(self.physical_id(name), "DISABLED")

    @contextlib.contextmanager
    def model_started_when_needed(self) -> Iterator[None]:
        """Do what an operator does who lets the model be started, for the length of a block."""
        pause = {"kind": {"S": "state"}, "name": {"S": "hosting_pause"}}
        table = self.outputs["ModelVersionsTable"]
        self.client("dynamodb").delete_item(TableName=table, Key=pause)
        try:
            yield
        finally:
            self.client("dynamodb").put_item(TableName=table, Item=pause)

    def schedule(self, name: str) -> tuple[str, str]:
        """Expression and state of the ``training`` or ``sampling`` schedule."""
        answer = self.client("scheduler").get_schedule(Name=f"{self.local.name}-{name}")
        return answer["ScheduleExpression"], answer["State"]

    def disable(self, name: str) -> None:
        """Let the schedule of this name start nothing by itself."""
        self._switch(f"{self.local.name}-{name}", "DISABLED")

    @contextlib.contextmanager
    def disabled(self, name: str) -> Iterator[None]:
        """The same for the length of a block."""
        self.disable(name)
        try:
            yield
        finally:
            self._switch(f"{self.local.name}-{name}", "ENABLED")

    def _switch(self, name: str, state: str) -> None:
        scheduler = self.client("scheduler")
        known = scheduler.get_schedule(Name=name)
        wanted = ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")
        scheduler.update_schedule(**{part: known[part] for part in wanted}, State=state)

    @contextlib.contextmanager
    def review_budget(self, budget: int) -> Iterator[None]:
        """So many questions a day for the length of a block, of which none has been asked."""
        with self.parameters({"Daily-Review-Budget": str(budget)}):
            self.begin_review_day("2999-01-01")
            yield
        self.client("dynamodb").delete_item(
            TableName=self.outputs["ModelVersionsTable"],
            Key={"kind": {"S": "state"}, "name": {"S": "review_day"}},
        )

    def begin_review_day(self, date: str) -> None:
        """Let a day begin that is later than any clock says: no midnight comes in between."""
        before = self.item("ModelVersionsTable", kind="state", name="review_day")
        self.client("dynamodb").put_item(
            TableName=self.outputs["ModelVersionsTable"],
            Item={
                "kind": {"S": "state"},
                "name": {"S": "review_day"},
                "date": {"S": date},
                "asked": {"L": []},
                "chosen": {"L": []},
                "revision": {"N": str(before.get("revision", -1) + 1)},
            },
        )

    def spend_model_hours(self, ago: timedelta = timedelta()) -> None:
        """Let models have run for two hours today, or so long ago: more than a ceiling of one."""
        now = self.now() - ago
        item = {"day": f"{now:%Y-%m-%d}", "looked": iso(now), "kind": "state", "name": "model_time"}
        self.client("dynamodb").put_item(
            TableName=self.outputs["ModelVersionsTable"],
            Item={name: {"S": value} for name, value in item.items()}
            | {"seconds": {"N": "7200"}, "models": {"N": "0"}},
        )
