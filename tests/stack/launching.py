"""The whole stack, and its launch as the tests want it."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from labelloop.domain.ceilings import until_next_day
from local.launch import ROOT, launch
from tests import images
from tests.stack.bucket import Bucket
from tests.stack.failures import Failures
from tests.stack.messages import Messages
from tests.stack.people import People
from tests.stack.records import Records
from tests.stack.settings import Settings
from tests.stack.workflows import Workflows

OPERATOR_EMAIL = "operator@example.com"
CONSUMER_EMAIL = "consumer@example.com"
TIME_SCALE = 100
"""Leaves 5 s of SQS's patience: no message comes again while a slow machine works on it."""
REKOGNITION_SPEED = 15
"""Makes a training of half an hour 1.2 s, together with the time scale."""
PERMISSIONS_LOG = os.environ.get("PERMISSIONS_LOG", os.devnull)
"""Where every launched stack notes in the end which permissions were used, and what was refused."""
SETTINGS = {
    # Schedules run fast too: they do nothing that a test has not asked for.
    "Enable-Automatic-Training": "false",
    "Enable-Automatic-Human-Sampling": "false",
    # A model of few images gives a doubtful one 5 %, and never less than 25 % to the others.
    "Minimum-Label-Detection-Confidence": "15.0",
}

DAYS_TRIED, LATE_HOUR = 5, 4
_launched: list[Stack] = []


class Stack(Bucket, Records, Messages, Settings, Workflows, Failures, People):
    """A deployed stack, and what its users do with it."""


def on_one_day(test: Callable[..., None]) -> Callable[..., None]:
    """A test of what holds on one of the stack's days (UTC), which are minutes here.

    It begins early on one; where midnight came in between all the same, it is begun anew.
    """

    @functools.wraps(test)
    def on_any_day(**fixtures: Any) -> None:
        (stack,) = (one for one in fixtures.values() if isinstance(one, Stack))
        for _ in range(DAYS_TRIED - 1):
            if stack.now().hour >= LATE_HOUR:
                stack.leap(until_next_day(stack.now()).total_seconds() + 1)
            day = stack.now().date()
            try:
                return test(**fixtures)
            except Exception:
                if stack.now().date() == day:
                    raise
        return test(**fixtures)

    return on_any_day


@contextlib.contextmanager
def launched(
    *,
    time_scale: float = TIME_SCALE,
    parameters: Mapping[str, str] | None = None,
    settings: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    hosting: bool = False,
    **options: Any,
) -> Iterator[Stack]:
    """A new stack for the length of a block.

    ``parameters`` are the deployment's, ``settings`` the operator's beside ``SETTINGS``. Unless
    ``hosting`` is asked for, the model is started and stopped by nobody but the test, and no
    schedule comes round by itself but training's and sampling's, where they are switched on.
    """
    deployment = {"NotificationEmail": OPERATOR_EMAIL, "ConsumerEmail": CONSUMER_EMAIL}
    with launch(
        time_scale=time_scale,
        tps=100,
        parameters={**deployment, **(parameters or {})},
        environment={
            "LABELLOOP_REKOGNITION_SPEED": str(REKOGNITION_SPEED),
            "LABELLOOP_PERMISSIONS_LOG": PERMISSIONS_LOG,
            **(environment or {}),
        },
        **options,
    ) as local:
        stack = Stack(local, time_scale)
        stack.follow_events()
        stack.set_parameters({**SETTINGS, **(settings or {})}, wait=False)
        if not hosting:
            stack.leave_model_alone()
            stack.start_nothing_by_itself()
        _launched.append(stack)
        try:
            yield stack
            stack.events()
        finally:
            _launched.remove(stack)


def with_little_time(folder: Path, stem: str) -> Path:
    """The template, but the function of this folder has a minute: it hands over what takes long."""
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    for code in ("functions", "layers", "statemachine"):
        (folder / code).symlink_to(ROOT / code)
    long, short = (f"/{stem}\n      Timeout: {seconds}\n" for seconds in (900, 60))
    assert long in text
    path = folder / "template.yaml"
    path.write_text(text.replace(long, short), encoding="utf-8")
    return path


def running() -> list[Stack]:
    """The stacks that are running now."""
    return list(_launched)


def train_first_model(stack: Stack, images_per_label: int = 8) -> str:
    """Let the stack train and deploy its first model; the version's name."""
    stack.label(dict.fromkeys(images.LABELS, images_per_label))
    execution = stack.run("model_training", {"force": True})
    version = stack.deployed()
    assert version, (execution, stack.operator_mails())
    return version
