"""What is said of costs before a command begins something that is billed."""

import json
from collections.abc import Iterator
from functools import partial

import pytest

from cli import costs
from labelloop.aws import hosting_state
from tests.contract import files
from tests.unit.cli.world import OPERATOR, World, aws_in_memory


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with aws_in_memory(monkeypatch):
        yield World()


def test_of_a_large_import_the_requests_and_the_training_that_follows_are_told(
    world: World,
) -> None:
    world.run("params", "set", "Enable-Automatic-Training", "true")
    requests, training = world.ask(partial(costs.of_import, 250_000))
    assert "To bring 250,000 images in costs up to US$1.25 for requests to S3" in requests
    assert training.startswith("The next look by schedule trains on what is new. To let it not: ")
    assert training.endswith(costs.of_training())


def test_of_a_few_images_there_is_nothing_to_tell(world: World) -> None:
    assert world.ask(partial(costs.of_import, 9)) == []


def test_where_nothing_trains_by_itself_no_training_is_told(world: World) -> None:
    world.run("params", "set", "Enable-Automatic-Training", "false")
    assert world.ask(partial(costs.of_import, 500)) == []


@pytest.mark.parametrize(
    ("status", "paused", "told"),
    [
        ("STOPPED", False, "Images start the model. v1 is billed for as long as it runs, about"),
        ("RUNNING", False, ""),
        ("STOPPED", True, ""),
    ],
)
def test_that_images_start_the_model_is_told_where_they_do(
    world: World, capsys: pytest.CaptureFixture[str], status: str, paused: bool, told: str
) -> None:
    world.deploy("v1", status)
    if paused:
        world.ask(partial(hosting_state.pause, OPERATOR))
    world.ask(partial(costs.say_what_starts, world.stack))
    said = capsys.readouterr().err
    assert said.startswith(told) and bool(said) == bool(told)


def test_before_the_first_model_images_start_none(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.ask(partial(costs.say_what_starts, world.stack))
    assert capsys.readouterr().err == ""


def test_what_is_kept_is_told_at_the_prices_of_the_benchmarks() -> None:
    prices = json.loads((files.ROOT / "benchmarks/prices.json").read_text())["usd"]
    told = {
        "s3_write": costs.UPLOAD_USD * 1000,
        "s3_gb_month": costs.STORED_GB_MONTH_USD,
        "dynamodb_gb_month": costs.TABLE_GB_MONTH_USD,
        "dynamodb_backup_gb_month": costs.TABLE_BACKUP_GB_MONTH_USD,
        "log_gb_month": costs.LOG_GB_MONTH_USD,
        "alarm_month": costs.ALARM_MONTH_USD,
        "machine_client_month": costs.CLIENT_MONTH_USD,
    }
    assert told == pytest.approx({name: prices[name]["price"] for name in told})
