"""What a worker writes: into a file for people, and into CloudWatch Logs as its role may."""

from __future__ import annotations

import logging
import time
import uuid
from collections import deque
from typing import Any, BinaryIO

from moto.logs.models import logs_backends

from local.constants import ACCOUNT_ID, REGION
from local.services.embedded_metrics import Metrics
from local.services.function_spec import FunctionSpec, Surroundings

log = logging.getLogger(__name__)


LOG_TAIL_LINES = 200
LOG_STREAM_LINES = 2_000


class LogSink:
    """Where a worker's lines go: a file for people, and CloudWatch Logs if the role may write
    there.
    """

    def __init__(self, around: Surroundings, spec: FunctionSpec, file: BinaryIO | None) -> None:
        self.group = spec.log_group or f"/aws/lambda/{spec.name}"
        self.stream = f"{time.strftime('%Y/%m/%d')}/[$LATEST]{uuid.uuid4().hex}"
        self._file = file
        self._tail: deque[str] = deque(maxlen=LOG_TAIL_LINES)
        self._metrics = Metrics()
        self._backend = self._open_stream(around, spec)

    def write(self, lines: list[bytes]) -> None:
        if self._file is not None:
            self._file.write(b"".join(line + b"\n" for line in lines))
        texts = [line.decode("utf-8", "replace") for line in lines]
        self._tail.extend(texts)
        if self._backend is None:
            return
        now_ms = int(time.time() * 1000)
        events = [{"timestamp": now_ms, "message": text} for text in texts if text]
        try:
            self._backend.put_log_events(self.group, self.stream, events)
            stream = self._backend.groups[self.group].streams[self.stream]
            if len(stream.events) > 2 * LOG_STREAM_LINES:
                stream.events = stream.events[-LOG_STREAM_LINES:]
            for text in texts:
                self._metrics.take(text)
        except Exception as error:  # the group may be deleted under a running worker
            log.warning("no more logs to %s: %s", self.group, error)
            self._backend = None

    def tail(self) -> str:
        return "".join(f"{line}\n" for line in list(self._tail))[-4096:]

    def _open_stream(self, around: Surroundings, spec: FunctionSpec) -> Any | None:
        backend = logs_backends[ACCOUNT_ID][REGION]
        resource = (
            f"arn:aws:logs:{REGION}:{ACCOUNT_ID}:log-group:{self.group}:log-stream:{self.stream}"
        )
        for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
            if not around.authorizer.check(spec.role_arn, action, resource).allowed:
                log.warning("%s writes no logs: its role may not %s", spec.name, action)
                return None
        if self.group not in backend.groups:
            log.warning("%s writes no logs: there is no log group %s", spec.name, self.group)
            return None
        backend.create_log_stream(self.group, self.stream)
        return backend
