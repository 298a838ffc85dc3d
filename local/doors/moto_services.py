"""The services that moto serves, each behind a lock where it needs one."""

from __future__ import annotations

import contextlib
import threading
import uuid
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from local.http_messages import Response

_MOTO_BACKENDS = {
    "s3": "s3",
    "dynamodb": "dynamodb",
    "ssm": "ssm",
    "sns": "sns",
    "sqs": "sqs",
    "states": "stepfunctions",
    "events": "events",
    "scheduler": "scheduler",
    "cloudwatch": "cloudwatch",
    "logs": "logs",
    "cognito-idp": "cognitoidp",
    "iam": "iam",
    "sts": "sts",
    "tagging": "resourcegroupstaggingapi",
    "glue": "glue",
    "athena": "athena",
}
# moto reads, decides and writes without a lock: of two conditional writes at once both would win.
_ONE_AT_A_TIME = frozenset(("dynamodb", "s3", "ssm", "scheduler", "cognito-idp", "logs"))


class MotoServices:
    """moto's applications, made when they are asked for."""

    def __init__(self) -> None:
        self._apps: dict[str, Any] = {}
        self._apps_lock = threading.Lock()
        self._locks = {service: threading.RLock() for service in _ONE_AT_A_TIME}
        self._others = DomainDispatcherApplication(create_backend_app)

    def answer(self, service: str | None, environ: dict[str, Any]) -> Response:
        """The answer of the service; of whichever the request itself names, for None."""
        backend = _MOTO_BACKENDS.get(service or "")
        app = self._app(backend) if backend else self._others
        answer: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
            answer[:] = [int(status.split(" ", 1)[0]), headers]

        lock = self._locks.get(service or "", contextlib.nullcontext())
        with lock:
            chunks = app(environ, start_response)
            body = b"".join(chunks)
        if hasattr(chunks, "close"):
            chunks.close()
        status, headers = answer
        if not any(name.lower() in ("x-amzn-requestid", "x-amz-request-id") for name, _ in headers):
            headers = [*headers, ("x-amzn-requestid", str(uuid.uuid4()))]
        return Response(status, headers, body)

    def _app(self, backend: str) -> Any:
        app = self._apps.get(backend)
        if app is None:
            with self._apps_lock:
                app = self._apps.get(backend) or create_backend_app(backend)
                self._apps[backend] = app
        return app
