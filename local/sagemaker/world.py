"""What the emulated SageMaker needs of the account that it is in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class World:
    """The account's clock, bucket, roles, user pools and events."""

    region: str
    account_id: str
    now: Callable[[], float]
    """The time, in seconds since the epoch."""
    read: Callable[[str, str, str], bytes]
    """The object of a bucket and key, under a role. Raises PermissionError or KeyError."""
    write: Callable[[str, str, str, bytes], None]
    """Puts an object into a bucket under a key, under a role. Raises PermissionError."""
    check: Callable[[str, str, str], None]
    """Raises PermissionError where a role may not do an action on a resource."""
    trusts: Callable[[str], bool]
    """Whether SageMaker may assume a role."""
    user_pool_client: Callable[[str, str], Mapping[str, Any] | None]
    """A client of a user pool as Cognito describes it; None where there is none."""
    emit: Callable[[str, dict[str, Any], list[str]], None]
    """Sends an event: detail type, detail, resources."""

    def arn(self, rest: str) -> str:
        """The ARN of something of SageMaker's."""
        return f"arn:aws:sagemaker:{self.region}:{self.account_id}:{rest}"
