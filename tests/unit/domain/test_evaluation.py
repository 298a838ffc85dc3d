"""labelloop.domain.evaluation: the service's files, and the verdict."""

import json
import math
import tracemalloc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import comparison, evaluation
from labelloop.domain.annotations import Annotation, Box, ModelType
from labelloop.domain.answers import Answer, Finding
from labelloop.domain.comparison import MOST_COMPARED, Case, Party
from labelloop.domain.evaluation import LabelResult, Summary
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.manifests import SplitImage
from labelloop.domain.origins import GIVEN, LogShares, Origin, Provenance, Stratum
from labelloop.domain.scoring import Metric
from labelloop.domain.splits import Split
from labelloop.domain.verdict import Rules, Verdict
from labelloop.errors import InconsistentError
from local.rekognition import boxes as emulated_boxes
from local.rekognition import snapshots

Json = dict[str, Any]

CLASSIFICATION, MULTI_LABEL, DETECTION = ModelType
FIGURES = {"Precision": 0.97, "Recall": 0.96, "F1Score": 0.965}
EVALUATION = "rekognition-custom-labels-evaluation"
TRAINING = "rekognition-custom-labels-training"


# --- The summary ----------------------------------------------------------------------------------


def _summary_file(
    aggregated: Mapping[str, Any], metrics: Mapping[str, Any] | None = None, tests: int = 390
) -> bytes:
    """The example of the developer guide."""
    return json.dumps(
        {
            "Version": 1,
            "EvaluationDetails": {
                "ProjectVersionArn": "arn",
                "EvaluationEndTimestamp": "2019-11-21T07:30:23.910943",
                "Labels": ["CAP", "WATCH"],
                "NumberOfTrainingImages": 5216,
                "NumberOfTestingImages": 624,
            },
            "AggregatedEvaluationResults": aggregated,
            "LabelEvaluationResults": [
                {
                    "Label": "CAP",
                    "NumberOfTestingImages": tests,
                    "Metrics": {**FIGURES, "Threshold": 0.014} if metrics is None else metrics,
                }
            ],
        }
    ).encode()


@pytest.mark.parametrize("aggregated", [{**FIGURES, "ConfusionMatrix": []}, {"Metrics": FIGURES}])
def test_a_summary_is_read_in_both_documented_forms(aggregated: Json) -> None:
    summary = evaluation.read_summary(_summary_file(aggregated))
    assert (summary.f1, summary.precision, summary.recall) == (0.965, 0.97, 0.96)
    assert (summary.train_images, summary.test_images) == (5216, 624)
    (label,) = summary.labels
    assert (label.label, label.test_images, label.assumed_threshold) == ("CAP", 390, 0.014)
    assert [summary.metric(name) for name in ("f1", "precision", "recall")] == [0.965, 0.97, 0.96]
    assert summary.thresholds == {"CAP": 0.014}


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"{", b"\xff"])
def test_a_summary_that_is_neither_is_said_to_be_unreadable(body: bytes) -> None:
    with pytest.raises(InconsistentError, match="cannot be read"):
        evaluation.read_summary(body)


@pytest.mark.parametrize("missing", FIGURES)
@pytest.mark.parametrize("value", ["no value", None, math.nan, "0.9"])
def test_a_figure_that_is_missing_is_named(missing: str, value: Any) -> None:
    figures = {name: value for name, value in FIGURES.items() if name != missing}
    if value != "no value":
        figures[missing] = value
    with pytest.raises(InconsistentError, match=f"has no {missing},"):
        evaluation.read_summary(_summary_file(figures))


def test_a_label_that_was_tested_needs_figures_and_one_that_was_not_needs_none() -> None:
    with pytest.raises(InconsistentError, match="no F1Score of the label CAP"):
        evaluation.read_summary(_summary_file(FIGURES, {}))
    assert evaluation.read_summary(_summary_file(FIGURES, {}, tests=0)).labels == ()


# --- Snapshots of labels --------------------------------------------------------------------------


