"""labelloop.domain.calibration: what a version's test results say of its doubt."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import fmean

import pytest

from labelloop.domain import calibration, scoring
from labelloop.domain.annotations import Annotation, Box, ModelType
from labelloop.domain.answers import Answer, Finding
from labelloop.domain.calibration import Assessment, Outlook
from labelloop.domain.comparison import Case
from labelloop.domain.detections import Outcome, certainty_pct, decide
from labelloop.domain.image_labels import Label
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.origins import GIVEN

SIZE_PX = (400, 300)
ODD = {
    "anchovy": (0.4, -4.0),
    "basil": (1.0, 0.0),
    "cheese": (2.5, 4.0),
    "crust": (1.0, 3.0),
    "ham": (0.5, -2.0),
    "olive": (1.5, 1.5),
    "onion": (3.0, -1.0),
}
"""How each label's scores come to be its confidences: as different as a service's may be."""
HIGH = {label: (slope, abs(shift) + 3.0) for label, (slope, shift) in ODD.items()}
"""The same, so that all thresholds are high."""


@dataclass(frozen=True)
class Version:
    """A version that is asked about images, and its thresholds."""

    thresholds: Mapping[str, float]
    tested: list[tuple[Case, Answer]]
    incoming: list[tuple[Case, Answer]]

    def assessed(self, tested: int) -> Assessment:
        """What so many of its test images say."""
        return _assess(self.tested[:tested], self.thresholds)


def _assess(
    pairs: Sequence[tuple[Case, Answer]],
    thresholds: Mapping[str, float],
    model_type: ModelType = ModelType.MULTI_LABEL,
) -> Assessment:
    said = {answer.content: answer for _, answer in pairs}
    return calibration.assess([case for case, _ in pairs], said, thresholds, model_type)


def _version(seed: int, odd: Mapping[str, tuple[float, float]], apart: float = 2.0) -> Version:
    """A version whose scores of what is there, and what is not, are so many spreads apart."""
    rng = random.Random(seed)
    pairs = [_image(rng, f"{seed}/{number:04d}", odd, apart) for number in range(700)]
    tested, incoming = pairs[:200], pairs[200:]
    return Version(_best_thresholds(tested[:60], odd), tested, incoming)


def _image(
    rng: random.Random, content: str, odd: Mapping[str, tuple[float, float]], apart: float
) -> tuple[Case, Answer]:
    there = [label for label in odd if rng.random() < 0.35] or [rng.choice(list(odd))]
    findings = []
    for label, (slope, shift) in odd.items():
        score = rng.gauss(apart if label in there else -apart)
        findings.append(Finding(label, 1 / (1 + math.exp(-slope * score - shift))))
    findings.sort(key=lambda finding: -finding.confidence)
    case = Case(content, Annotation.of_labels(there), GIVEN)
    return case, Answer(content, tuple(findings), complete=True)


def _best_thresholds(
    pairs: Sequence[tuple[Case, Answer]], labels: Mapping[str, object]
) -> dict[str, float]:
    """Those of the best F1 score on test images, as the service has them."""
    thresholds = {}
    for label in labels:
        said = [
            (finding.confidence, label in case.truth.labels)
            for case, answer in pairs
            for finding in answer.findings
            if finding.label == label
        ]

        def f1(threshold: float, said: Sequence[tuple[float, bool]] = tuple(said)) -> float:
            right = sum(there for at, there in said if at >= threshold)
            both = sum(at >= threshold for at, _ in said) + sum(there for _, there in said)
            return 2 * right / both

        thresholds[label] = max((at for at, _ in said), key=f1)
    return thresholds


def _certainty(assessment: Assessment, answer: Answer) -> float:
    assert assessment.calibration
    look = assessment.calibration.look(_labels(answer))
    certainty = certainty_pct(look.found, look.unsure)
    return -1.0 if certainty is None else certainty


def _labels(answer: Answer) -> list[Label]:
    return [Label(finding.label, 100 * finding.confidence) for finding in answer.findings]


def _is_wrong(case: Case, answer: Answer, thresholds: Mapping[str, float]) -> bool:
    found = scoring.found(answer.findings, ModelType.MULTI_LABEL, thresholds)
    return scoring.score(case.truth, found, ModelType.MULTI_LABEL) != 1


# --- Finding mistakes -----------------------------------------------------------------------------


def test_where_all_thresholds_are_over_the_minimum_mistakes_are_found_all_the_same() -> None:
    """A pizza model of AWS's guide was sure of all images at 60 %, and a quarter was right."""
    version = _version(1, HIGH)
    assert min(version.thresholds.values()) > 0.6
    before, asked = 0, []
    assessment = version.assessed(60)
    for case, answer in version.incoming:
        found = scoring.found(answer.findings, ModelType.MULTI_LABEL, version.thresholds)
        labels = [Label(finding.label, 100 * finding.confidence) for finding in found]
        decision = decide(labels, ModelType.MULTI_LABEL, Decimal(60), asked_at_once=True)
        before += decision.outcome is Outcome.CONFIDENT
        if not assessment.accepts(answer, Decimal(60)):
            asked.append(_is_wrong(case, answer, version.thresholds))
    wrong = sum(_is_wrong(case, answer, version.thresholds) for case, answer in version.incoming)
    assert before > 0.95 * len(version.incoming)
    assert wrong > 0.1 * len(version.incoming)
    assert sum(asked) > 0.4 * wrong
    assert fmean(asked) > 1.5 * wrong / len(version.incoming)


