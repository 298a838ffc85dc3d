"""What trainings read and write in the bucket: images, imported lines, indexes and the ledger."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain, islice

from labelloop.aws import objects
from labelloop.aws.line_files import write_lines
from labelloop.aws.wiring import wiring
from labelloop.domain import inspections, inventory, manifests, splits
from labelloop.domain.annotations import ModelType
from labelloop.domain.imported_lines import ImportedLine
from labelloop.domain.imports import IMPORTED_IMAGES, IMPORTED_MANIFESTS, Collection, imported_key
from labelloop.domain.inspections import Inspected, ToInspect
from labelloop.domain.inventory import LeftOut
from labelloop.domain.listed import Listed
from labelloop.domain.manifests import LABELLED_FOLDER, Seen, SplitImage
from labelloop.domain.splits import Ledger, Split
from labelloop.domain.version_files import VersionFiles
from labelloop.errors import NotFoundError
from labelloop.settings import Variable

log = logging.getLogger(__name__)

_PARALLEL_READS = 32
_SMALL_BYTES = 1024 * 1024
_ALL_INSPECTED = f"{inspections.INSPECTED_FOLDER}all.jsonl"


def test_percentage() -> int:
    """How much of each label's images tests, in percent."""
    return wiring.whole_number(Variable.TEST_SET_PERCENTAGE)


def model_type() -> ModelType:
    """What the model does."""
    return ModelType(wiring[Variable.MODEL_TYPE])


def import_buckets() -> tuple[str, ...]:
    """The other buckets whose images imported manifests may name."""
    return wiring.names(Variable.IMPORT_BUCKETS)


# --- What there is --------------------------------------------------------------------------------


def images() -> list[Listed]:
    """Every file in the folders that images are trained from."""
    return [entry for entry in files() if inventory.is_image_object(entry.key)]


def files() -> list[Listed]:
    """All that lies in these folders, what is passed over too."""
    folders = (LABELLED_FOLDER, IMPORTED_IMAGES)
    return [entry for folder in folders for entry in objects.listing_by_folder(folder)]


def passed_over(found: Iterable[Listed]) -> list[LeftOut]:
    """What of these files is passed over, or lies beside them where nothing looks, and why.

    Of what lies beside, the first thousand.
    """
    at_the_root, folders = objects.directly_in("")
    beside, _ = objects.directly_in(LABELLED_FOLDER)
    everything = chain(at_the_root, beside, found, objects.listing(IMPORTED_MANIFESTS))
    reasons = ((entry, inventory.passed_over(entry.key)) for entry in everything)
    passed = [
        LeftOut(entry.key, entry.etag, "", reason)
        for entry, reason in reasons
        if reason and not entry.key.endswith("/")
    ]
    misspelt = ((folder, inventory.misspelt(folder)) for folder in folders)
    return passed + [LeftOut(folder, "", "", reason) for folder, reason in misspelt if reason]


def imported_manifests() -> list[Listed]:
    """The manifests that were put into the folder for it; files of other kinds are none."""
    listed = objects.listing(IMPORTED_MANIFESTS)
    return [entry for entry in listed if not inventory.passed_over(entry.key)]


def digest(listed: Iterable[Listed], files: Iterable[Listed], *settings: str) -> str:
    """The identity of everything that decides which images a training would have.

    ``settings`` are those of the operator that do.
    """
    names = (f"{file.key}\t{file.etag}" for file in files)
    return inventory.digest(listed, (model_type(), *import_buckets(), *settings, *names))


def imported_lines(files: Iterable[Listed]) -> tuple[dict[str, ImportedLine], Collection]:
    """The newest line about each image, by the key where its image is or should be; and all of it.

    Manifests that disappear meanwhile are passed over.
    """
    collection = Collection(model_type())
    small = [file for file in files if file.size_bytes <= _SMALL_BYTES]
    # Answers come one to a file: many small ones are read at a time, large ones line by line.
    with ThreadPoolExecutor(_PARALLEL_READS) as threads:
        rest = iter(small)
        while group := list(islice(rest, 2 * _PARALLEL_READS)):
            for file, content in zip(group, threads.map(_lines_or_none, group), strict=True):
                collection.add(file.key, file.modified, content)
    for file in files:
        if file.size_bytes > _SMALL_BYTES:
            collection.add(file.key, file.modified, _lines_if_there(file))
    by_key: dict[str, ImportedLine] = {}
    own = objects.bucket()
    for line in collection.images.values():
        key = imported_key(own, line.bucket, line.key)
        # An image may be named both where it came from and where it was copied to.
        if key not in by_key or by_key[key].created <= line.created:
            by_key[key] = line
    return by_key, collection


def _lines_or_none(file: Listed) -> list[bytes]:
    return list(_lines_if_there(file))


def _lines_if_there(file: Listed) -> Iterator[bytes]:
    try:
        yield from objects.lines(file.key)
    except NotFoundError:
        return


# --- What reading the images told -----------------------------------------------------------------


