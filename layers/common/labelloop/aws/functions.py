"""Functions that are started without waiting for them."""

from labelloop.aws.clients import client
from labelloop.aws.failures import translated


def start(function: str, payload: bytes) -> None:
    """Start the function of this name or ARN; what becomes of it is its own."""
    with translated():
        client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=payload)
