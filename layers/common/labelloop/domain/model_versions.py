"""What is known of each version, from its manifests to its verdict."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from labelloop.domain.estimates import Estimate


@dataclass(frozen=True)
class Entries:
    """What the service took of the manifest of one dataset."""

    sent: int
    stored: int
    errors: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The form in records and reports."""
        return {**asdict(self), "errors": list(self.errors)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Entries":
        """What ``as_json`` told."""
        return cls(stored["sent"], stored["stored"], tuple(stored.get("errors", ())))


@dataclass(frozen=True, kw_only=True)
class VersionRecord:
    """What is known of a version. What is not known yet, or does not apply, is None or empty.

    Times are UTC in ISO 8601.
    """

    name: str
    number: int = 0
    data: str = ""
    """The hash of its images and their labels."""
    attempt: int | None = None
    """The how manieth it is with these images; None of one from before that was counted."""
    created: str | None = None
    arn: str | None = None
    entries_train: Entries | None = None
    entries_test: Entries | None = None
    trained: str | None = None
    """When its training was known to have succeeded."""
    ended: str | None = None
    """When it came to a verdict, or to its end without one."""
    f1: float | None = None
    precision: float | None = None
    recall: float | None = None
    train_images: int | None = None
    test_images: int | None = None
    figures: Mapping[str, Estimate] = field(default_factory=dict)
    """Of the test set, of what comes in, of what it accepts, and each metric; with intervals."""
    promote: bool | None = None
    """Whether it may serve; None before it is judged."""
    reasons: tuple[str, ...] = ()
    uncompared: str | None = None
    """Why it could not be compared with the version that serves."""
    failure: str | None = None
    evaluation_failures: int = 0
    drift_told: str | None = None
    """When it was known to have become worse."""
    deleted: str | None = None
    unknown: Mapping[str, Any] = field(default_factory=dict)
    """What a later release has written."""

    @property
    def is_judged(self) -> bool:
        """Whether there is a verdict on it, and a report."""
        return self.promote is not None

    @property
    def is_over(self) -> bool:
        """Whether nothing goes on with it: one that could not be compared is gone on with."""
        return self.ended is not None and not self.uncompared

    @property
    def dropped(self) -> int:
        """How many images the service did not take into its datasets, without a word."""
        datasets = filter(None, (self.entries_train, self.entries_test))
        return sum(entries.sent - entries.stored for entries in datasets)

    def as_json(self) -> dict[str, Any]:
        """The form in which it is kept and shown, without what is not known.

        A verdict is told whole: what one before it had of reasons, or of why there was none, goes.
        """
        values = {name: getattr(self, name) for name in _KEPT}
        verdict = {"reasons", "uncompared"} if self.is_judged else set()
        told = {
            name: _told(value)
            for name, value in values.items()
            if name in verdict or value != getattr(_NOTHING_KNOWN, name)
        }
        return {**told, **self.unknown}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "VersionRecord":
        """The record that ``as_json`` told."""
        known: dict[str, Any] = {}
        unknown = {}
        for name, value in stored.items():
            if name not in _KEPT:
                unknown[name] = value
            elif value is not None:
                known[name] = _READ[name](value) if name in _READ else value
        return cls(**known, unknown=unknown)


def _told(value: Any) -> Any:
    if isinstance(value, Entries):
        return value.as_json()
    if isinstance(value, Mapping):
        return {name: one.as_json() for name, one in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _figures(stored: Mapping[str, Mapping[str, float]]) -> dict[str, Estimate]:
    return {name: Estimate.from_json(one) for name, one in stored.items()}


_NOTHING_KNOWN = VersionRecord(name="")
_KEPT = [each.name for each in fields(VersionRecord) if each.name != "unknown"]
_READ: Mapping[str, Callable[[Any], Any]] = {
    "entries_train": Entries.from_json,
    "entries_test": Entries.from_json,
    "figures": _figures,
    "reasons": tuple,
    **dict.fromkeys(("f1", "precision", "recall"), float),
}


def last_trained(known: Sequence[VersionRecord]) -> str | None:
    """The newest of the versions whose training succeeded."""
    return next((version.name for version in reversed(known) if version.trained), None)
