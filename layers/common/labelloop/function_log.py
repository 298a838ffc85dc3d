"""The functions' log: one JSON object a line.

The standard library does all of it. A logging package would cost every cold start more than this
whole module: what an image waits for must not pay for lines that it never writes.
"""

import json
import logging
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any


class Log(logging.LoggerAdapter[logging.Logger]):
    """Writes constant messages with facts as fields, given as ``extra``."""

    def __init__(self, service: str, level: str = "INFO") -> None:
        logger = logging.getLogger(f"labelloop.log.{service}")
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(_JsonLine())
        logger.handlers = [handler]
        logger.setLevel(level)
        logger.propagate = False  # Lambda's own handler would write every line once more.
        super().__init__(logger)
        self._keys: dict[str, Any] = {"service": service}

    def append_keys(self, **keys: Any) -> None:
        """Give every further line these fields."""
        self._keys |= keys

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        """The message, with its own facts behind those of every line."""
        facts = {**self._keys, **(kwargs.get("extra") or {})}
        return msg, {**kwargs, "extra": {"facts": facts}}


class _JsonLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "level": record.levelname,
            "location": f"{record.funcName}:{record.lineno}",
            "message": record.getMessage(),
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(
                timespec="milliseconds"
            ),
            **record.__dict__["facts"],
        }
        if record.exc_info and record.exc_info[0]:
            line["exception_name"] = record.exc_info[0].__name__
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)
