"""The one clock of the embedded runtime: it starts at the real time and runs ``scale`` times
faster.

Everything that waits on AWS's behalf (Wait and Retry of state machines, schedules, queue
visibility, the emulator's trainings) asks this clock, so that ``LABELLOOP_TIME_SCALE=100`` turns a
day of polling into a quarter of an hour. Time limits of code that really runs here (Lambda
timeouts, ``TimeoutSeconds``) are not scaled: the machine is as slow as it is.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """Virtual seconds since the epoch.

    Two clocks with the same scale and origin agree, also in two processes: ``to_env`` carries them
    over.
    """

    def __init__(self, scale: float = 1.0, origin: float | None = None) -> None:
        if scale <= 0:
            raise ValueError(f"the time scale must be above 0, not {scale}")
        self.scale = scale
        self.origin = time.time() if origin is None else origin

    def now(self) -> float:
        """The virtual time, in seconds since the epoch."""
        return self.at(time.time())

    def at(self, real_epoch: float) -> float:
        """The virtual time at a real one; both in seconds since the epoch."""
        return self.origin + (real_epoch - self.origin) * self.scale

    def datetime(self) -> datetime:
        """The virtual time, aware, in UTC."""
        return datetime.fromtimestamp(self.now(), UTC)

    def iso(self) -> str:
        """The virtual time as EventBridge writes it: ``2026-11-21T10:15:00Z``."""
        return self.datetime().strftime("%Y-%m-%dT%H:%M:%SZ")

    def real(self, virtual_seconds: float) -> float:
        """How many real seconds a virtual duration takes."""
        return virtual_seconds / self.scale

    def sleep(self, virtual_seconds: float) -> None:
        if virtual_seconds > 0:
            time.sleep(self.real(virtual_seconds))

    def to_env(self) -> str:
        return f"{self.scale!r}@{self.origin!r}"

    @classmethod
    def from_env(cls, value: str) -> Clock:
        scale, _, origin = value.partition("@")
        return cls(float(scale), float(origin))
