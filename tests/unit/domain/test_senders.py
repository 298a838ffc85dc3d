"""Who supplies does not judge: what a sender's answer is worth."""

import pytest

from labelloop.domain import origins, senders
from labelloop.domain.detections import ANSWERED_BY_SENDER
from labelloop.domain.origins import Origin, Provenance

DOUBTFUL = {"detection_id": "d", "outcome": "review", "version": "v1", "chance": 1}
DRAWN = {**DOUBTFUL, "drawn": True, "chance": 0.2}
SAMPLED = {"detection_id": "d", "outcome": "confident", "version": "v1", "chance": 0.1} | {
    "sampled": True
}


@pytest.mark.parametrize(
    ("record", "people", "have"),
    [
        ({"senders": ["ann"]}, {"ann"}, True),
        ({"senders": ["ann", "bob"]}, {"bob", "cho"}, True),
        ({"senders": ["ann"]}, {"bob"}, False),
        ({"senders": ["ann"]}, set(), False),
        ({}, {"ann"}, False),
    ],
)
def test_a_senders_answer_is_known_by_sub(
    record: dict[str, object], people: set[str], have: bool
) -> None:
    assert senders.have_answered(record, people) is have


@pytest.mark.parametrize("record", [DOUBTFUL, DRAWN, SAMPLED])
def test_an_image_that_its_sender_has_labelled_is_no_sample_of_what_comes_in(
    record: dict[str, object],
) -> None:
    assert senders.provenance(record) == origins.of_record(record)
    assert senders.provenance(record).estimates
    told = senders.provenance({**record, ANSWERED_BY_SENDER: True})
    assert told == Provenance(Origin.GIVEN, "d")
    assert not told.estimates and told.stratum is None
    assert Provenance.from_json(told.as_json()) == told


def test_a_senders_answer_to_a_sample_of_what_was_sure_teaches_nothing() -> None:
    assert senders.teaches(SAMPLED)
    assert not senders.teaches({**SAMPLED, ANSWERED_BY_SENDER: True})
    for record in (DOUBTFUL, DRAWN):
        assert senders.teaches({**record, ANSWERED_BY_SENDER: True})
