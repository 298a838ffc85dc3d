"""labelloop.domain.evaluation: the service's files, and the verdict."""

import itertools
import json
import math
import tracemalloc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import evaluation
from labelloop.domain.annotations import Annotation, Box, ModelType
from labelloop.domain.answers import Finding
from labelloop.domain.evaluation import Comparison, LabelResult, Rules, Summary
from labelloop.domain.manifests import SplitImage
from labelloop.domain.splits import Split
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


# --- Scores ---------------------------------------------------------------------------------------


def _findings(*labels: str) -> tuple[Finding, ...]:
    return tuple(Finding(label, 0.8) for label in labels)


@pytest.mark.parametrize(
    ("truth", "found", "expected"),
    [
        ("a", "a", 1),
        ("a", "b", 0),
        ("a", "", 0),
        ("", "", 1),
        ("", "a", 0),
        ("ab", "a", Fraction(2, 3)),
        ("ab", "abcd", Fraction(2, 3)),
        ("abc", "cd", Fraction(2, 5)),
    ],
)
def test_an_image_scores_by_the_f1_of_its_labels(
    truth: str, found: str, expected: Fraction
) -> None:
    annotation = Annotation.of_labels(truth)
    assert evaluation.score(annotation, _findings(*found), MULTI_LABEL) == expected


def _found_boxes(*boxes: Box) -> tuple[Finding, ...]:
    return tuple(Finding(box.label, 0.9 - i / 100, box) for i, box in enumerate(boxes))


@pytest.mark.parametrize(
    ("truths", "found", "expected"),
    [
        ([], [], 1),
        ([_box("nut")], [], 0),
        ([], [_box("nut")], 0),
        ([_box("nut")], [_box("nut")], 1),
        ([_box("nut")], [_box("bolt")], 0),
        # Two thirds of what both cover are in both, then exactly a half, then less.
        ([_box("nut")], [_box("nut", 14)], 1),
        ([_box("nut", 0, 0, 30, 10)], [_box("nut", 10, 0, 30, 10)], 1),
        ([_box("nut", 0, 0, 30, 10)], [_box("nut", 11, 0, 30, 10)], 0),
        # Each true box is found once.
        ([_box("nut")], [_box("nut"), _box("nut", 11)], Fraction(2, 3)),
        ([_box("nut"), _box("nut", 14)], [_box("nut"), _box("nut", 14)], 1),
        ([_box("nut"), _box("bolt", 50)], [_box("bolt", 50)], Fraction(2, 3)),
    ],
)
def test_an_image_scores_by_the_f1_of_its_boxes(
    truths: list[Box], found: list[Box], expected: Fraction
) -> None:
    annotation = Annotation.of_boxes(truths, (100, 80))
    assert evaluation.score(annotation, _found_boxes(*found), DETECTION) == expected


_some_boxes = st.lists(
    st.builds(
        Box,
        st.sampled_from(["nut", "bolt"]),
        st.integers(0, 60),
        st.integers(0, 60),
        st.integers(2, 40),
        st.integers(2, 40),
    ),
    max_size=6,
)


@given(_some_boxes, _some_boxes)
def test_a_score_of_boxes_is_between_nothing_and_all(truths: list[Box], found: list[Box]) -> None:
    annotation = Annotation.of_boxes(truths, (100, 100))
    assert 0 <= evaluation.score(annotation, _found_boxes(*found), DETECTION) <= 1
    assert evaluation.score(annotation, _found_boxes(*annotation.boxes), DETECTION) == 1


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
    return evaluation.TestedImage(key, Annotation.of_labels([truth]), findings)


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
    assert examined.scores == {"c1": 1}
    assert examined.confusion == {("dog", "dog"): 1}
    assert examined.suspected == ()


def test_an_image_of_which_nobody_knows_what_it_shows_is_passed_over() -> None:
    unknown = evaluation.TestedImage("1", None, _findings("cat"))
    assert _examine([unknown]).scores == {}
    assert _examine([unknown], [_indexed("1", "c1", "cat")]).scores == {"c1": 1}


def test_a_picture_that_is_there_twice_counts_once() -> None:
    index = [_indexed("1", "same", "cat"), _indexed("2", "same", "dog")]
    examined = _examine([_tested("1", "cat"), _tested("2", "cat")], index)
    assert examined.scores == {"same": 1}


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


# --- Candidate and champion -----------------------------------------------------------------------


def _results(results: str, truth: str = "cat") -> list[evaluation.TestedImage]:
    """Images of which the model got those with a + right."""
    return [
        _tested(str(number), truth if result == "+" else "wrong", truth)
        for number, result in enumerate(results)
    ]


