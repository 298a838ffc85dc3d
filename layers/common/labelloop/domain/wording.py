"""How people read it: names that others gave, numbers of things, lists and causes in words."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# A terminal obeys control characters; others turn a line around, or are not seen at all.
_OBEYED = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Without the joiners, which several languages cannot be written without, nor many emoji."""
_OBEYED_BUT_BREAKS = re.compile(f"(?!\n){_OBEYED.pattern}")


def one_line(text: str) -> str:
    """The text with such characters as Python writes them, line breaks too: a line is one line."""
    return _OBEYED.sub(_written_out, text)


def plain_text(text: str) -> str:
    """The same of a text whose line breaks are its own."""
    return _OBEYED_BUT_BREAKS.sub(_written_out, text)


def _written_out(found: re.Match[str]) -> str:
    return found[0].encode("unicode-escape", "backslashreplace").decode("ascii")


def images_in_words(count: int) -> str:
    """The number of images as it stands in a sentence."""
    return "one image" if count == 1 else f"{count} images"


def bullets(reasons: list[str]) -> str:
    """The sentences as a list."""
    return "\n".join(f"- {reason}" for reason in reasons)


_NAMES = re.compile(r"\S*/\S*|\d[\d.,]*")
"""What differs between reasons of one kind: keys and folders, and numbers."""


def alike(things: Iterable[tuple[str, str]]) -> list[tuple[int, str, str]]:
    """Of things and why they are so, one for each kind of reason, with how many there are: the most
    frequent first. Reasons are of one kind where only names and numbers in them differ.
    """
    kinds: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for name, reason in things:
        kinds[_NAMES.sub("", reason)].append((name, reason))
    found = [(len(same), *same[0]) for same in kinds.values()]
    return sorted(found, key=lambda kind: -kind[0])


def cause_in_words(facts: Mapping[str, Any]) -> str:
    """The sentence in a Step Functions cause, which is JSON where a function raised it."""
    cause = str(facts.get("cause") or facts.get("error") or "no cause was given")
    try:
        content = json.loads(cause)
    except ValueError:
        return cause
    if isinstance(content, dict) and content.get("errorMessage"):
        return str(content["errorMessage"])
    return cause


MOST_SAID = 10
"""So many labels or boxes are said in words; programs get them all."""


def listed(words: Sequence[str], more: int = 0) -> str:
    """The words as part of a sentence, up to ten of them, and how many more there are."""
    said = list(words[:MOST_SAID])
    more += len(words) - len(said)
    if more:
        said.append(f"{more} more")
    return " and ".join(part for part in (", ".join(said[:-1]), *said[-1:]) if part)
