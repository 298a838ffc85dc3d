"""Services to test: a fresh one for each test, and one with a trained, running model for all."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from labelloop_pages import machine_parts
from local.rekognition import RekognitionService
from tests.unit.local.rekognition.support import (
    ACCOUNT_ID,
    REGION,
    Client,
    ManualClock,
    MemoryStore,
    draw_lines,
    draw_scene_lines,
    draw_several_lines,
)

MakeClient = Callable[..., Client]


@pytest.fixture(scope="session")
def make_client(cache_dir: Path) -> Iterator[MakeClient]:
    """Makes a client of a new, empty service."""
    services: list[RekognitionService] = []

    def make(time_scale: float = 1.0) -> Client:
        clock, store = ManualClock(), MemoryStore()
        service = RekognitionService(
            store,
            clock,
            cache_dir,
            REGION,
            ACCOUNT_ID,
            time_scale=time_scale,
            throughput_clock=clock,
        )
        services.append(service)
        return Client(service, clock, store)

    yield make
    for service in services:
        service.close()


@pytest.fixture
def client(make_client: MakeClient) -> Client:
    return make_client()


@dataclass
class Running:
    """A trained model that runs on one inference unit."""

    client: Client
    project: str
    version: str


@pytest.fixture(scope="session")
def trained(make_client: MakeClient) -> Running:
    client = make_client()
    project = client.create_project_with_datasets(
        "parts",
        draw_lines(client.store, "train", 10, 1, machine_parts.LABELS),
        draw_lines(client.store, "test", 4, 2, machine_parts.LABELS),
    )
    version = client.train(project)["ProjectVersionArn"]
    client.call("StartProjectVersion", ProjectVersionArn=version, MinInferenceUnits=1)
    client.clock.advance(600)
    return Running(client, project, version)


@pytest.fixture
def running(trained: Running) -> Running:
    """The running model, after a rest: its throughput is whole again."""
    trained.client.clock.advance(10)
    return trained


def train_and_start(client: Client, train: list[Any], test: list[Any]) -> Running:
    project = client.create_project_with_datasets("parts", train, test)
    version = client.train(project)["ProjectVersionArn"]
    client.call("StartProjectVersion", ProjectVersionArn=version, MinInferenceUnits=5)
    client.clock.advance(600)
    return Running(client, project, version)


@pytest.fixture(scope="session")
def multi_label(make_client: MakeClient) -> Running:
    """A running model that gives an image several labels."""
    client = make_client()
    return train_and_start(
        client,
        draw_several_lines(client.store, "train", 40, 1),
        draw_several_lines(client.store, "test", 16, 2),
    )


@pytest.fixture(scope="session")
def localizing(make_client: MakeClient) -> Running:
    """A running model that gives boxes."""
    client = make_client()
    return train_and_start(
        client,
        draw_scene_lines(client.store, "train", 12, 1),
        draw_scene_lines(client.store, "test", 8, 2),
    )
