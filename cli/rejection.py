"""How often a version was right about images that it took for none of its labels.

Shown by `labelloop accuracy` for each version, and by `labelloop status` for the one that serves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from labelloop.domain import rejection
from labelloop.domain.accuracy import LEAST_ANSWERS, Accuracy
from labelloop.domain.rejection import LEAST_ANSWERS_OF_VERSION, NoneAnswer

from . import params

_MINIMUM = "Minimum-Label-Detection-Confidence"


@dataclass(frozen=True)
class Nones:
    """What the newest answers say of such images, where a version was sure enough."""

    of_version: Accuracy
    of_any: Accuracy
    """Of this version and those before."""
    accepted: bool
    """Whether this version may take images for none of its labels without anybody looking."""

    def as_json(self) -> dict[str, Any]:
        """For programs: what the answers about the version say."""
        low, high = self.of_version.interval
        return {
            "right": self.of_version.right,
            "answers": self.of_version.answers,
            "accuracy": round(self.of_version.share, 4),
            "low": round(low, 4),
            "high": round(high, 4),
            "accepted": self.accepted,
            "becomes": self._becomes(),
        }

    def _becomes(self) -> str:
        """What becomes of such images now."""
        if self.accepted:
            return "accepted; some are sampled"
        missing = max(
            LEAST_ANSWERS - self.of_any.answers,
            LEAST_ANSWERS_OF_VERSION - self.of_version.answers,
        )
        if missing > 0:
            return f"people look at each until {missing} more are answered"
        return "people look at each, since it is not right often enough"


def of_version(found: Sequence[NoneAnswer], version: str) -> Nones | None:
    """What they say of a version, by the minimum confidence as it is now; None for nothing."""
    if not any(answer.version == version for answer in found):
        return None
    text = params.effective_value(_MINIMUM)
    minimum_pct = Decimal(text)
    return Nones(
        rejection.figures(found, minimum_pct, version),
        rejection.figures(found, minimum_pct),
        rejection.may_be_accepted(found, version, minimum_pct),
    )
