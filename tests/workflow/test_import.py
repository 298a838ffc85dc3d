"""Every way to bring a dataset, up to the version that was trained on it.

The tests share a stack that trains and never detects, so its time runs faster still. They run in
their order: a version is made of what the tests before have brought, too.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.__main__ import main
from labelloop.domain.annotations import Annotation, training_line
from local.launch import wait_for
from tests import images
from tests.stack import Record, Stack, launched
from tests.stack.leftovers import LISTED, everything

TIME_SCALE = 300
NAMED, NOT_NAMED = "pictures-of-the-plant", "pictures-of-others"
"""Buckets beside the stack's: trainings may read the one, and only the operator the other."""
DATE = "2026-11-21T08:00:00"


@pytest.fixture(scope="module")
def importing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose first model was trained on images from a folder on this machine."""
    settings = {
        "Enable-Automatic-Training": "true",
        # The schedule itself comes round once a month.
        "Automatic-Training-Poll-Frequency": "44640",
        "Minimum-Untrained-Images": "10",
    }
    with launched(
        time_scale=TIME_SCALE, parameters={"ImportBuckets": NAMED}, settings=settings
    ) as stack:
        for bucket in (NAMED, NOT_NAMED):
            stack.client("s3").create_bucket(Bucket=bucket)
        yield stack


def labelloop_import(stack: Stack, *words: str) -> dict[str, Any]:
    """What ``labelloop import`` answers."""
    local = ["--local", "--data-dir", str(stack.local.data_dir), "--json"]
    result = CliRunner().invoke(main, ["import", *words, *local])
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def put_pictures(stack: Stack, bucket: str, count: int) -> dict[str, str]:
    """Put that many new images of each label into another bucket; each key's label."""
    labels = {}
    for label in images.LABELS:
        for number in stack.numbers(count):
            key = f"line 3/{label}+{number}.jpg"
            body = images.draw(label, number)
            stack.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
            labels[key] = label
    return labels


def manifest_lines(bucket: str, labels: Mapping[str, str]) -> list[str]:
    """A line for each image."""
    return [
        training_line(f"s3://{bucket}/{key}", Annotation.of_labels([label]), DATE)
        for key, label in labels.items()
    ]


def drop_manifest(stack: Stack, name: str, lines: Iterable[str]) -> str:
    """Put a manifest where trainings look for it; its key."""
    return stack.upload(f"manifests/imported/{name}", "\n".join(lines).encode()).key


def trained(stack: Stack) -> tuple[Record, dict[str, list[str]]]:
    """The version that the next training makes: what is known of it, and its images' labels."""
    before = len(stack.versions())
    execution = stack.run("model_training")
    assert execution.status == "SUCCEEDED", execution
    assert len(stack.versions()) == before + 1, execution.states
    version = stack.versions()[-1]
    folder = f"manifests/training/{version['name']}"
    index = stack.client("s3").get_object(Bucket=stack.bucket, Key=f"{folder}/index.jsonl")
    entries = [json.loads(line) for line in index["Body"].iter_lines()]
    for split in ("train", "test"):
        manifest = stack.client("s3").get_object(
            Bucket=stack.bucket, Key=f"{folder}/{split}.manifest"
        )
        sent = [json.loads(line)["source-ref"] for line in manifest["Body"].iter_lines()]
        kept = [f"s3://{stack.bucket}/{one['key']}" for one in entries if one["split"] == split]
        assert sent == kept
        assert version[f"entries_{split}"] == {"sent": len(sent), "stored": len(sent), "errors": []}
    return version, {one["key"]: one["labels"] for one in entries}


def asked_of_the_service(stack: Stack) -> dict[str, int]:
    """How often datasets and versions were made."""
    calls = stack.local.control("GET", "summary")["calls"]
    names = ("CreateDataset", "UpdateDatasetEntries", "CreateProjectVersion")
    return {name: calls.get(f"rekognition.{name}", 0) for name in names}