def _compare(candidate: str, champion: str) -> Comparison:
    return evaluation.compare(_examine(_results(candidate)), _results(champion), NO_INDEX)


NO_INDEX: Mapping[str, str] = {}


def test_models_are_compared_on_the_images_they_share_only() -> None:
    assert _compare("++-+", "+-") == Comparison(2, Fraction(1), Fraction(1, 2), 1, 0)
    assert _compare("++-+", "") == Comparison(0, Fraction(0), Fraction(0), 0, 0)


def test_an_image_whose_label_was_corrected_counts_by_the_label_it_has_now() -> None:
    """The champion was right by the label of its time, and is wrong by today's."""
    examined = _examine(_results("+", "dog"), [_indexed("0", "c", "dog")])
    compared = evaluation.compare(
        examined, _results("+", "cat"), evaluation.test_contents([_indexed("0", "c", "cat")])
    )
    assert (compared.candidate_better, compared.champion_better) == (1, 0)


def test_an_image_that_was_renamed_is_the_same_and_one_that_was_replaced_is_not() -> None:
    now = [_indexed("renamed", "c1", "cat"), _indexed("replaced", "c3", "cat")]
    before = [_indexed("old", "c1", "cat"), _indexed("replaced", "c2", "cat")]
    examined = _examine([_tested("renamed", "cat"), _tested("replaced", "cat")], now)
    champion = [_tested("old", "dog"), _tested("replaced", "dog")]
    compared = evaluation.compare(examined, champion, evaluation.test_contents(before))
    assert (compared.shared_images, compared.candidate_better) == (1, 1)


def test_where_an_index_is_missing_the_same_key_is_the_same_image() -> None:
    now = [_indexed("1", "c1", "cat"), _indexed("2", "c2", "cat")]
    images = [_tested("1", "cat"), _tested("2", "cat")]
    without_theirs = evaluation.compare(_examine(images, now), images, NO_INDEX)
    assert without_theirs.shared_images == 2
    without_mine = evaluation.compare(_examine(images), images, evaluation.test_contents(now))
    assert without_mine.shared_images == 2


def test_what_trained_is_no_test_image() -> None:
    index = [_indexed("1", "c1", "cat", Split.TRAIN), _indexed("2", "c2", "cat")]
    assert evaluation.test_images(index).contents == {"2": "c2"}
    assert evaluation.test_contents(index) == {"2": "c2"}


@given(st.data())
def test_sharing_hangs_on_contents_alone(data: st.DataObject) -> None:
    """Whatever names and orders either side has, the comparison comes out the same."""
    count = data.draw(st.integers(0, 30))
    mine = data.draw(st.text("+-", min_size=count, max_size=count))
    theirs = data.draw(st.text("+-", min_size=count, max_size=count))
    names = data.draw(st.permutations([f"renamed {number}" for number in range(count)]))
    now = [_indexed(str(number), f"c{number}", "cat") for number in range(count)]
    before = [_indexed(name, f"c{number}", "cat") for number, name in enumerate(names)]
    champion = [
        _tested(name, "cat" if result == "+" else "dog")
        for name, result in zip(names, theirs, strict=True)
    ]
    compared = evaluation.compare(
        _examine(_results(mine), now),
        data.draw(st.permutations(champion)),
        evaluation.test_contents(before),
    )
    assert compared == _compare(mine, theirs)
    assert compared.shared_images == count


@given(st.text("+-", max_size=60), st.text("+-", max_size=60))
def test_the_gain_is_what_the_images_won_and_lost_come_to(mine: str, theirs: str) -> None:
    compared = _compare(mine, theirs)
    assert compared.gain * compared.shared_images == (
        compared.candidate_better - compared.champion_better
    )


def test_scores_between_right_and_wrong_are_added_exactly() -> None:
    def image(key: str, *found: str) -> evaluation.TestedImage:
        return evaluation.TestedImage(key, Annotation.of_labels("abc"), _findings(*found))

    examined = _examine([image("1", "a"), image("2", "a", "b"), image("3")], model_type=MULTI_LABEL)
    champion = [image("1", "a", "b", "c"), image("2", "a", "b"), image("3", "x")]
    assert evaluation.compare(examined, champion, NO_INDEX) == Comparison(
        3, Fraction(13, 30), Fraction(3, 5), 0, 1
    )


# --- The sign test --------------------------------------------------------------------------------


def _differing(wins: int, losses: int) -> Comparison:
    return Comparison(max(20, wins + losses), Fraction(1, 2), Fraction(1, 2), wins, losses)


def _p_exactly(wins: int, losses: int) -> Fraction:
    tosses = wins + losses
    return Fraction(sum(math.comb(tosses, k) for k in range(losses, tosses + 1)), 2**tosses)


