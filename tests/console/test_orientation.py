"""A browser shows each image as ``fitness`` says: people draw boxes in what they see."""

import base64

import pytest
from playwright.sync_api import Browser

from tests import turned

DARK_CORNERS = {
    1: "top left",
    2: "top right",
    3: "bottom right",
    4: "bottom left",
    5: "top left",
    6: "top right",
    7: "bottom right",
    8: "bottom left",
}
"""Where the dark quarter is, that is at the top and left of the file."""
LOOK = """async address => {
    const image = new Image()
    image.src = address
    await image.decode()
    document.body.append(image)
    const canvas = document.createElement("canvas")
    const width = canvas.width = image.naturalWidth, height = canvas.height = image.naturalHeight
    const context = canvas.getContext("2d")
    context.drawImage(image, 0, 0)
    const dark = []
    for (const [name, x, y] of [["top left", 9, 9], ["top right", width - 9, 9],
            ["bottom left", 9, height - 9], ["bottom right", width - 9, height - 9]])
        if (context.getImageData(x, y, 1, 1).data[0] < 99) dark.push(name)
    return [width, height, dark.join()]
}"""


@pytest.mark.parametrize("name", turned.FILES)
def test_a_browser_turns_what_is_said_to_be_turned(browser: Browser, name: str) -> None:
    content, orientation = turned.FILES[name]
    kind = "png" if content.startswith(b"\x89PNG") else "jpeg"
    page = browser.new_page()
    page.set_content("<body></body>")
    address = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    width, height = turned.SIZE_PX if orientation < 5 else turned.SIZE_PX[::-1]
    assert page.evaluate(LOOK, address) == [width, height, DARK_CORNERS[orientation]]
    page.close()
