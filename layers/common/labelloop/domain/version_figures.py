"""How good a version is, with intervals: on the test set as it is, and on what comes in."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelloop.domain import estimates, scoring
from labelloop.domain.annotations import ModelType
from labelloop.domain.answers import Answer
from labelloop.domain.comparing import FEWEST_EFFECTIVE
from labelloop.domain.comparison import Case
from labelloop.domain.estimates import Estimate, Weighed
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.origins import LogShares
from labelloop.domain.scoring import METRICS, Counts, Metric

Json = dict[str, Any]


def figure_without_none(
    cases: Iterable[Case],
    said: Mapping[str, Answer],
    thresholds: Mapping[str, float],
    metric: Metric,
) -> float:
    """A classification model's metric as the service has it, without what is none of the labels.

    That is the mean over the labels, each at its assumed threshold, on the test images of the
    others. A version is held to it that is the first to know that label: nobody has set the minimum
    for it.
    """
    known = thresholds.keys() - {NONE_OF_THEM}
    right: Counter[str] = Counter()
    found: Counter[str] = Counter()
    there: Counter[str] = Counter()
    for case in cases:
        (truth,) = case.truth.labels
        if case.content not in said or truth == NONE_OF_THEM:
            continue
        there[truth] += 1
        for finding in said[case.content].findings:
            if finding.label in known and finding.confidence >= thresholds[finding.label]:
                found[finding.label] += 1
                right[finding.label] += finding.label == truth
    of_label = [
        float(scoring.ratio(right[label], found[label], there[label], metric)) for label in there
    ]
    return sum(of_label) / len(of_label) if of_label else 0.0


@dataclass(frozen=True)
class Figures:
    """How good a version is: on the test set as it is, and on what comes in."""

    test_set: Estimate
    """The mean score, each image counting once."""
    incoming: Estimate | None
    """Weighted as what comes in; None where no test image stands for it."""
    covers: float
    """Of what share of the log ``incoming`` speaks."""
    empty: Mapping[str, float]
    """The share of the log of each stratum that no test image stands for."""
    accepted: Estimate | None
    """The share that is wholly right of the test images that the version is sure of: weighted as
    what comes in where enough of them stand for that."""
    in_all: Mapping[Metric, Estimate]
    """F1, precision and recall on the test set as it is: means over the labels that it shows."""
    labels: Mapping[str, Estimate]
    """The mean score on the images of each label; see ``scoring.of_label``."""
    incoming_labels: Mapping[str, Estimate]
    counts: Mapping[str, Counts]
    """Of each label, on the test set as it is."""

    def in_short(self) -> dict[str, Estimate]:
        """What a version's record has of them."""
        known = {"test_set": self.test_set, "incoming": self.incoming, "accepted": self.accepted}
        told = {name: one for name, one in known.items() if one}
        return {**told, **{str(metric): one for metric, one in self.in_all.items()}}

    def as_json(self) -> Json:
        """The form in reports."""
        return {
            "test_set": self.test_set.as_json(),
            "incoming": self.incoming.as_json() if self.incoming else None,
            "covers": round(self.covers, 4),
            "empty": {name: round(share, 4) for name, share in self.empty.items()},
            "accepted": self.accepted.as_json() if self.accepted else None,
            **{metric: estimate.as_json() for metric, estimate in self.in_all.items()},
            "labels": [
                {
                    "label": label,
                    **{
                        metric: estimates.of_counts(self.counts[label], metric).as_json()
                        for metric in METRICS
                    },
                    "test_set": of_label.as_json(),
                    "incoming": self.incoming_labels[label].as_json()
                    if label in self.incoming_labels
                    else None,
                }
                for label, of_label in self.labels.items()
            ],
        }


def figures(
    cases: Sequence[Case],
    said: Mapping[str, Answer],
    thresholds: Mapping[str, float],
    *,
    model_type: ModelType,
    metric: Metric,
    shares: LogShares,
    is_accepted: Callable[[Answer], bool],
) -> Figures:
    """A version's figures on the test images of today that it has answered.

    ``is_accepted`` says whether an answer is so sure that nobody would be asked about it.
    """
    answered = [case for case in cases if case.content in said]
    what = [scoring.found(said[case.content].findings, model_type, thresholds) for case in answered]
    scores = [
        float(scoring.score(case.truth, one, model_type, metric))
        for case, one in zip(answered, what, strict=True)
    ]
    weights = estimates.of_incoming([case.provenance for case in answered], shares)
    by_label: defaultdict[str, list[Weighed]] = defaultdict(list)
    incoming_by_label: defaultdict[str, list[Weighed]] = defaultdict(list)
    accepted, accepted_incoming, incoming = [], [], []
    counts = [
        scoring.counts(case.truth, one, model_type)
        for case, one in zip(answered, what, strict=True)
    ]
    for case, one, value, weight in zip(answered, what, scores, weights.weights, strict=True):
        stratum = str(case.provenance.stratum)
        labels = {*case.truth.labels, *(finding.label for finding in one)}
        for label in labels:
            of_label = scoring.of_label(label, case.truth, one, model_type)
            if of_label is not None:
                by_label[label].append(Weighed("", 1.0, float(of_label)))
                if weight:
                    incoming_by_label[label].append(Weighed(stratum, weight, float(of_label)))
        if weight:
            incoming.append(Weighed(stratum, weight, value))
        if is_accepted(said[case.content]):
            # Wholly right, as sampled answers are judged, whatever the metric.
            right = float(scoring.score(case.truth, one, model_type) == 1)
            accepted.append(Weighed("", 1.0, right))
            if weight:
                accepted_incoming.append(Weighed(stratum, weight, right))
    if estimates.effective(one.weight for one in accepted_incoming) >= FEWEST_EFFECTIVE:
        accepted = accepted_incoming
    return Figures(
        test_set=estimates.mean([Weighed("", 1.0, value) for value in scores]),
        incoming=estimates.mean(incoming) if incoming else None,
        covers=weights.covers,
        empty={estimates.in_words(stratum): share for stratum, share in weights.empty.items()},
        accepted=estimates.mean(accepted) if accepted else None,
        in_all={metric: estimates.over_labels(counts, metric) for metric in METRICS},
        labels={label: estimates.mean(by_label[label]) for label in sorted(by_label)},
        incoming_labels={
            label: estimates.mean(incoming_by_label[label]) for label in sorted(incoming_by_label)
        },
        counts=scoring.together(counts),
    )