@pytest.mark.parametrize(("wins", "losses"), [*itertools.product(range(7), range(7))])
def test_the_sign_test_counts_every_way_in_which_it_could_have_come(wins: int, losses: int) -> None:
    ways = list(itertools.product((0, 1), repeat=wins + losses))
    as_bad = sum(sum(way) >= losses for way in ways)
    assert _differing(wins, losses).p_worse == pytest.approx(as_bad / len(ways))


@given(st.integers(0, 400), st.integers(0, 400))
def test_the_sign_test_is_exact(wins: int, losses: int) -> None:
    exact = float(_p_exactly(wins, losses))
    assert _differing(wins, losses).p_worse == pytest.approx(exact, rel=1e-9, abs=1e-300)
    if losses == 0:
        assert _differing(wins, losses).p_worse == 1.0


@given(st.integers(0, 250_000), st.integers(0, 250_000))
def test_the_sign_test_is_a_probability_however_many_images(wins: int, losses: int) -> None:
    p_worse = _differing(wins, losses).p_worse
    assert 0.0 <= p_worse <= 1.0
    assert _differing(wins, losses + 1).p_worse <= p_worse + 1e-9
    if abs(wins - losses) > 5000:
        assert p_worse == pytest.approx(float(wins > losses), abs=1e-6)


# --- The verdict ----------------------------------------------------------------------------------


def _summary(f1: float = 0.9) -> Summary:
    return Summary(f1, 0.95, 0.7, 100, 20, (LabelResult("cat", 20, f1, 0.95, 0.7, 0.4),))


def _rules(metric: Any = "f1", improvement: str = "0.00") -> Rules:
    return Rules(metric, Decimal("0.80"), Decimal(improvement))


def _judge(
    comparison: Comparison | None,
    f1: float = 0.9,
    improvement: str = "0.00",
    metric: Any = "f1",
    model_type: ModelType = CLASSIFICATION,
) -> evaluation.Verdict:
    return evaluation.judge(_summary(f1), comparison, _rules(metric, improvement), model_type)


@pytest.mark.parametrize(("f1", "promote"), [(0.8, True), (0.81, True), (0.79999, False)])
def test_without_a_champion_the_minimum_alone_decides(f1: float, promote: bool) -> None:
    verdict = _judge(None, f1)
    assert verdict.promote is promote
    assert verdict.reasons[1] == (
        "No other model is deployed, so there is none to compare it with."
    )


@pytest.mark.parametrize(
    ("metric", "sentence"),
    [
        ("f1", "Its F1 score of 0.90 reaches the minimum of 0.80."),
        ("precision", "Its precision of 0.95 reaches the minimum of 0.80."),
        ("recall", "Its recall of 0.70 is under the minimum of 0.80."),
    ],
)
def test_the_chosen_metric_is_the_one_that_is_judged(metric: str, sentence: str) -> None:
    assert _judge(None, metric=metric).reasons[0] == sentence


def test_a_figure_just_under_the_minimum_is_not_written_as_the_minimum() -> None:
    assert _judge(None, 0.79999).reasons[0] == (
        "Its F1 score of 0.79999 is under the minimum of 0.80."
    )


@pytest.mark.parametrize(
    ("shared", "words"), [(0, "no test images"), (1, "one test image"), (19, "19 test images")]
)
def test_under_twenty_shared_images_the_minimum_alone_decides(shared: int, words: str) -> None:
    verdict = _judge(_compare("-" * shared, "+" * shared))
    assert verdict.promote
    assert verdict.reasons[1] == (
        f"It shares {words} with the deployed model; under 20 the minimum alone decides."
    )
    assert not _judge(_compare("+" * shared, "-" * shared), f1=0.5).promote


def test_with_twenty_shared_images_a_worse_model_is_never_promoted() -> None:
    verdict = _judge(_compare("-" * 20, "+" * 20), improvement="-1.00")
    assert not verdict.promote
    assert verdict.reasons[1:] == (
        "On 20 shared test images it is right on 0.0 %, the deployed model on 100.0 % (better on "
        "0, worse on 20); that reaches the minimum improvement of -1.00.",
        "It is worse on 20 of the 20 images on which the two differ, which is no chance (sign "
        "test, p < 0.001), so it is not promoted whatever the minimum improvement.",
    )


def test_worse_on_most_images_is_worse_even_where_a_few_great_gains_make_up_for_it() -> None:
    """Of scores between right and wrong the mean can rise while nearly every image gets worse."""
    verdict = _judge(Comparison(30, Fraction(3, 5), Fraction(1, 2), 3, 20), model_type=MULTI_LABEL)
    assert not verdict.promote
    assert "reaches the minimum improvement" in verdict.reasons[1]
    assert "worse on 20 of the 23 images" in verdict.reasons[2]


