"""Stacks that the tests share. Launching one takes seconds, so there are few: see each fixture."""

from collections.abc import Iterator

import pytest

from tests.stack import Stack, launched, running, train_first_model


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


@pytest.fixture(scope="module", autouse=True)
def _no_tasks_left_over(request: pytest.FixtureRequest) -> Iterator[None]:
    """What one module's tests ask people about is not in the way of the next one's."""
    yield
    for stack in running():
        stack.forget_tasks()
