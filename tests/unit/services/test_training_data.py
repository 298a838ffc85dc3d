"""labelloop.services.training_data: what trainings read and write in the bucket."""

import json

import pytest

from labelloop.aws import objects
from labelloop.domain import inspections, splits
from labelloop.domain.annotations import Annotation
from labelloop.domain.imports import IMPORTED_IMAGES, IMPORTED_MANIFESTS
from labelloop.domain.inspections import Inspected, ToInspect
from labelloop.domain.inventory import LeftOut
from labelloop.domain.manifests import LABELLED_FOLDER, SplitImage
from labelloop.domain.splits import Ledger, Split
from labelloop.errors import InconsistentError, NotFoundError
from labelloop.services import training_data
from tests.unit.account import Account

CAT = f"{LABELLED_FOLDER}cat/1.jpg"
COPY = f"{IMPORTED_IMAGES}archive/1.jpg"


def _line(bucket: str, key: str, label: str, created: str) -> bytes:
    """A line of a classification manifest."""
    metadata = {
        "class-name": label,
        "confidence": 1,
        "type": "groundtruth/image-classification",
        "human-annotated": "yes",
        "creation-date": created,
        "job-name": "labels",
    }
    return json.dumps(
        {"source-ref": f"s3://{bucket}/{key}", "label": 1, "label-metadata": metadata}
    ).encode()


def test_images_are_the_files_in_folders(account: Account) -> None:
    for key in (CAT, COPY, f"{LABELLED_FOLDER}beside.jpg", f"{LABELLED_FOLDER}dog/", "other/1.jpg"):
        account.put(key, b"x")
    assert [entry.key for entry in training_data.images()] == [CAT, COPY]


def test_the_newest_line_about_an_image_counts_wherever_it_names_it(account: Account) -> None:
    lines = {
        "1.manifest": _line("archive", "1.jpg", "cat", "2026-11-21T09:00:00"),
        "2.manifest": _line(account.bucket, COPY, "dog", "2026-11-21T10:00:00"),
        "3.manifest": _line("archive", "1.jpg", "cow", "2026-11-21T08:00:00"),
        "4.jsonl": b"not JSON\n\n",
        "5.manifest": b"\n" * 1_100_000 + _line(account.bucket, CAT, "cat", "2026-11-21T09:00:00"),
        "folder/": b"",
        "README.txt": b"These are ours.",
    }
    for name, content in lines.items():
        account.put(IMPORTED_MANIFESTS + name, content)
    files = training_data.imported_manifests()
    assert len(files) == 5
    account.put("gone", b"")
    by_key, collection = training_data.imported_lines([*files, *objects.listing("gone")])
    assert {key: line.annotation.labels for key, line in by_key.items()} == {
        COPY: ("dog",),
        CAT: ("cat",),
    }
    assert (collection.line_count, collection.bad.count) == (4, 0)
    assert collection.no_manifests == [f"{IMPORTED_MANIFESTS}4.jsonl"]


def test_a_manifest_that_disappears_is_passed_over(account: Account) -> None:
    account.put(f"{IMPORTED_MANIFESTS}1.manifest", b"not JSON")
    files = training_data.imported_manifests()
    objects.delete(f"{IMPORTED_MANIFESTS}1.manifest")
    by_key, collection = training_data.imported_lines(files)
    assert (by_key, collection.line_count) == ({}, 0)


