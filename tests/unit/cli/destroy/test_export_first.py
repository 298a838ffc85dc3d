"""What `destroy --export` writes before it deletes anything, begun anew or gone on with."""

from pathlib import Path

import pytest

from cli.destroy import command
from cli.destroy.traces import BUCKET, Resource, Traces
from cli.failures import CommandError
from tests.unit.account import Account, account
from tests.unit.cli.exports.test_export import World, make, world
from tests.unit.functions.preparation import upload

__all__ = ["account", "make", "world"]


@pytest.fixture(autouse=True)
def _deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stack has the outputs that the world gives it."""
    monkeypatch.setattr(command, "look_up", lambda stack: stack)


def _traces(world: World, *, deployed: bool = True) -> Traces:
    bucket = Resource(BUCKET, "Bucket", world.account.bucket)
    return Traces(stack_id="an id" if deployed else None, retained=[bucket])


def test_the_same_command_goes_on_after_a_break_while_the_stack_is_there_and_after(
    world: World,
) -> None:
    command.export_first(world.stack, _traces(world), world.folder)
    written = world.files()
    assert sum(name.endswith(".png") for name in written) == 20
    lost = next(path for path in world.folder.rglob("*.png"))
    lost.unlink()
    command.export_first(world.stack, _traces(world), world.folder)
    assert world.files() == written
    lost.unlink()
    command.export_first(world.stack, _traces(world, deployed=False), world.folder)
    assert world.files() == written
    command.export_first(world.stack, Traces(), world.folder)
    assert world.files() == written


def test_an_export_of_an_earlier_time_is_none_of_what_is_deleted(
    world: World, account: Account
) -> None:
    command.export_first(world.stack, _traces(world), world.folder)
    written = world.files()
    upload(account, "cat", range(10, 11))
    with pytest.raises(CommandError, match=r"an export of an earlier time.*Nothing was deleted"):
        command.export_first(world.stack, _traces(world), world.folder)
    assert world.files() == written


def test_without_the_stack_nothing_is_chosen(world: World, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"Nothing was deleted\. Run the same command without"):
        command.export_first(world.stack, _traces(world, deployed=False), tmp_path / "new")


def test_what_cannot_be_exported_keeps_all_from_being_deleted(world: World) -> None:
    world.folder.mkdir()
    (world.folder / "mine").touch()
    with pytest.raises(CommandError, match=r"not empty.* Nothing was deleted"):
        command.export_first(world.stack, _traces(world), world.folder)
