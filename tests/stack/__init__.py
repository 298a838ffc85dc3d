"""A running stack as its users know it: what the tests share that need the whole application.

Everything goes through the doors that people have: S3, Parameter Store, DynamoDB, Step Functions,
Cognito and the review API. Only the operator's inbox and ordered failures come from the runtime.
A module holds what concerns one of them, and `launching` puts them together.

Nothing here waits blindly: ``wait_for`` asks again until a deadline and says what it waited for.
"""

from tests.stack.bucket import Uploaded
from tests.stack.deployed import Record, refused
from tests.stack.launching import (
    OPERATOR_EMAIL,
    PERMISSIONS_LOG,
    Stack,
    launched,
    on_one_day,
    running,
    train_first_model,
    with_little_time,
)
from tests.stack.people import Reviewer
from tests.stack.workflows import Execution

__all__ = [
    "OPERATOR_EMAIL",
    "PERMISSIONS_LOG",
    "Execution",
    "Record",
    "Reviewer",
    "Stack",
    "Uploaded",
    "launched",
    "on_one_day",
    "refused",
    "running",
    "train_first_model",
    "with_little_time",
]
