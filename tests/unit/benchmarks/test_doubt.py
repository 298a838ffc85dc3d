"""The figures of `bench doubt`."""

from benchmarks.doubt import Measured

SOME = Measured(
    certain_pct=[90.0, 20.0, -1.0, 70.0],
    is_asked={70: [False, True, True, False]},
    is_wrong=[True, True, False, False],
)


def test_mistakes_are_caught_where_people_are_asked() -> None:
    assert SOME.wrong == 0.5
    assert SOME.asked(70) == 0.5
    assert SOME.caught(SOME.is_asked[70]) == 0.5


def test_the_least_sure_are_asked_first_and_what_is_not_sure_at_all_before_them() -> None:
    assert SOME.least_sure(0.25) == [False, False, True, False]
    assert SOME.least_sure(0.5) == [False, True, True, False]
    assert SOME.caught(SOME.least_sure(1.0)) == 1.0
