"""What earlier imports of a data set have said of its images."""

import re
from typing import NamedTuple

from labelloop.aws import objects
from labelloop.domain.imports import IMPORTED_MANIFESTS

_CREATED = re.compile(r'(?<="creation-date": ")[^"]*')


class Said(NamedTuple):
    """What a manifest of an import says of an image."""

    created: str
    modified: str
    manifest: str
    undated: str


def of(stem: str) -> dict[str, Said]:
    """What imports of a data set of this name have said last, by what their lines are about."""
    name = re.compile(rf"{re.escape(f'{IMPORTED_MANIFESTS}{stem}')}-[0-9a-f]{{8}}\.manifest")
    found: dict[str, Said] = {}
    for manifest in objects.listing(f"{IMPORTED_MANIFESTS}{stem}-"):
        for line in objects.lines(manifest.key) if name.fullmatch(manifest.key) else ():
            text = line.decode(errors="replace")
            created, undated = parted(text)
            one = Said(created, manifest.modified, manifest.key, undated)
            found[reference(text)] = max(one, found.get(reference(text), one))
    return found


def reference(line: str) -> str:
    """What of a line says which image it is about."""
    return line.partition('", "')[0]


def parted(line: str) -> tuple[str, str]:
    """When a line was written, and the line without that."""
    dates = _CREATED.findall(line)
    return max(dates, default=""), _CREATED.sub("", line)
