"""What functions tell the operator themselves has all that its words need, as states' news has."""

import pytest

from labelloop.domain.mails import to_operator
from labelloop.domain.places import Place
from tests.contract import files, told_facts
from tests.contract.told_facts import Told

TOLD = list(told_facts.told())
FIGURES = ("hours", "usd", "usd_per_hour", "usd_an_hour", "idle_minutes", "ceiling")
SAMPLES = {**dict.fromkeys(FIGURES, 4.0), "to_mend": ["Something."], "images_wait": False}


@pytest.mark.parametrize("told", TOLD, ids=str)
def test_news_has_every_fact_that_it_is_worded_with(told: Told) -> None:
    facts = {name: SAMPLES.get(name, "a fact") for name in told.facts}
    place = Place("s", "r", "b", "")
    assert to_operator.whole(told.kind, {"serving": None, **facts}, place).subject


def test_all_that_no_state_tells_is_told_by_a_function() -> None:
    of_states = {
        payload["kind"]
        for state in files.tasks()
        if "kind" in (payload := state.body.get("Parameters", {}).get("Payload", {}))
    }
    assert {told.kind for told in TOLD} == set(to_operator.MAILS) - of_states


def test_news_with_a_fact_too_few_is_found() -> None:
    (told,) = (one for one in TOLD if one.kind == "model_not_stopped")
    with pytest.raises(KeyError):
        test_news_has_every_fact_that_it_is_worded_with(
            Told(told.place, told.kind, told.facts - {"version"})
        )
