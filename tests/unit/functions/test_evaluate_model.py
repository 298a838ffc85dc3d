"""EvaluateModel: may the candidate take the champion's place? The report says why."""

import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from functions.evaluate_model.app import lambda_handler
from labelloop import clock
from labelloop.aws import deployed_version, hosting_state, sampling_position
from labelloop.domain import hosting, manifests
from labelloop.domain.annotations import Annotation, Box
from labelloop.domain.answers import Answer, Finding
from labelloop.domain.calibration import Outlook
from labelloop.domain.detections import Outcome
from labelloop.domain.doubt import Calibration
from labelloop.domain.hosting import Hosting
from labelloop.domain.image_labels import Label
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.manifests import SplitImage
from labelloop.domain.origins import GIVEN, Origin, Provenance, Stratum
from labelloop.domain.sampling import START, LogCounts
from labelloop.domain.splits import Split
from labelloop.domain.version_files import VersionFiles
from labelloop.errors import InconsistentError, NotFoundError
from labelloop.services import version_answers
from labelloop.settings import Variable
from tests.unit import inference_log, version_records
from tests.unit.account import Account, Context, Json, event, measured, version, version_arn

TRAINED, UNASKED = event("evaluate_model.trained"), event("evaluate_model.unasked")
CANDIDATE, CHAMPION = TRAINED["version"], "v11-9f8e7d6c"
FIGURES = {"F1Score": 0.91, "Precision": 0.92, "Recall": 0.9}
EVALUATION, TRAINING = (
    f"rekognition-custom-labels-{what}-0" for what in ("evaluation", "training")
)


def _described(account: Account, name: str) -> Json:
    def at(key: str) -> Json:
        return {"S3Object": {"Bucket": account.bucket, "Name": f"evaluation/{name}/{key}"}}

    return {
        **version(name, "TRAINING_COMPLETED"),
        "EvaluationResult": {"F1Score": 0.91, "Summary": at("summary.json")},
        "TestingDataResult": {"Output": {"Assets": [{"GroundTruthManifest": at("tested")}]}},
    }


def _snapshot(results: str, prefix: str = "") -> list[Json]:
    return [
        {
            "source-ref": f"s3://b/{prefix}{number}.jpg",
            f"{TRAINING}-metadata": {"class-name": "cat"},
            f"{EVALUATION}-metadata": {
                "class-name": "cat" if result == "+" else "dog",
                "confidence": 0.9,
            },
        }
        for number, result in enumerate(results)
    ]


def _put_lines(account: Account, key: str, lines: Sequence[Json]) -> None:
    account.put(key, "\n".join(json.dumps(line) for line in lines).encode())


def _trained(
    account: Account,
    name: str,
    tested: Sequence[Json],
    figures: Json | None = None,
    knows: Sequence[str] = (),
) -> None:
    summary: Json = {
        "EvaluationDetails": {"NumberOfTrainingImages": 90, "NumberOfTestingImages": len(tested)},
        "AggregatedEvaluationResults": figures or FIGURES,
        "LabelEvaluationResults": [
            {
                "Label": label,
                "NumberOfTestingImages": 9,
                "Metrics": {**FIGURES, "Threshold": 0.5},
            }
            for label in knows
        ],
    }
    account.put(f"evaluation/{name}/summary.json", json.dumps(summary).encode())
    _put_lines(account, f"evaluation/{name}/tested", tested)


def _indexed(account: Account, name: str, annotations: dict[str, Annotation]) -> None:
    """An index whose images' contents are numbered in their order."""
    images = [
        SplitImage(key, "etag", f"content {number}", Split.TEST, annotation)
        for number, (key, annotation) in enumerate(annotations.items())
    ]
    lines = "\n".join(manifests.index_lines(images))
    account.put(VersionFiles(name).index, lines.encode())


def _deploy_champion(account: Account, tested: Sequence[Json]) -> None:
    deployed_version.switch(CHAMPION, version_arn(CHAMPION), None)
    _trained(account, CHAMPION, tested)


