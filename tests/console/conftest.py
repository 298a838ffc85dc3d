"""A stack for each type of model, and one browser for all. Tests make the tasks that they need."""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from local.launch import PATIENCE_S, wait_for
from tests.console.desk import CHROMIUM, Desk
from tests.stack import Stack, launched

MARKUP = "<img src=x onerror=alert(1)>"
LONG = "a label whose name is far longer than anybody would ever think that a label can be " * 2
LABELS = ("bolt", "gear", MARKUP, LONG.strip())
MANY = tuple(f"part {number:02d}" for number in range(1, 15))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    expect.set_options(timeout=1000 * PATIENCE_S)
    with sync_playwright() as playwright:
        # Root, as which continuous integration runs, may use it without a sandbox only.
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def classification_stack() -> Iterator[Stack]:
    with launched(time_scale=1, parameters={"ReviewLabels": ",".join(LABELS)}) as stack:
        yield stack


@pytest.fixture(scope="session")
def multi_label_stack() -> Iterator[Stack]:
    parameters = {
        "ModelType": "multi-label",
        "ReviewLabels": ",".join((*LABELS, *MANY)),
        "AllowNewLabels": "true",
    }
    shown = {"Show-Model-Answer": "true"}
    with launched(time_scale=1, parameters=parameters, settings=shown) as stack:
        yield stack


@pytest.fixture(scope="session")
def detection_stack() -> Iterator[Stack]:
    parameters = {"ModelType": "detection", "ReviewLabels": ",".join(LABELS)}
    with launched(time_scale=1, parameters=parameters) as stack:
        yield stack


def _rests(stack: Stack) -> bool:
    """Whether no function works; twice in a row, since a request may be on its way."""
    if stack.local.control("GET", "summary")["busy"]:
        return False
    time.sleep(0.2)
    return not stack.local.control("GET", "summary")["busy"]


def _desk(stack: Stack, browser: Browser, kind: str) -> Iterator[Desk]:
    yield Desk(stack, browser, kind)
    for context in browser.contexts:
        context.close()
    # What a page that is closed has asked for may claim a task still.
    wait_for(lambda: _rests(stack), "the last answers")
    stack.forget_tasks()


@pytest.fixture
def desk(classification_stack: Stack, browser: Browser) -> Iterator[Desk]:
    """People say which one label an image has. The model's answer is hidden."""
    yield from _desk(classification_stack, browser, "classification")


@pytest.fixture
def multi_label_desk(multi_label_stack: Stack, browser: Browser) -> Iterator[Desk]:
    """People choose all labels of many that fit, and add new ones. The model's answer is shown."""
    yield from _desk(multi_label_stack, browser, "multi-label")


@pytest.fixture
def detection_desk(detection_stack: Stack, browser: Browser) -> Iterator[Desk]:
    """People draw boxes."""
    yield from _desk(detection_stack, browser, "detection")
