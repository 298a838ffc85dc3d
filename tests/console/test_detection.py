"""The page with boxes: drawn, moved, resized, labelled, deleted; by mouse, keyboard and finger."""

import itertools
import math
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.console import desk as at
from tests.console.desk import CIRCLE, PHONE, SIZE_PX, SQUARE, Desk, Seat

WIDTH, HEIGHT = SIZE_PX
NEAR_PX = 4
"""How far a drag on the screen may be off: a pixel there is up to three of the image."""


def _pixels(box: dict[str, float]) -> dict[str, float]:
    return {
        "left": box["left"] * WIDTH,
        "top": box["top"] * HEIGHT,
        "width": box["width"] * WIDTH,
        "height": box["height"] * HEIGHT,
    }


def _is(box: dict[str, Any], label: str, place: dict[str, float]) -> None:
    assert box["label"] == label
    found = {name: box[name] for name in place}
    assert found == pytest.approx(_pixels(place), abs=NEAR_PX)
    assert all(isinstance(value, int) for value in found.values())


def _around(seat: Seat, place: dict[str, float]) -> None:
    """Draw a box around a thing."""
    start = place["left"], place["top"]
    end = place["left"] + place["width"], place["top"] + place["height"]
    seat.drag(start, end)


def _ready(seat: Seat) -> Seat:
    expect(seat.page.locator(".boxes svg")).to_be_visible()
    return seat


def test_boxes_are_drawn_labelled_and_sent(detection_desk: Desk) -> None:
    task, _ = detection_desk.ask_about(2)
    seat = _ready(detection_desk.sit_down())

    _around(seat, CIRCLE)
    seat.press("1")
    _around(seat, SQUARE)
    seat.press("2")
    expect(seat.page.locator(".box-list")).to_contain_text("Box 2: gear")
    seat.press("Enter")

    seat.wait_for_image("0001.jpg")
    (answer,) = detection_desk.answers(task)
    circle, square = at.boxes(answer)
    _is(circle, "bolt", CIRCLE)
    _is(square, "gear", SQUARE)
    seat.leave()


def test_a_box_is_moved_resized_and_deleted_with_the_mouse(detection_desk: Desk) -> None:
    task, _ = detection_desk.ask_about(2)
    seat = _ready(detection_desk.sit_down())
    _around(seat, {"left": 0.1, "top": 0.1, "width": 0.2, "height": 0.2})
    seat.press("1")
    _around(seat, SQUARE)

    seat.page.get_by_role("button", name="Delete box 2").click()
    seat.page.get_by_role("button", name="Box 1: bolt").click()
    seat.drag((0.2, 0.2), (0.3, 0.4))
    seat.drag((0.4, 0.5), (0.6, 0.7))
    seat.press("Enter")

    (answer,) = detection_desk.answers(task)
    (box,) = at.boxes(answer)
    _is(box, "bolt", {"left": 0.2, "top": 0.3, "width": 0.4, "height": 0.4})
    seat.leave()


def test_a_box_is_made_moved_resized_and_deleted_with_the_keyboard(detection_desk: Desk) -> None:
    task, _ = detection_desk.ask_about(2)
    seat = _ready(detection_desk.sit_down())

    shown_px = seat.image.bounding_box()["width"]
    seat.press("b", "1", "b", "2", "n")
    seat.press("ArrowLeft", "ArrowUp", "Control+ArrowUp", "Shift+ArrowRight", "Shift+ArrowDown")
    seat.press("n", "Delete", "Enter")

    (answer,) = detection_desk.answers(task)
    pixel = WIDTH / shown_px
    step, least = round(10 * pixel), max(1, round(pixel))
    assert at.boxes(answer) == [
        {
            "label": "bolt",
            "left": 160 - step,
            "top": 120 - step - least,
            "width": 320 + step,
            "height": 240 + step,
        }
    ]
    seat.leave()


def test_a_label_that_is_chosen_first_is_that_of_the_boxes_that_are_drawn_next(
    detection_desk: Desk,
) -> None:
    task, second = detection_desk.ask_about(2)
    seat = _ready(detection_desk.sit_down())

    seat.press("2")
    seat.say("Draw a box around each thing: it is labelled gear.")
    _around(seat, CIRCLE)
    _around(seat, SQUARE)
    seat.press("1", "Enter")
    seat.wait_for_image("0001.jpg")
    _around(_ready(seat), CIRCLE)
    seat.press("Enter")

    assert [box["label"] for box in at.boxes(detection_desk.answers(task)[0])] == ["bolt", "gear"]
    assert [box["label"] for box in at.boxes(detection_desk.answers(second)[0])] == ["bolt"]
    seat.leave()