@pytest.fixture
def candidate(account: Account) -> Account:
    """A trained candidate that is right on 24 of 30 test images."""
    version_records.add(CANDIDATE, {"number": 12, "data": "x"})
    _trained(account, CANDIDATE, _snapshot("+" * 24 + "-" * 6))
    account.rekognition.answers["DescribeProjectVersions"] = lambda request: {
        "ProjectVersionDescriptions": [
            _described(account, name)
            for name in request["VersionNames"]
            if account.keys(f"evaluation/{name}/")
        ]
    }
    return account


def _evaluate(**others: object) -> Json:
    return lambda_handler({**TRAINED, **others}, Context())


def _report(account: Account) -> Json:
    report: Json = json.loads(account.read(_evaluate()["report"]))
    return report


def test_the_first_model_needs_to_be_good_enough_only(candidate: Account) -> None:
    output = _evaluate()
    assert (output["promote"], output["f1"]) == (True, 0.91)
    report = _report(candidate)
    assert report["reasons"] == output["reasons"]
    assert (report["champion"], report["comparison"]) == (None, None)
    assert (report["metric"], report["minimum"], report["minimum_improvement"]) == ("f1", 0.8, 0.0)


@pytest.mark.parametrize(
    ("champion_knows", "figure"), [(None, 1.0), (["cat", "dog"], 1.0), (["cat", NONE_OF_THEM], 0.7)]
)
def test_the_first_version_that_knows_what_is_none_of_the_labels_is_not_held_to_that(
    candidate: Account, champion_knows: list[str] | None, figure: float
) -> None:
    """By the service its F1 score is 0.7: it takes all that is none of the labels for cats."""
    tested = _snapshot("+" * 25)
    for line in tested[15:]:
        line[f"{TRAINING}-metadata"] = {"class-name": NONE_OF_THEM}
    figures = {**FIGURES, "F1Score": 0.7}
    _trained(candidate, CANDIDATE, tested, figures, knows=["cat", "dog", NONE_OF_THEM])
    if champion_knows:
        _deploy_champion(candidate, tested)
        _trained(candidate, CHAMPION, tested, knows=champion_knows)
    reasons = _evaluate()["reasons"]
    assert reasons[0].startswith(f"Its F1 score of {figure:.2f} ")
    assert ("without the images that are none of the labels" in reasons[-1]) is (figure == 1.0)
    assert _report(candidate)["f1"] == 0.7


def test_twice_comes_to_the_same_as_once(candidate: Account) -> None:
    first = _evaluate()
    report, items = candidate.read(first["report"]), candidate.items("ModelVersionsTable")
    assert _evaluate() == first
    assert candidate.read(first["report"]) == report
    assert candidate.items("ModelVersionsTable") == items


def test_a_worse_model_never_replaces_a_better_one(candidate: Account) -> None:
    _deploy_champion(candidate, _snapshot("+" * 30))
    candidate.set_parameter("Minimum-Improvement", "-1.00")
    assert _evaluate()["promote"] is False
    report = _report(candidate)
    assert report["champion"] == CHAMPION
    assert report["comparison"]["shared_images"] == 30
    assert report["comparison"]["p_worse"] < 0.05


def test_a_better_model_does(candidate: Account) -> None:
    _deploy_champion(candidate, _snapshot("+" * 15 + "-" * 15))
    assert _evaluate()["promote"] is True


def test_the_operators_metric_and_improvement_decide(candidate: Account) -> None:
    _deploy_champion(candidate, _snapshot("+" * 22 + "-" * 8))
    assert _evaluate()["promote"] is True
    candidate.set_parameter("Minimum-Improvement", "0.10")
    assert _evaluate()["promote"] is False
    candidate.set_parameter("Minimum-Improvement", "0.05")
    candidate.set_parameter("Evaluation-Metric", "recall")
    candidate.set_parameter("Minimum-F1-Score", "0.91")
    output = _evaluate()
    assert output["promote"] is True
    assert "Its recall of 0.90 is under the minimum of 0.91;" in output["reasons"][0]


