"""The page when things are not as they should be: leases, connections, sessions, other people."""

import json
from typing import Any

from playwright.sync_api import Page, Request, Route, expect

from local.launch import wait_for
from tests.console.desk import Desk, Seat

SECOND_MS = 1000


def _past(page: Page, seconds: int) -> None:
    """Let the page's own time pass."""
    page.clock.fast_forward(seconds * SECOND_MS)


def _with_clock(desk: Desk) -> Seat:
    seat = desk.open()
    seat.page.clock.install()
    seat.sign_in(*desk.stack.add_person())
    expect(seat.image).to_be_visible()
    return seat


# --- Pace -----------------------------------------------------------------------------------------


def test_no_request_stands_between_a_key_and_the_next_image(desk: Desk) -> None:
    """With 500 tasks waiting, and with a service that has stopped to answer."""
    desk.ask_about(500)
    seat = desk.sit_down()
    seat.wait_until_ready()
    requests: list[str] = []
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    seat.page.on("request", lambda request: requests.append(_what(request)))
    seat.page.route("**/*", hold)  # what is asked for from now on is not answered

    for _ in range(4):
        before = seat.file_name
        seat.press("1")
        expect(seat.page.locator(".file-name")).not_to_have_text(before)
        expect(seat.image).to_be_visible()
        assert seat.image.evaluate("image => image.complete && image.naturalWidth") == 640

    # The answers are on their way, and more tasks are asked for; no image is.
    assert set(requests) - {"GET summary"} == {"POST answer", "POST next"}
    for route in held:
        route.continue_()
    seat.page.unroute_all()
    seat.leave()


def _what(request: Request) -> str:
    return f"{request.method} {request.url.split('?')[0].rsplit('/', 1)[-1]}"


# --- Leases ---------------------------------------------------------------------------------------


def test_leases_are_extended_while_somebody_works(desk: Desk) -> None:
    (task,) = desk.ask_about(1)
    seat = _with_clock(desk)
    (before,) = desk.task(task)["claims"].values()

    _past(seat.page, 140)
    seat.press("+")
    _past(seat.page, 30)

    def later() -> bool:
        (claim,) = desk.task(task)["claims"].values()
        return bool(claim["until"] > before["until"])

    wait_for(later, "a longer lease")
    seat.leave()


def test_who_goes_away_loses_the_images_and_is_told(desk: Desk) -> None:
    desk.ask_about(2)
    seat = _with_clock(desk)

    for _ in range(6):  # as long as a lease that was extended at the last moment
        _past(seat.page, 120)
        seat.page.wait_for_timeout(200)
    seat.say("You were away, so the images went back to the others.")
    seat.page.get_by_role("button", name="Go on").click()

    seat.wait_for_image("0000.jpg")
    seat.leave()


def test_an_answer_after_the_lease_that_somebody_else_has_given_is_not_lost_silently(
    desk: Desk,
) -> None:
    """The stack's lease ends at once; the page takes it for minutes."""
    (task,) = desk.ask_about(1)
    seat = desk.sit_down()
    desk.stack.leap(330)
    other = desk.sit_down()
    other.press("2")
    other.say("No image waits for you.")

    seat.press("1")

    seat.say("Your answer to 0000.jpg was not taken")
    assert desk.answers(task) == [{"labels": ["gear"]}]
    seat.leave()
    other.leave()


# --- The connection -------------------------------------------------------------------------------


def test_answers_wait_for_the_connection_and_outlive_a_reload(desk: Desk) -> None:
    tasks = desk.ask_about(4)
    seat = desk.sit_down()
    seat.wait_until_ready(4)

    seat.page.route("**/answer", lambda route: route.abort())
    seat.press("1")
    seat.wait_for_image("0001.jpg")
    seat.press("2")
    seat.say("2 answers wait to be sent.")
    seat.page.on("dialog", lambda dialog: dialog.accept())
    seat.page.reload()
    seat.wait_for_image("0002.jpg")
    assert desk.task(tasks[0])["answers"] == {}
    seat.page.unroute_all()

    assert desk.answers(tasks[0]) == [{"labels": ["bolt"]}]
    assert desk.answers(tasks[1]) == [{"labels": ["gear"]}]
    expect(seat.page.get_by_text("to be sent")).to_have_count(0)
    seat.leave()


def test_the_keys_are_shown_without_a_connection(desk: Desk) -> None:
    desk.ask_about(1)
    seat = desk.sit_down()
    seat.wait_until_ready(1)

    seat.context.set_offline(True)
    seat.press("?")

    expect(seat.page.get_by_role("dialog")).to_contain_text("None of the above")
    expect(seat.image).to_be_visible()
    seat.leave()


