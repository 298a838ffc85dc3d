"""The page with one label an image: sign in, look, press a key."""

import time

from playwright.sync_api import expect

from local.launch import PATIENCE_S
from tests.console.conftest import LONG, MARKUP
from tests.console.desk import PHONE, Desk


def test_a_reviewer_signs_in_and_answers_with_a_key(desk: Desk) -> None:
    first, second, _ = desk.ask_about(3)
    seat = desk.sit_down()
    seat.wait_for_image("0000.jpg")

    seat.press("2")
    seat.wait_for_image("0001.jpg")
    seat.press("1")

    assert desk.answers(first) == [{"labels": ["gear"]}]
    assert desk.answers(second) == [{"labels": ["bolt"]}]
    expect(seat.page.locator(".pace")).to_contain_text("Answered now2")
    assert "code=" not in seat.page.url
    seat.leave()


def test_none_of_the_above_is_an_answer(desk: Desk) -> None:
    (task,) = desk.ask_about(1)
    seat = desk.sit_down()

    seat.press("0")

    seat.say("No image waits for you.")
    assert desk.answers(task) == [{"labels": []}]
    seat.leave()


def test_new_images_appear_by_themselves_in_an_empty_queue(desk: Desk) -> None:
    seat = desk.open()
    seat.page.clock.install()
    seat.sign_in(*desk.stack.add_person())
    seat.say("No image waits for you.")

    desk.ask_about(1)
    seat.page.clock.fast_forward(20_000)

    seat.wait_for_image("0000.jpg")
    seat.leave()


def test_an_answer_is_taken_back_and_given_anew(desk: Desk) -> None:
    first, second = desk.ask_about(2)
    seat = desk.sit_down()
    seat.press("1")
    seat.wait_for_image("0001.jpg")
    desk.answers(first)

    seat.press("u")
    seat.wait_for_image("0000.jpg")
    desk.unanswered(first)
    seat.press("2")

    seat.wait_for_image("0001.jpg")
    assert desk.answers(first) == [{"labels": ["gear"]}]
    assert desk.task(second)["answers"] == {}
    seat.leave()


def test_nothing_is_taken_back_behind_the_keys_that_are_shown(desk: Desk) -> None:
    (task,) = desk.ask_about(1)
    seat = desk.sit_down()
    seat.press("1")
    seat.say("No image waits for you.")
    desk.answers(task)
    undone: list[str] = []
    seat.page.on("request", lambda sent: undone.append(sent.url) if "/undo" in sent.url else None)

    seat.press("?", "u", "Escape")
    expect(seat.page.get_by_role("dialog")).to_have_count(0)
    (later,) = desk.ask_about(1)
    seat.page.get_by_role("button", name="Look again").click()
    seat.wait_until_ready(1)

    assert not undone and desk.task(later)["claims"]
    assert desk.answers(task)
    seat.leave()


def test_a_key_that_is_held_down_and_a_double_click_answer_one_image_each(desk: Desk) -> None:
    first, second, third = desk.ask_about(3)
    seat = desk.sit_down()
    seat.wait_until_ready(3)

    for _ in range(5):
        seat.page.keyboard.down("1")
    seat.page.keyboard.up("1")
    seat.wait_for_image("0001.jpg")
    desk.answers(first)
    seat.page.get_by_role("button", name="gear").dblclick()
    seat.wait_for_image("0002.jpg")

    assert desk.answers(second) == [{"labels": ["gear"]}]
    assert seat.file_name == "0002.jpg"
    assert desk.task(third)["answers"] == {}
    seat.leave()


def test_a_key_that_bounces_answers_one_image(desk: Desk) -> None:
    first, second = desk.ask_about(2)
    seat = desk.sit_down()
    seat.wait_until_ready(2)

    # Pressed at the same time, however long the page works on the first.
    seat.page.evaluate(
        "() => { const presses = [1, 2].map("
        "() => new KeyboardEvent('keydown', { code: 'Digit1', key: '1', bubbles: true }));"
        " for (const press of presses) document.activeElement.dispatchEvent(press); }"
    )
    seat.wait_for_image("0001.jpg")

    desk.answers(first)
    assert desk.task(second)["answers"] == {}
    seat.leave()


