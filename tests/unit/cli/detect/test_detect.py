"""`labelloop detect` against moto's bucket and table, with a detection that stands in."""

import csv
import hashlib
import io
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from botocore.exceptions import ClientError
from click.testing import Result
from PIL import Image

from cli.stack import Stack
from labelloop import clock
from labelloop.clock import iso
from labelloop.domain.detections import detection_id
from labelloop.domain.images import ImageObject
from tests import cases
from tests.unit.account import make_bucket
from tests.unit.cli.world import World, answering, aws_in_memory, error_of

BUCKET = "own-bucket"
FOLDER = "images_for_detection/parts/"
GEAR: Mapping[str, Any] = {
    "outcome": "confident",
    "version": "v1",
    "label": "gear",
    "confidence_pct": 98.5,
    "labels": [{"name": "gear", "confidence_pct": 98.5}, {"name": "nut", "confidence_pct": 1.5}],
}


def picture(number: int, kind: str = "PNG") -> bytes:
    """An image file; each number makes another one."""
    stream = io.BytesIO()
    Image.new("RGB", (64, 64), (number % 256, number // 256, 200)).save(stream, kind)
    return stream.getvalue()


class Batches(World):
    """A stack with a bucket, whose images are detected when their records are asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__({"BucketName": BUCKET})
        self.folder = folder
        self.s3 = boto3.client("s3")
        make_bucket(BUCKET, "us-east-1")
        self.asked: list[list[str]] = []
        """The detections of each BatchGetItem."""
        self.detects: Callable[[str], Mapping[str, Any] | None] = lambda _: GEAR
        """What the record of a key is to be; nothing where it stays as it is."""
        self._recorded: dict[str, Mapping[str, Any]] = {}
        self.at_once = 100
        """How many records the table gives at once."""
        log = answering("dynamodb", {"BatchGetItem": self._look})
        clients = {"s3": self.s3, "dynamodb": log}
        self.stack = Stack(
            "label-loop",
            self.stack.outputs,
            lambda service: clients.get(service) or self._client(service),
            look_every_s=0.0,
        )

    def _look(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """Detect what is in the bucket, then answer as moto does."""
        keys = request["RequestItems"]["detections"]["Keys"]
        self.asked.append([key["detection_id"]["S"] for key in keys])
        for key, detection in self.uploaded():
            record = self.detects(key)
            if record and self._recorded.get(detection) != record:
                self._recorded[detection] = record
                self.put("detections", detection_id=detection, key=key, **record)
        answered, left = keys[: self.at_once], keys[self.at_once :]
        answer = self.tables.batch_get_item(RequestItems={"detections": {"Keys": answered}})
        unprocessed = {"detections": {"Keys": left}} if left else {}
        return {"Responses": answer["Responses"], "UnprocessedKeys": unprocessed}

    def uploaded(self) -> list[tuple[str, str]]:
        """The key and the detection of every version in the bucket, the oldest first."""
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=BUCKET)
        entries = [entry for page in pages for entry in page.get("Versions", ())]
        return [
            (
                entry["Key"],
                detection_id(
                    ImageObject(BUCKET, entry["Key"], entry["VersionId"], entry["ETag"], 1)
                ),
            )
            for entry in reversed(entries)
        ]

    def keys(self) -> list[str]:
        return sorted(key for key, _ in self.uploaded())

    def file(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def detect(self, *words: str) -> Result:
        return self.run("detect", *(words or (str(self.folder),)))

    def answer(self, *words: str, exit_code: int = 0) -> dict[str, Any]:
        """The answer in JSON."""
        result = self.detect(*(words or (str(self.folder),)), "--json")
        assert result.exit_code == exit_code, result.output
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    def rows(self, name: str = "parts") -> dict[str, dict[str, str]]:
        """What the CSV file says, by file."""
        with Path(f"{name}.csv").open(encoding="utf-8", newline="") as stream:
            return {row["file"]: row for row in csv.DictReader(stream)}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Batches]:
    folder, here = tmp_path / "parts", tmp_path / "here"
    folder.mkdir()
    here.mkdir()
    monkeypatch.chdir(here)
    with aws_in_memory(monkeypatch):
        yield Batches(folder)


class TestUploading:
    def test_images_come_under_the_folders_name_by_their_paths(self, world: Batches) -> None:
        world.file("1.png", picture(1))
        world.file("line 2/ä.JPG", picture(2, "JPEG"))

        answer = world.answer()

        assert world.keys() == [f"{FOLDER}1.png", f"{FOLDER}line 2/ä.JPG"]
        assert answer["folder"] == FOLDER and answer["uploaded"] == 2
        objects = (world.s3.head_object(Bucket=BUCKET, Key=key) for key, _ in world.uploaded())
        types = sorted(found["ContentType"] for found in objects)
        assert types == ["image/jpeg", "image/png"]

    def test_the_batch_can_be_given_a_name(self, world: Batches) -> None:
        world.file("1.png", picture(1))

        world.answer(str(world.folder), "--name", "monday")

        assert world.keys() == ["images_for_detection/monday/1.png"]
        assert world.rows("monday")["1.png"]["outcome"] == "confident"

    @pytest.mark.parametrize("name", ["a/b", "..", " ", "a\nb", "x" * 101])
    def test_a_name_that_cannot_be_a_folder_is_refused(self, world: Batches, name: str) -> None:
        world.file("1.png", picture(1))

        assert "--name" in error_of(world.detect(str(world.folder), "--name", name))
        assert world.keys() == []

    def test_single_files_are_a_batch_too(self, world: Batches) -> None:
        one, two = world.file("1.png", picture(1)), world.file("more/2.png", picture(2))

        assert world.answer(str(one))["folder"] == "images_for_detection/1/"
        assert world.answer(str(one), str(two), str(one))["images"] == 2
        assert world.keys()[1:] == [f"{FOLDER}1.png", f"{FOLDER}more/2.png"]

    def test_what_is_there_with_the_same_content_is_not_sent_again(self, world: Batches) -> None:
        for number in range(3):
            world.file(f"{number}.png", picture(number))
        world.answer()
        before = world.uploaded()
        world.file("1.png", picture(100))
        world.file("3.png", picture(3))

        answer = world.answer()

        assert (answer["uploaded"], answer["already_there"]) == (2, 2)
        new = [entry for entry in world.uploaded() if entry not in before]
        assert sorted(key for key, _ in new) == [f"{FOLDER}1.png", f"{FOLDER}3.png"]
        assert world.rows()["1.png"]["detection_id"] in {detection for _, detection in new}

    def test_an_image_that_was_deleted_from_the_bucket_is_sent_again(self, world: Batches) -> None:
        world.file("1.png", picture(1))
        world.answer()
        world.s3.delete_object(Bucket=BUCKET, Key=f"{FOLDER}1.png")

        assert world.answer()["uploaded"] == 1

    def test_in_a_bucket_without_versions_the_content_names_it(self, world: Batches) -> None:
        world.s3.create_bucket(Bucket="old-bucket")
        outputs = {**world.stack.outputs, "BucketName": "old-bucket"}
        world.stack = replace(world.stack, outputs=outputs)
        world.file("1.png", picture(1))
        etag = hashlib.md5(picture(1)).hexdigest()  # noqa: S324
        image = ImageObject("old-bucket", f"{FOLDER}1.png", None, etag, 1)
        world.put("detections", detection_id=detection_id(image), **GEAR)

        uploaded = [world.answer()["uploaded"] for _ in range(2)]

        assert uploaded == [1, 0]
        assert world.rows()["1.png"]["detection_id"] == detection_id(image)

    def test_an_upload_whose_answer_was_lost_is_one_detection(self, world: Batches) -> None:
        world.file("1.png", picture(1))

        def arrive_first(params: dict[str, Any], **_: Any) -> None:
            boto3.client("s3").put_object(Bucket=BUCKET, Key=params["Key"], Body=picture(1))

        world.s3.meta.events.register("provide-client-params.s3.PutObject", arrive_first)

        assert world.answer()["outcomes"] == {"confident": 1}
        assert len(world.uploaded()) == 1

    def test_another_image_that_comes_meanwhile_is_not_taken_for_it(self, world: Batches) -> None:
        world.file("1.png", picture(1))
        came: list[str] = []

        def come_first(params: dict[str, Any], **_: Any) -> None:
            if not came:
                came.append(params["Key"])
                boto3.client("s3").put_object(Bucket=BUCKET, Key=params["Key"], Body=picture(2))

        world.s3.meta.events.register("provide-client-params.s3.PutObject", come_first)
        world.answer()

        body = world.s3.get_object(Bucket=BUCKET, Key=f"{FOLDER}1.png")["Body"].read()
        assert body == picture(1)
        assert world.rows()["1.png"]["detection_id"] == world.uploaded()[-1][1]

    def test_what_is_no_image_is_left_out_or_rejected_unsent(self, world: Batches) -> None:
        world.file("1.png", picture(1))
        world.file("notes.txt", b"notes")
        world.file("empty.jpg", b"")
        world.file("gif.png", b"GIF89a")
        world.file("/".join(["d" * 200] * 5) + "/long.png", picture(2))

        answer = world.answer()

        assert answer["left_out"] == ["notes.txt"]
        assert answer["outcomes"] == {"confident": 1, "rejected": 3}
        reasons = {name.split("/")[-1]: row["reason"] for name, row in world.rows().items()}
        assert "empty" in reasons["empty.jpg"]
        assert "neither a PNG nor a JPEG" in reasons["gif.png"]
        assert "too long" in reasons["long.png"]
        assert world.keys() == [f"{FOLDER}1.png"]

    def test_13_names_decide_at_one_door_only(self, world: Batches) -> None:
        for file in cases.folder("13").glob("images/*"):
            world.file(file.name, file.read_bytes())

        answer = world.answer()

        assert (answer["left_out"], answer["outcomes"]) == ([], {"confident": 4})

    def test_what_the_service_does_not_document_is_left_to_it(self, world: Batches) -> None:
        world.file("cut_off.jpg", picture(1, "JPEG")[:-50])

        assert world.answer()["outcomes"] == {"confident": 1}

    def test_what_cannot_be_read_has_failed_and_stops_nothing(self, world: Batches) -> None:
        world.file("1.png", picture(1))
        (world.folder / "self.png").symlink_to("self.png")

        answer = world.answer(exit_code=1)

        assert answer["outcomes"] == {"confident": 1, "failed": 1}
        assert world.rows()["self.png"]["reason"].startswith("It cannot be read")
        assert "run the same command again" in world.detect().stdout

    def test_an_upload_that_fails_is_named_and_tried_next_time(self, world: Batches) -> None:
        world.file("1.png", picture(1))
        world.file("2.png", picture(2))

        def fail(params: dict[str, Any], **_: Any) -> None:
            if params["Key"].endswith("2.png"):
                refusal: Any = {"Error": {"Code": "InternalError", "Message": "no"}}
                raise ClientError(refusal, "PutObject")

        world.s3.meta.events.register("provide-client-params.s3.PutObject", fail)
        failed = world.answer(exit_code=1)
        world.s3.meta.events.unregister("provide-client-params.s3.PutObject", fail)

        assert failed["outcomes"] == {"confident": 1, "failed": 1}
        assert world.answer()["outcomes"] == {"confident": 2}

    def test_nothing_goes_up_where_nobody_can_tell_what_is_there(self, world: Batches) -> None:
        world.file("1.png", picture(1))

        def fail(**_: Any) -> None:
            refusal: Any = {"Error": {"Code": "SlowDown", "Message": "no"}}
            raise ClientError(refusal, "ListObjectVersions")

        event = "provide-client-params.s3.ListObjectVersions"
        world.s3.meta.events.register(event, fail)
        line = error_of(world.detect())
        world.s3.meta.events.unregister(event, fail)

        assert "ListObjectVersions" in line
        assert world.answer()["outcomes"] == {"confident": 1}

    def test_a_folder_without_images_has_nothing_to_detect(self, world: Batches) -> None:
        world.file("notes.txt", b"notes")

        line = error_of(world.detect())

        assert "no images" in line and "1 other files" in line

    def test_uploading_only_waits_for_nothing_and_writes_nothing(self, world: Batches) -> None:
        world.file("1.png", picture(1))

        result = world.detect(str(world.folder), "--no-wait")

        assert result.exit_code == 0 and "without --no-wait" in result.stdout
        assert world.keys() == [f"{FOLDER}1.png"]
        assert world.asked == [] and list(Path().iterdir()) == []

    def test_nothing_is_drawn_or_written_when_only_uploading(self, world: Batches) -> None:
        world.file("1.png", picture(1))

        result = world.detect(str(world.folder), "--no-wait", "--csv", "a.csv")

        assert result.exit_code == 2 and world.keys() == []


class TestWaiting:
    def test_it_ends_when_every_image_has_its_result(self, world: Batches) -> None:
        outcomes = ["confident", "review", "deferred", "rejected"]
        for number in range(4):
            world.file(f"{number}.png", picture(number))

        def one_more_each_time(key: str) -> Mapping[str, Any] | None:
            number = int(key[-5])
            return {"outcome": outcomes[number]} if number < len(world.asked) else None

        world.detects = one_more_each_time
        answer = world.answer()

        assert answer["outcomes"] == dict.fromkeys(sorted(outcomes), 1)
        assert [len(asked) for asked in world.asked] == [4, 3, 2, 1]

    def test_many_are_asked_for_a_hundred_at_a_time(self, world: Batches) -> None:
        for number in range(230):
            world.file(f"{number:03}.png", picture(number))

        assert world.answer()["outcomes"] == {"confident": 230}
        assert [len(asked) for asked in world.asked] == [100, 100, 30]

    def test_a_hundred_without_news_hide_no_others(self, world: Batches) -> None:
        for number in range(330):
            world.file(f"{number:03}.png", picture(number))

        def the_first_last(key: str) -> Mapping[str, Any] | None:
            known = {detection for asked in world.asked for detection in asked}
            return (
                GEAR
                if key[-7:] >= "120.png" or len(known) == 330 or len(world.asked) > 50
                else None
            )

        world.detects = the_first_last
        answer = world.answer()

        assert answer["outcomes"] == {"confident": 330}
        assert len(world.asked) < 20

    def test_what_the_table_leaves_over_is_asked_for_again(self, world: Batches) -> None:
        for number in range(3):
            world.file(f"{number}.png", picture(number))
        world.at_once = 1

        answer = world.answer(str(world.folder), "--timeout", "0.0001")

        assert answer["outcomes"] == {"confident": 3}, "in one look, for there is time for no more"
        assert [len(asked) for asked in world.asked] == [3, 2, 1]

    @pytest.mark.parametrize(
        ("status", "words"),
        [
            ("", "No model serves yet"),
            ("STOPPED", "labelloop start"),
            ("STARTING", "is starting"),
            ("RUNNING", "runs now"),
        ],
    )
    def test_that_images_wait_for_a_model_is_said_once(
        self, world: Batches, status: str, words: str
    ) -> None:
        world.file("1.png", picture(1))
        if status:
            world.deploy("v1", status)
        world.detects = lambda _: {"outcome": "waiting"} if len(world.asked) < 5 else GEAR

        result = world.detect()

        assert result.exit_code == 0
        assert words in result.stderr and result.stderr.count("Ctrl-C") == 1

    def test_that_they_wait_for_the_next_day_is_said(self, world: Batches) -> None:
        world.file("1.png", picture(1))
        world.deploy("v1", "STOPPED")
        now = clock.now()
        time = {"day": f"{now:%Y-%m-%d}", "seconds": 48 * 3600, "looked": iso(now), "models": 0}
        world.put("versions", kind="state", name="model_time", **time)
        world.detects = lambda _: {"outcome": "waiting"} if len(world.asked) < 5 else GEAR

        result = world.detect()

        assert "so the images wait" in result.stderr
        assert "Maximum-Daily-Model-Hours HOURS" in result.stderr

    def test_without_news_for_long_it_says_where_to_look(self, world: Batches) -> None:
        world.file("1.png", picture(1))
        url = world.stack.output("DetectionDeadLetterQueueUrl")
        world.queues.send_message(QueueUrl=url, MessageBody="{}")
        world.detects = lambda _: None if len(world.asked) < 200 else GEAR

        result = world.detect()

        assert result.stderr.count("labelloop redrive detection") == 1

    def test_after_the_timeout_what_is_known_is_written(self, world: Batches) -> None:
        for number in range(3):
            world.file(f"{number}.png", picture(number))
        known: dict[str, Mapping[str, Any]] = {"0.png": GEAR, "1.png": {"outcome": "waiting"}}
        world.detects = lambda key: known.get(key.split("/")[-1])

        result = world.detect(str(world.folder), "--timeout", "0.001")

        assert result.exit_code == 1
        assert "1 confident, 1 pending, 1 waiting" in result.stdout
        assert [row["outcome"] for row in world.rows().values()] == [
            "confident",
            "waiting",
            "pending",
        ]

    def test_stopped_while_waiting_it_goes_on_without_uploading(self, world: Batches) -> None:
        world.file("1.png", picture(1))

        def press(_: str) -> None:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

        world.detects = press
        stopped = world.detect()
        world.detects = lambda _: GEAR
        answer = world.answer()

        assert stopped.exit_code == 130
        assert "run the same command again" in stopped.stderr
        assert (answer["uploaded"], answer["already_there"]) == (0, 1)
        assert len(world.uploaded()) == 1


class TestResults:
    def test_both_files_have_a_row_for_each_image(self, world: Batches) -> None:
        world.file("1.png", picture(1))
        world.file("line 2/2.png", picture(2))
        doubtful = {**GEAR, "outcome": "review", "human_loop": "detection-2", "reason": "why"}
        doubtful["unsure"] = [{"name": "bolt", "confidence_pct": 0.9, "chance_pct": 41.5}]
        world.detects = lambda key: doubtful if key.endswith("2.png") else GEAR

        world.answer()

        first, second = json.loads(Path("parts.json").read_text(encoding="utf-8"))
        assert first == {
            "file": "1.png",
            "key": f"{FOLDER}1.png",
            "detection_id": dict(world.uploaded())[f"{FOLDER}1.png"],
            "human_loop": None,
            "reason": None,
            "unsure": [],
            **GEAR,
        }
        assert (second["outcome"], second["human_loop"]) == ("review", "detection-2")
        row = world.rows()["line 2/2.png"]
        assert list(row) == list(first)
        assert row["labels"] == "gear 98.5; nut 1.5" and row["confidence_pct"] == "98.5"
        assert row["unsure"] == "bolt 0.9"
        assert world.rows()["1.png"]["reason"] == ""

    def test_they_go_where_they_shall(self, world: Batches, tmp_path: Path) -> None:
        world.file("1.png", picture(1))

        answer = world.answer(
            str(world.folder), "--csv", str(tmp_path / "a.csv"), "--json-file", "b.json"
        )

        assert (answer["csv"], answer["json_file"]) == (str(tmp_path / "a.csv"), "b.json")
        assert (tmp_path / "a.csv").exists()
        assert [path.name for path in Path().iterdir()] == ["b.json"]

    def test_a_place_that_cannot_be_written_is_refused_before_any_upload(
        self, world: Batches
    ) -> None:
        world.file("1.png", picture(1))

        assert "cannot be written" in error_of(
            world.detect(str(world.folder), "--csv", "none/a.csv")
        )
        assert world.keys() == []


class TestDrawing:
    def test_copies_are_upright_with_their_boxes_and_the_originals_stay(
        self, world: Batches
    ) -> None:
        turned = io.BytesIO()
        exif = Image.Exif()
        exif[0x0112] = 6  # the camera was turned: shown upright, the image is 100 x 200
        Image.new("RGB", (200, 100), "white").save(turned, "JPEG", exif=exif)
        path = world.file("line 2/1.jpg", turned.getvalue())
        box = {"left": 0.5, "top": 0.25, "width": 0.4, "height": 0.5}
        label = {"name": "gear", "confidence_pct": 90, "box": box}
        world.detects = lambda _: {**GEAR, "labels": [label]}

        answer = world.answer(str(world.folder), "--draw", "drawn")

        assert answer["drawn"] == 1 and path.read_bytes() == turned.getvalue()
        with Image.open("drawn/line 2/1.jpg") as drawn:
            assert drawn.size == (100, 200) and 0x0112 not in drawn.getexif()
            gray = np.asarray(drawn.convert("L"))
        sides = [(50, 100), (89, 100), (70, 149)]
        assert all(gray[y, x] < 150 for x, y in sides), "the lines of the box"
        assert gray[100, 70] > 240, "within it nothing is drawn"
        assert gray[180, 20] > 240, "nor beside it"

    def test_labels_without_a_box_are_listed_at_the_top(self, world: Batches) -> None:
        world.file("1.png", picture(1))
        world.file("2.png", picture(1))
        world.detects = lambda key: GEAR if "1.png" in key else {**GEAR, "labels": []}

        world.answer(str(world.folder), "--draw", "drawn")

        pixels = {}
        for name in ("1.png", "2.png"):
            with Image.open(f"drawn/{name}") as drawn:
                pixels[name] = drawn.convert("RGB").tobytes()
                assert drawn.format == "PNG" and drawn.getpixel((60, 60)) == (1, 0, 200)
        with Image.open(io.BytesIO(picture(1))) as original:
            assert original.tobytes() not in pixels.values()
        assert pixels["1.png"] != pixels["2.png"], "a label, and that there is none"

    def test_21_sixteen_bit_gray_png(self, world: Batches) -> None:
        for name in ("gray16.png", "gray8.png"):
            world.file(name, cases.read("21", name))

        world.answer(str(world.folder), "--draw", "drawn")

        assert Path("drawn/gray16.png").read_bytes() == Path("drawn/gray8.png").read_bytes()

    def test_what_was_drawn_is_no_image_of_the_next_run(self, world: Batches) -> None:
        world.file("1.png", picture(1))
        drawn = str(world.folder / "drawn")

        first = world.answer(str(world.folder), "--draw", drawn)
        second = world.answer(str(world.folder), "--draw", drawn)

        assert (first["images"], second["images"]) == (1, 1)

    def test_the_images_themselves_are_never_drawn_on(self, world: Batches) -> None:
        world.file("1.png", picture(1))

        line = error_of(world.detect(str(world.folder), "--draw", str(world.folder)))

        assert "name another folder" in line and world.keys() == []

    def test_an_image_that_cannot_be_drawn_is_named(self, world: Batches) -> None:
        world.file("1.png", picture(1)[:60])
        world.file("2.png", picture(2))

        answer = world.answer(str(world.folder), "--draw", "drawn")

        assert answer["drawn"] == 1
        assert [left["file"] for left in answer["not_drawn"]] == ["1.png"]

    def test_without_pillow_it_says_what_to_install_and_all_else_works(
        self, world: Batches, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.file("1.png", picture(1))
        monkeypatch.setitem(sys.modules, "PIL", None)
        monkeypatch.delitem(sys.modules, "cli.detect.drawing", raising=False)
        monkeypatch.delattr("cli.detect.drawing", raising=False)

        line = error_of(world.detect(str(world.folder), "--draw", "drawn"))

        assert "pip install pillow" in line and world.keys() == []
        assert world.answer()["outcomes"] == {"confident": 1}
