"""What became of a data set that was to be imported."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .. import files
from ..datasets.values import Problem
from .given_tests import GivenTests


@dataclass
class DataSetImport:
    """What became of a data set."""

    format: str
    dry_run: bool
    labels: Counter[str] = field(default_factory=Counter)
    """Images, or boxes, by label, of what is taken or there already."""
    taken: int = 0
    already_there: int = 0
    unlabelled: int = 0
    """Images of which nothing is said."""
    outlines: int = 0
    left_out: list[dict[str, str]] = field(default_factory=list)
    copies: list[dict[str, str]] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)
    tests: GivenTests | None = None
    manifest: str = ""
    """Where in the bucket it is, or would be."""

    @property
    def is_in_vain(self) -> bool:
        """Whether nothing of it is among the images, neither now nor from before."""
        return not self.taken and not self.already_there

    def leave_out(self, problems: Iterable[Problem]) -> None:
        """Name what is not taken."""
        self.left_out += [
            {"file": files.printable(str(place)), "reason": files.printable(reason)}
            for place, reason in problems
        ]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "format": self.format,
            "dry_run": self.dry_run,
            "taken": self.taken,
            "already_there": self.already_there,
            "labels": dict(sorted(self.labels.items())),
            "unlabelled": self.unlabelled,
            "outlines_as_boxes": self.outlines,
            "left_out": self.left_out,
            "copies": self.copies,
            "failed": self.failed,
            "tests": self.tests.as_json() if self.tests else None,
            "manifest": self.manifest,
        }