def test_a_model_under_the_minimum_is_rejected_and_its_record_says_so(candidate: Account) -> None:
    candidate.set_parameter("Minimum-F1-Score", "0.95")
    assert _evaluate()["promote"] is False
    found = version_records.read(CANDIDATE)
    assert found
    assert found["promote"] is False
    assert found["trained"]
    assert found["ended"]


def test_images_are_compared_by_what_they_are_and_by_what_they_are_labelled_now(
    candidate: Account,
) -> None:
    """The champion's images had other names, and six were labelled wrongly when it was trained."""
    cat, dog = Annotation.of_labels(["cat"]), Annotation.of_labels(["dog"])
    now = {f"{number}.jpg": cat if number < 24 else dog for number in range(30)}
    before = {f"old/{number}.jpg": cat for number in range(30)}
    _indexed(candidate, CANDIDATE, now)
    _indexed(candidate, CHAMPION, before)
    _deploy_champion(candidate, _snapshot("+" * 30, "old/"))
    assert _evaluate()["promote"] is True
    compared = _report(candidate)["comparison"]
    assert (compared["candidate_score"], compared["champion_score"]) == (1.0, 0.8)
    assert (compared["candidate_better"], compared["champion_better"]) == (6, 0)
    assert compared["basis"] == "test_set"


def test_samples_weigh_what_their_kind_has_of_the_log(candidate: Account) -> None:
    """The candidate is better on what was doubted, a tenth of the log, and worse on the rest."""
    cat = Annotation.of_labels(["cat"])
    doubted = Provenance(Origin.DOUBTFUL, "d" * 32, CHAMPION, False, 1.0)
    sampled = Provenance(Origin.SAMPLED, "d" * 32, CHAMPION, True, 0.01)
    images = [
        SplitImage(
            f"{number}.jpg",
            "etag",
            f"content {number}",
            Split.TEST,
            cat,
            provenance=doubted if number < 20 else sampled,
        )
        for number in range(100)
    ]
    lines = "\n".join(manifests.index_lines(images)).encode()
    for name in (CANDIDATE, CHAMPION):
        candidate.put(VersionFiles(name).index, lines)
    _trained(candidate, CANDIDATE, _snapshot("+" * 92 + "-" * 8))
    _deploy_champion(candidate, _snapshot("-" * 10 + "+" * 90))
    assert _evaluate()["promote"] is True
    log = LogCounts({Stratum(CHAMPION, accepted=False): 100, Stratum(CHAMPION, accepted=True): 900})
    sampling_position.move(START, replace(START, after="2026", log=log))
    report = _report(candidate)
    assert report["comparison"]["basis"] == "incoming"
    assert report["comparison"]["incoming"]["gain"] == pytest.approx(0.1 / 2 - 0.9 / 10)
    assert report["figures"]["incoming"]["value"] == pytest.approx(0.1 + 0.9 * 0.9)
    assert report["promote"] is False


def test_confusion_and_suspected_label_errors_are_in_the_report(candidate: Account) -> None:
    report = _report(candidate)
    assert report["confusion"] == [
        {"truth": "cat", "predicted": "cat", "images": 24},
        {"truth": "cat", "predicted": "dog", "images": 6},
    ]
    assert report["suspected_label_errors"][0] == {
        "key": "24.jpg",
        "labels": ["cat"],
        "predicted": ["dog"],
        "confidence_pct": 90.0,
    }


def test_what_the_version_was_made_of_is_in_the_report(candidate: Account) -> None:
    assert _report(candidate)["data"] is None
    assert _report(candidate)["entries"] == {"train": None, "test": None}
    data = {"images": 120, "left_out": {"images": 0}}
    candidate.put(VersionFiles(CANDIDATE).data_report, json.dumps(data).encode())
    entries = {"sent": 30, "stored": 29, "errors": ["One test image: it is broken."]}
    version_records.note(CANDIDATE, {"entries_test": entries})
    report = _report(candidate)
    assert report["data"] == data
    assert report["entries"] == {"train": None, "test": entries}


