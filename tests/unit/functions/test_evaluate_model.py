"""EvaluateModel: may the candidate take the champion's place? The report says why."""

import json

import pytest

from functions.evaluate_model.app import lambda_handler
from labelloop.aws import model_registry
from labelloop.errors import InconsistentError, NotFoundError
from tests.unit.account import Account, Context, Json, event, version, version_arn

TRAINED = event("evaluate_model.trained")
CANDIDATE, CHAMPION = TRAINED["version"], "v11-9f8e7d6c"
FIGURES = {"F1Score": 0.91, "Precision": 0.92, "Recall": 0.9}


def _described(account: Account, name: str) -> Json:
    def at(key: str) -> Json:
        return {"S3Object": {"Bucket": account.bucket, "Name": f"evaluation/{name}/{key}"}}

    return {
        **version(name, "TRAINING_COMPLETED"),
        "EvaluationResult": {"F1Score": 0.91, "Summary": at("summary.json")},
        "TestingDataResult": {"Output": {"Assets": [{"GroundTruthManifest": at("tested")}]}},
    }


def _snapshot(results: str) -> bytes:
    lines = []
    for number, result in enumerate(results):
        said = {"class-name": "cat" if result == "+" else "dog", "confidence": 0.9}
        name = "rekognition-custom-labels-evaluation-0-metadata"
        truth = {"class-name": "cat"}
        lines.append({"source-ref": f"s3://b/{number}.jpg", "label-metadata": truth, name: said})
    return "\n".join(json.dumps(line) for line in lines).encode()


def _trained(account: Account, name: str, results: str, f1: float = 0.91) -> None:
    summary = {
        "EvaluationDetails": {"NumberOfTrainingImages": 90, "NumberOfTestingImages": len(results)},
        "AggregatedEvaluationResults": {**FIGURES, "F1Score": f1},
        "LabelEvaluationResults": [],
    }
    account.put(f"evaluation/{name}/summary.json", json.dumps(summary).encode())
    account.put(f"evaluation/{name}/tested", _snapshot(results))


@pytest.fixture
def candidate(account: Account) -> Account:
    """A trained candidate that is right on 24 of 30 test images."""
    model_registry.add_version(CANDIDATE, {"number": 12, "data": "x"})
    _trained(account, CANDIDATE, "+" * 24 + "-" * 6)
    account.rekognition.answers["DescribeProjectVersions"] = lambda request: {
        "ProjectVersionDescriptions": [
            _described(account, name)
            for name in request["VersionNames"]
            if account.keys(f"evaluation/{name}/")
        ]
    }
    return account


def _evaluate() -> Json:
    return lambda_handler(TRAINED, Context())


def test_the_first_model_needs_to_be_good_enough_only(candidate: Account) -> None:
    output = _evaluate()
    assert (output["promote"], output["f1"]) == (True, 0.91)
    report = json.loads(candidate.read(output["report"]))
    assert report["reasons"] == output["reasons"]
    assert (report["champion"], report["comparison"]) == (None, None)


def test_twice_comes_to_the_same_as_once(candidate: Account) -> None:
    first = _evaluate()
    report, items = candidate.read(first["report"]), candidate.items("ModelVersionsTable")
    assert _evaluate() == first
    assert candidate.read(first["report"]) == report
    assert candidate.items("ModelVersionsTable") == items


def test_a_worse_model_never_replaces_a_better_one(candidate: Account) -> None:
    model_registry.switch(CHAMPION, version_arn(CHAMPION), None)
    _trained(candidate, CHAMPION, "+" * 30)
    output = _evaluate()
    assert output["promote"] is False
    report = json.loads(candidate.read(output["report"]))
    assert report["champion"] == CHAMPION
    assert report["comparison"]["shared_images"] == 30
    assert report["comparison"]["p_worse"] < 0.05


def test_a_better_model_does(candidate: Account) -> None:
    model_registry.switch(CHAMPION, version_arn(CHAMPION), None)
    _trained(candidate, CHAMPION, "+" * 15 + "-" * 15)
    assert _evaluate()["promote"] is True


def test_a_model_under_the_minimum_is_rejected_and_its_record_says_so(candidate: Account) -> None:
    candidate.set_parameter("Minimum-F1-Score", "0.95")
    assert _evaluate()["promote"] is False
    found = model_registry.version(CANDIDATE)
    assert found
    assert found["promote"] is False
    assert found["trained"]
    assert found["ended"]


def test_a_champion_that_somebody_deleted_is_compared_with_nothing(candidate: Account) -> None:
    model_registry.switch(CHAMPION, version_arn(CHAMPION), None)
    output = _evaluate()
    assert output["promote"] is True
    assert "shares 0 test images" in output["reasons"][1]


def test_a_trained_version_without_results_is_inconsistent(candidate: Account) -> None:
    candidate.rekognition.answers["DescribeProjectVersions"] = lambda _: {
        "ProjectVersionDescriptions": [version(CANDIDATE, "TRAINING_COMPLETED")]
    }
    with pytest.raises(InconsistentError, match="has no evaluation"):
        _evaluate()


def test_a_version_that_somebody_deleted_is_not_found(account: Account) -> None:
    with pytest.raises(NotFoundError):
        _evaluate()
