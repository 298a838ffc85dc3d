"""labelloop.aws.evaluation_reports: the class that writes reports reads all that is in them."""

import json

import pytest

from labelloop.aws import evaluation_reports
from labelloop.domain.evaluation_report import Report
from labelloop.domain.labels import NONE_OF_THEM, SHOWN_AS_NONE
from tests.unit.account import Account, Json

KEY = "evaluation/v2/report.json"
OF_EARLY_RELEASE: Json = {
    "version": "v2",
    "promote": False,
    "reasons": ["It is worse."],
    "f1": 0.75,
    "precision": 0.8,
    "recall": 1,
    "train_images": 40,
    "test_images": 10,
    "labels": [],
}


def _written(account: Account, told: Json) -> Report:
    account.put(KEY, json.dumps(told).encode())
    report, written = evaluation_reports.read("v2")
    assert written == told
    return report


def test_what_is_written_is_read_by_the_same_class(account: Account) -> None:
    estimate = {"value": 0.5, "low": 0.4, "high": 0.6, "images": 9, "effective_images": 8.5}
    told = OF_EARLY_RELEASE | {
        "figures": {"test_set": estimate, "labels": [{"label": "nut", "test_set": estimate}]},
        "confusion": [{"truth": NONE_OF_THEM, "predicted": None, "images": 2}],
        "entries": {"train": None, "test": {"sent": 4, "stored": 3, "errors": ["No."]}},
        "asked": {"version": "v1", "images": 9, "answered": 8, "run": None},
    }
    assert evaluation_reports.write(told) == KEY
    report, written = evaluation_reports.read("v2")
    assert written == told
    assert report.figures is not None
    assert report.figures.labels[0].test_set == report.figures.test_set
    assert report.confusion[0].truth == NONE_OF_THEM
    assert report.shown().confusion[0].truth == SHOWN_AS_NONE
    assert report.dropped() == {"test": report.entries["test"]}


def test_reports_of_earlier_and_of_later_releases_are_read(account: Account) -> None:
    report = _written(account, {**OF_EARLY_RELEASE, "mood": "good"})
    assert (report.recall, report.comparison, report.minimum) == (1.0, None, None)


def test_a_label_of_which_only_one_knows_and_no_image_tells_is_read(account: Account) -> None:
    apart = [{"label": "cog", "known_to": "champion", "images": 3, "score": None}]
    both = dict.fromkeys(("candidate_score", "champion_score", "p_worse"), 0.5)
    both |= dict.fromkeys(("shared_images", "candidate_better", "champion_better"), 4)
    report = _written(account, {**OF_EARLY_RELEASE, "comparison": {**both, "apart": apart}})
    assert report.comparison is not None
    assert report.comparison.apart[0].score is None


def test_what_nobody_could_read_is_not_written(account: Account) -> None:
    with pytest.raises(ValueError, match="promote"):
        evaluation_reports.write({**OF_EARLY_RELEASE, "promote": "perhaps not"})
    assert account.keys("evaluation/") == []
