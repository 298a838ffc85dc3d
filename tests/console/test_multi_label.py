"""The page with any number of labels an image: many to choose from, new ones, the model's shown."""

import itertools
import time

import pytest
from playwright.sync_api import expect

from labelloop.domain.labels import NONE_OF_THEM
from tests.console.desk import PHONE, Desk


def test_several_labels_are_chosen_and_sent(multi_label_desk: Desk) -> None:
    task, _ = multi_label_desk.ask_about(2)
    seat = multi_label_desk.sit_down()
    seat.wait_for_image("0000.jpg")

    seat.press("1", "3", "5", "3", "Enter")

    seat.wait_for_image("0001.jpg")
    assert multi_label_desk.answers(task) == [{"labels": ["bolt", "part 01"]}]
    expect(seat.page.locator(".label-list [aria-pressed=true]")).to_have_count(0)
    seat.leave()


def test_what_quick_hands_press_is_what_is_stored(multi_label_desk: Desk) -> None:
    """With 0 to 8 ms between one key and the next, as macros have them, on a slow processor."""
    images = 20
    tasks = multi_label_desk.ask_about(images)
    seat = multi_label_desk.sit_down()
    devtools = seat.context.new_cdp_session(seat.page)
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": 6})
    pauses = itertools.cycle(range(9))
    for number in range(images):
        seat.wait_for_image(f"{number:04d}.jpg")
        for key in ("1", "5", "2", "1", str(6 + number % 4), "Enter"):
            seat.page.keyboard.press(key)
            time.sleep(next(pauses) / 1000)

    answers = [multi_label_desk.answers(task)[0]["labels"] for task in tasks]
    assert answers == [
        ["gear", "part 01", f"part {2 + number % 4:02d}"] for number in range(images)
    ]
    seat.leave()


def test_sending_nothing_is_refused_with_words_and_none_is_an_answer(
    multi_label_desk: Desk,
) -> None:
    (task,) = multi_label_desk.ask_about(1)
    seat = multi_label_desk.sit_down()

    seat.press("Enter")
    seat.say("Choose at least one label, or None of the above.")
    seat.press("0")

    assert multi_label_desk.answers(task) == [{"labels": []}]
    seat.leave()


def test_an_answer_that_is_taken_back_comes_with_what_was_chosen(multi_label_desk: Desk) -> None:
    task, _ = multi_label_desk.ask_about(2)
    seat = multi_label_desk.sit_down()
    seat.press("1", "2", "Enter")
    seat.wait_for_image("0001.jpg")
    multi_label_desk.answers(task)

    seat.press("u")
    seat.wait_for_image("0000.jpg")
    expect(seat.page.locator(".label-list [aria-pressed=true]")).to_have_count(2)
    multi_label_desk.unanswered(task)
    seat.press("2", "Enter")

    assert multi_label_desk.answers(task) == [{"labels": ["bolt"]}]
    seat.leave()


def test_what_is_chosen_outlives_the_image_before_that_is_taken_back(
    multi_label_desk: Desk,
) -> None:
    multi_label_desk.ask_about(2)
    seat = multi_label_desk.sit_down()
    seat.press("0")
    seat.wait_for_image("0001.jpg")
    chosen = seat.page.locator(".label-list [aria-pressed=true]")
    seat.press("1", "3", "2", "3")
    expect(chosen).to_have_count(2)

    seat.press("u")
    seat.wait_for_image("0000.jpg")
    expect(chosen).to_have_count(0)
    seat.press("0")

    seat.wait_for_image("0001.jpg")
    expect(chosen).to_have_count(2)
    seat.leave()


def test_the_keyboard_filters_and_chooses_among_many_labels(multi_label_desk: Desk) -> None:
    task, _ = multi_label_desk.ask_about(2)
    seat = multi_label_desk.sit_down()

    seat.press("/")
    seat.page.keyboard.type("part 1")
    expect(seat.page.locator(".label-list button")).to_have_count(5)
    seat.press("ArrowDown", "ArrowDown", "Space")
    seat.press("5", "Enter")

    assert multi_label_desk.answers(task) == [{"labels": ["part 11", "part 14"]}]
    seat.leave()