def test_a_folder_on_this_machine_is_trained_on(importing: Stack, tmp_path: Path) -> None:
    for label in images.LABELS:
        (tmp_path / label / "Linie ä").mkdir(parents=True)
        for number in importing.numbers(10):
            name = f"{label}/Linie ä/{number} 1+2.jpg"
            (tmp_path / name).write_bytes(images.draw(label, number))
    (tmp_path / "circle" / "broken.jpg").write_bytes(b"\xff\xd8\xff")

    answer = labelloop_import(importing, str(tmp_path))
    again = labelloop_import(importing, str(tmp_path))
    version, labels = trained(importing)

    assert (answer["taken"], len(answer["left_out"])) == (20, 1)
    assert (again["taken"], again["already_there"]) == (0, 20)
    assert labels == {
        f"images_labeled_by_folder/{path.relative_to(tmp_path).as_posix()}": [
            path.relative_to(tmp_path).parts[0]
        ]
        for path in tmp_path.rglob("*/Linie ä/*.jpg")
    }
    assert importing.deployed() == version["name"]


def test_a_manifest_that_was_put_there_brings_images_of_another_bucket(importing: Stack) -> None:
    pictures = put_pictures(importing, NAMED, 8)
    lines = manifest_lines(NAMED, pictures)
    gone = manifest_lines(NAMED, {"gone.jpg": "circle"})
    not_named = manifest_lines(NOT_NAMED, put_pictures(importing, NOT_NAMED, 1))
    bad = ["{", '{"source-ref": "https://example.com/1.jpg"}']
    all_lines = [*lines[:4], *bad, *lines[4:], *gone, *not_named]
    file = drop_manifest(importing, "plant.manifest", all_lines)

    version, labels = trained(importing)

    copies = {f"images_imported/{NAMED}/{key}": [label] for key, label in pictures.items()}
    assert labels.items() >= copies.items()
    assert set(importing.keys("images_imported/")) == copies.keys()
    data = importing.read_json(f"manifests/training/{version['name']}/data.json")
    assert data["bad_lines"] == {
        "count": 2,
        "of": 21,
        "examples": [
            {"file": file, "line": 5, "reason": "It is not JSON."},
            {
                "file": file,
                "line": 6,
                "reason": "Its source-ref is not of the form s3://bucket/key of an image.",
            },
        ],
    }
    left_out = {one["key"]: one["reason"] for one in data["left_out"]["examples"]}
    foreign = [left_out[key] for key in left_out if f"/{NOT_NAMED}/" in key]
    assert len(foreign) == 2 and all("ImportBuckets names their bucket" in one for one in foreign)
    assert left_out[f"images_imported/{NAMED}/gone.jpg"] == (
        f"An imported line names s3://{NAMED}/gone.jpg, which does not exist."
    )
    mail = importing.operator_mails("training_started")[-1]["message"]
    assert version["name"] in mail
    assert f"2 of 21 lines of imported manifests are bad, such as line 5 of {file}" in mail
    assert "It is not JSON." in mail


def test_over_a_fifth_of_bad_lines_ends_the_run_before_the_service_is_asked(
    importing: Stack,
) -> None:
    good = manifest_lines(NAMED, put_pictures(importing, NAMED, 6))
    file = drop_manifest(importing, "broken.jsonl", [*good, *["{"] * 20])
    told_before = len(importing.operator_mails())
    asked_before = asked_of_the_service(importing)

    first, second = (importing.run("model_training") for _ in range(2))
    importing.client("s3").delete_object(Bucket=importing.bucket, Key=file)

    assert (first.status, second.status) == ("SUCCEEDED", "SUCCEEDED")
    assert "PrepareTraining" not in first.states
    assert second.states[-2:] == ("IsThereEnough", "Done"), "the same lines are passed by"
    assert asked_of_the_service(importing) == asked_before
    (mail,) = importing.operator_mails()[told_before:]
    assert mail["attributes"]["kind"] == "untrainable"
    assert f"{file}, line 13: It is not JSON." in mail["message"]
    assert "20 %" in mail["message"]
    assert not importing.item("ModelVersionsTable", kind="state", name="training")


