"""What a command knows of its stack."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from cli.failures import CommandError
from labelloop.aws.wiring import wiring
from labelloop.settings import Variable
from tests.unit.cli.world import World, aws_in_memory, error_of


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with aws_in_memory(monkeypatch):
        yield World()


def test_a_stack_that_is_older_than_the_command_is_to_be_deployed_anew(world: World) -> None:
    outputs = {k: v for k, v in world.stack.outputs.items() if k != "ModelVersionsTable"}
    world.stack = replace(world.stack, outputs=outputs)

    said = error_of(world.run("status"))

    assert "has no output ModelVersionsTable: it is older than this command" in said
    assert "sam deploy" in said
    with world.stack.gateways():
        assert Variable.MODEL_VERSIONS_TABLE not in wiring


def test_what_no_stack_tells_is_said_to_be_the_commands_fault(world: World) -> None:
    with world.stack.gateways():
        assert Variable.READ_TIMEOUT_S not in wiring
        with pytest.raises(CommandError, match="needs READ_TIMEOUT_S, which no stack tells"):
            wiring.whole_number(Variable.READ_TIMEOUT_S)