def _line(
    source: str,
    truths: Sequence[str],
    said: Sequence[tuple[Any, ...]],
    suffix: str = "-0",
) -> bytes:
    """A line of a snapshot; what was said may have the name of the flag that is true for it."""
    entry: Json = {"source-ref": source}
    for number, label in enumerate(truths):
        entry[f"{TRAINING}-{number}"] = 1
        entry[f"{TRAINING}-{number}-metadata"] = {"class-name": label, "confidence": 1.0}
    for position, (label, confidence, *flags) in enumerate(said):
        name = EVALUATION + (suffix if position == 0 else f"-{position}")
        details = {f"is-{flag}": flag in flags for flag in ("true-positive", "false-positive")}
        entry[name] = 1
        entry[f"{name}-metadata"] = {"class-name": label, "confidence": confidence} | (
            {f"{EVALUATION}-details": details} if flags else {}
        )
    return json.dumps(entry).encode()


def _read(
    lines: Iterable[bytes],
    model_type: ModelType = CLASSIFICATION,
    thresholds: Mapping[str, float] | None = None,
) -> list[evaluation.TestedImage]:
    return list(evaluation.read_snapshot(lines, model_type, thresholds or {}))


@pytest.mark.parametrize("suffix", ["-0", ""])
def test_a_snapshot_is_read_with_and_without_the_number_in_its_names(suffix: str) -> None:
    (image,) = _read([_line("s3://b/a/1.jpg", ["cat"], [("dog", 0.7)], suffix)])
    assert image.key == "a/1.jpg"
    assert image.truth == Annotation.of_labels(["cat"])
    assert image.found == (Finding("dog", 0.7),)


def test_the_label_with_the_most_confidence_is_what_a_classification_model_found() -> None:
    said = [("dog", 0.2), ("cat", 0.7, "false-negative"), ("cow", 0.1)]
    (image,) = _read([_line("s3://b/1.jpg", ["cat"], said)])
    assert image.labels == {"cat"}


def test_what_the_service_calls_positive_is_what_a_multi_label_model_found() -> None:
    said = [
        ("dog", 0.2, "true-positive"),
        ("cat", 0.7, "false-positive"),
        ("cow", 0.99, "false-negative"),
        ("hen", 0.99, "true-negative"),
    ]
    (image,) = _read([_line("s3://b/1.jpg", ["dog", "cow"], said)], MULTI_LABEL)
    assert image.truth == Annotation.of_labels(["cow", "dog"])
    assert [finding.label for finding in image.found] == ["cat", "dog"]


def test_without_flags_a_label_is_found_from_its_assumed_threshold_on() -> None:
    said = [("dog", 0.2), ("cat", 0.7), ("cow", 0.5), ("hen", 0.49)]
    line = _line("s3://b/1.jpg", ["dog"], said)
    (image,) = _read([line], MULTI_LABEL, {"dog": 0.2, "cat": 0.71})
    assert image.labels == {"dog", "cow"}


@pytest.mark.parametrize("names", [["label"], ["label-0", "label-1"]])
def test_labels_of_ours_are_the_truth_where_the_services_own_are_missing(names: list[str]) -> None:
    entry = json.loads(_line("s3://b/1.jpg", [], [("cat", 0.7)]))
    entry |= {f"{name}-metadata": {"class-name": name} for name in names}
    (image,) = _read([json.dumps(entry).encode()], MULTI_LABEL)
    assert image.truth == Annotation.of_labels(names)
    entry[f"{TRAINING}-0-metadata"] = {"class-name": "cat"}
    (image,) = _read([json.dumps(entry).encode()], MULTI_LABEL)
    assert image.truth == Annotation.of_labels(["cat"])


def test_lines_without_an_evaluation_and_blank_lines_are_passed_over() -> None:
    lines = [b'{"source-ref": "s3://b/1.jpg"}', b"", b" \n", _line("s3://b/2.jpg", ["cat"], [])]
    assert _read(lines) == []
    assert _read([_line("s3://b/2.jpg", ["cat"], [("cat", 0.9)])], DETECTION) == []


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b"\xff", b'{"%s-metadata": 1}' % EVALUATION.encode()]
)
@pytest.mark.parametrize("model_type", ModelType)
def test_a_line_that_cannot_be_read_is_said_with_its_number(
    line: bytes, model_type: ModelType
) -> None:
    with pytest.raises(InconsistentError, match="Line 2"):
        _read([b"{}", line], model_type)


