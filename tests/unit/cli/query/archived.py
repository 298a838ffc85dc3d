"""Archives that are made up: lines of every kind, in files as ``archive_log`` writes them."""

import gzip
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from labelloop.domain import archive

Line = dict[str, Any]
NOW = datetime(2026, 11, 30, 15, 30, tzinfo=UTC)
LABELS = ("gear", "Übergröße", "Ⅲ 歯車", 'O"Ring, "rot"', "none of them")
VERSIONS = ("v1-0a1b2c3d", "v2-4e5f6a7b")
DAYS = 40


def states(seed: int, detections: int) -> list[Line]:
    """All states of so many detections: without a decision, decided late, taken back, of models
    with one label, with several and with boxes; some of them twice, and in no order.
    """
    chance = random.Random(seed)
    lines = [line for number in range(detections) for line in _states_of(number, chance)]
    lines += chance.choices(lines, k=len(lines) // 10)
    chance.shuffle(lines)
    return lines


def _states_of(number: int, chance: random.Random) -> list[Line]:
    ago = timedelta(seconds=chance.uniform(0, DAYS * 86400))
    line: Line = {
        "detection_id": f"{number:032x}",
        "outcome": chance.choice(["confident", "confident", "review", "deferred", "rejected"]),
        "bucket": "the-bucket",
        "key": f"images_for_detection/{chance.choice(LABELS)}\n{number}.jpg",
        "detected_at": _iso(NOW - ago),
        "revision": revision(0, number),
    }
    if line["outcome"] == "rejected":
        return [{**line, "reason": "It is no image."}]
    before = [{**line, "outcome": "waiting"}] if chance.random() < 0.2 else []
    line |= _seen(chance)
    line["revision"] = revision(1, number)
    if line["outcome"] == "confident":
        line |= {"decided_by": "model", "final_labels": _named(line)}
    found = [*before, line]
    if chance.random() < (0.1 if line["outcome"] == "confident" else 0.7):
        line = {
            **line,
            "human_loop": f"detection-{number:032x}",
            "asked_as": "sampled" if line["outcome"] == "confident" else "doubtful",
            "revision": revision(2, number),
        }
        found.append(line)
        for answer in range(chance.choice([0, 1, 1, 2])):
            line = {**line, **_answered(line, chance), "revision": revision(10 + answer, number)}
            found.append({name: value for name, value in line.items() if value is not None})
    return found


def _seen(chance: random.Random) -> Line:
    seen: Line = {"version": chance.choice(VERSIONS), "labels": []}
    for name in chance.sample(LABELS[:-1], chance.choice([0, 1, 1, 2])):
        label: Line = {"name": name, "confidence_pct": round(chance.uniform(1, 100), 6)}
        if chance.random() < 0.3:
            label |= {"chance_pct": 50, "box": {"left": 0.1, "top": 0, "width": 0.5, "height": 1}}
        seen["labels"] += [label] * chance.choice([1, 1, 3])
    if seen["labels"]:
        seen |= {"label": seen["labels"][0]["name"]}
        if chance.random() < 0.9:
            seen["confidence_pct"] = seen["labels"][0]["confidence_pct"]
    return seen


def _named(line: Line) -> list[Line]:
    return [{"name": label["name"]} for label in line["labels"]]


def _answered(line: Line, chance: random.Random) -> Line:
    detected = datetime.fromisoformat(line["detected_at"])
    agreement = chance.choice(["decided", "decided", "none", "undecided"])
    said = [{"name": name} for name in chance.sample(LABELS[:-1], chance.choice([1, 2]))]
    decided = agreement != "undecided"
    return {
        "agreement": agreement,
        "answers": chance.randint(1, 3),
        "decided_at": _iso(detected + timedelta(seconds=chance.uniform(5, 900_000))),
        "human_labels": said if agreement == "decided" else [],
        "decided_by": "people" if decided else None,
        "final_labels": (said if agreement == "decided" else []) if decided else None,
        "model_right": chance.random() < 0.8 if decided else None,
    }


def revision(step: int, number: int) -> str:
    """What orders the states of a detection."""
    return archive.revision("arn/2026-11-01T00:00:00.000", str(10**20 + step * 10**9 + number))


def _iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def by_day(lines: Iterable[Line]) -> dict[str, list[Line]]:
    """The lines of each day."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(line["detected_at"][:10], []).append(line)
    return found


def body(lines: Sequence[Line]) -> bytes:
    """An object's content: two gzip members."""
    half = len(lines) // 2
    return b"".join(
        gzip.compress("".join(json.dumps(line) + "\n" for line in part).encode())
        for part in (lines[:half], lines[half:])
    )


def objects(lines: Iterable[Line], files_a_day: int = 2) -> Mapping[str, bytes]:
    """The content of the bucket by key."""
    return {
        archive.object_key(day, f"{number}"): body(of_day[number::files_a_day])
        for day, of_day in by_day(lines).items()
        for number in range(files_a_day)
    }


def write(lines: Iterable[Line], folder: Path) -> list[Path]:
    """The same in files of a folder."""
    paths = []
    for key, content in objects(lines).items():
        path = folder / key.removeprefix(archive.FOLDER)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        paths.append(path)
    return paths


def latest(lines: Iterable[Line]) -> list[Line]:
    """The last state of each detection, and its day."""
    found: dict[str, Line] = {}
    for line in lines:
        before = found.get(line["detection_id"])
        if before is None or line["revision"] > before["revision"]:
            found[line["detection_id"]] = line
    return [{**line, "day": line["detected_at"][:10]} for line in found.values()]
