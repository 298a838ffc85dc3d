"""boto3 clients, made once a process, with their retries and timeouts stated.

The SDK's default retry mode changed between releases, so ours doesn't depend on it.
"""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

READ_TIMEOUT_S = 20
EXECUTION_READ_TIMEOUT_S = 40
"""Longer than an Express execution may take, shorter than the function that waits for it."""


@cache
def client(service: str) -> Any:
    """The service's client, with a few quick retries."""
    return _client(service, attempts=4, read_timeout_s=READ_TIMEOUT_S)


@cache
def client_without_retries(service: str) -> Any:
    """The service's client for calls whose refusals the caller wants to see at once."""
    return _client(service, attempts=1, read_timeout_s=READ_TIMEOUT_S)


@cache
def patient_client(service: str) -> Any:
    """The service's client for one long call, never repeated."""
    return _client(service, attempts=1, read_timeout_s=EXECUTION_READ_TIMEOUT_S)


def _client(service: str, attempts: int, read_timeout_s: int) -> Any:
    config = Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=5,
        read_timeout=read_timeout_s,
        max_pool_connections=50,
        # Else the SDK signs links the old way, which S3 does not take for buckets of today, and for
        # the host of all Regions, which sends on, for a day, who asks for a new bucket elsewhere.
        signature_version="s3v4" if service == "s3" else None,
        s3={"addressing_style": "virtual"} if service == "s3" else None,
    )
    return boto3.client(service, config=config)  # type: ignore[call-overload]
