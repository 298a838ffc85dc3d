"""Candidate and champion on the same images: today's test set, by today's labels, in pairs.

What decides is the difference of the two versions' scores, image by image. A version's own figures
do not: they come of a test set that grows, harder images first.

Where enough test images stand for what comes in (``estimates``), they decide, weighted. Else it is
the test set as it is, each image counting once: most of it is no sample of anything, but both
versions are asked the same.

Assumed thresholds were fitted to a version's own test set, which favours the candidate, whose test
set is the one that is compared on. So where there are thresholds, those of both versions are fitted
anew to the compared images, each image by the others' (cross-fitting); the difference as deployed
stands beside.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from labelloop.domain import cross_fitting, estimates, scoring
from labelloop.domain.annotations import Annotation, ModelType
from labelloop.domain.answers import Finding
from labelloop.domain.comparison import (
    Apart,
    Case,
    Comparison,
    Difference,
    GroupResult,
    LabelChange,
    Party,
)
from labelloop.domain.estimates import Weighed
from labelloop.domain.origins import LogShares, Origin, Provenance
from labelloop.domain.scoring import Metric
from labelloop.domain.sign_test import p_worse

MOST_COMPARED = 10_000
"""Of more test images, so many tell the difference to half a point."""
FEWEST_EFFECTIVE = 30
LEAST_EFFECTIVE = 0.7
"""Of all compared images. With less, what weights take away of the bias they add in chance errors:
replayed loops err more often then than with each image counting once."""
LEAST_COVERED = 0.9
"""With less, the test images do not stand for what comes in."""
LABEL_LEVEL = 0.01
"""How likely it may be that any label is called worse that is not."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """An image with what both versions said of it, as far as both know its labels."""

    case: Case
    truth: Annotation
    candidate: tuple[Finding, ...]
    champion: tuple[Finding, ...]
    complete: bool
    """Whether both answers have what is under the thresholds, too."""


@dataclass(frozen=True, slots=True)
class _Scored:
    pair: _Pair
    candidate: tuple[Finding, ...]
    """What it found."""
    champion: tuple[Finding, ...]
    mine: float
    theirs: float


def compare(
    cases: Sequence[Case],
    candidate: Party,
    champion: Party,
    *,
    model_type: ModelType,
    metric: Metric = "f1",
    shares: LogShares | None = None,
    champion_version: str = "",
    known_before: Collection[str] = (),
) -> Comparison:
    """Both versions on the test images about which both have answered.

    ``shares`` is what the log has of each stratum; ``known_before`` are the contents that tested
    the champion.
    """
    # Where a summary is gone, nobody knows which labels its version knows: all count then.
    both = (
        set(candidate.thresholds).intersection(champion.thresholds)
        if candidate.thresholds and champion.thresholds
        else set[str]()
    )
    pairs: list[_Pair] = []
    missing = 0
    alone: list[Case] = []
    for case in cases:
        mine = candidate.answers.get(case.content)
        truth = case.truth.only(both) if both else case.truth
        if mine is None:
            continue
        if case.truth.labels and not truth.labels:
            alone.append(case)
            continue
        theirs = champion.answers.get(case.content)
        if theirs is None:
            missing += 1
            continue
        pairs.append(
            _Pair(
                case,
                truth,
                _compared(mine.findings, case.truth, both),
                _compared(theirs.findings, case.truth, both),
                mine.complete and theirs.complete,
            )
        )
    deployed = _scored(pairs, candidate.thresholds, champion.thresholds, model_type, metric)
    scored = deployed
    if model_type is not ModelType.CLASSIFICATION:
        scored = _cross_fitted(
            deployed, candidate.thresholds, champion.thresholds, model_type, metric
        )
    groups = [group(one.pair.case.provenance, champion_version) for one in scored]
    ones = [1.0] * len(scored)
    weights = estimates.of_incoming([one.pair.case.provenance for one in scored], shares or {})
    incoming = None
    if any(weights.weights):
        incoming = _difference(scored, weights.weights, _strata(scored))
    stands = (
        incoming is not None
        and incoming.candidate.effective_images >= fewest_effective(len(scored))
        and weights.covers >= LEAST_COVERED
    )
    fresh = [one for one in scored if one.pair.case.content not in known_before]
    return Comparison(
        metric=metric,
        basis="incoming" if stands else "test_set",
        test_set=_difference(scored, ones, groups),
        incoming=incoming,
        covers=weights.covers,
        empty={estimates.in_words(stratum): share for stratum, share in weights.empty.items()},
        as_deployed=None if scored is deployed else _difference(deployed, ones, groups),
        fresh=_fresh(fresh, champion_version) if known_before and fresh else None,
        groups=_group_results(scored, groups),
        labels=_label_changes(scored, model_type),
        apart=(
            *_apart(alone, candidate, both, model_type, metric),
            *_gone(deployed, candidate, champion),
        ),
        missing=missing,
    )


def fewest_effective(images: int) -> float:
    """How many images of equal weight have to stand for what comes in, of so many compared."""
    return max(FEWEST_EFFECTIVE, LEAST_EFFECTIVE * images)


def _compared(
    findings: Iterable[Finding], truth: Annotation, both: Collection[str]
) -> tuple[Finding, ...]:
    """The findings without those that are right about labels which only one version knows.

    What is wrong about such a label stays: it is a mistake, whoever knows the label.
    """
    if not both:
        return tuple(findings)
    apart = set(truth.labels).difference(both)
    return tuple(finding for finding in findings if finding.label not in apart)


def _scored(
    pairs: Iterable[_Pair],
    mine: Mapping[str, float],
    theirs: Mapping[str, float],
    model_type: ModelType,
    metric: Metric,
) -> list[_Scored]:
    return [
        _score(
            pair,
            scoring.found(pair.candidate, model_type, mine),
            scoring.found(pair.champion, model_type, theirs),
            model_type,
            metric,
        )
        for pair in pairs
    ]


def _score(
    pair: _Pair,
    candidate: tuple[Finding, ...],
    champion: tuple[Finding, ...],
    model_type: ModelType,
    metric: Metric,
) -> _Scored:
    return _Scored(
        pair,
        candidate,
        champion,
        float(scoring.score(pair.truth, candidate, model_type, metric)),
        float(scoring.score(pair.truth, champion, model_type, metric)),
    )


def _difference(
    scored: Sequence[_Scored], weights: Sequence[float], groups: Sequence[str]
) -> Difference:
    rows = [
        (group, weight, one)
        for one, weight, group in zip(scored, weights, groups, strict=True)
        if weight
    ]
    mine = estimates.mean([Weighed(group, weight, one.mine) for group, weight, one in rows])
    theirs = estimates.mean([Weighed(group, weight, one.theirs) for group, weight, one in rows])
    gains = [Weighed(group, weight, one.mine - one.theirs) for group, weight, one in rows]
    gain = round(mine.value - theirs.value, 9)
    better = sum(row.value > 0 for row in gains)
    worse = sum(row.value < 0 for row in gains)
    means = estimates.drawn(gains) if gains else [0.0]
    low, high = estimates.interval(means)
    if low == high:
        # No resample differs: what so many equal gains leave open (the rule of three).
        limit = _limit_of_none(mine.effective_images)
        low, high = gain - limit * (1 + gain), gain + limit * (1 - gain)
    error = estimates.std_error(means)
    return Difference(gain, low, high, error, mine, theirs, better, worse)


def _limit_of_none(images: float) -> float:
    """The largest share, with 97.5 % confidence, of what was never seen among so many."""
    return 1.0 - 0.025 ** (1 / images) if images else 1.0


def _fresh(scored: Sequence[_Scored], champion_version: str) -> Difference:
    groups = [group(one.pair.case.provenance, champion_version) for one in scored]
    return _difference(scored, [1.0] * len(scored), groups)


# --- Of what images were drawn --------------------------------------------------------------------


def group(came: Provenance, champion_version: str) -> str:
    """How an image came, in words: images of a group are alike in what they say of the champion."""
    if came.origin is Origin.GIVEN:
        return "given"
    if came.origin is Origin.LABELLING:
        return "labelled from nothing"
    who = "the deployed model" if came.version == champion_version else "an earlier model"
    if came.accepted is None:
        return "reviewed"
    how = "accepted by" if came.accepted else "doubted by"
    return f"{how} {who}"


def _strata(scored: Iterable[_Scored]) -> list[str]:
    return [str(one.pair.case.provenance.stratum) for one in scored]


def _group_results(scored: Sequence[_Scored], groups: Sequence[str]) -> tuple[GroupResult, ...]:
    images = Counter(groups)
    better = Counter(
        name for one, name in zip(scored, groups, strict=True) if one.mine > one.theirs
    )
    worse = Counter(name for one, name in zip(scored, groups, strict=True) if one.mine < one.theirs)
    return tuple(
        GroupResult(name, images[name], better[name], worse[name]) for name in sorted(images)
    )


# --- Labels ---------------------------------------------------------------------------------------


def _label_changes(scored: Sequence[_Scored], model_type: ModelType) -> tuple[LabelChange, ...]:
    images: Counter[str] = Counter()
    better: Counter[str] = Counter()
    worse: Counter[str] = Counter()
    for one in scored:
        labels = set(one.pair.truth.labels)
        if model_type is not ModelType.CLASSIFICATION:
            labels.update(finding.label for finding in (*one.candidate, *one.champion))
        for label in labels:
            mine = scoring.of_label(label, one.pair.truth, one.candidate, model_type)
            theirs = scoring.of_label(label, one.pair.truth, one.champion, model_type)
            # Neither there nor found is right, of either version.
            gain = (1 if mine is None else mine) - (1 if theirs is None else theirs)
            images[label] += 1
            better[label] += gain > 0
            worse[label] += gain < 0
    return _told_apart(images, better, worse)


def _told_apart(
    images: Mapping[str, int], better: Mapping[str, int], worse: Mapping[str, int]
) -> tuple[LabelChange, ...]:
    """Which labels are worse: Holm's procedure over all of them.

    https://doi.org/10.2307/4615733
    """
    ordered = sorted(images, key=lambda label: (p_worse(better[label], worse[label]), label))
    surely: set[str] = set()
    for rank, label in enumerate(ordered):
        if p_worse(better[label], worse[label]) > LABEL_LEVEL / (len(ordered) - rank):
            break
        surely.add(label)
    return tuple(
        LabelChange(label, images[label], better[label], worse[label], label in surely)
        for label in sorted(images)
    )


def _apart(
    cases: Sequence[Case],
    candidate: Party,
    both: Collection[str],
    model_type: ModelType,
    metric: Metric,
) -> tuple[Apart, ...]:
    """The labels that only the candidate knows: the test set of today has no others."""
    scores: defaultdict[str, list[float]] = defaultdict(list)
    for case in cases:
        what = scoring.found(
            candidate.answers[case.content].findings, model_type, candidate.thresholds
        )
        for label in set(case.truth.labels).difference(both):
            scores[label].append(float(scoring.score(case.truth, what, model_type, metric)))
    return tuple(
        Apart(label, "candidate", len(of_label), sum(of_label) / len(of_label))
        for label, of_label in sorted(scores.items())
    )


def _gone(deployed: Iterable[_Scored], candidate: Party, champion: Party) -> tuple[Apart, ...]:
    """The labels that only the champion knows, since today's images have none of them."""
    if not candidate.thresholds:
        return ()
    gone = champion.thresholds.keys() - candidate.thresholds.keys()
    found = Counter(
        label for one in deployed for label in {finding.label for finding in one.champion}
    )
    return tuple(Apart(label, "champion", found[label]) for label in sorted(gone))


