"""Stacks that the tests share. Launching one takes seconds, so there are few: see each fixture."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack import PERMISSIONS_LOG, Stack, launched, running, train_first_model

TESTS = Path(__file__).parent
ON_STACKS = ("workflow", "e2e")
"""The folders whose tests together use every permission."""


@pytest.fixture(scope="session")
def serving_stack() -> Iterator[Stack]:
    """A stack whose model serves. Tests share it: each uses images of its own, by ``detect``,
    and puts back what it changes."""
    with launched(parameters={"DetectionRetentionDays": "365"}) as stack:
        train_first_model(stack)
        yield stack


@pytest.fixture(scope="session")
def empty_stack() -> Iterator[Stack]:
    """A stack that never gets a model. Tests share it."""
    with launched() as stack:
        yield stack


@pytest.fixture(scope="session", autouse=True)
def permissions_log() -> Iterator[None]:
    """An empty log of permissions to begin with, and none left over."""
    PERMISSIONS_LOG.unlink(missing_ok=True)
    yield
    PERMISSIONS_LOG.unlink(missing_ok=True)


@pytest.fixture(scope="module", autouse=True)
def _no_tasks_left_over(request: pytest.FixtureRequest) -> Iterator[None]:
    """What one module's tests ask people about is not in the way of the next one's."""
    yield
    for stack in running():
        stack.forget_tasks()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the permissions up after all other tests, and only when all of those run that count."""
    last = [item for item in items if item.path == TESTS / "test_permissions.py"]
    others = [item for item in items if item not in last]
    needed = {path for folder in ON_STACKS for path in (TESTS / folder).glob("test_*.py")}
    if needed <= {item.path for item in others}:
        items[:] = others + last
    else:
        items[:] = others
        config.hook.pytest_deselected(items=last)
