"""labelloop.domain.labeling_jobs: what goes into a labelling job, and what comes out."""

import json

import botocore.session
import pytest

from labelloop.domain import labeling_jobs
from labelloop.domain.annotations import ModelType
from labelloop.domain.imported_lines import read_line
from labelloop.errors import InvalidRequestError

METADATA = {
    "confidence": 0.9,
    "creation-date": "2026-11-21T09:15:27.000000",
    "human-annotated": "yes",
    "type": "groundtruth/image-classification",
}


def _line(detection: str, **more: object) -> bytes:
    content = json.loads(labeling_jobs.input_line(f"s3://bucket/{detection}.jpg", detection))
    return json.dumps({**content, **more}).encode()


def _of(detection: str, label: str) -> bytes:
    metadata = {**METADATA, "class-name": label}
    return _line(detection, label=0, **{"label-metadata": metadata})


def test_the_same_images_make_the_same_job_in_any_order() -> None:
    one = labeling_jobs.job("label-loop-1a2b3c4d", ["b", "a"])
    assert one == labeling_jobs.job("label-loop-1a2b3c4d", ["a", "b"])
    assert one != labeling_jobs.job("label-loop-1a2b3c4d", ["a"])
    assert len(one.name) <= 63


def test_names_begin_as_the_flow_definitions_does() -> None:
    arn = "arn:aws:sagemaker:eu-west-1:1:flow-definition/label-loop-1a2b3c4d-0a1b2c3d4e5f6071"
    assert labeling_jobs.prefix_of(arn) == "label-loop-1a2b3c4d"


@pytest.mark.parametrize("model_type", ModelType)
def test_the_services_own_functions_are_those_that_its_documentation_names(
    model_type: ModelType,
) -> None:
    model = botocore.session.get_session().get_service_model("sagemaker")
    task = model.shape_for("HumanTaskConfig").members["PreHumanTaskLambdaArn"]  # type: ignore[attr-defined]
    consolidation = model.shape_for("AnnotationConsolidationConfig").members[  # type: ignore[attr-defined]
        "AnnotationConsolidationLambdaArn"
    ]
    for region in labeling_jobs._ACCOUNTS:
        before, after = labeling_jobs.lambda_arns(region, model_type)
        assert f"{before}<" in task.documentation
        assert f"{after}<" in consolidation.documentation


def test_a_region_without_them_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="sa-east-1"):
        labeling_jobs.lambda_arns("sa-east-1", ModelType.DETECTION)


def test_workers_can_say_that_it_is_none_of_them_unless_they_draw() -> None:
    for model_type, more in ((ModelType.CLASSIFICATION, 1), (ModelType.DETECTION, 0)):
        assert len(labeling_jobs.categories(["cat", "dog"], model_type)["labels"]) == 2 + more
    for labels in ([], [str(number) for number in range(50)]):
        with pytest.raises(InvalidRequestError, match="labels"):
            labeling_jobs.categories(labels, ModelType.CLASSIFICATION)


def test_what_was_labelled_can_be_imported_and_the_rest_is_left_out() -> None:
    output = [
        _of("one", "cat"),
        _of("two", "None of the Above"),
        _line("three", **{"label-metadata": {"failure-reason": "ClientError"}}),
        _line("four"),
        b"",
    ]
    found = labeling_jobs.labelled(output)
    assert found.detections == ["one", "two"]
    (line,) = found.lines
    assert read_line(line, ModelType.CLASSIFICATION).annotation.labels == ("cat",)


def test_of_boxes_those_of_no_label_are_left_out_too() -> None:
    for names, kept in ((["cat", "dog"], 1), (["None of the Above"], 0)):
        metadata = {"class-map": {str(n): name for n, name in enumerate(names)}}
        line = _line("one", label=[0], **{"label-metadata": metadata})
        assert len(labeling_jobs.labelled([line]).lines) == kept


def _of_several(**confidences: float) -> bytes:
    labels = ["person", "bicycle", "None of the Above"]
    numbers = {name: str(labels.index(name.replace("_", " "))) for name in confidences}
    metadata = {
        **{name: value for name, value in METADATA.items() if name != "confidence"},
        "class-map": {number: labels[int(number)] for number in numbers.values()},
        "confidence-map": {numbers[name]: value for name, value in confidences.items()},
        "type": "groundtruth/image-classification-multilabel",
    }
    label = [int(number) for number in numbers.values()]
    return _line("one", label=label, **{"label-metadata": metadata})


@pytest.mark.parametrize(
    ("confidences", "labels"),
    [
        ({"bicycle": 0.95, "person": 0.2}, ("bicycle",)),
        ({"bicycle": 0.95, "person": 0.77}, ("bicycle", "person")),
        ({"bicycle": 0.95, "None_of_the_Above": 0.2}, ("bicycle",)),
        ({"bicycle": 0.2, "None_of_the_Above": 0.95}, None),
        ({"bicycle": 0.33, "person": 0.33}, None),
        ({"bicycle": 0.0, "person": 0.0}, ("bicycle", "person")),
        ({"None_of_the_Above": 0.0}, None),
    ],
)
def test_of_several_labels_those_train_that_are_surely_right(
    confidences: dict[str, float], labels: tuple[str, ...] | None
) -> None:
    found = labeling_jobs.labelled([_of_several(**confidences)])
    assert found.detections == ["one"]
    trained = [read_line(line, ModelType.MULTI_LABEL).annotation.labels for line in found.lines]
    assert trained == ([labels] if labels else [])


def test_a_manifest_says_which_records_it_is_about() -> None:
    lines = [labeling_jobs.input_line("s3://b/k.jpg", name).encode() for name in ("a", "b")]
    assert labeling_jobs.detections_in([*lines, b""]) == ["a", "b"]
