"""Many calls at a time, and a bar that says how far they are."""

import contextlib
import itertools
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from multiprocessing.pool import ThreadPool
from typing import Any, TypeVar

import click
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from labelloop.aws.failures import code_of

WORKERS = 10
"""As many connections as one of the SDK's clients keeps."""

BATCH = 500
"""So many jobs are held at a time where there may be any number of them."""

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")


@contextlib.contextmanager
def in_parallel(
    work: Callable[[_Job], _Result], jobs: Collection[_Job]
) -> Iterator[Iterator[tuple[_Job, _Result]]]:
    """Each job with what comes of it, in their order.

    Who leaves early, as with Ctrl-C, waits for nothing: a connection may be dead, and S3 keeps no
    half objects. Unlike an executor's, these threads do not keep the process from ending.
    """
    with ThreadPool(WORKERS) as pool:
        yield zip(jobs, pool.imap(work, jobs), strict=True)


def batches(jobs: Iterable[_Job]) -> Iterator[list[_Job]]:
    """All jobs, a batch at a time."""
    remaining = iter(jobs)
    while batch := list(itertools.islice(remaining, BATCH)):
        yield batch


def concerns_all(error: ClientError | BotoCoreError) -> bool:
    """Whether the other calls would fail as this one did: who calls, or the way there, is at fault.

    A permission may be missing for one object only.
    """
    if isinstance(error, ClientError):
        # They expire in the middle of an import.
        return "Token" in code_of(error)
    # Those are of one connection. All others are about credentials, or say that S3 is not reached.
    return not isinstance(error, HTTPClientError)


@contextlib.contextmanager
def bar(length: int, words: str) -> Iterator[Callable[[int], Any]]:
    """A bar on the terminal, and how to move it on; where there is no terminal, nothing."""
    shown: Any = click.progressbar(
        length=length,
        label=words,
        show_pos=True,
        file=sys.stderr,
        hidden=not sys.stderr.isatty() or not length,
    )
    with shown:
        yield shown.update
