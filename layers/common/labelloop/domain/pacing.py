"""How fast to call a service that never says what it can take.

Additive increase, multiplicative decrease: the rate grows by a little with each call that is taken
and falls by a part when one is refused, as TCP does it. Nobody publishes a model's throughput, and
autoscaling changes it, so the rate is found and found again. Growth by the call, not by the
second, makes the share of refused calls much the same for slow and fast models, and lets processes
that share a model come to even shares of it.
"""

from dataclasses import dataclass

START_PER_S = 5.0
LEAST_PER_S = 0.5
FIRST_GROWTH = 1.04
"""Until the first refusal each success makes the rate grow by this factor."""
GROWTH_PER_S = 0.012
"""Then by so many calls a second. It settles where about 3 in 100 calls are refused."""
LONG_RUN = 80
"""After so many successes in a row, the growth is twice that, and so on: there is room."""
DECREASE = 0.85


@dataclass
class Pace:
    """The rate that one process has found, and when its next call is due.

    For one thread. Times are seconds of any one clock.
    """

    rate_per_s: float = START_PER_S
    _next_at_s: float = 0.0
    _decreased_at_s: float = float("-inf")
    _was_refused: bool = False
    _successes: int = 0

    def wait_s(self, now_s: float) -> float:
        """How long until the next call is due."""
        return max(0.0, self._next_at_s - now_s)

    def begun(self, now_s: float) -> None:
        """A call begins."""
        self._next_at_s = now_s + 1 / self.rate_per_s

    def succeeded(self) -> None:
        """A call was taken."""
        self._successes += 1
        if self._was_refused:
            self.rate_per_s += GROWTH_PER_S * max(1.0, self._successes / LONG_RUN)
        else:
            self.rate_per_s *= FIRST_GROWTH

    def throttled(self, begun_s: float, now_s: float) -> None:
        """A call that had begun then was refused because there were too many.

        Calls that had begun before the last decrease tell of the same overload.
        """
        self._was_refused, self._successes = True, 0
        if begun_s < self._decreased_at_s:
            return
        self._decreased_at_s = now_s
        self.rate_per_s = max(LEAST_PER_S, self.rate_per_s * DECREASE)
        self._next_at_s = max(self._next_at_s, now_s + 1 / self.rate_per_s)
