"""Whether a candidate may take the deployed model's place.

The first model is held to the minimum. Where a model serves, the comparison decides: what is better
by ``Minimum-Improvement`` on the same images takes over, and what is worse never does. The estimate
itself decides, not whether it is significant: a rule that asks for proof refuses most of the better
ones while test sets are small, and one that asks for proof of the opposite lets worse ones in. How
often it errs is told.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from statistics import NormalDist
from typing import Literal

from labelloop.domain import labels as label_names
from labelloop.domain.annotations import ModelType
from labelloop.domain.champion_questions import MOST_ASKED
from labelloop.domain.comparing import FEWEST_EFFECTIVE, fewest_effective
from labelloop.domain.comparison import Comparison, Difference
from labelloop.domain.estimates import Estimate
from labelloop.domain.scoring import Metric

ERROR = 0.05
"""How likely it may be that any of all further candidates made of the same data passes which is not
better."""

MinimumDecides = Literal["first", "always"]
METRICS: Mapping[Metric, str] = {"f1": "F1 score", "precision": "precision", "recall": "recall"}


@dataclass(frozen=True)
class Rules:
    """What the operator demands of a version."""

    metric: Metric
    minimum: Decimal
    minimum_improvement: Decimal
    minimum_decides: MinimumDecides = "first"


@dataclass(frozen=True)
class Verdict:
    """Whether to deploy, and why: each reason is a sentence."""

    promote: bool
    reasons: tuple[str, ...]


def first(
    figure: float, own: Estimate, rules: Rules, model_type: ModelType, why: str = ""
) -> Verdict:
    """Whether a version is good enough to serve where none does.

    ``figure`` is its evaluation metric by the service, ``own`` its score on its test images;
    ``why`` tells what became of the version that was deployed.
    """
    good = Decimal(str(figure)) >= rules.minimum
    reasons = [
        f"Its {METRICS[rules.metric]} of {_telling(figure, rules.minimum)} "
        f"{'reaches' if good else 'is under'} the minimum of {rules.minimum}. On its "
        f"{_test_images(own.images)} {_score_in_words(own, model_type, rules.metric)}.",
        f"{why or 'No other model is deployed'}, so there is none to compare it with.",
    ]
    return Verdict(good, tuple(reasons))


def is_open(figure: float, comparison: Comparison, rules: Rules, attempt: int = 1) -> bool:
    """Whether answers of the champion that are missing could change the verdict.

    They cannot where the known ones leave no doubt, and would not even if all that are missing went
    the other way: many of the known ones may be images that the champion has doubted.
    """
    known, missing = comparison.test_set, comparison.missing
    if not missing or known.images >= MOST_ASKED:
        return False
    if _is_refused_by_minimum(figure, rules) or comparison.worse_labels:
        return False
    if known.images < FEWEST_EFFECTIVE:
        return True
    needed = _needed(rules, attempt, known)
    least, most = (
        (known.gain * known.images + each * missing) / (known.images + missing) for each in (-1, 1)
    )
    return min(known.low, least) < needed <= max(known.high, most)


def _is_refused_by_minimum(figure: float, rules: Rules) -> bool:
    return rules.minimum_decides == "always" and Decimal(str(figure)) < rules.minimum


def against_champion(
    figure: float,
    comparison: Comparison,
    rules: Rules,
    model_type: ModelType,
    *,
    own: Estimate | None = None,
    attempt: int = 1,
    is_complete: bool = True,
) -> Verdict:
    """Whether a candidate takes the place of the model that serves.

    ``own`` is the evaluation metric with its interval. ``attempt`` is 1 for the first candidate
    made of these data. ``is_complete`` is False where the decision needs answers of the champion
    that could not be had.
    """
    decides = comparison.decides
    reasons = [_minimum_in_words(figure, rules)]
    refused = _is_refused_by_minimum(figure, rules)
    if not decides.images or not is_complete:
        reasons.append(_cannot_compare(comparison))
        return Verdict(False, tuple(reasons))
    needed = _needed(rules, attempt, decides)
    enough = decides.gain >= needed
    reasons.append(f"{_basis_in_words(comparison)} {_in_words(comparison, model_type)}.")
    reasons.append(_decision_in_words(comparison, rules, attempt, needed, enough))
    if decides.high < 0 and rules.minimum_improvement < 0:
        enough = False
        # Of a few images the interval alone says too much.
        sure = comparison.p_worse < ERROR / 2
        how = ", and that is no chance" if sure else " by its whole interval"
        reasons.append(f"It is worse{how}, so it is not promoted whatever the minimum improvement.")
    if own is not None and own.high < rules.minimum and decides.gain <= 0:
        enough = False
        reasons.append(
            f"Its {METRICS[rules.metric]} lies under the minimum of {rules.minimum} for sure "
            f"(95 %: {own.low:.2f} to {own.high:.2f}), so that it would have to be better than the "
            "deployed model, and it is not."
        )
    for label in comparison.worse_labels:
        enough = False
        reasons.append(
            f"It has become worse at {label.label!r}, and that is no chance: of {label.images} "
            f"test images worse on {label.worse} and better on {label.better}."
        )
    for who, whose in (("it", "candidate"), ("the deployed model", "champion")):
        labels = [label_names.shown(one.label) for one in comparison.apart if one.known_to == whose]
        if labels:
            names = ", ".join(repr(label) for label in labels[:5])
            more = f" and {len(labels) - 5} more" if len(labels) > 5 else ""
            reasons.append(f"Labels that only {who} knows were not compared: {names}{more}.")
    return Verdict(enough and not refused, tuple(reasons))


def _needed(rules: Rules, attempt: int, decides: Difference) -> float:
    """How much a candidate has to gain.

    Of many candidates made of the same data one looks better by chance. So each further one has to
    be shown better, with half of the error of the one before: all of them together pass as seldom
    as ``ERROR`` where none is.
    """
    least = float(rules.minimum_improvement)
    if attempt > 1:
        least += NormalDist().inv_cdf(1 - ERROR / 2 ** (attempt - 1)) * decides.std_error
    return round(least, 9)


# --- In words -------------------------------------------------------------------------------------


def _minimum_in_words(figure: float, rules: Rules) -> str:
    good = Decimal(str(figure)) >= rules.minimum
    told = (
        f"Its {METRICS[rules.metric]} of {_telling(figure, rules.minimum)} "
        f"{'reaches' if good else 'is under'} the minimum of {rules.minimum}"
    )
    if good:
        return f"{told}."
    if rules.minimum_decides == "always":
        return f"{told}, which Minimum-Decides = always never allows."
    return f"{told}; where a model serves, the comparison with it decides."


def _cannot_compare(comparison: Comparison) -> str:
    if not comparison.decides.images and not comparison.missing:
        return (
            "There is no test image on which it could be compared with the deployed model, so that "
            "one goes on serving."
        )
    return (
        f"It could not be compared with the deployed model: that one's answers about "
        f"{comparison.missing} test images are missing, and they could change the decision. The "
        "deployed model goes on serving."
    )


def _basis_in_words(comparison: Comparison) -> str:
    decides = comparison.decides
    if comparison.basis == "incoming":
        return (
            f"On {_test_images(decides.images)} that stand for what comes in (they say as much as "
            f"{decides.candidate.effective_images:.0f} of equal weight, and speak of "
            f"{100 * comparison.covers:.0f} % of the log)"
        )
    stands = comparison.incoming.candidate.effective_images if comparison.incoming else 0
    fewest = fewest_effective(decides.images)
    if not comparison.covers and not comparison.empty:
        why = "nothing was counted of what comes in, which human sampling does"
        return f"On {_test_images(decides.images)}, each counting once ({why}),"
    why = (
        f"of those that stand for what comes in there are too few ({stands:.0f} of {fewest:.0f} of "
        "equal weight)"
        if stands < fewest
        else f"they stand for {100 * comparison.covers:.0f} % of what comes in only"
    )
    return f"On {_test_images(decides.images)}, each counting once ({why}),"


def _in_words(comparison: Comparison, model_type: ModelType) -> str:
    decides = comparison.decides
    mine, theirs = decides.candidate, decides.champion
    if model_type is ModelType.CLASSIFICATION:
        said = (
            f"it is right on {100 * mine.value:.1f} % and the deployed model on "
            f"{100 * theirs.value:.1f} %"
        )
    else:
        said = (
            f"the {METRICS[comparison.metric]} of its {_what(model_type)} is {mine.value:.3f} in "
            f"the mean, the deployed model's {theirs.value:.3f}"
        )
    return (
        f"{said}, a difference of {_points(decides.gain)} points (95 %: {_points(decides.low)} to "
        f"{_points(decides.high)}); it is better on {decides.better} and worse on {decides.worse}"
    )


def _decision_in_words(
    comparison: Comparison, rules: Rules, attempt: int, needed: float, enough: bool
) -> str:
    least = f"the minimum improvement of {rules.minimum_improvement}"
    if attempt > 1:
        least = (
            f"{_points(needed)} points, which it needs as candidate {attempt} made of the same data"
        )
    told = f"That {'reaches' if enough else 'is less than'} {least}."
    chance = comparison.wrong_way(0.05)
    if chance >= 0.005:
        told += (
            f" With so many images, one that is 5 points worse would pass, and one that is 5 "
            f"points better would not, {100 * chance:.0f} times in 100."
        )
    return told


def _score_in_words(own: Estimate, model_type: ModelType, metric: Metric) -> str:
    if model_type is ModelType.CLASSIFICATION:
        return (
            f"it is right on {100 * own.value:.1f} % (95 %: {100 * own.low:.1f} to "
            f"{100 * own.high:.1f})"
        )
    return (
        f"the {METRICS[metric]} of its {_what(model_type)} is {own.value:.3f} in the mean (95 %: "
        f"{own.low:.3f} to {own.high:.3f})"
    )


def _what(model_type: ModelType) -> str:
    return "boxes" if model_type is ModelType.DETECTION else "labels"


def _points(difference: float) -> str:
    """In points, which are hundredths, with a sign: +3.9."""
    return f"{100 * difference:+.1f}"


def _telling(figure: float, minimum: Decimal) -> str:
    """The figure with as many digits as show on which side of the minimum it is, two at least."""
    exact = Decimal(str(figure))
    for digits in range(2, 17):
        text = f"{exact:.{digits}f}"
        if (Decimal(text) >= minimum) == (exact >= minimum):
            return text
    return str(exact)


def _test_images(count: int) -> str:
    return "one test image" if count == 1 else f"{count or 'no'} test images"
