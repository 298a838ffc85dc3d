"""VerifyModel: a started version is tried on its own test images before it serves."""

import json
from collections.abc import Callable, Mapping

import pytest

from functions.verify_model.app import lambda_handler
from labelloop.domain import manifests
from labelloop.domain.annotations import Annotation
from labelloop.domain.manifests import LABELLED_FOLDER, SplitImage
from labelloop.domain.splits import Split
from labelloop.domain.version_files import VersionFiles
from labelloop.errors import InconsistentError, ModelNotReadyError, NotFoundError, ThrottledError
from labelloop.settings import Variable
from tests.unit.account import Account, Context, Json, event, refuses, version

RUNNING = event("verify_model.running")
NAME = RUNNING["version"]
EVALUATION = "rekognition-custom-labels-evaluation"


def _key(label: str, number: int) -> str:
    return f"{LABELLED_FOLDER}{label}/{number}.jpg"


def _prepare(account: Account, counts: Mapping[str, int]) -> None:
    """A version without an evaluation that has so many test and training images of each label."""
    images = []
    for label, count in counts.items():
        for number in range(count):
            key = _key(label, number)
            account.put(key, key.encode())
            etag = account.boto3("s3").head_object(Bucket=account.bucket, Key=key)["ETag"]
            annotation = Annotation.of_labels([label])
            images.append(SplitImage(key, etag.strip('"'), key, Split.TEST, annotation))
            images.append(SplitImage(f"train/{key}", "e", key, Split.TRAIN, annotation))
    account.put(VersionFiles(NAME).index, "\n".join(manifests.index_lines(images)).encode())
    _describe(account, version(NAME))


def _describe(account: Account, described: Json) -> None:
    account.rekognition.answers["DescribeProjectVersions"] = lambda _: {
        "ProjectVersionDescriptions": [described]
    }


def _evaluated(account: Account, found: Mapping[str, list[str]], threshold: float = 0.5) -> None:
    """Let the version have an evaluation in which these labels were found in the images."""
    labels = sorted({"cat", *(label for names in found.values() for label in names)})
    summary = {
        "EvaluationDetails": {"NumberOfTrainingImages": 9, "NumberOfTestingImages": len(found)},
        "AggregatedEvaluationResults": {"F1Score": 0.9, "Precision": 0.9, "Recall": 0.9},
        "LabelEvaluationResults": [
            {
                "Label": label,
                "NumberOfTestingImages": 3,
                "Metrics": {"F1Score": 1, "Precision": 1, "Recall": 1, "Threshold": threshold},
            }
            for label in labels
        ],
    }
    lines = []
    for key, names in found.items():
        entry: Json = {"source-ref": f"s3://{account.bucket}/{key}"}
        for position, label in enumerate(labels):
            entry[f"{EVALUATION}-{position}-metadata"] = {
                "class-name": label,
                "confidence": 0.9 if label in names else 0.1,
                f"{EVALUATION}-details": {
                    "is-true-positive": label in names,
                    "is-false-positive": False,
                },
            }
        lines.append(json.dumps(entry))
    account.put("evaluation/summary.json", json.dumps(summary).encode())
    account.put("evaluation/tested", "\n".join(lines).encode())

    def at(key: str) -> Json:
        return {"S3Object": {"Bucket": account.bucket, "Name": f"evaluation/{key}"}}

    _describe(
        account,
        version(NAME)
        | {
            "EvaluationResult": {"F1Score": 0.9, "Summary": at("summary.json")},
            "TestingDataResult": {"Output": {"Assets": [{"GroundTruthManifest": at("tested")}]}},
        },
    )


def _says(account: Account, answer: Callable[[str], Mapping[str, float]]) -> None:
    """Let the model answer with these labels and confidences for the image of a key."""
    account.rekognition.answers["DetectCustomLabels"] = lambda request: {
        "CustomLabels": [
            {"Name": name, "Confidence": confidence_pct}
            for name, confidence_pct in answer(request["Image"]["S3Object"]["Name"]).items()
        ]
    }


def _asked_about(account: Account) -> list[str]:
    asked = account.rekognition.asked("DetectCustomLabels")
    return [request["Image"]["S3Object"]["Name"] for request in asked]


def _verify() -> Json:
    return lambda_handler(RUNNING, Context())


