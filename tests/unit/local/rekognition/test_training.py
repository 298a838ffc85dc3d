"""Trainings: their statuses, quotas, failures and the files that they leave."""

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from labelloop_pages import machine_parts
from labelvision import networks
from local.rekognition import ServiceError
from tests.unit.local.rekognition.conftest import MakeClient, Running
from tests.unit.local.rekognition.support import BUCKET, Client, draw_lines, encode, line, manifest

TWO_LABELS = ("bolt", "gear")


@pytest.fixture
def lines(client: Client) -> tuple[list[Any], list[Any]]:
    """Manifest lines of two labels, to train and to test."""
    train = draw_lines(client.store, "train", 3, 1, TWO_LABELS)
    return train, draw_lines(client.store, "test", 1, 2, TWO_LABELS)


def manifest_summary(client: Client, version: dict[str, Any]) -> dict[str, Any]:
    return dict(client.store.read_json(version["ManifestSummary"]["S3Object"]))


def test_a_version_completes_when_its_time_has_passed(
    client: Client, lines: tuple[list[Any], list[Any]]
) -> None:
    project = client.create_project_with_datasets("parts", *lines)
    client.start_training(project)
    client.service.close()  # waits for the real training
    client.clock.advance(1799)
    described = client.describe_version(project, "v1")
    assert described["Status"] == "TRAINING_IN_PROGRESS"
    assert "EvaluationResult" not in described
    client.clock.advance(1)
    described = client.describe_version(project, "v1")
    assert described["Status"] == "TRAINING_COMPLETED"
    assert described["BillableTrainingTimeInSeconds"] == 1800
    assert described["TrainingEndTimestamp"] - described["CreationTimestamp"] == 1800


def test_a_trained_version_names_its_files_as_amazon_does(running: Running) -> None:
    version = running.client.describe_version(running.project, "v1")
    names = re.findall(r'"Name": "([^"]+)"', json.dumps(version))
    kinds = [
        "EvaluationResultSummary",
        "ManifestSummary",
        "TestingGroundTruth",
        "TestingManifestWithValidation",
        "TrainingGroundTruth",
        "TrainingManifestWithValidation",
    ]
    assert sorted(names) == [f"evaluation/v1/{kind}-parts-v1.json" for kind in kinds]
    assert {(BUCKET, name) for name in names} <= set(running.client.store.objects)


def test_the_summary_file_holds_the_results(running: Running) -> None:
    version = running.client.describe_version(running.project, "v1")
    result = version["EvaluationResult"]
    summary = running.client.store.read_json(result["Summary"]["S3Object"])
    details, aggregate = summary["EvaluationDetails"], summary["AggregatedEvaluationResults"]
    assert summary["Version"] == 1
    assert details["ProjectVersionArn"] == running.version
    assert details["Labels"] == list(machine_parts.LABELS)
    assert (details["NumberOfTrainingImages"], details["NumberOfTestingImages"]) == (40, 16)
    assert aggregate["F1Score"] == result["F1Score"]
    by_label = {item["Label"]: item for item in summary["LabelEvaluationResults"]}
    assert set(by_label) == set(machine_parts.LABELS)
    assert all(item["NumberOfTestingImages"] == 4 for item in by_label.values())
    mean_f1 = sum(item["Metrics"]["F1Score"] for item in by_label.values()) / 4
    assert aggregate["F1Score"] == pytest.approx(mean_f1)
    for label in machine_parts.LABELS:
        row = [x["Value"] for x in aggregate["ConfusionMatrix"] if x["GroundTruthLabel"] == label]
        assert sum(row) == pytest.approx(1)


