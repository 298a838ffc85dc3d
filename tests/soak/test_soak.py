"""Two short lives whose seeds are fixed, and faults that are planted into one of them.

``make soak`` lives longer ones.
"""

from collections.abc import Iterator

import pytest

from labelloop.aws.items import to_item
from local.launch import wait_for
from tests import images
from tests.soak import plan
from tests.soak.invariants import (
    one_final_record_each,
    violations,
)
from tests.soak.life import Life, lived
from tests.soak.world import World

FIRST = (114, 2)
OTHER = (330, 1)
"""Seed and days, of which each has reviews."""
FUNCTIONS = ("DetectLabels", "HostModel")


@pytest.fixture(scope="module")
def life() -> Iterator[Life]:
    """A life that has come to rest."""
    with lived(*FIRST, print) as life:
        yield life


def test_a_life_with_failures_comes_to_rest_and_all_holds(life: Life) -> None:
    assert not life.found
    assert life.fired.total() > 5 and life.stack.tasks() and life.stack.deployed()


def test_another_life_with_failures_comes_to_rest_and_all_holds() -> None:
    with lived(*OTHER, print) as other:
        assert not other.found


def test_a_message_that_was_lost_is_found(life: Life) -> None:
    key = "images_for_detection/lost.jpg"
    lost = {"service": "events", "operation": "Deliver", "containing": key, "lost": True}
    with life.stack.faults(lost):
        upload = life.stack.upload(key, images.draw_doubtful(0))
        wait_for(lambda: life.stack.local.control("GET", "faults")[0]["fired"], "the loss")
    life.stack.wait_until_idle()
    found = violations(World.of(life.stack), life.known)
    life.stack.client("s3").delete_object(
        Bucket=life.stack.bucket, Key=key, VersionId=upload.version_id
    )
    assert [text for text in found if text.startswith(one_final_record_each.__name__)] == [
        f"one_final_record_each: {key} has no record {upload.detection_id}"
    ]


def test_a_record_that_is_there_twice_is_found(life: Life) -> None:
    record = life.stack.records("images_for_detection/")[0]
    double = {**record, "detection_id": "0" * 32}
    table = life.stack.outputs["DetectionsTable"]
    dynamodb = life.stack.client("dynamodb")
    dynamodb.put_item(TableName=table, Item=to_item(double))
    found = violations(World.of(life.stack), life.known)
    dynamodb.delete_item(TableName=table, Key={"detection_id": {"S": double["detection_id"]}})
    twice = f"{record['key']} in version {record['version_id']} has 2 records"
    assert f"one_final_record_each: {twice}" in found


def test_a_model_that_was_left_running_is_found(life: Life) -> None:
    life.stack.leave_model_alone()
    version = life.stack.versions()[0]
    life.stack.client("rekognition").start_project_version(
        ProjectVersionArn=version["arn"], MinInferenceUnits=1
    )
    found = violations(World.of(life.stack), life.known)
    assert any(text.startswith(f"nothing_runs: {version['name']} is") for text in found)


def test_a_seed_plans_the_same_life_every_time_and_another_seed_another_one() -> None:
    first, same, other = (plan.days(seed, 20, FUNCTIONS) for seed in (7, 7, 8))
    assert first == same != other
    # A longer life begins as a shorter one does.
    assert plan.days(7, 30, FUNCTIONS)[:20] == first