def test_a_picked_box_is_moved_past_the_edge_and_clipped_there(detection_desk: Desk) -> None:
    task, _ = detection_desk.ask_about(2)
    seat = _ready(detection_desk.sit_down())
    _around(seat, SQUARE)
    seat.press("1")
    seat.page.mouse.click(*seat.spot(0.7, 0.6))

    seat.drag((0.7, 0.6), (1.4, 0.6))  # by its middle, far out of the image
    seat.press("Enter")

    (box,) = at.boxes(detection_desk.answers(task)[0])
    _is(box, "bolt", {"left": 0.85, "top": 0.4, "width": 0.15, "height": 0.45})
    seat.leave()


def test_changes_of_boxes_are_taken_back_and_made_again(detection_desk: Desk) -> None:
    task, _ = detection_desk.ask_about(2)
    seat = _ready(detection_desk.sit_down())
    _around(seat, CIRCLE)
    seat.press("2", "m")
    listed = seat.page.locator(".box-list li")
    expect(listed).to_have_count(2)

    seat.press("Control+z")
    expect(listed).to_have_text(["Box 1: gear"])
    seat.press("Control+z", "Control+z", "Control+Shift+z", "Control+Shift+Z", "Enter")

    (box,) = at.boxes(detection_desk.answers(task)[0])
    _is(box, "gear", CIRCLE)
    seat.leave()


@pytest.mark.parametrize(("images", "slowed"), [(30, 1), (6, 6)])
def test_what_quick_hands_draw_and_press_is_what_is_stored(
    detection_desk: Desk, images: int, slowed: int
) -> None:
    """Boxes in boxes, over each other, past the edge, beside each other and small, with 0 to 8 ms
    between one act and the next, as macros have them; on a processor as it is, and a slow one."""
    tasks = detection_desk.ask_about(images, distinct=images)
    seat = _ready(detection_desk.sit_down())
    devtools = seat.context.new_cdp_session(seat.page)
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": slowed})
    drags = [(digit, _shown(seat, start), _shown(seat, end)) for digit, start, end in _QUICK]
    drags += [(digit, start, (start[0] + 6, start[1] + 6)) for digit, start, _ in drags[:2]]
    expected = [_stored(seat, *drag) for drag in drags]
    pauses = itertools.cycle(range(9))

    def act(done: Callable[..., Any], *what: Any) -> None:
        done(*what)
        time.sleep(next(pauses) / 1000)

    mouse, keyboard = seat.page.mouse, seat.page.keyboard
    for number in range(images):
        seat.wait_for_image(f"{number:04d}.jpg")
        for digit, start, end in drags:
            act(mouse.move, *start)
            act(mouse.down)
            act(mouse.move, *end)
            act(mouse.up)
            act(keyboard.press, digit)
        act(keyboard.press, "Enter")

    answers = [_in_order(at.boxes(detection_desk.answers(task)[0])) for task in tasks]
    wrong = [number for number, boxes in enumerate(answers) if boxes != _in_order(expected)]
    assert wrong == [], (answers[wrong[0]], expected)
    seat.leave()


_QUICK = (
    ("1", (0.1, 0.1), (0.9, 0.9)),
    ("2", (0.2, 0.2), (0.5, 0.5)),  # in the first
    ("1", (0.3, 0.3), (0.4, 0.4)),  # in both
    ("1", (0.45, 0.45), (0.7, 0.7)),  # over the second
    ("2", (0.8, 0.8), (1.02, 1.03)),  # past the edge
    ("1", (-0.01, 0.6), (0.15, 0.75)),  # from beyond the edge
    ("2", (0.9, 0.9), (0.1, 0.1)),  # the first once more, from its other end
)
"""Digits, and where drags begin and end, in ratios of the image. Two more of 6 pixels follow."""


def _shown(seat: Seat, spot: tuple[float, float]) -> tuple[float, float]:
    x, y = seat.spot(*spot)
    return round(x), round(y)  # a mouse is at whole pixels


