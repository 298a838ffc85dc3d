"""Where some images lie, and all that names them."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import groupby
from operator import attrgetter
from typing import Any

from labelloop.aws import object_versions, objects, rekognition_datasets, whole_tables
from labelloop.aws.items import from_item
from labelloop.aws.object_versions import ObjectVersion
from labelloop.domain import archive, inspections, splits
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.detections import DETECTION_ID, detection_id
from labelloop.domain.forgetting import Images, Person, ids_in, is_no_image, left_of_item
from labelloop.domain.forgetting_work import Work
from labelloop.domain.images import NO_VERSION, ImageObject
from labelloop.domain.imports import IMPORTED_IMAGES, imported_key
from labelloop.domain.manifests import LABELLED_FOLDER, detection_of_key
from labelloop.domain.version_files import TRAINING_FOLDER, VersionFiles
from labelloop.errors import InvalidRequestError, NotFoundError
from labelloop.services.forgetting import texts
from labelloop.settings import Variable

Say = Callable[[str], None]
_CONTENT_ID = re.compile(r"[0-9a-f]{64}-\d+")
_TRAIN = (LABELLED_FOLDER, IMPORTED_IMAGES)
_ADDRESS = re.compile(r"s3://([^/]+)/(.+)", re.DOTALL)


def content_of(body: bytes) -> str:
    """By what content an image is known."""
    return splits.content_id(body, len(body))


@dataclass
class _Search:
    """What is known of the images so far."""

    bucket: str
    given: set[str] = field(default_factory=set)
    """The detections that were named: of one whose record has expired, nothing else is known."""
    keys: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)
    detections: set[str] = field(default_factory=set)
    contents: set[str] = field(default_factory=set)
    shared: set[str] = field(default_factory=set)
    """Contents that are those of other images, too, which are to stay."""
    whole: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """By content, the digests of all of it, where they are known."""

    @property
    def known(self) -> int:
        """How much is known."""
        return sum(map(len, (self.keys, self.detections, self.contents)))

    def is_at(self, key: str) -> bool:
        """Whether one lies at a key, by its name."""
        return key in self.keys or any(name in self.detections for name in ids_in(key))

    def was_given(self, version: ObjectVersion) -> bool:
        """Whether the id of a version's detection was named."""
        return bool(self.given) and any(name in self.given for name in _detections(version))

    def content_of(self, version: ObjectVersion) -> str:
        """By what content a version is known, where that is one of these; else nothing."""
        content, digest = _looked_at(version)
        known = self.whole.get(content)
        return content if content in self.contents and (not known or digest in known) else ""

    def sizes(self) -> set[int]:
        """How large they are."""
        return {int(content.rpartition("-")[2]) for content in self.contents}

    def images(self) -> Images:
        """What names them."""
        return Images(
            self.bucket,
            frozenset(self.keys),
            frozenset(self.addresses),
            frozenset(self.detections),
            frozenset(self.contents - self.shared),
        )


def find(
    work: Work, given: Iterable[str], *, only_these: bool = False, say: Say = lambda _: None
) -> Work:
    """The work of forgetting the images that are named so: by key, address (``s3://…``), the id of
    a detection or of a content.

    All versions of their objects go. So do copies that were made of them, and, unless
    ``only_these``, images of the same content under other names.
    """
    search = _Search(objects.bucket())
    _take(search, given)
    if not only_these:
        # People move what human review has copied, and leave it its name.
        search.detections.update(filter(None, map(detection_of_key, search.keys)))
    images: list[str] = []
    versions: list[tuple[str, str]] = []
    records: dict[str, str] = {}
    known = -1
    # Each place may tell of names under which there is more to find.
    while known < search.known:
        known = search.known
        say("looking through the log")
        records = _note_records(search, only_these=only_these)
        for key in sorted(search.keys):
            _note_contents(search, key)
        _note_turned(search, only_these=only_these)
        say("looking through the bucket")
        images, versions = _lying(search, only_these=only_these)
    what = search.images()
    files, in_texts = texts.naming(what, say)
    say("looking through the tables")
    return replace(
        work,
        what=what,
        images=images,
        versions=versions,
        files=files,
        texts=in_texts,
        tasks=_tasks(what),
        records=sorted(records),
        days=sorted(set(filter(None, records.values()))),
        items=list(items_naming(what)),
        datasets=_datasets(what),
        trained=sorted({*_trained(in_texts)}),
    )


def _take(search: _Search, given: Iterable[str]) -> None:
    own = f"s3://{search.bucket}/"
    for name in (one.removeprefix(own) for one in given):
        address = _ADDRESS.fullmatch(name)
        if address:
            search.addresses.add(name)
            search.keys.add(imported_key(search.bucket, address[1], address[2]))
        elif re.fullmatch(DETECTION_ID, name):
            search.given.add(name)
            search.detections.add(name)
        elif _CONTENT_ID.fullmatch(name):
            search.contents.add(name)
        elif name and not is_no_image(name) and not name.endswith("/"):
            search.keys.add(name)
        else:
            raise InvalidRequestError(
                f"{name!r} is no image: give its key, s3://BUCKET/KEY, the id of its detection, or "
                "of its content."
            )
    for key in list(search.keys):
        search.keys.add(imported_key(search.bucket, search.bucket, key))


