"""The saved queries: one file each, in Athena's dialect, which the template has as well."""

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "saved"
DAYS = 30
"""How many days they look at, today among them, where nobody says so."""
_VARIABLE = re.compile(r":(days|unit_hour_usd)\b")


@dataclass(frozen=True)
class SavedQuery:
    """A question that is there already."""

    name: str
    meaning: str
    text: str
    """With ``:days`` and ``:unit_hour_usd`` where these are to stand."""

    def filled(self, days: str, unit_hour_usd: str) -> str:
        """The query as an engine takes it."""
        values = {"days": days, "unit_hour_usd": unit_hour_usd}
        return _VARIABLE.sub(lambda found: values[found[1]], self.text)


def all_queries() -> dict[str, SavedQuery]:
    """All of them by name. The first lines of a file, which are comments, say what it asks."""
    found = {}
    for path in sorted(FOLDER.glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        said = [line[3:] for line in text.splitlines() if line.startswith("-- ")]
        found[path.stem] = SavedQuery(path.stem, " ".join(said), text)
    return found