def _stored(
    seat: Seat, digit: str, start: tuple[float, float], end: tuple[float, float]
) -> dict[str, Any]:
    """What a drag between two places on the screen becomes."""
    found = seat.image.bounding_box()
    across = [_whole((x - found["x"]) / found["width"], WIDTH) for x in (start[0], end[0])]
    along = [_whole((y - found["y"]) / found["height"], HEIGHT) for y in (start[1], end[1])]
    return {
        "label": ("bolt", "gear")[int(digit) - 1],
        "left": min(across),
        "top": min(along),
        "width": max(across) - min(across),
        "height": max(along) - min(along),
    }


def _in_order(boxes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(boxes, key=lambda box: (box["left"], box["top"], box["width"], box["label"]))


def _whole(ratio: float, size_px: int) -> int:
    return math.floor(min(max(ratio, 0), 1) * size_px + 0.5)  # as JavaScript rounds


def test_one_starts_from_the_model_s_boxes(detection_desk: Desk) -> None:
    task, _ = detection_desk.ask_about(2)
    seat = _ready(detection_desk.sit_down())
    expect(seat.page.locator(".box-list")).to_have_count(0)  # hidden until asked for

    seat.press("m")
    expect(seat.page.locator(".box-list li")).to_have_count(2)
    seat.press("Enter")

    (answer,) = detection_desk.answers(task)
    circle, square = at.boxes(answer)
    _is(circle, "bolt", CIRCLE)
    _is(square, "gear", SQUARE)
    seat.leave()


def test_enter_sends_whatever_was_clicked_last(detection_desk: Desk) -> None:
    """It does not press that button again, which would undo what was corrected."""
    task, _ = detection_desk.ask_about(2)
    seat = _ready(detection_desk.sit_down())

    seat.page.get_by_role("button", name="Start from the model's boxes").click()
    seat.page.get_by_role("button", name="Delete box 1").click()
    seat.page.get_by_role("button", name="bolt", exact=True).click()
    seat.press("n", "1", "Enter")

    seat.wait_for_image("0001.jpg")
    (box,) = at.boxes(detection_desk.answers(task)[0])
    _is(box, "bolt", SQUARE)
    seat.leave()


def test_boxes_are_right_on_a_zoomed_image(detection_desk: Desk) -> None:
    task, _ = detection_desk.ask_about(2)
    seat = _ready(detection_desk.sit_down())
    seat.press("b")
    line = _line_px(seat)
    seat.press("Delete")

    before = seat.image.bounding_box()["width"]
    seat.page.mouse.move(*seat.spot(0.3, 0.4))
    seat.page.mouse.wheel(0, -100)
    seat.wait_until_zoomed(1.2 * before)
    _around(seat, CIRCLE)
    assert _line_px(seat) == pytest.approx(line, rel=0.05)
    seat.press("1")
    seat.press("Enter")

    (answer,) = detection_desk.answers(task)
    _is(at.boxes(answer)[0], "bolt", CIRCLE)
    seat.leave()


def _line_px(seat: Seat) -> float:
    """How wide a box's line is on the screen."""
    width: float = seat.page.locator(".box-inner").first.evaluate(
        "one => parseFloat(getComputedStyle(one).strokeWidth)"
        " * one.ownerSVGElement.getBoundingClientRect().width"
        " / one.ownerSVGElement.viewBox.baseVal.width"
    )
    return width


def test_a_turned_image_s_boxes_are_those_of_the_image_as_it_is_shown(detection_desk: Desk) -> None:
    (task,) = detection_desk.ask_about(1)
    key = detection_desk.task(task)["key"]
    version = detection_desk.stack.upload(key, at.turned(0)).version_id
    detection_desk.stack.client("dynamodb").update_item(
        TableName=detection_desk.stack.outputs["ReviewTasksTable"],
        Key={"task_id": {"S": task}},
        UpdateExpression="SET version_id = :version",
        ExpressionAttributeValues={":version": {"S": version}},
    )
    seat = _ready(detection_desk.sit_down())

    size = seat.image.evaluate("image => [image.naturalWidth, image.naturalHeight]")
    _around(seat, CIRCLE)
    seat.press("1")
    seat.press("Enter")

    assert size == list(SIZE_PX)
    (answer,) = detection_desk.answers(task)
    _is(at.boxes(answer)[0], "bolt", CIRCLE)
    seat.leave()


def test_a_part_of_the_page_that_is_gone_after_a_deployment_is_said(detection_desk: Desk) -> None:
    detection_desk.ask_about(1)
    seat = detection_desk.open()
    seat.page.route("**/assets/BoxEditor-*.js", lambda route: route.fulfill(status=404))
    seat.sign_in(*detection_desk.stack.add_person())

    seat.say("The page has changed, or a part of it cannot be loaded.")
    seat.page.unroute_all()
    seat.page.get_by_role("button", name="Load the page again").click()

    seat.wait_for_image("0000.jpg")
    _ready(seat).leave()


def test_what_cannot_be_sent_is_said(detection_desk: Desk) -> None:
    (task,) = detection_desk.ask_about(1)
    seat = _ready(detection_desk.sit_down())

    seat.press("Enter")
    seat.say("Draw at least one box, or choose None of the above.")
    seat.press("b", "Enter")
    seat.say("Box 1 has no label yet.")
    seat.press("0")
    seat.say("There are boxes. Delete them first, or send them.")
    assert detection_desk.task(task)["answers"] == {}
    seat.press("Delete", "0")

    seat.say("No image waits for you.")
    assert detection_desk.answers(task) == [{"labels": []}]
    seat.leave()


def test_an_answer_that_is_taken_back_comes_with_its_boxes(detection_desk: Desk) -> None:
    task, _ = detection_desk.ask_about(2)
    seat = _ready(detection_desk.sit_down())
    seat.press("m", "Enter")
    seat.wait_for_image("0001.jpg")
    before = at.boxes(detection_desk.answers(task)[0])

    seat.press("u")
    seat.wait_for_image("0000.jpg")
    expect(seat.page.locator(".box-list li")).to_have_count(2)
    detection_desk.unanswered(task)
    seat.press("Enter")

    assert at.boxes(detection_desk.answers(task)[0]) == before
    seat.leave()


def test_boxes_outlive_the_image_before_that_is_taken_back(detection_desk: Desk) -> None:
    detection_desk.ask_about(2)
    seat = _ready(detection_desk.sit_down())
    seat.press("0")
    seat.wait_for_image("0001.jpg")
    _ready(seat).press("b", "b", "1", "b", "2")
    listed = seat.page.locator(".box-list li")
    expect(listed).to_have_text(["Box 1: no label yet", "Box 2: bolt", "Box 3: gear"])

    seat.press("u")
    seat.wait_for_image("0000.jpg")
    expect(listed).to_have_count(0)
    _ready(seat).press("0")

    seat.wait_for_image("0001.jpg")
    expect(listed).to_have_text(["Box 1: no label yet", "Box 2: bolt", "Box 3: gear"])
    seat.leave()


def test_a_finger_draws_and_the_image_can_be_moved_instead(detection_desk: Desk) -> None:
    task, _ = detection_desk.ask_about(2)
    seat = _ready(detection_desk.sit_down(viewport=PHONE, has_touch=True, is_mobile=True))
    page = seat.page

    _touch_drag(seat, (0.15, 0.2), (0.45, 0.6))
    page.get_by_role("button", name="bolt").first.tap()
    page.get_by_role("button", name="Move the image").tap()
    _touch_drag(seat, (0.7, 0.7), (0.8, 0.8))  # draws nothing
    page.get_by_role("button", name="Send").tap()

    (answer,) = detection_desk.answers(task)
    (box,) = at.boxes(answer)
    _is(box, "bolt", CIRCLE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    seat.leave()


def _touch_drag(seat: Seat, start: tuple[float, float], end: tuple[float, float]) -> None:
    """What a finger does: the browser's own touch events."""
    devtools = seat.context.new_cdp_session(seat.page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        given = [dict(zip(("x", "y"), seat.spot(*point), strict=True)) for point in points]
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": given})

    touch("touchStart", start)
    for step in range(1, 9):
        share = step / 8
        touch("touchMove", (_between(start[0], end[0], share), _between(start[1], end[1], share)))
    seat.page.wait_for_timeout(350)  # a swipe, whose end Chromium takes the next tap for
    touch("touchEnd")


def _between(start: float, end: float, share: float) -> float:
    return start + (end - start) * share
