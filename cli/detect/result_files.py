"""What `labelloop detect` writes and says of the images."""

import csv
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labelloop.domain.detections import Outcome
from labelloop.domain.manifests import DETECTION_FOLDER
from labelloop.domain.wording import one_line

from ..cells import as_cells
from ..extras import PICTURES, missing
from ..failures import CommandError
from ..parallel import bar, in_parallel
from .batch import COLUMNS, PENDING, Batch, Image


@dataclass
class Results:
    """What is written on this machine about a batch."""

    csv_file: Path
    json_file: Path
    drawings: Path | None
    drawn: int = 0
    not_drawn: list[dict[str, str]] = field(default_factory=list)

    def check(self) -> None:
        """Raise CommandError, before anything was done, where they cannot be written."""
        for path in (self.csv_file, self.json_file):
            if not os.access(path if path.exists() else path.parent, os.W_OK):
                raise CommandError(f"{path} cannot be written: name another place.")
        if self.drawings:
            _drawing()
            try:
                self.drawings.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise CommandError(f"{self.drawings} cannot be made: {error.strerror}.") from error

    def write(self, batch: Batch) -> None:
        """Write the results, as far as there are any. Raises CommandError."""
        try:
            self._write_rows(batch)
        except OSError as error:
            raise CommandError(
                f"The results cannot be written: {error.strerror}. They are in the inference log: "
                "run the same command again."
            ) from error
        if self.drawings:
            self._draw(batch, self.drawings)

    def _write_rows(self, batch: Batch) -> None:
        rows = [image.row() for image in batch.images]
        with self.csv_file.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, COLUMNS)
            writer.writeheader()
            lists = ("labels", "unsure")
            writer.writerows(
                as_cells({**row, **{name: _labels_in_words(row[name]) for name in lists}})
                for row in rows
            )
        self.json_file.write_text(
            json.dumps(rows, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )

    def _draw(self, batch: Batch, folder: Path) -> None:
        draw = _drawing().draw
        labels = {
            image.name: image.record.labels
            for image in batch.images
            if image.record and image.record.labels is not None
        }
        seen = [image for image in batch.images if image.name in labels]

        def draw_one(image: Image) -> str | None:
            destination = folder / image.name
            try:
                destination.parent.mkdir(parents=True, exist_ok=True)
                draw(image.path, destination, labels[image.name])
            except (OSError, ValueError, SyntaxError) as error:
                return str(error)
            return None

        with bar(len(seen), "Drawing") as move_on, in_parallel(draw_one, seen) as done:
            for image, failure in done:
                if failure:
                    self.not_drawn.append({"file": image.name, "reason": failure})
                else:
                    self.drawn += 1
                move_on(1)


def _drawing() -> Any:
    """The module that draws. Raises CommandError without its library."""
    try:
        from . import drawing  # noqa: PLC0415 - all else works without Pillow
    except ImportError as error:
        raise missing("--draw", PICTURES) from error
    return drawing


def _labels_in_words(labels: Sequence[Mapping[str, Any]]) -> str:
    return "; ".join(f"{label['name']} {label['confidence_pct']}" for label in labels)


def for_programs(batch: Batch, results: Results | None) -> dict[str, Any]:
    """What the command answers to programs."""
    already_there = sum(image.was_there for image in batch.images)
    answer = {
        "name": batch.name,
        "folder": f"{DETECTION_FOLDER}{batch.name}/",
        "images": len(batch.images),
        "uploaded": len(batch.sent()) - already_there,
        "already_there": already_there,
        "outcomes": dict(sorted(batch.counts().items())),
        "left_out": batch.left_out,
    }
    if results:
        answer["csv"] = str(results.csv_file)
        answer["json_file"] = str(results.json_file)
        answer["drawn"] = results.drawn
        answer["not_drawn"] = results.not_drawn
    return answer


def for_people(batch: Batch, results: Results | None) -> str:
    """What it says to people."""
    answer = for_programs(batch, results)
    counts = ", ".join(f"{count} {outcome}" for outcome, count in answer["outcomes"].items())
    lines = [
        f"Images: {answer['images']}. Uploaded: {answer['uploaded']}, there already: "
        f"{answer['already_there']}, to {answer['folder']}"
    ]
    if batch.left_out:
        lines.append(f"Left out, since they are no PNG or JPEG: {len(batch.left_out)}")
    failures = [image for image in batch.images if image.failure]
    if failures:
        first = failures[0]
        lines.append(
            f"Failed: {len(failures)}, the first of them {one_line(first.name)}: "
            f"{first.failure} When they can be read and sent, run the same command again."
        )
    if results is None:
        lines.append("They are detected now. For the results: the same command without --no-wait")
        return "\n".join(lines)
    lines.append(f"Outcomes: {counts}")
    lines.append(f"Results: {results.csv_file}, {results.json_file}")
    if results.drawings:
        lines.append(f"Drawn: {results.drawn} images, in {results.drawings}")
    if results.not_drawn:
        left = results.not_drawn[0]
        lines.append(
            f"Not drawn: {len(results.not_drawn)}, the first of them {one_line(left['file'])}: "
            f"{left['reason']}"
        )
    if batch.counts()[Outcome.WAITING] or batch.counts()[PENDING]:
        lines.append(
            "Some have no result yet. To wait for them, run the same command again; what hinders "
            "them, labelloop status says."
        )
    return "\n".join(lines)
