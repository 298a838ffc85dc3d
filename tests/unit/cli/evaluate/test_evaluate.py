"""`labelloop evaluate` against moto's bucket and tables, and a model that says what it is told."""

import io
import itertools
import json
import os
import re
import signal
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from cli.__main__ import main
from cli.evaluate import kept_answers
from cli.evaluate.asking import MOST_REFUSED_IN_A_ROW, End, Round, Said, TooBusyError
from cli.evaluate.labelled_pictures import Picture
from cli.failures import CommandError
from labelloop import clock
from labelloop.aws import hosting_state, model_use, rekognition
from labelloop.clock import iso
from labelloop.domain.annotations import Annotation, Box, training_line
from labelloop.domain.answers import Answer
from labelloop.domain.images import MAX_REQUEST_BYTES
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.manifests import SplitImage, index_lines
from labelloop.domain.splits import Split, content_id
from labelloop.domain.version_files import VersionFiles
from labelloop.errors import ServiceFailedError
from tests.unit.account import make_bucket
from tests.unit.cli.report.test_report import Outline
from tests.unit.cli.world import BUCKET, OPERATOR, PROJECT, World, aws_in_memory, error_of, refused

DATE = "2026-11-21T08:00:00"
SUMMARY = "evaluation/summary.json"


def picture(number: int, side_px: int = 64, **how: Any) -> bytes:
    """An image file; each number makes another one."""
    stream = io.BytesIO()
    Image.new("RGB", (side_px, side_px), (number % 256, number // 256, 200)).save(
        stream, how.pop("kind", "PNG"), **how
    )
    return stream.getvalue()


def label(name: str, confidence_pct: float, **box: float) -> dict[str, Any]:
    """A label as the service gives it."""
    more = {"Geometry": {"BoundingBox": {side.title(): ratio for side, ratio in box.items()}}}
    return {"Name": name, "Confidence": confidence_pct, **(more if box else {})}


class Trials(World):
    """A stack with a bucket, versions that answer by what they are shown, and a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__({"BucketName": BUCKET})
        self.folder = folder
        self.s3 = boto3.client("s3")
        make_bucket(BUCKET, "us-east-1")
        self.answers: dict[str, Mapping[bytes, list[dict[str, Any]]]] = {}
        """What each version says of a content."""
        self.model.says = self._say

    def _say(self, version: str, request: dict[str, Any]) -> list[dict[str, Any]]:
        image = request["Image"]
        content = image.get("Bytes")
        if content is None:
            place = image["S3Object"]
            answer = self.s3.get_object(Bucket=place["Bucket"], Key=place["Name"])
            content = answer["Body"].read()
        found = self.answers[version][content]
        least = request.get("MinConfidence", 50)
        return [one for one in found if one["Confidence"] >= least]

    def file(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def nuts_and_bolts(self, version: str, *said: str, first: int = 0) -> None:
        """A nut and a bolt in turn, and what the version says they are."""
        answers = dict(self.answers.get(version, {}))
        for number, name in enumerate(said, start=first):
            truth = ("nut", "bolt")[number % 2]
            self.file(f"{truth}/{number}.png", picture(number))
            answers[picture(number)] = [label(name, 90), label("other", 10)]
        self.answers[version] = answers

    def model_type(self, value: str) -> None:
        """Deploy a stack whose models are such."""
        template = {
            "Parameters": {"ModelType": {"Type": "String"}},
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        }
        boto3.client("cloudformation").create_stack(
            StackName="label-loop",
            TemplateBody=json.dumps(template),
            Parameters=[{"ParameterKey": "ModelType", "ParameterValue": value}],
        )

    def thresholds(self, version: str, **thresholds: float) -> None:
        """Let the version's evaluation have come to these."""
        figures = {"F1Score": 1.0, "Precision": 1.0, "Recall": 1.0}
        results = [
            {"Label": name, "NumberOfTestingImages": 1, "Metrics": {**figures, "Threshold": value}}
            for name, value in thresholds.items()
        ]
        details = {"NumberOfTrainingImages": 1, "NumberOfTestingImages": 1}
        summary = {
            "EvaluationDetails": details,
            "AggregatedEvaluationResults": figures,
            "LabelEvaluationResults": results,
        }
        key = f"{version}-{SUMMARY}"
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(summary).encode())
        self.model.summaries[version] = key

    def trained_on(self, version: str, **splits: bytes) -> None:
        """Let the version's index name these contents."""
        lines = index_lines(
            SplitImage(
                key,
                "e",
                content_id(content, len(content)),
                Split(key.split("_")[0]),
                Annotation.of_labels(["nut"]),
            )
            for key, content in splits.items()
        )
        body = "".join(f"{line}\n" for line in lines).encode()
        self.s3.put_object(Bucket=BUCKET, Key=VersionFiles(version).index, Body=body)

    def manifest(self, *lines: str) -> str:
        path = self.folder / "own.manifest"
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return str(path)

    def evaluate(self, *words: str, answer: str | None = None) -> Result:
        return self.run("evaluate", *(words or (str(self.folder),)), answer=answer)

    def told(self, *words: str, exit_code: int = 0) -> dict[str, Any]:
        """The answer in JSON."""
        result = self.evaluate(*(words or (str(self.folder),)), "--json")
        assert result.exit_code == exit_code, result.output
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    def everything(self) -> Any:
        """All that the stack holds."""
        objects = self.s3.list_object_versions(Bucket=BUCKET)
        names = ("versions", "detections", "tasks")
        tables = [self.tables.scan(TableName=name)["Items"] for name in names]
        return [objects.get("Versions"), objects.get("DeleteMarkers"), tables]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Trials]:
    """v1 serves and runs."""
    folder = tmp_path / "own"
    folder.mkdir()
    with aws_in_memory(monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        world = Trials(folder)
        world.deploy("v1", "RUNNING")
        yield world


def kept(version: str) -> kept_answers.Kept:
    """What this machine keeps of a version."""
    return kept_answers.Kept(PROJECT.replace("/1", f"/version/{version}/2"))


class TestFigures:
    def test_the_deployed_version_is_tried_on_a_folder(self, world: Trials) -> None:
        world.nuts_and_bolts("v1", "nut", "bolt", "nut", "nut")

        told = world.told()

        (version,) = told["versions"]
        assert (version["version"], version["serves"], version["pictures"]) == ("v1", True, 4)
        assert version["right"] == {"count": 3, "value": 0.75, "low": 0.3006, "high": 0.9544}
        assert version["confusion"] == [
            {"truth": "bolt", "predicted": "bolt", "pictures": 1},
            {"truth": "bolt", "predicted": "nut", "pictures": 1},
            {"truth": "nut", "predicted": "nut", "pictures": 2},
        ]
        labels = {one["label"]: one for one in version["labels"]}
        assert labels["bolt"]["recall"]["value"] == 0.5
        precision = labels["nut"]["precision"]
        assert (precision["value"], precision["images"]) == (pytest.approx(2 / 3), 3)
        assert (precision["low"], precision["high"]) == pytest.approx((0.2077, 0.9385), abs=1e-4)
        assert labels["nut"]["f1"]["value"] == pytest.approx(0.8)
        assert version["f1"]["value"] == pytest.approx((0.8 + 2 / 3) / 2)
        assert version["f1"]["low"] < version["f1"]["value"] < version["f1"]["high"] <= 1
        (calibration,) = version["calibration"]
        assert (calibration["confidence"], calibration["count"]) == (0.9, 4)
        assert calibration["right"]["value"] == 0.75

    def test_nothing_of_it_is_in_the_stack(self, world: Trials) -> None:
        world.nuts_and_bolts("v1", "nut", "bolt")
        world.file("nut/large.png", picture(9) + bytes(MAX_REQUEST_BYTES))
        world.answers["v1"] = {
            **world.answers["v1"],
            picture(9) + bytes(MAX_REQUEST_BYTES): [label("nut", 80)],
        }
        world.put("versions", kind="state", name="asked_directly", at="2026-01-01T00:00:00.000Z")
        before = world.everything()
        world.told()
        after = world.everything()

        for tables in (before[2], after[2]):
            tables[0] = [one for one in tables[0] if one["name"]["S"] != "asked_directly"]
        assert after == before

    def test_it_reads_as_a_table(self, world: Trials) -> None:
        world.nuts_and_bolts("v1", "nut", "bolt", "bolt")

        text = world.evaluate().stdout

        assert "v1, deployed" in text
        assert "2 of 3: 66.7 % (20.8 to 93.9)" in text
        assert "nut taken for bolt: 1" in text
        assert re.search(r"90 to 100 % +2 of 3: 66.7 % \(20.8 to 93.9\)", text)

    def test_labels_that_the_version_does_not_know_are_told_apart(self, world: Trials) -> None:
        world.nuts_and_bolts("v1", "nut", "bolt")
        world.thresholds("v1", nut=0.5, bolt=0.5)
        world.file("cog/1.png", picture(7))
        world.answers["v1"] = {**world.answers["v1"], picture(7): [label(NONE_OF_THEM, 60)]}

        told = world.told()["versions"][0]

        assert (told["pictures"], told["right"]["count"]) == (2, 2)
        assert told["unknown_labels"] == [
            {"label": "cog", "pictures": 1, "taken_for": {"none of them": 1}}
        ]
        text = world.evaluate().stdout
        assert "v1 does not know cog (1 picture, not in its figures)" in text
        assert "takes it for: none of them 1" in text

    def test_what_trained_a_version_does_not_count_unless_that_is_wished(
        self, world: Trials
    ) -> None:
        world.nuts_and_bolts("v1", "nut", "bolt", "nut")
        world.trained_on("v1", train_0=picture(0), test_1=picture(1))

        told = world.told()
        everything = world.told(str(world.folder), "--with-trained")

        assert [entry["file"] for entry in told["pictures"]] == ["bolt/1.png", "nut/2.png"]
        assert told["versions"][0]["trained"] == ["nut/0.png"]
        assert everything["versions"][0]["pictures"] == 3
        assert len(world.model.asked) == 3
        assert "--with-trained" in world.evaluate().stdout
        flattered = world.evaluate(str(world.folder), "--with-trained").stdout
        assert "1 picture trained v1, which flatters it." in flattered

    def test_pictures_that_all_trained_it_say_nothing(self, world: Trials) -> None:
        world.nuts_and_bolts("v1", "nut")
        world.trained_on("v1", train_0=picture(0))

        assert "--with-trained" in error_of(world.evaluate())
        assert world.model.asked == []

    def test_all_labels_of_a_picture_must_be_right_where_it_has_several(
        self, world: Trials
    ) -> None:
        world.model_type("multi-label")
        world.thresholds("v1", nut=0.8, bolt=0.1)
        for name in ("nut/1.png", "bolt/1 again.png", "nut/2.png"):
            world.file(name, picture(2 if "2" in name else 1))
        world.answers["v1"] = {
            picture(1): [label("nut", 81), label("bolt", 11)],
            picture(2): [label("bolt", 60), label("nut", 79)],
        }

        told = world.told()

        version = told["versions"][0]
        assert version["pictures"] == 2
        assert version["right"]["count"] == 1
        assert version["score"]["value"] == 0.5
        assert [entry["labels"] for entry in told["pictures"]] == [["bolt", "nut"], ["nut"]]
        # What is under the thresholds was asked for, too.
        assert {request["MinConfidence"] for _, request in world.model.asked} == {0}
        assert [(one["from"], one["count"]) for one in version["calibration"]] == [
            (0.1, 1),
            (0.6, 1),
            (0.7, 1),
            (0.8, 1),
        ]

    def test_without_its_thresholds_the_service_applies_them(self, world: Trials) -> None:
        world.model_type("multi-label")
        world.file("nut/1.png", picture(1))
        world.answers["v1"] = {picture(1): [label("nut", 60), label("bolt", 40)]}

        told = world.told()

        assert "MinConfidence" not in world.model.asked[0][1]
        assert told["versions"][0]["right"]["count"] == 1

    def test_boxes_are_right_where_they_lie_upon_each_other(self, world: Trials) -> None:
        world.model_type("detection")
        world.thresholds("v1", nut=0.5)
        boxes = [Box("nut", 0, 0, 32, 32), Box("nut", 32, 32, 32, 32)]
        world.file("1.png", picture(1))
        truth = Annotation.of_boxes(boxes, (64, 64))
        manifest = world.manifest(training_line("1.png", truth, DATE))
        world.answers["v1"] = {
            picture(1): [
                label("nut", 90, left=0, top=0, width=0.5, height=0.4),
                label("nut", 60, left=0.5, top=0, width=0.5, height=0.5),
                label("nut", 30, left=0.5, top=0.5, width=0.5, height=0.5),
            ]
        }

        version = world.told(manifest)["versions"][0]

        (nut,) = version["labels"]
        assert (nut["there"], nut["found"], nut["right"]) == (2, 2, 1)
        assert version["score"]["value"] == 0.5
        # All that it considered is told by how sure it is.
        assert [(one["from"], one["right"]["value"]) for one in version["calibration"]] == [
            (0.3, 1.0),
            (0.6, 0.0),
            (0.9, 1.0),
        ]


class TestPictures:
    def test_the_same_picture_counts_once(self, world: Trials) -> None:
        world.nuts_and_bolts("v1", "nut", "bolt")
        world.file("nut/again.png", picture(0))

        told = world.told()

        assert told["copies"] == [{"file": "nut/again.png", "same_as": "nut/0.png"}]
        assert told["versions"][0]["pictures"] == 2

    def test_of_which_two_things_are_said_says_nothing(self, world: Trials) -> None:
        world.nuts_and_bolts("v1", "nut", "bolt")
        world.file("bolt/0.png", picture(0))

        told = world.told()

        assert {entry["file"] for entry in told["left_out"]} == {"nut/0.png", "bolt/0.png"}
        assert told["versions"][0]["pictures"] == 1

    def test_what_is_no_picture_is_named_and_left_out(self, world: Trials) -> None:
        world.nuts_and_bolts("v1", "nut")
        world.file("nut/notes.txt", b"notes")
        world.file("nut/gif.png", b"GIF89a")
        world.file("nut/small.png", picture(8, side_px=20))

        told = world.told()

        assert len(told["left_out"]) == 3
        assert "20 x 20 px" in str(told["left_out"])

    def test_what_cannot_be_read_ends_with_1(self, world: Trials) -> None:
        world.nuts_and_bolts("v1", "nut")
        (world.folder / "nut" / "self.png").symlink_to("self.png")

        told = world.told(exit_code=1)

        assert told["failed"][0]["reason"].startswith("It cannot be read")
        assert told["versions"][0]["pictures"] == 1

    def test_what_the_service_refuses_is_named(self, world: Trials) -> None:
        world.nuts_and_bolts("v1", "nut", "bolt")
        says = world.model.says

        def refuse(version: str, request: dict[str, Any]) -> list[dict[str, Any]]:
            if request["Image"]["Bytes"] == picture(1):
                refused("InvalidImageFormatException", "No such format.")(request)
            return says(version, request)

        world.model.says = refuse
        told = world.told()

        version = told["versions"][0]
        assert version["refused"] == [{"file": "bolt/1.png", "reason": "No such format."}]
        assert version["pictures"] == 1
        assert "1 picture not taken by v1" in world.evaluate().stdout

    def test_a_manifest_names_files_beside_it_and_objects(self, world: Trials) -> None:
        world.file("more/1.png", picture(1))
        world.s3.put_object(Bucket=BUCKET, Key="mine/2.png", Body=picture(2))
        nut, bolt = (Annotation.of_labels([name]) for name in ("nut", "bolt"))
        manifest = world.manifest(
            training_line("more/1.png", nut, DATE),
            training_line(f"s3://{BUCKET}/mine/2.png", bolt, DATE),
            training_line(f"s3://{BUCKET}/mine/gone.png", bolt, DATE),
            training_line("more/gone.png", bolt, DATE),
            "no JSON",
        )
        world.answers["v1"] = {picture(1): [label("nut", 90)], picture(2): [label("bolt", 90)]}

        told = world.told(manifest, exit_code=1)

        assert told["versions"][0]["right"]["count"] == 2
        assert {entry["file"]: entry["labels"] for entry in told["pictures"]} == {
            "more/1.png": ["nut"],
            f"s3://{BUCKET}/mine/2.png": ["bolt"],
        }
        assert [entry["file"] for entry in told["left_out"]] == ["own.manifest, line 5"]
        assert [entry["file"] for entry in told["failed"]] == [
            f"s3://{BUCKET}/mine/gone.png",
            "more/gone.png",
        ]
        # What is in S3 is looked at there.
        shown = [request["Image"] for _, request in world.model.asked]
        assert {"S3Object": {"Bucket": BUCKET, "Name": "mine/2.png"}} in shown

    @pytest.mark.parametrize(
        ("stated", "as_stored"), [((64, 96), True), ((96, 64), False), ((64, 64), None)]
    )
    def test_boxes_are_for_the_file_or_for_what_is_shown_of_it(
        self, world: Trials, stated: tuple[int, int], as_stored: bool | None
    ) -> None:
        world.model_type("detection")
        world.thresholds("v1", nut=0.5)
        exif = Image.Exif()
        exif[0x0112] = 6
        stream = io.BytesIO()
        Image.new("RGB", (64, 96)).save(stream, "JPEG", exif=exif)
        turned = stream.getvalue()
        upright = turned.replace(
            b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06", b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x01"
        )
        assert upright != turned
        world.file("1.jpg", turned)
        truth = Annotation.of_boxes([Box("nut", 0, 0, 32, 32)], stated)
        manifest = world.manifest(training_line("1.jpg", truth, DATE))
        world.answers["v1"] = {turned: [], upright: []}

        if as_stored is None:
            assert "Its boxes are for an image of 64 x 64 px" in error_of(world.evaluate(manifest))
            return
        world.told(manifest)
        assert world.model.asked[0][1]["Image"]["Bytes"] == (upright if as_stored else turned)

    def test_folders_say_nothing_of_boxes(self, world: Trials) -> None:
        world.model_type("detection")
        world.file("nut/1.png", picture(1))

        assert "name a manifest" in error_of(world.evaluate())

    def test_parts_of_a_data_set_are_no_labels(self, world: Trials) -> None:
        world.file("train/nut/1.png", picture(1))

        assert "labelloop evaluate" in error_of(world.evaluate())

    def test_a_folder_of_one_label_is_one(self, world: Trials) -> None:
        world.file("1.png", picture(1))
        world.answers["v1"] = {picture(1): [label("nut", 90)]}

        assert "labelloop evaluate" in error_of(world.evaluate())
        told = world.told(str(world.folder), "--label", "nut")
        assert told["versions"][0]["right"]["count"] == 1


class TestAsking:
    def test_what_was_answered_is_not_asked_again(self, world: Trials) -> None:
        world.nuts_and_bolts("v1", "nut", "bolt")
        first = world.told()
        world.nuts_and_bolts("v1", "nut", first=2)

        second = world.told()

        assert len(world.model.asked) == 3
        assert second["versions"][0]["pictures"] == 3
        assert second["pictures"][:1] == first["pictures"][:1]

    def test_what_was_answered_needs_no_version_that_runs(self, world: Trials) -> None:
        world.nuts_and_bolts("v1", "nut", "bolt")
        first = world.told()
        world.model.coming["v1"] = ["STOPPED"]

        assert world.told() == first
        assert world.model.starts == []

    def test_it_goes_on_where_it_was_interrupted(self, world: Trials) -> None:
        world.nuts_and_bolts("v1", "nut", "bolt", "nut")
        says = world.model.says

        def press_ctrl_c(version: str, request: dict[str, Any]) -> list[dict[str, Any]]:
            if len(world.model.asked) == 3:
                signal.raise_signal(signal.SIGINT)
                threading.Event().wait(60)
            return says(version, request)

        world.model.says = press_ctrl_c
        stopped = world.evaluate()
        answered = len(kept("v1").answers(complete=True))
        world.model.says = says
        world.told()

        assert stopped.exit_code == 130 and "run the same command again" in stopped.stderr
        assert answered < 3
        assert len(world.model.asked) == 3 + (3 - answered)

    def test_half_a_line_of_a_process_that_died_is_no_answer(self, world: Trials) -> None:
        world.nuts_and_bolts("v1", "nut", "bolt")
        world.told()
        (file,) = Path(os.environ["XDG_CACHE_HOME"]).rglob("answers.jsonl")
        lines = file.read_text().rstrip("\n").splitlines(keepends=True)
        file.write_text("".join(lines)[:-5])

        assert world.told()["versions"][0]["pictures"] == 2
        assert world.told()["versions"][0]["pictures"] == 2
        assert len(world.model.asked) == 3

    def test_two_at_a_time_are_refused(self, world: Trials) -> None:
        world.nuts_and_bolts("v1", "nut")
        world.told()
        with kept("v1").alone("v1"):
            assert "Another labelloop evaluate" in error_of(world.evaluate())

    def test_a_place_where_nothing_can_be_kept_is_not_taken_for_another_evaluation(
        self, world: Trials
    ) -> None:
        world.nuts_and_bolts("v1", "nut")
        with kept("v1").alone("v1"):
            (folder,) = kept_answers.folder().iterdir()
        (folder / "lock").write_text("no database, nor empty")
        assert f"Answers cannot be kept in {folder}: file is not" in error_of(world.evaluate())

    @pytest.mark.usefixtures("world")
    def test_an_answer_that_cannot_be_kept_is_said_so(self) -> None:
        with kept("v1").alone("v1"):
            (folder,) = kept_answers.folder().iterdir()
            (folder / "answers.jsonl").mkdir()
            with pytest.raises(CommandError, match="Is a directory"):
                kept("v1").add(Answer("content", (), complete=True))

    def test_a_model_that_is_asked_too_fast_is_asked_again(self, world: Trials) -> None:
        world.nuts_and_bolts("v1", "nut", "bolt")
        says, times = world.model.says, itertools.count()

        def throttle(version: str, request: dict[str, Any]) -> list[dict[str, Any]]:
            if next(times) < 3:
                refused("ProvisionedThroughputExceededException")(request)
            return says(version, request)

        world.model.says = throttle

        assert world.told()["versions"][0]["right"]["count"] == 2

    def test_one_that_never_has_room_is_given_up(self) -> None:
        nut = Picture("1.png", Annotation.of_labels(["nut"]), Path("1.png"))
        going = Round([nut])
        refusals = 0
        while going.goes_on():
            _, attempt, begun_s = going.begin(refusals)
            refusals += 1
            said = Said(nut, attempt, begun_s, End.TOO_FAST, reason="Slow down.")
            assert going.hear(said, refusals) is None

        assert refusals == MOST_REFUSED_IN_A_ROW
        assert isinstance(going.failure, TooBusyError)

    def test_what_fails_again_and_again_ends_with_1_and_is_tried_next_time(
        self, world: Trials
    ) -> None:
        world.nuts_and_bolts("v1", "nut", "bolt")
        says = world.model.says

        def fail(version: str, request: dict[str, Any]) -> list[dict[str, Any]]:
            if request["Image"]["Bytes"] == picture(1):
                refused("InternalServerError", "Oops.")(request)
            return says(version, request)

        world.model.says = fail
        told = world.told(exit_code=1)
        text = world.evaluate().stdout
        world.model.says = says

        assert told["versions"][0]["failed"] == [{"file": "bolt/1.png", "reason": "Oops."}]
        assert "run the same command again" in text
        assert world.told()["versions"][0]["pictures"] == 2

    def test_a_model_that_stops_meanwhile_is_one_line(self, world: Trials) -> None:
        world.nuts_and_bolts("v1", "nut", "bolt")
        says = world.model.says

        def stop(version: str, request: dict[str, Any]) -> list[dict[str, Any]]:
            world.model.coming["v1"] = ["STOPPING"]
            return says(version, request)

        world.model.says = stop

        assert "v1 was stopped" in error_of(world.evaluate())
        assert world.model.stops == 0
        assert len(kept("v1").answers(complete=True)) == 1

    def test_a_large_image_lies_in_the_bucket_while_it_is_looked_at(self, world: Trials) -> None:
        large = picture(1) + bytes(MAX_REQUEST_BYTES)
        world.file("nut/1.png", large)
        world.answers["v1"] = {large: [label("nut", 90)]}

        assert world.told()["versions"][0]["right"]["count"] == 1

        shown = world.model.asked[0][1]["Image"]["S3Object"]
        assert shown["Name"].startswith("images_in_evaluation/")
        assert "Versions" not in world.s3.list_object_versions(Bucket=BUCKET)

    def test_it_is_deleted_where_the_model_does_not_answer(self, world: Trials) -> None:
        large = picture(1) + bytes(MAX_REQUEST_BYTES)
        world.file("nut/1.png", large)
        world.file("nut/2.png", picture(2))
        world.answers["v1"] = {picture(2): [label("nut", 90)]}
        says = world.model.says

        def refuse(version: str, request: dict[str, Any]) -> list[dict[str, Any]]:
            if "S3Object" in request["Image"]:
                refused("ImageTooLargeException", "Too large.")(request)
            return says(version, request)

        world.model.says = refuse
        told = world.told()

        assert told["versions"][0]["refused"] == [{"file": "nut/1.png", "reason": "Too large."}]
        assert "Versions" not in world.s3.list_object_versions(Bucket=BUCKET)


class TestStarting:
    """v2 is stopped."""

    @pytest.fixture
    def world(self, world: Trials) -> Trials:
        world.model.coming["v2"] = ["STOPPED"]
        world.nuts_and_bolts("v2", "nut", "bolt")
        return world

    def try_v2(self, world: Trials, *words: str, answer: str | None = None) -> Result:
        return world.evaluate(str(world.folder), "v2", *words, answer=answer)

    def test_what_it_costs_is_told_and_nothing_is_started_without_a_yes(
        self, world: Trials
    ) -> None:
        line = error_of(self.try_v2(world, answer="n\n"))
        asked = self.try_v2(world, answer="n\n").stderr

        assert "Nothing was changed" in line
        assert "US$4.00 an hour: about US$1.33 for 2 images" in asked
        assert "ten to twenty minutes" in asked
        assert world.model.starts == [] and world.model.asked == []

    def test_when_the_days_model_hours_are_spent_it_is_not_started(self, world: Trials) -> None:
        now = clock.now()
        time = {"day": f"{now:%Y-%m-%d}", "seconds": 48 * 3600, "looked": iso(now), "models": 0}
        world.put("versions", kind="state", name="model_time", **time)

        line = error_of(self.try_v2(world, "--yes"))

        assert "v2 is not started today" in line and "Maximum-Daily-Model-Hours" in line
        assert world.model.starts == []

    def test_after_a_yes_it_is_started_asked_and_stopped(self, world: Trials) -> None:
        result = self.try_v2(world, answer="y\n")

        assert result.exit_code == 0, result.output
        assert "2 of 2" in result.stdout and "v2 is stopped" in result.stderr
        assert world.model.starts == ["v2"] and world.model.stops == 1
        assert world.model.coming["v2"][-1] == "STOPPED"
        assert not kept("v2").was_started

    def test_without_being_asked_it_is_told_all_the_same(self, world: Trials) -> None:
        result = self.try_v2(world, "--yes")

        assert result.exit_code == 0
        assert "about US$1.33" in result.stderr
        assert world.model.stops == 1

    def test_what_ran_already_is_left_running(self, world: Trials) -> None:
        world.model.coming["v2"] = ["RUNNING"]

        assert self.try_v2(world).exit_code == 0
        assert world.model.starts == [] and world.model.stops == 0

    def test_what_somebody_else_starts_is_waited_for_and_left(self, world: Trials) -> None:
        world.model.coming["v2"] = ["STARTING", "STARTING", "STARTING", "RUNNING"]

        assert self.try_v2(world).exit_code == 0
        assert world.model.starts == [] and world.model.stops == 0

    def test_so_is_what_somebody_else_starts_a_moment_before(
        self, world: Trials, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        start = rekognition.start_version

        def too_late(*request: Any) -> bool:
            world.model.coming["v2"] = ["STARTING", "STARTING", "RUNNING"]
            return start(*request)

        monkeypatch.setattr(rekognition, "start_version", too_late)
        assert self.try_v2(world, "--yes").exit_code == 0
        assert world.model.starts == [] and world.model.stops == 0
        assert not kept("v2").was_started

    def test_what_was_started_though_nobody_answered_is_stopped(
        self, world: Trials, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        start = rekognition.start_version

        def start_unheard(*request: Any) -> bool:
            start(*request)
            world.model.coming["v2"] = ["RUNNING"]
            raise ServiceFailedError("There was no answer.")

        monkeypatch.setattr(rekognition, "start_version", start_unheard)
        assert "There was no answer" in error_of(self.try_v2(world, "--yes"))
        assert world.model.starts == ["v2"] and world.model.stops == 1
        assert not kept("v2").was_started

    def test_several_versions_run_one_after_the_other(self, world: Trials) -> None:
        world.model.coming["v3"] = ["STOPPED"]
        world.answers["v3"] = world.answers["v2"]
        running: list[int] = []
        says = world.model.says

        def count(version: str, request: dict[str, Any]) -> list[dict[str, Any]]:
            statuses = [coming[0] for name, coming in world.model.coming.items() if name != "v1"]
            running.append(statuses.count("RUNNING"))
            return says(version, request)

        world.model.says = count
        result = world.evaluate(str(world.folder), "v2", "v3", "--yes")

        assert result.exit_code == 0, result.output
        assert world.model.starts == ["v2", "v3"] and world.model.stops == 2
        assert set(running) == {1}

    def test_the_version_that_runs_is_asked_first(self, world: Trials) -> None:
        world.answers["v1"] = world.answers["v2"]

        assert world.evaluate(str(world.folder), "v2", "v1", "--yes").exit_code == 0
        assert [version for version, _ in world.model.asked] == ["v1", "v1", "v2", "v2"]

    def test_it_is_stopped_after_ctrl_c(self, world: Trials) -> None:
        def press_ctrl_c(*_: Any) -> list[dict[str, Any]]:
            signal.raise_signal(signal.SIGINT)
            threading.Event().wait(60)
            return []

        world.model.says = press_ctrl_c
        result = self.try_v2(world, "--yes")

        assert result.exit_code == 130
        assert world.model.stops == 1 and not kept("v2").was_started

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
    def test_and_when_the_process_is_ended_or_its_terminal_closed(
        self, world: Trials, number: int
    ) -> None:
        before = signal.getsignal(number)

        def end(*_: Any) -> list[dict[str, Any]]:
            signal.raise_signal(number)
            threading.Event().wait(60)
            return []

        world.model.says = end
        self.try_v2(world, "--yes")

        assert world.model.stops == 1
        assert signal.getsignal(number) == before

    def test_and_when_it_is_interrupted_while_it_starts(self, world: Trials) -> None:
        def press_ctrl_c(asked: dict[str, Any]) -> Mapping[str, Any]:
            signal.raise_signal(signal.SIGINT)
            return {}

        events = world.model.client.meta.events
        events.register_first(
            "after-call.rekognition.StartProjectVersion", lambda **_: press_ctrl_c({})
        )
        result = self.try_v2(world, "--yes")

        assert result.exit_code == 130
        assert world.model.coming["v2"][-1] == "STOPPED" and world.model.stops == 1
        assert "can be stopped when it runs" in result.stderr

    def test_who_does_not_wait_for_that_is_told_how_to_stop_it(self, world: Trials) -> None:
        def press_ctrl_c(*_: Any, **__: Any) -> None:
            signal.raise_signal(signal.SIGINT)

        world.model.client.meta.events.register(
            "before-parameter-build.rekognition.StopProjectVersion", press_ctrl_c
        )
        result = self.try_v2(world, "--yes")

        assert result.exit_code == 130
        assert "is billed while it does. To stop it: labelloop stop v2" in result.stderr
        assert kept("v2").was_started

    def test_what_a_process_that_died_has_started_is_stopped_by_the_next(
        self, world: Trials
    ) -> None:
        with kept("v2").alone("v2"):
            kept("v2").note_start()
        world.model.coming["v2"] = ["RUNNING"]

        result = self.try_v2(world)

        assert result.exit_code == 0
        assert "ended before it could stop it" in result.stderr
        assert world.model.stops == 1 and not kept("v2").was_started

    def test_a_start_that_was_stopped_long_ago_is_forgotten(self, world: Trials) -> None:
        with kept("v2").alone("v2"):
            kept("v2").note_start()

        assert error_of(self.try_v2(world, answer="n\n"))
        world.model.coming["v2"] = ["RUNNING"]

        assert self.try_v2(world).exit_code == 0

    def test_it_is_stopped_where_asking_fails(self, world: Trials) -> None:
        def refuse(_: str, request: dict[str, Any]) -> list[dict[str, Any]]:
            refused("AccessDeniedException")(request)
            return []

        world.model.says = refuse

        assert "You lack a permission" in error_of(self.try_v2(world, "--yes"))
        assert world.model.stops == 1

    def test_a_start_that_fails_is_told(self, world: Trials) -> None:
        events = world.model.client.meta.events
        events.register(
            "after-call.rekognition.StartProjectVersion",
            lambda **_: world.model.coming.update(v2=["STARTING", "FAILED"]),
        )

        assert "v2 did not start: it is FAILED" in error_of(self.try_v2(world, "--yes"))
        assert not kept("v2").was_started

    def test_an_account_without_room_is_explained(self, world: Trials) -> None:
        world.model.elsewhere["other"] = ["RUNNING"]

        line = error_of(self.try_v2(world, "--yes"))

        assert "two models unless AWS raised the quota" in line
        assert "Running now: v1, other v1" in line and "labelloop stop v1" in line
        assert world.model.stops == 0 and not kept("v2").was_started

    def test_one_that_is_being_stopped_is_waited_for(self, world: Trials) -> None:
        world.model.coming["v3"] = ["STOPPING", "STOPPING", "STOPPING", "STOPPING", "STOPPED"]

        result = self.try_v2(world, "--yes")

        assert result.exit_code == 0, result.output
        assert "waiting until v3 has stopped" in result.stderr

    @pytest.mark.parametrize("status", ["TRAINING_IN_PROGRESS", "TRAINING_FAILED", "EXPIRED"])
    def test_a_version_that_cannot_run_is_one_line(self, world: Trials, status: str) -> None:
        world.model.coming["v2"] = [status]

        assert status in error_of(self.try_v2(world, "--yes"))

    def test_a_deployment_that_may_need_the_room_is_told(self, world: Trials) -> None:
        world.put("versions", kind="state", name="training", owner="arn:other")

        assert "finds no room" in self.try_v2(world, answer="n\n").stderr

    def test_what_is_being_deployed_meanwhile_is_left_running(self, world: Trials) -> None:
        def deploy(*_: Any) -> list[dict[str, Any]]:
            world.put("versions", kind="state", name="training", owner="arn:deploys")
            world.executions.coming = [{"status": "RUNNING", "input": json.dumps({"deploy": "v2"})}]
            return [label("nut", 90)]

        world.model.says = deploy
        result = self.try_v2(world, "--yes")

        assert "v2 is left running: it is being deployed." in result.stderr
        assert world.model.stops == 0 and not kept("v2").was_started


class TestDeployed:
    """v1 serves, and is stopped."""

    @pytest.fixture
    def world(self, world: Trials) -> Trials:
        world.model.coming["v1"] = ["STOPPED"]
        world.nuts_and_bolts("v1", "nut", "bolt")
        return world

    def test_it_is_stopped_where_nothing_has_come_in(self, world: Trials) -> None:
        assert world.evaluate(str(world.folder), "--yes").exit_code == 0
        assert world.model.stops == 1

    def test_it_is_left_running_where_images_have_come_in(self, world: Trials) -> None:
        self.meanwhile(
            world, "detections", detection_id="d", outcome_shard="waiting#3", date_id="2026"
        )

        result = world.evaluate(str(world.folder), "--yes")

        assert "left running: it serves, and images have come in" in result.stderr
        assert world.model.stops == 0 and not kept("v1").was_started

    def test_or_where_programs_have_asked_it_directly(self, world: Trials) -> None:
        self.meanwhile(
            world, "versions", kind="state", name="asked_directly", at="2999-01-01T00:00:00.000Z"
        )

        assert "images have come in" in world.evaluate(str(world.folder), "--yes").stderr
        assert world.model.stops == 0

    def test_or_where_it_is_always_on(self, world: Trials) -> None:
        self.set_parameter(world, "Model-Hosting", "always-on")

        assert "always-on" in world.evaluate(str(world.folder), "--yes").stderr
        assert world.model.stops == 0

    def test_one_that_was_stopped_by_hand_is_stopped_again(self, world: Trials) -> None:
        world.ask(partial(hosting_state.pause, OPERATOR))
        self.meanwhile(
            world, "detections", detection_id="d", outcome_shard="waiting#3", date_id="2026"
        )

        result = world.evaluate(str(world.folder), "--yes")

        assert "stopped by hand" in result.stderr
        assert world.model.stops == 1
        assert world.ask(hosting_state.is_paused)

    def test_that_it_is_asked_is_work(self, world: Trials) -> None:
        world.model.coming["v1"] = ["RUNNING"]
        before = iso(clock.now())

        assert world.evaluate().exit_code == 0
        assert (world.ask(model_use.asked_directly) or "") >= before

    def test_when_that_was_is_told_by_the_stacks_clock(self, world: Trials) -> None:
        world.model.coming["v1"] = ["RUNNING"]
        ahead = clock.now() + timedelta(days=40)
        world.stack = replace(world.stack, time_now=ahead.timestamp)

        assert world.evaluate().exit_code == 0
        assert world.ask(model_use.asked_directly) == iso(ahead)

    def test_no_other_versions_work_is_work_of_it(self, world: Trials) -> None:
        world.model.coming["v2"] = ["RUNNING"]
        world.answers["v2"] = world.answers["v1"]

        assert world.evaluate(str(world.folder), "v2").exit_code == 0
        assert world.ask(model_use.asked_directly) is None

    def test_before_the_first_deployment_a_version_must_be_named(self, world: Trials) -> None:
        world.tables.delete_item(
            TableName="versions", Key={"kind": {"S": "state"}, "name": {"S": "deployed"}}
        )

        assert "name a version" in error_of(world.evaluate())

    def meanwhile(self, world: Trials, table: str, **item: Any) -> None:
        """Let something come into a table while the model is asked."""
        says = world.model.says

        def put(version: str, request: dict[str, Any]) -> list[dict[str, Any]]:
            world.put(table, **item)
            return says(version, request)

        world.model.says = put

    def set_parameter(self, world: Trials, name: str, value: str) -> None:
        world.parameters.put_parameter(Name=f"/label-loop/{name}", Value=value, Type="String")


class TestComparing:
    """v1 and v2 run."""

    @pytest.fixture
    def world(self, world: Trials) -> Trials:
        world.model.coming["v2"] = ["RUNNING"]
        world.nuts_and_bolts("v1", "nut", "nut", "nut", "bolt")
        world.nuts_and_bolts("v2", "nut", "bolt", "bolt", "bolt")
        return world

    def both(self, world: Trials, *words: str) -> Result:
        return world.evaluate(str(world.folder), "v1", "v2", *words)

    def test_they_are_compared_on_the_same_pictures(self, world: Trials) -> None:
        told = world.told(str(world.folder), "v1", "v2")

        (compared,) = told["comparisons"]
        assert (compared["version"], compared["against"]) == ("v2", "v1")
        difference = compared["difference"]
        assert difference["gain"] == 0.0 and difference["images"] == 4
        low, high = difference["interval"]
        assert low < 0 < high
        assert (difference["candidate_better"], difference["champion_better"]) == (1, 1)
        assert compared["p_value"] == 1.0
        assert compared["differ"] == ["bolt/1.png", "nut/2.png"]

    def test_the_pictures_on_which_they_differ_are_named(self, world: Trials) -> None:
        text = self.both(world).stdout

        assert "These pictures do not tell whether v2 or v1 is better." in text
        assert "bolt/1.png: bolt; v1 says nut 90 %, v2 bolt 90 %" in text

    def test_a_clear_difference_is_called_one(self, world: Trials) -> None:
        world.nuts_and_bolts("v1", *["other"] * 6)
        world.nuts_and_bolts("v2", *["nut", "bolt"] * 3)

        text = self.both(world).stdout

        assert "v2 is better on such pictures." in text
        assert (
            "v1 is worse on such pictures" in world.evaluate(str(world.folder), "v2", "v1").stdout
        )

    def test_what_trained_either_counts_for_neither(self, world: Trials) -> None:
        world.trained_on("v2", train_1=picture(1))

        told = world.told(str(world.folder), "v1", "v2")

        assert [version["pictures"] for version in told["versions"]] == [3, 3]

    def test_labels_that_only_one_knows_are_told_apart(self, world: Trials) -> None:
        world.thresholds("v1", nut=0.5, bolt=0.5)
        world.thresholds("v2", nut=0.5, bolt=0.5, cog=0.5)
        world.file("cog/1.png", picture(8))
        for version in ("v1", "v2"):
            answers = {**world.answers[version], picture(8): [label("cog", 70)]}
            world.answers[version] = answers

        told = world.told(str(world.folder), "v1", "v2")

        (apart,) = told["comparisons"][0]["apart"]
        assert (apart["label"], apart["known_to"], apart["score"]["value"]) == ("cog", "v2", 1.0)
        assert told["comparisons"][0]["difference"]["images"] == 4
        assert "Only v2 knows cog: 1 picture, 1.00" in self.both(world).stdout

    def test_a_version_that_is_named_twice_is_one(self, world: Trials) -> None:
        told = world.told(str(world.folder), "v1", "v1")

        assert len(told["versions"]) == 1 and told["comparisons"] == []

    def test_an_unknown_version_is_one_line(self, world: Trials) -> None:
        assert "no version v9" in error_of(world.evaluate(str(world.folder), "v9"))


class TestPage:
    def page(self, world: Trials, *versions: str) -> str:
        file = world.folder.parent / "page.html"
        result = world.evaluate(str(world.folder), *versions, "--html", str(file))
        assert result.exit_code == 0, result.output
        assert str(file) in result.stdout
        return file.read_text(encoding="utf-8")

    def test_it_is_well_formed_and_loads_nothing(self, world: Trials) -> None:
        world.model.coming["v2"] = ["RUNNING"]
        world.nuts_and_bolts("v1", "nut", "nut", "bolt")
        world.nuts_and_bolts("v2", "nut", "bolt", "bolt")

        page = self.page(world, "v1", "v2")

        outline = PageOutline()
        outline.feed(page)
        assert outline.open == [] and outline.seen.isdisjoint({"script", "link"})
        assert "http" not in page and "url(" not in page
        # One on which they differ, one that both get wrong.
        assert [alt for alt, _ in outline.images] == ["bolt/1.png", "nut/2.png"]
        assert all(source.startswith("data:image/jpeg;base64,") for _, source in outline.images)
        labels, *_ = outline.pictures
        assert "F1 of v1 0.50" in labels

    def test_names_and_labels_of_others_are_escaped(self, world: Trials) -> None:
        bad = '<b onload="x">&'
        world.file(f"{bad}/{bad}.png", picture(1))
        world.file("nut/2.png", picture(2))
        world.answers["v1"] = {
            picture(1): [label("nut", 90)],
            picture(2): [label("<script>alert(1)</script>", 80)],
        }
        world.thresholds("v1", **{bad: 0.5, "nut": 0.5, "<script>alert(1)</script>": 0.5})

        page = self.page(world)

        assert "<b onload" not in page and "<script" not in page
        assert "&lt;b onload=&quot;x&quot;&gt;&amp;" in page

    def test_of_many_findings_the_surest_are_named(self, world: Trials) -> None:
        world.model_type("multi-label")
        labels = {f"label {number}": 0.5 for number in range(8)}
        world.thresholds("v1", nut=0.5, **labels)
        world.file("nut/1.png", picture(1))
        found = [label(name, 90 - number) for number, name in enumerate(labels)]
        world.answers["v1"] = {picture(1): found}

        assert "v1: label 0 90 %, label 1 89 %" in (page := self.page(world))
        assert "label 4 86 %, 3 more<" in page

    def test_a_terminal_is_given_no_orders_by_names(self, world: Trials) -> None:
        world.file("nut/\x1b[2J\n.png", picture(1))
        world.answers["v1"] = {picture(1): [label("bolt", 90), label("nut", 10)]}
        world.model.coming["v2"] = ["RUNNING"]
        world.answers["v2"] = {picture(1): [label("nut", 90), label("bolt", 10)]}

        text = world.evaluate(str(world.folder), "v1", "v2").stdout

        assert "\x1b" not in text and "[2J" in text

    def test_boxes_are_drawn_for_each_version(self, world: Trials) -> None:
        world.model_type("detection")
        world.thresholds("v1", nut=0.5)
        world.file("1.png", picture(1))
        truth = Annotation.of_boxes([Box("nut", 8, 8, 20, 20)], (64, 64))
        manifest = world.manifest(training_line("1.png", truth, DATE))
        world.answers["v1"] = {
            picture(1): [label("nut", 90, left=0.5, top=0.5, width=0.3, height=0.3)]
        }
        file = world.folder / "page.html"

        assert world.evaluate(manifest, "--html", str(file)).exit_code == 0
        outline = PageOutline()
        outline.feed(file.read_text())
        ((_, source),) = outline.images
        assert source.startswith("data:image/jpeg")
        assert "Orange: where a version found them" in file.read_text()

    def test_a_place_that_cannot_be_written_is_told_before_anything(self, world: Trials) -> None:
        world.nuts_and_bolts("v1", "nut")

        line = error_of(world.evaluate(str(world.folder), "--html", "/nowhere/page.html"))

        assert "cannot be written" in line and world.model.asked == []


class PageOutline(Outline):
    """The outline of a page with pictures in it."""

    VOID = frozenset({"meta", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.images: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        super().handle_starttag(tag, attrs)
        if tag == "img":
            values = dict(attrs)
            self.images.append((values["alt"] or "", values["src"] or ""))


def test_help_says_what_it_costs() -> None:
    text = CliRunner().invoke(main, ["evaluate", "--help"]).stdout

    assert "after you have agreed to what that costs" in " ".join(text.split())
