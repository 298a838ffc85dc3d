"""What the demo's people do at the review API."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from local.demo.failure import DemoError
from local.demo.visitor import TRIES, Reviewer

OPEN = b'{"open": 3}'


@contextmanager
def _api(answer: Callable[[int], tuple[int, bytes]]) -> Iterator[tuple[str, list[str]]]:
    """An API that answers each request by its number; its address, and what has been asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            status, content = answer(len(asked))
            self.send_response(status)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def test_who_is_told_to_come_again_comes_again() -> None:
    with _api(lambda number: (503, b"{}") if number < TRIES else (200, OPEN)) as (url, asked):
        assert Reviewer(url, lambda: "token").waiting() == 3
    assert len(asked) == TRIES


def test_an_api_that_goes_on_failing_is_told() -> None:
    with (
        _api(lambda _: (503, b"out of order")) as (url, asked),
        pytest.raises(DemoError, match="503: out of order"),
    ):
        Reviewer(url, lambda: "token").waiting()
    assert len(asked) == TRIES
