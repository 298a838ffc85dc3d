"""``make soak``: lives of the whole application, one after another, and what does not hold of them.

    python -m tests.soak --days 20 --seed 1 --seconds 3600

Lives begin with the seed, and go on with the next one until so many days have been lived, or
seconds are over. The first life of which something does not hold ends it: its seed is named, and
what is known of it is left in a folder. The same seed plans the same life again.
"""

import argparse
import sys
import time

from tests.soak.life import KEPT, lived

DAYS_OF_A_LIFE = 20


def main() -> int:
    """Live; 1 where something did not hold."""
    options = _options()
    end = time.monotonic() + options.seconds
    days_lived, seed = 0, options.seed
    while days_lived < options.days and (time.monotonic() < end or not days_lived):
        days = min(DAYS_OF_A_LIFE, options.days - days_lived)
        print(f"Life {seed}, {days} days.", flush=True)
        with lived(seed, days, lambda line: print(f"  {line}", flush=True)) as life:
            print(life.summary(), flush=True)
        if life.found:
            print(f"\nSeed {seed} failed. What does not hold:", *life.found, sep="\n  ")
            print(f"All that is known of it is in {KEPT / str(seed)}/.")
            print(f"Again: make soak SEED={seed} DAYS={days}")
            print(f"{days_lived} simulated days before it were without a violation.")
            return 1
        days_lived, seed = days_lived + days, seed + 1
    print(f"{days_lived} simulated days in {seed - options.seed} lives without a violation.")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--days", type=int, default=200, help="so many simulated days together")
    parser.add_argument("--seed", type=int, default=1, help="of the first life")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="no life begins later")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