def test_it_is_tried_on_test_images_of_every_label(account: Account) -> None:
    _prepare(account, {"cat": 25, "dog": 3})
    _says(account, lambda _: {"cat": 51.0})
    assert _verify() == {"tried": 20}
    keys = _asked_about(account)
    assert len(set(keys)) == 20
    assert sum("/dog/" in key for key in keys) == 3


def test_twice_comes_to_the_same_as_once(account: Account) -> None:
    _prepare(account, {"cat": 2, "dog": 2})
    _says(account, lambda _: {"cat": 51.0})
    assert _verify() == _verify()
    asked = _asked_about(account)
    assert asked[:4] == asked[4:]


def test_a_model_that_sees_nothing_anywhere_is_not_what_was_trained(account: Account) -> None:
    _prepare(account, {"cat": 1, "dog": 1})
    _says(account, lambda _: {})
    with pytest.raises(InconsistentError, match=f"{NAME} runs, but found nothing in any of 2"):
        _verify()


def test_a_model_that_says_what_its_evaluation_said_is_proven(account: Account) -> None:
    _prepare(account, {"cat": 5, "dog": 5})
    keys = [_key(label, number) for label in ("cat", "dog") for number in range(5)]
    # It was wrong on all images, and is so still: that is for the evaluation to judge.
    _evaluated(account, {key: ["dog" if "/cat/" in key else "cat"] for key in keys})
    _says(account, lambda key: {"cat": 30.0, "dog": 40.0 if "/cat/" in key else 20.0})
    assert _verify() == {"tried": 10}


@pytest.mark.parametrize(("differing", "proven"), [(2, True), (3, False)])
def test_a_fifth_of_the_images_may_come_out_otherwise(
    account: Account, differing: int, proven: bool
) -> None:
    _prepare(account, {"cat": 10})
    _evaluated(account, {_key("cat", number): ["cat"] for number in range(10)})
    others = [_key("cat", number) for number in range(differing)]
    _says(account, lambda key: {"dog" if key in others else "cat": 90.0})
    if proven:
        assert _verify() == {"tried": 10}
    else:
        with pytest.raises(InconsistentError, match=r"on 3 of 10 of its own test images\.$"):
            _verify()


@pytest.mark.parametrize("model_type", ["multi-label", "detection"])
def test_sets_of_labels_are_compared_at_their_assumed_thresholds(
    account: Account, monkeypatch: pytest.MonkeyPatch, model_type: str
) -> None:
    monkeypatch.setenv(Variable.MODEL_TYPE, model_type)
    _prepare(account, {"cat": 6})
    keys = [_key("cat", number) for number in range(6)]
    if model_type == "multi-label":
        _evaluated(account, {key: ["cat", "dog"] for key in keys}, threshold=0.3)
    else:
        _evaluated(account, {}, threshold=0.3)
        _evaluated_boxes(account, {key: ["cat", "dog", "dog"] for key in keys})
    _says(account, lambda _: {"cat": 60.0, "dog": 51.0, "cow": 20.0})
    assert _verify() == {"tried": 6}
    _says(account, lambda _: {"cat": 60.0, "dog": 10.0, "cow": 20.0})
    with pytest.raises(InconsistentError, match="on 6 of 6"):
        _verify()
    asked = account.rekognition.asked("DetectCustomLabels")
    assert {request["MinConfidence"] for request in asked} == {0}


def _evaluated_boxes(account: Account, found: Mapping[str, list[str]]) -> None:
    lines = []
    for key, names in found.items():
        details = {f"{EVALUATION}-details": {"is-true-positive": True}}
        box = {"left": 1, "top": 1, "width": 9, "height": 9}
        entry = {
            "source-ref": f"s3://{account.bucket}/{key}",
            EVALUATION: {
                "annotations": [{"class_id": position, **box} for position in range(len(names))]
            },
            f"{EVALUATION}-metadata": {
                "class-map": {str(position): name for position, name in enumerate(names)},
                "objects": [{"confidence": 0.9, **details} for _ in names],
            },
        }
        lines.append(json.dumps(entry))
    account.put("evaluation/tested", "\n".join(lines).encode())