def test_what_decides_about_a_training_changes_its_digest(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.put(CAT, b"x")
    account.put(f"{IMPORTED_MANIFESTS}1.manifest", b"x")

    def digest() -> str:
        return training_data.digest(training_data.images(), training_data.imported_manifests())

    seen = [digest()]
    assert digest() == seen[0]
    account.put(CAT, b"y")
    seen.append(digest())
    account.put(f"{IMPORTED_MANIFESTS}1.manifest", b"y")
    seen.append(digest())
    monkeypatch.setenv("IMPORT_BUCKETS", "archive")
    seen.append(digest())
    monkeypatch.setenv("MODEL_TYPE", "detection")
    seen.append(digest())
    assert len(set(seen)) == len(seen)


def test_what_was_inspected_is_remembered_while_the_object_is_the_same(account: Account) -> None:
    account.put(CAT, b"x")
    (listed,) = training_data.images()
    to_inspect = [ToInspect(CAT, listed.etag), ToInspect(COPY, "", "archive", "1.jpg")] * 1_300
    first, second = training_data.write_batches("run", to_inspect)
    assert training_data.read_batch(first) + training_data.read_batch(second) == to_inspect
    found = [
        Inspected(CAT, listed.etag, "content", (640, 480)),
        Inspected(COPY, "", refusal="There is no such object."),
    ]
    training_data.finish_batch(first, [found[0], Inspected("gone", "e", "content", (1, 1))])
    training_data.finish_batch(second, found[1:])
    with pytest.raises(NotFoundError):
        training_data.read_batch(first)
    known = training_data.inspected([listed])
    assert list(known.values()) == found
    training_data.compact_inspected(known.values(), learnt=False)
    assert len(list(objects.listing(inspections.INSPECTED_FOLDER))) == 1
    assert list(training_data.inspected([listed]).values()) == found[:1], (
        "what could not be copied is tried again"
    )
    account.put(CAT, b"another")
    assert training_data.inspected(training_data.images()) == {}


def test_a_version_tells_which_images_it_was_made_of(account: Account) -> None:
    images = [
        SplitImage(CAT, "e1", "c1", Split.TRAIN, Annotation.of_labels(["cat"]), "shown 1"),
        SplitImage(COPY, "e2", "c2", Split.TEST, Annotation.of_labels(["dog"]), "shown 2"),
    ]
    not_used = LeftOut("x.jpg", "e3", "shown 3", "It is empty.")
    training_data.write_version("v1", images, [not_used], "2026-11-21T09:15:27")
    assert list(training_data.index("v1")) == images
    assert list(training_data.left_out("v1")) == [not_used]
    assert dict(training_data.seen_by("v1")) == {
        CAT: ("e1", "shown 1"),
        COPY: ("e2", "shown 2"),
        "x.jpg": ("e3", "shown 3"),
    }
    trained = account.read("manifests/training/v1/train.manifest").decode().splitlines()
    tested = account.read("manifests/training/v1/test.manifest").decode().splitlines()
    assert [json.loads(line)["source-ref"] for line in trained] == [f"s3://{account.bucket}/{CAT}"]
    assert [json.loads(line)["source-ref"] for line in tested] == [f"s3://{account.bucket}/{COPY}"]


def test_before_the_first_version_nothing_was_seen_or_decided(account: Account) -> None:
    assert dict(training_data.seen_by(None)) == {}
    assert training_data.ledger() == Ledger()
    ledger = Ledger({"a": Split.TEST, "b": Split.TRAIN}, {"a": 0.2})
    training_data.write_ledger(ledger)
    assert training_data.ledger() == ledger
    with pytest.raises(NotFoundError):
        next(training_data.index("v1"))


def test_what_a_data_set_says_of_its_images_counts_where_nothing_is_decided(
    account: Account,
) -> None:
    training_data.write_ledger(Ledger({"a": Split.TRAIN}))
    for _ in range(2):
        training_data.give_splits("pets", dict.fromkeys("ab", Split.TEST))
    training_data.give_splits("more", {"c": Split.TEST, "d": Split.TRAIN})
    assert len(list(objects.listing(splits.GIVEN_FOLDER))) == 2
    test, train = Split.TEST, Split.TRAIN
    assert training_data.ledger().splits == {"a": train, "b": test, "c": test, "d": train}


def test_a_file_of_such_images_that_cannot_be_read_is_named(account: Account) -> None:
    account.put(f"{splits.GIVEN_FOLDER}pets.jsonl", b"{}\n")
    with pytest.raises(InconsistentError, match=r"manifests/splits_given/pets\.jsonl"):
        training_data.ledger()
