"""When DynamoDB may forget what is known of a detection: one time for its record and its task."""

from datetime import datetime, timedelta

from labelloop.aws.wiring import wiring
from labelloop.clock import epoch_s
from labelloop.settings import Variable


def expires_from(then: datetime) -> int | None:
    """When something expires that is known since then; None where records are kept for good."""
    retention_days = wiring.whole_number(Variable.DETECTION_RETENTION_DAYS)
    return epoch_s(then, timedelta(days=retention_days)) if retention_days else None
