"""Which images of a training dataset become its test dataset.

Asked by DistributeDatasetEntries, and by a training that is to make its own test dataset. The guide
says 20 %, and no more: here it is so of each label, as near as whole images go, and the same
images are taken each time.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable

from local.rekognition.manifest import Entry, label_counts

TEST_SHARE = 0.2


class TooFewImagesError(Exception):
    """There is a label of which only one image is there."""


def distribute(entries: Iterable[Entry]) -> tuple[list[Entry], list[Entry]]:
    """The images that stay and those that test, both in their order. Raises TooFewImagesError."""
    ordered = list(entries)
    counts = label_counts(ordered)
    if any(count < 2 for count in counts.values()):
        raise TooFewImagesError
    wanted = {label: max(1, round(TEST_SHARE * count)) for label, count in counts.items()}
    testing: set[str] = set()
    tested: Counter[str] = Counter()

    def take(entry: Entry) -> None:
        testing.add(entry.source_ref)
        tested.update(entry.all_labels)

    shuffled = sorted(ordered, key=lambda entry: hashlib.sha256(entry.source_ref.encode()).digest())
    # The rarest label first: its images may be all that there is to choose from.
    for label in sorted(counts, key=lambda name: counts[name]):
        for entry in shuffled:
            if tested[label] >= wanted[label]:
                break
            spared = all(counts[name] - tested[name] > 1 for name in entry.all_labels)
            if label in entry.all_labels and entry.source_ref not in testing and spared:
                take(entry)
    unlabelled = [entry for entry in shuffled if not entry.is_labelled]
    for entry in unlabelled[: round(TEST_SHARE * len(unlabelled))]:
        take(entry)
    return (
        [entry for entry in ordered if entry.source_ref not in testing],
        [entry for entry in ordered if entry.source_ref in testing],
    )