def test_a_multi_label_model_is_judged_by_its_sets_of_labels(
    candidate: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def line(number: int, *found: str) -> Json:
        entry: Json = {"source-ref": f"s3://b/{number}.jpg"}
        for position, label in enumerate(("cat", "dog")):
            name = f"rekognition-custom-labels-evaluation-{position}"
            entry[f"{name}-metadata"] = {
                "class-name": label,
                "confidence": 0.6 if label in found else 0.4,
                "rekognition-custom-labels-evaluation-details": {
                    "is-true-positive": label in found,
                    "is-false-positive": False,
                },
            }
        return entry

    monkeypatch.setenv(Variable.MODEL_TYPE, "multi-label")
    cat, both = Annotation.of_labels(["cat"]), Annotation.of_labels(["cat", "dog"])
    _indexed(candidate, CANDIDATE, {f"{n}.jpg": both if n < 10 else cat for n in range(20)})
    said = [line(n, "cat", "dog") if n < 10 else line(n, "cat") for n in range(20)]
    _trained(candidate, CANDIDATE, said)
    _deploy_champion(candidate, [line(n, "cat", "dog") for n in range(20)])
    assert _evaluate()["promote"] is True
    report = _report(candidate)
    assert report["comparison"]["champion_score"] == pytest.approx((1 + 2 / 3) / 2)
    assert report["comparison"]["candidate_better"] == 10
    assert report["confusion"] == []


def test_a_detection_model_is_judged_by_its_boxes(
    candidate: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def attribute(*lefts: int) -> Json:
        boxes = [
            {"class_id": 0, "left": left, "top": 0, "width": 20, "height": 20} for left in lefts
        ]
        size = {"width": 100, "height": 80, "depth": 3}
        return {"image_size": [size], "annotations": boxes}

    def line(number: int, *lefts: int) -> Json:
        found = {"rekognition-custom-labels-evaluation-details": {"is-true-positive": True}}
        objects = [{"confidence": 0.9, **found} for _ in lefts]
        return {
            "source-ref": f"s3://b/{number}.jpg",
            "rekognition-custom-labels-evaluation": attribute(*lefts),
            "rekognition-custom-labels-evaluation-metadata": {
                "class-map": {"0": "nut"},
                "objects": objects,
            },
        }

    monkeypatch.setenv(Variable.MODEL_TYPE, "detection")
    boxes = [Box("nut", 0, 0, 20, 20), Box("nut", 40, 0, 20, 20)]
    shows = Annotation.of_boxes(boxes, (100, 80))
    _indexed(candidate, CANDIDATE, {f"{number}.jpg": shows for number in range(20)})
    _trained(candidate, CANDIDATE, [line(number, 2, 41) for number in range(20)])
    _deploy_champion(candidate, [line(number, 0, 70) for number in range(20)])
    assert _evaluate()["promote"] is True
    compared = _report(candidate)["comparison"]
    assert (compared["candidate_score"], compared["champion_score"]) == (1.0, 0.5)


def _doubt(account: Account, name: str) -> Json:
    content: Json = json.loads(account.read(VersionFiles(name).doubt))
    return content


def test_how_sure_the_version_is_is_kept_for_when_it_serves(
    candidate: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And that of a version which an earlier release evaluated, once."""

    def line(number: int) -> Json:
        cat, dog = 0.5 + number / 50, 0.45 - number / 100
        entry: Json = {"source-ref": f"s3://b/{number}.jpg"}
        for position, (label, confidence) in enumerate((("cat", cat), ("dog", dog))):
            name = f"rekognition-custom-labels-evaluation-{position}"
            entry[f"{name}-metadata"] = {"class-name": label, "confidence": confidence}
        return entry

    monkeypatch.setenv(Variable.MODEL_TYPE, "multi-label")
    cat, both = Annotation.of_labels(["cat"]), Annotation.of_labels(["cat", "dog"])
    _indexed(candidate, CANDIDATE, {f"{n}.jpg": both if n < 5 else cat for n in range(20)})
    _indexed(candidate, CHAMPION, {f"{n}.jpg": both if n < 5 else cat for n in range(20)})
    _trained(candidate, CANDIDATE, [line(n) for n in range(20)], knows=("cat", "dog"))
    deployed_version.switch(CHAMPION, version_arn(CHAMPION), None)
    _trained(candidate, CHAMPION, [line(n) for n in range(20)], knows=("cat", "dog"))
    _evaluate()
    doubt = _doubt(candidate, CANDIDATE)
    read = Calibration.from_json(doubt["calibration"])
    assert {label: curve.threshold for label, curve in read.curves.items()} == {
        "cat": 0.5,
        "dog": 0.5,
    }
    price = Outlook.from_json(doubt["outlook"]).at(Decimal(70))
    assert (price.images, price.mistakes) == (20, 5)
    assert 0 < price.caught <= price.asked < 20
    assert _doubt(candidate, CHAMPION) == doubt
    candidate.put(VersionFiles(CHAMPION).doubt, b"{}")
    _evaluate()
    assert _doubt(candidate, CHAMPION) == {}, "that was done"


def test_of_a_classification_model_it_is_kept_what_a_minimum_would_cost(candidate: Account) -> None:
    _evaluate()
    assert _doubt(candidate, CANDIDATE) == {"calibration": None, "outlook": [[90.0, 30, 6]]}


def test_a_champion_that_somebody_deleted_does_not_serve(candidate: Account) -> None:
    deployed_version.switch(CHAMPION, version_arn(CHAMPION), None)
    output = _evaluate()
    assert output["promote"] is True
    assert f"The deployed model {CHAMPION} does not exist any more" in output["reasons"][1]


@pytest.mark.parametrize("missing", ["tested", "summary.json"])
def test_without_both_indexes_what_is_missing_cannot_be_asked_and_the_champion_stays(
    candidate: Account, missing: str
) -> None:
    _deploy_champion(candidate, _snapshot("+" * 30))
    candidate.boto3("s3").delete_object(
        Bucket=candidate.bucket, Key=f"evaluation/{CHAMPION}/{missing}"
    )
    output = _evaluate()
    assert (output["promote"], output["ask"]) == (False, None)
    assert "answers about 30 test images are missing" in output["reasons"][1]
    assert f"The index of {CANDIDATE} was deleted" in output["uncompared"]


def test_the_deployed_version_itself_is_compared_with_no_other(candidate: Account) -> None:
    deployed_version.switch(CANDIDATE, version_arn(CANDIDATE), None)
    report = _report(candidate)
    assert (report["champion"], report["comparison"]) == (CANDIDATE, None)
    assert "No other model is deployed" in report["reasons"][1]


def test_a_trained_version_without_results_is_inconsistent(candidate: Account) -> None:
    candidate.rekognition.answers["DescribeProjectVersions"] = lambda _: {
        "ProjectVersionDescriptions": [version(CANDIDATE, "TRAINING_COMPLETED")]
    }
    with pytest.raises(InconsistentError, match="has no evaluation"):
        _evaluate()


def _noted(version: str) -> Json:
    return version_records.read(version) or {}


def test_an_evaluation_that_goes_on_failing_comes_to_an_end(candidate: Account) -> None:
    """It would fail at every look, and be told each time."""
    key = next(key for key in candidate.keys(f"evaluation/{CANDIDATE}/") if "summary" in key)
    candidate.boto3("s3").delete_object(Bucket=candidate.bucket, Key=key)
    for _ in range(2):
        with pytest.raises(NotFoundError, match=f"{key} is not in the bucket"):
            _evaluate()
        assert "ended" not in _noted(CANDIDATE)
    with pytest.raises(InconsistentError, match="not tried again by itself") as raised:
        _evaluate()
    assert key in str(raised.value)
    assert "labelloop train --force" in str(raised.value)
    record = _noted(CANDIDATE)
    assert record["ended"]
    # Whoever asks by force goes on with the evaluation, and needs no other training.
    assert key in record["uncompared"]


def test_results_without_an_f1_score_are_inconsistent(candidate: Account) -> None:
    _trained(candidate, CANDIDATE, _snapshot("+"), {"Precision": 0.9, "Recall": 0.9})
    with pytest.raises(InconsistentError, match="has no F1Score"):
        _evaluate()


def test_a_version_that_somebody_deleted_is_not_found(account: Account) -> None:
    with pytest.raises(NotFoundError):
        _evaluate()


@pytest.mark.parametrize(("minimum", "verdict"), [("0.8", "promoted"), ("0.95", "rejected")])
def test_the_figure_of_each_version_is_measured_with_its_verdict(
    candidate: Account, capsys: pytest.CaptureFixture[str], minimum: str, verdict: str
) -> None:
    candidate.set_parameter("Minimum-F1-Score", minimum)
    _evaluate()
    assert measured(capsys.readouterr().out) == [
        {"Version": CANDIDATE, "Verdict": verdict, "TestImages": "30", "F1": 0.91}
    ]


# --- What is missing of the champion's answers ----------------------------------------------------


def _status(account: Account, status: str, units: int = 1) -> None:
    described = {
        **_described(account, CHAMPION),
        "Status": status,
        "MinInferenceUnits": units,
    }
    account.rekognition.answers["DescribeProjectVersions"] = lambda request: {
        "ProjectVersionDescriptions": [
            described if name == CHAMPION else _described(account, name)
            for name in request["VersionNames"]
        ]
    }


@pytest.fixture
def grown(candidate: Account) -> Account:
    """A test set that has grown from 10 images to 40 since the champion was tested, and stopped.

    The candidate is right on 30 of them, of the first ten on all.
    """
    cat = Annotation.of_labels(["cat"])
    _indexed(candidate, CANDIDATE, {f"{number}.jpg": cat for number in range(40)})
    _indexed(candidate, CHAMPION, {f"{number}.jpg": cat for number in range(10)})
    _trained(candidate, CANDIDATE, _snapshot("+" * 30 + "-" * 10))
    _deploy_champion(candidate, _snapshot("+" * 10))
    _status(candidate, "STOPPED")
    return candidate


def _remember(results: str) -> None:
    """Let the champion have answered about the images after the first ten."""
    answers = [
        Answer(
            f"content {number}",
            (Finding("cat" if result == "+" else "dog", 0.9),),
            complete=True,
        )
        for number, result in enumerate(results, start=10)
    ]
    version_answers.remember(CHAMPION, answers)


def _listed(account: Account) -> list[str]:
    lines = account.read(VersionFiles(CANDIDATE).to_ask(CHAMPION)).splitlines()
    return [image.content for image in manifests.read_index(lines)]


def test_a_champion_that_has_not_seen_todays_test_images_is_to_be_asked_before_the_verdict(
    grown: Account,
) -> None:
    output = _evaluate()
    assert output["ask"] == {
        "version": CHAMPION,
        "version_arn": version_arn(CHAMPION),
        "runs": False,
        "give_up_after": "2026-11-21T11:15:27.000Z",
    }
    assert sorted(_listed(grown)) == sorted(f"content {number}" for number in range(10, 40))
    record = version_records.read(CANDIDATE)
    assert record is not None
    assert "promote" not in record
    assert not grown.keys(VersionFiles(CANDIDATE).report)


def test_one_that_runs_anyway_is_asked_also_where_the_verdict_does_not_depend_on_it(
    grown: Account,
) -> None:
    """Of 40 images 33 are known, on which the candidate is better for sure."""
    _remember("-" * 23)
    assert _evaluate()["ask"] is None
    _status(grown, "RUNNING")
    output = _evaluate()
    assert output["ask"]["runs"] is True
    assert len(_listed(grown)) == 7


def test_one_that_starts_is_waited_for(grown: Account) -> None:
    _status(grown, "STARTING")
    assert _evaluate()["ask"]["runs"] is False


@pytest.mark.parametrize(("right", "promoted"), [(18, True), (20, True), (21, False), (30, False)])
def test_what_it_answered_decides(grown: Account, right: int, promoted: bool) -> None:
    _evaluate()
    _remember("+" * right + "-" * (30 - right))
    output = _evaluate(final=True)
    assert (output["ask"], output["promote"], output["uncompared"]) == (None, promoted, None)
    report = json.loads(grown.read(output["report"]))
    assert report["comparison"]["shared_images"] == 40
    assert report["comparison"]["missing"] == 0
    asked = {"version": CHAMPION, "images": 30, "answered": 30, "run": None}
    assert report["asked"] == output["asked"] == asked


def test_it_is_asked_by_one_list_however_often_that_is_begun(grown: Account) -> None:
    _evaluate()
    listed = _listed(grown)
    _remember("+" * 3 + "-" * 2)
    assert _evaluate()["ask"]
    assert _listed(grown) == listed
    _remember("+" * 30)
    assert _evaluate()["ask"] is None


def test_what_it_said_when_it_detected_an_image_is_known(grown: Account) -> None:
    came = [
        Provenance(Origin.DOUBTFUL, f"{number:032x}", CHAMPION, accepted=False, chance=1.0)
        for number in range(40)
    ]
    images = [
        SplitImage(
            f"{number}.jpg",
            "etag",
            f"content {number}",
            Split.TEST,
            Annotation.of_labels(["cat"]),
            provenance=came[number] if number >= 10 else GIVEN,
        )
        for number in range(40)
    ]
    grown.put(VersionFiles(CANDIDATE).index, "\n".join(manifests.index_lines(images)).encode())
    for number in range(10, 40):
        label = Label("cat" if number < 20 else "dog", 55.0)
        facts = {"version": CHAMPION, "label": label.name, "labels": [label.as_json()]}
        inference_log.record(f"{number:032x}", Outcome.REVIEW, facts, clock.now())
    output = _evaluate()
    assert (output["ask"], output["promote"], output["asked"]) == (None, True, None)
    compared = json.loads(grown.read(output["report"]))["comparison"]
    assert (compared["shared_images"], compared["champion_score"]) == (40, 0.5)


def test_what_it_cost_to_start_it_is_told(grown: Account) -> None:
    _evaluate()
    _remember("+" * 18 + "-" * 10)
    _status(grown, "STOPPING", units=2)
    output = _evaluate(final=True, started="2026-11-21T08:45:27.000Z")
    assert output["asked"] == {
        "version": CHAMPION,
        "images": 30,
        "answered": 28,
        "run": {"hours": 0.5, "usd": 4.0, "usd_per_hour": 8.0},
    }


def test_what_the_operator_has_stopped_is_not_started_and_the_champion_stays(
    grown: Account,
) -> None:
    grown.pause_hosting()
    output = _evaluate()
    assert (output["ask"], output["promote"]) == (None, False)
    assert output["uncompared"] == (
        f"{CHAMPION} was stopped by hand. To let it run again: labelloop start"
    )
    assert any("could not be compared" in reason for reason in output["reasons"])
    record = version_records.read(CANDIDATE)
    assert record is not None
    assert (record["promote"], record["uncompared"]) == (False, output["uncompared"])
    report = json.loads(grown.read(output["report"]))
    assert report["uncompared"] == output["uncompared"]


def test_what_could_not_be_asked_leaves_the_champion_until_it_can_be(grown: Account) -> None:
    _evaluate()
    output = _evaluate(final=True, problem=UNASKED["problem"])
    assert output["promote"] is False
    assert output["uncompared"] == "v11-9f8e7d6c was stopped by hand, and so is not started."
    assert output["asked"]["answered"] == 0
    _remember("+" * 10 + "-" * 20)
    output = _evaluate(final=True)
    assert (output["promote"], output["uncompared"]) == (True, None)
    record = version_records.read(CANDIDATE)
    assert record is not None
    assert record["uncompared"] is None


@pytest.mark.parametrize("status", sorted(hosting.ENDED))
@pytest.mark.parametrize(("minimum", "promoted"), [("0.80", True), ("0.95", False)])
def test_where_the_service_has_ended_the_champion_the_minimum_decides(
    grown: Account, status: str, minimum: str, promoted: bool
) -> None:
    _status(grown, status)
    grown.set_parameter("Minimum-F1-Score", minimum)
    output = _evaluate()
    assert (output["ask"], output["promote"], output["uncompared"]) == (None, promoted, None)
    assert any(f"{CHAMPION} cannot be started any more" in reason for reason in output["reasons"])


STARTED = "2026-11-21T08:45:27.000Z"


@pytest.mark.parametrize(
    ("asked", "running_since", "promoted"),
    [
        ("2026-11-21T08:00:00.000Z", None, True),
        ("2026-11-21T08:00:00.000Z", "2026-11-20T08:00:00.000Z", True),
        ("2026-11-21T08:00:00.000Z", "2026-11-21T08:15:00.000Z", False),
        ("2026-11-21T09:00:00.000Z", None, False),
        (None, None, False),
    ],
)
def test_where_two_starts_in_a_row_have_failed_the_minimum_decides_and_after_one_nothing_does(
    grown: Account, asked: str | None, running_since: str | None, promoted: bool
) -> None:
    _evaluate()
    hosting_state.note(Hosting(CHAMPION, asked=asked, running_since=running_since))
    _status(grown, "FAILED")
    output = _evaluate(final=True, started=STARTED, problem="It does not run.")
    assert (output["promote"], output["uncompared"] is None) == (promoted, promoted)


def test_a_champion_that_cannot_be_started_stays_where_what_is_known_says_that_it_is_better(
    grown: Account,
) -> None:
    _remember("+" * 30)
    _status(grown, "EXPIRED")
    assert _evaluate()["promote"] is False


def test_answers_that_are_enough_decide_though_others_could_not_be_had(grown: Account) -> None:
    _evaluate()
    _remember("-" * 25)
    output = _evaluate(final=True, problem=UNASKED["problem"])
    assert (output["promote"], output["uncompared"]) == (True, None)
    assert output["asked"]["answered"] == 25


def test_one_that_answered_about_no_image_was_not_compared(grown: Account) -> None:
    grown.boto3("s3").delete_object(Bucket=grown.bucket, Key=f"evaluation/{CHAMPION}/tested")
    _evaluate()
    output = _evaluate(final=True)
    assert output["promote"] is False
    assert output["uncompared"] == "It has answered about none of the test images."


def test_a_further_candidate_made_of_the_same_images_has_to_gain_more(grown: Account) -> None:
    # They differ on 21 images, of which it is right on 11.
    _remember("-" * 11 + "+" * 19)
    assert _evaluate(final=True)["promote"] is True
    version_records.note(CANDIDATE, {"attempt": 2})
    output = _evaluate(final=True)
    assert output["promote"] is False
    assert any("as candidate 2 made of the same data" in reason for reason in output["reasons"])


def test_the_minimum_decides_about_every_version_where_the_operator_wants_that(
    grown: Account,
) -> None:
    _remember("-" * 30)
    grown.set_parameter("Minimum-F1-Score", "0.95")
    assert _evaluate(final=True)["promote"] is True
    grown.set_parameter("Minimum-Decides", "always")
    assert _evaluate(final=True)["promote"] is False
