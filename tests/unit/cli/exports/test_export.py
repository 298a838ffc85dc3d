"""`labelloop export` on moto: what goes out, twice as well as once."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner, Result

from cli.__main__ import main
from cli.stack import Stack
from labelloop import clock
from labelloop.aws import review_tasks
from labelloop.aws.wiring import wiring
from labelloop.domain.annotations import Annotation, Box, ModelType, training_line
from labelloop.domain.consensus import Agreement
from labelloop.domain.detections import Outcome, human_loop_name
from labelloop.domain.fitness import UPRIGHT, shape_of
from labelloop.domain.imported_lines import read_line
from labelloop.domain.imports import IMPORTED_MANIFESTS
from labelloop.domain.manifests import LABELLED_FOLDER, SplitImage, labelled_key
from labelloop.domain.review_tasks import Given, ReviewTask
from labelloop.domain.splits import GIVEN_FOLDER, content_id
from labelloop.domain.version_files import VersionFiles
from labelloop.services import training_data
from labelloop.settings import OUTPUTS, Variable
from tests import cases
from tests.unit import inference_log
from tests.unit.account import Account, Json, account
from tests.unit.functions.preparation import png, prepare, upload

__all__ = ["account"]
DETECTION = "0123456789abcdef" * 2
WRITTEN = ("sources.jsonl", "export.json")
SIZE = (320, 240)
SOMEBODY = "11111111-2222-3333-4444-555555555555"


class World:
    """A stack of two labels, ten images each, and where its data sets go."""

    def __init__(
        self, account: Account, folder: Path, monkeypatch: pytest.MonkeyPatch, model_type: str
    ) -> None:
        self.account, self.folder = account, folder
        monkeypatch.setenv(Variable.MODEL_TYPE, model_type)
        values = {"ModelType": model_type, "TestSetPercentage": "20", "ImportBuckets": ""}
        template = {
            "Parameters": {name: {"Type": "String"} for name in values},
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        }
        account.boto3("cloudformation").create_stack(
            StackName="label-loop",
            TemplateBody=json.dumps(template),
            Parameters=[
                {"ParameterKey": name, "ParameterValue": value} for name, value in values.items()
            ],
        )
        variables = {variable: wiring[variable] for variable in OUTPUTS}
        outputs = {OUTPUTS[variable]: value for variable, value in variables.items()}
        self.stack = Stack("label-loop", outputs, self._client, time_now=account.clock)

    def _client(self, service: str, **_: Any) -> Any:
        return self.account.boto3(service)

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(main, ["export", str(self.folder), *words], obj=self.stack)

    def answer(self, *words: str, exit_code: int = 0) -> Json:
        """The answer in JSON."""
        result = self.run(*words, "--json")
        assert result.exit_code == exit_code, result.output
        found: Json = json.loads(result.stdout)
        return found

    def error(self, *words: str) -> str:
        result = self.run(*words)
        assert result.exit_code == 1 and result.stdout == "", result.output
        return result.stderr

    def sources(self) -> list[Json]:
        text = (self.folder / "sources.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def files(self) -> dict[str, bytes]:
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file()
        }

    def everything(self) -> Any:
        """All that the stack holds."""
        account = self.account
        versions = account.boto3("s3").list_object_versions(Bucket=account.bucket)
        return [versions.get("Versions"), versions.get("DeleteMarkers")] + [
            account.items(table)
            for table in ("DetectionsTable", "ModelVersionsTable", "ReviewTasksTable")
        ]


Make = Callable[[str], World]


@pytest.fixture
def make(account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """A stack that trains models of a type."""
    return lambda model_type: World(account, tmp_path / "out", monkeypatch, model_type)


@pytest.fixture
def world(make: Make, account: Account) -> World:
    """A stack that gives images one label."""
    made = make("classification")
    for label in ("cat", "dog"):
        upload(account, label, range(10))
    return made


@pytest.fixture
def answered(world: World) -> str:
    """An image of a cat by what somebody answered; its key."""
    key = labelled_key("cat", DETECTION, "camera/1.png")
    world.account.put(key, png("reviewed"))
    facts = {"key": "camera/1.png", "etag": "e", "bucket": world.account.bucket}
    now = clock.now()
    inference_log.record(DETECTION, Outcome.REVIEW, facts, now)
    inference_log.note(
        DETECTION,
        {
            "agreement": Agreement.DECIDED.value,
            "human_label": "cat",
            "human_labels": [{"name": "cat"}],
            "completed": "2026-11-20T10:00:00.000Z",
        },
    )
    given = {
        SOMEBODY: Given(Annotation.of_labels(["cat"]), now, now),
        "another": Given(Annotation.of_labels(["dog"]), now, now),
    }
    loop = human_loop_name(DETECTION)
    task = ReviewTask(
        *(loop, DETECTION, world.account.bucket, "camera/1.png", None),
        *(ModelType.CLASSIFICATION, (), 1, now, given),
    )
    review_tasks.create_once(task, now)
    return key


@pytest.fixture
def boxes(make: Make, account: Account) -> World:
    """A stack whose model finds boxes."""
    lines = []
    for number in range(10):
        key = f"camera/{number}.png"
        account.put(key, png(str(number), *SIZE))
        found = [Box("cat", number, 5, 100, 90), Box("dog", 30, 40, 50 + number, 60)]
        said = Annotation.of_boxes(found, SIZE)
        lines.append(training_line(f"s3://{account.bucket}/{key}", said, "2026-11-20T08:00:00"))
    account.put(f"{IMPORTED_MANIFESTS}b.manifest", "".join(f"{one}\n" for one in lines).encode())
    return make("detection")


def made_of(version: str) -> dict[str, SplitImage]:
    return {image.key: image for image in training_data.index(version)}


def test_a_version_goes_out_as_it_was_trained(world: World) -> None:
    version = prepare()["version"]
    before = world.everything()

    answer = world.answer("--version", version, "--images")

    trained = made_of(version)
    assert answer["counts"] == {"train": 16, "test": 4}
    assert (answer["downloaded"], answer["failed"]) == (20, [])
    for entry in world.sources():
        image = trained.pop(entry["source"].removeprefix(f"s3://{world.account.bucket}/"))
        assert (entry["split"], entry["labels"]) == (image.split, list(image.annotation.labels))
        assert entry["image"].startswith(f"{image.split}/")
        assert (world.folder / entry["image"]).read_bytes() == world.account.read(image.key)
        (said,) = entry["said"]
        assert (said["by"], entry["origin"]) == ([], "given")
        assert said["at"].startswith("20")
    assert trained == {}
    assert world.everything() == before


def test_without_images_manifests_name_them_where_they_are(world: World) -> None:
    version = prepare()["version"]

    world.run("--version", version)

    for split in ("train", "test"):
        kept = world.account.read(f"manifests/training/{version}/{split}.manifest").splitlines()
        wanted, found = (
            {(line.bucket, line.key, line.annotation) for line in map(_line, lines)}
            for lines in (kept, world.files()[f"{split}.manifest"].splitlines())
        )
        assert found == wanted
    assert world.files().keys() == {
        "train.manifest",
        "test.manifest",
        "sources.jsonl",
        "export.json",
    }


def _line(text: bytes) -> Any:
    return read_line(text, ModelType.CLASSIFICATION)


def test_what_would_be_now_is_what_a_training_then_has_and_nothing_is_written(
    world: World,
) -> None:
    prepare()
    upload(world.account, "bird", range(6))
    world.account.put(f"{LABELLED_FOLDER}bird/notes.png", b"notes")
    before = world.everything()

    result = world.run("--now")

    assert result.exit_code == 0, result.output
    assert "One image left out, such as images_labeled_by_folder/bird/notes.png" in result.stderr
    assert world.everything() == before
    told = {
        entry["source"].split("/", 3)[3]: (entry["split"], entry["content"], entry["labels"])
        for entry in world.sources()
    }
    assert told == {
        key: (image.split, image.content, list(image.annotation.labels))
        for key, image in made_of(prepare()["version"]).items()
    }
    assert len(told) == 26


def test_what_a_training_would_not_begin_with_is_said(make: Make) -> None:
    assert "A training would not begin now. A model needs" in make("classification").error("--now")


def test_it_goes_on_where_it_was_cut_off(world: World) -> None:
    version = prepare()["version"]
    words = ("--version", version, "--format", "folders", "--images")
    world.answer(*words)
    whole = world.files()
    first, *_ = [entry["image"] for entry in world.sources()]
    (world.folder / first).unlink()
    half = Path(first).with_name(".half.part")
    (world.folder / half).write_bytes(b"half")

    again = world.answer(*words)

    assert (again["downloaded"], again["already_there"]) == (1, 19)
    assert {
        name: body for name, body in world.files().items() if not name.endswith("part")
    } == whole
    assert world.answer(*words)["downloaded"] == 0


def test_one_that_died_before_it_had_chosen_begins_anew(world: World) -> None:
    version = prepare()["version"]
    world.folder.mkdir()
    for name in ("sources.jsonl", ".sources.jsonl.part", ".export.json.part"):
        (world.folder / name).write_bytes(b'{"half')

    assert world.answer("--version", version)["counts"] == {"train": 16, "test": 4}
    assert len(world.sources()) == 20


def test_what_cannot_be_read_is_named_and_comes_with_the_next_attempt(world: World) -> None:
    version = prepare()["version"]
    broken = [True]

    def refuse(params: Json, **_: Any) -> None:
        if params["Key"].endswith("cat/3.png") and broken:
            refusal: Any = {"Error": {"Code": "InternalError", "Message": "no"}}
            raise ClientError(refusal, "GetObject")

    events = world.account.boto3("s3").meta.events
    events.register("provide-client-params.s3.GetObject", refuse)
    try:
        first = world.answer("--version", version, "--images", exit_code=1)
        assert [one["source"].rsplit("/", 2)[1:] for one in first["failed"]] == [["cat", "3.png"]]
        broken.clear()
        assert world.answer("--version", version, "--images")["downloaded"] == 1
    finally:
        events.unregister("provide-client-params.s3.GetObject", refuse)


def test_what_was_replaced_or_deleted_since_is_as_it_was(world: World) -> None:
    version = prepare()["version"]
    key, gone, lost = (f"{LABELLED_FOLDER}cat/{number}.png" for number in (1, 2, 3))
    then = [world.account.read(one) for one in (key, gone)]
    world.account.put(key, png("another"))
    s3 = world.account.boto3("s3")
    for one in (gone, lost):
        s3.delete_object(Bucket=world.account.bucket, Key=one)
    for entry in s3.list_object_versions(Bucket=world.account.bucket, Prefix=lost)["Versions"]:
        s3.delete_object(Bucket=world.account.bucket, Key=lost, VersionId=entry["VersionId"])

    answer = world.answer("--version", version, "--images", exit_code=1)

    by_key = {entry["source"].split("/", 3)[3]: entry["image"] for entry in world.sources()}
    assert [(world.folder / by_key[one]).read_bytes() for one in (key, gone)] == then
    ((source, reason),) = [(one["source"], one["reason"]) for one in answer["failed"]]
    assert source.endswith(lost) and "its version of then is gone" in reason


def test_an_old_version_that_cannot_be_looked_for_now_has_failed_and_comes_next_time(
    world: World,
) -> None:
    version = prepare()["version"]
    key = f"{LABELLED_FOLDER}cat/1.png"
    then = world.account.read(key)
    world.account.put(key, png("another"))

    def fail(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "SlowDown", "Message": "no"}}, "ListObjectVersions")

    events, event = world.account.boto3("s3").meta.events, "provide-client-params.s3"
    events.register(f"{event}.ListObjectVersions", fail)
    try:
        failed = world.answer("--version", version, "--images", exit_code=1)["failed"]
    finally:
        events.unregister(f"{event}.ListObjectVersions", fail)

    assert [one["source"].endswith(key) for one in failed] == [True]
    assert world.answer("--version", version, "--images")["downloaded"] == 1
    (entry,) = [one for one in world.sources() if one["source"].endswith(key)]
    assert (world.folder / entry["image"]).read_bytes() == then


class TestWhoSaidIt:
    def test_each_label_has_who_and_when(self, world: World, answered: str) -> None:
        world.run("--version", prepare()["version"])

        (entry,) = [one for one in world.sources() if one["source"].endswith(answered)]
        assert entry["said"] == [
            {"label": "cat", "by": [SOMEBODY], "at": "2026-11-20T10:00:00.000Z"}
        ]
        assert entry["detection_id"] == DETECTION

    def test_one_that_was_decided_otherwise_since_is_not_said_to_be_theirs(
        self, world: World, answered: str
    ) -> None:
        version = prepare()["version"]
        inference_log.note(DETECTION, {"human_label": "dog", "human_labels": [{"name": "dog"}]})

        world.run("--version", version)

        (entry,) = [one for one in world.sources() if one["source"].endswith(answered)]
        assert entry["said"][0]["by"] == []

    def test_since_has_the_answers_alone(self, world: World, answered: str) -> None:
        prepare()

        assert world.answer("--since", "2026-11-20")["counts"] in ({"train": 1}, {"test": 1})
        assert world.sources()[0]["source"].endswith(answered)

    @pytest.mark.usefixtures("answered")
    def test_since_a_later_day_there_is_nothing(self, world: World) -> None:
        prepare()

        assert "nothing to export" in world.error("--since", "2026-11-21")
        assert not (world.folder / "sources.jsonl").exists()


def test_a_folder_with_anything_else_is_left_alone(world: World) -> None:
    version = prepare()["version"]
    world.folder.mkdir()
    (world.folder / "mine.txt").write_text("mine", encoding="utf-8")

    assert "is not empty" in world.error("--version", version)
    assert world.files() == {"mine.txt": b"mine"}


def test_a_folder_with_another_export_is_left_alone(world: World) -> None:
    version = prepare()["version"]
    world.answer("--version", version, "--split", "test")
    before = world.files()

    assert "has another export" in world.error("--version", version)
    assert world.files() == before


def test_the_split_can_be_one_of_them(world: World) -> None:
    version = prepare()["version"]

    assert world.answer("--version", version, "--split", "test")["counts"] == {"test": 4}
    assert "train.manifest" not in world.files()


def test_a_version_of_which_nothing_is_known_is_named_with_those_there_are(world: World) -> None:
    version = prepare()["version"]

    assert f"The newest versions: {version}" in world.error("--version", "v9-00000000")
    assert "No version serves yet" in world.error()
    assert not world.folder.exists() or world.files() == {}


def test_a_format_without_a_place_for_it_writes_nothing(world: World) -> None:
    version = prepare()["version"]

    words = world.error("--version", version, "--format", "coco")

    assert (
        "COCO has no place for labels of whole images. These have: manifest, folders, csv" in words
    )
    assert world.files() == {}


def test_the_index_of_an_earlier_release_goes_out_too(world: World) -> None:
    version = prepare()["version"]
    index = VersionFiles(version).index
    lines = [json.loads(line) for line in world.account.read(index).splitlines()]
    for line in lines:
        del line["said_at"]
    world.account.put(index, "".join(json.dumps(line) + "\n" for line in lines).encode())

    world.run("--version", version)

    assert {one["at"] for entry in world.sources() for one in entry["said"]} == {""}
    (first, *_) = world.files()["test.manifest"].splitlines()
    assert _line(first).created.startswith(f"{clock.now():%Y-%m-%d}")


class TestBoxes:
    @pytest.mark.parametrize("format_", ["manifest", "coco", "yolo", "voc", "csv"])
    def test_what_goes_out_comes_in_again(self, boxes: World, format_: str) -> None:
        version = prepare()["version"]
        trained = made_of(version)
        boxes.answer("--version", version, "--format", format_, "--images")
        account = boxes.account
        for key in account.keys("manifests/") + account.keys("images_imported/"):
            account.boto3("s3").delete_object(Bucket=account.bucket, Key=key)

        words = ["import", str(boxes.folder), "--yes", "--json"]
        result = CliRunner().invoke(main, words, obj=boxes.stack)

        assert result.exit_code == 0, result.output
        answer = json.loads(result.stdout)
        assert (answer["taken"], answer["left_out"], answer["failed"]) == (10, [], [])
        said = {}
        for line in account.read(answer["manifest"]).splitlines():
            read = read_line(line, ModelType.DETECTION)
            body = account.read(read.key)
            said[content_id(body, len(body))] = read.annotation
        assert said == {one.content: one.annotation for one in trained.values()}
        (given,) = account.keys(GIVEN_FOLDER)
        tests = {json.loads(line)["content"] for line in account.read(given).splitlines()}
        assert tests == {one.content for one in trained.values() if one.split == "test"}

    def test_when_a_line_was_made_goes_along(self, boxes: World) -> None:
        boxes.run("--version", prepare()["version"])

        assert {one["said"][0]["at"] for one in boxes.sources()} == {"2026-11-20T08:00:00.000Z"}
        (first, *_) = boxes.files()["test.manifest"].splitlines()
        assert json.loads(first)["bounding-box-metadata"]["creation-date"] == "2026-11-20T08:00:00"

    def test_photographs_of_a_turned_camera_are_as_their_boxes_are(
        self, make: Make, account: Account
    ) -> None:
        world = make("detection")
        for file in cases.folder("05").glob("images/*"):
            account.put(f"images_imported/labeling/{file.name}", file.read_bytes())
        text = cases.read("05", "portrait.manifest").replace(b"BUCKET", account.bucket.encode())
        text = text.replace(b"incoming/", b"images_imported/labeling/")
        account.put(f"{IMPORTED_MANIFESTS}portrait.manifest", text)

        world.answer("--version", prepare()["version"], "--images")

        images = [world.folder / entry["image"] for entry in world.sources()]
        assert len(images) == 10
        assert {shape_of(image.read_bytes()).orientation for image in images} == {UPRIGHT}


def test_several_labels_have_no_folder(make: Make, account: Account) -> None:
    world = make("multi-label")
    lines = []
    for number in range(6):
        key = f"images_imported/mine/{number}.png"
        account.put(key, png(str(number)))
        said = Annotation.of_labels(["cat", "dog"])
        lines.append(training_line(f"s3://{account.bucket}/{key}", said, "2026-11-20T08:00:00"))
    text = "".join(f"{one}\n" for one in lines)
    account.put(f"{IMPORTED_MANIFESTS}b.manifest", text.encode())
    version = prepare()["version"]

    assert "images with several labels. These have: manifest, csv" in world.error(
        "--version", version, "--format", "folders"
    )
    assert world.answer("--version", version, "--format", "csv")["labels"] == ["cat", "dog"]