def test_a_model_that_finds_nothing_where_its_evaluation_found_nothing_is_proven(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(Variable.MODEL_TYPE, "multi-label")
    _prepare(account, {"cat": 6})
    _evaluated(account, {_key("cat", number): [] for number in range(6)})
    _says(account, lambda _: {"cat": 3.0})
    assert _verify() == {"tried": 6}


def test_an_evaluation_whose_files_are_gone_is_none(account: Account) -> None:
    _prepare(account, {"cat": 6})
    _evaluated(account, {_key("cat", number): ["cat"] for number in range(6)})
    account.boto3("s3").delete_object(Bucket=account.bucket, Key="evaluation/tested")
    _says(account, lambda _: {"dog": 90.0})
    assert _verify() == {"tried": 6}


def test_an_image_that_the_model_refuses_is_told(account: Account) -> None:
    _prepare(account, {"cat": 3})
    account.rekognition.answers["DetectCustomLabels"] = refuses(
        "InvalidImageFormatException", "Request has invalid image format."
    )
    with pytest.raises(InconsistentError, match=r"refused 3 of 3 .*: Request has"):
        _verify()


def test_an_image_that_the_service_did_not_evaluate_is_not_asked_about(account: Account) -> None:
    _prepare(account, {"cat": 3})
    _evaluated(account, {_key("cat", number): ["cat"] for number in range(2)})
    _says(account, lambda _: {"cat": 90.0})
    assert _verify() == {"tried": 2}
    assert _key("cat", 2) not in _asked_about(account)


def test_an_image_that_alone_is_refused_is_its_own_fault(account: Account) -> None:
    _prepare(account, {"cat": 3})

    def answer(request: Json) -> Json:
        if request["Image"]["S3Object"]["Name"] == _key("cat", 1):
            return refuses("InvalidImageFormatException", "Request has invalid image format.")(
                request
            )
        return {"CustomLabels": [{"Name": "cat", "Confidence": 99.0}]}

    account.rekognition.answers["DetectCustomLabels"] = answer
    assert _verify() == {"tried": 3}
    _evaluated(account, {_key("cat", number): ["cat"] for number in range(3)})
    with pytest.raises(InconsistentError, match="refused 1 of 3"):
        _verify()


def test_an_image_that_is_there_and_cannot_be_read_is_told(account: Account) -> None:
    _prepare(account, {"cat": 1})
    account.rekognition.answers["DetectCustomLabels"] = refuses("InvalidS3ObjectException")
    with pytest.raises(InconsistentError, match="refused 1 of 1"):
        _verify()


def test_images_that_were_deleted_since_say_nothing_about_the_model(account: Account) -> None:
    _prepare(account, {"cat": 1, "dog": 1})
    for label in ("cat", "dog"):
        account.boto3("s3").delete_object(Bucket=account.bucket, Key=_key(label, 0))
    account.rekognition.answers["DetectCustomLabels"] = refuses("InvalidS3ObjectException")
    assert _verify() == {"tried": 0}


def test_images_that_were_replaced_since_say_nothing_about_the_model(account: Account) -> None:
    _prepare(account, {"cat": 10})
    _evaluated(account, {_key("cat", number): ["cat"] for number in range(10)})
    others = [_key("cat", number) for number in range(5)]
    for key in others:
        account.put(key, b"another image")
    _says(account, lambda key: {"dog" if key in others else "cat": 90.0})
    assert _verify() == {"tried": 5}


def test_the_pace_of_the_model_is_kept(account: Account) -> None:
    _prepare(account, {"cat": 1})
    throttled = [1]

    def answer(request: Json) -> Json:
        if throttled:
            throttled.pop()
            return refuses("ProvisionedThroughputExceededException")(request)
        return {"CustomLabels": [{"Name": "cat", "Confidence": 99.0}]}

    account.rekognition.answers["DetectCustomLabels"] = answer
    assert _verify() == {"tried": 1}
    account.rekognition.answers["DetectCustomLabels"] = refuses("ThrottlingException")
    with pytest.raises(ThrottledError):
        _verify()


def test_a_model_that_does_not_run_yet_is_tried_later(account: Account) -> None:
    _prepare(account, {"cat": 1})
    account.rekognition.answers["DetectCustomLabels"] = refuses("ResourceNotReadyException")
    with pytest.raises(ModelNotReadyError):
        _verify()


def test_a_version_that_somebody_deleted_is_not_found(account: Account) -> None:
    _prepare(account, {"cat": 1})
    account.rekognition.answers["DetectCustomLabels"] = refuses("ResourceNotFoundException")
    with pytest.raises(NotFoundError):
        _verify()
