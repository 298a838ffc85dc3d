"""A labelled image's origin survives its way through files, and says whether it may estimate."""

import pytest

from labelloop.domain.origins import GIVEN, Origin, Provenance


@pytest.mark.parametrize(
    "provenance",
    [
        GIVEN,
        Provenance(Origin.DOUBTFUL, "d" * 32, "v3-0a1b2c3d", False, 1.0),
        Provenance(Origin.SAMPLED, "d" * 32, "v3-0a1b2c3d", True, 0.001),
        Provenance(Origin.CHOSEN, "d" * 32, "v3-0a1b2c3d", False),
        Provenance(Origin.LABELLING, "d" * 32),
    ],
)
def test_what_was_told_is_read(provenance: Provenance) -> None:
    assert Provenance.from_json(provenance.as_json()) == provenance


@pytest.mark.parametrize("entry", [{}, {"origin": "elsewhere"}, {"origin": "given", "chance": []}])
def test_what_is_no_provenance_is_refused(entry: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Provenance.from_json(entry)


def test_only_a_known_chance_estimates_what_comes_in() -> None:
    assert Provenance(Origin.SAMPLED, "d", "v1", True, 0.001).estimates
    assert Provenance(Origin.DOUBTFUL, "d", "v1", False, 1.0).estimates
    assert not Provenance(Origin.SAMPLED, "d", "v1", True).estimates
    assert not Provenance(Origin.CHOSEN, "d", "v1", False, 0.5).estimates
    assert not GIVEN.estimates
