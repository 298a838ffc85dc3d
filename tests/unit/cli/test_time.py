"""Every command that asks for the time asks the stack's clock, which may be far ahead of ours.

`labelloop log` and `missed` have a test of their own; no other module of the command line can ask
any other clock, by a rule of the linter.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from cli.failures import CommandError
from cli.stack import _on_this_machine
from labelloop import clock
from labelloop.aws import hosting_state
from labelloop.clock import iso
from tests.unit.cli.world import World, aws_in_memory

AHEAD = timedelta(days=40)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A stack whose time is far ahead, where models have run for all hours of its day."""
    with aws_in_memory(monkeypatch):
        world = World()
        there = clock.now() + AHEAD
        world.stack = replace(world.stack, time_now=there.timestamp)
        world.deploy("v1", "STOPPED")
        time = {"day": f"{there:%Y-%m-%d}", "seconds": 48 * 3600, "looked": iso(there)}
        world.put("versions", kind="state", name="model_time", **time, models=0)
        yield world


def test_status_tells_of_the_stacks_today(world: World) -> None:
    assert json.loads(world.run("status", "--json").stdout)["today"]["model_hours"] == 48


def test_status_tells_how_long_the_model_has_run_there(world: World) -> None:
    world.deploy("v1", "RUNNING")
    since = (clock.now() + AHEAD - timedelta(hours=2)).isoformat()
    world.put("versions", kind="state", name="hosting", version="v1", running_since=since)
    assert round(json.loads(world.run("status", "--json").stdout)["running"]["hours"], 2) == 2


@pytest.mark.parametrize("words", [["start"], ["deploy", "v1"]])
def test_what_starts_a_model_knows_that_the_stacks_day_has_no_more_hours(
    world: World, words: list[str]
) -> None:
    assert "Maximum-Daily-Model-Hours" in world.run(*words, "--no-wait").stderr


def test_stop_notes_when_that_was_there(world: World) -> None:
    world.run("stop")
    pause = world.ask(hosting_state.paused)
    assert pause and pause.at and pause.at[:10] == f"{clock.now() + AHEAD:%Y-%m-%d}"


# --- The application on this machine --------------------------------------------------------------


class There(BaseHTTPRequestHandler):
    """Its clock."""

    def do_GET(self) -> None:
        known = self.path == "/clock"
        self.send_response(200 if known else 404)
        self.end_headers()
        self.wfile.write(b'{"epoch_s": 1795252527.5}' if known else b'{"error": "no clock"}')

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def told(tmp_path: Path) -> Iterator[dict[str, str]]:
    """What the application has left of itself in a folder."""
    server = HTTPServer(("127.0.0.1", 0), There)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    description = {
        "stack": "s",
        "region": "us-east-1",
        "endpoint": url,
        "clock_url": f"{url}/clock",
    }
    (tmp_path / "stack.json").write_text(json.dumps(description))
    yield description
    server.shutdown()
    server.server_close()


def test_it_is_asked_what_time_it_is_each_time(told: dict[str, str], tmp_path: Path) -> None:
    with _on_this_machine(tmp_path, None).gateways():
        assert iso(clock.now()) == "2026-11-21T09:15:27.500Z"


@pytest.mark.parametrize("clock_of", [{"clock_url": "{}/other"}, {"clock": "100.0@1795252527.5"}])
def test_one_that_does_not_say_it_is_to_be_started_again(
    told: dict[str, str], tmp_path: Path, clock_of: dict[str, str]
) -> None:
    url = told.pop("clock_url")
    told |= {name: value.format(url) for name, value in clock_of.items()}
    (tmp_path / "stack.json").write_text(json.dumps(told))
    stack = _on_this_machine(tmp_path, None)
    with pytest.raises(CommandError, match="make local"), stack.gateways():
        clock.now()
