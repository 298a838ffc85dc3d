"""boto3 clients, made once a process, with their retries and timeouts stated.

The SDK's default retry mode changed between releases, so ours doesn't depend on it. A call that
hangs ends before the function does, as an error that the function can tell of: a contract test
holds ``longest_call_s`` against every function's timeout.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from labelloop.aws.wiring import wiring
from labelloop.settings import Variable

CONNECT_TIMEOUT_S = 2
READ_TIMEOUT_S = 15
"""For functions that have a minute or more; to those with less the template gives another one."""
ATTEMPTS = 3
MOST_BACKOFF_S = 3
"""What the SDK waits between three attempts: up to one second, and up to two."""
ONE_READ_TIMEOUT_S = 20
"""For calls that are made once."""
EXECUTION_READ_TIMEOUT_S = 40
"""Longer than an Express execution may take, shorter than the function that waits for it."""


def longest_call_s(read_timeout_s: int, attempts: int) -> int:
    """How long a call takes at the most that is never answered."""
    return attempts * (CONNECT_TIMEOUT_S + read_timeout_s) + (attempts > 1) * MOST_BACKOFF_S


MakeClient = Callable[[str, int, float], Any]
"""Takes a service, how often a call is made at most, and how long an answer may take in seconds."""


def client(service: str) -> Any:
    """The service's client, with a few quick retries."""
    read_timeout_s = READ_TIMEOUT_S
    if Variable.READ_TIMEOUT_S in wiring:
        read_timeout_s = wiring.whole_number(Variable.READ_TIMEOUT_S)
    return _make(service, ATTEMPTS, read_timeout_s)


def client_without_retries(service: str) -> Any:
    """The service's client for calls whose refusals the caller wants to see at once."""
    return _make(service, 1, ONE_READ_TIMEOUT_S)


def patient_client(service: str) -> Any:
    """The service's client for one long call, never repeated."""
    return _make(service, 1, EXECUTION_READ_TIMEOUT_S)


@contextmanager
def made_by(make: MakeClient) -> Iterator[None]:
    """Let the clients come from elsewhere meanwhile."""
    global _make  # noqa: PLW0603 - of the process, its threads too
    before, _make = _make, make
    try:
        yield
    finally:
        _make = before


@cache
def own_client(service: str, attempts: int, read_timeout_s: float) -> Any:
    """A client with the credentials of this process."""
    config = Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=read_timeout_s,
        max_pool_connections=50,
        # Else the SDK signs links the old way, which S3 does not take for buckets of today, and for
        # the host of all Regions, which sends on, for a day, who asks for a new bucket elsewhere.
        signature_version="s3v4" if service == "s3" else None,
        s3={"addressing_style": "virtual"} if service == "s3" else None,
    )
    return boto3.client(service, config=config)  # type: ignore[call-overload]


_make: MakeClient = own_client