def test_08_one_label_in_two_unicode_forms() -> None:
    summary = evaluation.read_summary(_summary_file(FIGURES).replace(b"CAP", b"Ka\\u0308fer"))
    assert summary.thresholds == {"K\u00e4fer": 0.014}
    (image,) = _read([_line("s3://b/1.jpg", ["Ka\u0308fer"], [("Ka\u0308fer", 0.7)])])
    assert image.truth == Annotation.of_labels(["K\u00e4fer"])
    assert [finding.label for finding in image.found] == ["K\u00e4fer"]


# --- Snapshots of boxes ---------------------------------------------------------------------------


def _box(label: str, left: int = 10, top: int = 10, width: int = 20, height: int = 20) -> Box:
    return Box(label, left, top, width, height)


def _attribute(boxes: Sequence[Box]) -> Json:
    return {
        "image_size": [{"width": 100, "height": 80, "depth": 3}],
        "annotations": [
            {
                "class_id": number,
                "left": box.left,
                "top": box.top,
                "width": box.width,
                "height": box.height,
            }
            for number, box in enumerate(boxes)
        ],
    }


def _boxes_line(
    key: str,
    truths: Sequence[Box],
    said: Sequence[tuple[Box, float] | tuple[Box, float, str]],
    suffix: str = "",
    truth_name: str = f"{TRAINING}-0",
) -> bytes:
    found = [entry[0] for entry in said]
    objects: list[Json] = []
    for _, confidence, *flags in said:
        details = {f"is-{flag}": flag in flags for flag in ("true-positive", "false-positive")}
        described = {f"{EVALUATION}-details": details} if flags else {}
        objects.append({"confidence": confidence, **described})
    return json.dumps(
        {
            "source-ref": f"s3://b/{key}",
            truth_name: _attribute(truths),
            f"{truth_name}-metadata": {
                "class-map": {str(number): box.label for number, box in enumerate(truths)},
                "objects": [{"confidence": 1} for _ in truths],
            },
            f"{EVALUATION}{suffix}": _attribute(found),
            f"{EVALUATION}{suffix}-metadata": {
                "class-map": {str(number): box.label for number, box in enumerate(found)},
                "objects": objects,
            },
        }
    ).encode()


@pytest.mark.parametrize("suffix", ["", "-0", "-3"])
@pytest.mark.parametrize("truth_name", [f"{TRAINING}-0", TRAINING, "bounding-box"])
def test_boxes_are_read_in_both_documented_forms(suffix: str, truth_name: str) -> None:
    truths = [_box("nut", 50), _box("bolt")]
    said = [
        (_box("bolt", 12), 0.6, "true-positive"),
        (_box("nut", 1), 0.8, "false-positive"),
        (_box("nut", 50), 0.0, "false-negative"),
    ]
    (image,) = _read([_boxes_line("1.jpg", truths, said, suffix, truth_name)], DETECTION)
    assert image.truth == Annotation.of_boxes(truths, (100, 80))
    assert image.found == (
        Finding("nut", 0.8, _box("nut", 1)),
        Finding("bolt", 0.6, _box("bolt", 12)),
    )


def test_08_one_label_in_two_unicode_forms_of_boxes() -> None:
    box = Box("Ka\u0308fer", 1, 2, 30, 40)
    (image,) = _read([_boxes_line("1.jpg", [box], [(box, 0.7, "true-positive")])], DETECTION)
    assert image.truth == Annotation.of_boxes([replace(box, label="K\u00e4fer")], (100, 80))
    assert [finding.label for finding in image.found] == ["K\u00e4fer"]


