"""An object of the bucket as a listing shows it: what gateways give and rules take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Listed:
    """A listed object."""

    key: str
    etag: str
    """Without quotes."""
    size_bytes: int
    modified: str
    """When it was written, as ``clock.iso`` has it."""
