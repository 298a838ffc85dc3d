"""`labelloop import` against moto's bucket and the Rekognition emulator's datasets."""

import contextlib
import hashlib
import io
import itertools
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
    UnauthorizedSSOTokenError,
)
from click.testing import CliRunner, Result
from moto.core.models import botocore_stubber
from PIL import Image

from cli.__main__ import main
from cli.imports import from_folder
from cli.imports.given_tests import Splits
from cli.stack import Stack
from labelloop.domain.annotations import Annotation, Box, training_line
from labelloop.domain.imports import imported_key
from labelvision.evaluation import Verdict
from local.rekognition import RekognitionService
from local.rekognition.snapshots import judged_labels_line, labels_line
from tests import cases
from tests.unit.account import Clock, Wire, _Bucket, in_memory

REGION, ACCOUNT_ID, BUCKET, OTHER = "eu-west-1", "123456789012", "own-bucket", "other-bucket"
DATE = "2026-11-21T08:00:00"
FOLDER = "images_labeled_by_folder/"


def picture(number: int, size_px: tuple[int, int] = (64, 64), kind: str = "PNG") -> bytes:
    """An image file; each number makes another one."""
    stream = io.BytesIO()
    color = (number % 256, number // 256 % 256, 7)
    Image.new("RGB", size_px, color).save(stream, kind)
    return stream.getvalue()


class World:
    """A stack with a bucket, and a folder on this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.s3 = boto3.client("s3")
        self.rekognition = boto3.client("rekognition")
        self.clock = Clock()
        for bucket in (BUCKET, OTHER):
            place: Any = {"LocationConstraint": REGION}
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
        self.service = RekognitionService(
            _Bucket(self.s3), self.clock, folder.parent / "cache", REGION, ACCOUNT_ID
        )
        self.wire = Wire(self.service.handle)
        self.rekognition.meta.events.unregister("before-send", botocore_stubber)
        self.rekognition.meta.events.register("before-send", self.wire)
        project = f"arn:aws:rekognition:{REGION}:{ACCOUNT_ID}:project/label-loop/1"
        outputs = {"BucketName": BUCKET, "ProjectArn": project}
        self.stack = Stack("label-loop", outputs, self._client)

    def _client(self, service: str) -> Any:
        clients: dict[str, Any] = {"s3": self.s3, "rekognition": self.rekognition}
        return clients.get(service) or boto3.client(service)  # type: ignore[call-overload]

    def model_type(self, value: str) -> None:
        """Deploy a stack that trains such models."""
        template = {
            "Parameters": {
                "ModelType": {"Type": "String"},
                "TestSetPercentage": {"Type": "Number", "Default": "20"},
            },
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        }
        boto3.client("cloudformation").create_stack(
            StackName="label-loop",
            TemplateBody=json.dumps(template),
            Parameters=[
                {"ParameterKey": "ModelType", "ParameterValue": value},
                {"ParameterKey": "TestSetPercentage", "ParameterValue": "20"},
            ],
        )

    def file(self, name: str, content: bytes) -> Path:
        """Put a file into the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def manifest(self, *lines: str, name: str = "old.manifest") -> str:
        """Put a manifest beside the folder; its path."""
        path = self.folder.parent / name
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return str(path)

    def put(self, key: str, content: bytes = b"x", bucket: str = BUCKET) -> None:
        self.s3.put_object(Bucket=bucket, Key=key, Body=content)

    def objects(self) -> dict[str, bytes]:
        """What the stack's bucket holds."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return {key: self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}

    def on(self, operation: str, handler: Callable[[dict[str, Any]], None]) -> None:
        """Let a handler see the parameters of each call of S3 before it is made; it may raise."""

        def see(params: dict[str, Any], **_: Any) -> None:
            handler(params)

        self.s3.meta.events.register(f"provide-client-params.s3.{operation}", see)

    @contextlib.contextmanager
    def interrupting(self, operation: str, at: int) -> Iterator[None]:
        """Let Ctrl-C be pressed at this call of S3; it and those behind it do not arrive."""
        calls = itertools.count(1)

        def press(**_: Any) -> None:
            number = next(calls)
            if number == at:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            if number >= at:
                time.sleep(0.2)
                raise refuse("InternalError", 500)

        event = f"provide-client-params.s3.{operation}"
        self.s3.meta.events.register(event, press)
        yield
        self.s3.meta.events.unregister(event, press)

    def run(self, *words: str, stdin: str = "") -> Result:
        return CliRunner().invoke(main, ["import", *words], obj=self.stack, input=stdin)

    def answer(self, *words: str, exit_code: int = 0) -> dict[str, Any]:
        """The answer in JSON."""
        result = self.run(*words, "--json")
        assert result.exit_code == exit_code, result.output
        found: dict[str, Any] = json.loads(result.stdout)
        return found


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    folder = tmp_path / "pictures"
    folder.mkdir()
    with in_memory():
        made = World(folder)
        yield made
        made.service.close()


def error_of(result: Result, exit_code: int = 1) -> str:
    """The one line with which the command failed."""
    assert result.exit_code == exit_code, result.output
    assert result.stdout == ""
    assert result.stderr.count("Error:") == 1 and "Traceback" not in result.stderr
    return result.stderr.strip().splitlines()[-1]


def refuse(code: str, status: int = 400) -> ClientError:
    """What the SDK raises when S3 refuses."""
    response: Any = {
        "Error": {"Code": code, "Message": "No."},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "PutObject")


class Terminal(io.StringIO):
    """What a terminal was sent."""

    def isatty(self) -> bool:
        return True


class TestFolder:
    def test_each_image_goes_to_the_folder_of_its_label(self, world: World) -> None:
        world.file("cat/1.png", picture(1))
        world.file("cat/line 3/Ü+1.JPG", picture(2, kind="JPEG"))
        world.file("dog/1.png", picture(3))

        answer = world.answer(str(world.folder))

        assert answer == {
            "dry_run": False,
            "taken": 3,
            "already_there": 0,
            "labels": {
                "cat": {"taken": 2, "already_there": 0},
                "dog": {"taken": 1, "already_there": 0},
            },
            "copies": [],
            "under_several_labels": [],
            "left_out": [],
            "failed": [],
        }
        assert world.objects() == {
            f"{FOLDER}cat/1.png": picture(1),
            f"{FOLDER}cat/line 3/Ü+1.JPG": picture(2, kind="JPEG"),
            f"{FOLDER}dog/1.png": picture(3),
        }
        head = world.s3.head_object(Bucket=BUCKET, Key=f"{FOLDER}cat/line 3/Ü+1.JPG")
        assert head["ContentType"] == "image/jpeg"

    def test_twice_is_once(self, world: World) -> None:
        for number in range(25):
            world.file(f"cat/{number}.png", picture(number))
        world.answer(str(world.folder))
        before = world.objects()

        again = world.answer(str(world.folder))

        assert (again["taken"], again["already_there"]) == (0, 25)
        assert world.objects() == before

    def test_an_image_that_is_there_by_another_name_is_not_taken_again(self, world: World) -> None:
        world.put(f"{FOLDER}cat/camera 7/x.png", picture(1))
        world.file("cat/1.png", picture(1))

        assert world.answer(str(world.folder))["already_there"] == 1
        assert list(world.objects()) == [f"{FOLDER}cat/camera 7/x.png"]

    def test_an_image_that_was_uploaded_in_parts_is_known_too(self, world: World) -> None:
        content = picture(1) + b"x" * 9 * 1024 * 1024
        upload: Any = {"Bucket": BUCKET, "Key": f"{FOLDER}cat/x.png"}
        upload["UploadId"] = world.s3.create_multipart_upload(**upload)["UploadId"]
        size = 8 * 1024 * 1024
        parts = []
        for number, body in enumerate((content[:size], content[size:]), start=1):
            tag = world.s3.upload_part(**upload, PartNumber=number, Body=body)["ETag"]
            parts.append({"ETag": tag, "PartNumber": number})
        world.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        world.file("cat/1.png", content)

        assert world.answer(str(world.folder))["already_there"] == 1

    def test_the_second_copy_of_a_picture_is_not_taken(self, world: World) -> None:
        world.file("cat/1.png", picture(1))
        world.file("cat/again/1.png", picture(1))

        answer = world.answer(str(world.folder))

        assert answer["taken"] == 1
        assert answer["copies"] == [{"file": "cat/again/1.png", "same_as": "cat/1.png"}]
        assert list(world.objects()) == [f"{FOLDER}cat/1.png"]

    def test_a_picture_under_two_labels_is_taken_for_both_and_named(self, world: World) -> None:
        world.file("cat/1.png", picture(1))
        world.file("dog/2.png", picture(1))

        answer = world.answer(str(world.folder))

        assert answer["taken"] == 2
        assert answer["under_several_labels"] == [{"file": "dog/2.png", "same_as": "cat/1.png"}]

    def test_another_image_of_the_same_name_is_never_overwritten(self, world: World) -> None:
        world.put(f"{FOLDER}cat/1.png", picture(1))
        world.file("cat/1.png", picture(2))

        for _ in range(2):
            assert world.run(str(world.folder)).exit_code == 0

        digest = hashlib.md5(picture(2)).hexdigest()  # noqa: S324
        assert world.objects() == {
            f"{FOLDER}cat/1.png": picture(1),
            f"{FOLDER}cat/1-{digest[:8]}.png": picture(2),
        }

    def test_nor_is_one_that_comes_meanwhile(self, world: World) -> None:
        world.file("cat/1.png", picture(2))
        seen: list[str] = []

        def come_first(params: dict[str, Any]) -> None:
            if not seen:
                seen.append(params["Key"])
                boto3.client("s3").put_object(Bucket=BUCKET, Key=params["Key"], Body=picture(1))

        world.on("PutObject", come_first)

        assert world.answer(str(world.folder))["taken"] == 1
        assert sorted(world.objects().values()) == sorted([picture(1), picture(2)])

    def test_an_upload_whose_answer_was_lost_is_the_same_image(self, world: World) -> None:
        world.file("cat/1.png", picture(1))
        world.on(
            "PutObject",
            lambda params: (
                boto3.client("s3").put_object(Bucket=BUCKET, Key=params["Key"], Body=picture(1))
                and None
            ),
        )

        assert world.answer(str(world.folder))["taken"] == 1
        assert world.objects() == {f"{FOLDER}cat/1.png": picture(1)}

    def test_it_goes_on_where_it_was_interrupted(self, world: World) -> None:
        for number in range(40):
            world.file(f"cat/{number}.png", picture(number))
        with world.interrupting("PutObject", at=15):
            stopped = world.run(str(world.folder))
        arrived = len(world.objects())
        answer = world.answer(str(world.folder))

        assert stopped.exit_code == 130
        assert "run the same command again" in stopped.stderr
        assert 0 < arrived < 40
        # What was under way may have arrived later.
        assert answer["already_there"] >= arrived
        assert answer["taken"] + answer["already_there"] == 40
        assert len(world.objects()) == 40

    def test_what_the_service_would_refuse_is_left_out_with_its_reason(self, world: World) -> None:
        world.file("cat/1.png", picture(1))
        world.file("cat/2.png", b"")
        world.file("cat/3.jpg", b"GIF89a")
        world.file("cat/4.txt", b"notes")
        world.file("cat/5.png", picture(1, (63, 64)))
        world.file("cat/6.jpg", picture(1, (200, 200), "JPEG")[:100])
        world.file("cat/8.jpg", picture(1, (200, 200), "JPEG")[:-100])
        world.file("cat/7.png", picture(1, (64, 1300)))
        world.file("beside.png", picture(1))
        world.file("a \u200bb/1.png", picture(1))

        answer = world.answer(str(world.folder))

        reasons = {left["file"]: left["reason"] for left in answer["left_out"]}
        assert answer["taken"] == 1
        assert "empty" in reasons.pop("cat/2.png")
        assert "neither a PNG nor a JPEG" in reasons.pop("cat/3.jpg")
        assert "neither a PNG nor a JPEG" in reasons.pop("cat/4.txt")
        assert "63 x 64 px" in reasons.pop("cat/5.png")
        assert "broken or cut off" in reasons.pop("cat/6.jpg")
        assert "its end is missing" in reasons.pop("cat/8.jpg")
        assert "20 times" in reasons.pop("cat/7.png")
        assert "no label's folder" in reasons.pop("beside.png")
        assert "cannot be a label" in reasons.pop("a \u200bb/1.png")
        assert reasons == {}
        assert list(world.objects()) == [f"{FOLDER}cat/1.png"]

    def test_13_names_decide_at_one_door_only(self, world: World) -> None:
        for file in cases.folder("13").glob("images/*"):
            world.file(f"warm/{file.name}", file.read_bytes())

        answer = world.answer(str(world.folder))

        assert (answer["taken"], answer["left_out"]) == (4, [])

    @pytest.mark.parametrize("name", ["dataset", "deeper"])
    def test_07_data_set_folder_taken_as_labels(self, world: World, name: str) -> None:
        answer = world.answer(str(cases.folder("07") / name), "--dry-run")

        assert answer["labels"].keys() == {"cool", "warm"}
        assert answer.get("tests", {}).get("given") == {"dataset": 4}.get(name)

    def test_one_folder_around_the_labels_is_none_whatever_it_is_called(self, world: World) -> None:
        for label in ("cool", "warm"):
            world.file(f"pets/{label}/1.png", picture(1))
        world.file("readme.txt", b"x")

        message = error_of(world.run(str(world.folder)))

        assert f"If those are the labels: labelloop import {world.folder}/pets." in message

    @pytest.mark.parametrize(
        "folders", [("images", "labels"), ("images/train", "labels/train"), ("set/images", "set/x")]
    )
    def test_a_data_set_with_boxes_never_becomes_a_label(
        self, world: World, folders: tuple[str, str]
    ) -> None:
        world.file(f"{folders[0]}/1.png", picture(1))
        world.file(f"{folders[1]}/1.txt", b"0 0.5 0.5 0.1 0.1")

        assert "looks like a data set with boxes" in error_of(world.run(str(world.folder)))

    def test_a_data_set_beside_labels_is_refused_too(self, world: World) -> None:
        for folder in ("cool", "warm", "train/cool", "test/cool"):
            world.file(f"{folder}/1.png", picture(1))

        message = error_of(world.run(str(world.folder)))

        assert "(test, train) are named as the parts of a data set" in message

    def test_folders_of_labels_within_one_of_an_archive_are_taken(self, world: World) -> None:
        for number, label in enumerate(("cool", "warm")):
            world.file(f"archive/{label}/1.png", picture(number))

        assert world.answer(str(world.folder))["labels"].keys() == {"cool", "warm"}

    def test_a_data_set_within_several_folders_is_looked_into(self, world: World) -> None:
        for number, part in enumerate(("train", "test")):
            world.file(f"archive/set/{part}/cool/1.png", picture(number))

        answer = world.answer(str(world.folder))

        assert answer["labels"] == {"cool": {"taken": 2, "already_there": 0}}
        assert answer["tests"] == {"given": 1, "already": 0, "trained": []}

    def test_folders_of_labels_within_one_for_images_are_pointed_at(self, world: World) -> None:
        for label in ("cool", "warm"):
            world.file(f"images/{label}/1.png", picture(1))

        assert error_of(world.run(str(world.folder))).endswith(f"{world.folder}/images")

    def test_18_whole_output_folder_of_a_labelling_job(self, world: World) -> None:
        job = cases.folder("18") / "job"

        result = world.run(str(job), "--json")

        (answer,) = json.loads(result.stdout)["manifests"]
        assert (answer["file"], answer["lines"]) == ("output.manifest", 8)

    def test_22_key_with_a_line_break(self, world: World) -> None:
        image = cases.read("22", "images/a.jpg")
        world.file("warm/a\nb.jpg", image)
        world.file("warm/other.png", picture(2))

        answer = world.answer(str(world.folder))

        assert (answer["taken"], answer["failed"]) == (2, [])
        assert world.objects()[f"{FOLDER}warm/a\nb.jpg"] == image

    def test_a_file_that_s3_refuses_is_named_and_the_others_are_taken(self, world: World) -> None:
        world.file("warm/a\nb.jpg", cases.read("22", "images/a.jpg"))
        world.file("warm/other.png", picture(2))

        def refuse_one(params: dict[str, Any]) -> None:
            if "\n" in params["Key"]:
                raise refuse("404", 404)

        world.on("PutObject", refuse_one)
        answer = world.answer(str(world.folder), exit_code=1)

        assert answer["taken"] == 1
        assert [failed["file"] for failed in answer["failed"]] == ["warm/a\nb.jpg"]

    def test_23_jpeg_without_end_marker(self, world: World) -> None:
        world.file("warm/1.png", picture(1))
        world.file("warm/no_end.jpg", cases.read("23", "no_end.jpg"))

        (left,) = world.answer(str(world.folder))["left_out"]

        assert left == {
            "file": "warm/no_end.jpg",
            "reason": "The file is cut off: its end is missing.",
        }

    def test_twenty_are_named_and_the_rest_is_counted(self, world: World) -> None:
        world.file("cat/1.png", picture(1))
        for number in range(30):
            world.file(f"cat/{number}.txt", b"notes")

        text = world.run(str(world.folder)).stdout

        assert "Taken: 1 image (cat 1)" in text and "Left out: 30" in text
        assert text.count("neither a PNG nor a JPEG") == 20
        assert "and 10 more" in text

    def test_what_other_programs_leave_is_passed_over(self, world: World) -> None:
        world.file("cat/1.png", picture(1))
        for name in ("cat/.DS_Store", ".git/a.png", "cat/Thumbs.db", "__MACOSX/cat/1.png"):
            world.file(name, picture(2))
        (world.folder / "cat" / "loop").symlink_to(world.folder)
        (world.folder / "cat" / "gone.png").symlink_to(world.folder / "nothing")

        answer = world.answer(str(world.folder))

        assert (answer["taken"], answer["left_out"]) == (1, [])

    def test_a_linked_folder_is_a_folder(self, world: World, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "1.png").write_bytes(picture(1))
        (world.folder / "cat").symlink_to(tmp_path / "elsewhere")

        world.run(str(world.folder))

        assert list(world.objects()) == [f"{FOLDER}cat/1.png"]

    def test_what_cannot_be_read_has_failed_and_stops_nothing(self, world: World) -> None:
        (world.folder / "cat").mkdir()
        (world.folder / "cat" / "self.png").symlink_to("self.png")
        alone = world.answer(str(world.folder), exit_code=1)
        world.file("cat/1.png", picture(1))

        answer = world.answer(str(world.folder), exit_code=1)

        assert (alone["taken"], answer["taken"]) == (0, 1)
        assert alone["failed"] == answer["failed"]
        ((name, reason),) = [failed.values() for failed in answer["failed"]]
        assert name == "cat/self.png" and reason.startswith("It cannot be read: Too many levels")

    def test_so_has_what_nobody_may_read(self, world: World) -> None:
        world.file("cat/1.png", picture(1))
        secret = world.file("cat/secret.png", picture(2))
        locked = world.file("cat/locked/3.png", picture(3)).parent
        secret.chmod(0)
        locked.chmod(0)
        if os.access(secret, os.R_OK):
            pytest.skip("Who runs this may read everything.")

        answer = world.answer(str(world.folder), exit_code=1)
        locked.chmod(0o700)

        assert answer["taken"] == 1
        assert {failed["file"] for failed in answer["failed"]} == {"cat/secret.png", "cat/locked"}
        assert all("Permission denied" in failed["reason"] for failed in answer["failed"])

    def test_a_file_that_disappears_meanwhile_has_failed(self, world: World) -> None:
        path = world.file("cat/1.png", picture(1))
        world.file("cat/2.png", picture(2))
        world.on("ListObjectsV2", lambda _: path.unlink(missing_ok=True))

        answer = world.answer(str(world.folder), exit_code=1)

        assert answer["taken"] == 1
        assert [failed["file"] for failed in answer["failed"]] == ["cat/1.png"]

    def test_names_that_differ_in_case_are_two_images(self, world: World) -> None:
        for name in ("cat/A.png", "cat/a.png", "cat/a.PNG"):
            world.file(name, picture(sum(name.encode())))

        assert world.answer(str(world.folder))["taken"] == len(list(world.folder.rglob("*.*")))

    def test_a_label_is_the_same_however_its_folders_name_is_written(self, world: World) -> None:
        world.file("\u00c4pfel/1.png", picture(1))
        world.file("A\u0308pfel/2.png", picture(2))

        answer = world.answer(str(world.folder))

        assert answer["labels"] == {"\u00c4pfel": {"taken": 2, "already_there": 0}}
        assert {key.split("/")[1] for key in world.objects()} == {"\u00c4pfel"}

    def test_a_name_that_is_no_text_is_left_out(self, world: World) -> None:
        world.file("cat/1.png", picture(1))
        try:
            world.file(os.fsdecode(b"cat/\xff.png"), picture(2))
        except OSError:
            pytest.skip("This file system has no such names.")

        answer = world.answer(str(world.folder))

        assert answer["left_out"] == [
            {"file": "cat/?.png", "reason": "The file's name is not UTF-8."}
        ]

    def test_a_folder_of_which_nothing_is_taken_ends_with_a_failure(self, world: World) -> None:
        world.file("cat/1.png", b"no picture at all")

        result = world.run(str(world.folder))

        assert result.exit_code == 1
        assert "Left out: 1" in result.stdout
        world.file("cat/2.png", picture(2))
        assert [world.run(str(world.folder)).exit_code for _ in range(2)] == [0, 0]

    def test_the_parts_of_a_published_data_set_are_not_labels(self, world: World) -> None:
        world.file("Test/cat/1.png", picture(1))
        world.file("train/cat/2.png", picture(2))

        assert world.answer(str(world.folder))["labels"].keys() == {"cat"}
        assert world.answer(str(world.folder / "train"))["labels"].keys() == {"cat"}

    def test_a_label_can_be_given_to_all_images(self, world: World) -> None:
        world.file("1.png", picture(1))
        world.file("more/2.png", picture(2))

        assert world.answer(str(world.folder), "--label", "cat")["taken"] == 2
        assert set(world.objects()) == {f"{FOLDER}cat/1.png", f"{FOLDER}cat/more/2.png"}

    def test_a_label_that_is_given_is_written_as_those_of_folders(self, world: World) -> None:
        world.file("1.png", picture(1))

        labels = world.answer(str(world.folder), "--label", "A\u0308pfel")["labels"]

        assert labels.keys() == {"\u00c4pfel"}

    def test_16_folder_with_the_reserved_name(self, world: World) -> None:
        world.file("cat/1.png", picture(1))
        world.file("None of the Above/2.png", picture(2))

        answer = world.answer(str(world.folder))

        assert answer["labels"].keys() == {"cat"}
        ((left_out, reason),) = [tuple(each.values()) for each in answer["left_out"]]
        assert left_out == "None of the Above/2.png"
        assert "None of the Above says of an image that it is none of the labels" in reason

    def test_without_folders_of_labels_it_says_how_to_name_one(self, world: World) -> None:
        world.file("1.png", picture(1))

        assert "--label NAME" in error_of(world.run(str(world.folder)))
        assert world.objects() == {}

    @pytest.mark.parametrize("label", ["a/b", ".cat", "", "x" * 256, "None of the Above"])
    def test_a_name_that_cannot_be_a_label_is_refused(self, world: World, label: str) -> None:
        world.file("1.png", picture(1))

        line = error_of(world.run(str(world.folder), "--label", label))

        assert "cannot be a label" in line

    def test_an_empty_folder_has_nothing_to_import(self, world: World) -> None:
        assert "no files" in error_of(world.run(str(world.folder)))

    def test_a_dry_run_uploads_nothing(self, world: World) -> None:
        world.put(f"{FOLDER}cat/1.png", picture(1))
        for number in range(3):
            world.file(f"cat/{number}.png", picture(number))

        answer = world.answer(str(world.folder), "--dry-run")

        assert (answer["taken"], answer["already_there"]) == (2, 1)
        assert "Would take: 2 images" in world.run(str(world.folder), "--dry-run").stdout
        assert list(world.objects()) == [f"{FOLDER}cat/1.png"]

    def test_an_upload_that_fails_is_named_and_tried_next_time(self, world: World) -> None:
        for number in range(3):
            world.file(f"cat/{number}.png", picture(number))
        failing = True

        def fail(params: dict[str, Any]) -> None:
            if failing and params["Key"].endswith("1.png"):
                raise refuse("InternalError", 500)
            if failing and params["Key"].endswith("2.png"):
                raise ReadTimeoutError(endpoint_url="s3")

        world.on("PutObject", fail)
        answer = world.answer(str(world.folder), exit_code=1)
        text = world.run(str(world.folder)).stdout
        failing = False

        assert [failed["file"] for failed in answer["failed"]] == ["cat/1.png", "cat/2.png"]
        assert "InternalError" in answer["failed"][0]["reason"]
        assert answer["failed"][1]["reason"].startswith("It did not arrive: Read timeout")
        assert answer["taken"] == 1
        assert "run the same command again" in text
        assert world.answer(str(world.folder))["taken"] == 2

    def test_who_may_not_upload_is_told_once(self, world: World) -> None:
        for number in range(60):
            world.file(f"cat/{number}.png", picture(number))
        calls: list[str] = []

        def fail(params: dict[str, Any]) -> None:
            calls.append(params["Key"])
            time.sleep(0.1)
            raise refuse("AccessDenied", 403)

        world.on("PutObject", fail)

        assert "You lack a permission" in error_of(world.run(str(world.folder)))
        assert len(calls) < 60, "what was not begun was not tried"

    @pytest.mark.parametrize(
        ("failure", "words"),
        [
            (refuse("ExpiredToken"), "sign in anew"),
            (UnauthorizedSSOTokenError(), "run aws sso login"),
            (EndpointConnectionError(endpoint_url="https://s3"), "Is the network there"),
            (ConnectTimeoutError(endpoint_url="https://s3"), "Connect timeout"),
        ],
    )
    def test_what_stops_every_upload_is_told_once(
        self, world: World, failure: Exception, words: str
    ) -> None:
        for number in range(30):
            world.file(f"cat/{number}.png", picture(number))
        calls: list[str] = []

        def fail(params: dict[str, Any]) -> None:
            calls.append(params["Key"])
            if len(calls) > 5:
                raise failure

        world.on("PutObject", fail)

        assert words in error_of(world.run(str(world.folder)))
        assert len(world.objects()) <= 5

    def test_a_path_that_is_too_long_for_a_key_loses_its_beginning(self, world: World) -> None:
        deep = "/".join(["x" * 200] * 5)
        world.file(f"cat/{deep}/1.png", picture(1))
        world.file(f"cat/{deep}/2.png", picture(2))

        for _ in range(2):
            world.run(str(world.folder))

        keys = list(world.objects())
        assert len(keys) == 2
        assert all(len(key.encode()) <= 1024 for key in keys)
        assert all(key.startswith(f"{FOLDER}cat/") for key in keys)

    @pytest.mark.parametrize("dry_run", [True, False])
    def test_a_bar_on_the_terminal_gets_to_its_end(
        self, world: World, dry_run: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.put(f"{FOLDER}cat/1.png", picture(1))
        world.file("cat/1.png", picture(1))
        world.file("cat/2.png", picture(2))
        world.file("cat/3.txt", b"notes")
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)

        told: list[str] = []
        from_folder.run(world.stack, world.folder, None, Splits.OWN, told.append, dry_run=dry_run)

        assert "Importing images" in terminal.getvalue()
        assert "3/3" in terminal.getvalue()

    def test_elsewhere_there_is_none(self, world: World) -> None:
        world.file("cat/1.png", picture(1))

        (told,) = world.run(str(world.folder)).stderr.splitlines()
        assert told.endswith("files in folders of 1 label (cat).")

    def test_a_detection_model_does_not_learn_from_folders(self, world: World) -> None:
        world.model_type("detection")
        world.file("cat/1.png", picture(1))

        assert "bounding boxes" in error_of(world.run(str(world.folder)))


def line(key: str, label: str = "cat", bucket: str = OTHER) -> str:
    """A line of a classification manifest."""
    return training_line(f"s3://{bucket}/{key}", Annotation.of_labels([label]), DATE)


class TestManifest:
    def test_a_manifest_and_its_images_are_brought_in(self, world: World) -> None:
        world.put("a b/1+2.png", picture(1), OTHER)
        world.put("old/2.png", picture(2))
        world.put(f"{FOLDER}dog/3.png", picture(3))
        lines = [line("a b/1+2.png"), line("old/2.png", "dog", BUCKET)]
        lines += [line(f"{FOLDER}dog/3.png", "dog", BUCKET), ""]
        path = world.manifest(*lines)

        (answer,) = world.answer(path)["manifests"]

        content = Path(path).read_bytes()
        key = f"manifests/imported/old-{hashlib.sha256(content).hexdigest()[:8]}.manifest"
        assert answer == {
            "file": "old.manifest",
            "key": key,
            "was_there": False,
            "lines": 3,
            "bad_lines": {"count": 0, "examples": []},
            "ignored_lines": {"count": 0, "examples": []},
            "lines_in_part": {"count": 0, "examples": []},
            "images": {"copied": 2, "already_there": 1, "missing": []},
        }
        assert world.objects() == {
            key: content,
            imported_key(BUCKET, OTHER, "a b/1+2.png"): picture(1),
            imported_key(BUCKET, BUCKET, "old/2.png"): picture(2),
            "old/2.png": picture(2),
            f"{FOLDER}dog/3.png": picture(3),
        }

    def test_twice_is_once(self, world: World) -> None:
        world.put("1.png", picture(1), OTHER)
        path = world.manifest(line("1.png"))
        world.answer(path)
        before = world.objects()
        calls: list[str] = []
        for operation in ("CopyObject", "PutObject"):
            world.on(operation, lambda params: calls.append(params["Key"]))

        (again,) = world.answer(path)["manifests"]

        assert again["was_there"] is True
        assert again["images"] == {"copied": 0, "already_there": 1, "missing": []}
        assert (world.objects(), calls) == (before, [])

    def test_an_images_tags_stay_where_it_was(self, world: World) -> None:
        world.s3.put_object(Bucket=OTHER, Key="1.png", Body=picture(1), Tagging="camera=7")

        world.answer(world.manifest(line("1.png")))

        copy = imported_key(BUCKET, OTHER, "1.png")
        assert world.s3.get_object_tagging(Bucket=BUCKET, Key=copy)["TagSet"] == []

    def test_it_goes_on_where_it_was_interrupted(self, world: World) -> None:
        for number in range(30):
            world.put(f"{number}.png", picture(number), OTHER)
        path = world.manifest(*[line(f"{number}.png") for number in range(30)])
        with world.interrupting("CopyObject", at=12):
            stopped = world.run(path)
        (answer,) = world.answer(path)["manifests"]

        assert stopped.exit_code == 130
        assert answer["images"]["already_there"] > 0
        assert answer["images"]["copied"] + answer["images"]["already_there"] == 30

    def test_bad_lines_are_named_and_the_others_imported(self, world: World) -> None:
        world.put("1.png", picture(1), OTHER)
        path = world.manifest(*[line("1.png")] * 8, "{", '{"source-ref": "x"}', name="a.JSONL")

        (answer,) = world.answer(path)["manifests"]
        text = world.run(path).stdout

        assert answer["bad_lines"]["count"] == 2
        assert [bad["line"] for bad in answer["bad_lines"]["examples"]] == [9, 10]
        assert "line 9: It is not JSON." in text and "Lines: 10, 2 of them bad" in text
        assert answer["key"].endswith(".jsonl")

    def test_with_too_many_bad_lines_nothing_is_imported(self, world: World) -> None:
        path = world.manifest(*[line("1.png")] * 7, "{", "{")

        message = error_of(world.run(path))

        assert message.startswith("Error: 2 of the 9 lines of old.manifest cannot be used")
        assert "Line 8: It is not JSON." in message
        assert world.objects() == {}

    def test_a_reason_that_all_of_them_share_is_told_once(self, world: World) -> None:
        result = world.run(world.manifest(line("1.png"), *["{"] * 30))

        assert result.stderr.splitlines() == [error_of(result)]

    def test_02_unlabelled_lines_block_training(self, world: World) -> None:
        text = cases.read("02", "output.manifest").decode().replace("BUCKET", BUCKET)

        result = world.run(world.manifest(*text.splitlines()), "--dry-run")

        assert result.exit_code == 0
        assert "Lines: 10, 0 of them bad, 3 without a label. Images: 7;" in result.stdout

    def test_what_is_no_manifest_is_told_to_be_none(self, world: World) -> None:
        assert "is no manifest" in error_of(world.run(world.manifest("{", "[]")))
        nothing = world.manifest('{"source-ref": "s3://own-bucket/1.png"}')
        assert "has nothing to learn for a classification model" in error_of(world.run(nothing))

    def test_several_reasons_are_told_before_the_error(self, world: World) -> None:
        path = world.manifest(line("1.png"), "{", *["7"] * 30)

        result = world.run(path)
        *told, error = result.stderr.splitlines()

        assert error == error_of(result)
        assert told[:2] == [
            "old.manifest:2: It is not JSON.",
            "old.manifest:3: It is not a JSON object.",
        ]
        assert len(told) == 20

    def test_a_manifest_for_another_type_of_model_is_refused_as_such(self, world: World) -> None:
        world.model_type("detection")
        path = world.manifest(line("1.png"), line("2.png"))

        message = error_of(world.run(path))

        assert "nothing to learn for a detection model" in message
        assert "it has groundtruth/image-classification" in message

    def test_the_stacks_own_type_of_model_decides(self, world: World) -> None:
        world.model_type("detection")
        world.put("1.png", picture(1), OTHER)
        boxes = Annotation.of_boxes([Box("cat", 1, 2, 30, 40)], (64, 64))
        path = world.manifest(training_line(f"s3://{OTHER}/1.png", boxes, DATE))

        assert world.answer(path)["manifests"][0]["images"]["copied"] == 1

    def test_images_that_cannot_be_copied_are_named(self, world: World) -> None:
        world.put("1.png", picture(1), OTHER)
        lines = [line("1.png"), line("gone.png"), line("2.png", bucket="no-such-bucket")]
        lines.append(line(f"{FOLDER}cat/gone.png", bucket=BUCKET))
        path = world.manifest(*lines)

        (answer,) = world.answer(path, exit_code=1)["manifests"]

        reasons = {entry["image"]: entry["reason"] for entry in answer["images"]["missing"]}
        assert set(reasons) == {
            f"s3://{OTHER}/gone.png",
            "s3://no-such-bucket/2.png",
            f"s3://{BUCKET}/{FOLDER}cat/gone.png",
        }
        assert "does not exist" in reasons[f"s3://{OTHER}/gone.png"]
        assert answer["key"] in world.objects()

    def test_what_may_not_be_read_says_which_permissions_are_missing(self, world: World) -> None:
        world.put("1.png", picture(1), OTHER)

        def fail(_: dict[str, Any]) -> None:
            raise refuse("AccessDenied", 403)

        world.on("CopyObject", fail)
        result = world.run(world.manifest(line("1.png")))

        assert result.exit_code == 1
        assert "s3:GetObject" in result.stdout and "same command again" in result.stdout

    @pytest.mark.parametrize(
        ("failure", "words"),
        [
            (refuse("ExpiredToken"), "sign in anew"),
            (EndpointConnectionError(endpoint_url="https://s3"), "Is the network there"),
        ],
    )
    def test_what_stops_every_copy_is_told_once(
        self, world: World, failure: Exception, words: str
    ) -> None:
        def fail(_: dict[str, Any]) -> None:
            raise failure

        world.on("CopyObject", fail)
        path = world.manifest(*[line(f"{number}.png") for number in range(30)])

        assert words in error_of(world.run(path))
        assert world.objects() == {}

    def test_copies_go_into_a_bucket_of_the_stacks_own_account_alone(self, world: World) -> None:
        owners: list[str] = []
        world.on("CopyObject", lambda asked: owners.append(asked["ExpectedBucketOwner"]))
        world.put("1.png", picture(1), OTHER)

        world.answer(world.manifest(line("1.png")))

        assert owners == [ACCOUNT_ID]

    def test_a_dry_run_changes_nothing(self, world: World) -> None:
        world.put("1.png", picture(1), OTHER)

        (answer,) = world.answer(world.manifest(line("1.png")), "--dry-run")["manifests"]

        assert answer["images"]["copied"] == 1
        assert world.objects() == {}

    @pytest.mark.parametrize("name", ["pictures.txt", "manifest", "a.csv"])
    def test_another_kind_of_file_is_refused(self, world: World, name: str) -> None:
        assert ".manifest, .jsonl or .json" in error_of(world.run(world.manifest("{}", name=name)))

    def test_an_archive_is_to_be_unpacked(self, world: World) -> None:
        archive = world.manifest("{}", name="pictures.zip")
        assert "pictures.zip is an archive: unpack it" in error_of(world.run(archive))

    def test_an_empty_file_is_refused(self, world: World) -> None:
        assert "no lines" in error_of(world.run(world.manifest("", "")))


class TestDataset:
    @pytest.fixture
    def project(self, world: World) -> str:
        answer = world.rekognition.create_project(ProjectName="other-project")
        return str(answer["ProjectArn"])

    def _dataset(self, world: World, project: str, *lines: str) -> str:
        body = "".join(f"{entry}\n" for entry in lines).encode()
        world.put("train.manifest", body, OTHER)
        s3_object = {"Bucket": OTHER, "Name": "train.manifest"}
        arn = world.rekognition.create_dataset(
            ProjectArn=project,
            DatasetType="TRAIN",
            DatasetSource={"GroundTruthManifest": {"S3Object": s3_object}},
        )["DatasetArn"]
        return str(arn)

    def test_the_labelled_images_of_another_project_are_brought_in(
        self, world: World, project: str
    ) -> None:
        for number in range(130):
            world.put(f"{number}.png", picture(number), OTHER)
        lines = [line(f"{number}.png") for number in range(130)]
        unlabelled = json.dumps({"source-ref": f"s3://{OTHER}/none.png"})
        arn = self._dataset(world, project, *lines, unlabelled)
        world.clock.advance(60)

        (answer,) = world.answer("--dataset-arn", arn)["manifests"]

        assert answer["file"] == f"dataset-train-{arn.rsplit('/', 1)[1]}.jsonl"
        assert answer["lines"] == answer["images"]["copied"] == 130
        stored = world.objects()[answer["key"]].decode().splitlines()
        assert [json.loads(text) for text in stored] == [json.loads(text) for text in lines]
        assert world.answer("--dataset-arn", arn)["manifests"][0]["was_there"] is True

    def test_one_that_is_still_created_is_told(self, world: World, project: str) -> None:
        arn = self._dataset(world, project, line("1.png"))

        message = error_of(world.run("--dataset-arn", arn))

        assert "CREATE_IN_PROGRESS" in message and "try again later" in message

    def test_one_that_could_not_be_created_is_told(self, world: World, project: str) -> None:
        arn = self._dataset(world, project, "{", "{")
        world.clock.advance(60)

        assert "not ready" in error_of(world.run("--dataset-arn", arn))

    def test_one_for_another_type_of_model_is_refused(self, world: World, project: str) -> None:
        arn = self._dataset(world, project, line("1.png"), line("2.png", "dog"))
        world.clock.advance(60)
        world.model_type("detection")

        assert "for a detection model" in error_of(world.run("--dataset-arn", arn))

    @pytest.mark.parametrize(
        ("arn", "reason"),
        [
            ("dataset/train/1", "is not the ARN"),
            (f"arn:aws:rekognition:{REGION}:{ACCOUNT_ID}:project/p/1", "is not the ARN"),
            (f"arn:aws:s3:::{BUCKET}", "is not the ARN"),
            (
                f"arn:aws:rekognition:us-east-1:{ACCOUNT_ID}:project/p/dataset/train/1",
                "is in us-east-1, but the stack is in eu-west-1",
            ),
            (
                f"arn:aws:rekognition:{REGION}:{ACCOUNT_ID}:project/p/dataset/test/1",
                "does not exist",
            ),
            (
                f"arn:aws:rekognition:{REGION}:{ACCOUNT_ID}:project/p/version/v1/1",
                "does not exist",
            ),
        ],
    )
    def test_an_arn_that_leads_nowhere_is_told_as_such(
        self, world: World, arn: str, reason: str
    ) -> None:
        assert reason in error_of(world.run("--dataset-arn", arn))

    def test_a_version_brings_what_it_was_trained_and_tested_with(
        self, world: World, project: str
    ) -> None:
        arn = f"{project.rsplit('/', 1)[0]}/version/v7/123"
        for number in range(3):
            world.put(f"{number}.png", picture(number), OTHER)
        verdict = Verdict("dog", 0.9, is_present=False, is_predicted=True)
        train = [labels_line(f"s3://{OTHER}/{number}.png", ["cat"], 0.0) for number in (0, 1)]
        test = judged_labels_line(f"s3://{OTHER}/2.png", ["cat"], [verdict], 0.0)
        world.put("t/train.json", "\n".join(map(json.dumps, train)).encode(), OTHER)
        world.put("t/test.json", json.dumps(test).encode(), OTHER)
        world.wire.answers["DescribeProjectVersions"] = lambda _: {
            "ProjectVersionDescriptions": [
                {
                    "ProjectVersionArn": arn,
                    "Status": "TRAINING_COMPLETED",
                    "TrainingDataResult": {
                        "Input": _assets("t/gone"),
                        "Output": _assets("t/train.json"),
                    },
                    "TestingDataResult": {"Input": _assets("t/test.json")},
                }
            ]
        }

        answer = world.answer("--dataset-arn", arn)

        assert [entry["file"] for entry in answer["manifests"]] == [
            "version-v7-train.jsonl",
            "version-v7-test.jsonl",
        ]
        assert [entry["images"]["copied"] for entry in answer["manifests"]] == [2, 1]
        assert ["tests" in entry for entry in answer["manifests"]] == [False, True]
        stored = world.objects()[answer["manifests"][1]["key"]]
        assert b"cat" in stored and b"dog" not in stored

    @pytest.mark.parametrize(
        ("result", "reason"),
        [({}, "its status is TRAINING_IN_PROGRESS"), ({"Output": "gone"}, "cannot be read")],
    )
    def test_a_version_without_its_manifests_is_told(
        self, world: World, project: str, result: dict[str, str], reason: str
    ) -> None:
        arn = f"{project.rsplit('/', 1)[0]}/version/v7/123"
        found = {name: _assets(key) for name, key in result.items()}
        world.wire.answers["DescribeProjectVersions"] = lambda _: {
            "ProjectVersionDescriptions": [
                {
                    "ProjectVersionArn": arn,
                    "Status": "TRAINING_IN_PROGRESS",
                    "TrainingDataResult": found,
                }
            ]
        }

        assert reason in error_of(world.run("--dataset-arn", arn))


def _assets(key: str) -> dict[str, Any]:
    s3_object = {"Bucket": OTHER, "Name": key}
    return {"Assets": [{"GroundTruthManifest": {"S3Object": s3_object}}]}


class TestUsage:
    @pytest.mark.parametrize(
        "words",
        [[], [".", "--dataset-arn", "arn:x"], ["--dataset-arn", "arn:x", "--label", "cat"]],
    )
    def test_one_source_is_named(self, world: World, words: list[str]) -> None:
        message = error_of(world.run(*words), exit_code=2)

        assert "labelloop import --help" in message or "--help" in message

    def test_a_label_is_for_a_folder(self, world: World) -> None:
        path = world.manifest(line("1.png"))

        assert "for a folder" in error_of(world.run(path, "--label", "cat"), exit_code=2)

    def test_what_is_not_there_is_told(self, world: World) -> None:
        assert "does not exist" in error_of(world.run("no/such/folder"), exit_code=2)
