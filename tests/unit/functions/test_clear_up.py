"""ClearUp: nothing runs beside the version that serves."""

import pytest

from functions.clear_up.app import lambda_handler
from labelloop.aws import deployed_version
from labelloop.errors import BusyError
from tests.unit import version_records
from tests.unit.account import Account, Context, Json, event, refuses, version, version_arn

FIRST_CALL = event("clear_up.first_call")


def _there_are(account: Account, **statuses: str) -> None:
    account.rekognition.answers["DescribeProjectVersions"] = lambda _: {
        "ProjectVersionDescriptions": [version(*one) for one in statuses.items()]
    }


def _known(**facts: Json) -> None:
    for number, (name, values) in enumerate(facts.items(), start=1):
        version_records.add(name, {"number": number, **values})


def test_before_the_first_model_there_is_nothing_to_clear_up(account: Account) -> None:
    answer = lambda_handler(FIRST_CALL, Context())
    assert answer == {"done": True, "stopped": [], "serves": False, "proven": None}


def test_all_that_runs_beside_what_serves_is_stopped_and_waited_for(account: Account) -> None:
    account.rekognition.answers["StopProjectVersion"] = lambda _: {"Status": "STOPPING"}
    _known(v1={"promote": True}, v2={"promote": True}, v3={"promote": False}, v4={"promote": True})
    before = deployed_version.switch("v1", version_arn("v1"), None)
    deployed_version.switch("v2", version_arn("v2"), before)
    _there_are(account, v1="RUNNING", v2="RUNNING", v3="STOPPED", v4="RUNNING", theirs="RUNNING")
    answer = lambda_handler(FIRST_CALL, Context())
    assert answer == {"done": False, "stopped": ["v1", "v4"], "serves": True, "proven": "v4"}
    assert account.rekognition.asked("StopProjectVersion") == [
        {"ProjectVersionArn": version_arn(name)} for name in ("v1", "v4")
    ]
    _there_are(account, v1="STOPPED", v2="RUNNING", v3="STOPPED", v4="STOPPED", theirs="RUNNING")
    answer = lambda_handler({"stopped": answer["stopped"]}, Context())
    assert answer == {"done": True, "stopped": ["v1", "v4"], "serves": True, "proven": "v4"}


def test_a_version_that_starts_is_waited_for(account: Account) -> None:
    account.rekognition.answers["StopProjectVersion"] = refuses("ResourceInUseException")
    _known(v1={})
    _there_are(account, v1="STARTING")
    with pytest.raises(BusyError):
        lambda_handler(FIRST_CALL, Context())


@pytest.mark.parametrize(
    ("facts", "statuses", "proven"),
    [
        ({"v2": {"promote": False}}, {"v2": "TRAINING_COMPLETED"}, None),
        ({"v2": {}}, {"v2": "TRAINING_IN_PROGRESS"}, None),
        ({"v2": {"promote": True}}, {"v2": "TRAINING_COMPLETED"}, "v2"),
        ({"v2": {"promote": True}}, {}, None),
    ],
)
def test_only_the_newest_version_that_is_there_and_good_is_recommended(
    account: Account, facts: Json, statuses: dict[str, str], proven: str | None
) -> None:
    _known(v1={"promote": True}, **facts)
    deployed_version.switch("v1", version_arn("v1"), None)
    _there_are(account, v1="STOPPED", **statuses)
    answer = lambda_handler(FIRST_CALL, Context())
    assert answer == {"done": True, "stopped": [], "serves": False, "proven": proven}
