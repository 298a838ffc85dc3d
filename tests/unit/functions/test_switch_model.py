"""SwitchModel: one conditional write, and a copy for people."""

import json

from functions.switch_model.app import lambda_handler
from labelloop.aws import model_registry
from tests.unit.account import PREFIX, Account, Context, Json, event, version_arn

PROVEN = event("switch_model.proven")


def _shown(account: Account) -> Json:
    answer = account.boto3("ssm").get_parameter(Name=f"{PREFIX}For-System-Use-Only")
    shown: Json = json.loads(answer["Parameter"]["Value"])
    return shown


def test_the_first_version_serves_from_now_on(account: Account) -> None:
    model_registry.add_version(PROVEN["version"], {"number": 12, "train_images": 90})
    for _ in range(2):
        answer = lambda_handler(PROVEN, Context())
        assert answer["previous"] is None
        serving = model_registry.deployed()
        assert serving
        assert serving.version == PROVEN["version"]
    assert _shown(account)["deployed"] == PROVEN["version"]
    assert _shown(account)["images_trained"] == 90


def test_the_version_before_is_named_however_often_the_switch_is_asked_for(
    account: Account,
) -> None:
    model_registry.switch("v11", version_arn("v11"), None)
    for _ in range(2):
        answer = lambda_handler(PROVEN, Context())
        assert answer["previous"] == "v11"
    assert _shown(account)["previous"] == "v11"
