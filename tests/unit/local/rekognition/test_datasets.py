"""Projects and datasets: their life, their limits, and what becomes of wrong manifest lines."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from labelloop_pages import machine_parts
from local.rekognition import ServiceError
from tests.unit.local.rekognition.support import (
    BUCKET,
    Client,
    boxes_line,
    line,
    manifest,
    several_labels_line,
)

METADATA_FORMAT = "ERROR_INVALID_LABEL_ATTRIBUTE_METADATA_FORMAT"


def image(number: int) -> str:
    return f"s3://{BUCKET}/images/{number}.jpg"


def lines(count: int, label: str = "bolt") -> list[Any]:
    return [line(image(number), label) for number in range(count)]


def describe(client: Client, dataset: str) -> dict[str, Any]:
    return dict(client.call("DescribeDataset", DatasetArn=dataset)["DatasetDescription"])


def entries(client: Client, dataset: str, **filters: Any) -> list[dict[str, Any]]:
    answer = client.call("ListDatasetEntries", DatasetArn=dataset, **filters)
    return [json.loads(entry) for entry in answer["DatasetEntries"]]


def update(client: Client, dataset: str, changed: list[Any]) -> None:
    encoded = base64.b64encode(manifest(changed)).decode()
    client.call("UpdateDatasetEntries", DatasetArn=dataset, Changes={"GroundTruth": encoded})


def test_a_project_is_described_with_its_datasets(client: Client) -> None:
    project = client.create_project()
    dataset = client.create_dataset(project, "TRAIN", lines(2))
    (described,) = client.call("DescribeProjects")["ProjectDescriptions"]
    assert described["ProjectArn"] == project
    assert described["Status"] == "CREATED"
    assert [item["DatasetArn"] for item in described["Datasets"]] == [dataset]
    assert described["Datasets"][0]["Status"] == "CREATE_COMPLETE"


def test_arns_end_in_epoch_milliseconds_that_are_never_the_same(client: Client) -> None:
    numbers = [int(client.create_project(name).rsplit("/", 1)[1]) for name in ("a", "b", "c")]
    assert numbers[0] == int(client.clock.now * 1000)
    assert len(set(numbers)) == 3


def test_a_project_name_is_taken_until_the_project_is_gone(client: Client) -> None:
    project = client.create_project("parts")
    with pytest.raises(ServiceError, match="ResourceInUseException"):
        client.create_project("parts")
    assert client.call("DeleteProject", ProjectArn=project) == {"Status": "DELETING"}
    with pytest.raises(ServiceError, match="ResourceInUseException"):
        client.create_project("parts")
    client.clock.advance(10)
    assert client.call("DescribeProjects")["ProjectDescriptions"] == []
    client.create_project("parts")


def test_projects_are_listed_newest_first_a_page_at_a_time(client: Client) -> None:
    for name in ("a", "b", "c"):
        client.create_project(name)
    first = client.call("DescribeProjects", MaxResults=2)
    second = client.call("DescribeProjects", MaxResults=2, NextToken=first["NextToken"])
    arns = [
        project["ProjectArn"] for page in (first, second) for project in page["ProjectDescriptions"]
    ]
    assert [arn.split("/")[1] for arn in arns] == ["c", "b", "a"]
    assert "NextToken" not in second


def test_a_token_is_refused_for_another_question(client: Client) -> None:
    for name in ("a", "b"):
        client.create_project(name)
    token = client.call("DescribeProjects", MaxResults=1)["NextToken"]
    for request in ({"NextToken": "nonsense"}, {"NextToken": token, "ProjectNames": ["a"]}):
        with pytest.raises(ServiceError, match="InvalidPaginationTokenException"):
            client.call("DescribeProjects", **request)


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("CreateProject", {}),
        ("CreateProject", {"ProjectName": "with space"}),
        ("CreateProject", {"ProjectName": "x" * 256}),
        ("CreateProject", {"ProjectName": "x", "Unheard": 1}),
        ("CreateProject", {"ProjectName": "x", "Feature": "CONTENT_MODERATION"}),
        ("DescribeProjects", {"MaxResults": 101}),
        ("DescribeProjects", {"MaxResults": "2"}),
        ("DescribeDataset", {"DatasetArn": "arn:aws:rekognition:eu-west-1:1:project/x/1"}),
    ],
)
def test_a_request_that_does_not_fit_the_model_is_refused(
    client: Client, operation: str, request_: dict[str, Any]
) -> None:
    with pytest.raises(ServiceError, match="InvalidParameterException"):
        client.call(operation, **request_)


@pytest.mark.parametrize("operation", ["DetectFaces", "Nonsense"])
def test_an_operation_that_is_not_emulated_fails_loudly(client: Client, operation: str) -> None:
    with pytest.raises(ServiceError, match="UnknownOperationException"):
        client.service.handle(operation, {})


def test_tags_are_accepted(client: Client) -> None:
    client.call("CreateProject", ProjectName="parts", Tags={"stack": "demo"})


def test_a_dataset_is_created_after_a_while(client: Client) -> None:
    project = client.create_project()
    client.store.put(BUCKET, "m.manifest", manifest(lines(3)))
    source = {"GroundTruthManifest": {"S3Object": {"Bucket": BUCKET, "Name": "m.manifest"}}}
    request = {"ProjectArn": project, "DatasetType": "TEST", "DatasetSource": source}
    dataset = client.call("CreateDataset", **request)["DatasetArn"]
    assert "/dataset/test/" in dataset
    assert describe(client, dataset)["Status"] == "CREATE_IN_PROGRESS"
    with pytest.raises(ServiceError, match="ResourceNotReadyException"):
        client.call("ListDatasetEntries", DatasetArn=dataset)
    with pytest.raises(ServiceError, match="ResourceInUseException"):
        client.call("DeleteDataset", DatasetArn=dataset)
    client.clock.advance(30)
    described = describe(client, dataset)
    assert described["Status"] == "CREATE_COMPLETE"
    assert described["StatusMessageCode"] == "SUCCESS"
    assert described["DatasetStats"] == {
        "TotalEntries": 3,
        "LabeledEntries": 3,
        "TotalLabels": 1,
        "ErrorEntries": 0,
    }


def test_emulated_durations_are_divided_by_the_time_scale(make_client: Any) -> None:
    client = make_client(time_scale=100)
    project = client.create_project()
    dataset = client.call("CreateDataset", ProjectArn=project, DatasetType="TRAIN")["DatasetArn"]
    client.clock.advance(0.29)
    assert describe(client, dataset)["Status"] == "CREATE_IN_PROGRESS"
    client.clock.advance(0.02)
    assert describe(client, dataset)["Status"] == "CREATE_COMPLETE"


def test_a_project_has_one_dataset_of_each_type(client: Client) -> None:
    project = client.create_project()
    client.create_dataset(project, "TRAIN", lines(1))
    with pytest.raises(ServiceError, match="ResourceAlreadyExistsException"):
        client.create_dataset(project, "TRAIN", lines(1))
    client.create_dataset(project, "TEST", lines(1))


def test_a_dataset_can_be_copied_from_another(client: Client) -> None:
    original = client.create_dataset(client.create_project("a"), "TRAIN", lines(2))
    answer = client.call(
        "CreateDataset",
        ProjectArn=client.create_project("b"),
        DatasetType="TEST",
        DatasetSource={"DatasetArn": original},
    )
    client.clock.advance(30)
    assert entries(client, answer["DatasetArn"]) == entries(client, original)


def test_a_named_version_of_a_manifest_is_read(client: Client) -> None:
    client.store.put(BUCKET, "m.manifest", manifest(lines(1)))
    project = client.create_project()
    for kind, version in (("TRAIN", "1"), ("TEST", "2")):
        s3_object = {"Bucket": BUCKET, "Name": "m.manifest", "Version": version}
        source = {"GroundTruthManifest": {"S3Object": s3_object}}
        request = {"ProjectArn": project, "DatasetType": kind, "DatasetSource": source}
        if version == "1":
            client.call("CreateDataset", **request)
        else:
            with pytest.raises(ServiceError, match="InvalidS3ObjectException"):
                client.call("CreateDataset", **request)


def test_a_missing_manifest_is_an_invalid_s3_object(client: Client) -> None:
    source = {"GroundTruthManifest": {"S3Object": {"Bucket": BUCKET, "Name": "none.manifest"}}}
    with pytest.raises(ServiceError, match="InvalidS3ObjectException"):
        client.call(
            "CreateDataset",
            ProjectArn=client.create_project(),
            DatasetType="TRAIN",
            DatasetSource=source,
        )


def test_duplicates_and_unreadable_lines_are_dropped_in_silence(client: Client) -> None:
    bad = ["not json", {"label": 1}, line("https://x/a.jpg", "bolt"), line(image(0), "nut")]
    dataset = client.create_dataset(client.create_project(), "TRAIN", [*lines(20), *bad])
    stats = describe(client, dataset)["DatasetStats"]
    assert (stats["TotalEntries"], stats["ErrorEntries"], stats["TotalLabels"]) == (20, 0, 1)


def test_more_than_a_fifth_of_invalid_lines_fails_the_dataset(client: Client) -> None:
    for bad, status in ((2, "CREATE_COMPLETE"), (3, "CREATE_FAILED")):
        project = client.create_project(f"parts-{bad}")
        dataset = client.create_dataset(project, "TRAIN", [*lines(10 - bad), *["{"] * bad])
        described = describe(client, dataset)
        assert described["Status"] == status
    assert described["StatusMessageCode"] == "CLIENT_ERROR"
    assert described["StatusMessage"].startswith("ERROR_TOO_MANY_RECORDS_IN_ERROR")
    with pytest.raises(ServiceError, match="ResourceNotReadyException"):
        entries(client, dataset)


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (line(image(9), "bolt", confidence=None), METADATA_FORMAT),
        (line(image(9), "bolt", human_annotated="maybe"), METADATA_FORMAT),
        (line(image(9), "bolt", creation_date="today"), METADATA_FORMAT),
        (line(image(9), ""), METADATA_FORMAT),
        (line(image(9), "x" * 256), "ERROR_INVALID_LABEL_NAME_LENGTH"),
        (
            line(image(9), "bolt", type="groundtruth/image-classification-multilabel"),
            "ERROR_UNSUPPORTED_USE_CASE_TYPE",
        ),
        (line(image(9), "bolt") | {"label": "one"}, "ERROR_INVALID_LABEL_ATTRIBUTE_FORMAT"),
        (line(image(9), "bolt") | {"label-metadata": 1}, METADATA_FORMAT),
        ({"source-ref": image(9), "label": 1}, None),
    ],
)
def test_a_wrong_line_is_kept_with_its_errors(
    client: Client, broken: Any, code: str | None
) -> None:
    dataset = client.create_dataset(client.create_project(), "TRAIN", [*lines(8), broken])
    (found,) = entries(client, dataset, HasErrors=True)
    assert found["source-ref"] == image(9)
    assert found["cl-metadata"] == {"is_labeled": False}
    of_the_line = [error["code"] for error in found["cl-errors"]]
    assert of_the_line[-1] == "ERROR_NO_VALID_LABEL_ATTRIBUTES"
    metadata = found.get("label-metadata")
    of_the_label = metadata.get("cl-errors", []) if isinstance(metadata, dict) else []
    assert {*of_the_line[:-1], *(error["code"] for error in of_the_label)} == {code} - {None}
    assert describe(client, dataset)["DatasetStats"]["ErrorEntries"] == 1


def test_a_manifest_may_mix_labels_several_labels_and_boxes(client: Client) -> None:
    part = machine_parts.PlacedPart("gear", 10, 10, 50, 40)
    nut = machine_parts.PlacedPart("nut", 0, 0, 30, 30)
    mixed = [
        line(image(1), "bolt"),
        several_labels_line(image(2), ["bolt", "nut"]),
        boxes_line(image(3), [part, nut, part], (100, 80)),
    ]
    dataset = client.create_dataset(client.create_project(), "TRAIN", mixed)
    stats = describe(client, dataset)["DatasetStats"]
    assert (stats["LabeledEntries"], stats["TotalLabels"], stats["ErrorEntries"]) == (3, 3, 0)
    described = client.call("ListDatasetLabels", DatasetArn=dataset)["DatasetLabelDescriptions"]
    counts = {label["LabelName"]: label["LabelStats"] for label in described}
    assert counts == {
        "bolt": {"EntryCount": 2, "BoundingBoxCount": 0},
        "gear": {"EntryCount": 1, "BoundingBoxCount": 2},
        "nut": {"EntryCount": 2, "BoundingBoxCount": 1},
    }
    found = entries(client, dataset, ContainsLabels=["nut"])
    assert [entry["source-ref"] for entry in found] == [image(2), image(3)]


def test_entries_are_filtered(client: Client) -> None:
    unlabelled = {"source-ref": image(7)}
    mixed = [*lines(3, "bolt"), line(image(5), "nut"), unlabelled]
    dataset = client.create_dataset(client.create_project(), "TRAIN", mixed)

    def found(**filters: Any) -> list[str]:
        return [entry["source-ref"] for entry in entries(client, dataset, **filters)]

    assert found(ContainsLabels=["nut"]) == [image(5)]
    assert found(Labeled=False) == [image(7)]
    assert found(SourceRefContains="images/2") == [image(2)]
    assert found(HasErrors=True) == []
    assert len(found()) == 5


def test_entries_and_labels_come_in_pages(client: Client) -> None:
    mixed = [*lines(3, "bolt"), line(image(5), "nut")]
    dataset = client.create_dataset(client.create_project(), "TRAIN", mixed)
    first = client.call("ListDatasetEntries", DatasetArn=dataset, MaxResults=3)
    rest = client.call("ListDatasetEntries", DatasetArn=dataset, NextToken=first["NextToken"])
    assert (len(first["DatasetEntries"]), len(rest["DatasetEntries"])) == (3, 1)
    labels = client.call("ListDatasetLabels", DatasetArn=dataset)["DatasetLabelDescriptions"]
    counts = {label["LabelName"]: label["LabelStats"]["EntryCount"] for label in labels}
    assert counts == {"bolt": 3, "nut": 1}


def test_an_update_adds_and_replaces_entries(client: Client) -> None:
    dataset = client.create_dataset(client.create_project(), "TRAIN", lines(2, "bolt"))
    for _ in range(2):
        update(client, dataset, [line(image(1), "nut"), line(image(2), "nut")])
        assert describe(client, dataset)["Status"] == "UPDATE_IN_PROGRESS"
        with pytest.raises(ServiceError, match="ResourceInUseException"):
            update(client, dataset, lines(1))
        with pytest.raises(ServiceError, match="ResourceInUseException"):
            entries(client, dataset)
        client.clock.advance(30)
        assert describe(client, dataset)["Status"] == "UPDATE_COMPLETE"
        found = entries(client, dataset)
        labels = [entry["label-metadata"]["class-name"] for entry in found]
        assert labels == ["bolt", "nut", "nut"]


def test_a_failed_update_leaves_the_entries_as_they_were(client: Client) -> None:
    dataset = client.create_dataset(client.create_project(), "TRAIN", lines(2))
    update(client, dataset, ["{", "{"])
    client.clock.advance(30)
    assert describe(client, dataset)["Status"] == "UPDATE_FAILED"
    assert len(entries(client, dataset)) == 2


def test_a_deleted_dataset_goes_and_makes_room(client: Client) -> None:
    project = client.create_project()
    dataset = client.create_dataset(project, "TRAIN", lines(1))
    with pytest.raises(ServiceError, match="ResourceInUseException"):
        client.call("DeleteProject", ProjectArn=project)
    client.call("DeleteDataset", DatasetArn=dataset)
    assert describe(client, dataset)["Status"] == "DELETE_IN_PROGRESS"
    client.clock.advance(10)
    with pytest.raises(ServiceError, match="ResourceNotFoundException"):
        describe(client, dataset)
    client.create_dataset(project, "TRAIN", lines(1))


def test_errors_of_boxes_stand_at_their_attribute(client: Client) -> None:
    good, far = (
        machine_parts.PlacedPart("gear", 0, 0, 9, 9),
        machine_parts.PlacedPart("gear", 99, 0, 9, 9),
    )
    broken = boxes_line(image(9), [good, far, good], (100, 80))
    del broken["boxes-metadata"]["objects"][2]
    dataset = client.create_dataset(client.create_project(), "TRAIN", [*lines(8), broken])
    (found,) = entries(client, dataset, HasErrors=True)
    (error,) = found["boxes"]["cl-errors"]
    assert error["code"] == "ERROR_INVALID_BOUNDING_BOX"
    (error,) = found["boxes-metadata"]["cl-errors"]
    assert error["code"] == "ERROR_MISSING_BOUNDING_BOX_CONFIDENCE"
    assert "cl-errors" not in found and found["cl-metadata"] == {"is_labeled": True}


def test_a_listed_line_can_be_sent_as_it_is(client: Client) -> None:
    broken = line(image(9), "bolt", confidence=None)
    dataset = client.create_dataset(client.create_project(), "TRAIN", [*lines(8), broken])
    listed = entries(client, dataset)
    update(client, dataset, listed)
    client.clock.advance(30)
    assert entries(client, dataset) == listed


def test_a_line_ends_only_where_the_file_says_so(client: Client) -> None:
    odd = line(f"s3://{BUCKET}/images/a\u2028b\x85c.jpg", "bolt")
    text = json.dumps(odd, ensure_ascii=False)
    dataset = client.create_dataset(client.create_project(), "TRAIN", [text, "", *lines(8)])
    assert describe(client, dataset)["DatasetStats"]["TotalEntries"] == 9


def test_both_datasets_can_be_created_at_once(client: Client) -> None:
    project = client.create_project()
    client.store.put(BUCKET, "m.manifest", manifest(lines(50)))
    source = {"GroundTruthManifest": {"S3Object": {"Bucket": BUCKET, "Name": "m.manifest"}}}

    def create(kind: str) -> str:
        try:
            answer = client.call(
                "CreateDataset", ProjectArn=project, DatasetType=kind, DatasetSource=source
            )
        except ServiceError as error:
            return error.code
        return str(answer["DatasetArn"])

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(create, ["TRAIN", "TEST", "TRAIN", "TEST"]))
    created = [answer for answer in answers if answer.startswith("arn:")]
    assert sorted(arn.split("/")[3] for arn in created) == ["test", "train"]
    assert answers.count("ResourceAlreadyExistsException") == 2
    client.clock.advance(30)
    for dataset in created:
        assert describe(client, dataset)["DatasetStats"]["TotalEntries"] == 50


def test_a_dataset_always_says_how_it_is(client: Client) -> None:
    project = client.create_project()
    created = client.call("CreateDataset", ProjectArn=project, DatasetType="TRAIN")
    dataset = created["DatasetArn"]
    told = [describe(client, dataset)]
    client.clock.advance(30)
    update(client, dataset, lines(1))
    told.append(describe(client, dataset))
    client.clock.advance(30)
    client.call("DeleteDataset", DatasetArn=dataset)
    told.append(describe(client, dataset))
    (listed,) = client.call("DescribeProjects")["ProjectDescriptions"]
    assert [(item["Status"], item["StatusMessage"]) for item in [*told, *listed["Datasets"]]] == [
        ("CREATE_IN_PROGRESS", "The dataset is being created."),
        ("UPDATE_IN_PROGRESS", "The dataset is being updated."),
        ("DELETE_IN_PROGRESS", "The dataset is being deleted."),
        ("DELETE_IN_PROGRESS", "The dataset is being deleted."),
    ]
    assert all(item["StatusMessageCode"] for item in [*told, *listed["Datasets"]])


# --- Distributing ---------------------------------------------------------------------------------


def distribute(client: Client, *datasets: str) -> None:
    client.call("DistributeDatasetEntries", Datasets=[{"Arn": arn} for arn in datasets])


def test_a_fifth_of_each_label_moves_to_an_empty_test_dataset(client: Client) -> None:
    project = client.create_project()
    given = [line(image(number), ("bolt", "gear")[number % 2]) for number in range(20)]
    train = client.create_dataset(project, "TRAIN", given)
    test = client.call("CreateDataset", ProjectArn=project, DatasetType="TEST")["DatasetArn"]
    client.clock.advance(30)
    distribute(client, train, test)
    for dataset in (train, test):
        assert describe(client, dataset)["Status"] == "UPDATE_IN_PROGRESS"
    client.clock.advance(30)
    for dataset, entries_of_label in ((train, 8), (test, 2)):
        described = describe(client, dataset)
        assert described["Status"] == "UPDATE_COMPLETE"
        labels = client.call("ListDatasetLabels", DatasetArn=dataset)["DatasetLabelDescriptions"]
        assert [item["LabelName"] for item in labels] == ["bolt", "gear"]
        assert {item["LabelStats"]["EntryCount"] for item in labels} == {entries_of_label}
    found = [entry["source-ref"] for arn in (train, test) for entry in entries(client, arn)]
    assert sorted(found) == sorted(image(number) for number in range(20))


def test_every_label_tests_and_trains_whatever_images_share(client: Client) -> None:
    project = client.create_project()
    given = [several_labels_line(image(number), ["bolt"]) for number in range(8)]
    given += [several_labels_line(image(number), ["bolt", "gear"]) for number in (8, 9)]
    train = client.create_dataset(project, "TRAIN", given)
    test = client.create_dataset(project, "TEST", [])
    distribute(client, train, test)
    client.clock.advance(30)
    for dataset in (train, test):
        labels = client.call("ListDatasetLabels", DatasetArn=dataset)["DatasetLabelDescriptions"]
        assert {item["LabelName"] for item in labels} == {"bolt", "gear"}
    assert len(entries(client, test)) == 2


def test_a_label_of_one_image_cannot_be_distributed(client: Client) -> None:
    project = client.create_project()
    train = client.create_dataset(project, "TRAIN", [*lines(5), line(image(9), "gear")])
    test = client.create_dataset(project, "TEST", [])
    distribute(client, train, test)
    client.clock.advance(30)
    for dataset in (train, test):
        described = describe(client, dataset)
        assert described["Status"] == "UPDATE_FAILED"
        assert "ERROR_INSUFFICIENT_IMAGES_PER_LABEL_FOR_DISTRIBUTE" in described["StatusMessage"]
    assert len(entries(client, train)) == 6


def test_only_the_two_datasets_of_a_project_are_distributed(client: Client) -> None:
    project, other = client.create_project("parts"), client.create_project("others")
    train = client.create_dataset(project, "TRAIN", lines(5))
    test = client.create_dataset(other, "TEST", [])
    for datasets in ((train, train), (train, test)):
        with pytest.raises(ServiceError, match="InvalidParameterException"):
            distribute(client, *datasets)
    full = client.create_dataset(project, "TEST", lines(1))
    with pytest.raises(ServiceError, match="must be empty"):
        distribute(client, train, full)
    update(client, train, lines(1))
    with pytest.raises(ServiceError, match="ResourceNotReadyException"):
        distribute(client, train, full)
