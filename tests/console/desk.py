"""The review page as people use it: a browser, tasks to answer, and what came of the answers."""

from __future__ import annotations

import io
import json
import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, expect

from labelloop.aws.items import to_item
from labelloop.domain.detections import human_loop_name
from local.launch import PATIENCE_S, wait_for
from tests.images import jpeg
from tests.stack import Record, Stack

CHROMIUM = "/usr/bin/chromium"
"""Debian's own. ``make test-console`` installs it where it is missing."""
WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}
SIZE_PX = (640, 480)
BOUNCE_MS = 60
"""Longer than the page takes the same key for one that bounces."""
CIRCLE = {"left": 0.15, "top": 0.2, "width": 0.3, "height": 0.4}
SQUARE = {"left": 0.55, "top": 0.4, "width": 0.35, "height": 0.45}
FOUND = (
    {"name": "bolt", "confidence_pct": 61.2, "box": CIRCLE},
    {"name": "gear", "confidence_pct": 44.0, "box": SQUARE},
)
"""What the model found in every image, unless a test says otherwise."""


class Desk:
    """A stack whose people have images to review, and a browser for them."""

    def __init__(self, stack: Stack, browser: Browser, kind: str) -> None:
        self.stack = stack
        self.kind = kind
        self._browser = browser
        self._images: list[tuple[str, str]] = []

    def ask_about(
        self, count: int, *, distinct: int = 40, found: Sequence[Mapping[str, Any]] = FOUND
    ) -> list[str]:
        """So many new tasks, the oldest first; beyond ``distinct`` images are asked about again.

        ``found`` is what the model found in each of them.
        """
        function = self.stack.physical_id("RequestReviewFunction")
        for number in range(len(self._images), min(count, distinct)):
            key = f"images_from_api/{number:04d}.jpg"
            self._images.append((key, self.stack.upload(key, draw(number)).version_id))

        def ask(number: int) -> str:
            key, version_id = self._images[number % distinct]
            name = secrets.token_hex(16)
            record = {
                "detection_id": name,
                "human_loop": human_loop_name(name),
                "bucket": self.stack.bucket,
                "key": key,
                "version_id": version_id,
                "outcome": "review",
                "labels": self._told(found),
            }
            table = self.stack.outputs["DetectionsTable"]
            self.stack.client("dynamodb").put_item(TableName=table, Item=to_item(record))
            payload = json.dumps({"detection_id": name}).encode()
            answer = self.stack.client("lambda").invoke(FunctionName=function, Payload=payload)
            return str(json.load(answer["Payload"])["human_loop"])

        if count <= distinct:
            return [ask(number) for number in range(count)]  # in this order
        with ThreadPoolExecutor(4) as threads:
            return list(threads.map(ask, range(count)))

    def _told(self, found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        kept = ("name", "confidence_pct", "box") if self.kind == "detection" else _IMAGE_LEVEL
        return [{name: each[name] for name in kept} for each in found]

    def task(self, task_id: str) -> Record:
        """What is stored of a task."""
        return self.stack.item("ReviewTasksTable", task_id=task_id)

    def answers(self, task_id: str, count: int = 1) -> list[Record]:
        """The answers to a task, once there are that many."""

        def given() -> list[Record]:
            answers: Mapping[str, Record] = self.task(task_id).get("answers", {})
            found: list[Record] = [
                {name: said for name, said in answer.items() if name not in _WHEN}
                for answer in answers.values()
            ]
            return found if len(found) >= count else []

        return wait_for(given, f"{count} answers to {task_id}")

    def unanswered(self, task_id: str) -> None:
        """Wait until nobody's answer to the task is stored."""
        wait_for(lambda: not self.task(task_id)["answers"], f"no answer to {task_id}")

    def open(self, **options: Any) -> Seat:
        """A browser of its own with the page in it, nobody signed in."""
        given = {"viewport": WIDE, **options}
        context = self._browser.new_context(**given)
        context.set_default_timeout(1000 * PATIENCE_S)
        page = context.new_page()
        seat = Seat(self, context, page)
        page.goto(self.stack.outputs["ConsoleUrl"])
        return seat

    def sit_down(self, **options: Any) -> Seat:
        """The same, with a new reviewer signed in and the first image there."""
        seat = self.open(**options)
        seat.sign_in(*self.stack.add_person())
        expect(seat.image).to_be_visible()
        return seat


_IMAGE_LEVEL = ("name", "confidence_pct")
_WHEN = {"accepted", "submitted"}


class Seat:
    """One person's browser."""

    def __init__(self, desk: Desk, context: BrowserContext, page: Page) -> None:
        self.desk = desk
        self.context = context
        self.page = page
        self.complaints: list[str] = []
        """What the browser complained about: failed scripts, what the page's policy forbids."""
        self._images_loaded = 0
        self._pressed = ""
        page.on("requestfinished", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                self.complaints.append(message.text)
                if "Content Security Policy" in message.text
                else None
            ),
        )

    def _note(self, request: Request) -> None:
        self._images_loaded += "/images_from_api/" in request.url

    @property
    def image(self) -> Any:
        """The image that is asked about."""
        return self.page.locator(".picture img")

    @property
    def file_name(self) -> str:
        """The name of the file that is asked about."""
        return str(self.page.locator(".file-name").inner_text())

    def sign_in(self, name: str, password: str) -> None:
        """Through the sign-in page, and back."""
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_label("E-mail address").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()

    def press(self, *keys: str) -> None:
        """Press keys, one after the other; the same one again not sooner than a hand can."""
        for key in keys:
            if key == self._pressed:
                self.page.wait_for_timeout(BOUNCE_MS)
            self.page.keyboard.press(key)
            self._pressed = key

    def go_down_to(self, item: Locator) -> None:
        """Press the arrow until the item of a menu has the focus; it may have it already."""

        def has_focus() -> bool:
            if item.count() and item.evaluate("one => one.contains(document.activeElement)"):
                return True
            self.press("ArrowDown")
            return False

        wait_for(has_focus, "the item of the menu")

    def type_at(self, code: str, key: str) -> None:
        """Press what this place on another keyboard writes."""
        self.page.evaluate(
            "([code, key]) => document.activeElement.dispatchEvent("
            "new KeyboardEvent('keydown', { code, key, bubbles: true, cancelable: true }))",
            [code, key],
        )

    def wait_for_image(self, name: str) -> None:
        """Wait until that file is asked about, and its image is there."""
        expect(self.page.locator(".file-name")).to_have_text(name)
        expect(self.image).to_be_visible()

    def wait_until_ready(self, count: int = 5) -> None:
        """Wait until so many tasks are claimed, so that nothing is on its way."""

        def held() -> int:
            mine = [task for task in self.desk.stack.tasks() if task.get("claims")]
            return len(mine) >= count

        wait_for(held, f"{count} claimed tasks")

        def loaded() -> bool:
            self.page.wait_for_timeout(20)  # Playwright hears of requests only meanwhile.
            return self._images_loaded >= count

        wait_for(loaded, f"{count} images")
        self.page.wait_for_load_state("networkidle")

    def wait_until_zoomed(self, width_px: float) -> None:
        """Wait until the image is that wide and stands still: what is drawn before is lost."""
        widths: list[float] = []

        def still() -> bool:
            self.page.wait_for_timeout(250)
            widths.append(self.image.bounding_box()["width"])
            return widths[-1] > width_px and widths[-1:] == widths[-2:-1]

        wait_for(still, f"an image {width_px:.0f} pixels wide")

    def say(self, text: str) -> None:
        """Expect the page to say something."""
        expect(self.page.locator("main").get_by_text(text)).to_be_visible()

    def is_hit(self, target: Locator) -> bool:
        """Whether what a pointer would hit at the middle of this element is the element."""
        return bool(
            target.evaluate(
                "one => { const at = one.getBoundingClientRect();"
                " const hit = document.elementFromPoint("
                "at.left + at.width / 2, at.top + at.height / 2);"
                " return one.contains(hit); }"
            )
        )

    def spot(self, x: float, y: float) -> tuple[float, float]:
        """Where on the screen a point of the image is, given in ratios of its size."""
        found = self.image.bounding_box()
        assert found
        return found["x"] + x * found["width"], found["y"] + y * found["height"]

    def drag(self, start: Sequence[float], end: Sequence[float]) -> None:
        """Drag from one point of the image to another, both in ratios of its size."""
        mouse = self.page.mouse
        mouse.move(*self.spot(*start))
        mouse.down()
        mouse.move(*self.spot((start[0] + end[0]) / 2, (start[1] + end[1]) / 2), steps=4)
        mouse.move(*self.spot(*end), steps=4)
        mouse.up()

    def leave(self) -> None:
        """Close the browser; nothing may have gone wrong in it unsaid."""
        self.context.close()
        assert self.complaints == []


def draw(number: int) -> bytes:
    """An image with a circle and a square where ``FOUND`` says."""
    width, height = SIZE_PX
    image = Image.new("RGB", SIZE_PX, (235 - number * 3 % 60, 215, 200 - number * 5 % 60))
    pen = ImageDraw.Draw(image)
    for shape, place, colour in (
        (pen.ellipse, CIRCLE, (60, 90, 160)),
        (pen.rectangle, SQUARE, (170, 70, 50)),
    ):
        left, top = place["left"] * width, place["top"] * height
        corner = (left + place["width"] * width, top + place["height"] * height)
        shape((left, top, *corner), fill=colour)
    pen.text((10, 10), f"image {number}", fill=0)
    return jpeg(image)


def turned(number: int) -> bytes:
    """The same image, stored lying on its side with the note to turn it (EXIF orientation 6)."""
    image = Image.open(io.BytesIO(draw(number))).rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90, exif=exif)
    return buffer.getvalue()


def boxes(answer: Record) -> list[dict[str, Any]]:
    """The boxes in a stored answer."""
    return [dict(box) for box in answer["boxes"]]