def _note_records(search: _Search, *, only_these: bool) -> dict[str, str]:
    """The records of these images in the log, with their days; what they tell of the images is
    noted.
    """
    found = {}
    fields = ("detection_id", "date", "bucket", "key", "copy_keys", "copied_key")
    for item in whole_tables.items(Variable.DETECTIONS_TABLE, fields):
        record = DetectionRecord.from_json(from_item(item))
        is_named = record.key in search.keys and record.bucket == search.bucket
        copies = record.copy_keys | ({record.copied_key} if record.copied_key else set())
        # What was detected is the picture of its copies, though it be gone itself.
        is_copied = not only_these and not search.keys.isdisjoint(copies)
        if is_named or is_copied or record.detection_id in search.detections:
            found[record.detection_id] = archive.day_of(record)
            search.detections.add(record.detection_id)
            # What human review has made of it is a copy, whatever became of the name.
            search.keys.update(copies)
            # Of a key that is not named itself, one version may be it alone.
            if record.detection_id in search.given:
                search.keys.add(record.key)
    return found


def _note_contents(search: _Search, key: str) -> None:
    for version in object_versions.of(key):
        if not version.is_marker:
            search.detections.update(_detections(version))
            content, digest = _looked_at(version)
            if content:
                search.contents.add(content)
                search.whole[content].add(digest)


def _detections(version: ObjectVersion) -> Iterator[str]:
    """What the log may call it: an event tells of no version where the bucket kept none."""
    named = {version.version_id, None} if version.version_id == NO_VERSION else {version.version_id}
    for version_id in named:
        yield detection_id(
            ImageObject(objects.bucket(), version.key, version_id, version.etag, version.size_bytes)
        )


def _looked_at(version: ObjectVersion) -> tuple[str, str]:
    """By what content it is known, and the digest of all of it; nothing where it is gone."""
    digest, first = sha256(), b""
    try:
        with objects.opened(version.key, version.version_id) as found:
            for piece in found.pieces:
                first = first or piece
                digest.update(piece)
    except NotFoundError:
        return "", ""
    return splits.content_id(first, version.size_bytes), digest.hexdigest()


def _note_turned(search: _Search, *, only_these: bool) -> None:
    """Note copies that say nothing of turning: their content is known as that of their source."""
    for version in object_versions.under(inspections.INSPECTED_FOLDER):
        if version.is_latest and not version.is_marker:
            for one in inspections.read_inspected(object_versions.lines(version)):
                if one.content in search.contents and not search.is_at(one.key):
                    if only_these:
                        search.shared.add(one.content)
                    else:
                        search.keys.add(one.key)


def _lying(search: _Search, *, only_these: bool) -> tuple[list[str], list[tuple[str, str]]]:
    """The keys at which one lies, and versions of keys where others lie, too."""
    images, versions = [], []
    sizes = search.sizes()
    for key, group in groupby(object_versions.under(""), key=attrgetter("key")):
        if is_no_image(key):
            continue
        found = [version for version in group if not version.is_marker]
        is_one = search.is_at(key) or any(map(search.was_given, found))
        same = [one for one in found if one.size_bytes in sizes and not is_one]
        contents = {one: search.content_of(one) for one in same}
        same = [one for one in same if contents[one]]
        if only_these:
            search.shared.update(contents[one] for one in same)
            same = []
        if is_one or (same and len(same) == len(found)):
            search.keys.add(key)
            images.append(key)
            same = found
        else:
            versions += [(key, version.version_id) for version in same]
        for version in same:
            search.detections.update(_detections(version))
    return images, versions


def _tasks(what: Images) -> list[str]:
    items = whole_tables.items(Variable.REVIEW_TASKS_TABLE, ("task_id", "detection_id"))
    tasks = map(from_item, items)
    return [one["task_id"] for one in tasks if one.get("detection_id") in what.detections]


def items_naming(what: Images | Person) -> Iterator[dict[str, Any]]:
    """The keys of items of the table of model versions that name what is to be forgotten."""
    for item in whole_tables.items(Variable.MODEL_VERSIONS_TABLE):
        if left_of_item(what, item) != item:
            yield whole_tables.key_of(Variable.MODEL_VERSIONS_TABLE, item)


def _datasets(what: Images) -> list[str]:
    trains = (key for key in sorted(what.keys) if key.startswith(_TRAIN))
    sources = [f"s3://{what.bucket}/{key}" for key in trains]
    try:
        found = rekognition_datasets.datasets().values() if sources else ()
        return [
            dataset.arn for dataset in found if rekognition_datasets.has_entry(dataset.arn, sources)
        ]
    except NotFoundError:
        return []  # Somebody deleted the project, and its datasets with it.


def _trained(keys: Iterable[str]) -> Iterator[str]:
    """The versions that these files say trained or were tested with it."""
    for key in keys:
        version = key.removeprefix(TRAINING_FOLDER).partition("/")[0]
        files = VersionFiles(version)
        if key in {files.index, files.train_manifest, files.test_manifest}:
            yield version
