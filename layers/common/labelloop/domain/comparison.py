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

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from labelloop.domain import estimates, scoring
from labelloop.domain.annotations import Annotation, ModelType
from labelloop.domain.answers import Answer, Finding
from labelloop.domain.estimates import Estimate, Weighed
from labelloop.domain.origins import LogShares, Origin, Provenance
from labelloop.domain.scoring import Metric

MOST_COMPARED = 10_000
"""Of more test images, so many tell the difference to half a point."""
MOST_ASKED = 300
"""So many images does the champion see for a comparison, at most: a minute or two of its time."""
FEWEST_EFFECTIVE = 30
LEAST_EFFECTIVE = 0.7
"""Of all compared images. With less, what weights take away of the bias they add in chance errors:
replayed loops err more often then than with each image counting once."""
LEAST_COVERED = 0.9
"""With less, the test images do not stand for what comes in."""
FOLDS = 5
FEWEST_TO_FIT = 10
"""Of a label with fewer true ones, thresholds stay as they are."""
LABEL_LEVEL = 0.01
"""How likely it may be that any label is called worse that is not."""
TOLD_DIFFERENCES = (0.02, 0.05, 0.10)

Basis = Literal["incoming", "test_set"]


@dataclass(frozen=True, slots=True)
class Case:
    """A test image of today: what it shows by today's labels, and how it came."""

    content: str
    truth: Annotation
    provenance: Provenance


@dataclass(frozen=True)
class Party:
    """A version in a comparison."""

    answers: Mapping[str, Answer]
    """By content."""
    thresholds: Mapping[str, float]
    """From 0 to 1 for each label that it knows; empty where its summary is gone."""


@dataclass(frozen=True)
class Difference:
    """How much better the candidate is: its mean score minus the champion's, from -1 to 1."""

    gain: float
    low: float
    high: float
    std_error: float
    candidate: Estimate
    champion: Estimate
    better: int
    """On how many images the candidate's score is higher."""
    worse: int

    @property
    def images(self) -> int:
        """How many images it rests on."""
        return self.candidate.images

    def as_json(self) -> dict[str, Any]:
        """The form in reports."""
        return {
            "gain": round(self.gain, 6),
            "interval": [round(self.low, 6), round(self.high, 6)],
            "std_error": round(self.std_error, 6),
            "images": self.images,
            "effective_images": round(self.candidate.effective, 1),
            "candidate": self.candidate.as_json(),
            "champion": self.champion.as_json(),
            "candidate_better": self.better,
            "champion_better": self.worse,
        }


@dataclass(frozen=True)
class GroupResult:
    """The two versions on images that came in one way."""

    name: str
    images: int
    better: int
    worse: int

    @property
    def p_worse(self) -> float:
        """How likely so many losses are for a candidate that is as good: the exact sign test."""
        return p_worse(self.better, self.worse)


@dataclass(frozen=True)
class LabelChange:
    """The two versions on one label that both know."""

    label: str
    images: int
    better: int
    worse: int
    is_worse: bool
    """Whether it has become worse, and that is no chance: together for all labels at 1 %."""

    @property
    def p_worse(self) -> float:
        """How likely so many losses are for a candidate that is as good at it."""
        return p_worse(self.better, self.worse)


@dataclass(frozen=True)
class Apart:
    """A label that only one of the two versions knows."""

    label: str
    known_to: Literal["candidate", "champion"]
    images: int
    """Test images with it; of one that today's labels lack, images in which it was found."""
    score: float | None = None
    """The mean score of that version on the test images with it; None where there are none."""


