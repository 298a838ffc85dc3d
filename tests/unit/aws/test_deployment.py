"""A process that works for another deployment meanwhile, and then for its own again."""

import os
from datetime import UTC, datetime

import pytest

from labelloop import clock
from labelloop.aws import clients, deployed_version, deployment, model_use
from labelloop.aws.wiring import wiring
from labelloop.settings import Variable
from tests.unit.account import REGION, Account, make_table

LATER = datetime(2027, 1, 1, tzinfo=UTC)


def test_what_is_remembered_of_one_is_not_said_of_the_other(account: Account) -> None:
    make_table("ModelVersionsTable", "others", REGION)
    others = {**os.environ, Variable.MODEL_VERSIONS_TABLE: "others"}
    deployed_version.switch("v1", "arn:v1", None)
    assert deployed_version.lately()
    model_use.note_asked_directly()
    with deployment.of(others, clients.own_client, clock.machine_time):
        assert deployed_version.lately() is None
        deployed_version.switch("v2", "arn:v2", None)
        model_use.note_asked_directly()
        assert model_use.asked_directly()
    lately = deployed_version.lately()
    assert lately and lately.version == "v1"


def test_after_an_error_too_the_process_is_its_own_again(account: Account) -> None:
    own, before = wiring[Variable.BUCKET_NAME], clock.now()

    def nothing_else(service: str, *_: object) -> str:
        return f"another {service}"

    def fail() -> None:
        assert clock.now() == LATER
        assert wiring[Variable.BUCKET_NAME] == "other"
        assert clients.client("s3") == clients.patient_client("s3") == "another s3"
        raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        deployment.of({Variable.BUCKET_NAME: "other"}, nothing_else, LATER.timestamp),
    ):
        fail()
    assert (wiring[Variable.BUCKET_NAME], clock.now()) == (own, before)
    assert clients.client("s3").meta.region_name
