"""The exact sign test: whether one of two versions is worse by more than chance."""

import math


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
