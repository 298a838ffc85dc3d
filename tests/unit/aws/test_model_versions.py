"""labelloop.aws.model_versions: versions are added once and learn facts."""

from labelloop.aws import model_versions
from tests.unit.account import Account


def test_a_version_is_added_once_and_learns_facts(account: Account) -> None:
    model_versions.add("v2", {"number": 2})
    model_versions.add("v10", {"number": 10})
    model_versions.note("v2", {"ended": "now", "reasons": ["a", "b"]})
    model_versions.add("v2", {"number": 99})
    found = model_versions.known()
    assert [version["name"] for version in found] == ["v2", "v10"]
    assert found[0]["reasons"] == ["a", "b"]
    assert found[0]["number"] == 2


def test_the_newest_trained_version_counts() -> None:
    assert model_versions.last_trained([]) is None
    known = [{"name": "v1", "trained": "t"}, {"name": "v2", "trained": "t"}, {"name": "v3"}]
    assert model_versions.last_trained(known) == "v2"
