"""Who supplies does not judge: what a sender's answer is worth."""

from dataclasses import replace

import pytest

from labelloop.domain import origins, senders
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.origins import Origin, Provenance

DOUBTFUL = DetectionRecord(detection_id="d", outcome="review", version="v1", chance=1.0)
DRAWN = replace(DOUBTFUL, drawn=True, chance=0.2)
SAMPLED = replace(DOUBTFUL, outcome="confident", chance=0.1, sampled=True)


@pytest.mark.parametrize(
    ("known", "people", "have"),
    [
        ({"ann"}, {"ann"}, True),
        ({"ann", "bob"}, {"bob", "cho"}, True),
        ({"ann"}, {"bob"}, False),
        ({"ann"}, set(), False),
        (set(), {"ann"}, False),
    ],
)
def test_a_senders_answer_is_known_by_sub(known: set[str], people: set[str], have: bool) -> None:
    record = replace(DOUBTFUL, senders=frozenset(known))
    assert senders.have_answered(record, people) is have


@pytest.mark.parametrize("record", [DOUBTFUL, DRAWN, SAMPLED])
def test_an_image_that_its_sender_has_labelled_is_no_sample_of_what_comes_in(
    record: DetectionRecord,
) -> None:
    assert senders.provenance(record) == origins.of_record(record)
    assert senders.provenance(record).estimates
    told = senders.provenance(replace(record, answered_by_sender=True))
    assert told == Provenance(Origin.GIVEN, "d")
    assert not told.estimates and told.stratum is None
    assert Provenance.from_json(told.as_json()) == told


def test_a_senders_answer_to_a_sample_of_what_was_sure_teaches_nothing() -> None:
    assert senders.teaches(SAMPLED)
    assert not senders.teaches(replace(SAMPLED, answered_by_sender=True))
    for record in (DOUBTFUL, DRAWN):
        assert senders.teaches(replace(record, answered_by_sender=True))
