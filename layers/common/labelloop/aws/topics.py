"""The two topics that people and programs subscribe to."""

from collections.abc import Mapping

from labelloop.aws.clients import client
from labelloop.aws.failures import translated
from labelloop.aws.wiring import wiring
from labelloop.domain.messages import Message
from labelloop.settings import Variable


def tell_operator(message: Message, kind: str) -> None:
    """Publish the message to the operator's topic."""
    with translated():
        client("sns").publish(
            TopicArn=wiring[Variable.OPERATOR_TOPIC_ARN],
            Subject=message.subject,
            Message=message.as_text(),
            MessageAttributes={"kind": {"DataType": "String", "StringValue": kind}},
        )


_TYPES = {"label": "String.Array", "confidence": "Number"}


def tell_consumer(message: Message, filters: Mapping[str, str]) -> None:
    """Publish the message to the consumer's topic, with what subscribers may filter it by."""
    with translated():
        client("sns").publish(
            TopicArn=wiring[Variable.CONSUMER_TOPIC_ARN],
            Subject=message.subject,
            Message=message.as_json(),
            MessageAttributes={
                name: {"DataType": _TYPES.get(name, "String"), "StringValue": value}
                for name, value in filters.items()
            },
        )
