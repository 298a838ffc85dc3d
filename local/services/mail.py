"""The e-mails that SNS would have sent: what GET /_local/mail shows instead of an inbox."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from moto.sns.models import sns_backends

from local.constants import ACCOUNT_ID, REGION


class Mailbox:
    """The messages to e-mail subscriptions, oldest first.

    AWS asks every address to confirm first; here each has.
    """

    def __init__(self) -> None:
        self._mails: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def deliver(self, params: Mapping[str, Any], time: str) -> None:
        """Put a published message into the box of every subscriber whose filter lets it through."""
        if params.get("MessageStructure") == "json":
            raise NotImplementedError("a body for each protocol: SNS sends it without attributes")
        topic_arn = str(params.get("TopicArn") or params.get("TargetArn") or "")
        attributes = message_attributes(params)
        message = str(params.get("Message", ""))
        mails = []
        for subscription in list(sns_backends[ACCOUNT_ID][REGION].subscriptions.values()):
            if subscription.topic_arn != topic_arn or subscription.protocol != "email":
                continue
            matcher = subscription._filter_policy_matcher
            if matcher is not None and not matcher.matches(attributes, message):
                continue
            mails.append(
                {
                    "topic": topic_arn,
                    "to": subscription.endpoint,
                    "subject": params.get("Subject"),
                    "message": message,
                    "attributes": {name: a["Value"] for name, a in attributes.items()},
                    "time": time,
                }
            )
        with self._lock:
            self._mails += mails

    def as_json(self) -> list[dict[str, Any]]:
        """Every e-mail so far."""
        with self._lock:
            return list(self._mails)


def message_attributes(params: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Type and value of each attribute of a Publish request in the query protocol."""
    attributes = {}
    number = 1
    while (name := params.get(f"MessageAttributes.entry.{number}.Name")) is not None:
        value = f"MessageAttributes.entry.{number}.Value"
        text = params.get(f"{value}.StringValue", params.get(f"{value}.BinaryValue", ""))
        attributes[str(name)] = {"Type": str(params[f"{value}.DataType"]), "Value": str(text)}
        number += 1
    return attributes