def test_a_failing_service_is_said_and_tried_again(desk: Desk) -> None:
    (task, _) = desk.ask_about(2)
    seat = desk.sit_down()
    failing = {"service": "dynamodb", "operation": "GetItem", "function": "ServeReviewApi"}

    with desk.stack.faults({**failing, "error": "InternalServerError", "status": 500, "times": 40}):
        seat.press("1")
        seat.say("No connection, or the service does not answer.")

    assert desk.answers(task) == [{"labels": ["bolt"]}]
    expect(seat.page.get_by_text("No connection")).to_have_count(0)
    seat.leave()


def test_an_answer_that_is_refused_comes_back_with_words(desk: Desk) -> None:
    (task, _) = desk.ask_about(2)
    seat = desk.sit_down()
    refusal = {"error": {"code": "InvalidRequest", "message": "There is no label bolt."}}
    seat.page.route(
        "**/answer",
        lambda route: route.fulfill(status=400, json=refusal),
        times=1,
    )

    seat.wait_until_ready(2)
    targets = [seat.image, *seat.page.locator(".panel button").all()]
    before = [target.bounding_box() for target in targets]

    seat.press("1")

    seat.say("Your answer to 0000.jpg was not taken: There is no label bolt.")
    seat.wait_for_image("0000.jpg")
    assert [target.bounding_box() for target in targets] == before
    assert all(seat.is_hit(target) for target in targets[1:])
    seat.press("2")
    assert desk.answers(task) == [{"labels": ["gear"]}]
    seat.leave()


def test_an_image_that_cannot_be_loaded_can_be_skipped(desk: Desk) -> None:
    desk.ask_about(2)
    seat = desk.open()
    seat.page.route("**/images_from_api/0000.jpg*", lambda route: route.abort())
    seat.sign_in(*desk.stack.add_person())

    seat.say("This image cannot be shown.")
    seat.press("1")
    assert seat.file_name == "0000.jpg"
    seat.press("s")

    seat.wait_for_image("0001.jpg")
    seat.leave()


def test_an_image_that_does_not_come_can_be_skipped(desk: Desk) -> None:
    desk.ask_about(2)
    seat = desk.open()
    seat.page.route("**/images_from_api/0000.jpg*", lambda _: None)  # it hangs
    seat.sign_in(*desk.stack.add_person())

    seat.say("The image is coming")
    seat.press("s")

    seat.wait_for_image("0001.jpg")
    seat.page.unroute_all(behavior="ignoreErrors")
    seat.leave()


# --- Tabs ----------------------------------------------------------------------------------------


def test_a_tab_that_is_closed_gives_its_images_back(desk: Desk) -> None:
    tasks = desk.ask_about(2)
    seat = desk.sit_down()
    seat.wait_until_ready(2)

    seat.page.close()

    wait_for(lambda: not any(desk.task(task)["claims"] for task in tasks), "no claim")
    seat.context.close()


def test_a_second_tab_asks_which_of_them_is_to_go_on(desk: Desk) -> None:
    task, _ = desk.ask_about(2)
    person = desk.stack.add_person()
    seat = desk.open()
    seat.sign_in(*person)
    seat.wait_for_image("0000.jpg")
    second = Seat(desk, seat.context, seat.context.new_page())
    second.page.goto(desk.stack.outputs["ConsoleUrl"])
    second.sign_in(*person)

    second.say("You review in another tab of this browser.")
    second.page.get_by_role("button", name="Review here instead").click()
    second.wait_for_image("0000.jpg")
    seat.say("You review in another tab of this browser.")
    second.press("1")

    assert desk.answers(task) == [{"labels": ["bolt"]}]
    second.leave()
    assert seat.complaints == []


def test_the_way_back_is_asked_for_twice(desk: Desk) -> None:
    desk.ask_about(2)
    seat = desk.sit_down()
    seat.press("1")
    seat.wait_for_image("0001.jpg")

    seat.page.evaluate("history.back()")
    seat.say("Going back leaves this page")
    assert seat.file_name == "0001.jpg"
    # Later: the page that is left answers nothing any more.
    seat.page.evaluate("void setTimeout(() => history.back())")

    expect(seat.page.locator("main.review")).to_have_count(0)
    seat.leave()


# --- Sessions -------------------------------------------------------------------------------------


def _tokens(seat: Seat) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(
        seat.page.evaluate("sessionStorage.getItem('labelloop.tokens')")
    )
    return kept


