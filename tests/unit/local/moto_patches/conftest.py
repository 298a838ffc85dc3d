"""What tests of the patches of several services use."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.local.conftest import ACCOUNT, REGION


@pytest.fixture
def seen(runtime: Any, eventually: Callable[..., Any]) -> Any:
    """Events that a rule brings to a queue: ``seen(pattern)`` gives what fetches ``n`` of them."""
    sqs, events = runtime.client("sqs"), runtime.client("events")
    rules: list[str] = []

    def watch(pattern: dict[str, Any]) -> Callable[[int], list[Any]]:
        name = f"watch-{uuid.uuid4()}"
        # What is received stays in the queue, and must not come again.
        hidden = {"VisibilityTimeout": "43200"}
        url = sqs.create_queue(QueueName=name, Attributes=hidden)["QueueUrl"]
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn}])
        rules.append(name)
        got: list[Any] = []

        def fetch(count: int) -> list[Any]:
            def enough() -> bool:
                answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
                got.extend(json.loads(m["Body"]) for m in answer.get("Messages", []))
                return len(got) >= count

            if count:
                eventually(enough)
            time.sleep(0.1)
            enough()
            return got

        return fetch

    yield watch
    for name in rules:
        events.remove_targets(Rule=name, Ids=["1"])
        events.delete_rule(Name=name)
