"""The one clock of the embedded runtime: it starts at the real time and runs ``scale`` times
faster.

Everything that waits on AWS's behalf (Wait and Retry of state machines, schedules, queue
visibility, the emulator's trainings) asks this clock, so that ``LABELLOOP_TIME_SCALE=100`` turns a
day of polling into a quarter of an hour. Time limits of code that really runs here (Lambda
timeouts, ``TimeoutSeconds``) are not scaled: the machine is as slow as it is.

It can leap, too: hours in which nothing happens need not be lived through. What schedules and Wait
states waited for has come then; a message that is hidden, and a call that is to be tried again, go
on waiting for as long as they would have without.
"""

from __future__ import annotations

import mmap
import struct
import time
from datetime import UTC, datetime
from pathlib import Path

_SECONDS = struct.Struct("d")


class Clock:
    """Virtual seconds since the epoch.

    Two clocks with the same scale and origin agree, also in two processes: ``to_env`` carries them
    over. In the file ``leaps`` they find how far they have leapt together.
    """

    def __init__(
        self, scale: float = 1.0, origin: float | None = None, leaps: Path | None = None
    ) -> None:
        if scale <= 0:
            raise ValueError(f"the time scale must be above 0, not {scale}")
        self.scale = scale
        self.origin = time.time() if origin is None else origin
        self._leaps = leaps
        self._leapt: mmap.mmap | None = None
        if leaps is not None:
            if not leaps.exists():
                leaps.write_bytes(_SECONDS.pack(0.0))
            with leaps.open("r+b") as file:
                self._leapt = mmap.mmap(file.fileno(), _SECONDS.size)

    def now(self) -> float:
        """The virtual time, in seconds since the epoch."""
        return self.at(time.time())

    def at(self, real_epoch: float) -> float:
        """The virtual time at a real one since the last leap; both in seconds since the epoch."""
        return self.origin + (real_epoch - self.origin) * self.scale + self._leapt_s()

    def leap(self, virtual_seconds: float) -> None:
        """Let that much time be over. For one caller at a time, on a clock with a file."""
        if self._leapt is None:
            raise ValueError("this clock has no file to leap with")
        if virtual_seconds < 0:
            raise ValueError(f"time does not go back by {-virtual_seconds:g} s")
        _SECONDS.pack_into(self._leapt, 0, self._leapt_s() + virtual_seconds)

    def _leapt_s(self) -> float:
        return 0.0 if self._leapt is None else float(_SECONDS.unpack_from(self._leapt, 0)[0])

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
        parts = [repr(self.scale), repr(self.origin), *filter(None, [str(self._leaps or "")])]
        return "@".join(parts)

    @classmethod
    def from_env(cls, value: str) -> Clock:
        scale, origin, leaps = (*value.split("@", 2), "")[:3]
        return cls(float(scale), float(origin), Path(leaps) if leaps else None)
