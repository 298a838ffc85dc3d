"""The page for everybody: nothing that axe calls serious, in either theme, at either width."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.console.desk import PHONE, WIDE, Desk, Seat

GRAVE = {"serious", "critical"}


def _barriers(seat: Seat) -> list[str]:
    seat.page.wait_for_timeout(300)
    # Colours that fade in have too little contrast meanwhile.
    seat.page.evaluate(
        """() => Promise.all(document.getAnimations()
            .filter((one) => one.effect.getComputedTiming().iterations !== Infinity)
            .map((one) => one.finished.catch(() => null)))"""
    )
    found = Axe().run(seat.page).response["violations"]
    return [
        f"{violation['id']}: {node['html'][:200]} {node['failureSummary']}"
        for violation in found
        if violation["impact"] in GRAVE
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("name", ["desk", "multi_label_desk", "detection_desk"])
def test_there_are_no_barriers(
    request: pytest.FixtureRequest, name: str, viewport: dict[str, int], theme: str
) -> None:
    desk: Desk = request.getfixturevalue(name)
    options: dict[str, Any] = {"viewport": viewport, "color_scheme": theme}
    desk.ask_about(2)
    seat = desk.open(**options)
    expect(seat.page.get_by_role("button", name="Sign in")).to_be_visible()
    found = _barriers(seat)
    seat.sign_in(*desk.stack.add_person())
    expect(seat.image).to_be_visible()
    if name == "detection_desk":
        expect(seat.page.locator(".boxes svg")).to_be_visible()
        seat.press("m", "n")
    elif name == "multi_label_desk":
        seat.press("2", "Enter", "1", "1")
    found += _barriers(seat)
    seat.press("?")
    expect(seat.page.get_by_role("dialog")).to_be_visible()
    found += _barriers(seat)

    assert found == []
    seat.leave()


def test_the_appearance_is_chosen_and_kept(desk: Desk) -> None:
    seat = desk.open(color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = seat.page.evaluate(ground)

    seat.page.get_by_role("button", name="Appearance").click()
    seat.page.get_by_role("menuitemcheckbox", name="Dark").click()
    dark = seat.page.evaluate(ground)
    seat.page.reload()
    expect(seat.page.get_by_role("button", name="Sign in")).to_be_visible()

    assert dark != light
    assert seat.page.evaluate(ground) == dark
    seat.leave()