def test_the_evaluation_snapshot_gives_the_summarys_figures_again(running: Running) -> None:
    version = running.client.describe_version(running.project, "v1")
    (asset,) = version["TestingDataResult"]["Output"]["Assets"]
    summary = running.client.store.read_json(version["EvaluationResult"]["Summary"]["S3Object"])
    counts: dict[str, dict[str, int]] = {label: {} for label in machine_parts.LABELS}
    snapshot = running.client.store.read_lines(asset)
    assert len(snapshot) == 16
    for found in snapshot:
        groups = [key for key in found if re.fullmatch(r".*-evaluation-\d+-metadata", key)]
        assert len(groups) == 4
        truth = found["rekognition-custom-labels-training-0-metadata"]["class-name"]
        for group in groups:
            details = found[group]["rekognition-custom-labels-evaluation-details"]
            label = found[group]["class-name"]
            assert details["is-present-in-ground-truth"] == (label == truth)
            verdicts = [name for name, value in details.items() if name[-4:] == "tive" and value]
            assert len(verdicts) == 1
            counts[label][verdicts[0]] = counts[label].get(verdicts[0], 0) + 1
    for result in summary["LabelEvaluationResults"]:
        seen = counts[result["Label"]]
        right, wrong = seen.get("is-true-positive", 0), seen.get("is-false-positive", 0)
        missed = seen.get("is-false-negative", 0)
        assert result["Metrics"]["Recall"] == pytest.approx(right / (right + missed))
        assert result["Metrics"]["Precision"] == pytest.approx(right / max(1, right + wrong))


def test_the_manifest_summary_of_a_good_training_has_no_errors(running: Running) -> None:
    summary = manifest_summary(
        running.client, running.client.describe_version(running.project, "v1")
    )
    assert summary["errors"] == []
    assert summary["statistics"]["training"] == {
        "use_case": "IMAGE_LEVEL_LABELS",
        "total_json_lines": 40,
        "valid_json_lines": 40,
        "invalid_json_lines": 0,
        "ignored_json_lines": 0,
        "error_json_line_indices": [],
        "errors": [],
    }


def test_training_twice_on_the_same_images_gives_the_same_model(
    client: Client, lines: tuple[list[Any], list[Any]]
) -> None:
    project = client.create_project_with_datasets("parts", *lines)
    for name in ("v1", "v2"):
        client.train(project, name)
    versions = client.call("DescribeProjectVersions", ProjectArn=project)
    second, first = versions["ProjectVersionDescriptions"]
    assert first["ProjectVersionArn"].split("/")[3] == "v1"
    image = encode(machine_parts.draw("gear", random.Random(5)))
    answers = []
    for version in (first["ProjectVersionArn"], second["ProjectVersionArn"]):
        client.call("StartProjectVersion", ProjectVersionArn=version, MinInferenceUnits=1)
        client.clock.advance(600)
        answers.append(client.detect(version, image, MinConfidence=0))
    for one, other in zip(*answers, strict=True):
        assert one["Name"] == other["Name"]
        assert one["Confidence"] == pytest.approx(other["Confidence"], abs=1e-3)


def test_a_version_name_is_taken_until_the_version_is_gone(
    client: Client, lines: tuple[list[Any], list[Any]]
) -> None:
    project = client.create_project_with_datasets("parts", *lines)
    version = client.start_training(project)
    with pytest.raises(ServiceError, match="ResourceInUseException"):
        client.start_training(project)
    with pytest.raises(ServiceError, match="ResourceInUseException"):
        client.call("DeleteProjectVersion", ProjectVersionArn=version)
    client.service.close()
    client.clock.advance(1800)
    with pytest.raises(ServiceError, match="ResourceInUseException"):
        client.call("DeleteProject", ProjectArn=project)
    answer = client.call("DeleteProjectVersion", ProjectVersionArn=version)
    assert answer == {"Status": "DELETING"}
    assert client.describe_version(project, "v1")["Status"] == "DELETING"
    client.clock.advance(10)
    found = client.call("DescribeProjectVersions", ProjectArn=project)
    assert found["ProjectVersionDescriptions"] == []


def test_a_third_training_at_once_is_refused(
    client: Client, lines: tuple[list[Any], list[Any]]
) -> None:
    project = client.create_project_with_datasets("parts", *lines)
    for name in ("v1", "v2"):
        client.start_training(project, name)
    with pytest.raises(ServiceError, match="LimitExceededException"):
        client.start_training(project, "v3")


def test_a_training_needs_both_datasets_and_neither_in_use(client: Client) -> None:
    project = client.create_project()
    train = draw_lines(client.store, "train", 1, 1, TWO_LABELS)
    client.create_dataset(project, "TRAIN", train)
    with pytest.raises(ServiceError, match=r"InvalidParameterException.*TEST dataset"):
        client.start_training(project)
    client.call("CreateDataset", ProjectArn=project, DatasetType="TEST")
    with pytest.raises(ServiceError, match="ResourceInUseException"):
        client.start_training(project)