@dataclass(frozen=True)
class Comparison:
    """All that comparing two versions came to."""

    metric: Metric
    basis: Basis
    test_set: Difference
    """Each image counting once."""
    incoming: Difference | None
    """Weighted as what comes in; None where nothing stands for it."""
    covers: float = 0.0
    """Of what share of the log ``incoming`` speaks."""
    empty: Mapping[str, float] = field(default_factory=dict)
    """The share of the log of each stratum that no test image stands for."""
    as_deployed: Difference | None = None
    """With the assumed thresholds; None where a model has none."""
    fresh: Difference | None = None
    """On images that did not test the champion when it was trained; None where there are none."""
    groups: tuple[GroupResult, ...] = ()
    labels: tuple[LabelChange, ...] = ()
    apart: tuple[Apart, ...] = ()
    missing: int = 0
    """Test images about which the champion's answer is not known."""

    @property
    def decides(self) -> Difference:
        """The difference that the decision rests on."""
        return self.incoming if self.basis == "incoming" and self.incoming else self.test_set

    @property
    def worse_labels(self) -> tuple[LabelChange, ...]:
        """The labels that have become worse for sure."""
        return tuple(label for label in self.labels if label.is_worse)

    @property
    def p_worse(self) -> float:
        """The exact sign test over all compared images."""
        return p_worse(self.test_set.better, self.test_set.worse)

    def wrong_way(self, difference: float) -> float:
        """How often a candidate that is better, or worse, by this much is judged the wrong way."""
        error = self.decides.std_error or _error_of_none(self.decides.images)
        return 0.5 * math.erfc(difference / error / math.sqrt(2))

    def as_json(self) -> dict[str, Any]:
        """The form in reports."""
        return {
            "metric": self.metric,
            "basis": self.basis,
            "test_set": self.test_set.as_json(),
            "incoming": self.incoming.as_json() if self.incoming else None,
            "covers": round(self.covers, 4),
            "empty": {name: round(share, 4) for name, share in self.empty.items()},
            "as_deployed": self.as_deployed.as_json() if self.as_deployed else None,
            "fresh": self.fresh.as_json() if self.fresh else None,
            "groups": [
                {
                    "name": group.name,
                    "images": group.images,
                    "candidate_better": group.better,
                    "champion_better": group.worse,
                    "p_worse": group.p_worse,
                }
                for group in self.groups
            ],
            "labels": [
                {
                    "label": label.label,
                    "images": label.images,
                    "candidate_better": label.better,
                    "champion_better": label.worse,
                    "p_worse": label.p_worse,
                    "is_worse": label.is_worse,
                }
                for label in self.labels
            ],
            "apart": [
                {
                    "label": one.label,
                    "known_to": one.known_to,
                    "images": one.images,
                    "score": None if one.score is None else round(one.score, 6),
                }
                for one in self.apart
            ],
            "missing": self.missing,
            "error_rates": [
                {"difference": difference, "wrong_way": round(self.wrong_way(difference), 4)}
                for difference in TOLD_DIFFERENCES
            ],
            # As reports had them before there were weights.
            "shared_images": self.test_set.images,
            "candidate_score": self.test_set.candidate.value,
            "champion_score": self.test_set.champion.value,
            "candidate_better": self.test_set.better,
            "champion_better": self.test_set.worse,
            "p_worse": self.p_worse,
        }


