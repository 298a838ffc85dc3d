"""The review page's built files ↔ its sources: who changes these runs ``make console``."""

import gzip
import re

from scripts import make_console


def test_the_built_files_are_of_these_sources() -> None:
    noted = (make_console.STATIC / make_console.DIGEST).read_text(encoding="utf-8").strip()

    assert noted == make_console.digest(), "console/ was changed: run make console"


def test_every_file_that_the_built_files_load_is_there() -> None:
    built = list(make_console.STATIC.rglob("*.gz"))
    there = {path.name.removesuffix(".gz") for path in built}
    loaded = {
        name
        for path in built
        for name in re.findall(
            r"[\w.-]+-[\w-]{8}\.(?:js|css)\b", gzip.decompress(path.read_bytes()).decode()
        )
    }

    assert loaded
    assert loaded <= there
    assert there - {"index.html"} <= loaded


def test_the_page_loads_quickly() -> None:
    """Bytes over the wire until there is something to see; boxes are loaded later."""
    first = make_console.STATIC.glob("assets/index-*.gz")

    assert sum(path.stat().st_size for path in first) < 260_000