def test_boxes_without_flags_are_found_from_their_labels_threshold_on() -> None:
    said = [(_box("bolt"), 0.3), (_box("nut"), 0.3), (_box("cog"), 0.6)]
    (image,) = _read([_boxes_line("1.jpg", [], said)], DETECTION, {"bolt": 0.3, "nut": 0.31})
    assert image.labels == {"bolt", "cog"}
    assert image.truth == Annotation((), (), (100, 80))


def test_what_the_emulator_writes_of_boxes_is_what_it_predicted() -> None:
    truths = [("bolt", emulated_boxes.Box(0.1, 0.1, 0.2, 0.2))]
    verdicts = [
        snapshots.Verdict("bolt", 0.9, True, True, truths[0][1]),
        snapshots.Verdict("nut", 0.4, False, False, emulated_boxes.Box(0.5, 0.5, 0.1, 0.1)),
        snapshots.Verdict("nut", 0.0, True, False, emulated_boxes.Box(0.7, 0.7, 0.1, 0.1)),
    ]
    line = snapshots.judged_boxes_line(
        "s3://b/1.jpg", truths, (100, 80), ["bolt", "nut"], verdicts=verdicts, written_at=0.0
    )
    (image,) = _read([json.dumps(line).encode()], DETECTION)
    assert [finding.label for finding in image.found] == ["bolt"]
    assert image.truth
    assert image.found[0].box == image.truth.boxes[0]


def test_what_the_emulator_writes_of_labels_is_what_it_predicted() -> None:
    verdicts = [
        snapshots.Verdict("cat", 0.6, True, True),
        snapshots.Verdict("dog", 0.7, False, False),
        snapshots.Verdict("cow", 0.1, True, False),
    ]
    line = snapshots.judged_labels_line("s3://b/1.jpg", ["cat", "cow"], verdicts, 0.0)
    (image,) = _read([json.dumps(line).encode()], MULTI_LABEL)
    assert image.labels == {"cat"}
    assert image.truth == Annotation.of_labels(["cat", "cow"])


# --- The examination ------------------------------------------------------------------------------


def _indexed(
    key: str, content: str, labels: str | list[str], split: Split = Split.TEST
) -> SplitImage:
    names = [labels] if isinstance(labels, str) else labels
    return SplitImage(key, "etag", content, split, Annotation.of_labels(names))


def _tested(
    key: str, found: str | None, truth: str = "cat", confidence: float = 0.8
) -> evaluation.TestedImage:
    findings = (Finding(found, confidence),) if found else ()
    return evaluation.TestedImage(key, Annotation.of_labels([truth]), findings, findings)


def _examine(
    images: Iterable[evaluation.TestedImage],
    index: Iterable[SplitImage] = (),
    model_type: ModelType = CLASSIFICATION,
) -> evaluation.Examined:
    return evaluation.examine(images, model_type, evaluation.test_images(index))


def test_the_confusion_counts_what_was_taken_for_what() -> None:
    found = ["cat", "cat", "dog", None]
    examined = _examine([_tested(str(number), label) for number, label in enumerate(found)])
    assert examined.confusion == {("cat", "cat"): 2, ("cat", "dog"): 1, ("cat", None): 1}
    assert _examine([_tested("1", "cat")], model_type=MULTI_LABEL).confusion == {}


def test_labels_as_they_are_now_count_not_as_the_snapshot_has_them() -> None:
    index = [_indexed("1", "c1", "dog")]
    examined = _examine([_tested("1", "dog", truth="cat")], index)
    assert examined.cases == (Case("c1", Annotation.of_labels(["dog"]), GIVEN),)
    assert examined.confusion == {("dog", "dog"): 1}
    assert examined.suspected == ()


def test_an_image_of_which_nobody_knows_what_it_shows_is_passed_over() -> None:
    unknown = evaluation.TestedImage("1", None, (Finding("cat", 0.8),))
    assert _examine([unknown]).cases == ()
    assert len(_examine([unknown], [_indexed("1", "c1", "cat")]).cases) == 1


def test_a_picture_that_is_there_twice_counts_once() -> None:
    index = [_indexed("1", "same", "cat"), _indexed("2", "same", "dog")]
    examined = _examine([_tested("1", "cat"), _tested("2", "cat")], index)
    assert examined.cases == (Case("same", Annotation.of_labels(["cat"]), GIVEN),)
    assert examined.answers == {"same": Answer("same", (Finding("cat", 0.8),), complete=False)}