def _keep(seat: Seat, **changes: Any) -> None:
    text = json.dumps({**_tokens(seat), **changes})
    seat.page.evaluate("text => sessionStorage.setItem('labelloop.tokens', text)", text)


def test_a_token_that_has_run_out_is_renewed_without_a_word(desk: Desk) -> None:
    (task, _) = desk.ask_about(2)
    seat = desk.sit_down()
    before = _tokens(seat)
    _keep(seat, idToken="h.e30.s", expires=0)

    seat.press("1")

    assert desk.answers(task) == [{"labels": ["bolt"]}]
    assert _tokens(seat)["idToken"] != before["idToken"]
    seat.leave()


def _sit_down_as_somebody(desk: Desk, count: int) -> tuple[Seat, tuple[str, str]]:
    """A browser in which so many images are claimed, and with what the person signs in again."""
    person = desk.stack.add_person()
    seat = desk.open()
    seat.sign_in(*person)
    seat.wait_for_image("0000.jpg")
    seat.wait_until_ready(count)
    return seat, person


def test_a_session_that_has_ended_is_said_and_no_answer_is_lost(desk: Desk) -> None:
    (task, *_) = desk.ask_about(3)
    seat, person = _sit_down_as_somebody(desk, 3)
    _keep(seat, idToken="h.e30.s", refreshToken="gone")

    seat.press("1")
    seat.say("Your session has ended.")
    assert desk.task(task)["answers"] == {}
    seat.sign_in(*person)

    assert desk.answers(task) == [{"labels": ["bolt"]}]
    seat.leave()


def test_signing_out_gives_images_back_and_leaves_no_token(desk: Desk) -> None:
    (task,) = desk.ask_about(1)
    seat = desk.sit_down()
    refresh_token = _tokens(seat)["refreshToken"]

    _sign_out(seat)

    expect(seat.page.get_by_role("button", name="Sign in")).to_be_visible()
    assert seat.page.evaluate("sessionStorage.length") == 0
    assert desk.task(task)["claims"] == {}
    config = seat.page.request.get(desk.stack.outputs["ConsoleUrl"] + "config.json").json()
    form = {
        "grant_type": "refresh_token",
        "refresh_token": refresh_token,
        "client_id": config["client_id"],
    }
    renewed = seat.page.request.post(f"{config['sign_in_url']}/oauth2/token", form=form)
    assert (renewed.status, renewed.json()) == (400, {"error": "invalid_grant"})
    seat.leave()


def test_signing_out_with_answers_that_are_not_sent_asks_first(desk: Desk) -> None:
    (task, *_) = desk.ask_about(2)
    seat, person = _sit_down_as_somebody(desk, 2)
    seat.page.route("**/answer", lambda route: route.fulfill(status=503))
    seat.press("1")
    seat.wait_for_image("0001.jpg")

    _sign_out(seat)
    question = seat.page.get_by_role("dialog")
    expect(question).to_contain_text("One answer is not sent. Sign out anyway?")
    seat.press("2")
    question.get_by_role("button", name="Stay").last.click()
    expect(question).to_have_count(0)
    assert seat.file_name == "0001.jpg"
    _sign_out(seat)
    question.get_by_role("button", name="Sign out anyway").click()
    expect(seat.page.get_by_role("button", name="Sign in")).to_be_visible()
    assert desk.task(task)["answers"] == {}
    seat.page.unroute_all()
    seat.sign_in(*person)

    assert desk.answers(task) == [{"labels": ["bolt"]}]
    seat.leave()


def _sign_out(seat: Seat) -> None:
    seat.page.get_by_role("button", name="@example.com").click()
    seat.page.get_by_role("menuitem", name="Sign out").click()


def test_who_is_in_no_group_is_told_so(desk: Desk) -> None:
    seat = desk.open()
    seat.sign_in(*desk.stack.add_person(group=""))

    seat.say("You may not review here.")
    seat.leave()


def test_a_code_that_this_page_did_not_ask_for_signs_nobody_in(desk: Desk) -> None:
    """While it waits for a code that it did ask for."""
    seat = desk.open()
    asked = json.dumps({"verifier": "v", "state": "mine"})
    seat.page.evaluate("text => sessionStorage.setItem('labelloop.signing-in', text)", asked)
    requests: list[str] = []
    seat.page.on("request", lambda request: requests.append(_what(request)))

    seat.page.goto(desk.stack.outputs["ConsoleUrl"] + "?code=stolen&state=foreign")

    seat.say("Signing in did not work")
    assert "POST token" not in requests
    assert seat.page.evaluate("sessionStorage.length") == 0
    seat.leave()