def inspected(listed: Iterable[Listed]) -> dict[str, Inspected]:
    """What is remembered of the listed objects by key, and of images that could not be copied.

    Of several readings the one of the object as it is listed counts, by the latest rules.
    """
    etags = {entry.key: entry.etag for entry in listed}
    known: dict[str, Inspected] = {}
    for file in objects.listing(inspections.INSPECTED_FOLDER):
        for one in inspections.read_inspected(_lines_if_there(file)):
            before = known.get(one.key)
            if etags.get(one.key, "") == one.etag and (not before or before.rules <= one.rules):
                known[one.key] = one
    return known


def write_batches(run: str, to_inspect: Sequence[ToInspect]) -> list[str]:
    """Put the images that are to be inspected into batches; their keys."""
    keys: list[str] = []
    for start in range(0, len(to_inspect), inspections.BATCH_IMAGES):
        key = f"{inspections.INSPECTION_FOLDER}{run}/{len(keys):04d}.jsonl"
        batch = to_inspect[start : start + inspections.BATCH_IMAGES]
        write_lines(key, (one.as_line() for one in batch))
        keys.append(key)
    return keys


def read_batch(key: str) -> list[ToInspect]:
    """The images of a batch. Raises NotFoundError when it was inspected before."""
    return inspections.read_batch(objects.lines(key))


def finish_batch(key: str, found: Iterable[Inspected]) -> None:
    """Remember what the images of a batch are, then remove the batch."""
    name = key.removeprefix(inspections.INSPECTION_FOLDER).replace("/", "-")
    write_lines(inspections.INSPECTED_FOLDER + name, (one.as_line() for one in found))
    objects.delete(key)


def compact_inspected(known: Iterable[Inspected], *, learnt: bool) -> None:
    """Put what is remembered into one file, and remove the others.

    ``learnt`` says that more is known by now than the files say.
    """
    files = [file.key for file in objects.listing(inspections.INSPECTED_FOLDER)]
    others = [key for key in files if key != _ALL_INSPECTED]
    if others or learnt:
        # What could not be copied is tried again, so it is not remembered for longer.
        write_lines(_ALL_INSPECTED, (one.as_line() for one in known if one.etag))
        for key in others:
            objects.delete(key)


# --- What versions were made of -------------------------------------------------------------------


def index(version: str) -> Iterator[SplitImage]:
    """The images of a version. Raises NotFoundError."""
    return manifests.read_index(objects.lines(VersionFiles(version).index))


def left_out(version: str) -> Iterator[LeftOut]:
    """The images that a version left out."""
    try:
        yield from inventory.read_left_out(objects.lines(VersionFiles(version).left_out))
    except NotFoundError:
        return


def seen_by(version: str | None) -> Iterator[tuple[str, Seen]]:
    """What every image was when the version was made, used or not, by key; nothing for None.

    Nor where its index was deleted: then all images count as new, and a training is begun that
    finds out whether they are.
    """
    if version is None:
        return
    try:
        for image in index(version):
            yield image.key, (image.etag, image.shown)
    except NotFoundError:
        log.warning("index missing", extra={"version": version})
        return
    for one in left_out(version):
        yield one.key, (one.etag, one.shown)


def has_files(version: str) -> bool:
    """Whether all that a training of the version reads is there."""
    files = VersionFiles(version)
    return all(map(objects.is_there, (files.train_manifest, files.test_manifest, files.index)))


def write_version(
    version: str, split_images: Sequence[SplitImage], not_used: Iterable[LeftOut], created: str
) -> None:
    """Put a version's index and manifests into the bucket."""
    files = VersionFiles(version)
    bucket = objects.bucket()
    for key, split in ((files.train_manifest, Split.TRAIN), (files.test_manifest, Split.TEST)):
        write_lines(key, manifests.manifest_lines(bucket, split_images, split, created))
    write_lines(files.left_out, (one.as_line() for one in not_used))
    write_lines(files.index, manifests.index_lines(split_images))


# --- The ledger of splits -------------------------------------------------------------------------


def ledger(versions: Iterable[str] = ()) -> Ledger:
    """Which content trains and which tests; empty before the first training.

    What data sets came with counts where nothing was decided before. ``versions`` are all there
    are, the oldest first: where somebody deleted the ledger, their indexes have what it decided
    about the images that they were made of.
    """
    given: dict[str, Split] = {}
    for file in objects.listing(splits.GIVEN_FOLDER):
        given |= splits.read_ledger(_lines_if_there(file), file.key).splits
    try:
        decided = splits.read_ledger(objects.lines(splits.LEDGER_KEY))
    except NotFoundError:
        decided = _remade(versions)
    return Ledger({**given, **decided.splits}, decided.shares)


def give_splits(name: str, given: Mapping[str, Split]) -> None:
    """Let these contents of a data set of this name test or train, where nothing is decided yet.

    A file of its own: the ledger is the training lock's holder's alone.
    """
    write_lines(splits.given_key(name, given), splits.ledger_lines(Ledger(given)))


def _remade(versions: Iterable[str]) -> Ledger:
    decided: dict[str, Split] = {}
    for version in versions:
        with suppress(NotFoundError):
            decided |= {image.content: image.split for image in index(version)}
    if decided:
        log.warning("ledger of splits made anew", extra={"contents": len(decided)})
    return Ledger(decided)


def write_ledger(decided: Ledger) -> None:
    """Write the ledger anew. Only the holder of the training lock does so."""
    write_lines(splits.LEDGER_KEY, splits.ledger_lines(decided))
