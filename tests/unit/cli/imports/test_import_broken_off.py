"""`labelloop import` whose process dies at any of its writes, and which is begun again."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import botocore.client
import pytest

from labelloop.domain.annotations import Annotation, ModelType, training_line
from labelloop.domain.imports import IMPORTED_MANIFESTS, Collection
from labelloop.domain.splits import GIVEN_FOLDER
from tests.unit.cli.imports.test_import import BUCKET, DATE, FOLDER, OTHER, World, picture, world
from tests.unit.cli.imports.test_import_datasets import IMAGES, photo, taught, yolo

__all__ = ["world"]
_WRITES = {"PutObject", "CopyObject", "CompleteMultipartUpload", "DeleteObject"}


class DiedError(Exception):
    """The process is gone: nothing in it hears of this, and no other write is made."""


@contextmanager
def dying(monkeypatch: pytest.MonkeyPatch, at: int, *, done: bool) -> Iterator[list[str]]:
    """Let the process die at this write, which is ``done`` by then, or not; what was written."""
    written: list[str] = []
    lock = threading.Lock()
    calls = [0]
    make_call: Callable[..., Any] = getattr(botocore.client.BaseClient, "_make_api_call")  # noqa: B009 - no stub has it

    def call(client: Any, operation: str, params: dict[str, Any]) -> Any:
        if operation not in _WRITES:
            return make_call(client, operation, params)
        with lock:
            calls[0] += 1
            if calls[0] > at or (calls[0] == at and not done):
                raise DiedError
            answer = make_call(client, operation, params)
            written.append(params["Key"])
            if calls[0] == at:
                raise DiedError
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(botocore.client.BaseClient, "_make_api_call", call)
        yield written


def folders(world: World) -> list[str]:
    for number, split in enumerate(("test", "train", "train")):
        world.file(f"{split}/{'cat' if number % 2 else 'dog'}/{number}.png", picture(number))
    return [str(world.folder)]


def data_set(world: World) -> list[str]:
    world.model_type("detection")
    yolo(world)
    return [str(world.folder)]


def parts(world: World) -> list[str]:
    world.model_type("classification")
    yolo(world)
    return [str(world.folder), "--crop"]


def manifest(world: World) -> list[str]:
    lines = []
    for number in range(2):
        world.put(f"{number}.png", picture(number), OTHER)
        lines.append(
            training_line(f"s3://{OTHER}/{number}.png", Annotation.of_labels(["cat"]), DATE)
        )
    return [world.manifest(*lines), "--as", "test"]


def objects(world: World) -> dict[str, bytes]:
    """What the bucket holds, but for when that was said."""
    return {
        key: re.sub(rb'(?<="creation-date": ")[^"]*', b"", content)
        for key, content in world.objects().items()
    }


@pytest.mark.parametrize("brought", [folders, data_set, parts, manifest])
@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_wherever_it_dies_the_next_attempt_brings_all_of_it_once(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    brought: Callable[[World], list[str]],
    *,
    done: bool,
) -> None:
    words = brought(world)
    with dying(monkeypatch, 1000, done=done) as writes:
        world.answer(*words)
    whole = objects(world)
    assert len(writes) == len(whole) >= 4

    for at in range(1, len(writes) + 1):
        for key in world.objects():
            world.s3.delete_object(Bucket=BUCKET, Key=key)
        with dying(monkeypatch, at, done=done) as before:
            assert isinstance(world.run(*words).exception, DiedError)
        assert len(before) == at - 1 + done
        _check_what_a_training_would_find(world.objects())

        world.answer(*words)
        assert objects(world) == whole
    world.answer(*words)
    assert objects(world) == whole


def _check_what_a_training_would_find(found: dict[str, bytes]) -> None:
    """No image of a data set trains before it is known which of them test."""
    manifests = [key for key in found if key.startswith(IMPORTED_MANIFESTS)]
    if manifests or any(key.startswith(FOLDER) for key in found):
        assert any(key.startswith(GIVEN_FOLDER) for key in found)
    for key in manifests:
        collection = Collection(ModelType.DETECTION)
        collection.add(key, "", found[key].splitlines())
        assert {key for bucket, key in collection.images if bucket == BUCKET} <= found.keys()


class TestWhatPeopleHaveSaidSince:
    """Another import of a data set says nothing again that it has said before."""

    def _says(self, world: World, label: str) -> None:
        """Let people say of the first image what it shows."""
        (key,) = [key for key in world.objects() if key.endswith("/1.png")]
        annotation = Annotation.of_labels([label])
        line = training_line(f"s3://{BUCKET}/{key}", annotation, "2027-01-01T00:00:00")
        world.put(f"{IMPORTED_MANIFESTS}reviewed/1.manifest", line.encode())

    def test_images_that_are_brought_later_leave_it_as_it_is(self, world: World) -> None:
        world.file("1.png", photo(1))
        world.file("labels.csv", b"1.png,cat\n2.png,cat\n")
        first = world.answer(str(world.folder))
        self._says(world, "dog")
        world.file("2.png", photo(2))

        second = world.answer(str(world.folder))

        assert (second["taken"], second["already_there"]) == (1, 1)
        lines = world.objects()[second["manifest"]].splitlines()
        assert [json.loads(line)["source-ref"].endswith("/2.png") for line in lines] == [True]
        assert first["manifest"] != second["manifest"]

    def test_what_the_data_set_says_otherwise_now_counts_also_where_it_said_so_once(
        self, world: World
    ) -> None:
        world.file("1.png", photo(1))
        for second, label in enumerate(("cat", "dog", "cat"), start=1_800_000_000):
            world.file("labels.csv", f"1.png,{label}\n".encode())
            world.stack = replace(world.stack, time_now=partial(float, second))
            world.answer(str(world.folder))
            collection = Collection(ModelType.CLASSIFICATION)
            for key, content in world.objects().items():
                if key.startswith(IMPORTED_MANIFESTS):
                    collection.add(key, "", content.splitlines())
            (line,) = collection.images.values()
            assert line.annotation.labels == (label,)

    def test_images_that_were_deleted_come_again_with_the_lines_that_are_there(
        self, world: World
    ) -> None:
        world.file("1.png", photo(1))
        world.file("labels.csv", b"1.png,cat\n")
        first = world.answer(str(world.folder))
        for key in [key for key in world.objects() if key.startswith(IMAGES)]:
            world.s3.delete_object(Bucket=BUCKET, Key=key)

        second = world.answer(str(world.folder))

        assert (second["taken"], second["manifest"]) == (1, first["manifest"])
        assert taught(world, ModelType.CLASSIFICATION)["1.png"].labels == ("cat",)
