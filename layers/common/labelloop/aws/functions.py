"""Functions that are started without waiting for them, and that are called."""

from labelloop.aws.clients import client, patient_client
from labelloop.aws.failures import translated
from labelloop.errors import ServiceFailedError


def start(function: str, payload: bytes) -> None:
    """Start the function of this name or ARN; what becomes of it is its own."""
    with translated():
        client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=payload)


def call(function: str, payload: bytes) -> bytes:
    """What the function of this name or ARN answers. Raises ServiceFailedError where it fails."""
    with translated():
        answer = patient_client("lambda").invoke(FunctionName=function, Payload=payload)
        body: bytes = answer["Payload"].read()
    if "FunctionError" in answer:
        raise ServiceFailedError(f"The function failed: {body[:500].decode(errors='replace')}")
    return body
