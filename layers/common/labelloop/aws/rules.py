"""EventBridge's rules, which a console switches off with one click."""

from labelloop.aws.clients import client
from labelloop.aws.failures import translated


def is_on(name: str) -> bool:
    """Whether the rule takes events. Raises NotFoundError where it was deleted."""
    with translated():
        state: str = client("events").describe_rule(Name=name)["State"]
    return state != "DISABLED"
