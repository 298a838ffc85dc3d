import random
from dataclasses import replace
from typing import Any

import pytest

from labelloop.domain.annotations import ModelType
from local.demo.demo_report import choose_pictures
from local.demo.failure import DemoError
from local.demo.pictures import Picture
from local.demo.results import Figure, measured
from tests.unit.local.demo.support import results, said, version

PICTURES = {
    name: Picture(name, truth, b"") for name, truth in {"a.jpg": "nut", "b.jpg": "bolt"}.items()
}


def evaluation(**said_of: dict[str, Any]) -> dict[str, Any]:
    """What ``labelloop evaluate`` says of v1, by the picture's name."""
    score = {"value": 0.5, "low": 0.1, "high": 0.9, "images": 2}
    pictures = [
        {"file": f"{PICTURES[f'{name}.jpg'].truth}/{name}.jpg", "versions": {"v1": what}}
        for name, what in said_of.items()
    ]
    return {
        "versions": [{"version": "v1", "score": score}],
        "pictures": pictures,
        "left_out": [],
    }


def what(*labels: str, score: float = 1.0) -> dict[str, Any]:
    found = [
        {"label": label, "confidence_pct": 80.0 - 10 * place} for place, label in enumerate(labels)
    ]
    return {"found": found, "score": score}


def test_a_version_is_better_when_it_gets_more_of_the_same_images_right() -> None:
    found = results(first_right=70, second_right=71)
    assert found.better
    assert found.verdict == (
        "Version 2 is better than version 1. On the 100 images that no version was trained on: "
        "right on 0.71 (0.61 to 0.79), version 1 0.70 (0.60 to 0.78); the difference is "
        "+0.01 (-0.07 to +0.09)."
    )
    assert "its F1 is 0.71" in replace(found, model_type=ModelType.DETECTION).verdict


@pytest.mark.parametrize("second_right", [69, 70])
def test_as_good_is_not_better(second_right: int) -> None:
    found = results(first_right=70, second_right=second_right)
    assert not found.better
    assert found.verdict.startswith("Version 2 is not better than version 1")


def test_the_last_version_is_the_one_that_serves_in_the_end() -> None:
    both = results(first_right=70, second_right=80)
    refused = version(name="v3-c", promoted=False)
    found = replace(both, versions=(*both.versions, refused))
    assert found.last.name == "v2-<b>" and found.better
    by_command = replace(refused, by_command=True)
    assert replace(both, versions=(*both.versions, by_command)).last.name == "v3-c"


def test_where_every_later_version_was_refused_the_first_one_stays_and_that_is_said() -> None:
    both = results(first_right=70)
    refused = replace(both.versions[1], promoted=False)
    found = replace(both, versions=(both.first, refused))
    assert not found.better
    assert found.verdict == (
        "No later version took version 1's place, and the verdicts say why. On the 100 images that "
        "no version was trained on: right on 0.70 (0.60 to 0.78)."
    )


def test_figures_come_from_what_evaluate_says_of_each_image() -> None:
    told = evaluation(b=what("nut", score=0.0), a=what("nut"))
    found = measured(told, PICTURES)["v1"]
    assert found.score == Figure(0.5, 0.1, 0.9, 2)
    assert found.looks == (said("a.jpg", "nut", "nut", 80.0), said("b.jpg", "bolt", "nut", 80.0))
    assert found.right == 1


def test_an_image_in_which_nothing_was_found_is_wrong_and_without_confidence() -> None:
    found = measured(evaluation(a=what(score=0.0), b=what("bolt")), PICTURES)["v1"]
    assert found.looks[0] == said("a.jpg", "nut", None, 0.0)


def test_several_labels_are_named_once_each_beside_the_surest_confidence() -> None:
    told = evaluation(a=what("nut", "gear", "nut", score=0.67), b=what("bolt"))
    look = measured(told, PICTURES)["v1"].looks[0]
    assert (look.label, look.confidence_pct, look.right) == ("gear, nut", 80.0, False)


def test_a_version_that_did_not_answer_about_every_image_is_not_compared() -> None:
    with pytest.raises(DemoError, match="1 of 2 images"):
        measured(evaluation(a=what("nut")), PICTURES)


def test_pictures_show_what_was_learned_and_what_is_still_wrong() -> None:
    wrong, right = said("x", "nut", "bolt", 50), said("x", "nut", "nut", 90)
    pairs = [(right, right)] * 20 + [(wrong, right)] * 20 + [(wrong, wrong)] * 5
    pairs += [(right, wrong)] * 5
    random.Random(1).shuffle(pairs)
    chosen = choose_pictures(pairs, 12)
    counts = [chosen.count(kind) for kind in [(wrong, right), (wrong, wrong), (right, wrong)]]
    assert counts == [6, 3, 3]


def test_kinds_that_are_missing_leave_their_room() -> None:
    right = said("x", "nut", "nut", 90)
    assert len(choose_pictures([(right, right)] * 20, 12)) == 12
    assert len(choose_pictures([(right, right)] * 3, 12)) == 3
