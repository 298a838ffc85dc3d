import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from PIL import Image
from rich.console import Console

from local.demo import report
from local.demo.pictures import Picture, PictureSets, jpeg
from local.demo.results import StepTime
from tests.unit.local_demo.support import results

STEPS = (StepTime("Draw <images>", "10 images", 2.0), StepTime("Detect", "", 8.0))


class Outline(HTMLParser):
    """The page's tags, each closed where it must be."""

    VOID = frozenset({"meta", "img", "rect", "line"})

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
    return report.html(results(), PictureSets((), held_back, (), ()), STEPS)


def test_the_page_is_well_formed_and_loads_nothing_from_elsewhere(page: str) -> None:
    outline = Outline()
    outline.feed(page)
    assert outline.open == []
    assert "script" not in outline.seen and "link" not in outline.seen
    assert all(source.startswith("data:") for source in re.findall(r'src="([^"]*)"', page))
    assert "http" not in page and "url(" not in page and "@import" not in page


def test_the_page_has_every_figure(page: str) -> None:
    for figure in ("70.0% (70 of 100)", "90.0% (90 of 100)", "60.0 %", "24 + 12", "10 seconds"):
        assert figure in page
    assert page.count("<figure>") == report.MOST_PICTURES
    assert "20 went from wrong to right, 0 from right to wrong, and 10 are wrong in both" in page


def test_what_others_wrote_is_escaped(page: str) -> None:
    assert "v2-&lt;b&gt;" in page and "v2-<b>" not in page
    assert "Draw &lt;images&gt;" in page and "A &amp; B" in page


def test_the_page_says_so_when_the_second_version_is_not_better() -> None:
    worse = results(first_right=90, second_right=70)
    none_held_back = replace(worse, first=replace(worse.first), second=replace(worse.second))
    content = jpeg(Image.new("RGB", (64, 64)))
    held_back = tuple(Picture(f"held-back-{n:03d}.jpg", "nut", content) for n in range(100))
    page = report.html(none_held_back, PictureSets((), held_back, (), ()), STEPS)
    assert 'class="verdict bad">Version 2 is not better' in page


def test_both_tables_show_both_versions() -> None:
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(report.table(results()))
    for text in (console.export_text(), report.plain_table(results())):
        assert "v1-0a1b2c3d" in text and "v2-<b>" in text
        assert "90.0% (90 of 100)" in text
