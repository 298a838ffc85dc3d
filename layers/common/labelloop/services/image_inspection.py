"""What an image of the bucket is, by reading it once, whole: for a training, and for an export of
what one would choose.
"""

from collections.abc import Mapping
from itertools import chain

from labelloop.aws import objects
from labelloop.domain import fitness, origins, splits
from labelloop.domain.inspections import Inspected
from labelloop.errors import ServiceFailedError

TRIES = 3
TURNED, CONTENT = "turned", "content"
"""Beside a copy that says nothing of turning any more: how its image is shown, and what the content
was known as before. It is the same picture, whose split stays."""


def read(key: str) -> Inspected:
    """What an object is. Raises NotFoundError."""
    for attempt in range(1, TRIES + 1):
        try:
            with objects.opened(key) as found:
                first = next(found.pieces)
                looked = fitness.look(chain((first,), found.pieces), found.size_bytes)
                return Inspected(
                    key,
                    found.etag,
                    found.metadata.get(CONTENT) or splits.content_id(first, found.size_bytes),
                    looked.size_px,
                    looked.refusal,
                    origins.from_metadata(found.metadata, objects.bucket()),
                    _way(found.metadata) or looked.orientation,
                )
        except ServiceFailedError:
            # The SDK repeats calls, not what is read of an answer; and a batch is long.
            if attempt == TRIES:
                raise
    raise AssertionError("unreachable")


def _way(metadata: Mapping[str, str]) -> int:
    """How an image is shown whose copy says nothing of it any more; 0 for any other."""
    told = metadata.get(TURNED, "")
    return int(told) if told in {"2", "3", "4", "5", "6", "7", "8"} else 0
