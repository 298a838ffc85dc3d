"""What Label Loop writes to people: one message a subject, worded for somebody who reads e-mail.

Programs that subscribe to the same topics get the same body: SNS can send each protocol a body of
its own, but then sends no message attributes, by which subscribers choose what they get.
https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labelloop.domain.wording import plain_text

SUBJECT_CHARACTERS = 99
"""SNS takes fewer than 100, in ASCII, without line breaks."""

SCHEMA_VERSION = 1
"""Of events: counts up where a field goes or means something else; one that is new changes
nothing."""

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Message:
    """One message, for people and for programs."""

    subject: str
    text: str
    data: Mapping[str, Any]

    def as_text(self) -> str:
        """The text, and in its last line the facts as JSON."""
        return f"{self.text}\nFor programs: {_json(self.data)}\n"

    def fields(self) -> dict[str, Any]:
        """The facts, after a field that says all in words."""
        return {"summary": self.text.strip(), **self.data}

    def as_json(self) -> str:
        """The fields as a JSON object that people can read, too: each has a line."""
        lines = (f"  {_json(name)}: {_json(value)}" for name, value in self.fields().items())
        return "{\n" + ",\n".join(lines) + "\n}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def message(subject: str, paragraphs: list[str], data: Mapping[str, Any]) -> Message:
    """The message of these paragraphs, fit for SNS and for a terminal."""
    return Message(subject_line(subject), plain_text("\n\n".join(paragraphs) + "\n"), data)


def subject_line(text: str) -> str:
    """The text as SNS takes it for a subject: printable ASCII, all else as question marks."""
    words = " ".join(text.split())
    one_line = "".join(sign if " " <= sign <= "~" else "?" for sign in words)
    if len(one_line) <= SUBJECT_CHARACTERS:
        return one_line
    return one_line[: SUBJECT_CHARACTERS - 3] + "..."


def event_heading(event_id: str, stack: str) -> dict[str, Any]:
    """What every event tells of itself; ``event_id`` is the same however often it is sent."""
    return {"schema_version": SCHEMA_VERSION, "event_id": event_id, "stack": stack}
