"""Who supplies does not judge: what becomes of answers about images that somebody has sent.

Whoever sends an image over the API with a sign-in of their own is not asked about it while anybody
else may be. Where nobody else may, the answer counts as a label that came with the image: it is no
sample of anything. Of images from before that was kept, and of those that come by S3 or from
programs, no sender is known, and all answers count.
"""

from collections.abc import Collection

from labelloop.domain import origins
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.origins import Origin, Provenance


def have_answered(record: DetectionRecord, people: Collection[str]) -> bool:
    """Whether somebody who has sent the image of a record is among these, who answered."""
    return not set(people).isdisjoint(record.senders)


def provenance(record: DetectionRecord) -> Provenance:
    """How the image of a record came to its label: given, where a sender's answer is in it."""
    if record.answered_by_sender:
        return Provenance(Origin.GIVEN, record.detection_id)
    return origins.of_record(record)


def teaches(record: DetectionRecord) -> bool:
    """Whether the answers about a record may train or test.

    Answers to samples of what the model was sure of are there to judge it; a sender's cannot.
    """
    sampled = origins.of_record(record).origin is Origin.SAMPLED
    return not (sampled and record.answered_by_sender)