def test_how_an_image_came_is_known_from_the_index() -> None:
    came = Provenance(Origin.SAMPLED, "d" * 32, "v1", True, 0.01)
    image = SplitImage("1", "e", "c1", Split.TEST, Annotation.of_labels(["cat"]), "", came)
    (case,) = _examine([_tested("1", "cat")], [image]).cases
    assert case.provenance == came


def test_of_a_large_test_set_so_many_are_compared_as_tell_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(evaluation, "MOST_COMPARED", 2)
    index = [_indexed(str(number), f"{9 - number}", "cat") for number in range(4)]
    images = [_tested(str(number), "cat") for number in range(4)]
    assert {case.content for case in _examine(images, index).cases} == {"6", "7"}
    assert len(_examine(images).cases) == 2


def test_answers_are_complete_where_a_snapshot_has_what_is_under_the_thresholds() -> None:
    lines = [
        _line("s3://b/1.jpg", ["cat"], [("cat", 0.9, "true-positive"), ("dog", 0.1)]),
        _line("s3://b/2.jpg", ["cat"], [("cat", 0.9, "true-positive")]),
    ]
    said = evaluation.answers(_read(lines, MULTI_LABEL), {}, {"1.jpg", "2.jpg"})
    assert [answer.complete for answer in said.values()] == [True, True]
    assert said["1.jpg"].findings == (Finding("cat", 0.9), Finding("dog", 0.1))
    only = evaluation.answers(_read(lines[1:], MULTI_LABEL), {"2.jpg": "c2"}, {"c2"})
    assert only == {"c2": Answer("c2", (Finding("cat", 0.9),), complete=False)}


# --- Figures --------------------------------------------------------------------------------------


def _figures(cases: Sequence[Case], found: str, shares: LogShares) -> evaluation.Figures:
    """Of a model that found these letters' labels, c for cat and d for dog."""
    names = {"c": "cat", "d": "dog"}
    said = {
        case.content: Answer(case.content, (Finding(names[letter], 0.8),), complete=True)
        for case, letter in zip(cases, found, strict=True)
    }
    return evaluation.figures(
        cases,
        said,
        {},
        model_type=CLASSIFICATION,
        metric="f1",
        shares=shares,
        is_accepted=lambda answer: answer.findings[0].label == "cat",
    )


def _case(number: int, label: str, came: Provenance = GIVEN) -> Case:
    return Case(f"c{number}", Annotation.of_labels([label]), came)


def test_figures_are_told_for_the_test_set_and_for_what_comes_in() -> None:
    """The doubtful half of the test set is a tenth of what comes in."""
    doubted = Provenance(Origin.DOUBTFUL, "d", "v1", False, 1.0)
    sampled = Provenance(Origin.SAMPLED, "d", "v1", True, 0.01)
    cases = [_case(n, "cat", doubted if n < 10 else sampled) for n in range(20)]
    shares = {Stratum("v1", accepted=False): 100, Stratum("v1", accepted=True): 900}
    found = _figures(cases, "d" * 10 + "c" * 10, shares)
    assert found.test_set.value == 0.5
    assert found.incoming
    assert found.incoming.value == pytest.approx(0.9)
    assert found.covers == 1.0
    assert found.accepted
    assert (found.accepted.value, found.accepted.images) == (1.0, 10)
    assert found.labels["cat"].images == 20
    assert found.incoming_labels["cat"].value == pytest.approx(0.9)
    assert found.in_all["recall"].value == 0.5
    assert found.in_all["precision"].value == 1.0
    told = found.as_json()
    (cat,) = told["labels"]
    assert cat["f1"]["value"] == told["f1"]["value"] == pytest.approx(2 / 3)
    assert cat["f1"]["low"] < cat["f1"]["value"] < cat["f1"]["high"]
    assert found.in_short() == {
        name: told[name]
        for name in ("test_set", "incoming", "accepted", "f1", "precision", "recall")
    }


