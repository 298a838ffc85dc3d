"""ListImagesToInspect: what nobody has looked at yet, in batches."""

import json

import pytest

from functions.list_images_to_inspect.app import lambda_handler
from labelloop.domain import fitness, inspections
from labelloop.domain.imports import IMPORTED_MANIFESTS
from labelloop.domain.inspections import ToInspect
from labelloop.errors import UntrainableError
from labelloop.services import training_data
from tests.unit.account import Account, Context, Json, event
from tests.unit.functions.preparation import inspect, png, upload

FOLDER = "images_labeled_by_folder/"


def _list() -> Json:
    return lambda_handler(event("list_images_to_inspect.schedule"), Context())


def _listed() -> list[ToInspect]:
    return [one for batch in _list()["batches"] for one in training_data.read_batch(batch)]


def _line(source: str, label: str = "cat") -> str:
    metadata = {
        "class-name": label,
        "confidence": 1,
        "human-annotated": "yes",
        "creation-date": "2026-11-20T08:00:00",
        "type": "groundtruth/image-classification",
    }
    return json.dumps({"source-ref": source, "l": 0, "l-metadata": metadata})


def test_every_image_is_listed_until_it_is_inspected(account: Account) -> None:
    upload(account, "cat", range(3))
    assert [one.key for one in _listed()] == [f"{FOLDER}cat/{n}.png" for n in range(3)]
    inspect()
    assert _list() == {"batches": [], "images": 0}
    account.put(f"{FOLDER}cat/0.png", png("replaced"))
    account.put(f"{FOLDER}cat/", b"")
    account.put(f"{FOLDER}beside.png", png("beside"))
    assert [one.key for one in _listed()] == [f"{FOLDER}cat/0.png"]


def test_what_was_inspected_by_other_rules_is_inspected_again(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(account, "cat", range(2))
    (first, second) = training_data.images()
    # As it was written before there were rules.
    told = {"key": first.key, "etag": first.etag, "content": "c", "size_px": [9, 9], "refusal": ""}
    account.put(f"{inspections.INSPECTED_FOLDER}zzz.jsonl", json.dumps(told).encode())
    inspect()
    known = training_data.inspected([first, second])
    assert known[first.key].size_px == (320, 240)
    assert _list() == {"batches": [], "images": 0}
    monkeypatch.setattr(fitness, "RULES", fitness.RULES + 1)
    assert [one.key for one in _listed()] == [first.key, second.key]


def test_many_images_make_several_batches_with_the_same_names_each_time(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspections, "BATCH_IMAGES", 4)
    upload(account, "cat", range(10))
    first = _list()
    assert (len(first["batches"]), first["images"]) == (3, 10)
    assert _list() == first
    assert account.keys(inspections.INSPECTION_FOLDER) == first["batches"]


def test_images_of_manifests_are_to_be_copied_from_where_that_is_allowed(account: Account) -> None:
    sources = [
        "s3://camera-archive/a.png",
        "s3://somebody-elses/b.png",
        f"s3://{account.bucket}/images_for_detection/c.png",
        f"s3://{account.bucket}/{FOLDER}dog/1.png",
        f"s3://{account.bucket}/{FOLDER}dog/deleted.png",
    ]
    upload(account, "dog", range(1, 2))
    manifest = "\n".join(_line(source) for source in sources)
    account.put(f"{IMPORTED_MANIFESTS}archive.manifest", manifest.encode())
    assert {(one.key, one.source_bucket, one.source_key) for one in _listed()} == {
        (f"{FOLDER}dog/1.png", "", ""),
        ("images_imported/camera-archive/a.png", "camera-archive", "a.png"),
        (
            f"images_imported/{account.bucket}/images_for_detection/c.png",
            account.bucket,
            "images_for_detection/c.png",
        ),
    }


def test_too_many_bad_lines_end_it_with_their_places_and_reasons(account: Account) -> None:
    lines = [_line(f"s3://camera-archive/{n}.png") for n in range(7)]
    account.put(f"{IMPORTED_MANIFESTS}good.jsonl", "\n".join(lines).encode())
    account.put(f"{IMPORTED_MANIFESTS}bad.jsonl", b'{ not JSON\n\n{"source-ref": "x"}\n')
    with pytest.raises(UntrainableError) as error:
        _list()
    assert "2 of the 9 lines" in str(error.value)
    assert f"{IMPORTED_MANIFESTS}bad.jsonl, line 1: It is not JSON." in str(error.value)
    assert "line 3: Its source-ref" in str(error.value)


def test_a_few_bad_lines_stop_nothing(account: Account) -> None:
    lines = [_line(f"s3://camera-archive/{n}.png") for n in range(4)]
    account.put(f"{IMPORTED_MANIFESTS}x.jsonl", "\n".join([*lines, "{"]).encode())
    assert _list()["images"] == 4
