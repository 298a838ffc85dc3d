"""CloudFormation's side of a custom resource: it asks, and waits at an address for the answer."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from tests.unit.account import Context, Json, event

Handler = Callable[[Any, Any], None]


class CloudFormation:
    """The address that CloudFormation gives, and what was put there."""

    def __init__(self, function: str, handler: Handler) -> None:
        answers: list[Json] = []

        class Address(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                length = int(self.headers["Content-Length"])
                answers.append(json.loads(self.rfile.read(length)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.answers = answers
        self.server = HTTPServer(("127.0.0.1", 0), Address)
        self.url = f"http://127.0.0.1:{self.server.server_port}/answer"
        self.always: Json = {}
        """What all requests have in place of what the sample events have."""
        self._function, self._handler = function, handler

    def ask(self, case: str, context: Context | None = None, **changes: Any) -> Json:
        """What the function answers to a sample event; empty when it does not."""
        before = len(self.answers)
        request = {**event(f"{self._function}.{case}"), **self.always, **changes}
        request["ResponseURL"] = self.url
        self._handler(request, context or Context())
        return self.answers[-1] if len(self.answers) > before else {}


@contextmanager
def waiting(function: str, handler: Handler) -> Iterator[CloudFormation]:
    """CloudFormation, waiting for an answer of this function."""
    made = CloudFormation(function, handler)
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
