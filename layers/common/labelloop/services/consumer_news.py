"""News about what people said: for the consumer, and as events for programs."""

from labelloop.aws import event_bus, parameters, topics
from labelloop.aws.wiring import place, wiring
from labelloop.domain import events
from labelloop.domain.annotations import ModelType
from labelloop.domain.detection_records import LABELING, DetectionRecord
from labelloop.domain.detections import wants_decision
from labelloop.domain.mails import to_consumer
from labelloop.settings import Variable


def tell_decision(record: DetectionRecord) -> None:
    """Send what people have said of a detection, the message only where it is wanted.

    Sent again, it has the same ``detection_id`` and ``revision``.
    """
    if record.outcome == LABELING:
        return
    model_type, stack = ModelType(wiring[Variable.MODEL_TYPE]), place(Variable.CONSUMER_TOPIC_ARN)
    message = to_consumer.decision(record, model_type, stack)
    wanted = wants_decision(record.outcome, parameters.settings().notifications)
    # First: programs drop what they have had, and people would read a message for each try.
    event_bus.put([events.image_decided(record.detection_id, record.revision, message)])
    if wanted:
        topics.tell_consumer(message, to_consumer.decision_filters(record))
