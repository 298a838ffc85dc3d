import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from PIL import Image
from rich.console import Console

from labelloop.domain.annotations import ModelType
from labelloop_pages.machine_parts import jpeg
from local.demo import demo_report
from local.demo.demo_report import gain_chart
from local.demo.material import drawn
from local.demo.pictures import Picture, PictureSets
from local.demo.results import Figure, StepTime
from tests.unit.local.demo.support import results

MATERIAL = drawn(ModelType.CLASSIFICATION)
STEPS = (StepTime("Draw <images>", "10 images", 2.0), StepTime("Detect", "", 8.0))


class Outline(HTMLParser):
    """The page's tags, each closed where it must be."""

    VOID = frozenset({"meta", "img", "rect", "line", "circle"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - inherited
        self.seen.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page() -> str:
    content = jpeg(Image.new("RGB", (64, 64)))
    held_back = tuple(Picture(f"held-back-{n:03d}.jpg", "nut", content) for n in range(100))
    return demo_report.html(results(), PictureSets((), held_back, ()), STEPS, MATERIAL)


def test_the_page_is_well_formed_and_loads_nothing_from_elsewhere(page: str) -> None:
    outline = Outline()
    outline.feed(page)
    assert outline.open == []
    assert "script" not in outline.seen and "link" not in outline.seen
    assert all(source.startswith("data:") for source in re.findall(r'src="([^"]*)"', page))
    assert "http" not in page and "url(" not in page and "@import" not in page


def test_the_page_has_every_figure(page: str) -> None:
    for figure in ("70 of 100", "90 of 100", "0.90 (0.83 to 0.94)", "24 + 12", "10 seconds"):
        assert figure in page
    assert page.count("<figure>") == demo_report.MOST_PICTURES
    assert "20 went from wrong to right, 0 from right to wrong, and 10 are wrong in both" in page


def test_what_others_wrote_is_escaped(page: str) -> None:
    assert "v2-&lt;b&gt;" in page and "v2-<b>" not in page
    assert "Draw &lt;images&gt;" in page and "A &amp; B" in page


def test_a_verdict_is_shown_with_its_interval_and_its_sentences(page: str) -> None:
    assert "+0.10 (-0.05 to +0.25), 40 images" in page
    assert "Its F1 score of 0.80 reaches the minimum of 0.50." in page
    assert "0.70 (0.60 to 0.78)" in page


def test_a_gains_picture_holds_the_whole_interval() -> None:
    for gain in (Figure(0.1, -0.05, 0.25, 40), Figure(-0.3, -0.6, 0, 9), Figure(0, 0, 0, 9)):
        places = [float(x) for x in re.findall(r'(?:x1|x2|cx)="([\d.]+)%"', gain_chart(gain))]
        assert len(places) == 5 and all(0 <= x <= 100 for x in places)


def test_the_page_tells_what_was_refused_and_what_was_deployed_by_command() -> None:
    both = results(first_right=90, second_right=70)
    first = replace(both.first, promoted=False, by_command=True)
    refused = replace(both.versions[1], promoted=False)
    content = jpeg(Image.new("RGB", (64, 64)))
    held_back = tuple(Picture(f"held-back-{n:03d}.jpg", "nut", content) for n in range(100))
    told = replace(both, versions=(first, refused))
    page = demo_report.html(told, PictureSets((), held_back, ()), STEPS, MATERIAL)
    assert 'class="verdict bad">No later version took version 1' in page
    assert "refused, deployed by command" in page
    assert "Version 2 learned from 24 images and was refused." in page


def test_both_tables_show_both_versions() -> None:
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(demo_report.table(results()))
    for text in (console.export_text(), demo_report.plain_table(results())):
        assert "v1-0a1b2c3d" in text and "v2-<b>" in text
        assert "0.90 (0.83 to 0.94)" in text
