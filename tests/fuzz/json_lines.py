"""Lines of JSON, changed as their writers may: random bytes are seldom JSON at all."""

import json
import random
from collections.abc import Iterator
from typing import Any

ODD: list[Any] = [
    *(None, True, False, 0, -1, 1, 0.5, 2**31, 2**63, -(2**63) - 1, 10**400, 1e308, -1e-320),
    *(float("inf"), float("nan"), "", "0", "1", "true", "x" * 300, "\ud800", "a\x00b", "\u202e"),
    *("e\u0301", "None of the Above", "2026-11-21T08:00:00Z", "9999-12-31T23:59:59-23:59"),
    *("s3://bucket/", "s3://bucket/a/../b", [], {}, [[]], {"": {}}, [0] * 60, {"0": "cat"}),
]


def mutate(data: bytes, seed: int) -> bytes | None:
    """The same with a part of a line changed, in or out; None where no line is JSON."""
    rng = random.Random(seed)
    lines = data.splitlines() or [b""]
    place = rng.randrange(len(lines))
    try:
        content = json.loads(lines[place])
    except (ValueError, RecursionError):
        return None
    places = list(_places(content))
    if not places:
        return None
    inside, name = rng.choice(places)
    action = rng.randrange(4)
    if action == 0:
        inside[name] = rng.choice(ODD)
    elif action == 1:
        other, other_name = rng.choice(places)
        inside[name] = json.loads(json.dumps(other[other_name]))
    elif action == 2:
        del inside[name]
    elif isinstance(inside, list):
        inside.insert(name, rng.choice(ODD))
    else:
        inside[rng.choice([*map(str, inside), "x-metadata", "type"])] = rng.choice(ODD)
    lines[place] = json.dumps(content).encode()
    return b"\n".join(lines)


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    """Each part, by what it is in and its name there."""
    parts: Any = content.items() if isinstance(content, dict) else ()
    parts = enumerate(content) if isinstance(content, list) else parts
    for name, part in list(parts):
        yield content, name
        yield from _places(part)
