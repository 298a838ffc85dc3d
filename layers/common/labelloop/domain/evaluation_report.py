"""Our report on a version: what it was judged by, and what came of it."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from labelloop.domain.comparison import Comparison
from labelloop.domain.evaluation_summary import Summary
from labelloop.domain.examination import Examined
from labelloop.domain.model_versions import Entries
from labelloop.domain.verdict import Rules, Verdict
from labelloop.domain.version_figures import Figures

Json = dict[str, Any]


def report(
    version: str,
    summary: Summary,
    rules: Rules,
    verdict: Verdict,
    *,
    examined: Examined,
    own: Figures,
    champion: str | None,
    comparison: Comparison | None,
    data: Json | None,
    entries: Mapping[str, Entries | None],
) -> Json:
    """What ``evaluation/<version>/report.json`` says.

    ``own`` are the version's figures, ``champion`` the version that is deployed, ``data`` what
    PrepareTraining found, ``entries`` what the service stored of each manifest.
    """
    return {
        "version": version,
        "promote": verdict.promote,
        "reasons": list(verdict.reasons),
        "metric": rules.metric,
        "minimum": float(rules.minimum),
        "minimum_improvement": float(rules.minimum_improvement),
        "minimum_decides": rules.minimum_decides,
        "f1": summary.f1,
        "precision": summary.precision,
        "recall": summary.recall,
        "train_images": summary.train_images,
        "test_images": summary.test_images,
        "labels": [asdict(label) for label in summary.labels],
        "figures": own.as_json(),
        "confusion": [
            {"truth": truth, "predicted": predicted, "images": images}
            for (truth, predicted), images in sorted(
                examined.confusion.items(), key=lambda item: (item[0][0], item[0][1] or "")
            )
        ],
        "champion": champion,
        "comparison": comparison.as_json() if comparison else None,
        "suspected_label_errors": [
            {
                **asdict(suspect),
                "labels": list(suspect.labels),
                "predicted": list(suspect.predicted),
            }
            for suspect in examined.suspected
        ],
        "data": data,
        "entries": {name: one.as_json() if one else None for name, one in entries.items()},
    }
