"""CloudFormation's side of a custom resource: its answer."""

import urllib.error
import urllib.request

from labelloop import clock

_TRIES = 5


def answer(url: str, body: bytes) -> None:
    """Put the answer to the address that CloudFormation gave, trying for half a minute.

    Raises URLError when nothing helps: then the log has the answer and the stack waits.
    """
    for attempt in range(1, _TRIES + 1):
        request = urllib.request.Request(url, data=body, method="PUT")  # noqa: S310  # CloudFormation's own address
        request.add_header("Content-Type", "")  # The address is signed for no type.
        try:
            with urllib.request.urlopen(request, timeout=10):  # noqa: S310
                return
        except urllib.error.URLError:
            if attempt == _TRIES:
                raise
            clock.pause(2**attempt / 2)
