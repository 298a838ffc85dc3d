"""Whose gateways these are: a function's are its own deployment's, by its environment and its role.

The command line works for the stack that it is told of, and says so here before it calls a gateway.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from labelloop import clock, remembered
from labelloop.aws import clients
from labelloop.aws.clients import MakeClient
from labelloop.aws.wiring import wiring


@contextmanager
def of(
    variables: Mapping[str, str], make_client: MakeClient, time_now: Callable[[], float]
) -> Iterator[None]:
    """Let every gateway of this process work for another deployment meanwhile.

    What was remembered of one is not said of the other, neither then nor afterwards.
    """
    before, wiring.environment = wiring.environment, variables
    remembered.forget_all()
    try:
        with clients.made_by(make_client), clock.told_by(time_now):
            yield
    finally:
        wiring.environment = before
        remembered.forget_all()