def data(*names: str) -> dict[str, Any]:
    """TrainingData or TestingData of these manifests."""
    return {
        "Assets": [
            {"GroundTruthManifest": {"S3Object": {"Bucket": BUCKET, "Name": name}}}
            for name in names
        ]
    }


def train_on(client: Client, project: str, **given: Any) -> dict[str, Any]:
    """The version that a training on given manifests has come to."""
    return client.train(project, "v1", BUCKET, **given)


def train_on_part_of(client: Client, key: str) -> dict[str, Any]:
    """The version of a training that makes its own test images out of the manifest's."""
    testing = {"AutoCreate": True}
    return train_on(client, client.create_project(), TrainingData=data(key), TestingData=testing)


def test_a_project_without_datasets_trains_on_the_manifests_that_it_is_given(
    client: Client, lines: Any
) -> None:
    for name, given in zip(("train.manifest", "test.manifest"), lines, strict=True):
        client.store.put(BUCKET, name, manifest(given))
    training, testing = data("train.manifest"), data("test.manifest")
    project = client.create_project()
    version = train_on(client, project, TrainingData=training, TestingData=testing)
    assert version["Status"] == "TRAINING_COMPLETED"
    assert version["TrainingDataResult"]["Input"] == training
    assert version["TestingDataResult"]["Input"] == testing
    assert manifest_summary(client, version)["statistics"]["testing"]["total_json_lines"] == 2


def test_a_training_makes_its_own_test_images_where_it_is_asked_to(client: Client) -> None:
    given = draw_lines(client.store, "train", 5, 1, TWO_LABELS)
    client.store.put(BUCKET, "train.manifest", manifest(given))
    version = train_on_part_of(client, "train.manifest")
    assert version["Status"] == "TRAINING_COMPLETED"
    assert version["TestingDataResult"]["Input"] == {"AutoCreate": True}
    statistics = manifest_summary(client, version)["statistics"]
    assert statistics["training"]["total_json_lines"] == 8
    assert statistics["testing"]["total_json_lines"] == 2


def test_the_validation_manifests_of_a_training_can_be_trained_on(client: Client) -> None:
    train = draw_lines(client.store, "train", 3, 1, TWO_LABELS)
    train.append({"source-ref": f"s3://{BUCKET}/train/none.jpg"})
    test = [*draw_lines(client.store, "test", 3, 2, TWO_LABELS), line(f"s3://{BUCKET}/no", "bolt")]
    first = client.train(client.create_project_with_datasets("parts", train, test))
    assert manifest_summary(client, first)["statistics"]["testing"]["invalid_json_lines"] == 1
    again = train_on(
        client,
        client.create_project("again"),
        TrainingData=first["TrainingDataResult"]["Validation"],
        TestingData=first["TestingDataResult"]["Validation"],
    )
    assert manifest_summary(client, again) == manifest_summary(client, first)


