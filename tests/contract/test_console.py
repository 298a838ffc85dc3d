"""The review page's built files ↔ its sources: who changes these runs ``make console``."""

import gzip
import json
import re

from cli import __version__
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
    assert there - {"index.html", "NOTICE.txt"} <= loaded


def test_the_page_comes_with_the_licence_of_each_library_that_it_asks_for() -> None:
    shipped = gzip.decompress((make_console.STATIC / "assets" / "NOTICE.txt.gz").read_bytes())
    package = json.loads((make_console.SOURCES / "package.json").read_text(encoding="utf-8"))
    lock = json.loads((make_console.SOURCES / "package-lock.json").read_text(encoding="utf-8"))

    assert shipped == make_console.NOTICE.read_bytes()
    for name in package["dependencies"]:
        version = lock["packages"][f"node_modules/{name}"]["version"]
        assert f"## {name} - {version} (" in shipped.decode()


def test_the_page_loads_quickly() -> None:
    """Bytes over the wire until there is something to see; boxes are loaded later."""
    first = make_console.STATIC.glob("assets/index-*.gz")

    assert sum(path.stat().st_size for path in first) < 260_000


def test_the_page_is_of_this_release() -> None:
    package = json.loads((make_console.SOURCES / "package.json").read_text(encoding="utf-8"))

    assert package["version"] == __version__