@pytest.mark.parametrize(
    ("metric", "figure"), [("f1", 7 / 12), ("precision", 0.75), ("recall", 0.5)]
)
def test_what_is_none_of_the_labels_is_left_out_where_a_version_is_the_first_to_know_it(
    metric: Metric, figure: float
) -> None:
    """As the service counts: what reaches its label's threshold, and the mean over the labels."""
    thresholds = {"cat": 0.5, "dog": 0.3, NONE_OF_THEM: 0.5}
    said = [
        ("cat", {"cat": 0.6, "dog": 0.3}),
        ("cat", {NONE_OF_THEM: 0.6, "cat": 0.4}),
        ("dog", {"cat": 0.4, "dog": 0.3, NONE_OF_THEM: 0.3}),
        ("dog", {NONE_OF_THEM: 0.9, "dog": 0.1}),
        (NONE_OF_THEM, {"cat": 0.9}),
        (NONE_OF_THEM, {NONE_OF_THEM: 0.9}),
    ]
    cases, answers = [], {}
    for number, (truth, confidences) in enumerate(said):
        cases.append(Case(str(number), Annotation.of_labels([truth]), GIVEN))
        findings = tuple(Finding(*each) for each in confidences.items())
        answers[str(number)] = Answer(str(number), findings, complete=True)
    found = evaluation.figure_without_none(cases, answers, thresholds, metric)
    assert found == pytest.approx(figure)


def test_a_stratum_without_a_test_image_is_named() -> None:
    doubted = Provenance(Origin.DOUBTFUL, "d", "v1", False, 1.0)
    shares = {Stratum("v1", accepted=False): 100, Stratum("v1", accepted=True): 900}
    found = _figures([_case(1, "cat", doubted)], "c", shares)
    assert found.covers == pytest.approx(0.1)
    assert found.empty == {"accepted by v1": 0.9}
    nothing = _figures([_case(1, "cat")], "c", shares)
    assert nothing.incoming is None
    assert nothing.empty == {"accepted by v1": 0.9, "doubted by v1": 0.1}


def test_a_sure_model_that_contradicts_the_label_makes_the_label_suspect() -> None:
    images = [
        _tested("right", "cat", confidence=0.99),
        _tested("unsure", "dog", confidence=0.899),
        _tested("sure", "dog", confidence=0.9),
        _tested("surer", "dog", confidence=0.95),
        _tested("nothing", None),
    ]
    assert _examine(images).suspected == (
        evaluation.SuspectedLabelError("surer", ("cat",), ("dog",), 95.0),
        evaluation.SuspectedLabelError("sure", ("cat",), ("dog",), 90.0),
    )


def test_a_label_that_is_missing_is_suspect_and_so_is_a_box() -> None:
    found = (Finding("cow", 0.97), Finding("cat", 0.96), Finding("dog", 0.5))
    image = evaluation.TestedImage("1", Annotation.of_labels(["cat", "hen"]), found)
    (suspect,) = _examine([image], model_type=MULTI_LABEL).suspected
    assert (suspect.labels, suspect.predicted) == (("cat", "hen"), ("cow",))
    assert suspect.confidence_pct == 97.0
    boxes = (Finding("nut", 0.98, _box("nut")), Finding("nut", 0.95, _box("nut", 60)))
    image = evaluation.TestedImage("1", Annotation.of_boxes([_box("nut")], (100, 80)), boxes)
    (suspect,) = _examine([image], model_type=DETECTION).suspected
    assert (suspect.labels, suspect.predicted, suspect.confidence_pct) == (("nut",), ("nut",), 95.0)


@given(st.lists(st.integers(0, 100), max_size=400))
def test_the_hundred_surest_suspects_are_named(confidences: list[int]) -> None:
    images = [
        _tested(str(number), "dog", confidence=pct / 100) for number, pct in enumerate(confidences)
    ]
    sure = [(-pct, number) for number, pct in enumerate(confidences) if pct >= 90]
    named = [suspect.key for suspect in _examine(images).suspected]
    assert named == [str(number) for _, number in sorted(sure)[:100]]


