"""How long a reviewer waits between a key and the next image, on the embedded runtime.

With 500 tasks waiting, in a browser on this machine, at the pace of somebody who is quick. What is
measured ends when the browser has painted the next image; no network lies in between, so that this
says what the page does itself, and whether it asks for anything first.
"""

import statistics
from typing import Any

from playwright.sync_api import sync_playwright

from local.launch import wait_for
from tests.console.desk import CHROMIUM, Desk, Seat
from tests.stack import launched

TASKS = 500
ANSWERS = 100
LOOK_MS = 500
"""How long an image is looked at."""
ANSWER_KEYS = {
    "classification": ("1",),
    "multi-label": ("1", "Enter"),
    "detection": ("m", "Enter"),
}

WATCH = """() => {
  window.waits = [];
  let pressed = 0;
  addEventListener('keydown', () => { pressed = performance.now(); }, true);
  let shown = document.querySelector('.picture img');
  new MutationObserver(() => {
    const image = document.querySelector('.picture img');
    if (image === null || image === shown) return;
    shown = image;
    const since = pressed;
    requestAnimationFrame(() => setTimeout(() => {
      const asked = performance.getEntriesByName(image.src).filter((one) => one.startTime > since);
      window.waits.push({ ms: performance.now() - since, requests: asked.length });
    }));
  }).observe(document.body, { childList: true, subtree: true });
  performance.setResourceTimingBufferSize(10000);
}"""


def run() -> list[dict[str, object]]:
    """One row for each type of model."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        rows = []
        for kind in ANSWER_KEYS:
            parameters = {"ModelType": kind, "ReviewLabels": "bolt,gear"}
            with launched(time_scale=1, parameters=parameters) as stack:
                rows.append(_measured(Desk(stack, browser, kind)))
        browser.close()
    return rows


def _measured(desk: Desk) -> dict[str, object]:
    desk.ask_about(TASKS, distinct=TASKS)
    seat = desk.sit_down()
    seat.wait_until_ready()
    seat.page.evaluate(WATCH)
    for number in range(1, ANSWERS + 1):
        seat.page.wait_for_timeout(LOOK_MS)
        seat.press(*ANSWER_KEYS[desk.kind])
        waits = _waits(seat, number)
    times = [wait["ms"] for wait in waits]
    seat.leave()
    return {
        "model_type": desk.kind,
        "tasks": TASKS,
        "answers": ANSWERS,
        "key_to_image_ms_p50": round(statistics.median(times), 1),
        "key_to_image_ms_p95": round(statistics.quantiles(times, n=20)[-1], 1),
        "requests_between": sum(wait["requests"] for wait in waits),
    }


def _waits(seat: Seat, count: int) -> list[dict[str, Any]]:
    """What was measured, once that many images were shown."""

    def enough() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = seat.page.evaluate("window.waits")
        return found if len(found) >= count else []

    return wait_for(enough, f"{count} images", 20.0, every_s=0.01)
