"""DeleteOldVersions: as many versions as the operator wants, and those that are needed."""

import pytest

from functions.delete_old_versions.app import lambda_handler
from labelloop.aws import deployed_version
from tests.unit import version_records
from tests.unit.account import Account, Context, Json, event, refuses, version, version_arn


@pytest.fixture
def many(account: Account) -> Account:
    """Eight versions: the first is the previous one, the second the deployed one."""
    for number in range(1, 9):
        version_records.add(f"v{number}", {"number": number, "data": str(number)})
    first = deployed_version.switch("v1", version_arn("v1"), None)
    deployed_version.switch("v2", version_arn("v2"), first)
    account.rekognition.answers["DeleteProjectVersion"] = lambda _: {"Status": "DELETING"}
    account.set_parameter("Maximum-Model-Versions", "4")
    _describe(account, {})
    return account


def _describe(account: Account, statuses: dict[str, str], more: tuple[str, ...] = ()) -> None:
    names = [f"v{number}" for number in range(8, 0, -1)] + list(more)
    account.rekognition.answers["DescribeProjectVersions"] = lambda _: {
        "ProjectVersionDescriptions": [
            version(name, statuses.get(name, "TRAINING_COMPLETED")) for name in names
        ]
    }


def _delete() -> Json:
    return lambda_handler(event("delete_old_versions.deployed"), Context())


def test_the_oldest_go_and_the_deployed_and_the_previous_one_stay(many: Account) -> None:
    assert _delete() == {"deleted": ["v6", "v5", "v4", "v3"]}
    asked = many.rekognition.asked("DeleteProjectVersion")
    assert [request["ProjectVersionArn"] for request in asked] == [
        version_arn(name) for name in ("v6", "v5", "v4", "v3")
    ]
    record = version_records.read("v3")
    assert record is not None
    assert record["deleted"]
    assert "deleted" not in (version_records.read("v8") or {})


def test_hundreds_of_versions_are_known_on_all_pages(many: Account) -> None:
    names = [f"v{number}" for number in range(250, 0, -1)]
    for name in names:
        version_records.add(name, {"number": int(name[1:]), "data": "x" * 5000})

    def page(request: Json) -> Json:
        start = int(request.get("NextToken", 0))
        more = {"NextToken": str(start + 100)} if start + 100 < len(names) else {}
        found = [version(name, "STOPPED") for name in names[start : start + 100]]
        return {"ProjectVersionDescriptions": found, **more}

    many.rekognition.answers["DescribeProjectVersions"] = page
    assert _delete() == {"deleted": names[2:248]}, "two of the newest, and v2 and v1"


@pytest.mark.parametrize("status", ["TRAINING_IN_PROGRESS", "RUNNING", "STARTING", "STOPPING"])
def test_what_is_in_use_stays(many: Account, status: str) -> None:
    _describe(many, {"v4": status})
    assert "v4" not in _delete()["deleted"]


def test_what_failed_or_expired_goes_like_any_other(many: Account) -> None:
    _describe(many, {"v3": "TRAINING_FAILED", "v4": "FAILED", "v5": "EXPIRED", "v6": "STOPPED"})
    assert _delete()["deleted"] == ["v6", "v5", "v4", "v3"]


def test_what_somebody_made_by_hand_is_theirs(many: Account) -> None:
    _describe(many, {}, more=("by-hand",))
    assert "by-hand" not in _delete()["deleted"]


def test_fewer_versions_than_the_most_all_stay(many: Account) -> None:
    many.set_parameter("Maximum-Model-Versions", "10")
    assert _delete() == {"deleted": []}


def test_one_that_cannot_be_deleted_now_stays_until_the_next_time(many: Account) -> None:
    many.rekognition.answers["DeleteProjectVersion"] = refuses("ResourceInUseException")
    assert _delete() == {"deleted": []}
    assert "deleted" not in (version_records.read("v3") or {})


def test_one_that_is_gone_already_is_as_good_as_deleted(many: Account) -> None:
    many.rekognition.answers["DeleteProjectVersion"] = refuses("ResourceNotFoundException")
    assert len(_delete()["deleted"]) == 4