@pytest.mark.parametrize("odd", [ODD, HIGH])
def test_the_least_certain_images_hold_most_of_the_mistakes_however_odd_thresholds_are(
    odd: Mapping[str, tuple[float, float]],
) -> None:
    shares = []
    for seed in range(5):
        version = _version(seed, odd)
        assessment = version.assessed(60)
        wrong = {
            case.content: _is_wrong(case, answer, version.thresholds)
            for case, answer in version.incoming
        }
        order = sorted(version.incoming, key=lambda each: _certainty(assessment, each[1]))
        asked = order[: 30 * len(order) // 100]
        caught = sum(wrong[case.content] for case, _ in asked) / sum(wrong.values())
        shares.append(caught / min(1.0, 0.3 / fmean(wrong.values())))
    assert fmean(shares) > 0.7


# --- Chances --------------------------------------------------------------------------------------


def test_chances_are_what_comes_to_pass_on_both_sides() -> None:
    version = _version(3, ODD)
    assessment = version.assessed(200)
    assert assessment.calibration
    told: list[tuple[float, bool]] = []
    for case, answer in version.incoming:
        look = assessment.calibration.look(_labels(answer))
        if look.found:
            told += [
                (label.sure_pct / 100, label.name in case.truth.labels)
                for label in (*look.found, *look.unsure)
            ]
    for low in (0.05, 0.25, 0.45, 0.65, 0.85):
        near = [(chance, there) for chance, there in told if low <= chance < low + 0.1]
        assert len(near) > 20
        assert fmean(there for _, there in near) == pytest.approx(
            fmean(chance for chance, _ in near), abs=0.13
        )


@pytest.mark.parametrize("images", [1, 5, 10])
def test_few_test_images_make_no_chance_of_nothing_or_all(images: int) -> None:
    """Not even where all of them were told apart."""
    version = _version(2, ODD, apart=6.0)
    assessment = version.assessed(images)
    assert assessment.calibration
    labels = [Label(label, pct) for label in ODD for pct in (0.0001, 99.9999)]
    chances = [
        label.sure_pct
        for look in [assessment.calibration.look(labels)]
        for label in (*look.found, *look.unsure)
    ]
    limit = 100 / (len(ODD) * images + 2)
    assert min(chances) >= limit
    assert max(chances) <= 100 - limit
    assert max(chances) > 60


def test_a_label_of_which_the_test_says_nothing_is_as_the_others_are() -> None:
    version = _version(4, ODD)
    with_rare = {**version.thresholds, "rare": 0.3}
    told = _assess(version.tested[:60], with_rare).calibration
    assert told
    assert told.curves["rare"].threshold == 0.3
    assert 0.15 < told.curves["rare"].chance(0.3) < 0.7
    assert told.curves["rare"].chance(0.9) > told.curves["rare"].chance(0.3) + 0.1
    assert told.look([Label("nobody knows it", 50.0)]).found, "from 50 % on it counts as found"


def test_what_nothing_was_found_in_says_nothing_of_what_is_missing_beside_what_was_found() -> None:
    version = _version(5, ODD)
    pairs = version.tested[:60]
    blank = [
        (
            Case(f"blank/{number}", Annotation.of_labels(["ham"]), GIVEN),
            Answer(
                f"blank/{number}",
                tuple(Finding(label, 1e-5) for label in ODD),
                complete=True,
            ),
        )
        for number in range(40)
    ]
    without, with_blank = (_assess(given, version.thresholds) for given in (pairs, pairs + blank))
    assert without.calibration == with_blank.calibration


def test_without_any_test_image_there_is_a_guess() -> None:
    nothing = _assess([], {"cat": 0.9})
    assert nothing.calibration
    assert nothing.calibration.curves["cat"].chance(0.9) == pytest.approx(0.4, abs=0.01)
    assert nothing.outlook.at(Decimal(70)).images == 0
    (found,) = nothing.calibration.look([Label("cat", 99.0)]).found
    assert found.chance_pct == pytest.approx(50), "two results' worth is left open"


# --- Boxes ----------------------------------------------------------------------------------------


def _boxed(content: str, true: Sequence[Box], *said: Finding) -> tuple[Case, Answer]:
    findings = tuple(sorted(said, key=lambda finding: -finding.confidence))
    case = Case(content, Annotation.of_boxes(true, SIZE_PX), GIVEN)
    return case, Answer(content, findings, complete=True)


def _scenes(seed: int, *, tells_of_misses: bool = True) -> list[tuple[Case, Answer]]:
    """Two nuts in each, one of them found with another confidence, and things that are none."""
    rng, scenes = random.Random(seed), []
    for number in range(60):
        nuts = [Box("nut", 10 + 150 * place, 20, 100, 100) for place in range(2)]
        stain = Box("nut", 330, 180, 60, 60)
        said = [Finding("nut", 1 / (1 + math.exp(-rng.gauss(1.0))), nut) for nut in nuts]
        doubtful = Finding("nut", 1 / (1 + math.exp(-rng.gauss(-1.0))), stain)
        if tells_of_misses or doubtful.confidence >= 0.5:
            said.append(doubtful)
        scenes.append(_boxed(f"{number:03d}", nuts, *said))
    return scenes


@pytest.mark.parametrize("tells_of_misses", [True, False])
def test_boxes_under_a_threshold_have_chances_even_where_only_true_ones_are_told_of(
    tells_of_misses: bool,
) -> None:
    """A snapshot of the service has those that are true, and no others under the threshold."""
    scenes = _scenes(1, tells_of_misses=tells_of_misses)
    learned = _assess(scenes, {"nut": 0.5}, ModelType.DETECTION).calibration
    assert learned
    chances = [learned.curves["nut"].chance(at) for at in (0.1, 0.3, 0.5, 0.7, 0.9)]
    assert chances == sorted(chances)
    assert chances[0] < 0.4
    assert 0.3 < chances[2] < 0.9
    assert chances[4] > 0.8


def test_a_second_box_around_what_was_found_is_no_test_result() -> None:
    true = Box("nut", 10, 10, 100, 100)
    scenes = _scenes(2)
    found, again = Finding("nut", 0.9, true), Finding("nut", 0.45, Box("nut", 15, 10, 100, 100))
    plain = [*scenes, *(_boxed(f"x{number}", [true], found) for number in range(20))]
    twice = [*scenes, *(_boxed(f"x{number}", [true], found, again) for number in range(20))]
    one, other = (_assess(each, {"nut": 0.5}, ModelType.DETECTION) for each in (plain, twice))
    assert one == other


def test_a_true_box_that_nothing_was_said_of_is_no_test_result() -> None:
    """Where no box was near it, a snapshot names it with no confidence."""
    true = Box("nut", 10, 10, 100, 100)
    missed = Box("nut", 200, 100, 50, 50)
    found = Finding("nut", 0.9, true)
    plain = [_boxed(f"{number}", [true, missed], found) for number in range(20)]
    named = [
        _boxed(f"{number}", [true, missed], found, Finding("nut", 0.0, missed))
        for number in range(20)
    ]
    one, other = (_assess(each, {"nut": 0.5}, ModelType.DETECTION) for each in (plain, named))
    assert one == other
    assert one.outlook.at(Decimal(0)).mistakes == 20


# --- What a minimum would cost --------------------------------------------------------------------


def test_the_outlook_is_true_of_images_that_the_version_was_not_tested_with() -> None:
    shares = []
    for seed in range(4):
        version = _version(seed, ODD)
        assessment = version.assessed(200)
        price = assessment.outlook.at(Decimal(80))
        asked = [not assessment.accepts(answer, Decimal(80)) for _, answer in version.incoming]
        shares.append((price.asked / price.images, fmean(asked)))
    told, true = (fmean(side) for side in zip(*shares, strict=True))
    assert told == pytest.approx(true, abs=0.05)


def test_a_higher_minimum_asks_about_more_and_catches_more() -> None:
    outlook = _version(6, ODD).assessed(100).outlook
    prices = [outlook.at(Decimal(pct)) for pct in (0, 50, 70, 90, 100)]
    assert [price.asked for price in prices] == sorted(price.asked for price in prices)
    assert [price.caught for price in prices] == sorted(price.caught for price in prices)
    assert prices[-1].asked == prices[-1].images == 100
    assert prices[-1].caught == prices[-1].mistakes
    assert {price.mistakes for price in prices} == {prices[0].mistakes}


def test_of_a_classification_model_its_confidence_is_what_counts() -> None:
    def image(number: int, truth: str, *said: tuple[str, float]) -> tuple[Case, Answer]:
        findings = tuple(Finding(label, confidence) for label, confidence in said)
        case = Case(str(number), Annotation.of_labels([truth]), GIVEN)
        return case, Answer(str(number), findings, complete=True)

    pairs = [
        image(1, "cat", ("cat", 0.95), ("dog", 0.05)),
        image(2, "cat", ("dog", 0.55), ("cat", 0.45)),
        image(3, "dog", ("dog", 0.7), ("cat", 0.3)),
        image(4, "dog", (NONE_OF_THEM, 0.99), ("dog", 0.01)),
    ]
    assessment = _assess(pairs, {"cat": 0.9, "dog": 0.9}, ModelType.CLASSIFICATION)
    assert assessment.calibration is None
    asked = [assessment.outlook.at(Decimal(pct)) for pct in ("0", "60", "70", "70.1", "96")]
    assert [(price.asked, price.caught) for price in asked] == [
        (1, 1),
        (2, 2),
        (2, 2),
        (3, 2),
        (4, 2),
    ]
    assert assessment.accepts(pairs[0][1], Decimal(95))
    assert not assessment.accepts(pairs[0][1], Decimal("95.1"))


def test_what_is_kept_of_an_outlook_is_read_again() -> None:
    outlook = _version(7, ODD).assessed(50).outlook
    assert Outlook.from_json(outlook.as_json()) == outlook
