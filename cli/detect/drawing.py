"""Copies of images with the labels and boxes that the model found in them.

Called by the detection of folders, and only when it shall draw: it needs Pillow, which the command
line does without otherwise.
"""

import contextlib
import hashlib
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from labelloop.domain.image_labels import Label, LabelBox

FONTS = ("DejaVuSans.ttf", "LiberationSans-Regular.ttf", "Arial Unicode.ttf", "arial.ttf")
"""Of the system, the first that there is: Pillow's own has English letters only."""
LEAST_CONFIDENCE_PCT = 1.0
"""A classification model weighs all its labels: those below this would only hide the image."""
SMALLEST_TEXT_PX = 11


def draw(source: Path, destination: Path, labels: Sequence[Label]) -> None:
    """Write a copy of an image with its labels drawn: those without a box in a list at the top.

    The copy is upright, as the model saw the image. Raises OSError, ValueError or SyntaxError for
    an image that Pillow cannot read.
    """
    with Image.open(source) as opened:
        kind = "PNG" if opened.format == "PNG" else "JPEG"
        upright = ImageOps.exif_transpose(opened)
    if upright.mode == "I" or upright.mode.startswith("I;16"):
        # Pillow cuts 16 bits of gray off at 8 bits where it converts them.
        upright = upright.convert("I").point(lambda value: value * (1 / 257)).convert("L")
    image = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    pen = _Pen(image)
    surest_first = sorted(labels, key=lambda label: -label.confidence_pct)
    for label in surest_first:
        if label.box:
            pen.draw_box(label, label.box)
    listed = [label for label in surest_first if not label.box]
    clear = [label for label in listed if label.confidence_pct >= LEAST_CONFIDENCE_PCT]
    if labels:
        pen.draw_list(clear or listed[:1])
    else:
        pen.write(0, 0, "no label", "no label")
    image.save(destination, kind, quality=92)


class _Pen:
    """Draws on an image, with lines and words of a size that fits it."""

    def __init__(self, image: Image.Image) -> None:
        self._width_px, self._height_px = image.size
        side_px = max(image.size)
        self._line_px = max(2, side_px // 300)
        text_px = max(SMALLEST_TEXT_PX, side_px // 40)
        self._font = _font(text_px)
        self._margin_px = max(2, text_px // 4)
        self._row_px = text_px + 2 * self._margin_px
        self._draw = ImageDraw.Draw(image)

    def draw_box(self, label: Label, box: LabelBox) -> None:
        """Draw a label's box and its words."""
        left, right = (ratio * (self._width_px - 1) for ratio in (box.left, box.left + box.width))
        top, bottom = (ratio * (self._height_px - 1) for ratio in (box.top, box.top + box.height))
        color = _color(label.name)
        self._draw.rectangle((left, top, right, bottom), outline=color, width=self._line_px)
        above = top - self._row_px
        self.write(left, above if above >= 0 else top, label.name, _words(label))

    def draw_list(self, labels: Sequence[Label]) -> None:
        """Write labels among each other, as many as there is room for."""
        for row, label in enumerate(labels[: self._height_px // self._row_px]):
            self.write(0, row * self._row_px, label.name, _words(label))

    def write(self, left: float, top: float, name: str, words: str) -> None:
        """Write words in the color of a name."""
        width = self._draw.textlength(words, self._font) + 2 * self._margin_px
        left = max(0.0, min(left, self._width_px - width))
        place = (left, top, left + width, top + self._row_px)
        self._draw.rectangle(place, fill=_color(name))
        middle = (left + self._margin_px, top + self._row_px / 2)
        self._draw.text(middle, words, "white", self._font, anchor="lm")


def _words(label: Label) -> str:
    return f"{label.name} {label.confidence_pct:.1f} %"


def _font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    for name in FONTS:
        with contextlib.suppress(OSError):
            return ImageFont.truetype(name, size_px)
    return ImageFont.load_default(size_px)


def _color(name: str) -> str:
    """A label's color, the same in every image, and dark enough for white words."""
    hue = int.from_bytes(hashlib.sha256(name.encode()).digest()[:2], "big") % 360
    return f"hsl({hue}, 90%, 33%)"
