"""The last look at the labelled images: what it came to."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from labelloop.domain.manifests import Changes


@dataclass(frozen=True)
class Look:
    """What a look at the labelled images came to, so that the same need not be looked at again."""

    digest: str
    """Of everything that was there."""
    since: str | None
    """The version that it was compared with."""
    changes: Changes
    images: int
    settled: bool = False
    """Whether nothing more can be made of it: it has been trained on, or cannot be."""

    def as_json(self) -> dict[str, Any]:
        """The form in which it is kept."""
        told = {"digest": self.digest, "since": self.since, "images": self.images}
        return {**told, **asdict(self.changes), "settled": self.settled}

    @staticmethod
    def settled_facts(digest: str) -> dict[str, Any]:
        """What of the look that is kept changes when nothing more can be made of it."""
        return {"digest": digest, "settled": True}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Look":
        """The look that ``as_json`` told; earlier releases wrote ``settled`` where it was."""
        return cls(
            stored["digest"],
            stored.get("since"),
            Changes(**{each.name: stored[each.name] for each in fields(Changes)}),
            stored["images"],
            stored.get("settled", False),
        )
