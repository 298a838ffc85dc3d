"""Which images a training has: chosen here for trainings, and for whoever asks what one would have.

Nothing is written: a training notes itself what it has decided.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from labelloop.aws import detections_by_id, parameters, review_day
from labelloop.domain import inspections, inventory, manifests, splits, trainable
from labelloop.domain.imported_lines import ImportedLine
from labelloop.domain.inspections import Inspected
from labelloop.domain.inventory import Examined
from labelloop.domain.listed import Listed
from labelloop.domain.origins import Origin, Provenance
from labelloop.domain.splits import Ledger
from labelloop.services import training_data


def origins(inspected: Iterable[Inspected]) -> dict[str, Inspected]:
    """What the log tells of images that human review has copied, and that tell nothing themselves:
    the copies of early versions of Label Loop, and what somebody downloaded and uploaded again.
    """
    untold: defaultdict[str, list[Inspected]] = defaultdict(list)
    for one in inspected:
        detection = manifests.detection_of_key(one.key)
        if one.provenance is None and detection is not None:
            untold[detection].append(one)
    all_asked = bool(untold) and not review_day.read().date
    found = {
        one.key: inspections.as_logged(one, record, all_asked=all_asked)
        for record in detections_by_id.how_they_came(sorted(untold))
        for one in untold.pop(record.detection_id)
    }
    for detection, forgotten in untold.items():
        unknown = Provenance(Origin.DOUBTFUL, detection)
        found |= {one.key: replace(one, provenance=unknown) for one in forgotten}
    return found


def examine(
    files: Collection[Listed],
    lines: Mapping[str, ImportedLine],
    inspected: Mapping[str, Inspected],
) -> Examined:
    """The images that can be used, of all that lies in the folders; and what is passed over."""
    listed = [file for file in files if inventory.is_image_object(file.key)]
    if not parameters.settings().train_none_of_the_above:
        listed = inventory.without_nones(listed)
    examined = inventory.examine(listed, lines, inspected, training_data.model_type())
    examined.passed_over = training_data.passed_over(files)
    return examined


def decide(examined: Examined, ledger: Ledger) -> Ledger:
    """The ledger with what is decided about the images that are new; the same where none is."""
    percentage = training_data.test_percentage()
    sampled = trainable.sampled_contents(examined.candidates)
    share = percentage / 100 if parameters.settings().train_on_sampled_answers else 1.0
    fresh = splits.assign(
        ((one.annotation.labels, one.content) for one in examined.candidates),
        ledger.splits,
        percentage,
        sampled,
        share,
    )
    return ledger.adding(fresh, sampled, share) if fresh else ledger