def test_a_filter_chooses_what_it_finds_and_the_next_enter_sends(multi_label_desk: Desk) -> None:
    task, _ = multi_label_desk.ask_about(2)
    seat = multi_label_desk.sit_down()

    for text in ("part 13", "part 14", "part 14"):
        seat.press("/")
        seat.page.keyboard.type(text)
        seat.press("Enter")
    seat.press("Enter")

    seat.wait_for_image("0001.jpg")
    assert multi_label_desk.answers(task) == [{"labels": ["part 13", "part 14"]}]
    seat.leave()


def test_a_label_that_differs_by_its_case_is_the_one_that_there_is(multi_label_desk: Desk) -> None:
    task, _ = multi_label_desk.ask_about(2)
    seat = multi_label_desk.sit_down()

    for typed in ("GEAR", " Gear "):
        seat.page.get_by_label("New label").fill(typed)
        seat.press("Enter")
    seat.press("Enter")

    seat.wait_for_image("0001.jpg")
    assert multi_label_desk.answers(task) == [{"labels": ["gear"]}]
    seat.leave()


@pytest.mark.parametrize("height_px", [560, 640, 800])
def test_nothing_lies_over_what_is_to_be_read_or_hit(
    multi_label_desk: Desk, height_px: int
) -> None:
    multi_label_desk.ask_about(1)
    seat = multi_label_desk.sit_down(viewport={"width": 1280, "height": height_px})

    seat.press("Enter")
    problem = seat.page.get_by_text("Choose at least one label, or None of the above.")
    expect(problem).to_be_visible()
    assert seat.is_hit(problem)
    for key in ("ArrowUp", "ArrowUp", "ArrowDown"):
        seat.press(key)
        assert seat.is_hit(seat.page.locator(".label-list button:focus"))
    assert seat.is_hit(problem)
    seat.leave()


def test_a_label_that_did_not_exist_can_be_typed(multi_label_desk: Desk) -> None:
    task, _ = multi_label_desk.ask_about(2)
    seat = multi_label_desk.sit_down()

    seat.page.get_by_label("New label").fill("Zahnrad ⚙ & co")
    seat.press("Enter", "Escape", "Enter")

    seat.wait_for_image("0001.jpg")
    assert multi_label_desk.answers(task) == [{"labels": ["Zahnrad ⚙ & co"]}]
    expect(seat.page.get_by_role("button", name="Zahnrad ⚙ & co")).to_be_visible()
    seat.leave()


def test_the_model_s_answer_is_shown_where_the_operator_wants_it(multi_label_desk: Desk) -> None:
    multi_label_desk.ask_about(1)
    seat = multi_label_desk.sit_down()

    expect(seat.page.get_by_role("button", name="bolt")).to_contain_text("model 61 %")
    expect(seat.page.locator(".label-list [aria-pressed=true]")).to_have_count(0)
    seat.leave()


def test_it_works_on_a_phone(multi_label_desk: Desk) -> None:
    task, _ = multi_label_desk.ask_about(2)
    seat = multi_label_desk.sit_down(viewport=PHONE, has_touch=True, is_mobile=True)
    page = seat.page

    page.get_by_role("button", name="part 14").tap()
    page.get_by_role("button", name="bolt").tap()
    send = page.get_by_role("button", name="Send")
    expect(send).to_be_in_viewport()  # however far one has scrolled
    send.tap()

    assert multi_label_desk.answers(task) == [{"labels": ["bolt", "part 14"]}]
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    seat.leave()


def test_that_the_model_says_none_of_the_labels_is_shown_beside_that_answer(
    multi_label_desk: Desk,
) -> None:
    """No such model says so; what the page shows is the same."""
    multi_label_desk.ask_about(1, found=[{"name": NONE_OF_THEM, "confidence_pct": 95.2}])
    seat = multi_label_desk.sit_down()

    none = seat.page.locator(".actions button").first
    expect(none).to_have_text("0 None of the abovemodel 95 %")
    seat.leave()