# --- The comparison -------------------------------------------------------------------------------


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
    groups = [_group(one.pair.case.provenance, champion_version) for one in scored]
    ones = [1.0] * len(scored)
    weights = estimates.of_incoming([one.pair.case.provenance for one in scored], shares or {})
    incoming = None
    if any(weights.weights):
        incoming = _difference(scored, weights.weights, _strata(scored))
    stands = (
        incoming is not None
        and incoming.candidate.effective >= fewest_effective(len(scored))
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
        limit = _limit_of_none(mine.effective)
        low, high = gain - limit * (1 + gain), gain + limit * (1 - gain)
    error = estimates.std_error(means)
    return Difference(gain, low, high, error, mine, theirs, better, worse)


def _limit_of_none(images: float) -> float:
    """The largest share, with 97.5 % confidence, of what was never seen among so many."""
    return 1.0 - 0.025 ** (1 / images) if images else 1.0


def _error_of_none(images: int) -> float:
    """The standard error where no image differs: as if one in as many and one more did."""
    return 1 / (images + 1)


def _fresh(scored: Sequence[_Scored], champion_version: str) -> Difference:
    groups = [_group(one.pair.case.provenance, champion_version) for one in scored]
    return _difference(scored, [1.0] * len(scored), groups)


# --- Of what images were drawn --------------------------------------------------------------------


def _group(came: Provenance, champion_version: str) -> str:
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
    folds = {pair.case.content: at % FOLDS for at, pair in enumerate(sorted(pairs, key=_content))}
    candidate = _fitted([(pair, pair.candidate) for pair in pairs], folds, mine, model_type)
    champion = _fitted([(pair, pair.champion) for pair in pairs], folds, theirs, model_type)
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


def _content(pair: _Pair) -> str:
    return pair.case.content


def _fitted(
    answered: Sequence[tuple[_Pair, tuple[Finding, ...]]],
    folds: Mapping[str, int],
    assumed: Mapping[str, float],
    model_type: ModelType,
) -> list[dict[str, float]]:
    """For each fold, the thresholds with the best F1 of each label on the images of the others."""
    said: defaultdict[str, list[tuple[float, bool, int]]] = defaultdict(list)
    there: defaultdict[str, list[int]] = defaultdict(lambda: [0] * FOLDS)
    for pair, findings in answered:
        fold = folds[pair.case.content]
        if model_type is ModelType.DETECTION:
            right = scoring.are_right(pair.truth.boxes, findings)
            shown = Counter(box.label for box in pair.truth.boxes)
        else:
            right = [finding.label in pair.truth.labels for finding in findings]
            shown = Counter(pair.truth.labels)
        for label, count in shown.items():
            there[label][fold] += count
        for finding, is_right in zip(findings, right, strict=True):
            said[finding.label].append((finding.confidence, is_right, fold))
    for of_label in said.values():
        of_label.sort(key=lambda entry: -entry[0])
    thresholds = []
    for fold in range(FOLDS):
        fitted = dict(assumed)
        for label, of_label in said.items():
            true = sum(there[label]) - there[label][fold]
            if true >= FEWEST_TO_FIT:
                others = [(confidence, right) for confidence, right, at in of_label if at != fold]
                fitted[label] = _best_threshold(others, true, assumed.get(label))
        thresholds.append(fitted)
    return thresholds


def _best_threshold(said: Sequence[tuple[float, bool]], true: int, assumed: float | None) -> float:
    """The confidence from which on F1 is best, of what was said in falling order of confidence.

    Of equally good ones the nearest to the assumed threshold. Between two confidences it is their
    middle: on other images neither is met exactly.
    """
    best, middle_of_best = -1.0, scoring.UNKNOWN_THRESHOLD
    near = scoring.UNKNOWN_THRESHOLD if assumed is None else assumed
    right = 0
    for count, (confidence, is_right) in enumerate(said, start=1):
        right += is_right
        following = said[count][0] if count < len(said) else 0.0
        if following == confidence:
            continue
        f1 = 2 * right / (count + true)
        middle = (confidence + following) / 2
        if f1 > best or (f1 == best and abs(middle - near) < abs(middle_of_best - near)):
            best, middle_of_best = f1, middle
    return middle_of_best


# --- The sign test --------------------------------------------------------------------------------


def p_worse(better: int, worse: int) -> float:
    """How likely so many losses or more are for a candidate that is as good: the exact sign test.

    One-sided, over the images on which the two differ; 1.0 where they never do.
    """
    differing = better + worse
    if 2 * worse > differing:
        return _tail(differing, worse)
    return 1.0 - _tail(differing, differing - worse + 1)


def _tail(tosses: int, heads: int) -> float:
    """How likely a fair coin shows so many heads or more; ``heads`` is over half of the tosses.

    By logarithms: the numbers themselves have as many digits as there are images.
    """
    if heads > tosses:
        return 0.0
    log_first = (
        math.lgamma(tosses + 1)
        - math.lgamma(heads + 1)
        - math.lgamma(tosses - heads + 1)
        - tosses * math.log(2)
    )
    terms = total = 1.0
    for k in range(heads, tosses):
        terms *= (tosses - k) / (k + 1)
        total += terms
        if terms < total * 1e-18:
            break
    return math.exp(log_first) * total


# --- What to ask the champion ---------------------------------------------------------------------


def to_ask(
    cases: Sequence[Case], champion: Party, champion_version: str, most: int = MOST_ASKED
) -> list[str]:
    """The contents about which the champion should be asked, the most useful first.

    Of those that it has not answered, and of which it knows a label, spread over the labels and
    over how they came: in turn one of each, by their hashes. The same ones for any order of the
    images.
    """
    waiting: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    labels = champion.thresholds
    for case in sorted(cases, key=lambda case: case.content, reverse=True):
        is_compared = not labels or not case.truth.labels or bool(case.truth.only(labels).labels)
        if is_compared and case.content not in champion.answers:
            label = case.truth.labels[0] if case.truth.labels else ""
            waiting[label, _group(case.provenance, champion_version)].append(case.content)
    chosen: list[str] = []
    while waiting and len(chosen) < most:
        for kind in sorted(waiting):
            chosen.append(waiting[kind].pop())
            if not waiting[kind]:
                del waiting[kind]
    return chosen[:most]
