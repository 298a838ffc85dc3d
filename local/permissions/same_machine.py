"""Who may speak to the runtime: programs of this machine, and the pages that it serves itself.

Nothing here checks signatures, and a browser brings every page of the web to 127.0.0.1. So each
listener of this folder asks `refusal` before anything else: a page of elsewhere is told by its
``Origin``, one whose name was made to lead here (DNS rebinding) by its ``Host``, and an image or a
link that acts, for which browsers send no ``Origin``, by ``Sec-Fetch-Site``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# Clients put a bucket before the name: bucket.localhost. Browsers let no name server answer for it.
_OWN_HOST = re.compile(
    r"(127\.0\.0\.1|\[::1\]|([a-z0-9._-]+\.)?localhost)(?P<port>:\d{1,5})?", re.IGNORECASE
)
_FROM_ELSEWHERE = ("cross-site", "same-site")  # another port of this machine is the same site


def refusal(
    headers: Mapping[str, str], *, origin_admitted: bool = False, is_page: bool = False
) -> str | None:
    """Why the request is not answered; None when it comes from this machine.

    The names in ``headers`` are lower-case. ``origin_admitted``: what is asked for lets its origin
    in by name. ``is_page``: people may be led to what is asked for by a link.
    """
    host = headers.get("host", "")
    if _OWN_HOST.fullmatch(host) is None:
        return (
            f"the embedded runtime answers only as 127.0.0.1, localhost and [::1], not as {host!r}"
        )
    origin = headers.get("origin")
    if origin is not None:
        if _is_own(origin.partition("://")[2], host) or origin_admitted:
            return None
        return f"the embedded runtime answers no page of {origin!r}: it is for this machine alone"
    if headers.get("sec-fetch-site") not in _FROM_ELSEWHERE:
        return None
    if is_page and headers.get("sec-fetch-mode") == "navigate":
        return None
    return "the embedded runtime answers no page of elsewhere: it is for this machine alone"


def _is_own(origin: str, host: str) -> bool:
    """Whether a page of this origin is of the port that is asked, by whichever of its names."""
    there, here = _OWN_HOST.fullmatch(origin), _OWN_HOST.fullmatch(host)
    return there is not None and here is not None and there["port"] == here["port"]