def test_keys_are_those_of_their_places_and_whatever_their_case(desk: Desk) -> None:
    first, second = desk.ask_about(2)
    seat = desk.sit_down()

    seat.type_at("Digit2", "é")  # a French keyboard
    seat.wait_for_image("0001.jpg")
    assert desk.answers(first) == [{"labels": ["gear"]}]
    seat.type_at("KeyU", "U")  # capitals are locked
    seat.wait_for_image("0000.jpg")
    desk.unanswered(first)
    seat.type_at("KeyS", "ы")  # a Russian one

    seat.wait_for_image("0001.jpg")
    assert desk.task(second)["answers"] == {}
    seat.leave()


def test_what_was_answered_last_is_shown_and_the_focus_stays_in_the_question(desk: Desk) -> None:
    desk.ask_about(2)
    seat = desk.sit_down()
    last = seat.page.locator(".last")
    expect(last).to_have_text("")
    before = seat.page.get_by_role("button", name="Undo").bounding_box()

    seat.page.get_by_role("button", name="gear").click()
    expect(last).to_have_text("Last answer: gear (0000.jpg)")
    expect(seat.page.locator(".panel")).to_be_focused()
    assert seat.page.get_by_role("button", name="Undo").bounding_box() == before

    seat.press("u")
    seat.wait_for_image("0000.jpg")
    expect(last).to_have_text("")
    seat.press("1")
    seat.wait_for_image("0001.jpg")
    seat.press("2")
    seat.say("No image waits for you.")
    expect(last).to_have_text("Last answer: gear (0001.jpg)")
    expect(seat.page.locator(".nothing")).to_be_focused()
    seat.leave()


def test_images_that_others_have_are_said_to_be_open_where_none_waits(desk: Desk) -> None:
    desk.ask_about(2)
    seat = desk.sit_down()
    seat.wait_until_ready(2)
    other = desk.open()
    other.sign_in(*desk.stack.add_person())
    other.say("No image waits for you.")

    other.say("2 images are open still: with others, passed by, sent by you, or answered by you")
    expect(other.page.locator(".pace")).to_contain_text("Open2")
    seat.press("1")
    seat.wait_for_image("0001.jpg")
    expect(seat.page.locator(".pace")).to_contain_text("Open1")
    seat.leave()
    other.leave()


def test_there_may_be_nothing_to_take_back(desk: Desk) -> None:
    desk.ask_about(1)
    seat = desk.sit_down()

    seat.press("u")

    seat.say("There is nothing to take back.")
    seat.leave()


def test_a_skipped_image_goes_to_somebody_else(desk: Desk) -> None:
    first, _ = desk.ask_about(2)
    seat = desk.sit_down()

    seat.press("s")
    seat.wait_for_image("0001.jpg")
    seat.press("1")
    seat.say("No image waits for you.")
    other = desk.sit_down()
    other.wait_for_image("0000.jpg")
    other.press("2")

    assert desk.answers(first) == [{"labels": ["gear"]}]
    seat.leave()
    other.leave()


def test_two_reviewers_at_once_never_have_the_same_image(desk: Desk) -> None:
    tasks = desk.ask_about(24)
    seats = [desk.sit_down(), desk.sit_down()]

    answered = [0, 0]
    over = time.monotonic() + PATIENCE_S
    while sum(answered) < len(tasks):
        assert time.monotonic() < over, f"{answered} answers"
        for number, seat in enumerate(seats):
            if seat.image.is_visible():
                before = seat.file_name
                seat.press("1")
                answered[number] += 1
                over = time.monotonic() + PATIENCE_S
                expect(seat.page.locator(".file-name, .nothing h1")).not_to_have_text(before)
            else:  # claiming, or the other one has the last ones
                seat.page.wait_for_timeout(20)

    for task in tasks:
        assert desk.answers(task) == [{"labels": ["bolt"]}]
    assert min(answered) > 0
    for seat in seats:
        expect(seat.page.get_by_text("was not taken")).to_have_count(0)
        seat.leave()


