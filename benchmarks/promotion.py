"""How often the loop promotes what is worse, and refuses what is better: whole loops, replayed.

Each loop has six rounds on pictures of its own division of a set; every candidate is judged by the
product's own rules, and its true difference from the version that serves is measured on pictures
that are held back. Beside each round's candidate stand others that were made to be worse: by wrong
labels, by other pictures than come in, or by less data. They are only judged, never promoted. So
is the candidate once more, against the first version, as after a rollback to that: rounds gain a
few points each, which few of so small test sets can tell.

A candidate counts as better or worse from 2 points on, and from 1.645 standard errors of so many
images and so much discordance. ``unbiased`` is how often a comparison without any bias would err
about the candidates that differ by 2 points, with as many images and as much discordance each.

The regret of a loop is by how much what serves is worse than what a loop would have that always
keeps the better one, in the mean over its rounds: each with its candidate, or, as often, with one
of those that were made to be worse in its place. Which one is better is found on one half of the
held-back pictures and scored on the other, and the reverse. ``own`` are the regrets of loops with
their candidates alone: as more data mostly make a better one, "always" has nearly none there.

    python -m benchmarks.promotion --sets logos --loops 5
"""

import argparse
import hashlib
import json
import math
import os
import random
import shutil
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import labelloop
import local
from benchmarks import RESULTS, replay
from benchmarks.pictures import sets
from benchmarks.pictures.sets import PictureSet
from benchmarks.pictures.versions import Taught, Version
from benchmarks.replay import ROUNDS, VARIANTS, Loop, Scores, true_scores
from labelloop.domain import verdict
from labelloop.domain.annotations import Annotation, ModelType
from labelloop.domain.comparison import Comparison
from labelloop.domain.estimates import Estimate
from labelloop_pages import machine_parts

SETS = ("parts", "photographs", "logos", "several", "boxes")
LOOPS: Mapping[str, int] = dict.fromkeys(SETS, 20) | {"boxes": 25}
"""So many that there are 60 worse candidates of each set, and as many loops of each variant."""
WORKERS = 2
TAKES_S: Mapping[str, float] = dict.fromkeys(SETS, 15.0) | {"boxes": 35.0}
"""About how long a loop takes one core."""
LEAST_DIFFERENCE = 0.02
NORMAL_ONE_SIDED_95 = 1.645

Row = dict[str, object]


# --- One loop -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Measured:
    """A version with its scores on the held-back pictures."""

    version: Version
    usual: Scores
    drifted: Scores

    def mean(self, drifted_share: float, half: int | None = None) -> float:
        """Its score where such a share of the pictures are other ones; of one half of them."""
        part = slice(None) if half is None else slice(half, None, 2)
        usual = float(self.usual[part].mean())
        if not drifted_share:
            return usual
        return (1 - drifted_share) * usual + drifted_share * float(self.drifted[part].mean())


@dataclass(frozen=True)
class _Round:
    """A round's candidates by their kinds, and what serves after each of them."""

    drifted_share: float
    made: Mapping[str, _Measured]
    serving: Mapping[str, _Measured]


def _replay_loop(name: str, seed: int) -> dict[str, Any]:
    return replay_loop(sets.load(name), seed)


def replay_loop(pictures: PictureSet, seed: int) -> dict[str, Any]:
    """What was found of each candidate of a loop, and its regrets."""
    variant = VARIANTS[seed % len(VARIANTS)]
    loop = Loop(pictures, seed, variant)
    rng = random.Random(f"worse/{pictures.name}/{seed}")
    loop.give()
    loop.split()
    champion = first = _measured(loop, loop.train("v0", loop.training()))
    judged: list[dict[str, Any]] = []
    rounds: list[_Round] = []
    for round_number in range(ROUNDS):
        loop.come(round_number, champion.version)
        loop.split()
        training = loop.training()
        share = loop.drifted_share(round_number)
        candidate = _measured(loop, loop.train(f"v{round_number + 1}", training))
        made = {"candidate": candidate}
        for kind, taught in _made_worse(loop, training, round_number, rng):
            made[kind] = _measured(loop, loop.train(f"v{round_number + 1} {kind}", taught))
        serving = {}
        for kind, other in made.items():
            compared, decision = loop.judge(other.version, champion.version)
            told = _told(compared, decision, other, champion, share)
            judged.append({"round": round_number, "kind": kind, **told})
            serving[kind] = other if decision.promote else champion
        if champion is not first:
            compared, decision = loop.judge(candidate.version, first.version)
            told = _told(compared, decision, candidate, first, share)
            judged.append({"round": round_number, "kind": "after a rollback", **told})
        rounds.append(_Round(share, made, serving))
        champion = serving["candidate"]
    own = first.version.summary.metric(replay.RULES.metric)
    by_minimum = verdict.first(
        own, Estimate(own, 0, 1, 1, 1), replay.RULES, pictures.model_type
    ).promote
    return {
        "dataset": pictures.name,
        "seed": seed,
        "variant": variant.name,
        "first_by_minimum": by_minimum,
        "judged": judged,
        **_regrets(first, rounds),
    }


