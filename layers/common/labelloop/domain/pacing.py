"""How fast to call a service that never says what it can take.

Additive increase, multiplicative decrease: the rate grows slowly while calls succeed and falls by
a part when one is refused, as TCP does it. Nobody publishes a model's throughput, and autoscaling
changes it, so the rate is found and found again.
"""

from dataclasses import dataclass

START_PER_S = 5.0
LEAST_PER_S = 0.5
GROWTH_PER_S2 = 1.0
"""The rate grows by so many calls a second in each second of success."""
DECREASE = 0.75
SETTLE_S = 1.0
"""Refusals within this time of the last decrease tell of the same overload."""


@dataclass
class Pace:
    """The rate that one process has found, and when its next call is due.

    Not safe for several threads: the caller holds a lock. Times are seconds of any one clock.
    """

    rate_per_s: float = START_PER_S
    _next_at_s: float = 0.0
    _decreased_at_s: float = float("-inf")

    def reserve(self, now_s: float) -> float:
        """Take the next turn; how many seconds from now it is."""
        at_s = max(now_s, self._next_at_s)
        self._next_at_s = at_s + 1 / self.rate_per_s
        return at_s - now_s

    def succeeded(self) -> None:
        """A call was taken."""
        self.rate_per_s += GROWTH_PER_S2 / self.rate_per_s

    def throttled(self, now_s: float) -> None:
        """A call was refused because there were too many."""
        if now_s - self._decreased_at_s < SETTLE_S:
            return
        self._decreased_at_s = now_s
        self.rate_per_s = max(LEAST_PER_S, self.rate_per_s * DECREASE)
        self._next_at_s = max(self._next_at_s, now_s + 1 / self.rate_per_s)