# --- Thresholds, fitted to other images -----------------------------------------------------------


def _cross_fitted(
    deployed: Sequence[_Scored],
    mine: Mapping[str, float],
    theirs: Mapping[str, float],
    model_type: ModelType,
    metric: Metric,
) -> list[_Scored]:
    """The scores with each version's thresholds fitted to the images of the other folds.

    Of answers that lack what is under the thresholds nothing can be fitted: those stay.
    """
    pairs = [one.pair for one in deployed if one.pair.complete]
    folds = cross_fitting.folds(pair.case.content for pair in pairs)
    of_pairs = [(folds[pair.case.content], pair) for pair in pairs]
    candidate = cross_fitting.fitted(
        [(fold, pair.truth, pair.candidate) for fold, pair in of_pairs], mine, model_type
    )
    champion = cross_fitting.fitted(
        [(fold, pair.truth, pair.champion) for fold, pair in of_pairs], theirs, model_type
    )
    scored = []
    for one in deployed:
        fold = folds.get(one.pair.case.content)
        if fold is None:
            scored.append(one)
            continue
        scored.append(
            _score(
                one.pair,
                scoring.found(one.pair.candidate, model_type, candidate[fold]),
                scoring.found(one.pair.champion, model_type, champion[fold]),
                model_type,
                metric,
            )
        )
    return scored