@pytest.mark.parametrize(
    ("model_type", "words"), [(MULTI_LABEL, "of its labels is"), (DETECTION, "of its boxes is")]
)
def test_what_the_scores_are_is_said_for_each_type_of_model(
    model_type: ModelType, words: str
) -> None:
    verdict = _judge(Comparison(20, Fraction(3, 4), Fraction(1, 2), 5, 1), model_type=model_type)
    assert (
        f"the F1 score {words} 0.750 in the mean, the deployed model's 0.500"
        in (verdict.reasons[1])
    )


def test_as_good_as_the_champion_is_good_enough_by_default() -> None:
    same = _compare("+-" * 10, "+-" * 10)
    assert _judge(same).promote
    assert not _judge(same, improvement="0.01").promote


def test_a_little_worse_is_promoted_only_where_the_operator_allows_it_and_chance_explains_it() -> (
    None
):
    little = _compare("-" + "+" * 19, "+" * 20)
    assert not _judge(little).promote
    assert _judge(little, improvement="-0.10").promote


def test_a_good_comparison_does_not_help_a_model_under_the_minimum() -> None:
    assert not _judge(_compare("+" * 20, "-" * 20), f1=0.5).promote


@given(st.integers(20, 200), st.data())
def test_a_gain_that_is_exactly_the_minimum_is_enough(shared: int, data: st.DataObject) -> None:
    """In binary fractions 0.7 - 0.6 is less than 0.1."""
    champion = data.draw(st.integers(0, shared))
    candidate = data.draw(st.integers(champion, shared))
    comparison = _compare(
        "+" * candidate + "-" * (shared - candidate), "+" * champion + "-" * (shared - champion)
    )
    gain = Decimal(candidate - champion) / shared
    for improvement in (Decimal("0.05"), Decimal("0.10"), Decimal("0.25")):
        assert _judge(comparison, improvement=str(improvement)).promote == (gain >= improvement)


@given(st.integers(20, 60), st.data())
def test_a_promoted_model_is_not_worse_and_every_reason_is_a_sentence(
    shared: int, data: st.DataObject
) -> None:
    results = st.text("+-", min_size=shared, max_size=shared)
    comparison = _compare(data.draw(results), data.draw(results))
    improvement = data.draw(st.sampled_from(["-1.00", "-0.10", "0.00", "0.10"]))
    verdict = _judge(comparison, improvement=improvement)
    assert all(reason.endswith(".") for reason in verdict.reasons)
    if verdict.promote:
        assert comparison.gain >= Fraction(improvement)
        lost = _p_exactly(comparison.candidate_better, comparison.champion_better)
        assert lost >= Fraction(1, 20)


# --- The report -----------------------------------------------------------------------------------


def _report(comparison: Comparison | None, champion: str | None) -> Json:
    examined = _examine([*_results("++-"), _tested("a/9.jpg", "dog", confidence=0.97)])
    verdict = _judge(comparison)
    data, entries = {"images": 4}, {"train": None, "test": {"sent": 4, "stored": 4, "errors": []}}
    return evaluation.report(
        "v12",
        _summary(),
        _rules(),
        verdict,
        examined=examined,
        champion=champion,
        comparison=comparison,
        data=data,
        entries=entries,
    )


def test_the_report_says_what_was_found_in_json() -> None:
    report = json.loads(json.dumps(_report(_compare("+" * 20, "+-" * 10), "v11")))
    assert report == {
        "version": "v12",
        "promote": True,
        "reasons": report["reasons"],
        "metric": "f1",
        "minimum": 0.8,
        "minimum_improvement": 0.0,
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
        "comparison": {
            "shared_images": 20,
            "candidate_score": 1.0,
            "champion_score": 0.5,
            "candidate_better": 10,
            "champion_better": 0,
            "p_worse": 1.0,
        },
        "suspected_label_errors": [
            {"key": "a/9.jpg", "labels": ["cat"], "predicted": ["dog"], "confidence_pct": 97.0}
        ],
        "data": {"images": 4},
        "entries": {"train": None, "test": {"sent": 4, "stored": 4, "errors": []}},
    }


def test_the_report_of_a_first_model_compares_nothing() -> None:
    report = _report(None, None)
    assert (report["champion"], report["comparison"]) == (None, None)


# --- Size -----------------------------------------------------------------------------------------


def test_a_large_test_set_is_judged_without_holding_it() -> None:
    """A quarter of a million test images have to fit into a function of 1,024 MB, twice."""
    count = 10_000
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
        compared = evaluation.compare(examined, champion, evaluation.test_contents(index()))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert compared.shared_images == count
    assert len(examined.suspected) == 100
    assert peak_bytes / count < 1000