def test_a_dataset_by_its_arn_and_one_in_coco_are_trained_on_the_latter_as_it_is_divided(
    importing: Stack, tmp_path: Path
) -> None:
    pictures = put_pictures(importing, NOT_NAMED, 8)
    arn = dataset_of_somebody_else(importing, manifest_lines(NOT_NAMED, pictures))
    splits = coco_data_set(importing, tmp_path)

    (answer,) = labelloop_import(importing, "--dataset-arn", arn)["manifests"]
    coco = labelloop_import(importing, str(tmp_path), "--largest")
    again = labelloop_import(importing, str(tmp_path), "--largest")
    version, labels = trained(importing)

    assert answer["key"] in importing.keys("manifests/imported/")
    assert answer["images"] == {"copied": 16, "already_there": 0, "missing": []}
    copies = {f"images_imported/{NOT_NAMED}/{key}": [label] for key, label in pictures.items()}
    assert labels.items() >= copies.items()
    assert (coco["format"], coco["taken"], again["already_there"]) == ("COCO", 16, 16)
    assert coco["tests"] == {"given": 6, "already": 0, "trained": []}
    keys = {Path(key).name: key for key in labels if key.startswith("images_imported/data_sets/")}
    assert {name: labels[key] for name, key in keys.items()} == {
        name: [name.split()[0]] for name in splits
    }
    sent = importing.read(f"manifests/training/{version['name']}/test.manifest").decode()
    tested = {Path(json.loads(line)["source-ref"]).name for line in sent.splitlines()}
    assert tested & splits.keys() == {name for name, split in splits.items() if split == "test"}


def coco_data_set(stack: Stack, folder: Path) -> dict[str, str]:
    """Put a data set there that has boxes and splits of its own; each image's."""
    categories = [{"id": 3 + 14 * place, "name": name} for place, name in enumerate(images.LABELS)]
    splits = {}
    (folder / "annotations").mkdir()
    for split, count in (("train", 5), ("test", 3)):
        (folder / split).mkdir()
        entries, boxes = [], []
        for category in categories:
            for number in stack.numbers(count):
                name = f"{category['name']} {number}.jpg"
                (folder / split / name).write_bytes(images.draw(str(category["name"]), number))
                entries.append({"id": number, "file_name": name, "width": 128, "height": 128})
                box = {"id": number, "image_id": number, "category_id": category["id"]}
                boxes.append(box | {"bbox": [12, 12, 104, 104], "iscrowd": 0})
                splits[name] = split
        content = {"images": entries, "annotations": boxes, "categories": categories}
        file = folder / "annotations" / f"instances_{split}.json"
        file.write_text(json.dumps(content), encoding="utf-8")
    return splits


def dataset_of_somebody_else(stack: Stack, lines: Iterable[str]) -> str:
    """The ARN of a finished dataset that another project has."""
    rekognition = stack.client("rekognition")
    body = "\n".join(lines).encode()
    stack.client("s3").put_object(Bucket=NOT_NAMED, Key="their.manifest", Body=body)
    source = {"S3Object": {"Bucket": NOT_NAMED, "Name": "their.manifest"}}
    arn: str = rekognition.create_dataset(
        ProjectArn=rekognition.create_project(ProjectName="somebody-else")["ProjectArn"],
        DatasetType="TRAIN",
        DatasetSource={"GroundTruthManifest": source},
    )["DatasetArn"]

    def is_ready() -> bool:
        described = rekognition.describe_dataset(DatasetArn=arn)["DatasetDescription"]
        return bool(described["Status"] == "CREATE_COMPLETE")

    wait_for(is_ready, "the dataset of somebody else")
    return arn


# --- When the stack goes: this comes last ---------------------------------------------------------


def test_destroying_a_stack_leaves_nothing_of_it_in_any_service(importing: Stack) -> None:
    others = sorted([f"s3: {NAMED}", f"s3: {NOT_NAMED}"])
    before = everything(importing)
    assert {name.split(":")[0] for name in before} == {service for service, *_ in LISTED}
    theirs = [name for name in before if ":project/somebody-else/" in name]
    done = importing.labelloop("destroy", "--yes", "--json")
    assert done.exit_code == 0, done.output
    assert everything(importing) == sorted([*theirs, *others])
