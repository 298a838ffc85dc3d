"""The images that a version was made of, and those that the next one would be made of."""

from collections.abc import Iterator

from labelloop.aws import model_versions
from labelloop.domain import data_reports, fitness, inventory, trainable
from labelloop.domain.inspections import Inspected
from labelloop.domain.listed import Listed
from labelloop.domain.manifests import SplitImage
from labelloop.domain.version_files import VersionFiles
from labelloop.errors import (
    NotFoundError,
    ObjectUnreadableError,
    PermissionMissingError,
    UntrainableError,
)
from labelloop.services import image_inspection, training_choice, training_data

from .. import terminal
from ..failures import CommandError
from ..parallel import bar, batches, in_parallel


def version_images(version: str) -> Iterator[SplitImage]:
    """What a version was made of, as it was written down then. Raises CommandError."""
    try:
        yield from training_data.index(version)
    except NotFoundError as error:
        names = ", ".join(one.name for one in model_versions.known()[:-6:-1]) or "none yet"
        raise CommandError(
            f"{VersionFiles(version).index} is not in the bucket, so nobody knows what {version} "
            f"was made of. The newest versions: {names}."
        ) from error


def images_now() -> list[SplitImage]:
    """What a training would have that began now. Raises CommandError where it would not begin.

    All of it is held, as a training holds it.
    """
    files = training_data.files()
    lines, collection = training_data.imported_lines(training_data.imported_manifests())
    if collection.too_many_bad:
        raise CommandError(
            f"{collection.bad.count} of the {collection.line_count} lines under manifests/imported/"
            " are bad, and a training would refuse them. Which ones: labelloop train"
        )
    listed = [file for file in files if inventory.is_image_object(file.key)]
    inspected = training_data.inspected(listed)
    inspected |= _inspect(
        [
            file
            for file in listed
            if file.key not in inspected or inspected[file.key].rules != fitness.RULES
        ]
    )
    inspected |= training_choice.origins(inspected.values())
    examined = training_choice.examine(files, lines, inspected)
    versions = [version.name for version in model_versions.known()]
    ledger = training_choice.decide(examined, training_data.ledger(versions))
    try:
        chosen = trainable.select(examined.candidates, ledger, training_data.model_type())
    except UntrainableError as error:
        raise CommandError(f"A training would not begin now. {error}") from error
    left_out = examined.left_out + chosen.left_out
    for sentence in data_reports.in_words(
        left_out, examined.passed_over, chosen.labels_left_out, collection
    ):
        terminal.say(sentence, err=True)
    return chosen.images


def _inspect(listed: list[Listed]) -> dict[str, Inspected]:
    """What images are that no training has read yet."""
    found = {}
    with bar(len(listed), "Looking at new images") as move_on:
        for batch in batches(listed):
            with in_parallel(_inspected, batch) as looks:
                for file, inspected in looks:
                    move_on(1)
                    if inspected is not None:
                        found[file.key] = inspected
    return found


def _inspected(file: Listed) -> Inspected | None:
    """What an image is; None where it was deleted meanwhile."""
    try:
        return image_inspection.read(file.key)
    except NotFoundError:
        return None
    except (PermissionMissingError, ObjectUnreadableError) as error:
        return Inspected(file.key, file.etag, refusal=f"It may not be read: {error}", rules=0)
