"""What the version that serves is asked about, where it is to be compared."""

from collections import defaultdict
from collections.abc import Sequence

from labelloop.domain.comparing import group
from labelloop.domain.comparison import Case, Party

MOST_ASKED = 300
"""So many images does the champion see for a comparison, at most: a minute or two of its time."""


def to_ask(
    cases: Sequence[Case], champion: Party, champion_version: str, most: int = MOST_ASKED
) -> list[str]:
    """The contents about which the champion should be asked, the most useful first.

    Of those that it has not answered, and of which it knows a label, spread over the labels and
    over how they came: in turn one of each, by their hashes. The same ones for any order of the
    images.
    """
    waiting: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    labels = champion.thresholds
    for case in sorted(cases, key=lambda case: case.content, reverse=True):
        is_compared = not labels or not case.truth.labels or bool(case.truth.only(labels).labels)
        if is_compared and case.content not in champion.answers:
            label = case.truth.labels[0] if case.truth.labels else ""
            waiting[label, group(case.provenance, champion_version)].append(case.content)
    chosen: list[str] = []
    while waiting and len(chosen) < most:
        for kind in sorted(waiting):
            chosen.append(waiting[kind].pop())
            if not waiting[kind]:
                del waiting[kind]
    return chosen[:most]
