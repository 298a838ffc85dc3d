"""CloudWatch's metrics: what a function writes to its log in the right form becomes one.

It takes no call and no permission, and cannot fail the work that is measured.
"""

import sys
from collections.abc import Mapping

from labelloop import clock
from labelloop.aws.wiring import wiring
from labelloop.domain.metrics import Metric, embedded
from labelloop.settings import Variable


def publish(values: Mapping[Metric, float], **dimensions: str) -> None:
    """Let CloudWatch know what was measured just now; the dimensions are those beside the stack."""
    sys.stdout.write(embedded(wiring[Variable.STACK_NAME], values, dimensions, clock.now()) + "\n")
