"""Lambda's recursion guard: how often one chain of events has invoked a function.

The SDK hands on, with each call that a function makes, the trace header of its invocation. Lambda
counts in that header's ``Lineage`` how often the chain has invoked each function, and SQS keeps the
header with a message. After 16 rounds a function is not invoked again, unless its ``RecursiveLoop``
is ``Allow``: https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html. Step Functions
and EventBridge hand nothing on.

What Lambda makes of a batch whose messages belong to different chains is not documented. Here each
message counts by its own chain, and what comes of the batch belongs to the longest of them.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable

HEADER = "X-Amzn-Trace-Id"
MOST_ROUNDS = 16


class RecursionStoppedError(Exception):
    """The function was invoked by the same chain of events too often."""


def rounds(trace: str, function_arn: str) -> int:
    """How often the chain has invoked the function."""
    return _lineage(trace).get(_hash(function_arn), 0)


def invocation_trace(request_id: str, traces: Iterable[str], function_arn: str) -> str:
    """The trace header of an invocation of the function by events that came with these."""
    lineage = {_hash(function_arn): 0}
    for trace in traces:
        for name, count in _lineage(trace).items():
            lineage[name] = max(count, lineage.get(name, 0))
    lineage[_hash(function_arn)] += 1
    counts = "|".join(f"{name}:{count}" for name, count in lineage.items())
    root = f"1-{int(time.time()):08x}-{request_id.replace('-', '')[:24]}"
    return f"Root={root};Sampled=0;Lineage={counts}"


def _lineage(trace: str) -> dict[str, int]:
    parts = dict(part.split("=", 1) for part in trace.split(";") if "=" in part)
    entries = [entry.split(":") for entry in parts.get("Lineage", "").split("|") if entry]
    return {name: int(count) for name, count in entries}


def _hash(function_arn: str) -> str:
    return f"{zlib.crc32(function_arn.encode()):08x}"
