"""News for the consumer about what people said."""

from labelloop.aws import parameters, topics
from labelloop.aws.wiring import place, wiring
from labelloop.domain.annotations import ModelType
from labelloop.domain.detections import DetectionRecord, wants_decision
from labelloop.domain.mails import to_consumer
from labelloop.settings import Variable


def tell_decision(record: DetectionRecord) -> None:
    """Send what people have said of a detection, where that is wanted.

    Sent again, it has the same ``detection_id`` and ``revision``.
    """
    if not wants_decision(record.outcome, parameters.settings().notifications):
        return
    model_type, stack = ModelType(wiring[Variable.MODEL_TYPE]), place(Variable.CONSUMER_TOPIC_ARN)
    topics.tell_consumer(
        to_consumer.decision(record, model_type, stack), to_consumer.decision_filters(record)
    )
