"""labelloop.domain.evaluation_report: what it says, in JSON."""

import json
from decimal import Decimal

from labelloop.domain import comparing, evaluation_report, evaluation_snapshot
from labelloop.domain.comparison import Party
from labelloop.domain.evaluation_summary import LabelResult, Summary
from labelloop.domain.model_versions import Entries
from labelloop.domain.verdict import Rules, Verdict
from tests.unit.domain.evaluated import CLASSIFICATION, Json, examine, figures, looked_at


def _results(results: str) -> list[evaluation_snapshot.TestedImage]:
    """Images of which the model got those with a + right."""
    return [
        looked_at(str(number), "cat" if result == "+" else "wrong")
        for number, result in enumerate(results)
    ]


def _report(results: str, champion: str | None) -> Json:
    examined = examine([*_results(results), looked_at("a/9.jpg", "dog", confidence=0.97)])
    rules = Rules("f1", Decimal("0.80"), Decimal("0.00"))
    label = LabelResult("cat", 20, 0.9, 0.95, 0.7, 0.4)
    summary = Summary(0.9, 0.95, 0.7, 100, 20, (label,))
    own = figures(examined.cases, "c" * len(examined.cases), {})
    compared = None
    if champion:
        party = Party(examined.answers, {})
        compared = comparing.compare(examined.cases, party, party, model_type=CLASSIFICATION)
    data, entries = {"images": 4}, {"train": None, "test": Entries(4, 4)}
    return evaluation_report.report(
        "v12",
        summary,
        rules,
        Verdict(True, ("It is good.",)),
        examined=examined,
        own=own,
        champion=champion,
        compared=compared,
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