def test_too_few_images_to_split_fail_the_training(client: Client, lines: Any) -> None:
    train, _ = lines
    client.store.put(BUCKET, "train.manifest", manifest(train[2:]))
    version = train_on_part_of(client, "train.manifest")
    assert version["Status"] == "TRAINING_FAILED"
    statistics = manifest_summary(client, version)["statistics"]["training"]
    assert statistics["use_case"] == "NOT_DETERMINED"
    codes = [error["code"] for error in statistics["errors"]]
    assert codes == ["ERROR_INSUFFICIENT_IMAGES_PER_LABEL_FOR_AUTOSPLIT"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("no-extension", b"{}", "The manifest file extension or contents are invalid."),
        ("missing.manifest", None, "The manifest file extension or contents are invalid."),
        ("empty.manifest", b"", "The manifest file is empty."),
        ("forbidden.manifest", b"{}", "The S3 bucket permissions are incorrect."),
    ],
)
def test_a_manifest_that_cannot_be_used_fails_the_training(
    client: Client, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        client.store.put(BUCKET, name, content)
    client.store.forbidden.add("forbidden.manifest")
    version = train_on(
        client,
        client.create_project(),
        TrainingData=data(name),
        TestingData={"AutoCreate": True},
    )
    assert (version["Status"], version["StatusMessage"]) == ("TRAINING_FAILED", message)
    assert "ManifestSummary" not in version


@pytest.mark.parametrize(
    "given",
    [
        {"TrainingData": data("train.manifest")},
        {"TrainingData": {"Assets": []}, "TestingData": {"AutoCreate": True}},
        {"TrainingData": data("train.manifest"), "TestingData": {}},
        {
            "TrainingData": data("train.manifest"),
            "TestingData": {**data("test.manifest"), "AutoCreate": True},
        },
        {"TrainingData": {"Assets": [{}]}, "TestingData": {"AutoCreate": True}},
    ],
)
def test_manifests_that_cannot_be_meant_are_refused(client: Client, given: dict[str, Any]) -> None:
    with pytest.raises(ServiceError, match="InvalidParameterException"):
        client.start_training(client.create_project(), **given)


def test_manifests_are_refused_where_a_project_has_datasets(client: Client, lines: Any) -> None:
    project = client.create_project_with_datasets("parts", *lines)
    client.store.put(BUCKET, "train.manifest", manifest(lines[0]))
    with pytest.raises(ServiceError, match="has datasets"):
        client.start_training(
            project, TrainingData=data("train.manifest"), TestingData={"AutoCreate": True}
        )


def test_one_label_is_too_few(client: Client) -> None:
    train = draw_lines(client.store, "train", 2, 1, ["bolt"])
    project = client.create_project_with_datasets("parts", train, train[:1])
    version = client.train(project)
    assert version["Status"] == "TRAINING_FAILED"
    assert "ERROR_MANIFEST_TOO_FEW_LABELS" in version["StatusMessage"]
    (error,) = manifest_summary(client, version)["errors"]
    assert error["code"] == "ERROR_MANIFEST_TOO_FEW_LABELS"
    assert "EvaluationResult" not in version
    assert "BillableTrainingTimeInSeconds" not in version
    with pytest.raises(ServiceError, match="InvalidParameterException"):
        client.call(
            "StartProjectVersion",
            ProjectVersionArn=version["ProjectVersionArn"],
            MinInferenceUnits=1,
        )


def test_train_and_test_must_share_half_of_the_labels(client: Client) -> None:
    train = draw_lines(client.store, "train", 1, 1, ("bolt", "gear", "nut"))
    test = draw_lines(client.store, "test", 1, 2, ["nut"])
    version = client.train(client.create_project_with_datasets("parts", train, test))
    assert "ERROR_INSUFFICIENT_LABEL_OVERLAP" in version["StatusMessage"]


def test_all_images_must_be_in_one_bucket(client: Client, lines: Any) -> None:
    train, test = lines
    foreign = line("s3://elsewhere/train/x.jpg", "bolt")
    client.store.put("elsewhere", "train/x.jpg", client.store.get(BUCKET, "train/bolt/0.jpg", None))
    version = client.train(client.create_project_with_datasets("parts", [*train, foreign], test))
    assert "ERROR_IMAGES_IN_MULTIPLE_S3_BUCKETS" in version["StatusMessage"]


def test_a_few_bad_images_are_left_out_and_reported(client: Client, lines: Any) -> None:
    train, test = lines
    client.store.put(BUCKET, "bad/text.jpg", b"not an image")
    client.store.put(
        BUCKET, "bad/half.jpg", client.store.get(BUCKET, "train/bolt/0.jpg", None)[:900]
    )
    bad = [line(f"s3://{BUCKET}/bad/{name}.jpg", "bolt") for name in ("text", "gone")]
    more = draw_lines(client.store, "more", 2, 3, TWO_LABELS)
    version = client.train(
        client.create_project_with_datasets("parts", [*train, *more, *bad], test)
    )
    assert version["Status"] == "TRAINING_COMPLETED"
    statistics = manifest_summary(client, version)["statistics"]["training"]
    assert statistics["invalid_json_lines"] == 2
    assert statistics["error_json_line_indices"] == [11, 12]
    (asset,) = version["TrainingDataResult"]["Validation"]["Assets"]
    validated = client.store.read_lines(asset)
    assert [found["errors"][0]["code"] for found in validated[10:]] == ["ERROR_INVALID_IMAGE"] * 2
    (asset,) = version["TrainingDataResult"]["Output"]["Assets"]
    assert len(client.store.read_lines(asset)) == 10


def test_many_bad_images_fail_the_training(client: Client, lines: Any) -> None:
    train, test = lines
    tiny = encode(machine_parts.draw("bolt", random.Random(1)).resize((40, 40)))
    client.store.put(BUCKET, "train/bolt/0.jpg", tiny)
    client.store.put(BUCKET, "train/bolt/1.jpg", tiny)
    version = client.train(client.create_project_with_datasets("parts", train, test))
    assert "ERROR_TOO_MANY_INVALID_ROWS_IN_MANIFEST" in version["StatusMessage"]
    summary = manifest_summary(client, version)
    of_training = summary["statistics"]["training"]
    (error,) = of_training["errors"]
    assert error["code"] == "ERROR_TOO_MANY_INVALID_ROWS_IN_MANIFEST"
    assert of_training["use_case"] == "NOT_DETERMINED"
    assert summary["errors"] == summary["statistics"]["testing"]["errors"] == []
    (asset,) = version["TrainingDataResult"]["Validation"]["Assets"]
    errors = [found["errors"][0] for found in client.store.read_lines(asset) if "errors" in found]
    assert [error["code"] for error in errors] == ["ERROR_INVALID_IMAGE_DIMENSION"] * 2


def test_unlabelled_lines_are_ignored(client: Client, lines: Any) -> None:
    train, test = lines
    train = [*train, {"source-ref": f"s3://{BUCKET}/train/none.jpg"}]
    version = client.train(client.create_project_with_datasets("parts", train, test))
    assert version["Status"] == "TRAINING_COMPLETED"
    statistics = manifest_summary(client, version)["statistics"]["training"]
    assert (statistics["ignored_json_lines"], statistics["invalid_json_lines"]) == (1, 0)
    assert (statistics["total_json_lines"], statistics["valid_json_lines"]) == (7, 6)


def test_images_that_may_not_be_read_fail_the_training(client: Client, lines: Any) -> None:
    client.store.forbidden.add("train/bolt/0.jpg")
    version = client.train(client.create_project_with_datasets("parts", *lines))
    assert "ERROR_INVALID_PERMISSIONS_IMAGES_S3_BUCKET" in version["StatusMessage"]


def test_an_output_bucket_that_is_missing_fails_the_training(client: Client, lines: Any) -> None:
    project = client.create_project_with_datasets("parts", *lines)
    version = client.train(project, bucket="no-such-bucket")
    assert version["Status"] == "TRAINING_FAILED"
    assert "no-such-bucket" in version["StatusMessage"]
    assert "ManifestSummary" not in version


def test_an_unexpected_error_ends_in_training_failed(make_client: MakeClient) -> None:
    client = make_client()
    lines = draw_lines(client.store, "train", 1, 1, TWO_LABELS)
    project = client.create_project_with_datasets("parts", lines, lines)
    client.store.objects[BUCKET, "train/bolt/0.jpg"] = None  # type: ignore[assignment]
    version = client.train(project)
    assert version["Status"] == "TRAINING_FAILED"
    assert "TypeError" in version["StatusMessage"]


def test_the_smallest_training_has_one_image_a_label(client: Client) -> None:
    train = draw_lines(client.store, "train", 1, 1, TWO_LABELS)
    test = draw_lines(client.store, "test", 1, 2, ["bolt"])
    version = client.train(client.create_project_with_datasets("parts", train, test))
    assert version["Status"] == "TRAINING_COMPLETED"
    summary = client.store.read_json(version["EvaluationResult"]["Summary"]["S3Object"])
    assert [result["Label"] for result in summary["LabelEvaluationResults"]] == ["bolt"]


def test_the_converted_network_is_cached_under_a_versioned_name(
    running: Running, cache_dir: Path
) -> None:
    assert {path.name for path in cache_dir.iterdir()} == {networks.EMBEDDING, networks.GRID}