def _measured(loop: Loop, version: Version) -> _Measured:
    held_back = loop.division
    drifted = held_back.held_back_drifted if loop.variant.drifts else []
    return _Measured(
        version,
        true_scores(version, loop.pictures, held_back.held_back),
        true_scores(version, loop.pictures, drifted),
    )


def _made_worse(
    loop: Loop, training: Taught, round_number: int, rng: random.Random
) -> Iterator[tuple[str, Taught]]:
    """Trainings that should come out worse: one with wrong labels, and one with less to learn from.

    Where images have several labels, more has to be wrong until so few test images tell it. A model
    of boxes takes longer to train, so of these one of the two has to do.
    """
    has_one_label = loop.pictures.model_type is ModelType.CLASSIFICATION
    is_slow = loop.pictures.model_type is ModelType.DETECTION
    if not is_slow or round_number % 2:
        share = rng.uniform(0.25, 0.4) if has_one_label else rng.uniform(0.5, 0.75)
        spoiled = set(rng.sample(list(training), round(share * len(training))))
        if has_one_label:
            said = {
                number: replay.wrong(training[number], loop.pictures, rng) for number in spoiled
            }
        else:
            said = _misplaced({number: training[number] for number in spoiled}, rng)
        yield "wrong labels", {**training, **said}
    if is_slow and round_number % 2:
        return
    others = [number for number in loop.division.coming_drifted if number not in loop.taught]
    kinds = ["little data", "other pictures", "less data"]
    if loop.variant.drifts:
        kinds.remove("other pictures")
    kind = kinds[(round_number // 2 if is_slow else round_number) % len(kinds)]
    if kind == "other pictures":
        drawn = rng.sample(others, min(len(others), len(training)))
        yield kind, {number: loop.pictures.truths[number] for number in drawn}
    else:
        part = {"less data": 2, "little data": 4}[kind] * (1 if has_one_label else 2)
        yield kind, _fewer(training, len(training) // part, rng)


def _misplaced(taught: Taught, rng: random.Random) -> dict[int, Annotation]:
    """What one image shows, said of another one."""
    said = rng.sample(list(taught.values()), len(taught))
    return dict(zip(taught, said, strict=True))


def _fewer(training: Taught, count: int, rng: random.Random) -> Taught:
    """So many of the images, one of each label at least."""
    order = rng.sample(list(training), len(training))
    kept: dict[int, Annotation] = {}
    for label in sorted({label for said in training.values() for label in said.labels}):
        number = next(number for number in order if label in training[number].labels)
        kept[number] = training[number]
    for number in order:
        if len(kept) >= count:
            break
        kept[number] = training[number]
    return kept


def _told(
    compared: Comparison,
    decision: verdict.Verdict,
    candidate: _Measured,
    champion: _Measured,
    share: float,
) -> dict[str, Any]:
    decides, all_images = compared.decides, compared.test_set
    differences = candidate.usual - champion.usual
    return {
        "true": round(candidate.mean(share) - champion.mean(share), 5),
        "true_error": round(float(differences.std()) / math.sqrt(len(differences)), 5),
        "n": all_images.images,
        "d": round((all_images.better + all_images.worse) / max(1, all_images.images), 5),
        "promoted": decision.promote,
        "basis": compared.basis,
        "gain": round(decides.gain, 5),
        "error": round(decides.std_error, 5),
        "effective": round(decides.candidate.effective_images, 1),
        "gain_test_set": round(all_images.gain, 5),
        "error_test_set": round(all_images.std_error, 5),
        "gain_incoming": round(compared.incoming.gain, 5) if compared.incoming else None,
        "effective_incoming": (
            round(compared.incoming.candidate.effective_images, 1) if compared.incoming else 0
        ),
        "gain_fresh": round(compared.fresh.gain, 5) if compared.fresh else None,
        "fresh": compared.fresh.images if compared.fresh else 0,
        "gain_deployed": round(compared.as_deployed.gain, 5) if compared.as_deployed else None,
        "covers": round(compared.covers, 3),
        "groups": {
            group.name: [group.images, group.better, group.worse] for group in compared.groups
        },
        "worse_labels": [label.label for label in compared.worse_labels],
        "missing": compared.missing,
        "champion": round(champion.mean(share), 4),
        "f1": round(candidate.version.summary.f1, 4),
        "reasons": list(decision.reasons),
    }


def _regrets(first: _Measured, rounds: Sequence[_Round]) -> dict[str, float]:
    """By how much each way to decide is worse than keeping the better one, in the mean."""
    lost: defaultdict[str, list[float]] = defaultdict(list)
    for half in (0, 1):
        best = first
        for each in rounds:
            kinds = list(each.made)
            for kind in kinds[:1] * (len(kinds) - 1) + kinds[1:]:
                better = _better_of(best, each.made[kind], each.drifted_share, half)
                reached = better.mean(each.drifted_share, 1 - half)
                had = {
                    "regret": each.serving[kind],
                    "regret_always": each.made[kind],
                    "regret_never": first,
                }
                for name, served in had.items():
                    by = reached - served.mean(each.drifted_share, 1 - half)
                    lost[name].append(by)
                    if kind == "candidate":
                        lost[f"{name}_own"].append(by)
            best = _better_of(best, each.made["candidate"], each.drifted_share, half)
    return {name: round(statistics.fmean(values), 5) for name, values in lost.items()}


def _better_of(one: _Measured, other: _Measured, share: float, half: int) -> _Measured:
    return other if other.mean(share, half) > one.mean(share, half) else one


# --- All loops ------------------------------------------------------------------------------------


def run(
    names: Sequence[str] = SETS,
    loops: int | None = None,
    *,
    is_fresh: bool = False,
    folder: Path = RESULTS,
) -> list[Row]:
    """A row a loop, and one a set over all of its loops.

    Finished loops are kept in the folder, so that a run which is stopped goes on where it was.
    """
    kept = folder / "promotion" / state_of_the_code()
    if is_fresh:
        shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True, exist_ok=True)
    counts = {name: LOOPS[name] if loops is None else loops for name in names}
    most = max(counts.values())
    wanted = [(name, seed) for seed in range(most) for name in names if seed < counts[name]]
    missing = [at for at in wanted if not kept_file(kept, *at).exists()]
    takes_s = sum(TAKES_S[name] for name, _ in missing) / WORKERS
    print(
        f"{len(wanted)} loops, {len(wanted) - len(missing)} of them kept from before; about "
        f"{takes_s / 60:.0f} minutes on {WORKERS} cores that do nothing else, and a minute more "
        "for each set that was not built yet.",
        flush=True,
    )
    _replay(missing, kept)
    results = [json.loads(kept_file(kept, *at).read_text(encoding="utf-8")) for at in wanted]
    _write_judged(results, folder / "promotion.jsonl")
    by_set = [(name, [one for one in results if one["dataset"] == name]) for name in names]
    return [*map(_row, results), *(summary(name, of_set) for name, of_set in by_set)]


def _replay(missing: Sequence[tuple[str, int]], kept: Path) -> None:
    for name in dict.fromkeys(name for name, _ in missing):
        sets.load(name)
    # Each process computes on one core: numpy's own threads would only be in each other's way.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    began = time.monotonic()
    with ProcessPoolExecutor(WORKERS, get_context("spawn")) as processes:
        running = {processes.submit(_replay_loop, *at): at for at in missing}
        for done, each in enumerate(as_completed(running), start=1):
            result = each.result()
            part = kept / "part"
            part.write_text(json.dumps(result), encoding="utf-8")
            part.rename(kept_file(kept, *running[each]))
            minutes = (time.monotonic() - began) / 60
            print(f"{minutes:5.1f} min  {done} of {len(missing)}  {_row(result)}", flush=True)


@cache
def state_of_the_code() -> str:
    """Another one for each state of the code on which figures depend."""
    folders = [
        *(Path(folder) / "domain" for folder in labelloop.__path__),
        Path(local.__file__).parent / "rekognition",
        Path(sets.__file__).parent,
    ]
    files = [Path(__file__), Path(replay.__file__), Path(machine_parts.__file__)]
    files += [file for folder in folders for file in sorted(folder.glob("*.py"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def kept_file(kept: Path, name: str, seed: int) -> Path:
    """Where a finished loop is kept."""
    return kept / f"{name}-{seed}.json"


def _write_judged(results: Sequence[Mapping[str, Any]], file: Path) -> None:
    """Each candidate that was judged, a line each, for whoever wants to know why."""
    lines = [
        json.dumps({name: one[name] for name in ("dataset", "seed", "variant")} | each)
        for one in results
        for each in one["judged"]
    ]
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


# --- The figures ----------------------------------------------------------------------------------


def _row(result: Mapping[str, Any]) -> Row:
    judged = result["judged"]
    better, worse = _better(judged), _worse(judged)
    return {
        "dataset": result["dataset"],
        "seed": result["seed"],
        "candidates": len(judged),
        "n": round(statistics.fmean(each["n"] for each in judged)),
        "discordance": round(statistics.fmean(each["d"] for each in judged), 3),
        "better": len(better),
        "better_refused": _refused(better),
        "worse": len(worse),
        "worse_promoted": _promoted(worse),
        "regret": round(result["regret"], 4),
        "regret_always": round(result["regret_always"], 4),
        "regret_never": round(result["regret_never"], 4),
    }


def summary(name: str, results: Sequence[Mapping[str, Any]]) -> Row:
    """A set's figures over all of its loops; upper bounds with 95 % confidence."""
    judged = [each for one in results for each in one["judged"]]
    better, worse = _better(judged), _worse(judged)
    clear = [each for each in judged if abs(each["true"]) >= LEAST_DIFFERENCE]
    errors = sum(each["promoted"] != (each["true"] > 0) for each in clear)
    unbiased = sum(_unbiased_error(each) for each in clear)
    return {
        "set": name,
        "loops": len(results),
        "candidates": len(judged),
        "better": len(better),
        "refused_pct": _pct(_refused(better), len(better)),
        "at_most_pct": _pct(upper_bound(_refused(better), len(better)), 1),
        "worse": len(worse),
        "promoted_pct": _pct(_promoted(worse), len(worse)),
        "at_most_pct_": _pct(upper_bound(_promoted(worse), len(worse)), 1),
        "by_2_points": len(clear),
        "errors_pct": _pct(errors, len(clear)),
        "unbiased_pct": _pct(unbiased, len(clear)),
        "regret_points": _points(results, "regret"),
        "always_points": _points(results, "regret_always"),
        "never_points": _points(results, "regret_never"),
        "own_points": _points(results, "regret_own"),
        "own_always_points": _points(results, "regret_always_own"),
    }


def _better(judged: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [each for each in judged if each["true"] >= _counts_from(each)]


def _worse(judged: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [each for each in judged if each["true"] <= -_counts_from(each)]


def _counts_from(each: Mapping[str, Any]) -> float:
    return max(LEAST_DIFFERENCE, NORMAL_ONE_SIDED_95 * math.sqrt(each["d"] / max(1, each["n"])))


def _refused(judged: Sequence[Mapping[str, Any]]) -> int:
    return sum(not each["promoted"] for each in judged)


def _promoted(judged: Sequence[Mapping[str, Any]]) -> int:
    return sum(each["promoted"] for each in judged)


def _unbiased_error(each: Mapping[str, Any]) -> float:
    """How often a comparison of so many images without bias judges the candidate wrongly."""
    error = math.sqrt(each["d"] / max(1, each["n"]))
    return 0.5 * math.erfc(abs(each["true"]) / error / math.sqrt(2)) if error else 0.5


def upper_bound(errors: int, of: int) -> float:
    """The largest share of errors that so few in so many leave likely: Clopper and Pearson's."""
    if errors >= of:
        return 1.0
    low, high = errors / of, 1.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        at_most = sum(
            math.comb(of, k) * middle**k * (1 - middle) ** (of - k) for k in range(errors + 1)
        )
        low, high = (middle, high) if at_most > 0.05 else (low, middle)
    return high


def _pct(part: float, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None


def _points(results: Sequence[Mapping[str, Any]], name: str) -> float:
    return round(100 * statistics.fmean(one[name] for one in results), 2)


def main() -> None:
    """Run a part of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--loops", type=int, help="of each set; else 20, and 25 of boxes")
    parser.add_argument("--fresh", action="store_true", help="forget the loops that are kept")
    options = parser.parse_args()
    for row in run(options.sets, options.loops, is_fresh=options.fresh):
        print(row)


if __name__ == "__main__":
    main()