# --- The report -----------------------------------------------------------------------------------


def _results(results: str) -> list[evaluation.TestedImage]:
    """Images of which the model got those with a + right."""
    return [
        _tested(str(number), "cat" if result == "+" else "wrong")
        for number, result in enumerate(results)
    ]


def _report(results: str, champion: str | None) -> Json:
    examined = _examine([*_results(results), _tested("a/9.jpg", "dog", confidence=0.97)])
    rules = Rules("f1", Decimal("0.80"), Decimal("0.00"))
    label = LabelResult("cat", 20, 0.9, 0.95, 0.7, 0.4)
    summary = Summary(0.9, 0.95, 0.7, 100, 20, (label,))
    own = _figures(examined.cases, "c" * len(examined.cases), {})
    compared = None
    if champion:
        party = Party(examined.answers, {})
        compared = comparison.compare(examined.cases, party, party, model_type=CLASSIFICATION)
    data, entries = {"images": 4}, {"train": None, "test": {"sent": 4, "stored": 4, "errors": []}}
    return evaluation.report(
        "v12",
        summary,
        rules,
        Verdict(True, ("It is good.",)),
        examined=examined,
        own=own,
        champion=champion,
        comparison=compared,
        data=data,
        entries=entries,
    )


def test_the_report_says_what_was_found_in_json() -> None:
    report = json.loads(json.dumps(_report("++-", "v11")))
    figures, compared = report.pop("figures"), report.pop("comparison")
    assert figures["test_set"]["images"] == 4
    assert compared["shared_images"] == 4
    assert report == {
        "version": "v12",
        "promote": True,
        "reasons": ["It is good."],
        "metric": "f1",
        "minimum": 0.8,
        "minimum_improvement": 0.0,
        "minimum_decides": "first",
        "f1": 0.9,
        "precision": 0.95,
        "recall": 0.7,
        "train_images": 100,
        "test_images": 20,
        "labels": [
            {
                "label": "cat",
                "test_images": 20,
                "f1": 0.9,
                "precision": 0.95,
                "recall": 0.7,
                "assumed_threshold": 0.4,
            }
        ],
        "confusion": [
            {"truth": "cat", "predicted": "cat", "images": 2},
            {"truth": "cat", "predicted": "dog", "images": 1},
            {"truth": "cat", "predicted": "wrong", "images": 1},
        ],
        "champion": "v11",
        "suspected_label_errors": [
            {
                "key": "a/9.jpg",
                "labels": ["cat"],
                "predicted": ["dog"],
                "confidence_pct": 97.0,
            }
        ],
        "data": {"images": 4},
        "entries": {"train": None, "test": {"sent": 4, "stored": 4, "errors": []}},
    }


def test_the_report_of_a_first_model_compares_nothing() -> None:
    report = _report("++-", None)
    assert (report["champion"], report["comparison"]) == (None, None)


# --- Size -----------------------------------------------------------------------------------------


def test_a_large_test_set_is_judged_without_holding_it() -> None:
    """A quarter of a million test images have to fit into a function of 1,024 MB, twice."""
    count = 40_000
    keys = [f"images_labeled_by_folder/cat/{number:08}.jpg" for number in range(count)]
    line = _line("s3://bucket/KEY", ["cat"], [("dog", 0.95)])

    def lines() -> Iterator[bytes]:
        return (line.replace(b"KEY", key.encode()) for key in keys)

    def index() -> Iterator[SplitImage]:
        for number, key in enumerate(keys):
            yield _indexed("".join(key), f"{number:064x}-204800", "cat")

    tracemalloc.start()
    try:
        snapshot = evaluation.read_snapshot(lines(), CLASSIFICATION, {})
        examined = _examine(snapshot, index())
        champion = evaluation.read_snapshot(lines(), CLASSIFICATION, {})
        contents = evaluation.test_contents(index())
        answers = evaluation.answers(champion, contents, examined.answers)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(answers) == len(examined.cases) == MOST_COMPARED
    assert len(examined.suspected) == 100
    assert peak_bytes / count < 1000