def test_everything_can_be_done_with_the_keyboard_alone(desk: Desk) -> None:
    first, second, third = desk.ask_about(3)
    name, password = desk.stack.add_person()
    seat = desk.open(color_scheme="light")
    page = seat.page
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    seat.press("Tab", "Tab", "Enter")
    expect(page.get_by_label("E-mail address")).to_be_focused()
    page.keyboard.type(name)
    seat.press("Tab")
    page.keyboard.type(password)
    seat.press("Enter")
    seat.wait_for_image("0000.jpg")

    seat.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("answer with that label")
    seat.press("1", "Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert seat.file_name == "0000.jpg"
    seat.press("ArrowDown", "ArrowDown", "ArrowUp", "ArrowDown", "Enter")

    seat.wait_for_image("0001.jpg")
    assert desk.answers(first) == [{"labels": ["gear"]}]
    expect(page.locator(".label-list button:focus")).to_have_count(0)

    page.get_by_role("button", name=name).focus()
    seat.go_down_to(page.get_by_role("menuitemcheckbox", name="Dark"))
    seat.press("Enter")
    expect(page.locator("body.awsui-dark-mode")).to_be_visible()
    assert seat.file_name == "0001.jpg"
    seat.press("1")  # the focus is on the menu's button still
    seat.wait_for_image("0002.jpg")
    assert desk.answers(second) == [{"labels": ["bolt"]}]
    seat.press("ArrowDown")
    expect(page.get_by_role("menu")).to_be_visible()
    seat.press("1")
    seat.go_down_to(page.get_by_role("menuitem", name="Sign out"))
    seat.press("Enter")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert desk.task(third)["answers"] == {}
    seat.leave()


def test_an_image_is_zoomed_and_moved(desk: Desk) -> None:
    desk.ask_about(2)
    seat = desk.sit_down()
    width = seat.image.bounding_box()["width"]

    seat.press("+", "+")
    seat.wait_until_zoomed(width * 1.3)
    zoomed = seat.image.bounding_box()
    seat.drag((0.5, 0.5), (0.4, 0.4))
    moved = seat.image.bounding_box()

    assert moved["x"] < zoomed["x"] - 20
    seat.press("1")
    seat.wait_for_image("0001.jpg")
    assert abs(seat.image.bounding_box()["width"] - width) < 2  # the next one is seen whole
    seat.leave()


def test_names_of_labels_are_text_whatever_is_in_them(desk: Desk) -> None:
    (task,) = desk.ask_about(1)
    seat = desk.sit_down()

    expect(seat.page.get_by_role("button", name=MARKUP)).to_be_visible()
    expect(seat.page.get_by_role("button", name=LONG.strip())).to_be_visible()
    assert seat.page.locator("img[src=x]").count() == 0
    seat.press("3")

    assert desk.answers(task) == [{"labels": [MARKUP]}]
    seat.leave()


def test_the_model_s_answer_is_hidden_by_default(desk: Desk) -> None:
    desk.ask_about(1)
    seat = desk.sit_down()

    assert "61" not in seat.page.locator(".panel").inner_text()
    seat.leave()


def test_it_works_on_a_phone(desk: Desk) -> None:
    first, _ = desk.ask_about(2)
    seat = desk.sit_down(viewport=PHONE, has_touch=True, is_mobile=True)
    page = seat.page
    button = page.get_by_role("button", name="gear")

    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    for target in (button, page.get_by_role("button", name="None of the above")):
        assert (target.bounding_box() or {})["height"] >= 44
    button.tap()

    seat.wait_for_image("0001.jpg")
    assert desk.answers(first) == [{"labels": ["gear"]}]
    seat.leave()
