"""labelloop.domain.champion_questions: what is worth asking."""

from labelloop.domain.answers import Answer
from labelloop.domain.champion_questions import to_ask
from labelloop.domain.comparison import Party
from labelloop.domain.origins import Origin, Provenance
from tests.unit.domain.compared import BOTH, cases, party

DOUBTED = Provenance(Origin.DOUBTFUL, "d" * 32, "v1", False, 1.0)


def test_what_is_asked_is_spread_over_labels_and_origins() -> None:
    images = [
        *cases(200),
        *cases(5, label="dog", first=200),
        *cases(5, DOUBTED, first=205),
    ]
    answered = Party({"0200": Answer("0200", (), complete=True)}, BOTH)
    asked = to_ask(images, answered, "v1", most=12)
    assert len(asked) == 12
    assert sum(content < "0200" for content in asked) == 4
    assert sum("0200" < content < "0205" for content in asked) == 4
    assert to_ask(images[::-1], answered, "v1", most=12) == asked
    assert len(to_ask(images, Party({}, {}), "v1")) == 210
    assert to_ask(images, party(images, "+" * 210), "v1") == []


def test_a_version_is_not_asked_about_what_it_does_not_know() -> None:
    images = [*cases(3), *cases(3, label="hen", first=3)]
    assert to_ask(images, Party({}, BOTH), "v1") == ["0000", "0001", "0002"]
