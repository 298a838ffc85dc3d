"""labelloop.domain.comparing: two versions on the same images."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import comparing
from labelloop.domain.annotations import Annotation, Box, ModelType
from labelloop.domain.answers import Answer, Finding
from labelloop.domain.comparison import Case, Party
from labelloop.domain.origins import GIVEN, Origin, Provenance, Stratum
from tests.unit.domain.compared import BOTH, cases, compare, party

CLASSIFICATION, MULTI_LABEL, DETECTION = ModelType
HEN = {**BOTH, "hen": 0.5}
DOUBTED = Provenance(Origin.DOUBTFUL, "d" * 32, "v1", False, 1.0)
SAMPLED = Provenance(Origin.SAMPLED, "d" * 32, "v1", True, 0.01)


def test_what_the_champion_has_not_answered_is_missing() -> None:
    compared = compare("++-+", "+- ")
    assert (compared.test_set.images, compared.missing) == (2, 2)
    assert (compared.test_set.candidate.value, compared.test_set.champion.value) == (1.0, 0.5)
    assert (compared.test_set.better, compared.test_set.worse) == (1, 0)


@given(st.text("+-", min_size=1, max_size=60), st.data())
def test_the_gain_is_what_the_images_won_and_lost_come_to(mine: str, data: st.DataObject) -> None:
    theirs = data.draw(st.text("+-", min_size=len(mine), max_size=len(mine)))
    found = compare(mine, theirs).decides
    assert found.gain == pytest.approx((found.better - found.worse) / len(mine), abs=1e-8)
    assert found.low <= found.gain <= found.high


def test_the_order_of_the_images_does_not_matter() -> None:
    images = cases(40)
    mine, theirs = party(images, "+" * 30 + "-" * 10), party(images, "+-" * 20)
    one, other = (
        comparing.compare(order, mine, theirs, model_type=CLASSIFICATION).as_json()
        for order in (images, images[::-1])
    )
    assert one["test_set"]["gain"] == other["test_set"]["gain"]
    assert one["labels"] == other["labels"]


def test_where_the_two_never_differ_so_many_images_leave_so_much_open() -> None:
    same = compare("+" * 30, "+" * 30).decides
    assert (same.gain, same.better, same.worse) == (0, 0, 0)
    assert same.high == pytest.approx(1 - 0.025 ** (1 / 30))
    assert same.low == -same.high


@pytest.mark.parametrize("count", [1, 4, 30])
def test_however_clear_few_images_leave_something_open(count: int) -> None:
    won = compare("+" * count, "-" * count).decides
    assert won.gain == won.high == 1
    assert won.low == pytest.approx(1 - 2 * (1 - 0.025 ** (1 / count)))


# --- What it rests on -----------------------------------------------------------------------------


def test_images_that_stand_for_what_comes_in_decide_where_there_are_enough() -> None:
    """The candidate is better on what was doubted, which is little, and worse on the rest."""
    images = [*cases(20, DOUBTED), *cases(100, SAMPLED, first=20)]
    mine, theirs = "+" * 112 + "-" * 8, "-" * 10 + "+" * 110
    compared = comparing.compare(
        images,
        party(images, mine),
        party(images, theirs),
        model_type=CLASSIFICATION,
        shares={Stratum("v1", accepted=False): 100, Stratum("v1", accepted=True): 900},
        champion_version="v1",
    )
    assert compared.basis == "incoming"
    assert compared.test_set.gain > 0
    assert compared.decides.gain == pytest.approx(0.1 / 2 - 0.9 * 0.08)
    assert [group.name for group in compared.groups] == [
        "accepted by the deployed model",
        "doubted by the deployed model",
    ]


@pytest.mark.parametrize(("sampled", "given", "log"), [(5, 0, 900), (60, 0, 0), (60, 400, 900)])
def test_else_each_test_image_counts_once(sampled: int, given: int, log: int) -> None:
    """Too few of them, few beside all, or a stratum of the log of which nothing is known."""
    images = [*cases(60, DOUBTED), *cases(sampled, SAMPLED, first=60), *cases(given, first=500)]
    compared = comparing.compare(
        images,
        party(images, "+" * len(images)),
        party(images, "-" * len(images)),
        model_type=CLASSIFICATION,
        shares={
            Stratum("v1", accepted=False): 100,
            Stratum("v1", accepted=True): log,
            Stratum("v0", accepted=True): 900 - log,
        },
        champion_version="v1",
    )
    assert compared.basis == "test_set"
    assert compared.incoming
    assert compared.decides.images == len(images)


def test_what_came_since_the_champion_was_trained_stands_apart() -> None:
    images = cases(30)
    known = {case.content for case in images[:20]}
    compared = comparing.compare(
        images,
        party(images, "-" * 20 + "+" * 10),
        party(images, "+" * 20 + "-" * 10),
        model_type=CLASSIFICATION,
        known_before=known,
    )
    assert compared.fresh
    assert (compared.fresh.images, compared.fresh.gain) == (10, 1.0)
    assert compared.test_set.gain == pytest.approx(-1 / 3)


# --- Labels ---------------------------------------------------------------------------------------


def test_a_label_that_only_the_candidate_knows_is_reported_apart() -> None:
    images = [*cases(10), *cases(4, label="hen", first=10)]
    compared = comparing.compare(
        images,
        party(images, "+" * 13 + "-", {**BOTH, "hen": 0.5}),
        party(images, "+" * 10 + "-" * 4),
        model_type=CLASSIFICATION,
    )
    assert compared.test_set.images == 10
    assert [(one.label, one.images, one.score) for one in compared.apart] == [("hen", 4, 0.75)]


def test_a_label_becomes_worse_only_where_chance_does_not_explain_it() -> None:
    """Of two labels the level for the worst is half a hundredth: eight losses and no win."""
    for losses, is_worse in ((7, False), (8, True)):
        images = [*cases(60), *cases(60, label="dog", first=60)]
        mine = "+" * 60 + "-" * losses + "+" * (60 - losses)
        theirs = "-" * 20 + "+" * 40 + "+" * 60
        compared = compare(mine, theirs, images)
        found = {label.label: label for label in compared.labels}
        assert compared.decides.gain > 0
        assert (found["dog"].worse, found["dog"].is_worse) == (losses, is_worse)
        assert not found["cat"].is_worse


def test_labels_of_a_multi_label_model_are_judged_where_they_are_there_or_found() -> None:
    truth = Annotation.of_labels(["cat"])
    images = [Case(str(number), truth, GIVEN) for number in range(10)]
    right, more = (Finding("cat", 0.9),), (Finding("cat", 0.9), Finding("dog", 0.8))
    compared = comparing.compare(
        images,
        Party({case.content: Answer(case.content, more, False) for case in images}, BOTH),
        Party({case.content: Answer(case.content, right, False) for case in images}, BOTH),
        model_type=MULTI_LABEL,
    )
    found = {label.label: (label.images, label.worse) for label in compared.labels}
    assert found == {"cat": (10, 0), "dog": (10, 10)}
    assert compared.decides.gain == pytest.approx(2 / 3 - 1)


def test_taking_known_images_for_a_label_of_its_own_is_a_mistake() -> None:
    """Else a candidate that takes most of what both know for something new looks perfect."""
    images = cases(10)
    said = {
        case.content: Answer(case.content, (Finding("hen", 0.9), Finding("cat", 0.1)), True)
        for case in images
    }
    compared = comparing.compare(
        images,
        Party(said, {**BOTH, "hen": 0.5}),
        party(images, "+" * 10),
        model_type=CLASSIFICATION,
    )
    assert compared.decides.gain == -1


def test_what_is_right_about_a_label_of_its_own_is_not_held_against_it() -> None:
    truth = Annotation.of_labels(["cat", "hen"])
    images = [Case(str(number), truth, GIVEN) for number in range(10)]
    all_of_it, known = (Finding("cat", 0.9), Finding("hen", 0.8)), (Finding("cat", 0.9),)
    compared = comparing.compare(
        images,
        Party({case.content: Answer(case.content, all_of_it, False) for case in images}, HEN),
        Party({case.content: Answer(case.content, known, False) for case in images}, BOTH),
        model_type=MULTI_LABEL,
    )
    assert (compared.decides.gain, compared.decides.candidate.value) == (0, 1)


def test_a_label_that_only_the_champion_knows_is_named() -> None:
    images = cases(4)
    said = {case.content: Answer(case.content, (Finding("hen", 0.9),), True) for case in images[:3]}
    rest = party(images, "   +").answers
    compared = comparing.compare(
        images, party(images, "++++"), Party({**said, **rest}, HEN), model_type=CLASSIFICATION
    )
    assert [(one.label, one.known_to, one.images, one.score) for one in compared.apart] == [
        ("hen", "champion", 3, None)
    ]
    assert compared.decides.gain == 0.75


# --- Thresholds -----------------------------------------------------------------------------------


def test_a_threshold_that_happens_to_fit_the_test_set_is_no_advantage() -> None:
    """Both versions say the same; only the candidate's threshold was fitted to these images."""
    images = [
        Case(f"{n:03}", Annotation.of_labels(["cat"] if n % 2 else ["dog"]), GIVEN)
        for n in range(100)
    ]
    said = {
        case.content: Answer(
            case.content,
            (
                Finding("cat", 0.3 if "cat" in case.truth.labels else 0.1),
                Finding("dog", 0.05 if "cat" in case.truth.labels else 0.2),
            ),
            complete=True,
        )
        for case in images
    }
    compared = comparing.compare(
        images,
        Party(said, {"cat": 0.2, "dog": 0.1}),
        Party(said, {"cat": 0.5, "dog": 0.5}),
        model_type=MULTI_LABEL,
    )
    assert compared.decides.gain == 0
    assert compared.decides.candidate.value == 1.0
    assert compared.as_deployed
    assert compared.as_deployed.gain == 1.0


def test_thresholds_of_boxes_are_fitted_too() -> None:
    right, wrong = Box("nut", 0, 0, 20, 20), Box("nut", 60, 60, 20, 20)
    truth = Annotation.of_boxes([right], (100, 100))
    images = [Case(f"{n:03}", truth, GIVEN) for n in range(40)]
    said = {
        case.content: Answer(
            case.content, (Finding("nut", 0.4, right), Finding("nut", 0.2, wrong)), complete=True
        )
        for case in images
    }
    compared = comparing.compare(
        images,
        Party(said, {"nut": 0.3}),
        Party(said, {"nut": 0.1}),
        model_type=DETECTION,
    )
    assert compared.decides.gain == 0
    assert compared.as_deployed
    assert compared.as_deployed.gain == pytest.approx(1 - 2 / 3)


def test_answers_without_what_is_under_the_thresholds_stay_as_they_were_given() -> None:
    images = cases(20)
    said = {case.content: Answer(case.content, (Finding("cat", 0.9),), False) for case in images}
    compared = comparing.compare(
        images, Party(said, {"cat": 0.95}), Party(said, {"cat": 0.5}), model_type=MULTI_LABEL
    )
    assert compared.decides.gain == -1
