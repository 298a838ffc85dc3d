"""Limits how many images a running model takes a second; asked by ``service`` for each."""

import threading
from collections.abc import Callable


class TokenBucket:
    """Lets ``per_second`` calls through a second, and so many at once after a second's rest."""

    def __init__(self, per_second: float, clock: Callable[[], float]) -> None:
        self._per_second = per_second
        self._depth = max(1.0, per_second)
        self._clock = clock
        self._tokens = self._depth
        self._filled_at = clock()
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Whether the call may go on."""
        with self._lock:
            now = self._clock()
            gained = max(0.0, now - self._filled_at) * self._per_second
            self._tokens = min(self._depth, self._tokens + gained)
            self._filled_at = now
            if self._tokens < 1.0:
                return False
            self._tokens -= 1.0
            return True
