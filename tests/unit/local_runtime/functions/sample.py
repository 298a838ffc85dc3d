"""Handlers that behave as the tests need them."""

import json
import os
import sys
import time

STARTED = time.time()


class QuotaExceededError(Exception):
    pass


def echo(event, context):
    sys.stdout.write(json.dumps({"saw": event}) + "\n")
    return {"event": event, "pid": os.getpid(), "request_id": context.aws_request_id}


def environment(event, context):
    return dict(os.environ)


def fail(event, context):
    raise QuotaExceededError("too many")


def sleep(event, context):
    time.sleep(event.get("seconds", 60))
    return os.getpid()


def slow(event, context):
    time.sleep(0.5)
    sys.stdout.write("worked\n")
    return {"batchItemFailures": []}


def leave(event, context):
    sys.stdout.flush()
    os._exit(3)


def large(event, context):
    return "x" * (7 * 1024 * 1024)


def remaining(event, context):
    return context.get_remaining_time_in_millis()


def batch(event, context):
    """Fails the messages that say so; fails all when one says "raise"."""
    bodies = [json.loads(record["body"]) for record in event["Records"]]
    if any(body.get("raise") for body in bodies):
        raise ValueError("as asked")
    failed = [
        {"itemIdentifier": record["messageId"]}
        for record, body in zip(event["Records"], bodies, strict=True)
        if body.get("fail")
    ]
    if any(body.get("nonsense") for body in bodies):
        failed = [{"itemIdentifier": "nobody"}]
    return {"batchItemFailures": failed}
