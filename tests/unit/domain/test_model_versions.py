"""labelloop.domain.model_versions: a record is read as it was told."""

from labelloop.domain.estimates import Estimate
from labelloop.domain.model_versions import Entries, VersionRecord, last_trained


def test_a_record_is_read_as_it_was_told_and_tells_nothing_that_is_not_known() -> None:
    assert VersionRecord(name="v1").as_json() == {"name": "v1"}
    record = VersionRecord(
        name="v1",
        number=1,
        entries_test=Entries(9, 8, ("One is too large.",)),
        f1=0.0,
        train_images=0,
        figures={"accepted": Estimate(0.9, 0.8, 0.95, 40, 38.5)},
        promote=False,
        unknown={"mood": "good"},
    )
    assert VersionRecord.from_json(record.as_json()) == record
    assert (record.dropped, record.as_json()["reasons"]) == (1, [])


def test_the_newest_trained_version_counts() -> None:
    assert last_trained([]) is None
    trained = [VersionRecord(name=name, trained="t") for name in ("v1", "v2")]
    assert last_trained([*trained, VersionRecord(name="v3")]) == "v2"
