"""labelloop.aws.model_versions: versions are added once and learn facts."""

from labelloop.aws import model_versions
from labelloop.domain.model_versions import VersionRecord
from tests.unit import version_records
from tests.unit.account import Account


def test_a_version_is_added_once_and_learns_facts(account: Account) -> None:
    model_versions.add(VersionRecord(name="v2", number=2))
    model_versions.add(VersionRecord(name="v10", number=10))
    judged = VersionRecord(name="v2", ended="now", promote=False, reasons=("a", "b"))
    model_versions.note(judged)
    model_versions.add(VersionRecord(name="v2", number=99))
    found = model_versions.known()
    assert [version.name for version in found] == ["v2", "v10"]
    assert found[0].reasons == ("a", "b")
    assert found[0].number == 2
    assert model_versions.read("v2") == found[0]


def test_what_another_release_has_written_is_read_and_kept(account: Account) -> None:
    model_versions.add(VersionRecord(name="v1", number=1))
    version_records.note("v1", {"uncompared": None, "mood": "good", "ended": "then"})
    model_versions.note(VersionRecord(name="v1", ended="now"))
    found = model_versions.read("v1")
    assert found == VersionRecord(name="v1", number=1, ended="now", unknown={"mood": "good"})


def test_a_version_that_is_compared_at_last_is_over(account: Account) -> None:
    model_versions.add(VersionRecord(name="v1", number=1))
    model_versions.note(VersionRecord(name="v1", ended="then", uncompared="It did not run."))
    (before,) = model_versions.known()
    model_versions.note(VersionRecord(name="v1", ended="now", promote=True))
    (after,) = model_versions.known()
    assert (before.is_over, after.is_over) == (False, True)


def test_facts_are_added_also_those_whose_names_dynamodb_reserves(account: Account) -> None:
    told = {"name": "v1", "status": "x", "values": "y", "comment": "z"}
    model_versions.add(VersionRecord(name="v1", failure="It failed."))
    model_versions.note(VersionRecord.from_json(told))
    found = model_versions.read("v1")
    assert found is not None and found.failure == "It failed."
    assert found.as_json().items() >= told.items()
